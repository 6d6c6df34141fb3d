//! `bea demo`: bundled strategies on bundled markets, with nothing to set up.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::backtest::{Outputs, Played, conclude, play};
use super::{Failure, Shared, output, prepare};
use crate::backtest::Report;
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
            setup: &prepare::setup(&config),
            band: false,
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
            format_args!("{report}\n\n{}", next_steps(&ledger, &folder)),
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

fn next_steps(ledger: &Path, recordings: &Path) -> String {
    format!(
        "Everything is in the ledger {ledger}. Try next:\n\
         \x20 bea bets --ledger {ledger}              bet by bet, with what was seen\n\
         \x20 bea bets --refused --ledger {ledger}    what the risk gate refused, and why\n\
         \x20 bea new my_first                        write a strategy of your own\n\
         \x20 bea backtest my_first --data {recordings}",
        ledger = ledger.display(),
        recordings = recordings.display(),
    )
}
