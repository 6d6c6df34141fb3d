//! Whatever goes wrong between us and the exchange: no bet is there twice, and in the end both sides agree.

use bea::engine::{Record, Unready};
use bea::market::{Doubt, Intent, Money, OrderChange, OrderId, OrderState, Side};
use bea::venue::betfair::{ListCurrentOrders, Names};
use serde_json::{Value, json};

use crate::bettor::Bettor;
use crate::orders::by_hand;
use crate::proxy::{Act, Proxy, json as answer};
use crate::stage::Stage;

/// Somebody who bets through a proxy.
fn through_proxy(stage: &Stage) -> (Bettor, Proxy) {
    let proxy = Proxy::before(stage.addresses.http);
    let mut plan = stage.plan();
    plan.settings.api_url = format!("http://{}/exchange", proxy.address);
    (Bettor::new(stage, plan), proxy)
}

/// The doubts that orders came into.
fn doubts(bettor: &Bettor, order: OrderId) -> Vec<Doubt> {
    let records = bettor.desk.journal.0.iter();
    records
        .filter_map(|record| match record {
            Record::Order {
                order: of,
                change: OrderChange::Doubted { doubt },
                ..
            } if *of == order => Some(*doubt),
            _ => None,
        })
        .collect()
}

#[test]
fn an_order_whose_answer_says_nothing_is_looked_for_and_found() {
    let stage = Stage::new();
    let (mut bettor, _proxy) = through_proxy(&stage);
    for (nth, fault) in [
        json!({ "fault": "drop_after", "operation": "placeOrders" }),
        json!({ "fault": "html_after", "operation": "placeOrders", "status": 200 }),
        json!({ "fault": "html_after", "operation": "placeOrders", "status": 502 }),
        json!({ "fault": "timeout_report", "operation": "placeOrders" }),
    ]
    .into_iter()
    .enumerate()
    {
        stage.fault(&fault);
        let order = bettor.waiting(nth);
        bettor.until_state(order, OrderState::Working);
        bettor.until("it has come back", Bettor::is_idle);
        assert_eq!(stage.accepted().len(), nth + 1, "{fault}");
    }
    bettor.agrees_with(&stage);
}

#[test]
fn an_order_that_never_arrived_is_looked_for_and_given_up() {
    let stage = Stage::new();
    let (mut bettor, proxy) = through_proxy(&stage);
    let mut orders = Vec::new();
    for (nth, act) in [
        Act::Cut,
        Act::CutAfter(200),
        answer("503 Service Unavailable", "<html>busy</html>"),
        answer("200 OK", "<html>who are you?</html>"),
        answer("200 OK", ""),
        answer("403 Forbidden", "{}"),
    ]
    .into_iter()
    .enumerate()
    {
        // Five failures in a row would have the exchange left alone.
        let good = bettor.matched(nth, 2);
        bettor.until_state(good, OrderState::Complete);
        proxy.once("placeOrders", act);
        let order = bettor.waiting(nth);
        bettor.until_state(order, OrderState::Unknown);
        orders.push(order);
    }
    for order in orders {
        bettor.until_state(order, OrderState::NotPlaced);
    }
    bettor.agrees_with(&stage);
}

#[test]
fn a_redirect_is_not_followed_and_leaves_it_open() {
    let stage = Stage::new();
    let (mut bettor, proxy) = through_proxy(&stage);
    let elsewhere = format!(
        "http://{}/exchange/betting/json-rpc/v1",
        stage.addresses.http
    );
    for status in [
        "307 Temporary Redirect",
        "308 Permanent Redirect",
        "302 Found",
    ] {
        let text =
            format!("HTTP/1.1 {status}\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n");
        proxy.once("placeOrders", Act::Answer(text));
        let order = bettor.waiting(0);
        bettor.until_state(order, OrderState::NotPlaced);
        assert_eq!(doubts(&bettor, order), [Doubt::VenueUnsure]);
    }
    assert!(stage.accepted().is_empty());
}

#[test]
fn an_answer_that_does_not_come_is_waited_for_only_so_long() {
    let stage = Stage::new();
    let (mut bettor, proxy) = through_proxy(&stage);
    proxy.once("placeOrders", Act::PassAndHang);
    let hangs = bettor.waiting(0);
    bettor.until("both ways say the same", |b| {
        b.is_idle() && b.state(hangs) == OrderState::Working
    });
    proxy.once("placeOrders", Act::Drip);
    let drips = bettor.waiting(1);
    bettor.until("both ways say the same", |b| {
        b.is_idle() && b.state(drips) == OrderState::Working
    });
    bettor.agrees_with(&stage);
}

