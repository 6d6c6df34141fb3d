//! Points in time as milliseconds since 1970 UTC, always given from outside: nothing here reads a clock.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TimeMs(pub i64);

impl TimeMs {
    /// Days since 1970-01-01 UTC, the unit of a daily limit.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0.div_euclid(86_400_000)
    }

    /// Reads an ISO 8601 instant such as `2021-03-30T16:20:00.000Z`.
    ///
    /// # Errors
    /// Says what is wrong with a text that is no instant.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Self(t.as_millisecond()))
    }
}

// Times come from outside: one beyond all reason is as far away as can be said, not the end of the program.
impl Sub for TimeMs {
    type Output = i64;
    fn sub(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<i64> for TimeMs {
    type Output = Self;
    fn add(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl fmt::Display for TimeMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_text_and_milliseconds_agree() {
        let off = TimeMs::parse("2021-03-30T16:20:00.000Z").unwrap();
        assert_eq!(off, TimeMs(1_617_121_200_000));
        assert_eq!(off.to_string(), "2021-03-30T16:20:00.000Z");
        assert!(TimeMs::parse("tomorrow").is_err());
    }

    #[test]
    fn a_time_beyond_reason_stops_at_the_end_of_what_can_be_said() {
        let (first, last) = (TimeMs(i64::MIN), TimeMs(i64::MAX));
        assert_eq!((last - first, first - last), (i64::MAX, i64::MIN));
        assert_eq!((last + 1, first + -1), (last, first));
    }
}
