//! `bea demo`: the first thing anyone runs.

use bea::ledger::Reader;
use serde_json::Value;

use crate::bea::{Bench, minor};

const LEDGER: &str = "data/demo/ledger.sqlite";

fn total<'a>(rows: &'a Value, list: &str, field: &'a str) -> i64 {
    let rows = rows[list].as_array().expect("a list");
    rows.iter().filter_map(|row| row[field].as_i64()).sum()
}

#[test]
fn it_works_in_an_empty_folder_and_leaves_a_ledger() {
    let bench = Bench::new();
    let demo = bench.run("demo").succeeded();
    for word in [
        "value_back",
        "drift_layer",
        "queue_joiner",
        "5 markets",
        "net",
        "trace",
    ] {
        assert!(
            demo.out.contains(word),
            "no {word:?} in the report:\n{}",
            demo.out
        );
    }
    assert!(
        demo.err.contains("DRY_RUN"),
        "it says that no money moves: {}",
        demo.err
    );
    assert!(
        !demo.out.contains("DRY_RUN:"),
        "remarks are not part of the result: {}",
        demo.out
    );
    let findings = Reader::open(&bench.path(LEDGER)).unwrap().audit().unwrap();
    assert_eq!(findings, []);
}

#[test]
fn quiet_leaves_stderr_empty() {
    assert_eq!(Bench::new().run("demo --quiet").succeeded().err, "");
}

#[test]
fn json_is_one_document_with_every_promised_field() {
    let report = Bench::new().json("demo --json");
    assert_eq!(report["schema"], "bea.backtest/1");
    for field in [
        "markets",
        "updates",
        "elapsed_seconds",
        "updates_per_second",
    ] {
        assert!(
            report[field].as_f64().unwrap() > 0.0,
            "{field} is {}",
            report[field]
        );
    }
    assert_eq!(report["trace_hash"].as_str().unwrap().len(), 64);
    let strategies = report["strategies"].as_array().unwrap();
    assert_eq!(strategies.len(), 3);
    for strategy in strategies {
        assert!(strategy["name"].is_string() && strategy["rejections"].is_object());
        assert_eq!(strategy["hash"].as_str().unwrap().len(), 64);
        for field in [
            "bets",
            "matched",
            "turnover",
            "profit_gross",
            "commission",
            "profit_net",
        ] {
            assert!(strategy[field].is_number(), "{field} of {strategy}");
        }
        assert_eq!(
            minor(&strategy["profit_net"]),
            minor(&strategy["profit_gross"]) - minor(&strategy["commission"])
        );
    }
    let bets: u64 = strategies.iter().map(|s| s["bets"].as_u64().unwrap()).sum();
    assert!(bets > 0, "a demo that bets nothing shows nothing");
}

#[test]
fn its_ledger_agrees_with_its_report_to_the_penny() {
    let bench = Bench::new();
    let report = bench.json("demo --json");
    let pnl = bench.json(&format!("pnl --json --ledger {LEDGER}"));
    for strategy in report["strategies"].as_array().unwrap() {
        let name = strategy["name"].as_str().unwrap();
        let rows = pnl["strategies"].as_array().unwrap();
        let row = rows.iter().find(|row| row["strategy"] == name).unwrap();
        assert_eq!(row["bets"], strategy["bets"], "{name}");
        assert_eq!(row["matched"], strategy["matched"], "{name}");
        for (of_ledger, of_report) in [
            ("turnover_minor", "turnover"),
            ("gross_minor", "profit_gross"),
            ("commission_minor", "commission"),
            ("net_minor", "profit_net"),
        ] {
            assert_eq!(
                row[of_ledger],
                minor(&strategy[of_report]),
                "{of_report} of {name}"
            );
        }
        let refused: u64 = strategy["rejections"]
            .as_object()
            .unwrap()
            .values()
            .map(|n| n.as_u64().unwrap())
            .sum();
        assert_eq!(row["rejections"], refused, "{name}");

        let bets = bench.json(&format!("bets --json --ledger {LEDGER} --strategy {name}"));
        assert_eq!(
            bets["bets"].as_array().unwrap().len() as u64,
            strategy["bets"].as_u64().unwrap()
        );
        assert_eq!(
            total(&bets, "bets", "matched_minor"),
            minor(&strategy["turnover"]),
            "{name}"
        );
        assert_eq!(
            total(&bets, "bets", "profit_minor"),
            minor(&strategy["profit_gross"]),
            "{name}"
        );
    }
}

#[test]
fn a_second_demo_adds_a_run_that_did_the_same() {
    let bench = Bench::new();
    bench.run("demo").succeeded();
    bench.run("demo").succeeded();
    let reader = Reader::open(&bench.path(LEDGER)).unwrap();
    let runs = reader.runs(10).unwrap();
    assert_eq!(runs.len(), 2);
    assert!(
        runs.iter()
            .all(|run| run.outcome.as_deref() == Some("completed")),
        "{runs:?}"
    );
    assert!(runs[0].trace_hash.is_some());
    assert_eq!(runs[0].trace_hash, runs[1].trace_hash);
    assert_eq!(reader.audit().unwrap(), []);
}

#[test]
fn what_it_says_to_try_next_works() {
    let bench = Bench::new();
    let demo = bench.run("demo").succeeded();
    let (_, advice) = demo.out.split_once("Try next:").expect("advice");
    let mut tried = 0;
    for line in advice.lines() {
        let Some(command) = line.trim().strip_prefix("bea ") else {
            continue;
        };
        let command = command.split("   ").next().unwrap();
        bench.run(command).succeeded();
        tried += 1;
    }
    assert!(tried >= 3, "{advice}");
}
