//! What is noted of every request to a venue: what was asked, what came of it, and what the answer says of our clock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::market::TimeMs;

/// What was asked, and the status of the answer or a word for why there was none.
pub type AskedAndCode = (&'static str, String);

/// Notes requests to a venue. Its clones are one.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Noted>);

#[derive(Debug, Default)]
struct Noted {
    counts: Mutex<BTreeMap<AskedAndCode, u64>>,
    /// By how much our clock is ahead of the venue's at least, in milliseconds; less than 0 if it is behind.
    skew_ms: AtomicI64,
}

impl Requests {
    /// Counts one.
    pub(super) fn count(&self, op: &'static str, code: impl ToString) {
        *self.counts().entry((op, code.to_string())).or_default() += 1;
    }

    /// The venue named this second as its time in an answer to what was sent and answered at these times of our clock.
    pub(super) fn venue_said(&self, second: TimeMs, sent: TimeMs, answered: TimeMs) {
        let (earliest, latest) = (second, second + 999);
        let ahead = (sent - latest).max(0);
        let behind = (earliest - answered).max(0);
        self.0.skew_ms.store(ahead - behind, Ordering::Relaxed);
    }

    /// By how much our clock is ahead of the venue's at least, in milliseconds, as of the last answer that said so; less
    /// than 0 if it is behind, and 0 if the two may agree.
    #[must_use]
    pub fn clock_skew_ms(&self) -> i64 {
        self.0.skew_ms.load(Ordering::Relaxed)
    }

    /// All so far.
    #[must_use]
    pub fn all(&self) -> Vec<(AskedAndCode, u64)> {
        let all = self.counts();
        all.iter()
            .map(|(key, count)| (key.clone(), *count))
            .collect()
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<AskedAndCode, u64>> {
        // A count is one step, so what a panic left is whole.
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_what_was_asked_and_answered() {
        let requests = Requests::default();
        for code in ["200", "503", "200"] {
            requests.clone().count("placeOrders", code);
        }
        let all = requests.all();
        assert_eq!(all[0], (("placeOrders", "200".to_owned()), 2));
        assert_eq!(all[1], (("placeOrders", "503".to_owned()), 1));
    }

    #[test]
    fn a_clock_is_skewed_only_as_far_as_neither_the_second_nor_the_way_explains_it() {
        let skew = |second, sent, answered| {
            let requests = Requests::default();
            requests.venue_said(TimeMs(second), TimeMs(sent), TimeMs(answered));
            requests.clock_skew_ms()
        };
        assert_eq!(skew(10_000, 10_100, 10_200), 0);
        assert_eq!(skew(10_000, 10_999, 13_000), 0, "a slow answer is no skew");
        assert_eq!(skew(10_000, 9_000, 10_000), 0);
        assert_eq!(skew(10_000, 12_999, 13_100), 2_000);
        assert_eq!(skew(10_000, 8_000, 8_500), -1_500);
    }
}
