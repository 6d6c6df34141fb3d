//! The latest alerts, raised by the engine's side and by the server itself, kept for whoever asks.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::view::{Alert, Severity};
use crate::market::TimeMs;

/// How many are kept.
const KEPT: usize = 100;
/// The longest text, in characters.
const LONGEST: usize = 500;

/// The latest alerts. Its clones are one.
#[derive(Clone)]
pub struct Alerts {
    wall_clock: fn() -> TimeMs,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    raised: u64,
    latest: VecDeque<Alert>,
}

impl Alerts {
    /// None yet.
    #[must_use]
    pub fn new(wall_clock: fn() -> TimeMs) -> Self {
        Self {
            wall_clock,
            kept: Arc::default(),
        }
    }

    /// Raises one. Control characters and endless texts, which may come from scripts and venues, are not kept.
    pub fn raise(&self, severity: Severity, code: &'static str, text: impl fmt::Display) {
        let text = text.to_string();
        let shown = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(LONGEST)
            .collect();
        let at = (self.wall_clock)().to_string();
        let mut kept = self.lock();
        kept.raised += 1;
        let number = kept.raised;
        if kept.latest.len() == KEPT {
            kept.latest.pop_front();
        }
        kept.latest.push_back(Alert {
            number,
            at,
            severity,
            code,
            text: shown,
        });
    }

    /// How many were raised.
    #[must_use]
    pub fn raised(&self) -> u64 {
        self.lock().raised
    }

    /// The latest, newest first.
    #[must_use]
    pub fn latest(&self) -> Vec<Alert> {
        self.lock().latest.iter().rev().cloned().collect()
    }

    /// Those after this number, oldest first, as far as they are kept.
    #[must_use]
    pub fn after(&self, number: u64) -> Vec<Alert> {
        let kept = self.lock();
        let later = kept.latest.iter().filter(|alert| alert.number > number);
        later.cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // An alert is added in one step, so what a panic left is whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_numbered_and_hold_no_control_characters() {
        let alerts = Alerts::new(|| TimeMs(0));
        for n in 0..KEPT + 5 {
            alerts.raise(Severity::Warning, "TEST", format_args!("{n}\n\u{1b}[2J"));
        }
        let latest = alerts.latest();
        assert_eq!((latest.len(), latest[0].number), (KEPT, 105));
        assert_eq!(latest[0].text, "104  [2J");
        let later = alerts.after(103);
        assert_eq!(later.len(), 2);
        assert_eq!(later[0].number, 104);
        alerts.raise(Severity::Info, "TEST", "x".repeat(10_000));
        assert_eq!(alerts.latest()[0].text.len(), LONGEST);
    }
}
