//! Trouble between the real host in LIVE and the exchange, by the catalogue of faults: whatever happens on the way, no bet
//! is there twice, none is unexplained, and nothing is bet on odds that are not to be trusted.

use std::sync::{Arc, OnceLock};

use bea::ledger::BetRow;
use bea::market::Money;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::host::{Host, strategy};
use crate::money::{BY_HAND, LIVE, approve, arm, compare, done, until_sure};
use crate::proxy::{Act, Manner, Way};

/// A host that bets with money. Orders that fail one after the other do not have it leave the exchange alone.
fn live() -> (Bench, Host) {
    let bench = Bench::with_races(1, &format!("{LIVE}\n[breaker]\nfailures = 100\n"));
    approve(&bench);
    arm(&bench);
    let mut host = bench.start();
    bench.until_bets(&mut host, 1);
    (bench, host)
}

fn bets(host: &Host) -> u64 {
    strategy(&host.health(), "eager")["bets"].as_u64().unwrap()
}

/// Plays until the strategy has bet once more.
fn another(bench: &Bench, host: &mut Host) {
    let now = bets(host);
    bench.until_bets(host, now + 1);
}

/// Ends it, and compares the ledger with what really happened. Each order left once, whatever became of it.
fn end(bench: &Bench, host: &mut Host) {
    until_sure(bench, host);
    done(bench, &["kill", "--reason", "the end"]);
    host.stop();
    compare(bench);
    let names = bench.http.seen("placeOrders");
    let mut names: Vec<String> = names
        .iter()
        .map(|request| asked(request)["params"]["customerRef"].to_string())
        .collect();
    let requests = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), requests, "an order left twice");
}

/// The call in a request.
fn asked(request: &str) -> Value {
    let body = request.split("\r\n\r\n").nth(1).unwrap_or_default();
    serde_json::from_str(body).unwrap_or_default()
}

fn page(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What a report on one order says, if it says this of the whole and that of the order.
fn report(request: &str, whole: &Value, one: &Value) -> String {
    let call = asked(request);
    let mut result = json!({
        "customerRef": call["params"]["customerRef"],
        "marketId": call["params"]["marketId"],
        "instructionReports": [{ "instruction": call["params"]["instructions"][0] }],
    });
    let merge = |into: &mut Value, from: &Value| {
        for (name, value) in from.as_object().unwrap() {
            into[name] = value.clone();
        }
    };
    merge(&mut result, whole);
    merge(&mut result["instructionReports"][0], one);
    let body = json!({ "jsonrpc": "2.0", "id": call["id"], "result": result });
    page("200 OK", &body.to_string())
}

/// The next order fares as this says. Gives its name, once it has come.
fn next_order(bench: &Bench, act: impl Fn(&str) -> Act + Send + 'static) -> Arc<OnceLock<String>> {
    let struck: Arc<OnceLock<String>> = Arc::default();
    let name = Arc::clone(&struck);
    bench.http.judge(move |request| {
        if name.get().is_some() || !request.contains("placeOrders") {
            return Act::Pass;
        }
        let named = &asked(request)["params"]["instructions"][0]["customerOrderRef"];
        name.set(named.as_str().unwrap().to_owned()).unwrap();
        act(request)
    });
    struck
}

/// Has the next order that leaves fare as this says; gives its name at the exchange. One that is held back, as for a
/// second after too many requests, is none.
fn strike(bench: &Bench, host: &mut Host, act: Fate) -> String {
    let struck = next_order(bench, act);
    for _ in 0..100 {
        if let Some(name) = struck.get() {
            return name.clone();
        }
        bench.step(host, 1);
    }
    panic!("no order left: {:?}", bench.bets());
}

/// Each of these is there once, and the ledger knows it.
fn all_are_there(bench: &Bench, names: &[String]) {
    let accepted = bench.accepted();
    for (nth, name) in names.iter().enumerate() {
        assert_eq!(accepted.get(name), Some(&1), "{nth}: {name}");
    }
}

/// None of these is there, and the ledger says so.
fn none_are_there(bench: &Bench, names: &[String]) {
    let (accepted, bets) = (bench.accepted(), bench.bets());
    for (nth, name) in names.iter().enumerate() {
        let bet = bets.iter().find(|bet| *name == format!("b1{}", bet.bet));
        assert_eq!(bet.unwrap().state, "NOT_PLACED", "{nth}: {name}");
        assert_eq!(accepted.get(name), None, "{nth}: {name}");
    }
}

/// What becomes of a request.
type Fate = Box<dyn Fn(&str) -> Act + Send>;

/// What befalls an order that the exchange has taken.
fn after_it_was_taken() -> Vec<Fate> {
    let failure = |code: &'static str| {
        move |request: &str| {
            let (whole, one) = (
                json!({ "status": "FAILURE", "errorCode": code }),
                json!({ "status": "FAILURE", "errorCode": "ERROR_IN_ORDER" }),
            );
            Act::PassAndAnswer(report(request, &whole, &one))
        }
    };
    vec![
        Box::new(|_| Act::CutAnswer(40)),
        Box::new(|_| Act::PassAndHang),
        Box::new(|_| Act::Drip),
        Box::new(|_| Act::PassAndAnswer(page("200 OK", "<html>who are you?</html>"))),
        Box::new(|_| Act::PassAndAnswer(page("502 Bad Gateway", ""))),
        Box::new(failure("DUPLICATE_TRANSACTION")),
        Box::new(failure("PROCESSED_WITH_ERRORS")),
        Box::new(failure("A_CODE_OF_TOMORROW")),
        Box::new(|request| {
            let (whole, one) = (
                json!({ "status": "SUCCESS" }),
                json!({ "status": "SUCCESS", "orderStatus": "PENDING" }),
            );
            Act::PassAndAnswer(report(request, &whole, &one))
        }),
    ]
}

