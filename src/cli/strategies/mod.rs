//! `bea strategies`: which strategies there are, their versions, and what they remember.

mod diff;
mod list;
mod rollback;
mod show;
mod state;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Failure, Shared, exit, prepare};
use crate::config::{Instance, Loaded, nearest, stem};
use crate::ledger::{Reader, SourceRow, VersionRow};
use crate::strategy::{Overrides, Script, find};

/// List strategies; show, compare, bring back versions; see what they remember
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea strategies                            name, version, since when, what it remembers, bets, status
  bea strategies show value_back            its versions, and the source of the latest
  bea strategies diff value_back            what the file has changed since the version that ran last
  bea strategies rollback value_back 9ac82a3f
  bea strategies state value_back --clear   have it begin anew")]
pub(super) struct Strategies {
    #[command(subcommand)]
    action: Option<Action>,
    /// The ledger with their history [default: ledger.path of the configuration]
    #[arg(long, global = true, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Name, version, since when, what it remembers, bets, status (also without a word)
    #[command(after_help = "Example:\n  bea strategies list --json")]
    List,
    Show(show::Show),
    Diff(diff::Diff),
    Rollback(rollback::Rollback),
    State(state::State),
}

impl Strategies {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let known = Known::open(shared, self.ledger.as_deref())?;
        match &self.action {
            None | Some(Action::List) => list::run(shared, &known)?,
            Some(Action::Show(show)) => show.run(shared, &known)?,
            Some(Action::Diff(diff)) => diff.run(shared, &known)?,
            Some(Action::Rollback(rollback)) => rollback.run(shared, &known)?,
            Some(Action::State(state)) => state.run(shared, &known)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What is known of strategies: by the configuration, the folder and the ledger.
struct Known {
    loaded: Loaded,
    path: PathBuf,
    /// The ledger, where there is one.
    reader: Option<Reader>,
}

/// What a version is made of.
struct Texts {
    /// The script's source.
    source: String,
    /// Name and text of what it reads besides.
    files: Vec<(String, String)>,
}

impl From<SourceRow> for Texts {
    fn from(row: SourceRow) -> Self {
        let (source, files) = (row.source, row.files);
        Self { source, files }
    }
}

impl From<&Script> for Texts {
    fn from(script: &Script) -> Self {
        let own = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        Self {
            source: script.text().to_owned(),
            files: script.files().map(own).collect(),
        }
    }
}

impl Known {
    fn open(shared: &Shared, ledger: Option<&Path>) -> Result<Self, Failure> {
        let loaded = prepare::loaded(shared)?;
        let path = ledger.unwrap_or(&loaded.config.ledger.path).to_owned();
        let reader = match path.exists() {
            true => Some(Reader::open(&path)?),
            false => None,
        };
        Ok(Self {
            loaded,
            path,
            reader,
        })
    }

    /// The ledger, or that there is none.
    fn ledger(&self) -> Result<&Reader, Failure> {
        self.reader.as_ref().ok_or_else(|| {
            let message = format!("there is no ledger at {}", self.path.display());
            Failure::new(exit::DATA, message)
                .hint("bea run leaves one; name another with --ledger FILE")
        })
    }

    /// Every script of the folder, and every strategy of the configuration with its script.
    fn instances(&self) -> Vec<Instance> {
        let config = &self.loaded.config;
        let folder = &config.run.strategies;
        let scripts = find(&[folder.display().to_string()], folder).unwrap_or_default();
        let mut instances = config.instances(&scripts);
        for name in config.strategies.keys() {
            if let Some(script) = config.script_of(name)
                && !instances.iter().any(|instance| instance.name == *name)
            {
                instances.push(config.instance(name, &script));
            }
        }
        instances.sort_by(|a, b| a.name.cmp(&b.name));
        instances
    }

    /// The strategy of this name: as it would run now, or (where its file is gone) as it last ran.
    fn instance(&self, name: &str) -> Result<Instance, Failure> {
        let config = &self.loaded.config;
        let instances = self.instances();
        if let Some(instance) = instances.iter().find(|instance| instance.name == name) {
            return Ok(instance.clone());
        }
        let versions = match &self.reader {
            Some(reader) => reader.versions(None)?,
            None => Vec::new(),
        };
        if let Some(version) = versions.iter().rfind(|version| version.strategy == name) {
            return Ok(config.instance(name, Path::new(&version.file)));
        }
        let ran = versions.iter().map(|version| version.strategy.as_str());
        let is = instances.iter().map(|instance| instance.name.as_str());
        let names: BTreeSet<&str> = ran.chain(is).collect();
        let failure = Failure::new(exit::STRATEGY, format!("there is no strategy {name}"));
        Err(match nearest(name, names.iter().copied()) {
            Some(meant) => failure.hint(format!("did you mean \"{meant}\"?")),
            None if names.is_empty() => failure.hint(format!("write one with: bea new {name}")),
            None => {
                let names: Vec<&str> = names.into_iter().collect();
                failure.hint(format!("there is: {}", names.join(", ")))
            }
        })
    }

    /// The version of a strategy whose hash begins so.
    fn version(&self, strategy: &str, beginning: &str) -> Result<VersionRow, Failure> {
        let versions = self.ledger()?.versions(Some(strategy))?;
        let beginning = beginning.to_ascii_lowercase();
        let mut fitting = versions
            .iter()
            .filter(|version| version.hash.starts_with(&beginning));
        let known = || {
            let hashes: Vec<&str> = versions
                .iter()
                .rev()
                .map(|v| short(&v.hash))
                .take(8)
                .collect();
            match hashes.is_empty() {
                true => format!("no version of {strategy} ran with this ledger"),
                false => format!("there is, the latest first: {}", hashes.join(", ")),
            }
        };
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Ok(one.clone()),
            (None, _) => {
                let message = format!("{strategy} has no version {beginning}");
                Err(Failure::new(exit::STRATEGY, message).hint(known()))
            }
            (Some(_), Some(_)) => {
                let message = format!("several versions of {strategy} begin with \"{beginning}\"");
                Err(Failure::new(exit::STRATEGY, message).hint(known()))
            }
        }
    }

    /// What a version was made of.
    fn texts(&self, version: &VersionRow) -> Result<Texts, Failure> {
        let source = self.ledger()?.source(&version.hash)?;
        source.map(Texts::from).ok_or_else(|| {
            let message = format!("the source of {} is not in the ledger", version.hash);
            Failure::new(exit::DATA, message)
        })
    }
}

/// A strategy as its file is now; if it does not parse, as far as it can be read.
fn present(instance: &Instance) -> Option<Script> {
    let overrides = params_of(instance);
    Script::read_as(&instance.name, &instance.path, &overrides)
        .ok()
        .or_else(|| Script::draft(&instance.name, &instance.path, &overrides))
}

fn params_of(instance: &Instance) -> Overrides {
    instance.params.clone().into_iter().collect()
}

/// The script's file without its folder.
fn file_of(instance: &Instance) -> String {
    format!("{}.rhai", stem(&instance.path))
}

/// A hash as people are shown it.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
