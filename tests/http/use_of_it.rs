//! What an operator and a program do with it.

use serde_json::Value;

use crate::client::{Guarded, data, get, json, post, request};

const BODY: &str = r#"{"reason":"a drill"}"#;

#[test]
fn betting_is_stopped_and_let_go_on_and_the_ledger_says_by_whom() {
    let mut guarded = Guarded::start();
    let (host, control) = (&guarded.host, Some(guarded.control.as_str()));
    let ask = |path: &str| {
        let answer = post(host, &format!("/api/v1/{path}"), control, &[], BODY);
        assert_eq!(answer.code, 200, "{path}: {}", answer.body);
        answer
    };
    let act = |path: &str| json(&ask(path))["data"].clone();
    for (path, state) in [
        ("reduce", "REDUCE"),
        ("pause", "PAUSED"),
        ("kill", "HALTED"),
    ] {
        let done = act(path);
        assert_eq!(
            (&done["state"], &done["obeyed"]),
            (&state.into(), &true.into())
        );
        assert!(
            done["reason"]
                .as_str()
                .unwrap()
                .contains("a drill (by HTTP (alice, request "),
            "{done}"
        );
    }
    assert_eq!(
        data(host, "/api/v1/orders", control),
        Value::Array(Vec::new())
    );
    let paused = act("pause");
    assert_eq!(paused["state"], "HALTED", "the tightest word wins");
    let answer = ask("resume");
    assert_eq!(json(&answer)["data"]["state"], "ACTIVE");
    let mut head = answer.head.lines();
    let resume_id = head.find_map(|line| line.strip_prefix("x-request-id: "));
    let resume_id = resume_id.unwrap();
    assert!(!guarded.place.path("data/KILL").exists());
    let path = guarded.place.path("data/ledger.sqlite");
    let ledger = rusqlite::Connection::open(path).unwrap();
    let why: String = ledger
        .query_row(
            "SELECT detail FROM house_events WHERE what = 'TRADING' AND name = 'ACTIVE'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        why,
        format!("a drill (by HTTP (alice, request {resume_id}))")
    );
    // One ring: what the engine, the server and the operator raise is in the same list.
    let alerts = data(host, "/api/v1/alerts", control);
    let codes: Vec<&str> = alerts
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|alert| alert["code"].as_str())
        .collect();
    for code in [
        "KILL_ASKED",
        "HALTED",
        "RESUME_ASKED",
        "RESUMED",
        "PAUSED",
        "REDUCE",
    ] {
        assert_eq!(
            codes.iter().filter(|known| **known == code).count(),
            1,
            "{code}: {codes:?}"
        );
    }
    who_asked_for_a_version_is_on_record(&mut guarded, &ledger);
}

