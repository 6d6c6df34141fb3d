//! The engine's pulse: since when it has been busy with one thing. What it decides while that takes too long does not leave,
//! for the odds have moved on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Its clones are one.
#[derive(Clone, Debug)]
pub(super) struct Pulse {
    begun: Instant,
    /// Milliseconds after `begun`, plus one; 0 before the first beat and after the last.
    beat: Arc<AtomicU64>,
    limit: Duration,
}

impl Pulse {
    /// One that may be silent for so long.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            begun: Instant::now(),
            beat: Arc::default(),
            limit,
        }
    }

    /// The engine turns to the next thing.
    pub(super) fn beat(&self) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.beat.store(millis + 1, Ordering::SeqCst);
    }

    /// The engine has nothing more to turn to.
    pub(super) fn stop(&self) {
        self.beat.store(0, Ordering::SeqCst);
    }

    /// For how long it has been busy with one thing, if that is too long.
    pub(super) fn stuck_for(&self) -> Option<Duration> {
        let millis = self.beat.load(Ordering::SeqCst).checked_sub(1)?;
        let quiet = self
            .begun
            .elapsed()
            .saturating_sub(Duration::from_millis(millis));
        (quiet > self.limit).then_some(quiet)
    }

    /// Whether what it decides may leave.
    pub(super) fn is_well(&self) -> bool {
        self.stuck_for().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_stuck_between_a_beat_that_is_long_ago_and_the_next_or_the_end() {
        let patient = Pulse::new(Duration::from_secs(3_600));
        let strict = Pulse {
            limit: Duration::ZERO,
            ..patient.clone()
        };
        assert!(strict.is_well(), "it has not begun");
        patient.beat();
        assert!(patient.is_well());
        while strict.is_well() {
            std::thread::yield_now();
        }
        assert!(strict.stuck_for() > Some(Duration::ZERO));
        strict.stop();
        assert!(strict.is_well() && patient.is_well());
    }
}
