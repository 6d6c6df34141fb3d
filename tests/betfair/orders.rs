//! The life of orders where nothing goes wrong, and where somebody says no.

use std::sync::atomic::Ordering;

use bea::engine::Record;
use bea::market::OrderChange;
use bea::market::{Intent, Money, OrderKind, OrderState, Persistence, Price, Side, VenueReason};
use bea::venue::FeedState;
use bea::venue::betfair::Names;
use serde_json::json;

use crate::bettor::Bettor;
use crate::proxy::Proxy;
use crate::stage::{Stage, now};

/// Asks as another program of the same person would, and gives the result.
pub(crate) fn by_hand(
    stage: &Stage,
    operation: &str,
    params: &serde_json::Value,
) -> serde_json::Value {
    let plan = stage.plan();
    let http = format!("http://{}", stage.addresses.http);
    stage.runtime.block_on(async {
        // It is asked without TLS, but the client wants to know how there would be some.
        let provider = tokio_rustls::rustls::crypto::ring::default_provider();
        let _ = provider.install_default();
        let client = reqwest::Client::new();
        let form = [("username", plan.secrets.username.expose()), ("password", plan.secrets.password.expose())];
        let told = client.post(format!("{http}/api/login")).form(&form).send().await.unwrap();
        let told: serde_json::Value = told.json().await.unwrap();
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": format!("SportsAPING/v1.0/{operation}"), "params": params });
        let answer = client
            .post(format!("{http}/exchange/betting/json-rpc/v1"))
            .header("X-Application", "other")
            .header("X-Authentication", told["token"].as_str().unwrap())
            .json(&call);
        let answer: serde_json::Value = answer.send().await.unwrap().json().await.unwrap();
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    })
}

#[test]
fn an_order_is_taken_told_of_and_cancelled() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    assert_eq!(bettor.feeds[..2], [FeedState::Connecting, FeedState::Live]);
    let order = bettor.waiting(0);
    bettor.until_state(order, OrderState::Working);
    let taken = stage.truth("accepted").remove(0);
    assert_eq!(taken["customer_order_ref"], Names::of(order));
    assert_eq!(taken["customer_ref"], Names::of(order));
    assert_eq!(taken["customer_strategy_ref"], "epoch2");
    assert_eq!(
        (&taken["side"], &taken["size"]),
        (&json!("LAY"), &json!(2.0))
    );
    bettor.wish(Intent::Cancel {
        order,
        size: Some(Money::from_major(1)),
    });
    bettor.until("half of it is gone", |b| {
        b.order(order).cancelled == Money::from_major(1)
    });
    assert_eq!(bettor.state(order), OrderState::Working);
    bettor.wish(Intent::Cancel { order, size: None });
    bettor.until_state(order, OrderState::Complete);
    assert_eq!(bettor.order(order).cancelled, Money::from_major(2));
    bettor.agrees_with(&stage);
}

#[test]
fn a_matched_order_has_the_price_that_the_exchange_gave() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let order = bettor.matched(0, 2);
    bettor.until_state(order, OrderState::Complete);
    let known = bettor.order(order);
    assert_eq!(known.matched, Money::from_major(2));
    assert!(
        known.average_price().unwrap() > Price::from_hundredths(101),
        "it was bettered"
    );
    let taken = stage.truth("complete").remove(0);
    assert_eq!(taken["size_matched"], 2.0);
    assert_eq!(taken["market_id"], bettor.market().as_str());
    bettor.agrees_with(&stage);
}

#[test]
fn a_replacement_is_a_bet_of_its_own_with_a_name_of_its_own() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let old = bettor.waiting(0);
    bettor.until_state(old, OrderState::Working);
    bettor.wish(Intent::Replace {
        order: old,
        price: Price::from_hundredths(102),
        reason: None,
    });
    bettor.until_state(old, OrderState::Complete);
    bettor.until("the new one waits", |b| {
        b.orders()
            .values()
            .any(|order| order.id != old && order.state == OrderState::Working)
    });
    let new = bettor
        .orders()
        .into_values()
        .find(|order| order.id != old)
        .unwrap();
    assert_eq!(new.remaining(), Money::from_major(2));
    assert_eq!(stage.accepted(), [Names::of(old), Names::of(new.id)]);
    bettor.agrees_with(&stage);
}

#[test]
fn a_persistence_is_changed() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let order = bettor.waiting(0);
    bettor.until_state(order, OrderState::Working);
    bettor.wish(Intent::Update {
        order,
        persistence: Persistence::Persist,
    });
    bettor.until("it is changed", |b| {
        b.order(order).kind.persistence() == Some(Persistence::Persist)
    });
    assert!(matches!(bettor.order(order).kind, OrderKind::Limit { .. }));
}

