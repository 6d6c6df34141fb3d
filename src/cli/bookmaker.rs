//! `bea bookmaker`: local look-alikes of The Odds API and of Pinnacle.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Failure, Shared, exchange, exit, output, prepare};
use crate::live;
use crate::lookalike::{
    Addresses, Fault, LookalikeError, OddsPlan, PinnaclePlan, serve_odds, serve_pinnacle,
};
use crate::source;

/// Serve a local look-alike of The Odds API or of Pinnacle, to be tried against
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea bookmaker --generate 8 --times 60               made-up matches, a minute in a second
  bea bookmaker --data E0.csv --credits 500           a season file, from its first odds on
  bea bookmaker --generate 2 --faults faults.json
  bea bookmaker --kind pinnacle --generate 8 --truth truth.jsonl   takes bets, and logs what became of them

Any key will do unless --key names one; for Pinnacle it is a name and password, as in ann:sesame. Its clock is in the
header Date of every answer; where it runs faster, tell the host with odds_api.clock_times or pinnacle.clock_times.
GET /control/credits says what was spent, POST /control/faults has it misbehave.
It ends with Ctrl-C. See docs/bookmakers.md.")]
pub(super) struct Bookmaker {
    /// Which one
    #[arg(short, long, value_enum, default_value_t = Which::OddsApi)]
    kind: Which,
    /// Season files: a file, a folder or a pattern
    #[arg(short, long, num_args = 1.., value_name = "PATH")]
    data: Vec<PathBuf>,
    /// Make up so many matches, a quarter of an hour apart
    #[arg(short, long, value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=200))]
    generate: u32,
    /// Seed of made-up matches, and of the chances of faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times as fast its clock runs
    #[arg(short, long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3600))]
    times: u32,
    /// Credits of the month
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    credits: u64,
    /// Take only this key
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Serve here; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8092")]
    http: SocketAddr,
    /// Pinnacle: odds of a sport, and lines, are told once in so many seconds of its clock
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    fair_use: u32,
    /// Pinnacle: what the account begins with
    #[arg(long, value_name = "AMOUNT", default_value_t = 1_000)]
    bankroll: u32,
    /// Pinnacle: log what really became of bets
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Misbehave from the start as this file says
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

/// Whose look-alike it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Odds of many bookmakers, for credits
    OddsApi,
    /// One bookmaker, that takes bets
    Pinnacle,
}

impl Bookmaker {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        if self.data.is_empty() && self.generate == 0 {
            let failure = Failure::new(exit::USAGE, "there is nothing to play");
            return Err(failure
                .hint("name season files with --data, or have matches made up with --generate 8"));
        }
        let loaded = prepare::loaded(shared)?;
        prepare::start_log(&loaded.config)?;
        let files = source::expand(&self.data)?;
        let faults = exchange::faults_of(self.faults.as_deref())?;
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| Failure::new(exit::INTERNAL, format!("no runtime: {error}")))?;
        let ready = |addresses: Addresses| {
            let http = format!("http://{}", addresses.http);
            let document = json!({ "schema": "bea.bookmaker/1", "http": http });
            // That nobody reads it is no reason not to serve.
            let root = match self.kind {
                Which::OddsApi => format!("{http}/v4"),
                Which::Pinnacle => http.clone(),
            };
            let _ = output::print(shared, &document, format!("http  {root}"));
        };
        let served = runtime.block_on(async {
            let signals = live::Signals::hear();
            let mut signals =
                signals.map_err(|error| LookalikeError::System("hear signals", error))?;
            let until = async move { signals.next().await };
            match self.kind {
                Which::OddsApi => serve_odds(self.odds(files, faults), ready, until).await,
                Which::Pinnacle => serve_pinnacle(self.pinnacle(files, faults), ready, until).await,
            }
        });
        served.map_err(exchange::failure)?;
        Ok(ExitCode::SUCCESS)
    }

    fn odds(&self, files: Vec<PathBuf>, faults: Vec<Fault>) -> OddsPlan {
        OddsPlan {
            files,
            generate: self.generate,
            seed: self.seed,
            times: self.times,
            credits: self.credits,
            key: self.key.clone(),
            http: self.http,
            faults,
            wall_clock: prepare::wall_clock,
        }
    }

    fn pinnacle(&self, files: Vec<PathBuf>, faults: Vec<Fault>) -> PinnaclePlan {
        PinnaclePlan {
            files,
            generate: self.generate,
            seed: self.seed,
            times: self.times,
            login: self.key.clone(),
            fair_use_seconds: self.fair_use,
            bankroll: f64::from(self.bankroll),
            http: self.http,
            faults,
            truth: self.truth.clone(),
            wall_clock: prepare::wall_clock,
        }
    }
}
