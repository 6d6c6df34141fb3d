//! What the core asks of a strategy, whether it is a script or native code.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::{Account, Holding};
use crate::market::{Intent, Market, MarketFilter, Order, Settlement, TimeMs};

/// What a strategy is shown when it is called. Shared values, never copies.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The time of the update being handled.
    pub now: TimeMs,
    /// The market.
    pub market: &'a Arc<Market>,
    /// The strategy's own orders and position in this market.
    pub holding: &'a Arc<Holding>,
    /// The strategy's own money.
    pub account: &'a Account,
}

/// What a strategy answers: intents, in order, and lines for its log. Buffers are used again.
#[derive(Debug, Default)]
pub struct Answer {
    /// What it would like to do.
    pub intents: Vec<Intent>,
    /// The line of the script that made each of them, where it is known.
    pub(super) lines: Vec<Option<u32>>,
    /// What it wants logged.
    pub log: Vec<String>,
    /// How much work it was: operations of a script; nothing for native code.
    pub operations: u64,
}

impl Answer {
    /// Adds an intent that was made on a line of a script.
    pub fn propose(&mut self, intent: Intent, line: Option<u32>) {
        self.lines.resize(self.intents.len(), None);
        self.intents.push(intent);
        self.lines.push(line);
    }

    /// Empties it, keeping the memory.
    pub fn clear(&mut self) {
        self.intents.clear();
        self.lines.clear();
        self.log.clear();
        self.operations = 0;
    }
}

/// A call that failed. Whatever the strategy had proposed or changed in that call is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// One line: `value_back.rhai:12:9: Variable not found: best_bak`.
    pub summary: String,
    /// The whole message with source line and caret.
    pub detail: String,
    /// What it ran into.
    pub kind: FaultKind,
}

/// What a call that failed ran into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// A mistake in it.
    #[default]
    Error,
    /// The limit of operations.
    Operations,
    /// The limit of memory.
    Memory,
    /// The limit of nested calls.
    Depth,
    /// The limit of a value's size.
    Size,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Error,
        Self::Operations,
        Self::Memory,
        Self::Depth,
        Self::Size,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Operations => "operations",
            Self::Memory => "memory",
            Self::Depth => "depth",
            Self::Size => "size",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// A betting strategy. It proposes; the risk gate decides.
///
/// A call must depend only on its arguments and the strategy's own state.
pub trait Strategy {
    /// Its name, unique in a run.
    fn name(&self) -> &str;

    /// Hash of its source and parameters; it is on every intent.
    fn hash(&self) -> &str;

    /// Which markets and moments it wants, asked natively before any call.
    fn filter(&self) -> &MarketFilter;

    /// A wanted market changed.
    ///
    /// # Errors
    /// A [`Fault`] if the call failed.
    fn on_odds(&mut self, moment: &Moment<'_>, answer: &mut Answer) -> Result<(), Fault>;

    /// One of its orders changed. Called before `on_odds` of the same update.
    ///
    /// # Errors
    /// A [`Fault`] if the call failed.
    fn on_order(
        &mut self,
        _order: &Order,
        _moment: &Moment<'_>,
        _answer: &mut Answer,
    ) -> Result<(), Fault> {
        Ok(())
    }

    /// A market in which it had orders was settled; its orders carry their profit.
    ///
    /// # Errors
    /// A [`Fault`] if the call failed.
    fn on_settled(
        &mut self,
        _settlement: &Settlement,
        _moment: &Moment<'_>,
        _answer: &mut Answer,
    ) -> Result<(), Fault> {
        Ok(())
    }

    /// Its state, to be handed to the next version of it.
    fn state(&self) -> Value {
        Value::Null
    }

    /// Takes over the state of an earlier version.
    ///
    /// # Errors
    /// Says why the state cannot be used.
    fn restore(&mut self, _state: &Value) -> Result<(), Fault> {
        Ok(())
    }
}
