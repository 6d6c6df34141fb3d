//! Recordings with last traded prices only (Betfair's BASIC files): no offers, no sizes, no queues.
//!
//! What can be said honestly is little: an order was certainly behind nobody once the market traded through its
//! price. So a limit order takes nothing when it is placed, and is matched whole, at its own price, by the first
//! later last traded price that is strictly better than its own. That any size would have been there is assumed, not
//! known: stakes that are large for the market prove nothing.

use super::Report;
use super::matching::no_worse;
use super::order::SimOrder;
use crate::market::{Market, MarketDelta};

/// Whether a book shows offers or traded volume of any runner.
pub(super) fn has_ladders(book: &Market) -> bool {
    book.runners
        .iter()
        .any(|r| !(r.to_back.is_empty() && r.to_lay.is_empty() && r.traded.is_empty()))
}

/// Last traded prices of an update meet the orders that rested before it.
pub(super) fn meet_last_traded(
    orders: &mut [SimOrder],
    delta: &MarketDelta,
    report: &mut Report<'_>,
) {
    for change in &delta.runners {
        let Some(last) = change.last_traded else {
            continue;
        };
        for order in orders
            .iter_mut()
            .filter(|order| order.is_resting() && !order.fresh && order.runner() == change.id)
        {
            let through = |own| last != own && no_worse(order.side(), last, own);
            if let Some(own) = order.limit_price().filter(|&own| through(own)) {
                let size = order.remaining;
                order.fill(own, size, report);
            }
        }
    }
}
