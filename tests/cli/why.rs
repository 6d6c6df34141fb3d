//! `bea why`, on the real binary: a refusal says what would have passed, and that does pass.

use crate::bea::{Bench, project};

const FIXED: &str = r#"
fn params() { #{ stake: 5.0 } }
fn markets() { #{ type: "WIN" } }

fn on_odds(market, ctx) {
    if "asked" in this { return []; }
    this.asked = true;
    back(market.runners[0], 3.0, ctx.params.stake)
        .reason("a drill")
}
"#;

const DATA: &str = "examples/recordings/1.900000010";

fn bench(stake: &str) -> Bench {
    let bench = Bench::new();
    bench.write("strategies/fixed.rhai", FIXED);
    let data = project(DATA);
    let run = format!("backtest fixed --data {data} --param stake={stake} --ledger l.sqlite");
    bench.run(&run).succeeded();
    bench
}

#[test]
fn a_bet_is_explained_from_what_was_seen_to_what_it_brought() {
    let bench = bench("5");
    let why = bench.json("why --last --ledger l.sqlite --json");
    assert_eq!(
        (&why["schema"], &why["about"]),
        (&"bea.why/1".into(), &"intent".into())
    );
    assert_eq!(why["verdict"], "APPROVED");
    assert_eq!(why["reason"], "a drill");
    assert_eq!(why["line"], 8);
    assert_eq!(
        why["source"],
        "back(market.runners[0], 3.0, ctx.params.stake)"
    );
    assert_eq!(why["seen"]["status"], "OPEN");
    assert!(why["seen"]["to_start_ms"].is_i64());
    let controls = why["controls"].as_array().unwrap();
    let asked: Vec<&str> = controls
        .iter()
        .filter_map(|control| control["control"].as_str())
        .collect();
    assert_eq!(asked.first(), Some(&"KILL_SWITCH_ON"), "{asked:?}");
    for control in ["MARKET_NOT_OPEN", "EXPOSURE_MARKET", "EXPOSURE_ALL"] {
        assert!(asked.contains(&control), "{control} is not in {asked:?}");
    }
    assert!(controls.iter().all(|control| control["passed"] == true));
    let stake = controls
        .iter()
        .find(|c| c["control"] == "STAKE_TOO_LARGE")
        .unwrap();
    assert_eq!(
        (&stake["value"], &stake["limit"]),
        (&"5.00".into(), &"100.00".into())
    );
    assert!(!why["events"].as_array().unwrap().is_empty());
    let id = why["intent"].as_str().unwrap();
    let text = bench
        .run(&format!("why {} --ledger l.sqlite", &id[..8]))
        .succeeded()
        .out;
    for part in [
        "What it saw",
        "line 8",
        "What the risk gate weighed",
        "What happened next",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let listed = bench.run("bets --ledger l.sqlite").succeeded().out;
    assert!(listed.contains(&id[..10]), "{listed}");
}

#[test]
fn a_refusal_says_what_would_have_passed_and_that_does_pass() {
    let refused = bench("400");
    let why = refused.json("why --last --ledger l.sqlite --json");
    assert_eq!(
        (&why["verdict"], &why["code"]),
        (&"REFUSED".into(), &"STAKE_TOO_LARGE".into())
    );
    assert_eq!(why["remedy"], "stake 100.00 instead of 400.00");
    let last = why["controls"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["control"], &last["passed"]),
        (&"STAKE_TOO_LARGE".into(), &false.into())
    );
    let passed = bench("100").json("why --last --ledger l.sqlite --json");
    assert_eq!(passed["verdict"], "APPROVED");
    let over = bench("100.01").json("why --last --ledger l.sqlite --json");
    assert_eq!(over["verdict"], "REFUSED");
}

#[test]
fn a_market_without_a_bet_says_which_condition_kept_it_out() {
    let bench = Bench::new();
    bench.write("strategies/fixed.rhai", FIXED.replace("WIN", "PLACE"));
    bench.write("strategies/silent.rhai", "fn on_odds(market, ctx) { [] }");
    let data = project(DATA);
    bench
        .run(&format!(
            "backtest fixed silent --data {data} --ledger l.sqlite"
        ))
        .succeeded();
    let text = bench
        .run("why 1.900000010 --ledger l.sqlite")
        .succeeded()
        .out;
    assert!(
        text.contains(
            "never asked: its markets() does not want this one, type is WIN, wanted PLACE"
        ),
        "{text}"
    );
    assert!(text.contains("and returned nothing"), "{text}");
    bench
        .run("why 1.999 --ledger l.sqlite")
        .ended_with(5)
        .saying(&["nothing is known of \"1.999\"", "hint"]);
}
