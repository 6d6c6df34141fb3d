//! The stream that breaks, lies, stutters and stays silent: books are trusted only while they are whole.

use bea::engine::Unready;
use bea::market::{Intent, OrderState};
use bea::venue::FeedState;
use bea::venue::betfair::StreamFilter;
use serde_json::{Value, json};

use crate::bettor::Bettor;
use crate::proxy::{StreamProxy, Way};
use crate::stage::Stage;

/// Somebody whose stream goes through a proxy.
fn through_proxy(stage: &Stage) -> (Bettor, StreamProxy) {
    let proxy = StreamProxy::before(stage.addresses.stream);
    let mut plan = stage.plan();
    plan.settings.stream_address = proxy.address.to_string();
    (Bettor::new(stage, plan), proxy)
}

fn same(line: &str) -> Option<Vec<String>> {
    Some(vec![line.to_owned()])
}

fn was_down(bettor: &Bettor, from: usize) -> bool {
    bettor.feeds[from..]
        .iter()
        .any(|feed| matches!(feed, FeedState::Down { .. }))
}

/// Kinds of the messages of the market stream.
fn kinds(bettor: &Bettor) -> Vec<String> {
    let kind = |line: &Vec<u8>| {
        let line: Value = serde_json::from_slice(line).unwrap();
        line["ct"].as_str().unwrap_or("UPDATE").to_owned()
    };
    bettor.lines.iter().map(kind).collect()
}

#[test]
fn a_stream_that_breaks_comes_back_where_it_was_and_orders_wait_for_a_listing() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let order = bettor.waiting(0);
    bettor.until_state(order, OrderState::Working);
    let (from, records) = (bettor.feeds.len(), bettor.desk.journal.0.len());
    stage.fault(&json!({ "fault": "stream_drop" }));
    bettor.until("it was down", |b| was_down(b, from));
    bettor.until("it may bet again", |b| b.is_ready());
    let unready = |record: &bea::engine::Record| match record {
        bea::engine::Record::Ready { unready, .. } => Some(*unready),
        _ => None,
    };
    let gate: Vec<_> = bettor.desk.journal.0[records..]
        .iter()
        .filter_map(unready)
        .collect();
    assert_eq!(gate, [Some(Unready::Deaf), None]);
    assert_eq!(
        kinds(&bettor)
            .iter()
            .filter(|kind| *kind == "SUB_IMAGE")
            .count(),
        1
    );
    assert!(kinds(&bettor).contains(&"RESUB_DELTA".to_owned()));
    bettor.agrees_with(&stage);
}

#[test]
fn what_changed_while_the_stream_was_away_is_found_out() {
    let stage = Stage::new();
    let (mut bettor, proxy) = through_proxy(&stage);
    let order = bettor.waiting(0);
    bettor.until_state(order, OrderState::Working);
    let from = bettor.feeds.len();
    // Nobody comes through any more.
    proxy.rewrite(|_, _| None);
    bettor.until("it is down", |b| was_down(b, from));
    assert_eq!(bettor.unready(), Some(Unready::Deaf));
    let bet = crate::orders::by_hand(&stage, "listCurrentOrders", &json!({}))["currentOrders"][0]["betId"].clone();
    crate::orders::by_hand(
        &stage,
        "cancelOrders",
        &json!({ "marketId": bettor.market(), "instructions": [{ "betId": bet }] }),
    );
    // Orders would work, but nobody would hear of them.
    assert!(bettor.place(1, bea::market::Side::Lay, 101, 2).is_err());
    proxy.rewrite(|_, line| same(line));
    bettor.until_state(order, OrderState::Complete);
    bettor.until("it may bet again", |b| b.is_ready());
}

#[test]
fn silence_for_two_heartbeats_is_the_end_of_a_connection() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let from = bettor.feeds.len();
    stage.fault(&json!({ "fault": "stream_stall", "ms": 10_000 }));
    bettor.until("it is given up", |b| was_down(b, from));
    let why = bettor.feeds[from..].iter().find_map(|feed| match feed {
        FeedState::Down { why } => Some(why.clone()),
        _ => None,
    });
    assert!(why.unwrap().contains("silent"));
    bettor.until("it may bet again", |b| b.is_ready());
}

#[test]
fn data_that_the_exchange_calls_incomplete_is_stale_until_it_says_otherwise() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let from = bettor.feeds.len();
    stage.fault(&json!({ "fault": "stream_503", "operation": "mcm" }));
    bettor.until("it is stale", |b| {
        matches!(b.feeds.last(), Some(FeedState::Stale { .. }))
    });
    bettor.until("it is live", |b| b.feeds.last() == Some(&FeedState::Live));
    assert!(!was_down(&bettor, from), "nobody hung up");
    stage.fault(&json!({ "fault": "stream_503", "operation": "ocm" }));
    bettor.until("our bets are not heard", |b| {
        b.unready() == Some(Unready::Deaf)
    });
    bettor.until("it may bet again", |b| b.is_ready());
    assert!(!was_down(&bettor, from));
}

#[test]
fn a_place_that_the_exchange_has_forgotten_makes_a_fresh_image() {
    let stage = Stage::new();
    let (mut bettor, proxy) = through_proxy(&stage);
    let from = bettor.feeds.len();
    let mut cut = false;
    proxy.rewrite(move |way, line| match way {
        Way::ToClient if !cut && line.contains("HEARTBEAT") => {
            cut = true;
            None
        }
        Way::ToServer => {
            same(&line.replace("\"initialClk\":\"", "\"initialClk\":\"of another world "))
        }
        Way::ToClient => same(line),
    });
    bettor.until("it was down", |b| was_down(b, from));
    bettor.until("it may bet again", |b| b.is_ready());
    let images = kinds(&bettor)
        .iter()
        .filter(|kind| *kind == "SUB_IMAGE")
        .count();
    assert_eq!(images, 2, "{:?}", kinds(&bettor));
}

