//! Logging in: once, kept, renewed by one at a time, and never tried again where that would lock the account.

use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;

use bea::config::Secret;
use bea::market::{OrderState, TimeMs};
use bea::venue::Heard;
use bea::venue::betfair::client::{self, ReadError, SessionError};
use serde_json::json;

use crate::bettor::Bettor;
use crate::proxy::{Proxy, json as answer};
use crate::stage::{Stage, now};

/// A plan whose logins go through a proxy.
fn through_proxy(stage: &Stage) -> (client::Plan, Proxy) {
    let proxy = Proxy::before(stage.addresses.http);
    let mut plan = stage.plan();
    plan.settings.identity_url = format!("http://{}/api", proxy.address);
    (plan, proxy)
}

/// Asks for the funds on a connection of its own.
fn funds(stage: &Stage, plan: client::Plan) -> Result<f64, ReadError> {
    let (out, _heard) = mpsc::channel();
    let connection = client::connect(plan, stage.runtime.handle(), out).unwrap();
    let funds = stage.runtime.block_on(connection.reads().funds());
    funds.map(|funds| funds.available_to_bet_balance)
}

#[test]
fn a_session_is_kept_over_restarts_for_us_alone_and_renewed_when_it_is_over() {
    let stage = Stage::new();
    let (plan, proxy) = through_proxy(&stage);
    for _ in 0..3 {
        assert_eq!(funds(&stage, plan.clone()), Ok(10_000.0));
    }
    assert_eq!(proxy.count("/api/login"), 1);
    let file = stage.data().join("betfair-session.json");
    let mode =
        |file: &std::path::Path| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    stage.ask("DELETE", "/control/sessions", "");
    assert_eq!(funds(&stage, plan.clone()), Ok(10_000.0));
    assert_eq!(proxy.count("/api/login"), 2);
    // What others could read is not used.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(funds(&stage, plan.clone()), Ok(10_000.0));
    assert_eq!((proxy.count("/api/login"), mode(&file)), (3, 0o600));
    // Nor is what is no session, nor that of somebody else.
    std::fs::write(&file, "{\"of\":").unwrap();
    assert_eq!(funds(&stage, plan.clone()), Ok(10_000.0));
    let mut other = plan;
    other.secrets.app_key = Secret::new("another-key");
    assert_eq!(funds(&stage, other), Ok(10_000.0));
    assert_eq!(proxy.count("/api/login"), 5);
}

#[test]
fn a_wrong_password_is_tried_once_and_not_again_by_the_next_start() {
    let stage = Stage::new();
    let (mut plan, proxy) = through_proxy(&stage);
    plan.secrets.password = Secret::new("guessed-wrong");
    for _ in 0..3 {
        let error = funds(&stage, plan.clone()).unwrap_err();
        let ReadError::Session(SessionError::Refused { code, file }) = &error else {
            panic!("{error}")
        };
        assert_eq!(code, "INVALID_USERNAME_OR_PASSWORD");
        assert!(file.ends_with("betfair-session.json"));
        assert!(!error.to_string().contains("guessed-wrong"));
    }
    assert_eq!(proxy.count("/api/login"), 1);
    // Another password is another matter.
    plan.secrets.password = stage.plan().secrets.password;
    assert_eq!(funds(&stage, plan), Ok(10_000.0));
}

#[test]
fn after_too_many_logins_there_are_none_for_twenty_minutes() {
    let stage = Stage::new();
    let (plan, proxy) = through_proxy(&stage);
    proxy.judge(|_| {
        answer(
            "200 OK",
            r#"{"status":"FAIL","error":"TEMPORARY_BAN_TOO_MANY_REQUESTS","token":""}"#,
        )
    });
    let begun = now();
    for _ in 0..3 {
        let ReadError::Session(SessionError::Banned { until }) =
            funds(&stage, plan.clone()).unwrap_err()
        else {
            panic!("it is no ban")
        };
        assert!(until - begun >= 20 * 60_000 && until - begun < 21 * 60_000);
    }
    assert_eq!(proxy.count("/api/login"), 1);
    // Twenty minutes later.
    let mut later = plan;
    later.clock = || TimeMs(now().0 + 21 * 60_000);
    proxy.judge(|_| crate::proxy::Act::Pass);
    assert_eq!(funds(&stage, later), Ok(10_000.0));
}

