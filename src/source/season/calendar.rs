//! Days and times of season files: London's clock, and when the odds of a file were collected.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use crate::market::TimeMs;

/// London's clock, whatever the machine knows of time zones: summer time from the last Sunday of March to that of
/// October, as it is since 1996. Times of the day are in the files since 2019.
const LONDON: &str = "GMT0BST,M3.5.0/1,M10.5.0";

/// When the odds of a file are collected: Fridays for the weekend, Tuesdays for the days after it.
const COLLECTED_ON: [Weekday; 2] = [Weekday::Friday, Weekday::Tuesday];
const COLLECTED_AT_HOUR: i8 = 15;
/// Odds collected less than this before a kick-off are taken to be those of the collection before.
const LEAST_MS_BEFORE: i64 = 600_000;

/// London's clock.
#[derive(Clone, Debug)]
pub(super) struct London(TimeZone);

impl London {
    pub(super) fn new() -> Self {
        Self(TimeZone::posix(LONDON).expect("the rule of London's clock can be read"))
    }

    /// The moment at which London's clocks show this; `None` outside the years that can be counted.
    pub(super) fn moment(&self, day: Date, time: Time) -> Option<TimeMs> {
        let moment = self.0.to_timestamp(day.to_datetime(time)).ok()?;
        Some(TimeMs(moment.as_millisecond()))
    }

    /// When the opening odds of an event were collected: the last Tuesday or Friday afternoon before it.
    pub(super) fn collected_before(&self, day: Date, starts_at: TimeMs) -> Option<TimeMs> {
        let afternoon = Time::constant(COLLECTED_AT_HOUR, 0, 0, 0);
        let mut day = day;
        for _ in 0..=7 {
            if COLLECTED_ON.contains(&day.weekday())
                && let Some(at) = self.moment(day, afternoon)
                && starts_at - at >= LEAST_MS_BEFORE
            {
                return Some(at);
            }
            day = day.yesterday().ok()?;
        }
        None
    }
}

/// Reads `13/08/21`, `13/08/2021` or `2021-08-13`. Two digits over 68 are of the last century.
pub(super) fn date(text: &str) -> Option<Date> {
    let number = |part: &str| {
        let digits = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<i16>().ok()).flatten()
    };
    let short = |number: i16| i8::try_from(number).ok();
    if let Some((year, rest)) = text.split_once('-') {
        let (month, day) = rest.split_once('-')?;
        let year = number(year).filter(|year| *year >= 1000)?;
        return Date::new(year, short(number(month)?)?, short(number(day)?)?).ok();
    }
    let (day, rest) = text.split_once('/')?;
    let (month, year) = rest.split_once('/')?;
    let year = match (year.len(), number(year)?) {
        (2, year) if year > 68 => 1900 + year,
        (2, year) => 2000 + year,
        (4, year) => year,
        _ => return None,
    };
    Date::new(year, short(number(month)?)?, short(number(day)?)?).ok()
}

/// Reads `20:00`, or `20:00:00`.
pub(super) fn time(text: &str) -> Option<Time> {
    let mut parts = text.split(':').map(|part| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<i8>().ok()).flatten()
    });
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    match parts.next() {
        None => Time::new(hour, minute, second, 0).ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_with_two_and_with_four_digits() {
        let day = |y, m, d| Date::new(y, m, d).ok();
        for (text, expected) in [
            ("13/08/2021", day(2021, 8, 13)),
            ("13/08/21", day(2021, 8, 13)),
            ("14/08/93", day(1993, 8, 14)),
            ("01/01/68", day(2068, 1, 1)),
            ("1/2/05", day(2005, 2, 1)),
            ("2021-08-13", day(2021, 8, 13)),
            ("31/02/2021", None),
            ("13/08/021", None),
            ("13.08.2021", None),
            ("+1/08/2021", None),
            ("", None),
        ] {
            assert_eq!(date(text), expected, "{text}");
        }
    }

    #[test]
    fn times_of_the_day_are_read() {
        assert_eq!(time("20:00"), Time::new(20, 0, 0, 0).ok());
        assert_eq!(time("9:05:30"), Time::new(9, 5, 30, 0).ok());
        for wrong in ["", "20", "24:00", "20:60", "20:00:00:00", "8pm", "-1:00"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn london_is_an_hour_ahead_in_summer() {
        let london = London::new();
        let at = |text: &str, clock: &str| {
            let moment = london.moment(date(text).unwrap(), time(clock).unwrap());
            moment.unwrap().to_string()
        };
        assert_eq!(at("05/08/2022", "20:00"), "2022-08-05T19:00:00.000Z");
        assert_eq!(at("26/12/2022", "20:00"), "2022-12-26T20:00:00.000Z");
        // The last Sundays of March and October 2022.
        assert_eq!(at("27/03/2022", "16:30"), "2022-03-27T15:30:00.000Z");
        assert_eq!(at("30/10/2022", "16:30"), "2022-10-30T16:30:00.000Z");
    }

    #[test]
    fn odds_are_collected_on_the_tuesday_or_friday_before() {
        let london = London::new();
        let collected = |day: &str, clock: &str| {
            let day = date(day).unwrap();
            let start = london.moment(day, time(clock).unwrap()).unwrap();
            london.collected_before(day, start).unwrap().to_string()
        };
        // Friday evening, Saturday, Monday: that Friday. Wednesday: that Tuesday.
        assert_eq!(collected("05/08/2022", "20:00"), "2022-08-05T14:00:00.000Z");
        assert_eq!(collected("06/08/2022", "12:30"), "2022-08-05T14:00:00.000Z");
        assert_eq!(collected("08/08/2022", "20:00"), "2022-08-05T14:00:00.000Z");
        assert_eq!(collected("10/08/2022", "19:30"), "2022-08-09T14:00:00.000Z");
        // Friday at noon, and at the very time: the Tuesday before.
        assert_eq!(collected("05/08/2022", "12:00"), "2022-08-02T14:00:00.000Z");
        assert_eq!(collected("05/08/2022", "15:00"), "2022-08-02T14:00:00.000Z");
    }
}
