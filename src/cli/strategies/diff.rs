//! `bea strategies diff`: what changed between two versions of a strategy.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use similar::TextDiff;

use super::super::{Failure, Shared, exit, output};
use super::{Known, Texts, file_of, params_of, present, short};
use crate::config::Instance;
use crate::ledger::VersionRow;

/// Compare two versions of a strategy, or one with its file as it is now
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea strategies diff value_back                     the version that ran last, and the file
  bea strategies diff value_back 9ac82a3f            that version, and the file
  bea strategies diff value_back 9ac82a3f c0441be9   two versions")]
pub(super) struct Diff {
    /// The strategy
    name: String,
    /// Beginning of a version's hash [default: the one that ran last]
    from: Option<String>,
    /// Beginning of another version's hash [default: the file as it is now]
    to: Option<String>,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    strategy: String,
    from: String,
    to: String,
    /// Whether nothing differs: neither texts nor parameters.
    same: bool,
    params_from: Value,
    params_to: Value,
    /// A unified diff of all files.
    diff: String,
}

/// One side of the comparison.
struct Side {
    hash: String,
    label: String,
    texts: BTreeMap<String, String>,
    params: Value,
}

impl Diff {
    pub(super) fn run(&self, shared: &Shared, known: &Known) -> Result<(), Failure> {
        let instance = known.instance(&self.name)?;
        let from = match &self.from {
            Some(hash) => known.version(&self.name, hash)?,
            None => last_accepted(known, &self.name)?,
        };
        let from = kept(known, &instance, &from)?;
        let to = match &self.to {
            Some(hash) => kept(known, &instance, &known.version(&self.name, hash)?)?,
            None => now(&instance)?,
        };
        let diff = unified(&from, &to);
        let document = Document {
            schema: "bea.strategies.diff/1",
            strategy: self.name.clone(),
            same: diff.is_empty() && from.params == to.params,
            from: from.hash,
            to: to.hash,
            params_from: from.params,
            params_to: to.params,
            diff,
        };
        output::print(shared, &document, text(&document))
    }
}

fn last_accepted(known: &Known, name: &str) -> Result<VersionRow, Failure> {
    let versions = known.ledger()?.versions(Some(name))?;
    let ran = versions
        .into_iter()
        .rfind(|version| version.verdict == "ACCEPTED");
    ran.ok_or_else(|| {
        let message = format!("no version of {name} ran with this ledger yet");
        Failure::new(exit::STRATEGY, message).hint("bea run keeps each version it meets")
    })
}

fn side(instance: &Instance, hash: &str, label: String, texts: Texts, params: Value) -> Side {
    let main = (file_of(instance), texts.source);
    Side {
        hash: hash.to_owned(),
        label,
        texts: std::iter::once(main).chain(texts.files).collect(),
        params,
    }
}

fn kept(known: &Known, instance: &Instance, version: &VersionRow) -> Result<Side, Failure> {
    let texts = known.texts(version)?;
    let label = format!("{} of {}", short(&version.hash), version.last_seen_ms);
    let params = version.params.clone();
    Ok(side(instance, &version.hash, label, texts, params))
}

fn now(instance: &Instance) -> Result<Side, Failure> {
    let script = present(instance).ok_or_else(|| {
        let message = format!("{}: the file cannot be read", instance.path.display());
        Failure::new(exit::STRATEGY, message).hint("name two versions to compare those")
    })?;
    let label = format!("{}, the file now", script.short_hash());
    let params = serde_json::to_value(params_of(instance)).unwrap_or_default();
    let texts = Texts::from(&script);
    Ok(side(instance, script.hash(), label, texts, params))
}

fn unified(from: &Side, to: &Side) -> String {
    let names: BTreeSet<&String> = from.texts.keys().chain(to.texts.keys()).collect();
    let mut diff = String::new();
    for name in names {
        let text = |side: &Side| side.texts.get(name).cloned().unwrap_or_default();
        let (old, new) = (text(from), text(to));
        if old != new {
            let label = |side: &Side| format!("{name} ({})", side.label);
            let lines = TextDiff::from_lines(&old, &new);
            let mut unified = lines.unified_diff();
            unified.header(&label(from), &label(to));
            diff.push_str(&unified.to_string());
        }
    }
    diff
}

fn text(document: &Document) -> String {
    if document.same {
        return format!("{}: nothing differs", document.strategy);
    }
    let mut text = document.diff.trim_end().to_owned();
    if document.params_from != document.params_to {
        if !text.is_empty() {
            text.push('\n');
        }
        let (from, to) = (&document.params_from, &document.params_to);
        text.push_str(&format!("-parameters of the configuration: {from}\n"));
        text.push_str(&format!("+parameters of the configuration: {to}"));
    }
    text
}
