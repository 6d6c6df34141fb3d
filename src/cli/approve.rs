//! `bea approve`: a person has read this version of a strategy, and lets it bet with money.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::{Failure, Shared, exit, output, prepare};
use crate::config::Config;
use crate::ledger::{self, Approval, Durability, Reader};
use crate::live::door;

/// How long a running host is given to take the approval.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// Approve the version of a strategy that is in the folder for LIVE
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea approve value_back --by ann --reason \"read it, 40 days of paper are good\"
  bea approve value_back --by ann --reason \"typo\" --hash 9ac82a3f6a01

Who, when, why and the hash go into the ledger. Any change of the script, of what it imports, of its tables or of its
parameters is another version: in LIVE it places no orders until it is approved.")]
pub(super) struct Approve {
    /// Which strategy
    strategy: String,
    /// Who approves
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "WORDS")]
    reason: String,
    /// The version that was read: refused if the folder has another by now
    #[arg(long, value_name = "HASH")]
    hash: Option<String>,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    approval: Approval,
    /// Whether it is in the ledger; a running host takes it over.
    recorded: bool,
}

impl Approve {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let loaded = prepare::loaded(shared)?;
        let config = &loaded.config;
        for (what, given) in [("--by", &self.by), ("--reason", &self.reason)] {
            if given.trim().is_empty() {
                return Err(Failure::new(
                    exit::USAGE,
                    format!("{what} must say something"),
                ));
            }
        }
        let arguments = std::slice::from_ref(&self.strategy);
        let hash = prepare::with_script_stack(|| -> Result<String, Failure> {
            let scripts = prepare::scripts(&loaded, arguments, &[])?;
            let [script] = &scripts[..] else {
                return Err(Failure::new(
                    exit::USAGE,
                    "one strategy is approved at a time",
                ));
            };
            script.compile()?;
            Ok(script.hash().to_owned())
        })??;
        if let Some(read) = self.hash.as_ref().filter(|read| !hash.starts_with(*read)) {
            let message = format!(
                "{} is {hash:.12} by now, not the {read} that was read",
                self.strategy
            );
            return Err(Failure::new(exit::SAFETY, message).hint(format!(
                "read it again: bea strategies diff {}",
                self.strategy
            )));
        }
        let approval = Approval {
            at_ms: prepare::wall_clock(),
            strategy: self.strategy.clone(),
            script_hash: hash,
            approved_by: self.by.clone(),
            reason: self.reason.clone(),
        };
        let recorded = record(config, &approval)?;
        let (name, hash) = (&approval.strategy, &approval.script_hash[..12]);
        let text = match recorded {
            true => format!("{} approved {name} {hash}", approval.approved_by),
            false => format!(
                "the approval of {name} {hash} waits in {}: the host has not taken it yet",
                config.live.approvals_file.display()
            ),
        };
        let document = Document {
            schema: "bea.approve/1",
            approval,
            recorded,
        };
        output::print(shared, &document, text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Puts it into the ledger; where a host holds that, leaves it for the host and waits a little.
#[allow(clippy::disallowed_methods)]
fn record(config: &Config, approval: &Approval) -> Result<bool, Failure> {
    let path = &config.ledger.path;
    if !path.exists() || !ledger::is_held(path)? {
        let ledger = prepare::ledger(config, path, Durability::Full)?;
        ledger.approve(approval.clone())?;
        ledger.close()?;
        return Ok(true);
    }
    let file = &config.live.approvals_file;
    door::leave(file, approval).map_err(|error| Failure::io("leave the approval", file, &error))?;
    let reader = Reader::open(path)?;
    let deadline = Instant::now() + PATIENCE;
    // The host is another process: its ledger can only be looked at again.
    loop {
        if reader.approvals()?.contains(approval) {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        sleep(LOOK);
    }
}
