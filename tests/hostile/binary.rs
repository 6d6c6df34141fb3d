//! The real program with a hostile strategy beside a good one, and with its tests.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::corpus::{self, Case, Kind};

/// Bets a little on every market and keeps a count.
const GOOD: &str = r#"
fn markets() { #{ status: ["OPEN"] } }
fn on_odds(market, ctx) {
    this.n = (this.get("n") ?? 0) + 1;
    if this.n % 20 != 5 { return; }
    let runner = market.active[0];
    let best = runner.best_back;
    if best == () { return; }
    back(runner, best.price, 2.0).reason(`call ${this.n}`)
}
"#;

/// The program in a folder, with arguments separated by spaces.
fn bea(folder: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bea"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Its one JSON document; the program ends with 0, or with 4 to say that a strategy failed.
fn report(folder: &Path, arguments: &str) -> Value {
    let output = bea(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(0 | 4)),
        "{arguments}: {:?}: {said}",
        output.status
    );
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments}: {error}: {said}"))
}

/// A folder with the good strategy and a short recording.
fn stage() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.rhai"), GOOD).unwrap();
    let made = bea(
        folder.path(),
        "generate --out data --seed 7 --updates 60 --json",
    );
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    folder
}

/// What a report says of the strategy of that name.
fn of<'r>(report: &'r Value, name: &str) -> &'r Value {
    let strategies = report["strategies"].as_array().unwrap();
    strategies
        .iter()
        .find(|strategy| strategy["name"] == name)
        .unwrap()
}

/// What is wrong with how the program took a script, if anything is.
fn breach(folder: &Path, alone: &Value, case: &Case) -> Option<String> {
    let script = case.path.display();
    let wrong = |what: String| Some(format!("{}: {what}", case.name));
    if case.kind == Kind::Refused {
        let output = bea(
            folder,
            &format!("backtest {script} good.rhai --data data --json"),
        );
        return match output.status.code() {
            Some(4) => None,
            code => wrong(format!("ended with {code:?}")),
        };
    }
    if case.kind == Kind::Test {
        let output = bea(folder, &format!("test {script}"));
        return match output.status.code() {
            Some(4) => None,
            code => wrong(format!("its tests ended with {code:?}")),
        };
    }
    let both = report(
        folder,
        &format!("backtest {script} good.rhai --data data --json"),
    );
    if of(&both, "good") != of(alone, "good") {
        return wrong("the good strategy did otherwise than alone".to_owned());
    }
    let hostile = of(&both, &case.name);
    let (faults, refused) = (hostile["faults"].as_u64(), &hostile["rejections"]);
    match case.kind {
        // Quarantined after three in a row, so never called again.
        Kind::Fault if faults != Some(3) => wrong(format!("{faults:?} faults")),
        Kind::Malformed if refused["INTENT_MALFORMED"].as_u64().is_none() => {
            wrong(format!("{refused}"))
        }
        // Harmless in a few calls: over a whole market its state outgrows the limit.
        Kind::Harmless if case.name == "state_grows" && faults == Some(3) => None,
        Kind::Harmless if faults != Some(0) => wrong(format!("{faults:?} faults")),
        _ => None,
    }
}

#[test]
fn a_hostile_strategy_disturbs_neither_the_program_nor_its_neighbour() {
    let folder = stage();
    let alone = report(folder.path(), "backtest good.rhai --data data --json");
    assert!(of(&alone, "good")["bets"].as_u64() > Some(0), "{alone}");
    let large = tempfile::tempdir().unwrap();
    // What faults do to the program is much the same, and each is played within this process too: one in three will do.
    let is_played = |at: usize, case: &Case| case.kind != Kind::Fault || at.is_multiple_of(3);
    let breaches: Vec<String> = corpus::all(large.path())
        .iter()
        .enumerate()
        .filter(|(at, case)| is_played(*at, case))
        .filter_map(|(_, case)| breach(folder.path(), &alone, case))
        .collect();
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}
