//! The host's own words to the operator, and how often strategies may speak.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::config::Log;
use crate::logging;
use crate::market::Instruction;

/// The host's words to the operator: lines of text, or lines of the log where stderr is JSON.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    is_json: bool,
    is_quiet: bool,
}

impl Voice {
    /// A quiet voice says only what is wrong.
    #[must_use]
    pub fn new(settings: &Log, is_quiet: bool) -> Self {
        Self {
            is_json: logging::is_json(settings),
            is_quiet,
        }
    }

    /// Says what happens.
    pub(super) fn say(self, text: impl fmt::Display) {
        if self.is_json {
            if !self.is_quiet {
                tracing::info!(event = "host", "{text}");
            }
        } else if !self.is_quiet {
            logging::say(tracing::Level::INFO, &text);
        }
    }

    /// Says what somebody should look at.
    pub(super) fn warn(self, text: impl fmt::Display) {
        if self.is_json {
            tracing::warn!(event = "host", "{text}");
        } else {
            logging::say(tracing::Level::WARN, &text);
        }
    }
}

/// An order leaves. The same id is in the ledger, and goes to the venue.
pub(super) fn tell_leaving(order: &Instruction) {
    tracing::debug!(
        event = "order_leaves",
        intent_id = %order.id,
        strategy = &*order.strategy,
        market_id = %order.market,
        selection_id = order.runner.selection,
    );
}

/// Lines of one strategy shown within [`WINDOW`].
const LINES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(1);

/// Keeps a talkative strategy from flooding the log: it counts what it holds back, and says so.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    speakers: BTreeMap<String, Speaker>,
}

#[derive(Debug)]
struct Speaker {
    since: Instant,
    shown: u32,
    held_back: u64,
    last: String,
}

/// What is to be shown of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Lines held back before it.
    pub(super) suppressed: u64,
}

impl Throttle {
    /// Whether to show a line.
    pub(super) fn pass(&mut self, who: &str, line: &str, now: Instant) -> Option<Shown> {
        let speaker = match self.speakers.get_mut(who) {
            Some(speaker) => speaker,
            None => self.speakers.entry(who.to_owned()).or_insert(Speaker {
                since: now,
                shown: 0,
                held_back: 0,
                last: String::new(),
            }),
        };
        if now.saturating_duration_since(speaker.since) >= WINDOW {
            speaker.since = now;
            speaker.shown = 0;
            speaker.last.clear();
        }
        if speaker.shown >= LINES || speaker.last == line {
            speaker.held_back += 1;
            return None;
        }
        speaker.shown += 1;
        line.clone_into(&mut speaker.last);
        Some(Shown {
            suppressed: std::mem::take(&mut speaker.held_back),
        })
    }

    /// Lines held back and not spoken of yet, by strategy.
    pub(super) fn remainder(&mut self) -> impl Iterator<Item = (&str, u64)> {
        self.speakers
            .iter_mut()
            .map(|(who, speaker)| (who.as_str(), std::mem::take(&mut speaker.held_back)))
            .filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_and_floods_are_held_back_and_counted() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        assert!(throttle.pass("a", "same", start).is_some());
        assert!(throttle.pass("a", "same", start).is_none());
        assert!(
            throttle.pass("b", "same", start).is_some(),
            "each by itself"
        );
        let after_repeat = throttle.pass("a", "other", start);
        assert_eq!(after_repeat, Some(Shown { suppressed: 1 }));
        let shown = (0..100)
            .filter(|i| throttle.pass("a", &i.to_string(), start).is_some())
            .count();
        assert_eq!(shown as u32, LINES - 2);
        let later = throttle.pass("a", "same", start + WINDOW).unwrap();
        assert_eq!(later.suppressed, 100 - shown as u64);
        assert!(throttle.pass("a", "same", start + WINDOW).is_none());
        assert_eq!(throttle.remainder().collect::<Vec<_>>(), [("a", 1)]);
        assert_eq!(throttle.remainder().count(), 0);
    }
}
