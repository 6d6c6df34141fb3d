//! `fill = "reference"`: the published model of the field's open-source simulator, order by order and penny by penny.
//!
//! That simulator computes in binary floating point and rounds to two decimals at set places. A penny, and through a
//! limit a whole order, can hang on it, so this file does the same; nothing else in the exchange uses floats. What
//! the model gets wrong is known (`docs/simulated-exchange.md`) and kept: it is here to be compared with.

use super::Report;
use super::matching::{self, Terms, no_worse};
use super::order::{SimOrder, value};
use crate::market::{
    BettingType, Level, Market, MarketDefinition, MarketDelta, Money, OrderId, Price, Runner,
    RunnerStatus, Side,
};

/// To two decimals as Python does it: the exact binary value, halves to even.
fn round(number: f64) -> f64 {
    format!("{number:.2}").parse().unwrap_or(number)
}

fn money(pounds: f64) -> Money {
    Money::nearest(pounds).unwrap_or_default()
}

/// Takes what is on offer. An order that finds nothing to take queues behind what shows at its price.
pub(super) fn take(order: &mut SimOrder, terms: &Terms, runner: &Runner, report: &mut Report<'_>) {
    let offers = matching::offers(terms.side, runner);
    // Where a side is empty the model puts its worst price there: an order at that price takes nothing and heads the queue.
    let best = offers.first().map_or(
        match terms.side {
            Side::Back => Price::LOWEST,
            Side::Lay => Price::HIGHEST,
        },
        |best| best.price,
    );
    if terms.fill_or_kill.is_none() && !terms.reaches(best) {
        order.reference_queue = matching::resting_at(terms.side, terms.price, runner).to_f64();
        return;
    }
    for level in terms.takes(&offers, average_holds) {
        order.fill(level.price, level.size, report);
    }
}

/// Trades of an update meet resting orders, also those that took effect with that very update.
pub(super) fn meet_trades(
    orders: &mut [SimOrder],
    book: &Market,
    delta: &MarketDelta,
    report: &mut Report<'_>,
) {
    for runner in matching::changed_runners(orders, delta) {
        let trades: Vec<(Price, f64)> = matching::increases(runner, book, delta)
            .into_iter()
            .map(|(price, minor)| (price, Money::from_minor(minor).to_f64()))
            .collect();
        if trades.is_empty() {
            continue;
        }
        for strategy in matching::turns(orders, runner, false) {
            let mut left = trades.clone();
            for at in strategy {
                meet(&mut orders[at], &mut left, report);
            }
        }
    }
}

/// Half of each increase first eats the queue, then fills the order at its own price. What order and queue consumed
/// is not there for the strategy's next order.
fn meet(order: &mut SimOrder, trades: &mut [(Price, f64)], report: &mut Report<'_>) {
    let Some(own) = order.limit_price() else {
        return;
    };
    for (price, left) in trades {
        if !no_worse(order.side(), *price, own) {
            continue;
        }
        let met = *left / 2.0;
        if order.reference_queue - met < 0.0 {
            let beyond = met - order.reference_queue;
            let size = round(order.remaining.to_f64().min(beyond));
            if size > 0.0 {
                order.fill(own, money(size), report);
            }
            *left = (*left - (order.reference_queue + size) * 2.0).max(0.0);
            order.reference_queue = 0.0;
        } else {
            order.reference_queue -= met;
            *left = 0.0;
        }
    }
}

/// Average price matched, to two decimals; zero if nothing was.
fn average(fills: impl Iterator<Item = (Price, Money)>) -> f64 {
    let (mut weighted, mut total) = (0.0, 0.0);
    for (price, size) in fills {
        weighted += price.to_f64() * size.to_f64();
        total += size.to_f64();
    }
    if total == 0.0 {
        0.0
    } else {
        round(weighted / total)
    }
}

fn average_holds(terms: &Terms, fills: &[Level]) -> bool {
    let average = average(fills.iter().map(|level| (level.price, level.size)));
    match terms.side {
        Side::Back => average >= terms.price.to_f64(),
        Side::Lay => average <= terms.price.to_f64(),
    }
}

/// Says the rounded average of every order just matched: positions and limits are computed from it.
pub(super) fn restate(orders: &mut [SimOrder], report: &mut Report<'_>) {
    for order in orders.iter_mut().filter(|order| order.touched) {
        order.touched = false;
        if let Some(average) = Price::nearest(average(order.fills.iter().copied())) {
            let matched = order.matched();
            order.restate(value(average, matched), report);
        }
    }
}

/// What each order won, before commission, as the model settles: size × (average − 1), rounded once. More winners
/// than places divide the stake by the winners. `None` for line markets, whose result no definition tells.
pub(super) fn profits(
    orders: &[SimOrder],
    definition: &MarketDefinition,
) -> Option<Vec<(OrderId, Money)>> {
    if definition.betting_type == BettingType::Line {
        return None;
    }
    let profits = orders
        .iter()
        .filter(|order| order.matched().is_positive())
        .map(|order| (order.instruction.id, money(profit(order, definition))));
    Some(profits.collect())
}

fn profit(order: &SimOrder, definition: &MarketDefinition) -> f64 {
    let Some(runner) = definition.runner(order.runner()) else {
        return 0.0;
    };
    let size = order.matched().to_f64();
    let odds = average(order.fills.iter().copied()) - 1.0;
    let sign = match order.side() {
        Side::Back => 1.0,
        Side::Lay => -1.0,
    };
    if definition.market_type == "EACH_WAY" {
        let divisor = f64::from(definition.each_way_divisor.unwrap_or(100).max(1)) / 100.0;
        let (win, place) = (size * odds, size * (odds * (1.0 / divisor)));
        return sign
            * match runner.status {
                RunnerStatus::Winner => round(win + place),
                RunnerStatus::Placed => round(place - size),
                RunnerStatus::Loser => -round(size * 2.0),
                _ => 0.0,
            };
    }
    match runner.status {
        RunnerStatus::Winner => {
            let winners = definition
                .runners
                .iter()
                .filter(|r| r.status == RunnerStatus::Winner)
                .count();
            let shared = winners > definition.number_of_winners as usize;
            let among = if shared { winners as f64 } else { 1.0 };
            round(sign * (size / among * odds - size * (among - 1.0) / among))
        }
        RunnerStatus::Loser => -sign * size,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_as_binary_numbers_do() {
        for (number, rounded) in [
            (1.2115, 1.21),
            (63.475, 63.48),
            (2.675, 2.67),
            (0.125, 0.12),
            (0.375, 0.38),
            (1.005, 1.0),
        ] {
            assert!((round(number) - rounded).abs() < 1e-12, "{number}");
        }
    }

    #[test]
    fn an_average_has_two_decimals() {
        let fills = [(6_345, 100), (6_350, 100)];
        let fills =
            fills.map(|(price, size)| (Price::from_hundredths(price), Money::from_minor(size)));
        assert!((average(fills.into_iter()) - 63.48).abs() < 1e-12);
        assert!(average(std::iter::empty()) == 0.0);
    }
}