/// A version that is saved may be found before the request comes; then it was not the request that found it.
fn who_asked_for_a_version_is_on_record(guarded: &mut Guarded, ledger: &rusqlite::Connection) {
    let (host, control) = (&mut guarded.host, Some(guarded.control.as_str()));
    let file = guarded.place.strategy("fav");
    let text = std::fs::read_to_string(&file).unwrap();
    for version in 0..50 {
        let before = host.health()["checks"]["strategies"][0]["hash"].clone();
        std::fs::write(&file, format!("{text}// {version}\n")).unwrap();
        let answer = post(host, "/api/v1/reload", control, &[], "{}");
        let mut head = answer.head.lines();
        let id = head.find_map(|line| line.strip_prefix("x-request-id: "));
        let wanted = format!("HTTP (alice, request {})", id.unwrap());
        host.until("reloaded", |health| {
            health["checks"]["strategies"][0]["hash"] != before
        });
        let by: Option<String> = ledger
            .query_row(
                "SELECT asked_by FROM strategy_versions ORDER BY id DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .unwrap();
        if by.is_some() {
            assert_eq!(by, Some(wanted));
            return;
        }
    }
    panic!("no version is on record with who asked for it");
}

#[test]
fn a_request_sent_twice_under_one_key_is_done_once() {
    let guarded = Guarded::start();
    let (host, control) = (&guarded.host, Some(guarded.control.as_str()));
    let key = [("Idempotency-Key", "k1")];
    let first = post(host, "/api/v1/pause", control, &key, BODY);
    assert_eq!(first.code, 200, "{}", first.body);
    let resumed = post(host, "/api/v1/resume", control, &[], BODY);
    assert_eq!(resumed.code, 200, "{}", resumed.body);
    let again = post(host, "/api/v1/pause", control, &key, BODY);
    assert_eq!((again.code, &again.body), (200, &first.body));
    assert!(again.head.contains("idempotency-replayed: true"));
    let state = data(host, "/api/v1/state", control);
    assert_eq!(
        state["trading"]["state"], "ACTIVE",
        "it was not paused again"
    );
    let other = post(host, "/api/v1/pause", control, &key, r#"{"reason":"x"}"#);
    assert_eq!(other.code, 409);
    let no_reason = post(host, "/api/v1/pause", control, &[], r#"{"reason":" "}"#);
    assert_eq!(no_reason.code, 400);
}

#[test]
fn long_lists_come_by_pages_and_what_did_not_change_is_not_sent_again() {
    let mut guarded = Guarded::start();
    guarded.host.until("busy", |health| {
        crate::host::strategy(health, "fav")["bets"].as_u64() > Some(8)
    });
    let (host, read) = (&guarded.host, Some(guarded.read.as_str()));
    let (mut seen, mut times) = (Vec::new(), Vec::new());
    let mut path = "/api/v1/intents?limit=3&verdict=REFUSED&strategy=fav".to_owned();
    for _ in 0..2 {
        let answer = get(host, &path, read);
        assert_eq!(answer.code, 200, "{}", answer.body);
        let page = json(&answer);
        let rows = page["data"].as_array().unwrap();
        assert_eq!(rows.len(), 3);
        assert!(
            rows.iter()
                .all(|row| row["verdict"] == "REFUSED" && row["code"] == "STAKE_TOO_LARGE")
        );
        let words = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
        seen.extend(rows.iter().map(|row| words(row, "intent")));
        times.extend(rows.iter().map(|row| words(row, "at")));
        let next = page["next"].as_str().unwrap();
        path = format!("/api/v1/intents?limit=3&verdict=REFUSED&strategy=fav&cursor={next}");
    }
    let once: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!(once.len(), seen.len(), "none twice: {seen:?}");
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first: {times:?}");
    let bets = data(host, "/api/v1/bets?limit=2", read);
    assert_eq!(bets.as_array().unwrap().len(), 2);
    let story = data(host, &format!("/api/v1/why?about={}", seen[0]), read);
    assert_eq!(story["code"], "STAKE_TOO_LARGE");
    for wrong in ["run=9", "strategy=nobody"] {
        let answer = get(host, &format!("/api/v1/intents?{wrong}"), read);
        assert_eq!(answer.code, 404, "{wrong}: {}", answer.body);
    }
    for wrong in [
        "limit=0",
        "limit=x",
        "nonsense=1",
        "verdict=maybe",
        "code=NO",
        "run=-1",
        "cursor=",
    ] {
        let answer = get(host, &format!("/api/v1/intents?{wrong}"), read);
        assert_eq!(answer.code, 400, "{wrong}: {}", answer.body);
    }
    let reasons = get(host, "/api/v1/reasons", read);
    let tag = reasons
        .head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap();
    let bearer = format!("Bearer {}", guarded.read);
    let headers = [("Authorization", bearer.as_str()), ("If-None-Match", tag)];
    let same = host.ask(&request("GET", "/api/v1/reasons", &headers, ""));
    assert_eq!((same.code, same.body.as_str()), (304, ""));
}

#[test]
fn the_state_shows_orders_exposure_refusals_and_the_strategy() {
    let mut guarded = Guarded::start();
    guarded.host.until("busy", |health| {
        crate::host::strategy(health, "fav")["open_orders"].as_u64() > Some(2)
    });
    let (host, read) = (&guarded.host, Some(guarded.read.as_str()));
    let state = data(host, "/api/v1/state", read);
    assert_eq!(state["refusals"][0]["code"], "STAKE_TOO_LARGE");
    assert_eq!(state["strategies"][0]["standing"], "running");
    let order = &data(host, "/api/v1/orders?strategy=fav", read)[0];
    assert_eq!(
        (&order["side"], &order["price"]),
        (&"BACK".into(), &"900".into())
    );
    assert_eq!(
        data(host, "/api/v1/orders?strategy=x", read),
        Value::Array(Vec::new())
    );
    let risk = data(host, "/api/v1/risk", read);
    let used = |name: &str| {
        let all = risk["used"].as_array().unwrap();
        let one = all.iter().find(|used| used["limit_name"] == name).unwrap();
        one["used"].as_str().unwrap().parse::<f64>().unwrap()
    };
    assert!(used("risk.together.max_exposure") >= 1.0);
    assert!(used("risk.together.max_market_exposure") >= 1.0);
    assert!(used("risk.max_open_orders") >= 1.0);
    let held = &data(host, "/api/v1/positions", read)[0];
    assert_eq!(held["market"], "1.1");
    assert_eq!(
        data(host, "/api/v1/markets", read)[0]["runners"][0]["back"],
        "3"
    );
    assert_eq!(data(host, "/api/v1/strategies/fav", read)["name"], "fav");
    assert_eq!(get(host, "/api/v1/strategies/no", read).code, 404);
    let pnl = data(host, "/api/v1/pnl", read);
    assert!(pnl[0]["refused"].as_u64() > Some(0));
}

#[test]
fn metrics_have_no_label_without_bounds() {
    let mut guarded = Guarded::start();
    guarded.host.until("busy", |health| {
        crate::host::strategy(health, "fav")["bets"].as_u64() > Some(2)
    });
    let text = get(&guarded.host, "/metrics", Some(&guarded.read)).body;
    let known = [
        "version", "mode", "state", "strategy", "result", "reason", "side", "currency", "hash",
        "code", "le", "venue", "op", "channel", "kind",
    ];
    let mut samples = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        samples += 1;
        let labels = line.split_once('{').map_or("", |(_, rest)| rest);
        let labels = labels.rsplit_once('}').map_or("", |(labels, _)| labels);
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (name, _) = label.split_once('=').unwrap();
            assert!(known.contains(&name), "{line}");
        }
        let value = line.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert!(samples > 60, "{text}");
    for counted in [
        "bea_intents_total{strategy=\"fav\",result=\"refused\"}",
        "bea_intents_rejected_total{strategy=\"fav\",reason=\"STAKE_TOO_LARGE\"}",
        "bea_bets_total{venue=\"betfair\",mode=\"DRY_RUN\",side=\"BACK\",result=\"accepted\"}",
        "bea_db_write_seconds_count ",
        "bea_snapshot_to_intent_seconds_count ",
    ] {
        let line = text.lines().find(|line| line.starts_with(counted));
        let line = line.unwrap_or_else(|| panic!("{counted} is missing in\n{text}"));
        assert!(!line.ends_with(" 0"), "{line}");
    }
}
