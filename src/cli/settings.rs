//! `bea config`: the settings in force, their schema, and what is different.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Failure, Shared, output, prepare};
use crate::config::{Change, Config, Limits, Loaded, Origin, Sources, When, schema};
use crate::live;
use serde_json::Value;

/// Show, check and compare settings
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea config show               every setting, its value and where it came from
  bea config validate           whether they are right
  bea config schema             a JSON schema, for editors")]
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
    /// Say whether the settings are right, or all that is wrong with them
    #[command(after_help = "\
Examples:
  bea config validate
  bea config validate --config other.toml")]
    Validate,
    /// A JSON schema (2020-12) of every setting
    #[command(after_help = "\
Example:
  bea config schema > bea.schema.json")]
    Schema,
    /// What is different from the built-in values, or from another file
    #[command(after_help = "\
Examples:
  bea config diff
  bea config diff other.toml")]
    Diff {
        /// The file to compare with [default: the built-in values]
        file: Option<PathBuf>,
    },
    /// Confirm limits that were raised in the files of a running host
    #[command(after_help = "\
Example:
  bea config apply

A host that runs takes lower limits at once, and waits with higher ones for this.")]
    Apply,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    hash: String,
    settings: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    key: String,
    value: serde_json::Value,
    origin: Origin,
    takes_effect: When,
}

#[derive(Debug, Serialize)]
struct Valid {
    schema: &'static str,
    valid: bool,
    hash: String,
    settings: usize,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Difference {
    schema: &'static str,
    changes: Vec<Change>,
}

#[derive(Debug, Serialize)]
struct Confirmed {
    schema: &'static str,
    limits_hash: String,
    file: PathBuf,
}

impl Settings {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        match &self.command {
            Action::Show => show(shared, &prepare::loaded(shared)?),
            Action::Validate => validate(shared, &prepare::loaded(shared)?),
            Action::Schema => {
                let schema = schema();
                let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
                output::print(shared, &schema, text)
            }
            Action::Diff { file } => {
                let before = match file {
                    Some(file) => Config::load_with(&only(file.clone()), [])?,
                    None => built_in(),
                };
                diff(shared, &before.changes_to(&prepare::loaded(shared)?))
            }
            Action::Apply => apply(shared, &prepare::loaded(shared)?),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

fn only(file: PathBuf) -> Sources {
    Sources {
        files: vec![file],
        ..Sources::default()
    }
}

/// What holds where nobody says anything.
fn built_in() -> Loaded {
    Loaded {
        config: Config::default(),
        origins: std::collections::BTreeMap::new(),
        notes: Vec::new(),
        sources: Sources::default(),
    }
}

fn show(shared: &Shared, loaded: &Loaded) -> Result<(), Failure> {
    let line = |(key, value): (String, serde_json::Value)| Line {
        origin: loaded.origins.get(&key).cloned().unwrap_or(Origin::Default),
        takes_effect: When::of(&key),
        key,
        value,
    };
    let settings: Vec<Line> = loaded.config.values().into_iter().map(line).collect();
    let text: Vec<String> = settings
        .iter()
        .map(|line| {
            let value = line.value.to_string();
            let when = line.takes_effect.as_str();
            format!("{:<38} = {value:<24} # {when}, {}", line.key, line.origin)
        })
        .collect();
    let document = Document {
        schema: "bea.config/1",
        hash: loaded.config.hash(),
        settings,
    };
    output::print(shared, &document, text.join("\n"))
}

fn validate(shared: &Shared, loaded: &Loaded) -> Result<(), Failure> {
    let valid = Valid {
        schema: "bea.config_valid/1",
        valid: true,
        hash: loaded.config.hash(),
        settings: loaded.config.values().len(),
        notes: loaded.notes.clone(),
    };
    let built_in = Config::default().values();
    let values = loaded.config.values();
    let differ = |(key, value): &(&String, &Value)| built_in.get(*key) != Some(*value);
    let set = values.iter().filter(differ).count();
    let (all, hash) = (valid.settings, &valid.hash[..12]);
    let text = format!(
        "the settings are right: {all}, of which {set} differ from what is built in; hash {hash}"
    );
    output::print(shared, &valid, text)
}

fn diff(shared: &Shared, changes: &[Change]) -> Result<(), Failure> {
    let line = |change: &Change| format!("{change}, {}", change.takes_effect.as_str());
    let lines: Vec<String> = changes.iter().map(line).collect();
    let text = match lines.is_empty() {
        true => "nothing is different".to_owned(),
        false => lines.join("\n"),
    };
    let document = Difference {
        schema: "bea.config_diff/1",
        changes: changes.to_vec(),
    };
    output::print(shared, &document, text)
}

fn apply(shared: &Shared, loaded: &Loaded) -> Result<(), Failure> {
    let limits = Limits::of(&loaded.config);
    let file = loaded.config.config.confirmed.clone();
    live::confirm(&file, &limits).map_err(|error| Failure::io("write the file", &file, &error))?;
    let limits_hash = limits.hash();
    let text = format!(
        "the limits {} are confirmed: a host in which they wait takes them over",
        &limits_hash[..12]
    );
    let document = Confirmed {
        schema: "bea.config_confirmed/1",
        limits_hash,
        file,
    };
    output::print(shared, &document, text)
}
