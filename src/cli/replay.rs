//! `bea replay`: a recorded session once more.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Failure, Shared, exit, output, prepare};
use crate::ledger::{Durability, Outcome, RunKind};
use crate::live::{self, ReplayError, Replayed};

/// Play a recorded live session again, exactly as it was decided
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea replay data/feed/20261128T142501-run-3            what was decided then, decided again
  bea replay data/feed/20261128T142501-run-3 --json
  bea replay data/feed/20261128T142501-run-3 --ledger again.sqlite

`bea run --feed betfair` records what the feed said, and everything else that decided anything. Here it is decided again
from that alone, and the trace must be the same (exit code 6 if it is not). To try another strategy on the odds of a
recorded session, name its folder to `bea backtest --data`.")]
pub(super) struct Replay {
    /// The folder of the session, or a part of it
    path: PathBuf,
    /// Keep what was decided in this ledger
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

impl Replay {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let replayed = prepare::with_script_stack(|| self.replay())??;
        let text = text(&replayed);
        output::print(shared, &replayed, text)?;
        Ok(match replayed.same {
            Some(false) => ExitCode::from(exit::GATE),
            _ => ExitCode::SUCCESS,
        })
    }

    fn replay(&self) -> Result<Replayed, Failure> {
        let replay = live::replay(&self.path)?;
        let config = replay.config()?;
        let setup = prepare::setup(&config)?;
        let Some(path) = &self.ledger else {
            return Ok(replay.run(&setup, None)?);
        };
        let ledger = prepare::ledger(&config, path, Durability::Batched)?;
        let mut run = ledger.begin_run(prepare::run_info(&config, RunKind::Backtest))?;
        let replayed = replay.run(&setup, Some(&mut run))?;
        let at = prepare::wall_clock();
        run.finish(at, Outcome::Completed, Some(&replayed.report.trace_hash))?;
        ledger.close()?;
        Ok(replayed)
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        let code = match &error {
            ReplayError::File { .. } | ReplayError::Content { .. } => exit::DATA,
            ReplayError::Script(_) => exit::STRATEGY,
            ReplayError::Run(_) => exit::INTERNAL,
        };
        Self::new(code, error.to_string())
    }
}

fn text(replayed: &Replayed) -> String {
    let Replayed {
        run,
        trace_hash,
        recorded_trace_hash,
        same,
        lost_lines,
        report,
        ..
    } = replayed;
    let verdict = match (same, recorded_trace_hash) {
        (Some(true), _) => format!("run {run}, decided again, is the same: {trace_hash}"),
        (Some(false), Some(then)) => {
            format!(
                "run {run}, decided again, is NOT the same:\n  then {then}\n  now  {trace_hash}"
            )
        }
        _ => {
            format!("run {run}, decided again up to where the recording is cut short: {trace_hash}")
        }
    };
    let hole = match lost_lines {
        0 => String::new(),
        lost => format!("\n{lost} lines were lost while it was recorded"),
    };
    format!("{report}\n{verdict}{hole}")
}
