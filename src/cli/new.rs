//! `bea new`: writes a strategy with a test that passes.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Failure, Shared, exit, output, prepare};
use crate::strategy::template;

/// Write a new strategy, with a test that passes, to the strategies folder
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  bea new my_first && bea test my_first && bea backtest my_first --data examples/recordings")]
pub(super) struct New {
    /// Its name: small letters, digits and underscores
    name: String,
}

impl New {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let config = prepare::config(shared)?;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !self.name.starts_with(|c: char| c.is_ascii_lowercase())
            || !self.name.chars().all(fits)
            || self.name.len() > 64
        {
            return Err(Failure::new(exit::USAGE, format!("\"{}\" is not a name for a strategy", self.name))
                .hint("begin with a small letter, go on with small letters, digits and underscores, as in my_first"));
        }
        let folder = &config.run.strategies;
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::io("make the folder", folder, &error))?;
        let path = folder.join(format!("{}.rhai", self.name));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| {
                if error.kind() == std::io::ErrorKind::AlreadyExists {
                    Failure::new(
                        exit::USAGE,
                        format!("{} is there already; nothing was changed", path.display()),
                    )
                    .hint("choose another name")
                } else {
                    Failure::io("make it", &path, &error)
                }
            })?;
        file.write_all(template(&self.name).as_bytes())
            .map_err(|error| Failure::io("write it", &path, &error))?;
        let document = json!({"schema": "bea.new/1", "name": self.name, "path": path});
        let name = &self.name;
        let mut next = format!("wrote {}\nnext:  bea test {name}", path.display());
        match ["examples/recordings", "data/demo/recordings"]
            .iter()
            .find(|folder| Path::new(folder).is_dir())
        {
            Some(folder) => next.push_str(&format!("\n       bea backtest {name} --data {folder}")),
            None => next.push_str(&format!(
                "\n       bea generate --out recordings\n       bea backtest {name} --data recordings"
            )),
        }
        output::print(shared, &document, next)?;
        Ok(ExitCode::SUCCESS)
    }
}
