//! The starting price: what on-close orders get when the market is reconciled.

use super::Report;
use super::order::SimOrder;
use crate::market::{MarketDefinition, Money, OrderKind, Price, Side, VenueReason};

/// Least risk with which the lay rest of a limit order goes to the starting price (10.00).
const LEAST_CARRIED: Money = Money::from_major(10);

/// Matches every order that waits for the starting price, or lets it lapse.
pub(super) fn reconcile(
    orders: &mut [SimOrder],
    definition: &MarketDefinition,
    report: &mut Report<'_>,
) {
    for order in orders
        .iter_mut()
        .filter(|order| order.is_live() && order.takes_starting_price())
    {
        let bsp = definition
            .runner(order.runner())
            .and_then(|runner| runner.bsp);
        match bsp.and_then(|bsp| size_at(order, bsp).map(|size| (bsp, size))) {
            Some((bsp, size)) => {
                order.remaining = size;
                // The model matches at the price shown, to two decimals; sizes come from the price itself.
                order.fill(shown(bsp), size, report);
            }
            None => order.lapse(VenueReason::StartingPriceBeyondLimit, report),
        }
    }
}

/// How much is matched at this starting price; `None` if nothing.
fn size_at(order: &SimOrder, bsp: Price) -> Option<Money> {
    let worse_than = |limit: Price| match order.side() {
        Side::Back => bsp < limit,
        Side::Lay => bsp > limit,
    };
    let risk = match (order.instruction.kind, order.side()) {
        (OrderKind::LimitOnClose { price, .. }, _) if worse_than(price) => return None,
        (OrderKind::Limit { price, .. }, Side::Lay) => {
            let risk = order.remaining.liability_at(price);
            if risk < LEAST_CARRIED {
                return None;
            }
            risk
        }
        _ => order.remaining,
    };
    let size = match order.side() {
        Side::Back => risk,
        Side::Lay => risk.size_for_liability(bsp)?,
    };
    size.is_positive().then_some(size)
}

fn shown(bsp: Price) -> Price {
    let hundredth = Price::SCALE / 100;
    Price::from_nanos((bsp.nanos() + hundredth / 2) / hundredth * hundredth)
}
