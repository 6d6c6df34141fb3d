//! When a message of a recording is due: the recorded time that has passed, scaled, from the first message on.

use std::time::{Duration, Instant};

use crate::config::Speed;
use crate::market::TimeMs;

/// A gap longer than this is a damaged time, not a wait.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Turns recorded time into real time.
#[derive(Debug)]
pub(super) struct Pace {
    speed: Speed,
    anchor: Option<(Instant, TimeMs)>,
}

impl Pace {
    pub(super) const fn new(speed: Speed) -> Self {
        Self {
            speed,
            anchor: None,
        }
    }

    /// From here on, `recorded` was `now`.
    pub(super) fn anchor(&mut self, now: Instant, recorded: TimeMs) {
        self.anchor = Some((now, recorded));
    }

    /// When a message is due; `None` means at once.
    pub(super) fn due(&self, recorded: TimeMs) -> Option<Instant> {
        let (Speed::Times(times), Some((start, first))) = (self.speed, self.anchor) else {
            return None;
        };
        let seconds = recorded.0.saturating_sub(first.0).max(0) as f64 / 1_000.0 / times;
        let wait = Duration::try_from_secs_f64(seconds).map_or(LONGEST, |wait| wait.min(LONGEST));
        start.checked_add(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(speed: Speed, first: i64, then: i64) -> Option<Duration> {
        let mut pace = Pace::new(speed);
        let now = Instant::now();
        pace.anchor(now, TimeMs(first));
        pace.due(TimeMs(then)).map(|due| due - now)
    }

    #[test]
    fn recorded_time_is_scaled() {
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(wait(Speed::Times(1.0), 1_000, 3_500), ms(2_500));
        assert_eq!(wait(Speed::Times(10.0), 1_000, 3_500), ms(250));
        assert_eq!(wait(Speed::Times(0.5), 1_000, 3_500), ms(5_000));
        assert_eq!(wait(Speed::Max, 1_000, 3_500), None);
    }

    #[test]
    fn time_that_runs_back_or_leaps_ahead_is_no_trouble() {
        assert_eq!(wait(Speed::Times(1.0), 3_500, 1_000), Some(Duration::ZERO));
        assert_eq!(wait(Speed::Times(1e-9), 0, i64::MAX), Some(LONGEST));
        assert_eq!(wait(Speed::Times(1.0), i64::MIN, i64::MAX), Some(LONGEST));
    }
}