#[test]
fn the_last_word_is_asked_by_the_sender_and_nothing_leaves_after_a_no() {
    let stage = Stage::new();
    let proxy = Proxy::before(stage.addresses.http);
    let mut plan = stage.plan();
    plan.settings.api_url = format!("http://{}/exchange", proxy.address);
    let mut bettor = Bettor::new(&stage, plan);
    let first = bettor.waiting(0);
    bettor.until_state(first, OrderState::Working);
    bettor.may_send.store(false, Ordering::SeqCst);
    let second = bettor.waiting(1);
    bettor.until_state(second, OrderState::NotSent);
    assert_eq!(proxy.count("placeOrders"), 1);
    // Cancels are let through: no switch stands in the way out.
    bettor.wish(Intent::Cancel {
        order: first,
        size: None,
    });
    bettor.until_state(first, OrderState::Complete);
    bettor.agrees_with(&stage);
}

#[test]
fn an_order_that_was_held_up_does_not_leave() {
    let stage = Stage::new();
    let proxy = Proxy::before(stage.addresses.http);
    let mut plan = stage.plan();
    plan.settings.api_url = format!("http://{}/exchange", proxy.address);
    let mut bettor = Bettor::new(&stage, plan);
    // A disk that took so long, or a machine that slept, is the same to it. So is a clock that went back.
    for ms in [-5_001, 60_000] {
        let decided_at = now() + ms;
        let order = bettor.place_at(decided_at, 0, Side::Lay, 101, 2).unwrap();
        bettor.until_state(order, OrderState::NotSent);
    }
    assert_eq!(proxy.count("placeOrders"), 0);
    bettor.agrees_with(&stage);
}

#[test]
fn the_hours_budget_refuses_and_survives_a_restart() {
    let stage = Stage::new();
    let mut plan = stage.plan();
    plan.settings.max_transactions_per_hour = 2;
    let mut bettor = Bettor::new(&stage, plan.clone());
    for nth in 0..2 {
        let order = bettor.waiting(nth);
        bettor.until_state(order, OrderState::Working);
    }
    let third = bettor.waiting(2);
    bettor.until_state(third, OrderState::NotSent);
    bettor.agrees_with(&stage);
    let records = bettor.desk.journal.0.clone();
    drop(bettor);
    let mut again = Bettor::recovered(&stage, plan, &records);
    again.until("it may bet", |b| b.is_ready());
    assert_eq!(
        again.connection.standing().betting.unwrap().orders_in_hour,
        2
    );
    let fourth = again.waiting(3);
    again.until_state(fourth, OrderState::NotSent);
    assert_eq!(stage.accepted().len(), 2);
}

#[test]
fn what_an_earlier_life_left_is_found_again() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let waits = bettor.waiting(0);
    bettor.until_state(waits, OrderState::Working);
    // It ends while the answer is on its way.
    stage.fault(&json!({ "fault": "delay_after", "operation": "placeOrders", "ms": 30_000 }));
    let open = bettor.waiting(1);
    while stage.accepted().len() < 2 {
        bettor.until("a moment has passed", |_| true);
        std::thread::yield_now();
    }
    let records: Vec<Record> = bettor.desk.journal.0.clone();
    drop(bettor);
    let mut again = Bettor::recovered(&stage, stage.plan(), &records);
    assert_eq!(again.state(open), OrderState::Unknown);
    assert!(again.unready().is_some());
    again.until_state(open, OrderState::Working);
    again.until("it may bet", |b| b.is_ready());
    assert_eq!(again.state(waits), OrderState::Working);
    again.wish(Intent::Cancel {
        order: open,
        size: None,
    });
    again.until_state(open, OrderState::Complete);
    again.agrees_with(&stage);
}

#[test]
fn a_market_that_is_suspended_on_the_way_takes_no_order() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    stage.control(
        "market",
        &json!({ "do": "suspend", "market": bettor.market() }),
    );
    let order = bettor.waiting(0);
    bettor.until_state(order, OrderState::Rejected);
    let why = bettor
        .desk
        .journal
        .0
        .iter()
        .find_map(|record| match record {
            Record::Order {
                change: OrderChange::Rejected { reason },
                ..
            } => Some(*reason),
            _ => None,
        });
    assert_eq!(why, Some(VenueReason::MarketNotOpen));
    assert!(stage.accepted().is_empty());
}

#[test]
fn a_market_that_changed_between_the_decision_and_the_exchange_takes_no_money() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let market = bettor.market();
    // Suspended while the order is on its way; then suspended and open again, so that its version is another.
    for resumes in [false, true] {
        stage.fault(&json!({ "fault": "delay_before", "operation": "placeOrders", "ms": 300 }));
        let order = bettor.matched(0, 2);
        stage.control("market", &json!({ "do": "suspend", "market": market }));
        if resumes {
            stage.control("market", &json!({ "do": "resume", "market": market }));
        }
        bettor.until("it is over", |b| !b.state(order).is_live() && b.is_idle());
        assert_eq!(bettor.order(order).matched, Money::ZERO);
        stage.control("market", &json!({ "do": "resume", "market": market }));
        bettor.until("the market is open", |b| {
            b.desk.books.iter().next().unwrap().status() == bea::market::MarketStatus::Open
        });
    }
    assert!(
        stage
            .truth("complete")
            .iter()
            .all(|bet| bet["size_matched"] == 0.0)
    );
}

