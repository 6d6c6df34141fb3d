//! `bea strategies show`: the versions of a strategy, and the source of one.

use clap::Args;
use serde::Serialize;

use super::super::{Failure, Shared, exit, output};
use super::{Known, file_of, short};
use crate::ledger::VersionRow;

/// Show the versions of a strategy, and the source of one with what it read
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea strategies show value_back            the source of the version that was offered last
  bea strategies show value_back 9ac82a3f --json")]
pub(super) struct Show {
    /// The strategy
    name: String,
    /// Beginning of a version's hash [default: the latest]
    hash: Option<String>,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    strategy: String,
    /// Oldest first.
    versions: Vec<VersionRow>,
    shown: VersionRow,
    file: String,
    source: String,
    files: Vec<(String, String)>,
}

impl Show {
    pub(super) fn run(&self, shared: &Shared, known: &Known) -> Result<(), Failure> {
        let instance = known.instance(&self.name)?;
        let versions = known.ledger()?.versions(Some(&self.name))?;
        let shown = match &self.hash {
            Some(hash) => known.version(&self.name, hash)?,
            None => versions.last().cloned().ok_or_else(|| {
                let message = format!("no version of {} is in the ledger yet", self.name);
                Failure::new(exit::STRATEGY, message).hint("bea run keeps each version it meets")
            })?,
        };
        let texts = known.texts(&shown)?;
        let document = Document {
            schema: "bea.strategies.show/1",
            strategy: self.name.clone(),
            versions,
            shown,
            file: file_of(&instance),
            source: texts.source,
            files: texts.files,
        };
        output::print(shared, &document, text(&document))
    }
}

fn text(document: &Document) -> String {
    let mut lines = vec![format!(
        "  {:<12}  {:<24}  {:<24}  {}",
        "version", "first seen", "last seen", "what became of it"
    )];
    for version in &document.versions {
        let mark = if version.hash == document.shown.hash {
            '>'
        } else {
            ' '
        };
        let reason = version
            .reason
            .as_deref()
            .and_then(|reason| reason.lines().next());
        let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
        let asked_by = version.asked_by.as_deref();
        let asked_by = asked_by.map_or(String::new(), |by| format!(", asked for by {by}"));
        lines.push(format!(
            "{mark} {:<12}  {:<24}  {:<24}  {}{asked_by}{reason}",
            short(&version.hash),
            version.first_seen_ms.to_string(),
            version.last_seen_ms.to_string(),
            version.verdict.to_lowercase(),
        ));
    }
    let main = (&document.file, &document.source);
    let others = document.files.iter().map(|(name, text)| (name, text));
    for (name, text) in std::iter::once(main).chain(others) {
        let hash = short(&document.shown.hash);
        lines.push(format!("\n==> {name} ({hash}) <==\n{}", text.trim_end()));
    }
    lines.join("\n")
}
