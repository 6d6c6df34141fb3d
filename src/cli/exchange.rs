//! `bea exchange`: a local look-alike of the Betfair exchange.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{Failure, Shared, exit, output, prepare};
use crate::config::Speed;
use crate::live;
use crate::lookalike::{
    self, Addresses, Credentials, Fault, Input, LookalikeError, Plan, read_faults,
};
use crate::market::TimeMs;
use crate::source;
use crate::source::generate::{Kind, Spec};

/// Serve a local look-alike of the Betfair exchange, for clients to be tried against
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea exchange --data examples/recordings --speed 10     play recordings, ten times as fast
  bea exchange --data 1.181223995.bz2 --join 5 --paused  wait five minutes before the off until told to go on
  bea exchange --generate 3                              made-up races that start from now on
  bea exchange --generate 1 --faults faults.json --truth truth.jsonl

Point a client at the addresses it prints: any user and password will do. Log in at /api/login, ask at
/exchange/betting/json-rpc/v1; the stream speaks TLS with a certificate of its own (--plain: none).
POST /control/faults has it misbehave, POST /control/clock {\"step\": 10} plays ten messages.
It ends with Ctrl-C. See docs/exchange.md.")]
pub(super) struct Exchange {
    /// Recordings: a file, a folder or a pattern; all are played at a time
    #[arg(short, long, num_args = 1.., value_name = "PATH")]
    data: Vec<PathBuf>,
    /// Make up so many races, ten minutes apart
    #[arg(short, long, value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=200))]
    generate: u32,
    /// First seed of made-up races, and of the chances of faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times as fast as it happened, or max
    #[arg(short, long, value_name = "TIMES", default_value = "1", value_parser = speed)]
    speed: Speed,
    /// Hurry to so many minutes before a market's start, and only then keep the speed
    #[arg(short, long, value_name = "MINUTES")]
    join: Option<u32>,
    /// Leap over so many seconds in which nothing happens
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    leap: u32,
    /// Have the clock stand still until POST /control/clock {"run": true}
    #[arg(long)]
    paused: bool,
    /// Move all times of recordings so that they begin now
    #[arg(long)]
    shift_to_now: bool,
    /// Tell clients the time of this machine instead of the recording's, whatever the speed
    #[arg(long)]
    wall_clock: bool,
    /// Serve HTTP here; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    http: SocketAddr,
    /// Serve the stream here
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8091")]
    stream: SocketAddr,
    /// The stream without TLS
    #[arg(long)]
    plain: bool,
    /// Write the certificate of the stream to this file, in PEM
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    certificate: Option<PathBuf>,
    /// Let only this user log in
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// With this password
    #[arg(long, requires = "user", value_name = "PASSWORD")]
    password: Option<String>,
    /// Misbehave from the start as this file says
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Log every accepted bet to this file, which is written anew
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
}

fn speed(text: &str) -> Result<Speed, String> {
    let written = match text.parse::<f64>() {
        Ok(number) => json!(number),
        Err(_) => json!(text),
    };
    serde_json::from_value(written).map_err(|error| error.to_string())
}

impl Exchange {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let loaded = prepare::loaded(shared)?;
        prepare::start_log(&loaded.config)?;
        let plan = self.plan(&loaded.config)?;
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| Failure::new(exit::INTERNAL, format!("no runtime: {error}")))?;
        let is_plain = plan.plain;
        let ready = |addresses: Addresses| announce(shared, addresses, is_plain);
        let served = runtime.block_on(async {
            let signals = live::Signals::hear();
            let mut signals =
                signals.map_err(|error| LookalikeError::System("hear signals", error))?;
            lookalike::serve(plan, ready, async move { signals.next().await }).await
        });
        // Threads that read ahead need not be waited for.
        runtime.shutdown_background();
        served.map_err(failure)?;
        Ok(ExitCode::SUCCESS)
    }

    fn plan(&self, config: &crate::config::Config) -> Result<Plan, Failure> {
        if self.data.is_empty() && self.generate == 0 {
            let failure = Failure::new(exit::USAGE, "there is nothing to play");
            return Err(failure
                .hint("name recordings with --data, or have races made up with --generate 3"));
        }
        let now = prepare::wall_clock();
        let mut inputs: Vec<Input> = source::expand(&self.data)?
            .into_iter()
            .map(Input::File)
            .collect();
        inputs
            .extend((0..self.generate).map(|nth| Input::Generated(Box::new(self.race(nth, now)))));
        Ok(Plan {
            inputs,
            speed: self.speed,
            join: match self.join {
                Some(minutes) => Some(Duration::from_secs(60 * u64::from(minutes))),
                None => self.left_to_race(now),
            },
            longest_quiet: Duration::from_secs(u64::from(self.leap)),
            begin: self.shift_to_now.then_some(now),
            paused: self.paused,
            http: self.http,
            stream: self.stream,
            plain: self.plain,
            certificate: self.certificate.clone(),
            credentials: match &self.user {
                None => Credentials::Anybody,
                Some(user) => Credentials::Only {
                    user: user.clone(),
                    password: self.password.clone(),
                },
            },
            bankroll: config.account.bankroll,
            currency: config.account.currency,
            exchange: config.exchange.clone(),
            faults: faults_of(self.faults.as_deref())?,
            seed: self.seed,
            truth: self.truth.clone(),
            wall_clock: prepare::wall_clock,
            tells_wall_clock: self.wall_clock,
        })
    }

    /// How long it is to the first race, where there are only races made up for now: what comes before is past, and is
    /// hurried through.
    fn left_to_race(&self, now: TimeMs) -> Option<Duration> {
        let is_now = self.data.is_empty() && !self.paused && !self.shift_to_now;
        let left = self.race(0, now).off - now;
        is_now.then(|| Duration::from_millis(left.unsigned_abs()))
    }

    /// A race of which five minutes are left, and ten more for each before it.
    fn race(&self, nth: u32, now: TimeMs) -> Spec {
        let mut spec = Spec::new(Kind::Win, self.seed.saturating_add(u64::from(nth)));
        spec.minutes_before = 5 + 10 * nth;
        // On a whole minute, as races are.
        let begins = TimeMs(now.0.div_euclid(60_000) * 60_000);
        spec.off = begins + i64::from(spec.minutes_before) * 60_000;
        spec
    }
}