#[test]
fn what_was_matched_before_a_cancel_came_stays_matched() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let best = {
        let market = bettor.desk.books.iter().next().unwrap();
        let runner = market.runner(bettor.runner(0)).unwrap();
        runner.best_back().unwrap().price
    };
    // More than there is at this price.
    let hundredths = best.nanos() / 10_000_000;
    let order = bettor.place(0, Side::Back, hundredths, 900).unwrap();
    bettor.until("some of it is matched", |b| {
        b.order(order).matched.is_positive()
    });
    let matched = bettor.order(order).matched;
    assert!(matched < Money::from_major(900));
    stage.fault(&json!({ "fault": "drop_after", "operation": "cancelOrders" }));
    bettor.wish(Intent::Cancel { order, size: None });
    bettor.until_state(order, OrderState::Complete);
    bettor.until("it has come back", Bettor::is_idle);
    let known = bettor.order(order);
    assert_eq!(
        (known.matched, known.cancelled),
        (matched, Money::from_major(900) - matched)
    );
    // A second cancel finds nothing, and that is no error of anybody.
    assert_eq!(
        by_hand(&stage, "listCurrentOrders", &json!({}))["currentOrders"][0]["sizeMatched"],
        matched.to_f64()
    );
    bettor.agrees_with(&stage);
}

#[test]
fn the_dead_mans_switch_is_told_and_a_person_hears_when_it_goes_off() {
    let stage = Stage::new();
    let proxy = Proxy::before(stage.addresses.http);
    let mut plan = stage.plan();
    plan.settings.api_url = format!("http://{}/exchange", proxy.address);
    plan.settings.dead_man_seconds = 10;
    proxy.judge(|request| {
        let Some(body) = request
            .split("\r\n\r\n")
            .nth(1)
            .filter(|body| body.contains("heartbeat"))
        else {
            return crate::proxy::Act::Pass;
        };
        let call: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(call["params"]["preferredTimeoutSeconds"], 10);
        let result = json!({ "actionPerformed": "ALL_BETS_CANCELLED", "actualTimeoutSeconds": 10 });
        let body = json!({ "jsonrpc": "2.0", "id": call["id"], "result": result }).to_string();
        crate::proxy::json("200 OK", &body)
    });
    let mut bettor = Bettor::new(&stage, plan);
    bettor.until("a person is told", |b| {
        b.alarms
            .iter()
            .any(|alarm| alarm.contains("ALL_BETS_CANCELLED"))
    });
    // It is told again well within its time.
    bettor.until("it is told again", |_| proxy.count("HeartbeatAPING") >= 2);
}

#[test]
fn bets_by_hand_count_and_are_never_touched() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let runner = bettor.runner(0).selection;
    let market = bettor.market().to_string();
    let instruction = |name: &str| {
        json!({ "orderType": "LIMIT", "selectionId": runner, "side": "LAY", "customerOrderRef": name,
            "limitOrder": { "size": 10.0, "price": 1.5, "persistenceType": "LAPSE" } })
    };
    // One carries a name like ours, and another epoch.
    let alike = Names::of(bea::market::OrderId::from_bits(77));
    let params = json!({ "marketId": market, "customerStrategyRef": "otherlife",
        "instructions": [instruction(&alike), instruction("by hand")] });
    let report = by_hand(&stage, "placeOrders", &params);
    assert_eq!(report["status"], "SUCCESS");
    bettor.until("both are told of", |b| {
        b.alarms
            .iter()
            .filter(|alarm| alarm.starts_with("BET_EXTERNAL"))
            .count()
            == 2
    });
    let at_risk = bettor
        .desk
        .journal
        .0
        .iter()
        .filter_map(|record| match record {
            Record::External { at_risk, .. } => Some(*at_risk),
            _ => None,
        });
    assert_eq!(at_risk.sum::<Money>(), Money::from_major(10));
    assert_eq!(
        bettor.desk.engine.house().burden.at_risk,
        Money::from_major(10)
    );
    let own = bettor.place(1, Side::Lay, 101, 2).unwrap();
    bettor.until_state(own, OrderState::Working);
    bettor.wish(Intent::Cancel {
        order: own,
        size: None,
    });
    bettor.until_state(own, OrderState::Complete);
    let left = by_hand(
        &stage,
        "listCurrentOrders",
        &json!({ "orderProjection": "EXECUTABLE" }),
    );
    assert_eq!(left["currentOrders"].as_array().unwrap().len(), 2);
}
