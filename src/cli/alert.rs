//! `bea alert test`: whether alerts arrive.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Failure, Shared, exit, output, prepare};
use crate::alert::{Alert, Channels, Patience};
use crate::config::Severity;

/// Alerts: whether they arrive
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  bea alert test")]
pub(super) struct AlertCommand {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Send a test message through every channel that is switched on
    #[command(after_help = "\
Examples:
  bea alert test
  bea alert test --json

Exit code 7 if a channel does not take it, 3 if one cannot be opened or none is switched on.")]
    Test,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    channels: Vec<Delivered>,
}

#[derive(Debug, Serialize)]
struct Delivered {
    channel: &'static str,
    delivered: bool,
    error: Option<String>,
}

impl AlertCommand {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let Action::Test = self.command;
        let config = prepare::config(shared)?;
        let patience = Patience {
            attempts: 1,
            ..Patience::default()
        };
        let channels = Channels::open(&config.alert, patience)
            .map_err(|closed| Failure::new(exit::CONFIG, closed.to_string()))?;
        if channels.iter().next().is_none() {
            let message = "no channel for alerts is switched on";
            return Err(Failure::new(exit::CONFIG, message)
                .hint("set alert.telegram.enabled or alert.webhook.enabled"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(exit::INTERNAL, format!("no runtime: {error}")))?;
        let alert = Alert {
            id: 0,
            at: prepare::wall_clock(),
            severity: Severity::Info,
            code: "TEST".to_owned(),
            text: "a test: alerts of bea arrive here".to_owned(),
            repeats: 0,
        };
        let tried = channels.iter().map(|channel| {
            let error = runtime.block_on(channel.deliver(&alert)).err();
            Delivered {
                channel: channel.name(),
                delivered: error.is_none(),
                error: error.map(|error| error.why().to_owned()),
            }
        });
        let channels: Vec<Delivered> = tried.collect();
        let line = |tried: &Delivered| match &tried.error {
            None => format!("{}: delivered", tried.channel),
            Some(error) => format!("{}: NOT delivered: {error}", tried.channel),
        };
        let text: Vec<String> = channels.iter().map(line).collect();
        let all = channels.iter().all(|tried| tried.delivered);
        let document = Document {
            schema: "bea.alert_test/1",
            channels,
        };
        output::print(shared, &document, text.join("\n"))?;
        Ok(match all {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(exit::VENUE),
        })
    }
}
