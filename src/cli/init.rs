//! `bea init`: writes a project: settings, a file for secrets' places, a strategy with a test.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Failure, Shared, output};
use crate::strategy::template;

/// Write a new project: settings, a strategy with a test, what git leaves alone
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea init my_bets && cd my_bets && bea test
  bea init                      in this folder

What is there already is left as it is.")]
pub(super) struct Init {
    /// The project's folder; it is made
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Every setting; the recordings of a new project are those that `bea demo` makes.
const SETTINGS: &str = include_str!("../../config/bea.toml");

const LOCAL: &str = "\
# Settings for this machine only. Git leaves this file alone; its values win over bea.toml, but can only tighten limits.
#
# Secrets do not belong here, only the files that hold them (chmod 600):
# [alert.telegram]
# enabled = true
# chat_id = 123456789
# token_file = \"secrets/telegram_token\"
";

const IGNORED: &str = "\
/data
/logs
/secrets
bea.local.toml
*.sqlite
*.sqlite-*
";

impl Init {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let files = [
            (
                "config/bea.toml",
                SETTINGS.replacen("\"examples/recordings\"", "\"data/demo/recordings\"", 1),
            ),
            ("config/bea.local.toml", LOCAL.to_owned()),
            (".gitignore", IGNORED.to_owned()),
            ("strategies/my_first.rhai", template("my_first")),
        ];
        let (mut wrote, mut kept) = (Vec::new(), Vec::new());
        for (name, text) in files {
            let path = self.folder.join(name);
            match write_new(&path, &text)? {
                true => wrote.push(path),
                false => kept.push(path),
            }
        }
        let document = json!({ "schema": "bea.init/1", "wrote": wrote, "kept": kept });
        let line = |word: &str, path: &PathBuf| format!("{word} {}", path.display());
        let wrote = wrote.iter().map(|path| line("wrote", path));
        let kept = kept.iter().map(|path| line("kept ", path));
        let mut text: Vec<String> = wrote.chain(kept).collect();
        let enter = match self.folder == Path::new(".") {
            true => String::new(),
            false => format!("cd {} && ", self.folder.display()),
        };
        text.push(format!(
            "next:  {enter}bea test && bea demo && bea run --speed 10"
        ));
        output::print(shared, &document, text.join("\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes a file that is not there yet; says whether it did.
fn write_new(path: &Path, text: &str) -> Result<bool, Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .map_err(|error| Failure::io("make the folder", folder, &error))?;
    }
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match file {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        file => file.map_err(|error| Failure::io("make it", path, &error))?,
    };
    file.write_all(text.as_bytes())
        .map_err(|error| Failure::io("write it", path, &error))?;
    Ok(true)
}
