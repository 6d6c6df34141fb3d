//! LIVE: the door, and what happens at the exchange when things break. The exchange's own log is the truth.

use std::process::Stdio;

use bea::ledger::BetRow;
use bea::market::Money;
use serde_json::{Value, json};

use crate::bench::{Bench, EAGER};
use crate::host::{Host, strategy};

/// What LIVE needs, apart from people.
pub(crate) const LIVE: &str = r#"mode = "LIVE"

[live]
min_paper_days = 0
min_paper_bets = 0

[live.ramp]
enabled = false
"#;

pub(crate) fn done(bench: &Bench, arguments: &[&str]) {
    let (code, said) = bench.place.run(arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {said}");
}

pub(crate) fn arm(bench: &Bench) {
    let words = [
        "arm", "--for", "1h", "--by", "ann", "--yes", "--reason", "drill",
    ];
    done(bench, &words);
}

pub(crate) fn approve(bench: &Bench) {
    done(
        bench,
        &["approve", "eager", "--by", "ann", "--reason", "read it"],
    );
}

fn preflight(bench: &Bench) -> (Option<i32>, Value) {
    let mut command = bench.place.command(&["preflight", "--json"]);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    let document = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code(), document)
}

/// Who approved the strategy as its file is now.
fn approved_by(bench: &Bench) -> Value {
    let list = bench.place.json(&["strategies", "list"]);
    list["strategies"][0]["approved_by"].clone()
}

fn shut(preflight: &Value) -> Vec<String> {
    let rows = preflight["rows"].as_array().unwrap();
    let shut = rows.iter().filter(|row| row["passed"] == false);
    shut.map(|row| row["gate"].as_str().unwrap().to_owned())
        .collect()
}

/// The name of bets that somebody else places.
pub(crate) const BY_HAND: &str = "by-hand";

/// What the ledger says is or was at the exchange, and what really was.
pub(crate) fn compare(bench: &Bench) {
    let accepted = bench.accepted();
    let doubled: Vec<_> = accepted.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "bets were placed twice: {doubled:?}");
    let bets = bench.bets_with_money();
    let known: Vec<String> = bets.iter().map(|bet| format!("b1{}", bet.bet)).collect();
    for name in accepted.keys().filter(|name| *name != BY_HAND) {
        assert!(known.contains(name), "{name} is nowhere in the ledger");
    }
    for bet in &bets {
        let was_there = accepted.contains_key(&format!("b1{}", bet.bet));
        let says_so = !matches!(
            bet.state.as_str(),
            "NOT_SENT" | "REJECTED" | "NOT_PLACED" | "SENDING" | "UNKNOWN" | "STUCK"
        );
        assert_eq!(was_there, says_so, "{} is {}", bet.bet, bet.state);
    }
    // Backs alone: what they can lose is what was staked.
    let most = Money::from_major(500);
    for (market, staked) in bench.staked() {
        assert!(staked <= most, "{market}: {staked} at risk");
    }
}

#[test]
fn live_asks_for_everything_by_name_and_then_bets_at_the_exchange() {
    let bench = Bench::new(LIVE);
    let (code, found) = preflight(&bench);
    assert_eq!(code, Some(8));
    // Before the first start there is not even the folder of the kill file.
    let gates = ["armed", "switch", "approved", "ledger"];
    assert_eq!(shut(&found), gates, "{found:#}");
    let (code, said) = bench.place.run(&["run"]);
    assert_eq!(code, Some(8), "{said}");
    for word in ["LIVE is refused", "bea arm", "bea approve eager"] {
        assert!(said.contains(word), "{word} is missing in {said}");
    }
    let ledger = bench.place.path("data/ledger.sqlite");
    assert!(!ledger.exists(), "a start that is refused leaves no ledger");
    assert_eq!(approved_by(&bench), Value::Null);
    approve(&bench);
    assert_eq!(approved_by(&bench), "ann");
    arm(&bench);
    let (code, found) = preflight(&bench);
    assert_eq!((code, shut(&found)), (Some(0), vec![]), "{found:#}");

    let mut host = bench.start();
    assert_eq!(host.health()["mode"], "LIVE");
    bench.until_bets(&mut host, 3);
    let shown = |host: &Host, path: &str| {
        let answer = host.request("GET", path, "localhost");
        let document: Value = serde_json::from_str(&answer.body).unwrap();
        document["data"].clone()
    };
    let state = shown(&host, "/api/v1/state");
    assert_eq!(state["mode"], "LIVE");
    assert_eq!(state["live"]["limits_ratio"], "1");
    assert!(
        state["live"]["armed_until"].is_string(),
        "{}",
        state["live"]
    );
    assert_eq!(shown(&host, "/api/info")["mode"], "LIVE");
    let metrics = host.request("GET", "/metrics", "localhost").body;
    for line in [
        "bea_mode_info{mode=\"LIVE\"} 1",
        "bea_venue_requests_total{venue=\"betfair\",op=\"placeOrders\",code=\"200\"} ",
        "bea_session_expiry_timestamp_seconds{venue=\"betfair\"} ",
        "bea_bets_total{venue=\"betfair\",mode=\"LIVE\",side=\"BACK\",result=\"accepted\"} ",
    ] {
        let is_there = metrics.lines().any(|known| known.starts_with(line));
        assert!(is_there, "{line} is not in\n{metrics}");
    }
    let alerts = shown(&host, "/api/v1/alerts").to_string();
    assert!(alerts.contains("LIVE_ARMED"), "{alerts}");
    host.until("heard of", |_| bench.accepted().len() >= 3);

    // A version that nobody approved places nothing, until somebody does.
    let first = host.hash_of("eager");
    std::fs::write(bench.place.strategy("eager"), EAGER.replace("2.0", "3.0")).unwrap();
    assert_eq!(approved_by(&bench), Value::Null);
    host.until("swapped", |health| {
        strategy(health, "eager")["hash"] != first
    });
    let before = bench.accepted().len();
    bench.until_refused(&mut host, "SCRIPT_NOT_APPROVED");
    let (health, _) = host.until("barred", |health| {
        health["checks"]["approved"][0]["status"] == "warn"
    });
    assert_eq!(health["status"], "warn");
    assert_eq!(bench.accepted().len(), before);
    approve(&bench);
    host.until("let again", |health| health["checks"]["approved"].is_null());
    let bets = strategy(&host.health(), "eager")["bets"].as_u64().unwrap();
    bench.until_bets(&mut host, bets + 1);

    // Disarmed, only what lowers the risk may be bet.
    done(&bench, &["disarm"]);
    host.until("reducing", |health| {
        health["checks"]["mode"][0]["trading"] == "REDUCE"
    });
    let before = bench.accepted().len();
    bench.until_refused(&mut host, "TRADING_REDUCE_ONLY");
    host.stop();
    assert_eq!(bench.accepted().len(), before);
    compare(&bench);
    assert_eq!(bench.place.last_run().mode, "LIVE");
}

