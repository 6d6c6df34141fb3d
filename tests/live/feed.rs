//! DRY_RUN on a live feed: what it does, what it does when the feed fails, and that it can be played again.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::bench::{Bench, EAGER};
use crate::host::strategy;

/// The only session that was recorded.
fn session(bench: &Bench) -> PathBuf {
    let mut folders = fs::read_dir(bench.place.path("data/feed")).unwrap();
    let folder = folders.next().unwrap().unwrap().path();
    assert!(folders.next().is_none());
    folder
}

#[test]
fn a_session_is_recorded_with_all_that_decided_and_plays_again_alike() {
    let bench = Bench::new("");
    let mut host = bench.start();
    bench.until_bets(&mut host, 2);
    let first = host.hash_of("eager");

    // A new version, a halt and its end, and a feed that breaks.
    fs::write(bench.place.strategy("eager"), EAGER.replace("2.0", "3.0")).unwrap();
    host.until_swapped("eager", &first);
    bench.until_bets(&mut host, 4);
    let (code, said) = bench.place.run(&["kill", "--reason", "drill"]);
    assert_eq!(code, Some(0), "{said}");
    bench.until_refused(&mut host, "KILL_SWITCH_ON");
    let (code, said) = bench.place.run(&["resume", "--reason", "over"]);
    assert_eq!(code, Some(0), "{said}");
    host.until("on again", |health| {
        health["checks"]["mode"][0]["trading"] == "ACTIVE"
    });
    let faults = json!({ "fault": "stream_drop" });
    bench.server.control("faults", &faults);
    bench.server.control("clock", &json!({ "step": 1 }));
    host.hear("no bets: ");
    host.hear("the feed is live");
    bench.live(&mut host);
    let bets = strategy(&host.health(), "eager")["bets"].as_u64().unwrap();
    bench.until_bets(&mut host, bets + 2);
    let health = host.health();
    let feed = &health["checks"]["feed"][0];
    assert!(feed["age_seconds"].as_f64() < Some(10.0), "{feed}");
    assert!(feed["reconnects"].as_u64() >= Some(1), "{feed}");
    let recorder = &health["checks"]["recorder"][0];
    assert!(
        recorder["lines"].as_u64() > Some(50) && recorder["lost"] == 0,
        "{recorder}"
    );
    host.stop();

    let folder = session(&bench);
    let again = bench.place.json(&["replay", folder.to_str().unwrap()]);
    assert_eq!(again["same"], true, "{again:#}");
    assert_eq!(again["lost_lines"], 0);
    let run = bench.place.last_run();
    assert_eq!(
        again["report"]["trace_hash"].as_str(),
        run.trace_hash.as_deref()
    );
    assert_eq!(run.mode, "DRY_RUN");
    let placed = again["report"]["strategies"][0]["bets"].as_u64().unwrap();
    assert_eq!(placed, bench.bets().len() as u64);
    assert!(placed >= 6, "{again:#}");
    assert!(
        bench.accepted().is_empty(),
        "nothing was bet at the exchange"
    );

    // The same odds serve another strategy in a backtest.
    let other = bench
        .place
        .json(&["backtest", "eager", "--data", folder.to_str().unwrap()]);
    assert!(other["updates"].as_u64() > Some(20), "{other:#}");
}

#[test]
fn a_host_without_credentials_says_which_are_missing() {
    let bench = Bench::new("");
    fs::remove_file(bench.place.path("secrets/key")).unwrap();
    let (code, said) = bench.place.run(&["run"]);
    assert_eq!(code, Some(7), "{said}");
    assert!(said.contains("application key"), "{said}");
}
