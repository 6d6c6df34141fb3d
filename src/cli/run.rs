//! `bea run`: the host.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{Failure, Shared, backtest, output, preflight, prepare};
use crate::config::{Config, FeedKind, Loaded, Sources};
use crate::ledger::{Durability, RunKind};
use crate::live::log::Voice;
use crate::live::{self, Ended, HostError, Plan};
use crate::logging;
use crate::market::Mode;
use crate::source;

/// Follow live odds, or play recordings as if live; edit strategies meanwhile
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea run                                             what the configuration says
  bea run --data examples/recordings --speed 60       a minute in a second
  bea run --data 1.181223995.bz2 --speed 10 --join 5  from five minutes before the off
  bea run --strategies my_strategies --speed max --json
  bea run --feed betfair                              the live odds of Betfair, bets to the simulated exchange
  bea run --feed odds-api                             the live odds of bookmakers, bets to the simulated exchange
  bea run --feed pinnacle                             the live odds of Pinnacle, bets to the simulated exchange

Every strategy of the folder runs. Save one: it is compiled, tested and swapped in, its state kept.
While the kill file exists nothing is bet. Ctrl-C ends the run in order, a second one at once.")]
pub(super) struct Run {
    /// Where the odds come from: recordings, betfair, odds-api or pinnacle [default: run.feed]
    #[arg(short, long, value_name = "FEED")]
    feed: Option<String>,
    /// Recordings: a file, a folder or a pattern [default: run.data]
    #[arg(short, long, num_args = 1.., value_name = "PATH")]
    data: Vec<PathBuf>,
    /// How many times as fast as it happened, or max [default: run.speed]
    #[arg(short, long, value_name = "TIMES")]
    speed: Option<String>,
    /// Hurry to so many minutes before a market's start, and only then keep the speed
    #[arg(short, long, value_name = "MINUTES")]
    join: Option<u32>,
    /// Folder of the strategies [default: run.strategies]
    #[arg(long, value_name = "FOLDER")]
    strategies: Option<String>,
    /// Begin each recording with an empty state, and keep none [default: run.keep_state]
    #[arg(long)]
    fresh_state: bool,
    /// Keep the ledger in this file [default: ledger.path]
    #[arg(long, value_name = "FILE")]
    ledger: Option<String>,
}

impl Run {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let settings = self.settings(shared)?;
        prepare::start_log(&settings.config)?;
        let is_json = logging::is_json(&settings.config.log);
        let mut played = self.play(shared, &settings, is_json);
        // The mode was edited while the host was LIVE: it goes on in the one that holds now.
        while let Ok(None) = played {
            let settings = self.settings(shared)?;
            played = self.play(shared, &settings, is_json);
        }
        match played {
            Ok(code) => Ok(code.unwrap_or(ExitCode::SUCCESS)),
            Err(failure) => Err(failure.in_json(is_json)),
        }
    }

    /// Plays; `is_json` says whether what goes to stderr is JSON. `None` if it is to go on in another mode.
    fn play(
        &self,
        shared: &Shared,
        settings: &Loaded,
        is_json: bool,
    ) -> Result<Option<ExitCode>, Failure> {
        let config = &settings.config;
        prepare::check_folder(settings)?;
        let files = match (config.mode, config.run.feed) {
            (Mode::DryRun, FeedKind::Recordings) => source::expand(&config.run.data)?,
            // On recordings the door to LIVE is shut; that is said before any file is looked for.
            (Mode::Live, _) | (_, FeedKind::Betfair | FeedKind::OddsApi | FeedKind::Pinnacle) => {
                Vec::new()
            }
        };
        if config.mode == Mode::Live && !config.ledger.path.exists() {
            // Nobody can have approved anything yet. A start that is refused leaves nothing behind.
            let found = prepare::with_script_stack(|| preflight::look(settings))??;
            found.admit().map_err(HostError::Shut)?;
        }
        let ledger = prepare::ledger(config, &config.ledger.path, Durability::Full)?;
        let plan = Plan {
            settings,
            setup: &prepare::setup(config)?,
            files: &files,
            join: self
                .join
                .map(|minutes| Duration::from_secs(60 * u64::from(minutes))),
            voice: Voice::new(&config.log, shared.quiet),
            wall_clock: prepare::wall_clock,
        };
        let Ended { report, left_live } =
            live::run(&plan, ledger, prepare::run_info(config, RunKind::Run))?;
        output::print(shared, &report, &report)?;
        if left_live {
            return Ok(None);
        }
        let stderr = Shared {
            json: shared.json || is_json,
            ..shared.clone()
        };
        let code = backtest::conclude(&stderr, &report);
        // Ending a host by a signal is how a host ends.
        Ok(Some(match report.interrupted {
            true => ExitCode::SUCCESS,
            false => code,
        }))
    }

    /// The configuration with this command line's options over it, checked like any other setting.
    fn settings(&self, shared: &Shared) -> Result<Loaded, Failure> {
        let mut shared = shared.clone();
        let options = [
            ("run.feed", &self.feed),
            ("run.speed", &self.speed),
            ("run.strategies", &self.strategies),
            ("ledger.path", &self.ledger),
        ];
        for (key, value) in options {
            if let Some(value) = value {
                shared.set.push((key.to_owned(), value.clone()));
            }
        }
        if self.fresh_state {
            let fresh = ("run.keep_state".to_owned(), "false".to_owned());
            shared.set.push(fresh);
        }
        let sources = Sources {
            data: self.data.clone(),
            ..prepare::sources(&shared)
        };
        Ok(Config::load(&sources)?)
    }
}
