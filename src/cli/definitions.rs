//! `bea definitions`: writes what editors read to complete names and show help.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Failure, Shared, output, prepare};
use crate::strategy::definitions;

/// Write what editors read to complete and explain the script API
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea definitions               writes strategies/.definitions/bea.d.rhai
  bea definitions --out editor

The file declares every property and function with its help and example, in the form that
Rhai's language server and editor extensions read.")]
pub(super) struct Definitions {
    /// The folder to write to [default: .definitions in the strategies folder]
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Definitions {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let folder = match &self.out {
            Some(folder) => folder.clone(),
            None => prepare::config(shared)?.run.strategies.join(".definitions"),
        };
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::io("make the folder", &folder, &error))?;
        let mut files = Vec::new();
        for definition in definitions() {
            let path = folder.join(definition.name);
            std::fs::write(&path, definition.text)
                .map_err(|error| Failure::io("write it", &path, &error))?;
            files.push(path);
        }
        let shown: Vec<String> = files
            .iter()
            .map(|path| format!("wrote {}", path.display()))
            .collect();
        let document = json!({ "schema": "bea.definitions/1", "files": files });
        output::print(shared, &document, shown.join("\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}