#[test]
fn a_host_whose_mode_is_edited_goes_on_without_money() {
    let bench = Bench::new(LIVE);
    approve(&bench);
    arm(&bench);
    let mut host = bench.start();
    bench.until_bets(&mut host, 1);
    let settings = std::fs::read_to_string(bench.place.path("config/bea.toml")).unwrap();
    let dry = settings.replace("mode = \"LIVE\"", "mode = \"DRY_RUN\"");
    bench.place.write("config/bea.toml", &dry);
    host.hear("the mode is DRY_RUN now");
    host.moved();
    let line = host.hear("stream_connected");
    assert!(line.contains(r#""mode":"DRY_RUN""#), "{line}");
    bench.live(&mut host);
    let health = host.health();
    assert_eq!(health["mode"], "DRY_RUN");
    let before = bench.accepted();
    bench.until_bets(&mut host, 1);
    host.stop();
    assert_eq!(bench.accepted(), before);
    compare(&bench);
    let modes: Vec<String> = bench
        .place
        .reader()
        .runs(10)
        .unwrap()
        .into_iter()
        .map(|run| run.mode)
        .collect();
    assert_eq!(modes.len(), 2);
    assert!(modes.contains(&"LIVE".to_owned()) && modes.contains(&"DRY_RUN".to_owned()));
}

/// What goes wrong at the exchange and on the way there.
fn faults() -> [Value; 8] {
    [
        json!({ "fault": "drop_after", "operation": "placeOrders" }),
        json!({ "fault": "timeout_report", "operation": "placeOrders" }),
        json!({ "fault": "html_after", "operation": "placeOrders" }),
        json!({ "fault": "stream_drop" }),
        json!({ "fault": "expire_sessions", "operation": "placeOrders" }),
        json!({ "fault": "stream_duplicate", "operation": "ocm", "next": 5 }),
        json!({ "fault": "drop_before", "operation": "placeOrders" }),
        json!({ "fault": "delay_after", "operation": "placeOrders", "ms": 1_500 }),
    ]
}

/// One fault a round, a bet or more while it lasts, and every third time the host is killed in the midst of it.
fn ordeal(rounds: usize) {
    // Whoever dies so often is halted otherwise, and whoever bets so fast is held up.
    let more = "[fence]\ndeaths = 0\n[risk]\nmax_orders_per_minute = 600\nmax_fills_per_minute = 600\nmax_strategy_exposure = 4000.0\nmax_losses_in_a_row = 1000\ndaily_loss_limit = 3000.0\n";
    let bench = Bench::with_races(2 + rounds / 25, &format!("{LIVE}\n{more}"));
    approve(&bench);
    arm(&bench);
    let mut host = bench.start();
    let bets = |host: &Host| {
        let health = host.health();
        strategy(&health, "eager")["bets"].as_u64().unwrap_or(0)
    };
    for (round, fault) in faults().iter().cycle().take(rounds).enumerate() {
        bench.server.control("faults", fault);
        let now = bets(&host);
        bench.until_bets(&mut host, now + 1);
        if round % 3 == 2 {
            host.signal("-KILL");
            drop(host);
            host = bench.start();
        }
        bench.live(&mut host);
    }
    until_sure(&bench, &mut host);
    done(&bench, &["kill", "--reason", "the end"]);
    host.stop();
    compare(&bench);
    let (accepted, known) = (bench.accepted().len(), bench.bets().len());
    println!(
        "{rounds} rounds: {known} bets in the ledger, {accepted} at the exchange, none twice, none unexplained"
    );
}

/// What came into doubt is cleared up by the exchange's own lists.
pub(crate) fn until_sure(bench: &Bench, host: &mut Host) {
    host.until("sure", |_| !bench.bets().iter().any(in_doubt));
}

pub(crate) fn in_doubt(bet: &BetRow) -> bool {
    matches!(bet.state.as_str(), "SENDING" | "UNKNOWN" | "STUCK")
}

#[test]
fn kills_and_faults_double_nothing_and_leave_nothing_unexplained() {
    ordeal(6);
}

/// `ROUNDS=200 cargo test --test live -- --ignored --nocapture soak`
#[test]
#[ignore = "takes as long as it is told to"]
fn soak() {
    let rounds = std::env::var("ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok());
    ordeal(rounds.unwrap_or(100));
}
