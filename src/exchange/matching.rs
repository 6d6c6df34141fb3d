//! Matching: taking what is on offer, and meeting trades while resting in a queue.

use super::Report;
use super::order::{HalfMinor, SimOrder};
use crate::market::{
    FillOrKill, LadderKind, Level, Market, MarketDelta, Money, OrderChange, OrderKind, Price,
    Runner, RunnerId, Side,
};

/// Takes what the book offers at the order's price or better, best first, each level at its own price. What remains
/// rests behind the size already showing at its price. (The level taken stays in the book: reference model.)
pub(super) fn take(order: &mut SimOrder, runner: &Runner, report: &mut Report<'_>) {
    let OrderKind::Limit {
        price,
        fill_or_kill,
        ..
    } = order.instruction.kind
    else {
        return;
    };
    let offers = crossing(order.side(), price, runner);
    if let Some(terms) = fill_or_kill {
        take_or_kill(order, terms, &offers, report);
        return;
    }
    if offers.is_empty() {
        let opposite = match order.side() {
            Side::Back => &runner.to_lay,
            Side::Lay => &runner.to_back,
        };
        order.queue = 2 * opposite.at(price).minor();
        return;
    }
    for level in offers {
        let size = level.size.min(order.remaining);
        if size.is_positive() {
            order.fill(level.price, size, report);
        }
    }
}

/// Levels an order can take, best first.
fn crossing(side: Side, price: Price, runner: &Runner) -> Vec<Level> {
    match side {
        Side::Back => runner
            .to_back
            .levels()
            .iter()
            .rev()
            .take_while(|level| level.price >= price)
            .copied()
            .collect(),
        Side::Lay => runner
            .to_lay
            .levels()
            .iter()
            .take_while(|level| level.price <= price)
            .copied()
            .collect(),
    }
}

/// Fill or kill: level by level while the average stays no worse than the price; with too little, nothing at all.
fn take_or_kill(
    order: &mut SimOrder,
    terms: FillOrKill,
    offers: &[Level],
    report: &mut Report<'_>,
) {
    let wanted = order.remaining;
    let least = terms.min_fill.unwrap_or(wanted).min(wanted);
    let on_offer: Money = offers.iter().map(|level| level.size.min(wanted)).sum();
    if on_offer >= least {
        for level in offers {
            let size = level.size.min(order.remaining);
            if size.is_positive() {
                order.fill(level.price, size, report);
            }
        }
    }
    let rest = std::mem::take(&mut order.remaining);
    if rest.is_positive() {
        report.say(order.instruction.id, OrderChange::Cancelled { size: rest });
    }
}

/// Trades since the last update, per runner and price, meet resting orders: a BACK at p is met by trades at p or
/// above, a LAY by trades at p or below. Trades are reported for both sides, so half of an increase is what a queue
/// could have met: it first eats the queue ahead, then fills the order at its own price.
pub(super) fn meet_trades(
    orders: &mut [SimOrder],
    book: &Market,
    delta: &MarketDelta,
    report: &mut Report<'_>,
) {
    let resting = |order: &SimOrder| order.is_live() && order.limit_price().is_some();
    let mut runners: Vec<RunnerId> = Vec::new();
    for change in &delta.runners {
        if !runners.contains(&change.id)
            && orders.iter().any(|o| resting(o) && o.runner() == change.id)
        {
            runners.push(change.id);
        }
    }
    for runner in runners {
        let trades = increases(runner, book, delta);
        if trades.is_empty() {
            continue;
        }
        let mut queue: Vec<usize> = (0..orders.len())
            .filter(|&at| resting(&orders[at]) && orders[at].runner() == runner)
            .collect();
        queue.sort_by_key(|&at| turn(&orders[at]));
        // Strategies do not compete with each other: each meets all the trades.
        let mut left_for: Vec<(std::sync::Arc<str>, Trades)> = Vec::new();
        for at in queue {
            let strategy = std::sync::Arc::clone(&orders[at].instruction.strategy);
            let known = left_for
                .iter()
                .position(|(name, _)| *name == strategy)
                .unwrap_or_else(|| {
                    left_for.push((strategy, trades.clone()));
                    left_for.len() - 1
                });
            meet(&mut orders[at], &mut left_for[known].1, report);
        }
    }
}

/// The order in which a strategy's orders meet trades: lays by falling price, then backs by rising price.
fn turn(order: &SimOrder) -> (bool, i128) {
    let price = i128::from(order.limit_price().map_or(0, Price::nanos));
    match order.side() {
        Side::Lay => (false, -price),
        Side::Back => (true, price),
    }
}

fn meet(order: &mut SimOrder, trades: &mut [(Price, HalfMinor)], report: &mut Report<'_>) {
    let Some(own) = order.limit_price() else {
        return;
    };
    for (price, left) in trades {
        let reaches = match order.side() {
            Side::Back => *price >= own,
            Side::Lay => *price <= own,
        };
        if !reaches || !order.remaining.is_positive() {
            continue;
        }
        // An increase of one minor unit, both sides counted, is half a minor unit met.
        let met = *left;
        if met <= order.queue {
            order.queue -= met;
            continue;
        }
        let beyond = met - order.queue;
        let size = order.remaining.min(Money::from_minor(beyond / 2));
        // An odd half is carried over as a credit in the queue.
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

/// What was traded at which prices.
type Trades = Vec<(Price, HalfMinor)>;

/// Increases of traded volume of one runner by price, in minor units counting both sides.
fn increases(runner: RunnerId, book: &Market, delta: &MarketDelta) -> Trades {
    let mut totals: Vec<(Price, Money)> = Vec::new();
    for change in delta.runners.iter().filter(|change| change.id == runner) {
        for level in delta
            .levels_of(change)
            .iter()
            .filter(|level| level.ladder == LadderKind::Traded)
        {
            match totals.iter_mut().find(|(price, _)| *price == level.price) {
                Some((_, total)) => *total = level.size,
                None => totals.push((level.price, level.size)),
            }
        }
    }
    let before = book.runner(runner);
    totals
        .into_iter()
        .map(|(price, total)| {
            let known = before.map_or(Money::ZERO, |runner| runner.traded.at(price));
            (price, (total - known).minor())
        })
        .filter(|&(_, increase)| increase > 0)
        .collect()
}
