//! Results by day, for the limits of what a day may lose.

use std::collections::BTreeMap;

use crate::market::Money;

/// How many days are kept, the newest ones. More than one, for the newest may be no day that has come.
const KEPT: usize = 16;

/// Net results by the day they were booked on.
///
/// Time may leap ahead by mistake and come back. A day that came too early takes nothing away: when it is over, what was
/// lost before it counts again, and so does what was lost in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Days(BTreeMap<i64, Money>);

impl Days {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Books a net result on a day.
    pub(super) fn book(&mut self, day: i64, net: Money) {
        *self.0.entry(day).or_default() += net;
        if self.0.len() > KEPT {
            self.0.pop_first();
        }
    }

    /// Books all that another has.
    pub(super) fn add(&mut self, other: &Self) {
        for (&day, &net) in &other.0 {
            self.book(day, net);
        }
    }

    /// What was booked on a day, with what later ones have lost. What those have won counts when they come.
    pub(super) fn result(&self, day: i64) -> Money {
        let later = self.0.range(day.saturating_add(1)..);
        let lost: Money = later.map(|(_, net)| (*net).min(Money::ZERO)).sum();
        self.0.get(&day).copied().unwrap_or_default() + lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_came_too_early_frees_nothing_and_what_it_lost_counts() {
        let pounds = Money::from_major;
        let mut days = Days::new();
        days.book(100, pounds(-40));
        assert_eq!(days.result(101), Money::ZERO);
        days.book(3_000, pounds(-7));
        assert_eq!(days.result(3_000), pounds(-7));
        assert_eq!(days.result(100), pounds(-47));
        assert_eq!(days.result(101), pounds(-7), "nor is it over on the next");
        days.book(4_000, pounds(1_000));
        assert_eq!(
            days.result(100),
            pounds(-47),
            "what it won is not there yet"
        );
    }

    #[test]
    fn of_many_days_the_newest_are_kept() {
        let mut days = Days::new();
        for day in 0..1_000 {
            days.book(day, Money::from_major(-1));
        }
        assert_eq!(days.0.len(), KEPT);
        assert_eq!(days.result(999), Money::from_major(-1));
    }
}
