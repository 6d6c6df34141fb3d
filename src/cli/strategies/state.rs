//! `bea strategies state`: what a strategy remembers.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::super::{Failure, Shared, exit, output, prepare};
use super::{Known, short};
use crate::ledger::{Durability, StateRow};

/// Show what a strategy remembers (`this`), or have it begin anew
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea strategies state value_back
  bea strategies state value_back --clear   only while no host runs")]
pub(super) struct State {
    /// The strategy
    name: String,
    /// Forget it
    #[arg(long)]
    clear: bool,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    strategy: String,
    /// Null if it remembers nothing.
    kept: Option<StateRow>,
    cleared: bool,
}

impl State {
    pub(super) fn run(&self, shared: &Shared, known: &Known) -> Result<(), Failure> {
        let name = &self.name;
        let states = known.ledger()?.states()?;
        let kept = states.into_iter().find(|state| state.strategy == *name);
        if kept.is_none() {
            // A name that nobody knows is a slip rather than a strategy without a memory.
            known.instance(name)?;
        }
        if self.clear {
            let ledger = prepare::ledger(&known.loaded.config, &known.path, Durability::Full)
                .map_err(|failure| match failure.code() {
                    exit::LOCKED => {
                        failure.hint("stop the host first: it would write its own back")
                    }
                    _ => failure,
                })?;
            ledger.clear_state(name)?;
            ledger.close()?;
        }
        let is_nothing = |row: &&StateRow| row.state.as_object().is_none_or(|map| map.is_empty());
        let remembered = kept.as_ref().filter(|row| !is_nothing(row));
        let text = match (remembered, self.clear) {
            (None, _) => format!("{name} remembers nothing"),
            (Some(kept), true) => format!("{name} begins anew: {} bytes forgotten", kept.bytes),
            (Some(kept), false) => {
                let state = serde_json::to_string_pretty(&json!(kept.state));
                format!(
                    "{name} remembers {} bytes, as version {} left them in run {} at {}\n{}",
                    kept.bytes,
                    short(&kept.script_hash),
                    kept.run,
                    kept.updated_at_ms,
                    state.unwrap_or_default()
                )
            }
        };
        let document = Document {
            schema: "bea.strategies.state/1",
            strategy: name.clone(),
            kept,
            cleared: self.clear,
        };
        output::print(shared, &document, text)
    }
}
