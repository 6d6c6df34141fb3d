//! A strategy's money: its bank, what it has won and lost, what it could still lose.

use std::collections::BTreeMap;

use super::days::Days;
use super::{Burden, ReasonCode};
use crate::market::{Money, Order, Side, TimeMs};

/// One strategy's money within a session. All amounts are in the run's currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What it started with.
    pub start: Money,
    /// Net result of settled markets.
    pub realised: Money,
    /// What its bets in all unsettled markets weigh.
    pub burden: Burden,
    /// Net result of markets settled on the present day.
    pub realised_today: Money,
    /// The highest that the bank with settled results has been.
    pub peak: Money,
    /// Markets in a row that were settled with a loss.
    pub losses_in_a_row: u32,
    /// When the last of them was settled.
    pub lost_at: TimeMs,
    day: i64,
    days: Days,
}

impl Account {
    /// A bank of this size.
    #[must_use]
    pub const fn new(start: Money) -> Self {
        Self {
            start,
            realised: Money::ZERO,
            burden: Burden {
                at_risk: Money::ZERO,
                gross: Money::ZERO,
                open_orders: 0,
                unheard: 0,
                open_stake: Money::ZERO,
            },
            realised_today: Money::ZERO,
            peak: start,
            losses_in_a_row: 0,
            lost_at: TimeMs(0),
            day: i64::MIN,
            days: Days::new(),
        }
    }

    /// The same account, had it started with this bank.
    #[must_use]
    pub fn with_bank(self, start: Money) -> Self {
        Self {
            peak: self.peak - self.start + start,
            start,
            ..self
        }
    }

    /// The bank with settled results.
    #[must_use]
    pub fn bankroll(&self) -> Money {
        self.start + self.realised
    }

    /// Comes to the day of this time. What a later one has lost counts in it: time was ahead, and nothing is freed by that.
    pub fn roll_day(&mut self, now: TimeMs) {
        if now.day() != self.day {
            self.day = now.day();
            self.realised_today = self.days.result(self.day);
        }
    }

    fn book_today(&mut self, net: Money) {
        self.realised += net;
        self.days.book(self.day, net);
        self.realised_today = self.days.result(self.day);
    }

    /// What was booked lately, by day.
    pub(super) const fn days(&self) -> &Days {
        &self.days
    }

    /// Books a settled market's net result.
    pub fn settle(&mut self, at: TimeMs, net: Money) {
        self.book_today(net);
        self.peak = self.peak.max(self.bankroll());
        if net < Money::ZERO {
            self.losses_in_a_row += 1;
            self.lost_at = at;
        } else if net > Money::ZERO {
            self.losses_in_a_row = 0;
        }
    }

    /// Books a market's net result on its day, or takes one back, which then comes with its sign turned.
    pub fn book(&mut self, at: TimeMs, net: Money, reversal: bool) {
        self.roll_day(at);
        if reversal {
            self.reverse(-net);
        } else {
            self.settle(at, net);
        }
    }

    /// Takes a booked result back. The peak and the losses in a row stay as they were.
    pub fn reverse(&mut self, net: Money) {
        self.book_today(-net);
    }
}

/// A market's result as it was booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Booked {
    pub(super) at: TimeMs,
    pub(super) gross: Money,
    pub(super) commission: Money,
}

impl Booked {
    pub(super) fn net(self) -> Money {
        self.gross - self.commission
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
    /// Net result of each settled market, in order; one settled again stands where it was settled last. Of what is long
    /// past in a session without end, that of each day.
    pub settled: Vec<(TimeMs, Money)>,
    /// Matched size in markets that were never settled.
    pub unsettled: Money,
}

impl Totals {
    /// Counts what was matched of an order.
    pub(super) fn count(&mut self, order: &Order) {
        if !order.matched.is_positive() {
            return;
        }
        self.matched += 1;
        self.turnover += order.matched;
        self.risked += match (order.side, order.average_price()) {
            (Side::Lay, Some(price)) => order.matched.liability_at(price),
            _ => order.matched,
        };
        if order.profit.is_none() {
            self.unsettled += order.matched;
        }
    }

    /// Counts a settled market.
    pub(super) fn settle(&mut self, booked: Booked) {
        self.gross += booked.gross;
        self.commission += booked.commission;
        self.settled.push((booked.at, booked.net()));
    }

    /// Counts it no more.
    pub(super) fn reverse(&mut self, booked: Booked) {
        self.gross -= booked.gross;
        self.commission -= booked.commission;
        let entry = (booked.at, booked.net());
        if let Some(place) = self.settled.iter().rposition(|settled| *settled == entry) {
            self.settled.remove(place);
        }
    }

    /// Puts together what was settled on one day, of all before this time.
    pub(super) fn fold(&mut self, before: TimeMs) {
        self.settled.dedup_by(|next, last| {
            let is_one = next.0 < before && next.0.day() == last.0.day();
            if is_one {
                *last = (next.0, last.1 + next.1);
            }
            is_one
        });
    }

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
    fn what_is_long_past_is_kept_by_the_day() {
        let pounds = Money::from_major;
        let mut totals = Totals::default();
        let day = 86_400_000;
        for (at, gross) in [(1, 5), (2, -20), (day, 3), (day + 1, 4), (day + 2, 1)] {
            totals.settle(Booked {
                at: TimeMs(at),
                gross: pounds(gross),
                commission: pounds(1),
            });
        }
        totals.fold(TimeMs(day + 2));
        let kept = [(2, -17), (day + 1, 5), (day + 2, 0)];
        assert_eq!(
            totals.settled,
            kept.map(|(at, net)| (TimeMs(at), pounds(net)))
        );
        assert_eq!(totals.net(), pounds(-12));
    }

    #[test]
    fn a_day_that_went_by_is_forgotten_and_time_running_back_forgets_nothing() {
        let mut account = Account::new(Money::from_major(100));
        account.roll_day(TimeMs(86_400_000));
        account.settle(TimeMs(86_400_000), Money::from_major(-10));
        account.roll_day(TimeMs(1));
        assert_eq!(account.realised_today, Money::from_major(-10));
        account.roll_day(TimeMs(2 * 86_400_000));
        assert_eq!(account.realised_today, Money::ZERO);
        // That day came by mistake.
        account.roll_day(TimeMs(86_400_001));
        assert_eq!(account.realised_today, Money::from_major(-10));
        assert_eq!(account.bankroll(), Money::from_major(90));
    }
}
