//! `bea preflight`: every gate of LIVE, with nothing placed.

use std::process::ExitCode;

use clap::Args;

use super::{Failure, Shared, exit, output, prepare};
use crate::config::Loaded;
use crate::ledger::Reader;
use crate::live::door::{self, Checks, Preflight as Found};
use crate::strategy::Script;

/// Look at everything that LIVE asks for; nothing is placed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea preflight
  bea preflight --json

The exit code is 8 if a gate is shut. `bea run` with mode = \"LIVE\" looks at the same gates before it begins.")]
pub(super) struct Preflight {}

impl Preflight {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let loaded = prepare::loaded(shared)?;
        prepare::check_folder(&loaded)?;
        let found = prepare::with_script_stack(|| look(&loaded))??;
        let green = found.green;
        output::print(shared, &found, &found)?;
        Ok(match green {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(exit::SAFETY),
        })
    }
}

/// Looks at every gate, on a thread with room for scripts.
pub(super) fn look(loaded: &Loaded) -> Result<Found, Failure> {
    let config = &loaded.config;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::INTERNAL, format!("no runtime: {error}")))?;
    let path = &config.ledger.path;
    let reader = path.exists().then(|| Reader::open(path)).transpose()?;
    Ok(door::preflight(&Checks {
        loaded,
        reader: reader.as_ref(),
        scripts: scripts(loaded),
        clock: prepare::wall_clock,
        runtime: runtime.handle(),
    }))
}

/// The strategies that a host would run.
fn scripts(loaded: &Loaded) -> Vec<Result<Script, String>> {
    let config = &loaded.config;
    let files = prepare::files(&config.run.strategies);
    let read = |instance: &crate::config::Instance| {
        let overrides = prepare::overrides(config, &instance.name, &[]);
        Script::read_as(&instance.name, &instance.path, &overrides).map_err(|error| error.summary())
    };
    config.instances(&files).iter().map(read).collect()
}
