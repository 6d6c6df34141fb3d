//! The ring of the latest alerts: the one place where alerts are raised, and from which they are shown and told.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::{Alert, Channels, Courier};
use crate::config::{Severity, redact};
use crate::market::TimeMs;

/// How many alerts may wait to be told.
const QUEUE: usize = 256;
/// How many are kept for those who ask.
const KEPT: usize = 100;
/// The longest text, in characters.
const LONGEST: usize = 2_000;

/// What the courier is told.
#[derive(Debug)]
pub(super) enum Told {
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
    /// Never tried: too many waited.
    pub dropped: u64,
    /// Whether the last one was not delivered.
    pub is_failing: bool,
}

/// How an alert fared in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    Failed,
    Dropped,
}

/// The way to raise an alert, and to see the latest. Its clones are one.
#[derive(Clone, Debug)]
pub struct Alerts(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: mpsc::Sender<Told>,
    wall_clock: fn() -> TimeMs,
    dropped: AtomicU64,
    ring: Mutex<Ring>,
    tallies: Mutex<Vec<(&'static str, Tally)>>,
}

#[derive(Debug, Default)]
struct Ring {
    raised: u64,
    latest: VecDeque<Alert>,
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
            dropped: AtomicU64::new(0),
            ring: Mutex::default(),
            tallies: Mutex::default(),
        }));
        let courier = Courier::new(told, channels, repeat_after, alerts.clone());
        (alerts, courier)
    }

    /// Raises an alert; returns at once, whatever happens to it.
    pub fn raise(&self, severity: Severity, code: &str, text: impl fmt::Display) {
        let text = plain(&text.to_string());
        let alert = {
            let mut ring = self.ring();
            ring.raised += 1;
            let alert = Alert {
                id: ring.raised,
                at: (self.0.wall_clock)(),
                severity,
                code: code.to_owned(),
                text,
                repeats: 0,
            };
            if ring.latest.len() == KEPT {
                ring.latest.pop_front();
            }
            ring.latest.push_back(alert.clone());
            alert
        };
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

    /// How many were raised.
    #[must_use]
    pub fn raised(&self) -> u64 {
        self.ring().raised
    }

    /// The latest, newest first.
    #[must_use]
    pub fn latest(&self) -> Vec<Alert> {
        self.ring().latest.iter().rev().cloned().collect()
    }

    /// Those after this id, oldest first, as far as they are kept.
    #[must_use]
    pub fn after(&self, id: u64) -> Vec<Alert> {
        let ring = self.ring();
        let later = ring.latest.iter().filter(|alert| alert.id > id);
        later.cloned().collect()
    }

    /// How many alerts did not fit into the queue, and so went to no channel.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// What became of the alerts of each channel that is or was open.
    #[must_use]
    pub fn tallies(&self) -> Vec<(&'static str, Tally)> {
        self.tallied().clone()
    }

    /// Counts for these channels from here on, so that they are known before anything went through them.
    pub(super) fn count_for(&self, channels: &Channels) {
        let mut tallies = self.tallied();
        for channel in channels.iter() {
            tally(&mut tallies, channel.name());
        }
    }

    pub(super) fn count(&self, channel: &'static str, fate: Fate) {
        let mut tallies = self.tallied();
        let tally = tally(&mut tallies, channel);
        tally.is_failing = fate != Fate::Delivered;
        match fate {
            Fate::Delivered => tally.delivered += 1,
            Fate::Failed => tally.failed += 1,
            Fate::Dropped => tally.dropped += 1,
        }
    }

    fn tallied(&self) -> MutexGuard<'_, Vec<(&'static str, Tally)>> {
        let tallies = &self.0.tallies;
        tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // An alert is added in one step, so what a panic left is whole.
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tally of a channel, begun if there is none.
fn tally<'t>(tallies: &'t mut Vec<(&'static str, Tally)>, channel: &'static str) -> &'t mut Tally {
    let at = tallies.iter().position(|(name, _)| *name == channel);
    let at = at.unwrap_or_else(|| {
        tallies.push((channel, Tally::default()));
        tallies.len() - 1
    });
    &mut tallies[at].1
}

/// A text as it may leave: without secrets and control characters, and not without end.
pub(super) fn plain(text: &str) -> String {
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
        drop(courier);
        alerts.raise(Severity::Info, "TEST", "nobody carries it");
        assert_eq!(alerts.dropped(), 4);
    }

    #[test]
    fn the_newest_are_kept_and_numbered_whether_or_not_they_are_carried() {
        let (alerts, courier) = Alerts::new(Channels::default(), Duration::ZERO, || TimeMs(0));
        drop(courier);
        let count = KEPT as u64 + 5;
        for n in 1..=count {
            alerts.raise(Severity::Warning, "TEST", n);
        }
        let latest = alerts.latest();
        assert_eq!((latest.len(), latest[0].id), (KEPT, count));
        assert_eq!(latest[0].text, count.to_string());
        let later: Vec<u64> = alerts.after(count - 2).iter().map(|a| a.id).collect();
        assert_eq!(later, [count - 1, count]);
        assert_eq!(alerts.raised(), count);
    }

    #[test]
    fn what_became_of_alerts_is_counted_by_channel() {
        let (alerts, _courier) = Alerts::new(Channels::default(), Duration::ZERO, || TimeMs(0));
        for fate in [
            Fate::Delivered,
            Fate::Delivered,
            Fate::Failed,
            Fate::Dropped,
        ] {
            alerts.count("webhook", fate);
        }
        let counted = Tally {
            delivered: 2,
            failed: 1,
            dropped: 1,
            is_failing: true,
        };
        assert_eq!(alerts.tallies(), [("webhook", counted)]);
    }
}
