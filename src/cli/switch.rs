//! `bea kill`, `bea pause`, `bea reduce`, `bea resume`: the trading switch by hand.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::{Failure, Shared, exit, output, prepare};
use crate::config::Config;
use crate::engine::TradingState;
use crate::ledger::{self, Reader};
use crate::live::switch::{Position, Switch};

/// How long a running host is given to obey before that is reported as it stands.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// Halt betting: no order leaves, what rests is cancelled, until `bea resume`
///
/// It holds over restarts.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea kill --reason \"prices look wrong\"
  bea kill --json

Writes the file kill.file. It works with or without a running host, and touching the file by hand does the same.
With a host at work, the answer says what it made of it: orders cancelled, orders still unresolved.")]
pub(super) struct Kill {
    #[command(flatten)]
    why: Why,
}

/// Pause betting: no new order leaves, cancels still go, until `bea resume`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  bea pause --reason \"lunch\"")]
pub(super) struct Pause {
    #[command(flatten)]
    why: Why,
}

/// Reduce only: no order leaves that does not lower the risk, until `bea resume`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  bea reduce --reason \"close out before the break\"")]
pub(super) struct Reduce {
    #[command(flatten)]
    why: Why,
}

/// Let betting go on after a kill, a pause or a reduce
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  bea resume --reason \"checked the feed, prices are right\"")]
pub(super) struct Resume {
    /// Why it is right to bet again; it is kept in the ledger of a host at work
    #[arg(long, value_parser = words)]
    reason: String,
}

/// A text that says something.
fn words(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("say why"),
        text => Ok(text.to_owned()),
    }
}

#[derive(Debug, Args)]
struct Why {
    /// Why; it is kept in the file and in the ledger
    #[arg(long, default_value = "asked for on the command line")]
    reason: String,
}

/// What became of it.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    state: &'static str,
    reason: String,
    kill_file: PathBuf,
    /// What a running host made of it; `None` if none is at work.
    host: Option<ledger::Standing>,
    /// Whether the host has obeyed.
    obeyed: Option<bool>,
}

impl Kill {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        restrain(shared, TradingState::Halted, &self.why.reason)
    }
}

impl Pause {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        restrain(shared, TradingState::Paused, &self.why.reason)
    }
}

impl Reduce {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        restrain(shared, TradingState::Reduce, &self.why.reason)
    }
}

impl Resume {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let config = prepare::config(shared)?;
        let switch = Switch::new(&config.kill.file);
        let was_there = switch
            .release_for(&self.reason, "bea")
            .map_err(|error| refused(&switch, "taken away", &error))?;
        if !was_there {
            output::remark(shared, "betting was not stopped: there was no kill file");
        }
        let told = report(shared, &config, &switch, &self.reason)?;
        // The file is gone, and something else may still halt: its folder that is missing, say.
        Ok(match switch.read().state {
            TradingState::Active => told,
            _ => ExitCode::from(exit::SAFETY),
        })
    }
}

fn restrain(shared: &Shared, state: TradingState, reason: &str) -> Result<ExitCode, Failure> {
    let config = prepare::config(shared).map_err(|failure| {
        failure.hint(
            "nothing was stopped: to halt at once make the kill file by hand (touch data/KILL, or what kill.file names), or send SIGUSR1 to the host",
        )
    })?;
    let file = std::path::absolute(&config.kill.file).unwrap_or_else(|_| config.kill.file.clone());
    // A host makes the folder when it starts. Where it is missing, none has ever looked.
    if !file.parent().is_some_and(Path::is_dir) {
        let message = format!(
            "there is no folder for the kill file {}: no host was started here, and none would see it",
            file.display()
        );
        return Err(Failure::new(exit::SAFETY, message).hint(
            "run this in the directory of the host, or name its configuration with --config",
        ));
    }
    let switch = Switch::new(&file);
    switch
        .restrain(state, reason, "bea", prepare::wall_clock())
        .map_err(|error| refused(&switch, "written", &error))?;
    report(shared, &config, &switch, reason)
}

fn refused(switch: &Switch, what: &str, error: &std::io::Error) -> Failure {
    let file = switch.file().display();
    Failure::new(
        exit::SAFETY,
        format!("the kill file {file} cannot be {what}: {error}"),
    )
    .hint("a running host halts as soon as it cannot read the file; SIGUSR1 halts it in any case")
}

/// Says where the switch stands, and what a running host made of it.
fn report(
    shared: &Shared,
    config: &Config,
    switch: &Switch,
    reason: &str,
) -> Result<ExitCode, Failure> {
    let Position {
        state,
        reason: stands,
    } = switch.read();
    let host = obeyed(config, state)?;
    let document = Document {
        schema: "bea.switch/1",
        state: state.as_str(),
        // What stood before and restrains more says why by itself.
        reason: match state {
            TradingState::Active => reason.to_owned(),
            _ => stands,
        },
        kill_file: switch.file().to_owned(),
        obeyed: host.as_ref().map(|host| host.state == state.as_str()),
        host,
    };
    let text = text(&document);
    output::print(shared, &document, text)?;
    Ok(match document.obeyed {
        Some(false) => ExitCode::from(exit::SAFETY),
        _ => ExitCode::SUCCESS,
    })
}

/// Waits for a host at work to come to this state, and what rests to be gone if it is halted. The host is another process:
/// its ledger can only be looked at again.
#[allow(clippy::disallowed_methods)]
fn obeyed(config: &Config, state: TradingState) -> Result<Option<ledger::Standing>, Failure> {
    let path = &config.ledger.path;
    if !path.exists() || !ledger::is_held(path)? {
        return Ok(None);
    }
    let reader = Reader::open(path)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let standing = reader.standing()?;
        let done = standing.as_ref().is_none_or(|standing| {
            standing.state == state.as_str()
                && (state != TradingState::Halted || standing.working + standing.unresolved == 0)
        });
        if done || Instant::now() >= deadline {
            return Ok(standing);
        }
        sleep(LOOK);
    }
}

fn text(document: &Document) -> String {
    let Document {
        state,
        reason,
        kill_file,
        host,
        obeyed,
        ..
    } = document;
    let file = kill_file.display();
    let switch = match *state {
        "ACTIVE" => format!("ACTIVE: {reason}\n{file} is gone"),
        state => format!("{state}: {reason}\nit holds until: bea resume --reason \"...\""),
    };
    let host = match (host, obeyed) {
        (None, _) => {
            "no host is at work on the ledger of this configuration; one that starts will obey"
                .to_owned()
        }
        (Some(host), Some(true)) => format!(
            "the host (run {}) is {}: {} orders asked to be cancelled, {} still resting, {} unresolved",
            host.run, host.state, host.swept, host.working, host.unresolved
        ),
        (Some(host), _) => format!(
            "the host (run {}) has not obeyed yet, it is {}: see /health; SIGUSR1 halts it, SIGTERM ends it",
            host.run, host.state
        ),
    };
    format!("{switch}\n{host}")
}
