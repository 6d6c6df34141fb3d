//! `bea config show`: every setting with its value and where it came from.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Failure, Shared, output};
use crate::config::{Config, Origin};

/// Show the settings in force
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  bea config show               every setting, its value and where it came from")]
pub(super) struct Settings {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Every setting, its value and where it came from
    #[command(after_help = "\
Examples:
  bea config show
  bea config show --set risk.max_stake=20 --json")]
    Show,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    settings: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    key: String,
    value: serde_json::Value,
    origin: Origin,
}

impl Settings {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let Action::Show = self.command;
        let loaded = Config::load(shared.config.as_deref(), &shared.set)?;
        let settings: Vec<Line> = loaded
            .config
            .values()
            .into_iter()
            .map(|(key, value)| {
                let origin = loaded.origins.get(&key).cloned().unwrap_or(Origin::Default);
                Line { key, value, origin }
            })
            .collect();
        let text: Vec<String> = settings
            .iter()
            .map(|line| {
                format!(
                    "{:<38} = {:<24} # {}",
                    line.key,
                    line.value.to_string(),
                    line.origin
                )
            })
            .collect();
        output::print(
            shared,
            &Document {
                schema: "bea.config/1",
                settings,
            },
            text.join("\n"),
        )?;
        Ok(ExitCode::SUCCESS)
    }
}