#[test]
fn what_was_proven_not_to_have_left_is_not_sent_and_not_doubted() {
    let stage = Stage::new();
    let proxy = Proxy::before(stage.addresses.http);
    let mut plan = stage.plan();
    plan.settings.api_url = format!("http://{}/exchange", proxy.address);
    plan.breaker.failures = 2;
    let mut bettor = Bettor::new(&stage, plan);
    // Two failures in a row, and the exchange is left alone.
    for nth in 0..2 {
        proxy.once("placeOrders", answer("502 Bad Gateway", ""));
        let order = bettor.waiting(nth);
        bettor.until_state(order, OrderState::Unknown);
    }
    assert!(!bettor.connection.standing().betting.unwrap().is_open);
    let asked = proxy.count("placeOrders");
    let order = bettor.waiting(2);
    bettor.until_state(order, OrderState::NotSent);
    assert_eq!(proxy.count("placeOrders"), asked);
    bettor.settle_down();
    assert!(stage.accepted().is_empty());
}

#[test]
fn without_a_connection_nothing_has_left() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let order = bettor.waiting(0);
    bettor.until_state(order, OrderState::Working);
    let records = bettor.desk.journal.0.clone();
    drop(bettor);
    // Nobody listens at this address: it was given back.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut plan = stage.plan();
    plan.settings.api_url = format!("http://{nobody}/exchange");
    let mut deaf = Bettor::recovered(&stage, plan, &records);
    deaf.until("the feed is live", |b| {
        b.feeds.last() == Some(&bea::venue::FeedState::Live)
    });
    // Nothing can be listed, so that the gate stays shut, and what rests keeps counting.
    assert!(deaf.place(1, Side::Lay, 101, 2).is_err());
    assert!(matches!(
        deaf.unready(),
        Some(Unready::Starting | Unready::Deaf)
    ));
    assert!(deaf.desk.engine.house().burden.at_risk.is_positive());
    assert_eq!(stage.accepted().len(), 1);
}

#[test]
fn an_order_that_met_the_end_of_the_session_is_not_placed_and_not_sent_again() {
    let stage = Stage::new();
    let (mut bettor, proxy) = through_proxy(&stage);
    for nth in 0..2 {
        stage.ask("DELETE", "/control/sessions", "");
        let order = bettor.waiting(nth);
        // A question may have found it out a moment earlier; then the order did not even leave.
        let is_over = |state| matches!(state, OrderState::NotPlaced | OrderState::NotSent);
        bettor.until("it is not placed", |b| is_over(b.state(order)));
        assert!(doubts(&bettor, order).is_empty());
        bettor.until("it is logged in again", |b| {
            b.is_idle() && b.connection.standing().has_session
        });
        bettor.until("it may bet", |b| b.is_ready());
        let next = bettor.waiting(nth);
        bettor.until_state(next, OrderState::Working);
    }
    // Cancels may be asked for twice.
    let waits = bettor.waiting(2);
    bettor.until_state(waits, OrderState::Working);
    stage.ask("DELETE", "/control/sessions", "");
    bettor.wish(Intent::Cancel {
        order: waits,
        size: None,
    });
    bettor.until_state(waits, OrderState::Complete);
    assert!(
        proxy.count("placeOrders") <= 5,
        "each order left once at most"
    );
    bettor.agrees_with(&stage);
}

#[test]
fn too_many_requests_leave_it_open_and_make_a_pause() {
    let stage = Stage::new();
    let (mut bettor, proxy) = through_proxy(&stage);
    stage.fault(
        &json!({ "fault": "api_error", "operation": "placeOrders", "code": "TOO_MANY_REQUESTS" }),
    );
    let order = bettor.waiting(0);
    bettor.until_state(order, OrderState::Unknown);
    assert_eq!(doubts(&bettor, order), [Doubt::VenueUnsure]);
    let next = bettor.waiting(1);
    bettor.until_state(next, OrderState::NotSent);
    assert_eq!(proxy.count("placeOrders"), 1);
    bettor.until_state(order, OrderState::NotPlaced);
}

