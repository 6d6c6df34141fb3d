//! `bea strategies rollback`: writes the source of an earlier version back to the file.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use clap::Args;
use serde_json::json;

use super::super::{Failure, Shared, exit, output, prepare};
use super::{Known, params_of, present, short};
use crate::backtest;
use crate::config::{Instance, Loaded};
use crate::ledger::{Durability, Verdict};
use crate::strategy::Script;

/// Write the source of an earlier version back to the file; a running host picks it up
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  bea strategies rollback value_back 9ac82a3f

It is compiled and tested first, and the present file is kept in the ledger. Files that the script imports
and its tables stay as they are.")]
pub(super) struct Rollback {
    /// The strategy
    name: String,
    /// Beginning of the version's hash; bea strategies show NAME lists them
    hash: String,
}

impl Rollback {
    pub(super) fn run(&self, shared: &Shared, known: &Known) -> Result<(), Failure> {
        let instance = known.instance(&self.name)?;
        let version = known.version(&self.name, &self.hash)?;
        let source = known.texts(&version)?.source;
        let before = read(&instance.path)?;
        let affected = affected(known, &instance);
        let loaded = &known.loaded;
        let checked = prepare::with_script_stack(|| check(loaded, &affected, &source))??;
        let is_back = before.as_deref() == Some(source.as_bytes());
        if !is_back {
            if before.is_some() {
                keep_present(known, &instance, &version.hash)?;
            }
            replace(&instance.path, &source, before.as_deref())?;
        }
        let now = checked.iter().find(|script| script.name() == self.name);
        let hash = now.map_or("", Script::hash);
        let names: Vec<&str> = checked.iter().map(Script::name).collect();
        let document = json!({
            "schema": "bea.strategies.rollback/1",
            "strategy": self.name,
            "file": instance.path,
            "wanted": version.hash,
            "hash": hash,
            "changed": !is_back,
            "affected": names,
        });
        let file = instance.path.display();
        let mut text = match is_back {
            true => format!(
                "{file} holds the source of {} already",
                short(&version.hash)
            ),
            false => format!("{file} is back at the source of {}", short(&version.hash)),
        };
        if hash != version.hash {
            text.push_str(&format!(
                "\nit is version {} now, for what it reads besides or its parameters differ from then: \
                 bea strategies diff {} {}",
                short(hash),
                self.name,
                short(&version.hash)
            ));
        }
        if names.len() > 1 {
            text.push_str(&format!("\nthe script runs as: {}", names.join(", ")));
        }
        output::print(shared, &document, text)
    }
}

/// Every strategy that runs this script; the one named among them.
fn affected(known: &Known, instance: &Instance) -> Vec<Instance> {
    let mut affected = known.instances();
    affected.retain(|other| other.path == instance.path || other.name == instance.name);
    if !affected.iter().any(|other| other.name == instance.name) {
        affected.push(instance.clone());
    }
    affected
}

/// Compiles and tests the source as each strategy that would run it.
fn check(loaded: &Loaded, affected: &[Instance], source: &str) -> Result<Vec<Script>, Failure> {
    let check = |instance: &Instance| {
        let (name, params) = (&instance.name, params_of(instance));
        let script = Script::with_text(name, &instance.path, source.to_owned(), &params)?;
        prepare::check_fit(loaded, &script, &[])?;
        let report = script.test()?;
        match report.failures().next() {
            Some((test, error)) => Err(Failure::from(error.clone()).hint(format!(
                "{name}: its own test {test} failed; nothing was changed"
            ))),
            None => Ok(script),
        }
    };
    affected.iter().map(check).collect()
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::io("read it", path, &error)),
    }
}

/// Keeps the present file in the ledger, unless it is there.
fn keep_present(known: &Known, instance: &Instance, wanted: &str) -> Result<(), Failure> {
    let path = &instance.path;
    let Some(script) = present(instance) else {
        let message = format!(
            "{}: the present file is no text, or too large to be kept",
            path.display()
        );
        return Err(Failure::new(exit::STRATEGY, message).hint("move it away first"));
    };
    if known.ledger()?.source(script.hash())?.is_some() {
        return Ok(());
    }
    let ledger = match prepare::ledger(&known.loaded.config, &known.path, Durability::Full) {
        Err(failure) if failure.code() == exit::LOCKED => {
            return Err(failure.hint(
                "the host that runs has not met the present file yet, so it would be lost: try again in a second",
            ));
        }
        ledger => ledger?,
    };
    let reason = format!("replaced by a rollback to {}", short(wanted));
    let version = backtest::version(&script, prepare::wall_clock(), Verdict::Kept(reason));
    ledger.version(None, version)?;
    Ok(ledger.close()?)
}

/// Replaces the file in one step: whoever reads it finds the old text or the new one. Nothing is done if somebody else
/// wrote to it meanwhile.
fn replace(path: &Path, text: &str, before: Option<&[u8]>) -> Result<(), Failure> {
    let failed = |doing: &'static str| move |error| Failure::io(doing, path, &error);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&beside)?;
        file.write_all(text.as_bytes())?;
        if let Ok(meta) = fs::metadata(path) {
            file.set_permissions(meta.permissions())?;
        }
        file.sync_all()
    };
    let written = write().map_err(failed("write beside it"));
    let replaced = written.and_then(|()| {
        if read(path)?.as_deref() != before {
            let message = format!("{} was changed meanwhile; nothing was done", path.display());
            return Err(Failure::new(exit::STRATEGY, message));
        }
        fs::rename(&beside, path).map_err(failed("replace it"))
    });
    if replaced.is_err() {
        let _ = fs::remove_file(&beside);
    }
    replaced
}
