//! `bea demo`: bundled strategies on bundled markets, with nothing to set up.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::backtest::{Outputs, Played, conclude, cores, play};
use super::{Failure, Shared, output, prepare};
use crate::backtest::{Report, Way};
use crate::ledger::RunKind;
use crate::strategy::{Overrides, Script};

/// Watch example strategies bet on bundled markets: no network, no keys, no arguments
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  bea demo                      leaves its markets and a ledger in data/demo, says what to try next")]
pub(super) struct Demo {
    /// Folder for its markets and its ledger
    #[arg(long, value_name = "FOLDER", default_value = "data/demo")]
    out: PathBuf,
}

/// Recordings made by `bea generate`, carried in the program.
const RECORDINGS: [(&str, &str); 5] = [
    (
        "1.900000010",
        include_str!("../../examples/recordings/1.900000010"),
    ),
    (
        "1.900000011",
        include_str!("../../examples/recordings/1.900000011"),
    ),
    (
        "1.900000012",
        include_str!("../../examples/recordings/1.900000012"),
    ),
    (
        "1.900000020",
        include_str!("../../examples/recordings/1.900000020"),
    ),
    (
        "1.900000030",
        include_str!("../../examples/recordings/1.900000030"),
    ),
];

const STRATEGIES: [(&str, &str); 3] = [
    (
        "value_back",
        include_str!("../../strategies/value_back.rhai"),
    ),
    (
        "drift_layer",
        include_str!("../../strategies/drift_layer.rhai"),
    ),
    (
        "queue_joiner",
        include_str!("../../strategies/queue_joiner.rhai"),
    ),
];

#[derive(Debug, Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a Report,
    ledger: &'a Path,
    recordings_folder: &'a Path,
}

impl Demo {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let config = prepare::config(shared)?;
        let folder = self.out.join("recordings");
        let files = lay_out(&folder)?;
        let scripts = STRATEGIES
            .iter()
            .map(|(name, text)| Script::from_text(name, text, &Overrides::new()))
            .collect::<Result<Vec<_>, _>>()?;
        output::remark(
            shared,
            "DRY_RUN: three example strategies on five made-up markets. No money, no network.\n",
        );
        let ledger = self.out.join("ledger.sqlite");
        let played = Played {
            config: &config,
            setup: &prepare::setup(&config)?,
            way: Way {
                threads: cores(),
                band: false,
            },
            scripts: &scripts,
            files: &files,
        };
        let outputs = Outputs {
            orders: None,
            ledger: Some(&ledger),
            kind: RunKind::Demo,
        };
        let report = play(shared, &played, &outputs)?;
        let document = Document {
            report: &report,
            ledger: &ledger,
            recordings_folder: &folder,
        };
        output::print(
            shared,
            &document,
            format_args!("{report}\n\n{}", next_steps(&report, &ledger, &folder)),
        )?;
        Ok(conclude(shared, &report))
    }
}

/// Writes the bundled recordings out, so that the next commands have something to work on.
fn lay_out(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::io("make the folder", folder, &error))?;
    RECORDINGS
        .iter()
        .map(|(name, text)| {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|error| Failure::io("write it", &path, &error))?;
            Ok(path)
        })
        .collect()
}

fn next_steps(report: &Report, ledger: &Path, recordings: &Path) -> String {
    let ledger = ledger.display();
    let bets = format!("bea bets --ledger {ledger}");
    let refused = format!("bea bets --refused --ledger {ledger}");
    let backtest = format!("bea backtest my_first --data {}", recordings.display());
    let mut steps = vec![(bets.as_str(), "bet by bet")];
    if report.strategies.iter().any(|s| !s.rejections.is_empty()) {
        steps.push((&refused, "what the risk gate refused, and why"));
    }
    steps.push(("bea new my_first", "write a strategy of your own"));
    steps.push((&backtest, "see what it would have done"));
    let width = steps.iter().map(|(command, _)| command.len()).max();
    let width = width.unwrap_or_default();
    let mut text = format!("Everything is in the ledger {ledger}. Try next:");
    for (command, purpose) in steps {
        text.push_str(&format!("\n  {command:<width$}   {purpose}"));
    }
    text
}
