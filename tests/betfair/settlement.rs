//! What a race came to, in the exchange's words, and whether they are our own to the penny.

use bea::engine::Record;
use bea::lookalike::Input;
use bea::market::{MarketStatus, Money, OrderState, Side, TimeMs};
use bea::source::generate::{Kind, Spec, generate};
use serde_json::{Value, json};

use crate::bettor::Bettor;
use crate::orders::by_hand;
use crate::stage::{Stage, now};

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

/// A look-alike with a race that closes, is opened again, and closes with another winner, five minutes before it starts; and
/// how many messages there are until shortly before its first end.
fn settled_twice() -> (Stage, usize) {
    let mut spec = Spec::new(Kind::Win, 7);
    spec.withdrawal = Some(false);
    spec.off = TimeMs(now().0.div_euclid(60_000) * 60_000) + 5 * 60_000;
    let mut recording = Vec::new();
    generate(&spec, &mut recording).unwrap();
    let text = String::from_utf8(recording).unwrap();
    let closed: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let later = |minutes: i64, change: &dyn Fn(&mut Value)| {
        let mut line = closed.clone();
        line["pt"] = json!(line["pt"].as_i64().unwrap() + minutes * 60_000);
        change(&mut line["mc"][0]["marketDefinition"]);
        line.to_string()
    };
    let reopened = later(1, &|definition| {
        definition["status"] = json!("SUSPENDED");
        for runner in definition["runners"].as_array_mut().unwrap() {
            runner["status"] = json!("ACTIVE");
        }
    });
    let other = later(2, &|definition| {
        let runners = definition["runners"].as_array_mut().unwrap();
        let won = runners
            .iter()
            .position(|runner| runner["status"] == "WINNER")
            .unwrap();
        let next = (won + 1) % runners.len();
        runners[won]["status"] = json!("LOSER");
        runners[next]["status"] = json!("WINNER");
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("1.900000070");
    std::fs::write(&file, format!("{text}{reopened}\n{other}\n")).unwrap();
    let stage = Stage::with(|plan| {
        plan.inputs = vec![Input::File(file)];
        plan.join = Some(std::time::Duration::from_secs(300));
    });
    let kept_from = spec.off.0 - 300_000;
    let left = text.lines().filter(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["pt"].as_i64().unwrap() >= kept_from
    });
    (stage, left.count() - 5)
}

/// Bets on the first runners of the race, and all of it matched.
fn bet_on_all(bettor: &mut Bettor) {
    let mut orders = Vec::new();
    for nth in 0..8 {
        orders.push(bettor.matched(nth, 2));
    }
    for order in &orders {
        bettor.until_state(*order, OrderState::Complete);
    }
}

/// Every settlement so far: its version, whether it takes one back, and its gross.
fn settled(bettor: &Bettor) -> Vec<(u32, bool, Money)> {
    let records = bettor.desk.journal.0.iter();
    records
        .filter_map(|record| match record {
            Record::Settled {
                version,
                reversal,
                gross,
                ..
            } => Some((*version, *reversal, *gross)),
            _ => None,
        })
        .collect()
}

fn is_closed(bettor: &Bettor) -> bool {
    let mut markets = bettor.desk.books.iter();
    markets.any(|market| market.status() == MarketStatus::Closed)
}

/// What the exchange's own list says that the settled bets came to.
fn paid(stage: &Stage) -> Money {
    let list = by_hand(
        stage,
        "listClearedOrders",
        &json!({ "betStatus": "SETTLED" }),
    );
    let rows = list["clearedOrders"].as_array().unwrap();
    let profits = rows.iter().map(|row| row["profit"].as_f64().unwrap());
    profits.map(|profit| Money::nearest(profit).unwrap()).sum()
}

fn nothing_differs(bettor: &Bettor) {
    assert!(
        !bettor.alarms.iter().any(|alarm| alarm.contains("DIFFERS")),
        "{:?}",
        bettor.alarms
    );
}

/// What the exchange took of a market: of the account's winnings, once.
fn commission(bettor: &Bettor) -> Money {
    let records = bettor.desk.journal.0.iter();
    records
        .filter_map(|record| match record {
            Record::Settled { commission, .. } => Some(*commission),
            _ => None,
        })
        .sum()
}

#[test]
fn a_race_that_is_settled_anew_is_taken_back_and_settled_with_the_new_results() {
    let (stage, nearly) = settled_twice();
    let mut bettor = Bettor::new(&stage, stage.plan());
    bet_on_all(&mut bettor);
    stage.control("clock", &json!({ "step": nearly }));
    step_until(&stage, &mut bettor, is_closed);
    bettor.until("it is settled", |b| settled(b).len() == 1);
    step_until(&stage, &mut bettor, |b| !is_closed(b));
    bettor.until("it is taken back", |b| settled(b).len() == 2);
    step_until(&stage, &mut bettor, is_closed);
    bettor.until("it is settled anew", |b| settled(b).len() == 3);
    let [first, back, second] = settled(&bettor)[..] else {
        panic!()
    };
    assert_eq!((first.0, first.1), (1, false));
    assert_eq!((back.0, back.1, back.2), (1, true, -first.2));
    assert_eq!((second.0, second.1, second.2), (2, false, paid(&stage)));
    nothing_differs(&bettor);
}

#[test]
fn a_settlement_of_an_earlier_life_is_taken_back_and_the_next_has_the_next_number() {
    let (stage, nearly) = settled_twice();
    let mut bettor = Bettor::new(&stage, stage.plan());
    bet_on_all(&mut bettor);
    stage.control("clock", &json!({ "step": nearly }));
    step_until(&stage, &mut bettor, is_closed);
    bettor.until("it is settled", |b| settled(b).len() == 1);
    let first = settled(&bettor)[0];
    let realised = bettor.desk.engine.house().realised_today;
    let records = bettor.desk.journal.0.clone();
    drop(bettor);

    // Opened again and closed while nobody looks; the next life hears only that bets of it are settled.
    let mut bettor = Bettor::recovered(&stage, stage.plan(), &records);
    bettor.until("it may bet", |b| b.is_ready());
    assert_eq!(bettor.desk.engine.house().realised_today, realised);
    step_until(&stage, &mut bettor, |b| {
        !is_closed(b) && b.desk.books.iter().count() == 1
    });
    step_until(&stage, &mut bettor, is_closed);
    bettor.until("it is settled anew", |b| settled(b).len() == 2);
    let [back, second] = settled(&bettor)[..] else {
        panic!()
    };
    assert_eq!((back.0, back.1, back.2), (1, true, -first.2));
    assert_eq!((second.0, second.1, second.2), (2, false, paid(&stage)));
    let house = bettor.desk.engine.house();
    assert_eq!(
        house.realised_today,
        realised + second.2 + back.2 - commission(&bettor)
    );
    nothing_differs(&bettor);
}

#[test]
fn a_race_that_ends_while_nobody_looks_is_settled_by_the_next_life() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let order = bettor.matched(0, 5);
    bettor.until_state(order, OrderState::Complete);
    let records = bettor.desk.journal.0.clone();
    drop(bettor);
    stage.control("clock", &json!({ "run": true }));
    let ended = || stage.ask("GET", "/control", "")["ended"] == true;
    while !ended() {
        std::thread::yield_now();
    }
    let mut bettor = Bettor::recovered(&stage, stage.plan(), &records);
    bettor.until("it is settled", |b| settled(b).len() == 1);
    assert_eq!(settled(&bettor), [(1, false, paid(&stage))]);
    bettor.until("it may bet", |b| b.is_ready());
    nothing_differs(&bettor);
}

/// Plays on, message by message, until something holds.
fn step_until(stage: &Stage, bettor: &mut Bettor, holds: impl Fn(&Bettor) -> bool) {
    let mut steps = 0;
    while !holds(bettor) {
        steps += 1;
        assert!(steps < 300, "it is played to its end");
        let standing = stage.control("clock", &json!({ "step": 1 }));
        let now = TimeMs::parse(standing["now"].as_str().unwrap()).unwrap();
        let published = |line: &Vec<u8>| -> Option<i64> {
            let line: Value = serde_json::from_slice(line).ok()?;
            line["pt"].as_i64()
        };
        bettor.until("it has heard of it", |b| {
            b.lines.last().and_then(published) >= Some(now.0)
        });
    }
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
