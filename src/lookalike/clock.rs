//! One clock for all markets: recorded time at a pace, which can stand still, go message by message, and leap over
//! what is quiet.

use std::time::{Duration, Instant};

use crate::config::Speed;
use crate::market::TimeMs;

/// What is to be done about the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Play it.
    Now,
    /// Wait so long at most, then ask again.
    In(Duration),
    /// The clock stands still.
    Never,
}

/// Recorded time.
#[derive(Debug)]
pub(super) struct Clock {
    speed: Speed,
    /// Milliseconds without a message after which the clock leaps to the next.
    longest_quiet: i64,
    /// From when on real time is counted, and what recorded time was then.
    anchor: Option<(Instant, TimeMs)>,
    /// Of the last message.
    latest: TimeMs,
    /// Of the next message: until it was played, time does not pass it.
    next: Option<TimeMs>,
    is_running: bool,
    steps: u64,
}

impl Clock {
    pub(super) fn new(speed: Speed, longest_quiet: Duration, is_running: bool) -> Self {
        Self {
            speed,
            longest_quiet: i64::try_from(longest_quiet.as_millis()).unwrap_or(i64::MAX),
            anchor: None,
            latest: TimeMs::default(),
            next: None,
            is_running,
            steps: 0,
        }
    }

    /// What time it is.
    pub(super) fn now(&self, wall: Instant) -> TimeMs {
        let position = self.position(wall).max(self.latest);
        self.next
            .map_or(position, |next| position.min(next))
            .max(self.latest)
    }

    /// Whether the message of this time is due. `hurried` ones are, even if the clock stands still.
    pub(super) fn due(&mut self, next: TimeMs, hurried: bool, wall: Instant) -> Due {
        self.next = Some(next);
        let quiet = next - self.latest;
        if hurried || self.steps > 0 || quiet <= 0 {
            return Due::Now;
        }
        if !self.is_running {
            return Due::Never;
        }
        let Speed::Times(times) = self.speed else {
            return Due::Now;
        };
        let until = if quiet > self.longest_quiet {
            self.latest + self.longest_quiet
        } else {
            next
        };
        let wait = until - self.position(wall);
        if wait <= 0 {
            return Due::Now;
        }
        let seconds = wait as f64 / 1_000.0 / times;
        Due::In(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }

    /// The message of this time was played.
    pub(super) fn play(&mut self, at: TimeMs, hurried: bool, wall: Instant) {
        let stepped = self.steps > 0 && !hurried;
        self.steps -= u64::from(stepped);
        let leapt = at - self.position(wall) > 0;
        self.latest = self.latest.max(at);
        self.next = None;
        if self.anchor.is_none() || hurried || stepped || leapt {
            self.anchor = Some((wall, self.latest));
        }
    }

    /// Lets it run or stand still.
    pub(super) fn run(&mut self, is_running: bool, wall: Instant) {
        self.latest = self.now(wall);
        self.is_running = is_running;
        self.anchor = Some((wall, self.latest));
    }

    /// Plays so many messages though it stands still.
    pub(super) fn step(&mut self, messages: u64) {
        self.steps = messages;
    }

    /// Messages still to be played of the last step.
    pub(super) fn steps_left(&self) -> u64 {
        self.steps
    }

    /// Another pace from now on.
    pub(super) fn set_speed(&mut self, speed: Speed, wall: Instant) {
        self.latest = self.now(wall);
        self.speed = speed;
        self.anchor = Some((wall, self.latest));
    }

    pub(super) fn is_running(&self) -> bool {
        self.is_running
    }

    pub(super) fn speed(&self) -> Speed {
        self.speed
    }

    fn position(&self, wall: Instant) -> TimeMs {
        match (self.speed, self.anchor) {
            (Speed::Times(times), Some((start, first))) if self.is_running => {
                let passed = wall.saturating_duration_since(start).as_secs_f64() * 1_000.0 * times;
                #[allow(clippy::cast_possible_truncation)]
                // a float that is too large becomes the largest time
                let passed = passed as i64;
                TimeMs(first.0.saturating_add(passed))
            }
            _ => self.latest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(speed: Speed, is_running: bool) -> (Clock, Instant) {
        let wall = Instant::now();
        let mut clock = Clock::new(speed, Duration::from_secs(60), is_running);
        clock.play(TimeMs(1_000), true, wall);
        (clock, wall)
    }

    #[test]
    fn recorded_time_passes_at_the_pace_and_never_beyond_the_next_message() {
        let (mut clock, wall) = clock(Speed::Times(10.0), true);
        let later = wall + Duration::from_millis(100);
        assert_eq!(
            clock.due(TimeMs(3_000), false, later),
            Due::In(Duration::from_millis(100))
        );
        assert_eq!(clock.now(later), TimeMs(2_000));
        let late = wall + Duration::from_secs(9);
        assert_eq!(clock.now(late), TimeMs(3_000));
        assert_eq!(clock.due(TimeMs(3_000), false, late), Due::Now);
    }

    #[test]
    fn it_leaps_over_what_is_quiet() {
        let (mut clock, wall) = clock(Speed::Times(1.0), true);
        let far = TimeMs(86_400_000);
        assert_eq!(
            clock.due(far, false, wall),
            Due::In(Duration::from_secs(60))
        );
        let later = wall + Duration::from_secs(60);
        assert_eq!(clock.due(far, false, later), Due::Now);
        clock.play(far, false, later);
        assert_eq!(clock.now(later), far);
    }

    #[test]
    fn standing_still_it_goes_only_by_steps() {
        let (mut clock, wall) = clock(Speed::Times(1.0), false);
        let later = wall + Duration::from_secs(9);
        assert_eq!(clock.due(TimeMs(2_000), false, later), Due::Never);
        assert_eq!(clock.now(later), TimeMs(1_000));
        clock.step(1);
        assert_eq!(clock.due(TimeMs(2_000), false, later), Due::Now);
        clock.play(TimeMs(2_000), false, later);
        assert_eq!((clock.steps_left(), clock.now(later)), (0, TimeMs(2_000)));
        assert_eq!(clock.due(TimeMs(3_000), false, later), Due::Never);
        clock.run(true, later);
        let then = later + Duration::from_secs(1);
        assert_eq!(clock.due(TimeMs(3_000), false, then), Due::Now);
    }
}
