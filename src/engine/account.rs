//! A strategy's money: its bank, what it has won and lost, what it could still lose.

use std::collections::BTreeMap;

use super::ReasonCode;
use crate::market::{Money, TimeMs};

/// One strategy's money within a session. All amounts are in the run's currency.
#[derive(Clone, Debug)]
pub struct Account {
    /// What it started with.
    pub start: Money,
    /// Net result of settled markets.
    pub realised: Money,
    /// What all unsettled markets together could lose at worst; zero or more.
    pub at_risk: Money,
    /// Orders that can still change, in all markets.
    pub open_orders: usize,
    /// Net result of markets settled on the present day.
    pub realised_today: Money,
    day: i64,
}

impl Account {
    /// A bank of this size.
    #[must_use]
    pub const fn new(start: Money) -> Self {
        Self {
            start,
            realised: Money::ZERO,
            at_risk: Money::ZERO,
            open_orders: 0,
            realised_today: Money::ZERO,
            day: i64::MIN,
        }
    }

    /// The bank with settled results.
    #[must_use]
    pub fn bankroll(&self) -> Money {
        self.start + self.realised
    }

    /// Starts a new day if one has come. Days only move forward, so a step back in time resets nothing.
    pub fn roll_day(&mut self, now: TimeMs) {
        if now.day() > self.day {
            self.day = now.day();
            self.realised_today = Money::ZERO;
        }
    }

    /// Books a settled market's net result.
    pub fn settle(&mut self, net: Money) {
        self.realised += net;
        self.realised_today += net;
    }
}

/// What a strategy did in a session, for reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Orders placed (approved by the gate).
    pub bets: u64,
    /// Orders of which something was matched.
    pub matched: u64,
    /// Σ backers' stakes matched.
    pub turnover: Money,
    /// Σ amounts at risk of what was matched: stakes of backs, liabilities of lays.
    pub risked: Money,
    /// Settled profit before commission.
    pub gross: Money,
    /// Commission.
    pub commission: Money,
    /// Refused intents by code.
    pub rejections: BTreeMap<ReasonCode, u64>,
    /// Orders that a venue refused.
    pub refused_by_venue: u64,
    /// Calls that failed.
    pub faults: u64,
    /// Net result of each settled market, in order.
    pub settled: Vec<(TimeMs, Money)>,
    /// Matched size in markets that were never settled.
    pub unsettled: Money,
}

impl Totals {
    /// Settled profit after commission.
    #[must_use]
    pub fn net(&self) -> Money {
        self.gross - self.commission
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_went_by_is_forgotten_and_time_running_back_forgets_nothing() {
        let mut account = Account::new(Money::from_major(100));
        account.roll_day(TimeMs(86_400_000));
        account.settle(Money::from_major(-10));
        account.roll_day(TimeMs(1));
        assert_eq!(account.realised_today, Money::from_major(-10));
        account.roll_day(TimeMs(2 * 86_400_000));
        assert_eq!(account.realised_today, Money::ZERO);
        assert_eq!(account.bankroll(), Money::from_major(90));
    }
}
