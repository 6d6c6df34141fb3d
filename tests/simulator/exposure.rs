//! The exposure formulas against trying everything, over random markets and bets.

use std::sync::Arc;

use bea::engine::{Holding, worst_case};
use bea::market::{
    Books, MarketDefinition, MarketId, Money, Order, OrderId, OrderKind, OrderState, Persistence,
    Place, Price, RunnerStatus, Side, TimeMs,
};

use crate::course::Course;
use crate::oracle::{self, Terms, Wager};
use crate::random::Random;

/// Compares so many random books of bets.
pub(crate) fn run(cases: u64) -> Result<String, String> {
    let mut mismatches = 0;
    let mut first = None;
    for case in 0..cases {
        if let Err(message) = compare(case) {
            mismatches += 1;
            first.get_or_insert(format!("case {case}: {message}"));
        }
    }
    match first {
        None => Ok(format!("exposure: {cases} cases, {mismatches} mismatches")),
        Some(first) => Err(format!(
            "exposure: {mismatches} mismatches in {cases} cases; {first}"
        )),
    }
}

fn compare(case: u64) -> Result<(), String> {
    let mut random = Random::new(case);
    let course = Course::new(case as usize % 4, 100_000, random.split("course"));
    let mut definition = MarketDefinition::clone(&course.definition);
    let stressed = random.chance(500);
    if !stressed {
        for runner in &mut definition.runners {
            runner.adjustment_factor = None;
        }
    }
    let each_way = definition.each_way_divisor.is_some();
    let orders: Vec<Order> = (0..random.below(9))
        .map(|number| order(&mut random, number, &definition, each_way))
        .collect();
    let wagers: Vec<Wager> = orders.iter().map(wager).collect();
    let (believed, gross) = {
        let mut books = Books::default();
        let mut delta = bea::market::MarketDelta::new(MarketId::new("1.1"));
        delta.definition = Some(Arc::new(definition.clone()));
        let at = books.apply(TimeMs(0), &delta).ok_or("no market")?;
        let exposure = worst_case(books.get(at), &Holding::from_orders(orders.clone()), None);
        (exposure.market, exposure.gross)
    };
    let unit = Terms::of(&definition).unit();
    let plain = oracle::worst(&definition, &wagers);
    let believed_exact = i128::from(believed.minor()) * unit;
    if believed_exact < plain {
        return Err(format!("{believed} for {}: {orders:?}", plain / unit));
    }
    // Each amount is rounded once or twice, against us.
    let rounding = 2 * (orders.len() as i128 + 1) * unit;
    if !stressed && believed_exact > plain + rounding {
        return Err(format!(
            "{believed} is too much for {}: {orders:?}",
            plain / unit
        ));
    }
    if believed > gross + Money::from_minor(orders.len() as i64 + 1) {
        return Err(format!(
            "{believed} at risk, {gross} if nothing offsets: {orders:?}"
        ));
    }
    if stressed {
        withdrawn(&definition, &wagers, believed)?;
    }
    Ok(())
}

/// Whichever runner is withdrawn, no more is lost than was foreseen.
fn withdrawn(
    definition: &MarketDefinition,
    wagers: &[Wager],
    believed: Money,
) -> Result<(), String> {
    for gone in 0..definition.runners.len() {
        let Some(factor) = definition.runners[gone].adjustment_factor else {
            continue;
        };
        let mut after = definition.clone();
        after.runners[gone].status = RunnerStatus::Removed;
        let id = definition.runners[gone].id;
        let left: Vec<Wager> = wagers
            .iter()
            .filter(|wager| wager.runner != id)
            .map(|wager| {
                let mut wager = wager.clone();
                for (price, _) in &mut wager.fills {
                    *price = definition.reduced(*price, factor);
                }
                wager
            })
            .collect();
        let unit = Terms::of(&after).unit();
        let loss = oracle::worst(&after, &left);
        if loss > i128::from(believed.minor()) * unit {
            return Err(format!(
                "without {id} ({factor}) {} could be lost and {believed} is foreseen: {left:?}",
                loss / unit
            ));
        }
    }
    Ok(())
}

fn order(
    random: &mut Random,
    number: usize,
    definition: &MarketDefinition,
    each_way: bool,
) -> Order {
    let price = Price::from_hundredths(random.range(101, 3_000) as u64);
    let size = Money::from_minor(random.range(1, 20_000));
    let on_close = !each_way && random.chance(100);
    let kind = if on_close {
        OrderKind::MarketOnClose { liability: size }
    } else {
        OrderKind::Limit {
            price,
            size,
            persistence: Persistence::Lapse,
            fill_or_kill: None,
        }
    };
    let place = Place {
        runner: random.pick(&definition.runners).id,
        side: if random.chance(500) {
            Side::Back
        } else {
            Side::Lay
        },
        kind,
        book: None,
        reason: None,
        probability: None,
        tag: None,
    };
    let mut order = Order::new(OrderId::from_bits(number as u128), &place, TimeMs(0));
    if on_close {
        return order;
    }
    let matched = match random.below(3) {
        0 => 0,
        1 => size.minor(),
        _ => random.range(0, size.minor()),
    };
    if matched > 0 {
        order.matched = Money::from_minor(matched);
        order.matched_value = i128::from(price.nanos()) * i128::from(matched);
        order.state = OrderState::Working;
        if order.matched == size {
            order.state = OrderState::Complete;
        }
    }
    order
}

fn wager(order: &Order) -> Wager {
    let open = match order.kind {
        OrderKind::Limit { .. } => order.remaining(),
        on_close => on_close.at_risk(order.side),
    };
    let fills = order.average_price().map(|price| (price, order.matched));
    Wager {
        runner: order.runner,
        side: order.side,
        fills: fills.into_iter().collect(),
        open: open.is_positive().then_some((order.kind, open)),
    }
}
