//! `fill = "strict"`: what an order could really have had. The rules, each with its reason, stand in
//! `docs/simulated-exchange.md`; what is assumed where a recording is silent, in [`super::model`].

use super::Report;
use super::liquidity::{Liquidity, pool};
use super::matching::{self, Terms, exact_average_holds, no_worse};
use super::model::{Arrival, Assumptions, Cancellations, Crossing};
use super::order::{HalfMinor, SimOrder};
use crate::market::{
    LadderKind, Level, Market, MarketDelta, MarketStatus, Money, Price, Runner, RunnerId, Side,
};

/// Takes what is on offer and not taken yet. What remains queues behind what shows at its price.
pub(super) fn take(
    order: &mut SimOrder,
    terms: &Terms,
    runner: &Runner,
    delta: &MarketDelta,
    assumed: Assumptions,
    liquidity: &mut Liquidity,
    report: &mut Report<'_>,
) {
    let strategy = pool(&order.instruction.strategy, assumed.shared);
    let mut offers = liquidity.offers(&strategy, terms.side, runner);
    if assumed.arrival == Arrival::Last {
        keep_what_stays(&mut offers, terms.side, runner, delta);
    }
    for level in terms.takes(&offers, exact_average_holds) {
        liquidity.take(&strategy, terms.side, runner, level.price, level.size);
        order.fill(level.price, level.size, report);
    }
    order.queue = 2 * matching::resting_at(terms.side, terms.price, runner).minor();
}

/// What an update takes from the offers was gone before the order came.
fn keep_what_stays(offers: &mut Vec<Level>, side: Side, runner: &Runner, delta: &MarketDelta) {
    let other = match side {
        Side::Back => Side::Lay,
        Side::Lay => Side::Back,
    };
    for offer in offers.iter_mut() {
        let before = matching::resting_at(other, offer.price, runner);
        if let Some(after) = new_size(other, runner.id(), offer.price, delta) {
            offer.size -= (before - after).max(Money::ZERO);
        }
    }
    offers.retain(|offer| offer.size.is_positive());
}

/// The other side of the book has come to the price of resting orders: what shows there fills them, at their own
/// price. Looks at the book as the last update left it, so an order is told of it with the next one.
pub(super) fn meet_offers(
    orders: &mut [SimOrder],
    book: &Market,
    assumed: Assumptions,
    liquidity: &mut Liquidity,
    report: &mut Report<'_>,
) {
    if book.status() != MarketStatus::Open {
        return;
    }
    for order in orders.iter_mut().filter(|order| order.is_resting()) {
        let (Some(own), Some(runner)) = (order.limit_price(), book.runner(order.runner())) else {
            continue;
        };
        let side = order.side();
        let best = match side {
            Side::Back => runner.best_back(),
            Side::Lay => runner.best_lay(),
        };
        if best.is_none_or(|best| !no_worse(side, best.price, own)) {
            continue;
        }
        let strategy = pool(&order.instruction.strategy, assumed.shared);
        for level in liquidity.offers(&strategy, side, runner) {
            let meets = no_worse(side, level.price, own)
                && (assumed.crossing == Crossing::At || level.price != own);
            let size = level.size.min(order.remaining);
            if meets && size.is_positive() {
                liquidity.take(&strategy, side, runner, level.price, size);
                order.fill(own, size, report);
            }
        }
    }
}

/// Trades of an update meet the orders that rested before it, and their queues shorten.
pub(super) fn meet_trades(
    orders: &mut [SimOrder],
    book: &Market,
    delta: &MarketDelta,
    assumed: Assumptions,
    liquidity: &mut Liquidity,
    report: &mut Report<'_>,
) {
    for runner in matching::changed_runners(orders, delta) {
        let trades = matching::increases(runner, book, delta);
        for strategy in matching::turns(orders, runner, assumed.shared) {
            let mut left = trades.clone();
            // What the strategy took is traded again in the recording, by somebody who was not second there.
            if let Some(&first) = strategy.first() {
                let name = pool(&orders[first].instruction.strategy, assumed.shared);
                for (price, left) in &mut left {
                    *left = (*left - 2 * liquidity.taken_at(&name, runner, *price).minor()).max(0);
                }
            }
            for at in strategy {
                let order = &mut orders[at];
                // When in the update it happened is not told: nothing of it counts for an order that came with it.
                if !order.fresh {
                    meet(order, &mut left, report);
                }
            }
        }
        if book.status() == MarketStatus::Open {
            for order in orders
                .iter_mut()
                .filter(|order| order.is_resting() && order.runner() == runner)
            {
                shorten_queue(order, book, delta, &trades, assumed);
            }
        }
    }
    if liquidity.is_empty() {
        return;
    }
    for change in &delta.runners {
        for (price, met) in matching::increases(change.id, book, delta) {
            liquidity.traded(change.id, price, met);
        }
    }
}

