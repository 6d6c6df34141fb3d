//! What strategies remember, over recordings and restarts.

use std::fs;
use std::path::Path;

use bea::ledger::{Ledger, LedgerSettings, State};
use bea::market::TimeMs;
use serde_json::{Value, json};

use crate::counting;
use crate::host::Place;

const SHORT: [&str; 5] = ["run", "--data", "short.jsonl", "--speed", "max"];

/// A place with a recording of a hundred messages.
fn place(strategy: &str) -> Place {
    let place = Place::new(&[("fav", strategy)]);
    let long = fs::read_to_string(place.path("long.jsonl")).unwrap();
    let short: Vec<&str> = long.lines().take(100).collect();
    for name in ["short.jsonl", "other.jsonl"] {
        fs::write(place.path(name), short.join("\n") + "\n").unwrap();
    }
    place
}

fn calls(place: &Place) -> Value {
    place.json(&["strategies", "state", "fav"])["kept"]["state"]["calls"].clone()
}

#[test]
fn it_goes_on_from_recording_to_recording_and_over_restarts() {
    let place = place(&counting("A"));
    let two = [
        "run",
        "--data",
        "short.jsonl",
        "other.jsonl",
        "--speed",
        "max",
    ];
    place.json(&SHORT);
    assert_eq!(calls(&place), 100);
    place.json(&two);
    assert_eq!(calls(&place), 300);
    place.json(&[&SHORT[..], &["--fresh-state"]].concat());
    assert_eq!(calls(&place), 300, "a fresh run keeps nothing");
    // One bet in the first run, and one in the fresh one: the others remember that they bet.
    let bets: Vec<u64> = place
        .reader()
        .runs(9)
        .unwrap()
        .iter()
        .map(|run| run.bets)
        .collect();
    assert_eq!(bets, [1, 0, 1]);
    assert_eq!(place.reader().audit().unwrap(), []);
}

#[test]
fn a_host_that_is_killed_loses_a_moment_at_most() {
    let place = Place::new(&[("fav", &counting("A"))]);
    let mut host = place.start_with(&["--data", "long.jsonl", "--speed", "100"]);
    let written = || {
        let states = place.reader().states().unwrap();
        states.first().map(|state| state.state["calls"].clone())
    };
    host.until("written down", |_| written().is_some());
    let once = written();
    host.until("written down again", |_| written() != once);
    host.signal("-KILL");
    drop(host);
    let kept = calls(&place).as_u64().unwrap();
    assert!(Some(kept) > once.and_then(|calls| calls.as_u64()), "{kept}");
    let mut host = place.start();
    let line = host.hear("\"A ");
    let next: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(next["msg"], format!("A {}", kept + 1));
    host.stop();
}

#[test]
fn with_nothing_to_remember_a_run_is_the_backtest_and_with_it_the_one_that_carries_on() {
    let place = place(&counting("A"));
    let run = place.json(&SHORT);
    let backtest = place.json(&["backtest", "fav", "--data", "short.jsonl"]);
    assert_eq!(run["trace_hash"], backtest["trace_hash"]);

    let twice = ["--data", "short.jsonl", "other.jsonl"];
    let kept = ["--ledger", "other.sqlite", "--speed", "max"];
    let run = place.json(&[&["run"], &twice[..], &kept].concat());
    let carrying = place.json(&[&["backtest", "fav", "--carry-state"], &twice[..]].concat());
    let fresh = place.json(&[&["backtest", "fav"], &twice[..]].concat());
    assert_eq!(run["trace_hash"], carrying["trace_hash"]);
    assert_ne!(run["trace_hash"], fresh["trace_hash"]);
    // What the second session started from is in the ledger.
    let ledger = rusqlite::Connection::open(place.path("other.sqlite")).unwrap();
    let started: (u32, String) = ledger
        .query_row(
            "SELECT recording, t.text FROM session_states s JOIN texts t ON t.hash = s.state_hash",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(started, (2, r#"{"bet_by":"A","calls":100}"#.to_owned()));
}

#[test]
fn a_state_that_cannot_be_taken_over_is_kept_and_said() {
    let place = place(&counting("A"));
    place.json(&SHORT);
    let path = place.path("data/ledger.sqlite");
    let state = json!({ "calls": "x".repeat(70_000) });
    let huge = state.to_string();
    let ledger = Ledger::open(&path, LedgerSettings::default()).unwrap();
    let kept = ledger.reader().unwrap().states().unwrap().remove(0);
    let too_much = State {
        strategy: kept.strategy,
        hash: kept.script_hash,
        state,
        at: TimeMs(0),
    };
    ledger.keep_state(kept.run, too_much).unwrap();
    ledger.close().unwrap();
    let (code, said) = place.run(&SHORT);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("`this` holds about 70"), "{said}");
    let state = place.json(&["strategies", "state", "fav"]);
    assert_eq!(state["kept"]["bytes"], huge.len());

    let cleared = place.json(&["strategies", "state", "fav", "--clear"]);
    assert_eq!(cleared["cleared"], true);
    place.json(&SHORT);
    assert_eq!(calls(&place), 100);
}

#[test]
fn a_state_is_not_cleared_under_a_host() {
    let place = Place::new(&[("fav", &counting("A"))]);
    let mut host = place.start();
    host.hear("\"A 2\"");
    let (code, said) = place.run(&["strategies", "state", "fav", "--clear"]);
    assert_eq!(code, Some(9), "{said}");
    host.stop();
    assert!(Path::exists(&place.path("data/ledger.sqlite")));
    let (code, said) = place.run(&["strategies", "state", "favv"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("did you mean \"fav\"?"), "{said}");
}
