//! `bea strategies list`: one line a strategy.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::{Failure, Shared, output, prepare};
use super::{Known, params_of, short};
use crate::config::{Instance, Loaded};
use crate::ledger::{StateRow, VersionRow};
use crate::market::TimeMs;
use crate::strategy::Script;

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    strategies: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    name: String,
    file: Option<String>,
    /// The version that ran last.
    hash: Option<String>,
    since_ms: Option<TimeMs>,
    /// The version of the file as it is now, if it parses.
    file_hash: Option<String>,
    state_bytes: u64,
    /// Of the configured mode.
    bets: u64,
    /// Who approved the version of the file for LIVE, if somebody did.
    approved_by: Option<String>,
    status: Status,
    /// What is wrong with the file, or why its last version was refused.
    problem: Option<String>,
}

/// How what is in the folder stands to what ran.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// It never ran.
    New,
    /// The file is what ran last.
    Current,
    /// The file is another version than what ran last.
    Changed,
    /// The file does not compile.
    Broken,
    /// The configuration has it switched off.
    Disabled,
    /// There is no file.
    Missing,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Current => "current",
            Self::Changed => "changed",
            Self::Broken => "broken",
            Self::Disabled => "disabled",
            Self::Missing => "missing",
        }
    }
}

pub(super) fn run(shared: &Shared, known: &Known) -> Result<(), Failure> {
    let (versions, states, bets, approvals) = match &known.reader {
        Some(reader) => (
            reader.versions(None)?,
            reader.states()?,
            reader.bets_placed(known.loaded.config.mode)?,
            reader.approvals()?,
        ),
        None => (Vec::new(), Vec::new(), Vec::new(), Vec::new()),
    };
    let bets: BTreeMap<String, u64> = bets.into_iter().collect();
    let instances = known.instances();
    let ran = versions.iter().map(|version| version.strategy.clone());
    let names: BTreeSet<String> = ran
        .chain(instances.iter().map(|instance| instance.name.clone()))
        .collect();
    let loaded = &known.loaded;
    let strategies = prepare::with_script_stack(|| {
        let line = |name: &String| {
            let instance = instances.iter().find(|instance| instance.name == *name);
            let bets = bets.get(name).copied().unwrap_or_default();
            let mut line = line(loaded, name, instance, &versions, &states, bets);
            line.approved_by = line.file_hash.as_ref().and_then(|hash| {
                let mut last = approvals.iter().rev();
                let ours = last.find(|a| a.strategy == *name && a.script_hash == *hash)?;
                Some(ours.approved_by.clone())
            });
            line
        };
        names.iter().map(line).collect()
    })?;
    let document = Document {
        schema: "bea.strategies/1",
        strategies,
    };
    output::print(shared, &document, text(&document))
}

fn line(
    loaded: &Loaded,
    name: &str,
    instance: Option<&Instance>,
    versions: &[VersionRow],
    states: &[StateRow],
    bets: u64,
) -> Line {
    let own = || versions.iter().filter(|version| version.strategy == name);
    let ran = own().rfind(|version| version.verdict == "ACCEPTED");
    let hash = ran.map(|version| version.hash.clone());
    let (mut status, file_hash, mut problem) = judge(loaded, instance, hash.as_deref());
    let offered = own()
        .next_back()
        .filter(|v| Some(&v.hash) == file_hash.as_ref());
    if let Some(refused) = offered.filter(|version| version.verdict == "REFUSED") {
        status = Status::Broken;
        problem = problem.or_else(|| refused.reason.clone());
    }
    let state = states.iter().find(|state| state.strategy == name);
    Line {
        name: name.to_owned(),
        file: instance.map(|instance| instance.path.display().to_string()),
        hash,
        since_ms: ran.map(|version| version.first_seen_ms),
        file_hash,
        state_bytes: state.map_or(0, |state| state.bytes),
        bets,
        approved_by: None,
        status,
        problem,
    }
}

/// How the file stands, its version, and what is wrong with it.
fn judge(
    loaded: &Loaded,
    instance: Option<&Instance>,
    ran: Option<&str>,
) -> (Status, Option<String>, Option<String>) {
    let Some(instance) = instance.filter(|instance| instance.path.exists()) else {
        return (Status::Missing, None, None);
    };
    let read = Script::read_as(&instance.name, &instance.path, &params_of(instance));
    let compiled = read.and_then(|script| script.compile().map(|_| script));
    let script = match compiled {
        Ok(script) => script,
        Err(error) => return (Status::Broken, None, Some(error.to_string())),
    };
    let settings = loaded.config.strategies.get(&instance.name);
    let status = match ran {
        _ if settings.is_some_and(|settings| !settings.enabled) => Status::Disabled,
        None => Status::New,
        Some(hash) if hash == script.hash() => Status::Current,
        Some(_) => Status::Changed,
    };
    (status, Some(script.hash().to_owned()), None)
}

fn text(document: &Document) -> String {
    if document.strategies.is_empty() {
        return "no strategies yet: write one with bea new NAME".to_owned();
    }
    let mut lines = vec![format!(
        "{:<22} {:<12}  {:<24} {:>8} {:>8}  {:<8}  {}",
        "strategy", "version", "since", "state", "bets", "status", "approved by"
    )];
    for line in &document.strategies {
        let hash = line.hash.as_deref().map_or("-", short);
        let since = line.since_ms.map_or("-".to_owned(), |at| at.to_string());
        lines.push(format!(
            "{:<22} {hash:<12}  {since:<24} {:>8} {:>8}  {:<8}  {}",
            line.name,
            format!("{} B", line.state_bytes),
            line.bets,
            line.status.as_str(),
            line.approved_by.as_deref().unwrap_or("-")
        ));
        if let Some(problem) = &line.problem {
            lines.push(format!("  {}", problem.lines().next().unwrap_or_default()));
        }
    }
    lines.join("\n")
}
