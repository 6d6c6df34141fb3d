//! The table of docs/simulated-exchange.md, reference against strict on all recordings, is measured anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bea::risk::RiskLimits;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
struct Line {
    strategy: String,
    recording: String,
    size_matched: f64,
    profit: Option<f64>,
}

/// Orders, size matched and profit of a strategy on a recording.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    orders: u64,
    matched: f64,
    profit: f64,
}

impl Sums {
    fn text(self) -> String {
        // A sum of floats may be a negative nothing.
        let profit = (self.profit * 100.0).round() / 100.0 + 0.0;
        format!("{} / {:.2} / {profit:.2}", self.orders, self.matched)
    }
}

type Measured = BTreeMap<(String, String), Sums>;

/// The limits that `--fill reference` brings, as settings for the other model.
fn limits() -> Vec<String> {
    fn add(key: &str, value: &Value, to: &mut Vec<String>) {
        match value {
            Value::Object(inner) => {
                for (name, value) in inner {
                    add(&format!("{key}.{name}"), value, to);
                }
            }
            Value::Null => {}
            value => to.push(format!("{key}={value}")),
        }
    }
    let mut settings = Vec::new();
    let limits = serde_json::to_value(RiskLimits::reference()).unwrap();
    add("risk", &limits, &mut settings);
    settings
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn measure(recordings: &Path, model: &str) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.jsonl");
    let scripts = fs::read_dir(root("tests/reference")).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_bea"))
        .current_dir(folder.path())
        .arg("backtest")
        .args(scripts.map(|entry| entry.unwrap().path()))
        .arg("--data")
        .arg(recordings)
        .args(limits().iter().flat_map(|limit| ["--set", limit]))
        .args(["--fill", model, "--orders"])
        .arg(&file)
        .output()
        .unwrap();
    // One file of the folder is no recording, which the exit code tells.
    assert_eq!(done.status.code(), Some(5), "{done:?}");
    let mut sums = Measured::new();
    for line in fs::read_to_string(&file).unwrap().lines() {
        let line: Line = serde_json::from_str(line).unwrap();
        let recording = line.recording.trim_end_matches(".bz2");
        let recording = recording.trim_end_matches(".gz").to_owned();
        let sum = sums.entry((recording, line.strategy)).or_default();
        sum.orders += 1;
        sum.matched += line.size_matched;
        sum.profit += line.profit.unwrap_or(0.0);
    }
    sums
}

#[test]
fn the_table_of_differences_is_true() {
    let recordings = root("../shared/data/betfair/recordings");
    if !recordings.exists() {
        eprintln!("SKIPPED: {} is absent", recordings.display());
        return;
    }
    let (reference, strict) = (
        measure(&recordings, "reference"),
        measure(&recordings, "strict"),
    );
    let (mut differ, mut same) = (BTreeSet::new(), BTreeSet::new());
    let pairs: BTreeSet<_> = reference.keys().chain(strict.keys()).collect();
    for pair @ (recording, strategy) in pairs {
        let sums = |measured: &Measured| measured.get(pair).copied().unwrap_or_default().text();
        let (reference, strict) = (sums(&reference), sums(&strict));
        if reference == strict {
            same.insert(format!("{recording}: {strategy}"));
        } else {
            differ.insert(format!(
                "| {recording} | {strategy} | {reference} | {strict} |"
            ));
        }
    }
    let page = fs::read_to_string(root("docs/simulated-exchange.md")).unwrap();
    let table = page.split("## Reference against strict").nth(1).unwrap();
    let shown: BTreeSet<String> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| recording"))
        .map(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            assert!(cells.len() == 5 && cells[4].len() > 2, "no reason: {line}");
            format!("{} |", cells[..4].join(" | "))
        })
        .collect();
    let without: BTreeSet<String> = table
        .split("Without difference: ")
        .nth(1)
        .unwrap()
        .trim_end()
        .trim_end_matches('.')
        .split(';')
        .flat_map(|group| {
            let (recording, strategies) = group.trim().split_once(": ").unwrap();
            let strategies = strategies.split(", ");
            strategies.map(move |strategy| format!("{recording}: {}", strategy.trim()))
        })
        .collect();
    assert_eq!(shown, differ, "measured:\n{differ:#?}");
    assert_eq!(without, same, "measured:\n{same:#?}");
}
