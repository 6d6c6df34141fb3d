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
    /// Milliseconds before a market's start until which nothing is waited for.
    join_ms: Option<i64>,
    anchor: Option<(Instant, TimeMs)>,
}

impl Pace {
    /// Recorded time at this speed; with `join` at full speed until so long before the start of the first market.
    pub(super) fn new(speed: Speed, join: Option<Duration>) -> Self {
        let join_ms = join.map(|join| i64::try_from(join.as_millis()).unwrap_or(i64::MAX));
        Self {
            speed,
            join_ms,
            anchor: None,
        }
    }

    /// Whether a message comes before the time from which recorded time is kept. `start` gives that of the market.
    pub(super) fn skips(&self, recorded: TimeMs, start: impl FnOnce() -> Option<TimeMs>) -> bool {
        self.join_ms.is_some_and(|join| {
            start().is_none_or(|start| recorded.0 < start.0.saturating_sub(join))
        })
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
        let mut pace = Pace::new(speed, None);
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
    fn what_comes_before_the_time_to_join_is_not_waited_for() {
        let pace = Pace::new(Speed::Times(1.0), Some(Duration::from_secs(60)));
        let skips =
            |recorded, start: Option<i64>| pace.skips(TimeMs(recorded), || start.map(TimeMs));
        assert!(skips(0, None) && skips(39_999, Some(100_000)));
        assert!(!skips(40_000, Some(100_000)) && !skips(200_000, Some(100_000)));
        assert!(!Pace::new(Speed::Times(1.0), None).skips(TimeMs(0), || Some(TimeMs(100_000))));
    }

    #[test]
    fn time_that_runs_back_or_leaps_ahead_is_no_trouble() {
        assert_eq!(wait(Speed::Times(1.0), 3_500, 1_000), Some(Duration::ZERO));
        assert_eq!(wait(Speed::Times(1e-9), 0, i64::MAX), Some(LONGEST));
        assert_eq!(wait(Speed::Times(1.0), i64::MIN, i64::MAX), Some(LONGEST));
    }
}
