//! `bea bets` and `bea pnl`, and one writer at a time.

use std::time::Duration;

use bea::ledger::{Durability, Ledger, LedgerSettings};

use crate::bea::{Bench, EAGER, project};

const LEDGER: &str = "data/demo/ledger.sqlite";

#[test]
fn a_ledger_that_another_process_writes_to_is_refused() {
    let bench = Bench::new();
    bench.run("demo").succeeded();
    let settings = LedgerSettings {
        durability: Durability::Batched,
        busy_timeout: Duration::from_secs(5),
        attempts: 1,
    };
    let held = Ledger::open(&bench.path(LEDGER), settings).unwrap();
    let us = format!("process {}", std::process::id());
    bench
        .run("demo")
        .ended_with(9)
        .without_result()
        .saying(&["ledger.sqlite", &us]);
    let error = bench.run("demo --json --quiet").ended_with(9).error();
    assert_eq!(error["code"], 9);
    bench.run(&format!("pnl --ledger {LEDGER}")).succeeded();
    held.close().unwrap();
    bench.run("demo").succeeded();
}

#[test]
fn a_ledger_that_is_not_there_is_an_error_that_says_where_one_is() {
    let bench = Bench::new();
    for command in ["bets", "pnl"] {
        bench.run(command).ended_with(5).without_result().saying(&[
            "no ledger at data/ledger.sqlite",
            "hint: ",
            "bea demo",
        ]);
    }
    bench.run("demo").succeeded();
    bench
        .run("bets")
        .ended_with(5)
        .saying(&[&format!("hint: the demo's is here: --ledger {LEDGER}")]);
}

#[test]
fn what_is_no_ledger_or_no_run_of_it_is_an_error_of_data() {
    let bench = Bench::new();
    bench.write("notes.txt", "buy milk");
    bench
        .run("bets --ledger notes.txt")
        .ended_with(5)
        .saying(&["notes.txt", "not a bea ledger"]);
    assert_eq!(bench.read("notes.txt"), "buy milk");
    bench.run("demo").succeeded();
    bench
        .run(&format!("pnl --ledger {LEDGER} --run 9"))
        .ended_with(5)
        .saying(&["there is no run 9", "the latest is 1"]);
    let span = "--from 2026-02-01 --to 2026-01-01";
    bench
        .run(&format!(
            "ledger export --format csv --out frames {span} --ledger {LEDGER}"
        ))
        .ended_with(2)
        .saying(&["--from is not before --to"]);
}

#[test]
fn betting_does_not_go_on_for_no_reason() {
    let bench = Bench::new();
    bench.write("data/KILL", "");
    bench
        .run("resume --reason=")
        .ended_with(2)
        .saying(&["invalid value '' for '--reason <REASON>': say why"]);
    assert_eq!(bench.read("data/KILL"), "");
    // What does not go on is no success.
    bench
        .run("resume --reason checked --set kill.file=gone/KILL")
        .ended_with(8);
}

#[test]
fn a_shortened_list_says_so() {
    let bench = Bench::new();
    bench.run("demo").succeeded();
    let text = bench
        .run(&format!("bets --ledger {LEDGER} --limit 2"))
        .succeeded()
        .out;
    assert!(
        text.contains("the latest 2 bets (more with --limit)"),
        "{text}"
    );
    assert_eq!(
        text.lines().count(),
        4,
        "a heading, two bets and a sum:\n{text}"
    );
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 113, "a line of {widest} columns:\n{text}");
}

#[test]
fn refusals_are_listed_with_code_value_and_limit() {
    let bench = Bench::new();
    bench.write("strategies/eager.rhai", EAGER);
    let data = project("examples/recordings/1.900000010");
    let run = format!("backtest eager --data {data} --param stake=4000 --ledger kept.sqlite");
    bench.run(&run).succeeded();
    let text = bench
        .run("bets --refused --ledger kept.sqlite --limit 1")
        .succeeded()
        .out;
    assert!(text.contains("STAKE_TOO_LARGE: 4000.00, limit "), "{text}");
    let document = bench.json("bets --refused --ledger kept.sqlite --limit 1 --json");
    assert_eq!(document["schema"], "bea.rejections/1");
    assert_eq!(document["rejections"][0]["code"], "STAKE_TOO_LARGE");
    assert_eq!(document["rejections"][0]["value"], "4000.00");
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_of_data_with_its_cause() {
    let bench = Bench::new();
    bench.write("strategies/eager.rhai", EAGER);
    bench.write("notes.txt", "buy milk");
    let data = project("examples/recordings/1.900000010");
    for output in [
        "--ledger notes.txt/l.sqlite",
        "--ledger strategies",
        "--orders strategies",
    ] {
        bench
            .run(&format!("backtest eager --data {data} {output}"))
            .ended_with(5)
            .without_result()
            .saying(&["cannot ", "hint: "]);
    }
    assert_eq!(bench.read("notes.txt"), "buy milk");
}