/// What befalls an order that never arrives.
fn before_it_arrived(exchange: &str) -> Vec<Fate> {
    let elsewhere = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {exchange}/exchange/betting/json-rpc/v1\r\nContent-Length: 0\r\n\r\n"
    );
    vec![
        Box::new(|_| Act::Cut),
        Box::new(|_| Act::CutAfter(200)),
        Box::new(move |_| Act::Answer(elsewhere.clone())),
        Box::new(|_| Act::Answer(page("429 Too Many Requests", "{}"))),
        Box::new(|request| {
            let id = &asked(request)["id"];
            let error = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32099, "message": "ANGX-0002",
                "data": { "APINGException": { "errorCode": "TOO_MANY_REQUESTS" }, "exceptionname": "APINGException" } } });
            Act::Answer(page("200 OK", &error.to_string()))
        }),
    ]
}

#[test]
fn an_order_whose_answer_is_lost_on_the_way_is_found_and_not_sent_again() {
    let (bench, mut host) = live();
    let fates = after_it_was_taken().into_iter().take(3);
    let struck: Vec<String> = fates.map(|act| strike(&bench, &mut host, act)).collect();
    until_sure(&bench, &mut host);
    all_are_there(&bench, &struck);
    end(&bench, &mut host);
}

/// Orders that are never heard of are given up after three quarters of a minute.
#[test]
#[ignore = "takes minutes: cargo test --test live -- --ignored trouble"]
fn whatever_befalls_an_order_it_is_there_once_or_not_at_all() {
    let (bench, mut host) = live();
    let (mut taken, mut lost) = (Vec::new(), Vec::new());
    for act in after_it_was_taken() {
        taken.push(strike(&bench, &mut host, act));
        until_sure(&bench, &mut host);
    }
    // With three in doubt within a minute there are no more orders until that is over.
    let mut fates = before_it_arrived(&bench.server.http).into_iter();
    while lost.len() < 5 {
        for act in fates.by_ref().take(3) {
            lost.push(strike(&bench, &mut host, act));
        }
        until_sure(&bench, &mut host);
    }
    all_are_there(&bench, &taken);
    none_are_there(&bench, &lost);
    end(&bench, &mut host);
}

#[test]
fn an_account_without_money_is_said_to_be_one() {
    let (bench, mut host) = live();
    next_order(&bench, |request| {
        let (whole, one) = (
            json!({ "status": "FAILURE", "errorCode": "BET_ACTION_ERROR" }),
            json!({ "status": "FAILURE", "errorCode": "INSUFFICIENT_FUNDS" }),
        );
        Act::Answer(report(request, &whole, &one))
    });
    another(&bench, &mut host);
    host.hear("INSUFFICIENT_FUNDS");
    until_sure(&bench, &mut host);
    let bets = bench.bets();
    assert!(bets.iter().any(|bet| bet.state == "REJECTED"), "{bets:?}");
    end(&bench, &mut host);
}

/// Whatever the stream does, so many messages later nothing was bet.
fn nothing_is_bet(bench: &Bench, what: &str) {
    let before = bench.accepted();
    for _ in 0..6 {
        bench.server.control("clock", &json!({ "step": 5 }));
    }
    assert_eq!(bench.accepted(), before, "{what}");
}

fn same(line: &str) -> Option<Vec<String>> {
    Some(vec![line.to_owned()])
}