/// Trades at the order's price or beyond it first eat the queue, then fill the order at its own price. Only what
/// filled the order is gone for the strategy's next order: the queues of both were eaten by the same trades.
fn meet(order: &mut SimOrder, trades: &mut [(Price, HalfMinor)], report: &mut Report<'_>) {
    let Some(own) = order.limit_price() else {
        return;
    };
    for (price, left) in trades {
        if !order.remaining.is_positive() || !no_worse(order.side(), *price, own) {
            continue;
        }
        if *left <= order.queue {
            order.queue -= *left;
            continue;
        }
        let beyond = *left - order.queue;
        let size = order.remaining.min(Money::from_minor(beyond / 2));
        // An odd half is kept as a credit, so that two halves make a penny.
        order.queue = if size < order.remaining {
            -(beyond % 2)
        } else {
            0
        };
        if size.is_positive() {
            *left -= 2 * size.minor();
            order.fill(own, size, report);
        }
    }
}

/// Bets ahead may have been cancelled. However that went, no more can be ahead than shows.
fn shorten_queue(
    order: &mut SimOrder,
    book: &Market,
    delta: &MarketDelta,
    trades: &[(Price, HalfMinor)],
    assumed: Assumptions,
) {
    let (Some(own), Some(runner)) = (order.limit_price(), book.runner(order.runner())) else {
        return;
    };
    let Some(after) = new_size(order.side(), order.runner(), own, delta) else {
        return;
    };
    let after = 2 * after.minor();
    if order.fresh && assumed.arrival == Arrival::Last {
        order.queue = after;
    }
    if order.queue <= 0 {
        return;
    }
    let before = 2 * matching::resting_at(order.side(), own, runner).minor();
    let traded = trades
        .iter()
        .find(|&&(price, _)| price == own)
        .map_or(0, |&(_, size)| size);
    // Of an order that came with this update the queue was not eaten, so the trades are no reason to shorten it twice.
    let stood = if order.fresh { before } else { before - traded };
    let cancelled = (before - traded - after).max(0);
    if !order.fresh && cancelled > 0 {
        order.queue = match assumed.cancellations {
            Cancellations::Behind => order.queue,
            Cancellations::Even => proportion(order.queue, after, stood),
            Cancellations::Ahead => (order.queue - cancelled).max(0),
        };
    }
    order.queue = order.queue.min(after);
}

/// `queue` × `after` / `stood`, rounded up.
fn proportion(queue: HalfMinor, after: HalfMinor, stood: HalfMinor) -> HalfMinor {
    if stood <= 0 {
        return queue;
    }
    let product = i128::from(queue) * i128::from(after);
    let rounded_up = (product + i128::from(stood) - 1) / i128::from(stood);
    HalfMinor::try_from(rounded_up).unwrap_or(queue)
}

/// The new size of the level on which bets of this side rest at a price; `None` if the update does not tell it.
fn new_size(side: Side, runner: RunnerId, price: Price, delta: &MarketDelta) -> Option<Money> {
    let resting_on = match side {
        Side::Back => LadderKind::Lay,
        Side::Lay => LadderKind::Back,
    };
    let told = delta
        .runners
        .iter()
        .filter(|change| change.id == runner)
        .flat_map(|change| delta.levels_of(change))
        .filter(|level| level.ladder == resting_on && level.price == price)
        .map(|level| level.size)
        .next_back();
    // An image tells everything: what is not in it is gone.
    told.or(delta.image.then_some(Money::ZERO))
}
