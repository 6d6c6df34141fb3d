//! Telling people: Telegram and a webhook, by severity, never twice the same in a row, never in anybody's way.
//!
//! ```text
//!  anybody ──raise──► bounded queue ──► courier (same? count it) ──► one queue a channel ──► send, retry, escalate
//! ```
//!
//! [`Alerts::raise`] never waits: what does not fit into the queue is counted and dropped. A channel that hangs delays
//! no other one. What a channel cannot deliver goes to the next that has not had it.

mod channel;
mod courier;
mod telegram;
mod webhook;

pub mod commands;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

pub use channel::{Channel, Channels, Closed, Patience, Undelivered};
pub use courier::Courier;
pub use telegram::Bot;

use crate::config::{Severity, redact};
use crate::market::TimeMs;

/// How many alerts may wait.
const QUEUE: usize = 256;
/// How many are remembered for those who ask.
const RECENT: usize = 100;
/// The longest text, in characters.
const LONGEST: usize = 2_000;

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

/// What the courier is told.
#[derive(Debug)]
enum Told {
    Raised(Alert),
    Channels(Channels, Duration),
    Flush(oneshot::Sender<()>),
}

/// What became of the alerts of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Delivered.
    pub delivered: u64,
    /// Given up.
    pub failed: u64,
}

/// The way to raise an alert. Its clones are one.
#[derive(Clone, Debug)]
pub struct Alerts(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: mpsc::Sender<Told>,
    wall_clock: fn() -> TimeMs,
    next: AtomicU64,
    dropped: AtomicU64,
    recent: Mutex<VecDeque<Alert>>,
    tallies: Mutex<Vec<(&'static str, Tally)>>,
}

impl Alerts {
    /// The way in, and the courier that carries what comes in; it is to be run in tokio.
    #[must_use]
    pub fn new(
        channels: Channels,
        repeat_after: Duration,
        wall_clock: fn() -> TimeMs,
    ) -> (Self, Courier) {
        let (queue, told) = mpsc::channel(QUEUE);
        let alerts = Self(Arc::new(Shared {
            queue,
            wall_clock,
            next: AtomicU64::new(1),
            dropped: AtomicU64::new(0),
            recent: Mutex::default(),
            tallies: Mutex::default(),
        }));
        let courier = Courier::new(told, channels, repeat_after, alerts.clone());
        (alerts, courier)
    }

    /// Raises an alert; returns at once, whatever happens to it.
    pub fn raise(&self, severity: Severity, code: &str, text: impl std::fmt::Display) {
        let alert = Alert {
            id: self.0.next.fetch_add(1, Ordering::Relaxed),
            at: (self.0.wall_clock)(),
            severity,
            code: code.to_owned(),
            text: plain(&text.to_string()),
            repeats: 0,
        };
        {
            let mut recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
            if recent.len() == RECENT {
                recent.pop_front();
            }
            recent.push_back(alert.clone());
        }
        if self.0.queue.try_send(Told::Raised(alert)).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends to other channels from here on, and holds repeats back for so long.
    pub fn send_to(&self, channels: Channels, repeat_after: Duration) {
        let told = Told::Channels(channels, repeat_after);
        if self.0.queue.try_send(told).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all that was raised is delivered or given up, but not for longer than this.
    pub async fn flush(&self, at_most: Duration) {
        let (done, is_done) = oneshot::channel();
        let flushed = async {
            if self.0.queue.send(Told::Flush(done)).await.is_ok() {
                let _ = is_done.await;
            }
        };
        let _ = tokio::time::timeout(at_most, flushed).await;
    }

    /// The last alerts, oldest first.
    #[must_use]
    pub fn recent(&self) -> Vec<Alert> {
        let recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().cloned().collect()
    }

    /// How many alerts did not fit into the queue.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// What became of the alerts of each channel.
    #[must_use]
    pub fn tallies(&self) -> Vec<(&'static str, Tally)> {
        self.tallied().clone()
    }

    fn count(&self, channel: &'static str, delivered: bool) {
        let mut tallies = self.tallied();
        if !tallies.iter().any(|(name, _)| *name == channel) {
            tallies.push((channel, Tally::default()));
        }
        for (_, tally) in tallies.iter_mut().filter(|(name, _)| *name == channel) {
            match delivered {
                true => tally.delivered += 1,
                false => tally.failed += 1,
            }
        }
    }

    fn tallied(&self) -> std::sync::MutexGuard<'_, Vec<(&'static str, Tally)>> {
        self.0
            .tallies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A text as it may leave: without secrets and control characters, and not without end.
fn plain(text: &str) -> String {
    let shown = |c: &char| !c.is_control() || *c == '\n';
    let redacted = redact(text);
    let mut plain: String = redacted.chars().filter(shown).take(LONGEST).collect();
    if redacted.chars().filter(shown).nth(LONGEST).is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_leaves_without_control_characters_and_secrets() {
        let _secret = crate::config::Secret::new("canary-of-alerts");
        let text = plain("a\u{1b}[2Jb\r\nc canary-of-alerts");
        assert_eq!(text, "a[2Jb\nc ***");
        assert_eq!(plain(&"x".repeat(5_000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn raising_never_waits_and_what_does_not_fit_is_counted() {
        let (alerts, courier) = Alerts::new(Channels::default(), Duration::ZERO, || TimeMs(0));
        for i in 0..QUEUE + 3 {
            alerts.raise(Severity::Info, "TEST", i);
        }
        assert_eq!(alerts.dropped(), 3);
        assert_eq!(alerts.recent().len(), RECENT);
        drop(courier);
        alerts.raise(Severity::Info, "TEST", "nobody carries it");
        assert_eq!(alerts.dropped(), 4);
    }
}