#[test]
fn nothing_is_bet_while_the_stream_is_not_to_be_trusted() {
    let (bench, mut host) = live();
    let heal = |bench: &Bench, host: &mut Host| {
        bench.wire.rewrite(|_, line| same(line));
        bench.live(host);
        another(bench, host);
    };

    // It is silent, and the connection stays open.
    until_sure(&bench, &mut host);
    bench.wire.rewrite(|way, line| match way {
        Way::ToClient => Some(Vec::new()),
        Way::ToServer => same(line),
    });
    nothing_is_bet(&bench, "silent");
    host.hear("no bets: the feed is lost");
    heal(&bench, &mut host);

    // Orders would arrive; the stream does not come back.
    until_sure(&bench, &mut host);
    bench.wire.rewrite(|_, _| None);
    host.hear("no bets: the feed is lost");
    nothing_is_bet(&bench, "half a network");
    heal(&bench, &mut host);

    // The exchange says that its data is incomplete; nobody hangs up.
    until_sure(&bench, &mut host);
    let before = ends(&host);
    bench.wire.rewrite(|way, line| match way {
        Way::ToClient if line.contains("\"mcm\"") => {
            same(&line.replacen("{", "{\"status\":503,", 1))
        }
        _ => same(line),
    });
    bench.server.control("clock", &json!({ "step": 1 }));
    host.hear("no bets: the feed says not to trust it");
    nothing_is_bet(&bench, "503");
    assert_eq!(ends(&host), before);
    heal(&bench, &mut host);

    // Odds of an hour ago.
    until_sure(&bench, &mut host);
    bench.wire.rewrite(|way, line| match way {
        Way::ToClient if line.contains("\"mcm\"") => same(&aged(line)),
        _ => same(line),
    });
    // What was said before may still be on its way.
    bench.step(&mut host, 1);
    until_sure(&bench, &mut host);
    nothing_is_bet(&bench, "old odds");
    heal(&bench, &mut host);
    end(&bench, &mut host);
}

/// The same message, published an hour earlier.
fn aged(line: &str) -> String {
    let mut message: Value = serde_json::from_str(line).unwrap();
    if let Some(at) = message["pt"].as_i64() {
        message["pt"] = json!(at - 3_600_000);
    }
    message.to_string()
}

/// How often the stream has ended.
fn ends(host: &Host) -> u64 {
    let health = host.health();
    health["checks"]["feed"][0]["reconnects"].as_u64().unwrap()
}

/// Something that ends the stream, once; and it comes back.
fn lost_and_found(bench: &Bench, host: &mut Host, trouble: impl FnOnce(&Bench)) {
    let before = ends(host);
    trouble(bench);
    bench.server.control("clock", &json!({ "step": 1 }));
    host.until("lost and found", |health| {
        let feed = &health["checks"]["feed"][0];
        feed["reconnects"].as_u64() > Some(before) && feed["state"] == "live"
    });
}

#[test]
fn a_stream_in_pieces_twice_or_broken_off_is_heard_as_it_was_meant() {
    let (bench, mut host) = live();
    for pieces in [1, 7, 4_096] {
        bench.wire.send(Manner::Pieces(pieces));
        another(&bench, &mut host);
    }
    bench.wire.send(Manner::Whole);
    bench.wire.rewrite(|way, line| match way {
        Way::ToClient => Some(vec![line.to_owned(), line.to_owned()]),
        Way::ToServer => same(line),
    });
    another(&bench, &mut host);
    bench.wire.rewrite(|_, line| same(line));
    lost_and_found(&bench, &mut host, |bench| bench.wire.send(Manner::BreakOff));
    another(&bench, &mut host);
    // Several changes in one.
    bench.wire.rewrite(|way, line| match way {
        Way::ToClient => same(&line.replace("\"mc\":[{", "\"mc\":[{\"con\":true,")),
        Way::ToServer => same(line),
    });
    bench.step(&mut host, 5);
    host.hear("FEED_CONFLATED");
    end(&bench, &mut host);
}

/// Each lost connection doubles the pause before the next: these are apart from the others.
#[test]
fn a_line_that_cannot_be_read_ends_the_connection_and_a_new_one_begins() {
    let (bench, mut host) = live();
    for bad in [
        "{\"op\":\"mcm\",\"id\":",
        "{\"op\":\"mcm\",\"pt\":NaN,\"mc\":[]}",
        "null",
        "\u{1b}[2J",
    ] {
        let mut said = false;
        let rewrite = move |way, line: &str| match way {
            Way::ToClient if !said && line.contains("\"mcm\"") => {
                said = true;
                Some(vec![bad.to_owned(), line.to_owned()])
            }
            _ => same(line),
        };
        lost_and_found(&bench, &mut host, |bench| bench.wire.rewrite(rewrite));
    }
    another(&bench, &mut host);
    end(&bench, &mut host);
}

