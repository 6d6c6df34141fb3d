//! The starting price: what on-close orders get when the market is reconciled.

use super::order::SimOrder;
use super::{ExchangeSettings, Fill, Report};
use crate::market::{MarketDefinition, Money, OrderKind, Price, Side, VenueReason};

/// Matches every order that waits for the starting price, or lets it lapse. One whose runner has none yet waits on.
pub(super) fn reconcile(
    orders: &mut [SimOrder],
    definition: &MarketDefinition,
    settings: &ExchangeSettings,
    report: &mut Report<'_>,
) {
    for order in orders
        .iter_mut()
        .filter(|order| order.is_live() && !order.reconciled)
    {
        if !order.takes_starting_price() {
            order.reconciled = true;
            continue;
        }
        let runner = definition.runner(order.runner());
        let Some(bsp) = runner.and_then(|runner| runner.bsp) else {
            continue;
        };
        order.reconciled = true;
        match size_at(order, bsp, settings) {
            Some(size) if order.limit_price().is_some() => {
                order.cancel(order.remaining - size, report);
                order.remaining = size;
                order.fill(bsp, size, report);
            }
            Some(size) => {
                order.remaining = size;
                order.fill(bsp, size, report);
            }
            None => order.lapse(VenueReason::StartingPriceBeyondLimit, report),
        }
    }
}

/// How much is matched at this starting price; `None` if nothing.
fn size_at(order: &SimOrder, bsp: Price, settings: &ExchangeSettings) -> Option<Money> {
    let worse_than = |limit: Price| match order.side() {
        Side::Back => bsp < limit,
        Side::Lay => bsp > limit,
    };
    let risk = match (order.instruction.kind, order.side()) {
        (OrderKind::LimitOnClose { price, .. }, _) if worse_than(price) => return None,
        // The rest of a limit order goes to the starting price with what it risked.
        (OrderKind::Limit { price, .. }, Side::Lay) => {
            let risk = order.remaining.liability_at(price);
            if risk < settings.min_sp_liability {
                return None;
            }
            risk
        }
        _ => order.remaining,
    };
    let size = match order.side() {
        Side::Back => risk,
        Side::Lay => {
            let nearest = risk.size_for_liability(bsp)?;
            // A penny of size is pounds of risk at a long price: never more than was approved.
            let over = nearest.liability_at(bsp) > risk && settings.fill == Fill::Strict;
            nearest - Money::from_minor(i64::from(over))
        }
    };
    size.is_positive().then_some(size)
}