#[test]
fn a_repeated_name_is_no_refusal() {
    let stage = Stage::new();
    let (mut bettor, proxy) = through_proxy(&stage);
    // The exchange takes the order, and tells that it has seen it before: as when something on the way sent it twice.
    let body = |id: u64| {
        json!({ "jsonrpc": "2.0", "id": id, "result": { "status": "FAILURE", "errorCode": "DUPLICATE_TRANSACTION" } })
            .to_string()
    };
    let upstream = stage.addresses.http;
    let mut done = false;
    proxy.judge(move |request| {
        if done || !request.contains("placeOrders") {
            return Act::Pass;
        }
        done = true;
        use std::io::{Read, Write};
        let mut server = std::net::TcpStream::connect(upstream).unwrap();
        server.write_all(request.as_bytes()).unwrap();
        // Its answer has begun: it is carried out.
        server.read_exact(&mut [0; 12]).unwrap();
        let call: Value = serde_json::from_str(request.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        answer("200 OK", &body(call["id"].as_u64().unwrap()))
    });
    let order = bettor.waiting(0);
    bettor.until("both ways say the same", |b| {
        b.is_idle() && b.state(order) == OrderState::Working
    });
    bettor.agrees_with(&stage);
}

#[test]
fn a_list_that_fails_is_no_empty_list() {
    let stage = Stage::new();
    let (mut bettor, proxy) = through_proxy(&stage);
    let waits = bettor.waiting(0);
    bettor.until_state(waits, OrderState::Working);
    // Lists fail, and an order comes into doubt.
    proxy.judge(|request| match () {
        () if request.contains("listCurrentOrders") => answer("500 Internal Server Error", ""),
        () if request.contains("placeOrders") => Act::Cut,
        () => Act::Pass,
    });
    let open = bettor.waiting(1);
    bettor.until("the venue is deaf", |b| b.unready() == Some(Unready::Deaf));
    assert_eq!(
        (bettor.state(waits), bettor.state(open)),
        (OrderState::Working, OrderState::Unknown)
    );
    assert!(
        bettor.place(2, Side::Lay, 101, 2).is_err(),
        "nothing is bet meanwhile"
    );
    proxy.judge(|_| Act::Pass);
    bettor.until_state(open, OrderState::NotPlaced);
    bettor.until("it may bet", |b| b.is_ready());
    assert_eq!(bettor.state(waits), OrderState::Working);
    bettor.agrees_with(&stage);
}

#[test]
fn a_bet_that_the_list_shows_late_is_not_given_up() {
    let stage = Stage::new();
    let (mut bettor, proxy) = through_proxy(&stage);
    // The answer is lost, the stream is silent, and the list does not know the bet yet: twice, but before its time is over.
    let hidden = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let hide = std::sync::Arc::clone(&hidden);
    stage.fault(&json!([
        { "fault": "drop_after", "operation": "placeOrders" },
        { "fault": "stream_stall", "operation": "ocm", "ms": 800, "next": 1 },
    ]));
    proxy.judge(move |request| {
        let call: Value = request
            .split("\r\n\r\n")
            .nth(1)
            .and_then(|body| serde_json::from_str(body).ok())
            .unwrap_or_default();
        let lists = request.contains("listCurrentOrders");
        if lists && hide.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 3 {
            let body = json!({ "jsonrpc": "2.0", "id": call["id"], "result": { "currentOrders": [], "moreAvailable": false } });
            return answer("200 OK", &body.to_string());
        }
        Act::Pass
    });
    let order = bettor.waiting(0);
    bettor.until("it is found", |b| {
        b.state(order) == OrderState::Working && b.is_idle()
    });
    bettor.agrees_with(&stage);
}

#[test]
fn lists_are_read_to_their_last_page() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    let (market, runner) = (bettor.market().to_string(), bettor.runner(0).selection);
    let one = json!({ "orderType": "LIMIT", "selectionId": runner, "side": "LAY",
        "limitOrder": { "size": 1.0, "price": 1.01, "persistenceType": "LAPSE" } });
    for _ in 0..6 {
        let many: Vec<Value> = std::iter::repeat_n(one.clone(), 200).collect();
        by_hand(
            &stage,
            "placeOrders",
            &json!({ "marketId": market, "instructions": many }),
        );
    }
    let own = bettor.waiting(1);
    bettor.until_state(own, OrderState::Working);
    let reads = bettor.connection.reads();
    let all = stage
        .runtime
        .block_on(reads.current_orders(&ListCurrentOrders::default()))
        .unwrap();
    assert_eq!(all.len(), 1_201);
    let name = Names::of(own);
    assert!(
        all.iter()
            .any(|bet| bet.customer_order_ref.as_deref() == Some(name.as_str()))
    );
    let mut ids: Vec<_> = all.iter().map(|bet| &bet.bet_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1_201);
}

