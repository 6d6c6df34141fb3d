//! What the exchange really has, when its answers lie or do not come.

use serde_json::json;

use crate::server::Server;

fn codes(error: &serde_json::Value) -> (&serde_json::Value, &serde_json::Value) {
    (
        &error["message"],
        &error["data"]["APINGException"]["errorCode"],
    )
}

#[test]
fn a_bet_whose_answer_was_lost_is_there_and_one_whose_request_was_lost_is_not() {
    let server = Server::start(&[]);
    let ann = server.log_in("ann");
    let faults = json!([
        { "fault": "drop_before", "operation": "placeOrders" },
        { "fault": "drop_after", "operation": "placeOrders" },
    ]);
    server.control("faults", &faults);
    let first = ann.raw("placeOrders", &ann.waiting("lost"));
    assert!(first.is_err(), "{first:?}");
    assert!(ann.listed().is_empty());
    let second = ann.raw("placeOrders", &ann.waiting("kept"));
    assert!(second.is_err(), "{second:?}");
    assert_eq!(ann.listed(), ["kept"]);
    ann.call("placeOrders", &ann.waiting("heard"));
    assert_eq!(ann.listed(), ["kept", "heard"]);
    assert_eq!(server.accepted(), ["kept", "heard"]);
}

#[test]
fn a_report_of_timeout_and_a_page_of_html_hide_bets_that_stand() {
    let server = Server::start(&[]);
    let ann = server.log_in("ann");
    server.control(
        "faults",
        &json!({ "fault": "timeout_report", "operation": "placeOrders" }),
    );
    let report = ann.call("placeOrders", &ann.waiting("unknown"));
    assert_eq!(report["status"], "TIMEOUT");
    assert!(report["instructionReports"][0]["betId"].is_null());
    server.control(
        "faults",
        &json!({ "fault": "html_after", "operation": "placeOrders", "status": 200 }),
    );
    let page = ann.raw("placeOrders", &ann.waiting("paged")).unwrap();
    assert_eq!(page.status, 200);
    assert!(page.body.starts_with("<html>"), "{page:?}");
    server.control(
        "faults",
        &json!({ "fault": "html_before", "operation": "placeOrders" }),
    );
    assert_eq!(
        ann.raw("placeOrders", &ann.waiting("none")).unwrap().status,
        503
    );
    assert_eq!(ann.listed(), ["unknown", "paged"]);
}

#[test]
fn sessions_end_when_they_are_told_to_and_errors_come_in_their_envelopes() {
    let server = Server::start(&[]);
    let ann = server.log_in("ann");
    server.control(
        "faults",
        &json!({ "fault": "api_error", "code": "TOO_MANY_REQUESTS" }),
    );
    let busy = ann.error("listMarketBook", &json!({ "marketIds": ["1.1"] }));
    assert_eq!(
        codes(&busy),
        (&json!("ANGX-0008"), &json!("TOO_MANY_REQUESTS"))
    );
    let heavy = json!({ "marketIds": ["1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"],
        "priceProjection": { "priceData": ["EX_ALL_OFFERS", "EX_TRADED"] } });
    assert_eq!(
        codes(&ann.error("listMarketBook", &heavy)).1,
        "TOO_MUCH_DATA"
    );
    let missing = ann.error("listMarketCatalogue", &json!({ "filter": {} }));
    assert_eq!(
        (&missing["code"], &missing["message"]),
        (&json!(-32602), &json!("DSC-0018"))
    );
    assert_eq!(ann.error("listTea", &json!({}))["code"], -32601);

    server.control("faults", &json!({ "fault": "expire_sessions" }));
    let expired = ann.error("listCurrentOrders", &json!({}));
    assert_eq!(
        codes(&expired),
        (&json!("ANGX-0003"), &json!("INVALID_SESSION_INFORMATION"))
    );
    let rest = ann.rest("/exchange/account/rest/v1.0/getAccountFunds/", &json!({}));
    assert_eq!(rest.status, 400);
    assert_eq!(
        rest.json()["detail"]["exceptionname"],
        "AccountAPINGException"
    );
    let ann = server.log_in("ann");
    let funds = ann.rest("/exchange/account/rest/v1.0/getAccountFunds/", &json!({}));
    assert_eq!(
        (funds.status, &funds.json()["exposure"]),
        (200, &json!(0.0))
    );
}

#[test]
fn a_suspended_market_takes_no_bets_and_a_withdrawn_runner_takes_its_bets_along() {
    let server = Server::start(&[]);
    let (ann, bob) = (server.log_in("ann"), server.log_in("bob"));
    let bet = ann.waiting("early");
    let runner = &bet["instructions"][0]["selectionId"];
    ann.call("placeOrders", &bet);
    let market = server.market();
    server.control("market", &json!({ "do": "suspend", "market": market }));
    let refused = ann.call("placeOrders", &bet);
    assert_eq!(refused["errorCode"], "MARKET_SUSPENDED");
    assert!(refused["instructionReports"].is_null());
    server.control("market", &json!({ "do": "resume", "market": market }));
    server.control(
        "market",
        &json!({ "do": "remove_runner", "market": market, "selection": runner, "factor": 10.0 }),
    );
    let refused = ann.call("placeOrders", &bet);
    assert_eq!(
        refused["instructionReports"][0]["errorCode"],
        "RUNNER_REMOVED"
    );
    let orders = ann.call("listCurrentOrders", &json!({}));
    assert_eq!(orders["currentOrders"][0]["status"], "EXECUTION_COMPLETE");
    assert!(
        bob.listed().is_empty(),
        "bets of others are nobody's business"
    );
}

#[test]
fn bets_are_placed_all_or_none() {
    let server = Server::start(&[]);
    let ann = server.log_in("ann");
    let mut bets = ann.waiting("good");
    let mut bad = bets["instructions"][0].clone();
    bad["limitOrder"]["price"] = json!(1.011);
    bets["instructions"].as_array_mut().unwrap().push(bad);
    let report = ann.call("placeOrders", &bets);
    assert_eq!(
        (&report["status"], &report["errorCode"]),
        (&json!("FAILURE"), &json!("BET_ACTION_ERROR"))
    );
    let codes: Vec<_> = report["instructionReports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["errorCode"])
        .collect();
    assert_eq!(codes, ["RELATED_ACTION_FAILED", "INVALID_ODDS"]);
    let mut dear = ann.waiting("dear");
    dear["instructions"][0]["limitOrder"]["price"] = json!(1000);
    dear["instructions"][0]["limitOrder"]["size"] = json!(1_000_000);
    assert_eq!(
        ann.call("placeOrders", &dear)["errorCode"],
        "INSUFFICIENT_FUNDS"
    );
    assert!(ann.listed().is_empty() && server.accepted().is_empty());
}

#[test]
fn only_whom_it_knows_may_log_in() {
    let server = Server::start(&["--user", "ann", "--password", "s3cret&"]);
    let log_in = |password: &str| {
        let body = format!("username=ann&password={password}");
        server
            .ask("POST", "/api/login", "X-Application: key\r\n", &body)
            .unwrap()
            .json()
    };
    let refused = log_in("guess");
    assert_eq!(
        (&refused["status"], &refused["error"]),
        (&json!("FAIL"), &json!("INVALID_USERNAME_OR_PASSWORD"))
    );
    assert_eq!(log_in("s3cret%26")["status"], "SUCCESS");
}