#[test]
fn a_login_that_gets_no_answer_is_tried_again_after_a_pause() {
    let stage = Stage::new();
    let (plan, proxy) = through_proxy(&stage);
    proxy.judge(|_| answer("503 Service Unavailable", "<html>"));
    let (out, _heard) = mpsc::channel();
    let connection = client::connect(plan, stage.runtime.handle(), out).unwrap();
    let reads = connection.reads();
    let asked = || stage.runtime.block_on(reads.funds());
    for _ in 0..5 {
        let error = asked().unwrap_err();
        assert!(
            matches!(error, ReadError::Session(SessionError::Waiting { .. })),
            "{error}"
        );
    }
    assert_eq!(proxy.count("/api/login"), 1, "the pause is kept");
    proxy.judge(|_| crate::proxy::Act::Pass);
    let by = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while asked().is_err() {
        assert!(std::time::Instant::now() < by);
        std::thread::yield_now();
    }
}

#[test]
fn many_who_find_the_session_over_log_in_once() {
    let stage = Stage::new();
    let (plan, proxy) = through_proxy(&stage);
    let (out, _heard) = mpsc::channel();
    let connection = client::connect(plan, stage.runtime.handle(), out).unwrap();
    let reads = connection.reads();
    stage.runtime.block_on(reads.funds()).unwrap();
    stage.ask("DELETE", "/control/sessions", "");
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let reads = reads.clone();
            stage.runtime.spawn(async move { reads.details().await })
        })
        .collect();
    for asked in asking {
        assert_eq!(
            stage
                .runtime
                .block_on(asked)
                .unwrap()
                .unwrap()
                .currency_code,
            "GBP"
        );
    }
    assert_eq!(proxy.count("/api/login"), 2);
}

#[test]
fn the_session_is_kept_alive_and_renewed_if_it_was_over() {
    let stage = Stage::new();
    let (mut plan, proxy) = through_proxy(&stage);
    plan.settings.keep_alive_seconds = 1;
    let mut bettor = Bettor::new(&stage, plan);
    bettor.until("it was kept alive", |_| proxy.count("/api/keepAlive") >= 1);
    stage.ask("DELETE", "/control/sessions", "");
    bettor.until("it is renewed", |b| {
        proxy.count("/api/login") >= 2 && b.connection.standing().has_session && b.is_ready()
    });
    let order = bettor.waiting(0);
    bettor.until_state(order, OrderState::Working);
    stage.runtime.block_on(bettor.connection.log_out());
    assert!(!bettor.connection.standing().has_session && proxy.count("/api/logout") == 1);
}

#[test]
fn whoever_watches_alone_has_no_way_to_bet_and_is_told_why_nothing_comes() {
    let stage = Stage::new();
    let (mut plan, proxy) = through_proxy(&stage);
    plan.secrets.password = Secret::new("guessed-wrong");
    let (out, heard) = mpsc::channel();
    let connection = client::connect(plan, stage.runtime.handle(), out).unwrap();
    assert_eq!(connection.standing().betting, None);
    connection.watch(bea::venue::betfair::StreamFilter::default());
    let alarm = loop {
        let heard = heard.recv_timeout(std::time::Duration::from_secs(20));
        if let Heard::Alarm { code, detail } = heard.unwrap() {
            break (code, detail);
        }
    };
    assert_eq!(alarm.0, "BETFAIR_LOGIN");
    assert!(
        alarm.1.contains("INVALID_USERNAME_OR_PASSWORD") && !alarm.1.contains("guessed"),
        "{}",
        alarm.1
    );
    assert_eq!(proxy.count("/api/login"), 1);
}

#[test]
fn the_exchange_says_what_time_it_is() {
    let stage = Stage::new();
    let proxy = Proxy::before(stage.addresses.http);
    let mut plan = stage.plan();
    plan.settings.api_url = format!("http://{}/exchange", proxy.address);
    proxy.judge(|_| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "result": {} }).to_string();
        crate::proxy::Act::Answer(format!(
            "HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 14:00:01 GMT\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    });
    let (out, _heard) = mpsc::channel();
    let connection = client::connect(plan, stage.runtime.handle(), out).unwrap();
    let time = stage.runtime.block_on(connection.reads().time()).unwrap();
    assert_eq!(time, TimeMs::parse("2026-11-28T14:00:01Z").unwrap());
}
