//! What a race came to, in the exchange's words, and whether they are our own to the penny.

use bea::engine::Record;
use bea::market::{Money, OrderState, Side};
use serde_json::json;

use crate::bettor::Bettor;
use crate::orders::by_hand;
use crate::stage::Stage;

#[test]
fn a_race_is_settled_as_the_exchange_paid_it() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let mut orders = Vec::new();
    for nth in 0..4 {
        orders.push(bettor.matched(nth, 5 + i64::try_from(nth).unwrap()));
    }
    for order in &orders {
        bettor.until_state(*order, OrderState::Complete);
    }
    // One waits until the end, and lapses.
    let waits = bettor.place(5, Side::Lay, 101, 3).unwrap();
    bettor.until_state(waits, OrderState::Working);
    let before = by_hand_funds(&stage);
    stage.control("clock", &json!({ "run": true }));
    let settled = |b: &Bettor| {
        b.desk.journal.0.iter().find_map(|record| match record {
            Record::Settled {
                gross,
                commission,
                orders,
                version,
                reversal,
                ..
            } => Some((*gross, *commission, orders.clone(), *version, *reversal)),
            _ => None,
        })
    };
    bettor.until("it is settled", |b| settled(b).is_some());
    let (gross, commission, profits, version, reversal) = settled(&bettor).unwrap();
    assert_eq!((profits.len(), version, reversal), (4, 1, false));
    assert_eq!(
        profits.iter().map(|(_, profit)| *profit).sum::<Money>(),
        gross
    );
    // The account has so much more or less than before.
    let after = by_hand_funds(&stage);
    let change = Money::nearest(after - before).unwrap();
    let stakes: Money = orders
        .iter()
        .map(|order| bettor.order(*order).kind.amount())
        .sum();
    let freed = Money::nearest(0.03).unwrap();
    assert_eq!(change, gross - commission + stakes + freed);
    // And each bet came to what the exchange's own list says.
    let list = by_hand(
        &stage,
        "listClearedOrders",
        &json!({ "betStatus": "SETTLED" }),
    );
    for row in list["clearedOrders"].as_array().unwrap() {
        let name = row["customerOrderRef"].as_str().unwrap();
        let (_, profit) = profits
            .iter()
            .find(|(id, _)| bea::venue::betfair::Names::of(*id) == name)
            .unwrap();
        assert_eq!(row["profit"], profit.to_f64());
    }
    assert!(
        !bettor
            .alarms
            .iter()
            .any(|alarm| alarm.starts_with("COMMISSION")),
        "{:?}",
        bettor.alarms
    );
    assert_eq!(bettor.state(waits), OrderState::Complete);
    assert_eq!(bettor.order(waits).lapsed, Money::from_major(3));
}

/// What is free to bet with, as another program of the same person is told.
fn by_hand_funds(stage: &Stage) -> f64 {
    let (out, _heard) = std::sync::mpsc::channel();
    let mut plan = stage.plan();
    plan.folder = stage.folder.path().join("other");
    let connection =
        bea::venue::betfair::client::connect(plan, stage.runtime.handle(), out).unwrap();
    let funds = stage.runtime.block_on(connection.reads().funds()).unwrap();
    funds.available_to_bet_balance
}