#[test]
fn a_line_that_cannot_be_read_ends_the_connection_and_hides_nothing() {
    let stage = Stage::new();
    let (mut bettor, proxy) = through_proxy(&stage);
    for bad in [
        "{\"op\":\"mcm\",\"id\":",
        "\u{1b}[2J",
        "{}",
        "null",
        "{\"op\":\"ocm\",\"oc\":[{\"id\":7}]}",
    ] {
        let from = bettor.feeds.len();
        let mut said = false;
        proxy.rewrite(move |way, line| match way {
            Way::ToClient if !said && line.contains("HEARTBEAT") => {
                said = true;
                Some(vec![bad.to_owned(), line.to_owned()])
            }
            _ => same(line),
        });
        bettor.until(&format!("{bad:?} ends it"), |b| was_down(b, from));
        bettor.until("it may bet again", |b| b.is_ready());
    }
    assert!(
        bettor
            .feeds
            .iter()
            .all(|feed| !format!("{feed:?}").contains('\u{1b}'))
    );
}

#[test]
fn words_that_come_twice_late_or_in_another_order_change_nothing() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    for nth in 0..3 {
        stage.fault(&json!([
            { "fault": "stream_duplicate", "operation": "ocm" },
            { "fault": "stream_reorder", "operation": "ocm", "next": 2 },
        ]));
        let (waits, goes) = (bettor.waiting(nth), bettor.matched(nth + 3, 2));
        bettor.until_state(waits, OrderState::Working);
        bettor.until_state(goes, OrderState::Complete);
        bettor.wish(Intent::Cancel {
            order: waits,
            size: None,
        });
        bettor.until_state(waits, OrderState::Complete);
        let (waited, gone) = (bettor.order(waits), bettor.order(goes));
        assert_eq!(
            (waited.cancelled, gone.matched),
            (waited.kind.amount(), gone.kind.amount())
        );
    }
    bettor.agrees_with(&stage);
    assert!(
        !bettor
            .alarms
            .iter()
            .any(|alarm| alarm.contains("UNEXPLAINED")),
        "{:?}",
        bettor.alarms
    );
}

#[test]
fn a_new_filter_takes_the_place_of_the_old_one() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let lines = bettor.lines.len();
    let nothing = StreamFilter {
        market_ids: Some(vec!["1.404".to_owned()]),
        ..StreamFilter::default()
    };
    bettor.connection.watch(nothing);
    bettor.until("it is subscribed anew", |b| {
        b.lines.len() > lines && b.is_ready()
    });
    stage.control("clock", &json!({ "step": 10 }));
    // Whatever comes now is of the new subscription: heartbeats alone.
    let before = bettor.lines.len();
    bettor.until("heartbeats came", |b| b.lines.len() >= before + 2);
    let last: Value = serde_json::from_slice(bettor.lines.last().unwrap()).unwrap();
    assert_eq!(
        (&last["ct"], &last["mc"]),
        (&json!("HEARTBEAT"), &Value::Null)
    );
    bettor.connection.watch(StreamFilter::default());
    bettor.until("the market is back", |b| {
        let last: Value = serde_json::from_slice(b.lines.last().unwrap()).unwrap();
        last["mc"][0]["id"] == b.market().as_str()
    });
}

#[test]
fn too_many_connections_are_told_and_tried_again_later() {
    let stage = Stage::new();
    let (mut bettor, proxy) = through_proxy(&stage);
    let from = bettor.feeds.len();
    let mut cut = false;
    proxy.rewrite(move |way, line| match way {
        Way::ToClient if !cut => {
            cut = true;
            None
        }
        Way::ToClient if line.contains("connectionsAvailable") => Some(vec![
            json!({ "op": "status", "id": 1, "statusCode": "FAILURE", "connectionClosed": true,
                "errorCode": "MAX_CONNECTION_LIMIT_EXCEEDED", "errorMessage": "10 are open" })
            .to_string(),
        ]),
        _ => same(line),
    });
    bettor.until("a person is told", |b| {
        b.alarms
            .iter()
            .any(|alarm| alarm.starts_with("STREAM_CROWDED"))
    });
    assert!(was_down(&bettor, from));
}

#[test]
fn a_refusal_that_will_not_change_is_not_hammered_at() {
    let stage = Stage::new();
    let proxy = StreamProxy::before(stage.addresses.stream);
    let connections = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&connections);
    proxy.rewrite(move |way, line| match way {
        Way::ToClient if line.contains("connectionsAvailable") => {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Some(vec![
                json!({ "op": "status", "id": 1, "statusCode": "FAILURE", "connectionClosed": true,
                    "errorCode": "INVALID_APP_KEY", "errorMessage": "no" })
                .to_string(),
            ])
        }
        _ => same(line),
    });
    let mut plan = stage.plan();
    plan.settings.stream_address = proxy.address.to_string();
    let mut bettor = Bettor::recovered(&stage, plan, &[]);
    bettor.until("a person is told", |b| {
        b.alarms
            .iter()
            .any(|alarm| alarm.starts_with("STREAM_REFUSED"))
    });
    bettor.until("funds came twice", |b| {
        b.desk.engine.house().funds.is_some()
    });
    assert_eq!(connections.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert!(!bettor.is_ready());
}
