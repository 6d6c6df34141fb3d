//! What strategies remember, written down while they run, so that it survives the host.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::engine::Slot;
use crate::ledger::{Ledger, LedgerError, State, StateRow};
use crate::market::TimeMs;

/// How often what changed is written down. A host that dies loses at most this, and what the ledger has not committed
/// yet.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps what strategies remember in the ledger.
pub(super) struct Keeper<'a> {
    ledger: &'a Ledger,
    run: i64,
    wall_clock: fn() -> TimeMs,
    /// What the ledger has, by strategy; `None` if nothing is kept.
    kept: Option<BTreeMap<String, Value>>,
    looked_at: Option<Instant>,
}

impl<'a> Keeper<'a> {
    /// A keeper that knows what the ledger has; without that it keeps nothing.
    pub(super) fn new(
        ledger: &'a Ledger,
        run: i64,
        wall_clock: fn() -> TimeMs,
        kept: Option<&[StateRow]>,
    ) -> Self {
        let own = |row: &StateRow| (row.strategy.clone(), row.state.clone());
        Self {
            ledger,
            run,
            wall_clock,
            kept: kept.map(|rows| rows.iter().map(own).collect()),
            looked_at: None,
        }
    }

    /// What is kept of a strategy.
    pub(super) fn of(&self, strategy: &str) -> Option<&Value> {
        self.kept.as_ref()?.get(strategy)
    }

    /// What is kept of all of them; `None` if nothing is.
    pub(super) const fn all(&self) -> Option<&BTreeMap<String, Value>> {
        self.kept.as_ref()
    }

    /// Writes down what changed, if it is time to.
    pub(super) fn tend(&mut self, slots: &[Slot], now: Instant) -> Result<(), LedgerError> {
        let is_early = self
            .looked_at
            .is_some_and(|at| now.saturating_duration_since(at) < EVERY);
        if is_early {
            return Ok(());
        }
        self.looked_at = Some(now);
        self.keep(slots)
    }

    /// Writes down what changed.
    pub(super) fn keep(&mut self, slots: &[Slot]) -> Result<(), LedgerError> {
        let Some(kept) = &mut self.kept else {
            return Ok(());
        };
        for slot in slots {
            let state = slot.state();
            let is_nothing = state.as_object().is_none_or(serde_json::Map::is_empty);
            let known = kept.get(&*slot.name);
            if known == Some(&state) || known.is_none() && is_nothing {
                continue;
            }
            kept.insert(slot.name.to_string(), state.clone());
            let state = State {
                strategy: slot.name.to_string(),
                hash: slot.hash.to_string(),
                state,
                at: (self.wall_clock)(),
            };
            self.ledger.keep_state(self.run, state)?;
        }
        Ok(())
    }
}
