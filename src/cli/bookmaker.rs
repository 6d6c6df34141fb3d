//! `bea bookmaker`: a local look-alike of The Odds API.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Failure, Shared, exchange, exit, output, prepare};
use crate::live;
use crate::lookalike::{Addresses, LookalikeError, OddsPlan, serve_odds};
use crate::source;

/// Serve a local look-alike of The Odds API, for polling to be tried against
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea bookmaker --generate 8 --times 60               made-up matches, a minute in a second
  bea bookmaker --data E0.csv --credits 500           a season file, from its first odds on
  bea bookmaker --generate 2 --faults faults.json

Any key will do unless --key names one. Its clock is in the header Date of every answer; where it runs faster, tell
the host with odds_api.clock_times. GET /control/credits says what was spent, POST /control/faults has it misbehave.
It ends with Ctrl-C. See docs/bookmakers.md.")]
pub(super) struct Bookmaker {
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
    /// Misbehave from the start as this file says
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
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
        let plan = OddsPlan {
            files: source::expand(&self.data)?,
            generate: self.generate,
            seed: self.seed,
            times: self.times,
            credits: self.credits,
            key: self.key.clone(),
            http: self.http,
            faults: exchange::faults_of(self.faults.as_deref())?,
            wall_clock: prepare::wall_clock,
        };
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| Failure::new(exit::INTERNAL, format!("no runtime: {error}")))?;
        let ready = |addresses: Addresses| {
            let http = format!("http://{}", addresses.http);
            let document = json!({ "schema": "bea.bookmaker/1", "http": http });
            // That nobody reads it is no reason not to serve.
            let _ = output::print(shared, &document, format!("http  {http}/v4"));
        };
        let served = runtime.block_on(async {
            let signals = live::Signals::hear();
            let mut signals =
                signals.map_err(|error| LookalikeError::System("hear signals", error))?;
            serve_odds(plan, ready, async move { signals.next().await }).await
        });
        served.map_err(exchange::failure)?;
        Ok(ExitCode::SUCCESS)
    }
}
