//! The time as a polled venue has it: ours, or that of a look-alike whose clock runs faster.

use jiff::fmt::rfc2822;
use tokio::time::Instant;

use crate::market::TimeMs;
use std::time::Duration;

/// What a header `Date` says.
pub(super) fn date_of(text: &str) -> Option<TimeMs> {
    let date = rfc2822::parse(text).ok()?;
    Some(TimeMs(date.timestamp().as_millisecond()))
}

#[derive(Clone, Debug)]
pub(super) struct Clock {
    real: fn() -> TimeMs,
    times: u32,
    /// When it was what time there.
    anchor: Option<(Instant, TimeMs)>,
}

impl Clock {
    pub(super) fn new(real: fn() -> TimeMs, times: u32) -> Self {
        Self {
            real,
            times,
            anchor: None,
        }
    }

    /// An answer says what time it is there. Only the first says it: after that the clock runs by itself.
    pub(super) fn set(&mut self, date: Option<String>) {
        if self.times == 1 || self.anchor.is_some() {
            return;
        }
        if let Some(at) = date.as_deref().and_then(date_of) {
            self.anchor = Some((Instant::now(), at));
        }
    }

    pub(super) fn now(&self) -> TimeMs {
        match self.anchor {
            None => (self.real)(),
            Some((since, at)) => {
                let passed = since.elapsed().as_millis() * u128::from(self.times);
                at + i64::try_from(passed).unwrap_or(i64::MAX / 2)
            }
        }
    }

    /// When it will be that time.
    pub(super) fn instant(&self, at: TimeMs) -> Instant {
        let left = u64::try_from(at - self.now()).unwrap_or(0);
        let times = match self.anchor {
            None => 1,
            Some(_) => u64::from(self.times),
        };
        // A month is longer than anybody waits without looking again.
        let left = left.min(31 * 86_400_000);
        Instant::now() + Duration::from_millis(left.div_ceil(times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_alike_sets_the_clock_once_and_real_time_never() {
        let real = || TimeMs(5_000);
        let date = || Some("Sat, 22 Aug 2026 14:00:00 GMT".to_owned());
        let at = TimeMs::parse("2026-08-22T14:00:00Z").unwrap();
        let mut clock = Clock::new(real, 1);
        clock.set(date());
        assert_eq!(clock.now(), TimeMs(5_000));
        let mut fast = Clock::new(real, 60);
        fast.set(Some("tea time".to_owned()));
        assert_eq!(fast.now(), TimeMs(5_000));
        fast.set(date());
        assert!(fast.now() >= at && fast.now() < at + 3_600_000);
        fast.set(Some("Sat, 22 Aug 2020 14:00:00 GMT".to_owned()));
        assert!(fast.now() >= at);
        let wait = fast.instant(fast.now() + 60_000) - Instant::now();
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
    }
}
