//! Telling people: Telegram and a webhook, by severity, never twice the same in a row, never in anybody's way.
//!
//! ```text
//!  anybody ──raise──► ring ──► bounded queue ──► courier (same? count it) ──► one queue a channel ──► send, retry, escalate
//!                      └► dashboard, API, events
//! ```
//!
//! There is one ring of alerts in a host: what is shown is what is told. [`Alerts::raise`] never waits: what does not
//! fit into the queue is counted and dropped. A channel that hangs delays no other one. What a channel cannot deliver
//! goes to the next that has not had it.

mod channel;
mod courier;
mod ring;
mod telegram;
mod webhook;

pub mod commands;

use serde::Serialize;

pub use channel::{Channel, Channels, Closed, Patience, Undelivered};
pub use courier::Courier;
pub use ring::{Alerts, Tally};
pub use telegram::Bot;

use crate::config::Severity;
use crate::market::TimeMs;

/// Something that somebody should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Counts from 1 in a process; a message that arrives twice has the same.
    pub id: u64,
    /// When, by the wall clock.
    pub at: TimeMs,
    /// How much it matters.
    pub severity: Severity,
    /// What, in a word that never changes.
    pub code: String,
    /// The facts.
    pub text: String,
    /// How often it was raised before and not told.
    pub repeats: u64,
}

impl Alert {
    /// As a person reads it.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mark = match self.severity {
            Severity::Info => "INFO",
            Severity::Warning => "WARNING",
            Severity::Critical => "CRITICAL",
        };
        let Self {
            id, at, code, text, ..
        } = self;
        let again = match self.repeats {
            0 => String::new(),
            n => format!(" ({n} more like it)"),
        };
        format!("{mark} {code}{again}\n{text}\nbea, alert {id}, {at}")
    }
}