/// The faults of a file, if one is named.
pub(super) fn faults_of(path: Option<&Path>) -> Result<Vec<Fault>, Failure> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let text = std::fs::read(path).map_err(|error| Failure::io("read it", path, &error))?;
    read_faults(&text).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Failure::new(exit::CONFIG, message).hint(
            r#"a fault is written as {"fault": "drop_after", "operation": "placeOrders", "next": 1}"#,
        )
    })
}

/// Says where clients find it.
fn announce(shared: &Shared, addresses: Addresses, is_plain: bool) {
    let scheme = if is_plain { "tcp" } else { "tls" };
    let document = json!({
        "schema": "bea.exchange/1",
        "http": format!("http://{}", addresses.http),
        "stream": format!("{scheme}://{}", addresses.stream),
    });
    let text = format!(
        "http    http://{}  (login at /api/login, API-NG under /exchange/, control under /control)\n\
         stream  {scheme}://{}",
        addresses.http, addresses.stream
    );
    // That nobody reads it is no reason not to serve.
    let _ = output::print(shared, &document, text);
}

pub(super) fn failure(error: LookalikeError) -> Failure {
    let code = match &error {
        LookalikeError::Feed(_) | LookalikeError::File { .. } => exit::DATA,
        LookalikeError::NotLocal(_) => exit::SAFETY,
        LookalikeError::Bind(..) => exit::CONFIG,
        LookalikeError::Certificate(_) | LookalikeError::System(..) => exit::INTERNAL,
    };
    Failure::new(code, error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Asked {
        #[command(flatten)]
        exchange: Exchange,
    }

    #[test]
    fn races_made_up_for_now_are_hurried_through_to_now_unless_the_clock_stands_still() {
        let left = |more: &[&str]| {
            let words = ["exchange", "--generate", "3"].iter().chain(more);
            let asked = Asked::parse_from(words).exchange;
            // 42.6 seconds of the minute are over.
            asked.left_to_race(TimeMs(600_000 + 42_600))
        };
        assert_eq!(left(&[]), Some(Duration::from_millis(300_000 - 42_600)));
        assert_eq!(left(&["--paused"]), None);
        assert_eq!(left(&["--data", "examples/recordings"]), None);
    }
}