#[test]
fn a_place_to_go_on_from_that_is_forgotten_brings_a_fresh_image() {
    let (bench, mut host) = live();
    // The exchange has forgotten where we were, and sends everything anew.
    let mut cut = false;
    let forget = move |way, line: &str| match way {
        Way::ToClient if !cut => {
            cut = true;
            None
        }
        Way::ToServer => {
            same(&line.replace("\"initialClk\":\"", "\"initialClk\":\"of another world "))
        }
        Way::ToClient => same(line),
    };
    lost_and_found(&bench, &mut host, |bench| bench.wire.rewrite(forget));
    another(&bench, &mut host);
    end(&bench, &mut host);
}

#[test]
fn a_host_that_cannot_list_bets_places_none_and_goes_on_when_it_can() {
    let (bench, mut host) = live();
    until_sure(&bench, &mut host);
    host.signal("-KILL");
    drop(host);
    bench
        .http
        .judge(|request| match request.contains("listCurrentOrders") {
            true => Act::Answer(page("500 Internal Server Error", "")),
            false => Act::Pass,
        });
    let mut host = bench.start();
    nothing_is_bet(&bench, "what stands is not known");
    // A list that ends in the midst of its pages is none either.
    bench
        .http
        .judge(|request| match request.contains("listClearedOrders") {
            true => Act::CutAnswer(60),
            false => Act::Pass,
        });
    nothing_is_bet(&bench, "what stands is not known to its end");
    bench.http.judge(|_| Act::Pass);
    another(&bench, &mut host);
    end(&bench, &mut host);
}

#[test]
fn where_nobody_listens_nothing_has_left() {
    let (bench, mut host) = live();
    until_sure(&bench, &mut host);
    let (known, asked) = (bench.bets().len(), bench.http.count("placeOrders"));
    // Bets cannot be listed either, so that soon none is let go any more.
    let withheld = || bench.refused("VENUE_NOT_READY");
    let before = withheld();
    bench.http.shut();
    for _ in 0..40 {
        if bench.bets().len() > known || withheld() > before {
            break;
        }
        bench.step(&mut host, 2);
    }
    bench.http.open();
    another(&bench, &mut host);
    until_sure(&bench, &mut host);
    let all = bench.bets();
    let unsent = all.iter().filter(|bet| bet.state == "NOT_SENT").count();
    assert!(unsent > 0 || withheld() > before, "{all:?}");
    let left = bench.http.count("placeOrders") - asked;
    assert_eq!(all.len() - known - unsent, left, "{all:?}");
    end(&bench, &mut host);
}

#[test]
fn bets_of_others_count_and_markets_change_under_our_hands() {
    let (bench, mut host) = live();
    // Somebody bets by hand on the same account.
    let session = bench.server.log_in("ann");
    session.call("placeOrders", &session.waiting(BY_HAND));
    host.hear("BET_EXTERNAL");
    another(&bench, &mut host);
    assert!(
        session.listed().contains(&BY_HAND.to_owned()),
        "nobody touched it"
    );

    // The market is suspended before the order arrives, whatever the host has seen.
    let market = bench.server.market();
    let (control, suspended) = (
        bench.server.http.clone(),
        json!({ "do": "suspend", "market": market }),
    );
    next_order(&bench, move |_| {
        crate::server::ask(
            &control,
            "POST",
            "/control/market",
            "",
            &suspended.to_string(),
        )
        .unwrap();
        Act::Pass
    });
    another(&bench, &mut host);
    until_sure(&bench, &mut host);
    bench.http.judge(|_| Act::Pass);
    bench
        .server
        .control("market", &json!({ "do": "resume", "market": market }));
    another(&bench, &mut host);

    // A runner on which we bet is withdrawn.
    until_sure(&bench, &mut host);
    let taken = bench.taken();
    let runner = &taken
        .iter()
        .find(|bet| bet["customer_order_ref"] != BY_HAND)
        .unwrap()["selection_id"];
    bench.server.control(
        "market",
        &json!({ "do": "remove_runner", "market": market, "selection": runner, "factor": 10.0 }),
    );
    another(&bench, &mut host);
    let is_void = |bet: &BetRow| bet.state == "EXECUTION_COMPLETE" && bet.matched == Money::ZERO;
    host.until("the bet is void", |_| bench.bets().iter().any(is_void));
    end(&bench, &mut host);
}