#[test]
fn a_list_without_an_end_is_given_up() {
    let stage = Stage::new();
    let (bettor, proxy) = through_proxy(&stage);
    proxy.judge(|request| {
        let call: Value = serde_json::from_str(request.split("\r\n\r\n").nth(1).unwrap()).unwrap_or_default();
        let body = json!({ "jsonrpc": "2.0", "id": call["id"], "result": { "currentOrders": [], "moreAvailable": true } });
        answer("200 OK", &body.to_string())
    });
    let reads = bettor.connection.reads();
    let listed = stage
        .runtime
        .block_on(reads.current_orders(&ListCurrentOrders::default()));
    assert_eq!(
        listed.unwrap_err(),
        bea::venue::betfair::client::ReadError::Endless
    );
}

#[test]
fn an_answer_longer_than_any_is_not_read_to_its_end() {
    let stage = Stage::new();
    let (bettor, proxy) = through_proxy(&stage);
    let long = "x".repeat(9 << 20);
    proxy.judge(move |_| answer("200 OK", &long));
    let funds = stage.runtime.block_on(bettor.connection.reads().funds());
    assert!(funds.unwrap_err().to_string().contains("8 MiB"));
}

#[test]
fn a_cancel_that_comes_too_late_is_told_with_what_really_happened() {
    let stage = Stage::new();
    let (mut bettor, _proxy) = through_proxy(&stage);
    let order = bettor.waiting(0);
    bettor.until_state(order, OrderState::Working);
    // Somebody else was quicker.
    let list = by_hand(&stage, "listCurrentOrders", &json!({}));
    let bet = list["currentOrders"][0]["betId"].clone();
    stage.fault(&json!({ "fault": "stream_stall", "operation": "ocm", "ms": 400 }));
    by_hand(
        &stage,
        "cancelOrders",
        &json!({ "marketId": bettor.market(), "instructions": [{ "betId": bet, "sizeReduction": 2.0 }] }),
    );
    bettor.wish(Intent::Cancel { order, size: None });
    bettor.until_state(order, OrderState::Complete);
    assert_eq!(bettor.order(order).cancelled, Money::from_major(2));
    bettor.until("it has come back", Bettor::is_idle);
    bettor.agrees_with(&stage);
}

#[test]
fn a_storm_of_faults_doubles_nothing() {
    let stage = Stage::new();
    let mut bettor = Bettor::new(&stage, stage.plan());
    stage.fault(&json!([
        { "fault": "drop_before", "operation": "placeOrders", "probability": 0.1 },
        { "fault": "drop_after", "operation": "placeOrders", "probability": 0.1 },
        { "fault": "html_before", "operation": "placeOrders", "probability": 0.05 },
        { "fault": "html_after", "operation": "placeOrders", "probability": 0.05, "status": 200 },
        { "fault": "timeout_report", "operation": "placeOrders", "probability": 0.1 },
        { "fault": "drop_after", "operation": "cancelOrders", "probability": 0.1 },
        { "fault": "html_before", "operation": "listCurrentOrders", "probability": 0.05 },
        { "fault": "stream_duplicate", "operation": "ocm", "probability": 0.1 },
        { "fault": "stream_reorder", "operation": "ocm", "probability": 0.1 },
        { "fault": "expire_sessions", "operation": "placeOrders", "probability": 0.02 },
        { "fault": "stream_drop", "probability": 0.002 },
    ]));
    let mut placed = 0;
    for round in 0..60 {
        let side = if round % 3 == 0 {
            Side::Back
        } else {
            Side::Lay
        };
        if bettor.place(round % 6, side, 101, 2).is_ok() {
            placed += 1;
        }
        let waits: Vec<OrderId> = bettor
            .orders()
            .values()
            .filter(|order| order.state == OrderState::Working && !order.cancel_pending)
            .map(|order| order.id)
            .collect();
        if let Some(order) = waits.first().filter(|_| round % 4 == 0) {
            bettor.wish(Intent::Cancel {
                order: *order,
                size: None,
            });
        }
        bettor.until("most has come back", |b| {
            b.connection
                .standing()
                .betting
                .is_some_and(|betting| betting.under_way < 4)
        });
    }
    stage.ask("DELETE", "/control/faults", "");
    bettor.settle_down();
    bettor.until("it may bet", |b| b.is_ready());
    assert!(placed > 10, "{placed} orders");
    bettor.agrees_with(&stage);
    for order in bettor.orders().values() {
        let name = Names::of(order.id);
        let list = by_hand(
            &stage,
            "listCurrentOrders",
            &json!({ "customerOrderRefs": [name] }),
        );
        let Some(bet) = list["currentOrders"]
            .as_array()
            .and_then(|list| list.first())
        else {
            continue;
        };
        assert_eq!(bet["sizeMatched"], order.matched.to_f64(), "{order:?}");
        assert_eq!(bet["sizeCancelled"], order.cancelled.to_f64(), "{order:?}");
    }
}
