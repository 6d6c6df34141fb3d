//! What a venue reports: changes of orders, where they stand, how a market was settled.

use std::sync::Arc;

use super::{
    MarketId, Money, OrderChange, OrderId, OrderKind, Ratio, RunnerId, Side, TimeMs, VenueReason,
};

/// What a venue says of an order, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderEvent {
    /// Which market.
    pub market: MarketId,
    /// Which order.
    pub order: OrderId,
    /// When it happened at the venue.
    pub at: TimeMs,
    /// What happened.
    pub change: OrderChange,
}

/// A market's result for every order in it, before commission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Which market.
    pub market: MarketId,
    /// When.
    pub at: TimeMs,
    /// 1, and one more each time that the market is settled again after a reversal.
    pub version: u32,
    /// What the venue takes of it.
    pub commission: Commission,
    /// Profit (or loss) of each order of which something is matched.
    pub profits: Vec<(OrderId, Money)>,
}

/// What a venue takes of the winnings in a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commission {
    /// This part of each strategy's net winnings, as if each had an account of its own.
    Rate(Ratio),
    /// So much of the account's net winnings, which those share who won.
    Charged {
        /// How much, in all.
        amount: Money,
        /// What the account's other bets in the market brought, before commission.
        others: Money,
    },
}

impl Commission {
    /// The commission of each party, given what each won or lost, to the nearest minor unit. Of what was charged in all,
    /// those who won bear parts in proportion, which add up to it.
    #[must_use]
    pub fn shares(self, results: &[Money]) -> Vec<Money> {
        let winnings = |result: &Money| (*result).max(Money::ZERO);
        match self {
            Self::Rate(rate) => {
                let (rate, whole) = (rate.millionths(), Ratio::ONE.millionths());
                let taken = |won: Money| won.scaled(i64::from(rate), i64::from(whole));
                results
                    .iter()
                    .map(|result| taken(winnings(result)))
                    .collect()
            }
            Self::Charged { amount, others } => {
                let won = results.iter().map(winnings).sum::<Money>() + winnings(&others);
                let (mut so_far, mut given) = (Money::ZERO, Money::ZERO);
                let share = |result: &Money| {
                    so_far += winnings(result);
                    let upto = match won.is_positive() {
                        true => amount.scaled(so_far.minor(), won.minor()),
                        false => Money::ZERO,
                    };
                    let share = upto - given;
                    given = upto;
                    share
                };
                results.iter().map(share).collect()
            }
        }
    }
}

impl Settlement {
    /// What an order brought; `None` if nothing of it was matched.
    #[must_use]
    pub fn profit(&self, order: OrderId) -> Option<Money> {
        let mut profits = self.profits.iter();
        profits
            .find(|(id, _)| *id == order)
            .map(|(_, profit)| *profit)
    }
}

/// A market's settlement does not hold any more: it was opened again, or is about to be settled with other results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// Which market.
    pub market: MarketId,
    /// When.
    pub at: TimeMs,
    /// Which of its settlements.
    pub version: u32,
}

/// Where a venue says an order stands, in full. Sizes are totals, so a word that comes twice or late does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderStatement {
    /// Which market.
    pub market: MarketId,
    /// Which order: the id it was sent with. `None` if the venue's order carries none of ours.
    pub order: Option<OrderId>,
    /// The venue's own name of it.
    pub venue_id: Arc<str>,
    /// On which runner.
    pub runner: RunnerId,
    /// For or against.
    pub side: Side,
    /// The terms.
    pub kind: OrderKind,
    /// When the venue took it.
    pub placed_at: TimeMs,
    /// Size matched.
    pub matched: Money,
    /// Σ price × size of what was matched, in billionths × minor units.
    pub matched_value: i128,
    /// Size cancelled.
    pub cancelled: Money,
    /// Size lapsed.
    pub lapsed: Money,
    /// Why, as far as the venue says.
    pub lapse_reason: VenueReason,
    /// Size voided.
    pub voided: Money,
    /// Whether nothing of it can be matched any more.
    pub is_complete: bool,
}

/// A venue's whole list of orders, as it answered one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// When it was asked for. What was sent later need not be in it.
    pub asked_at: TimeMs,
    /// Every order that the venue has or had of us, in markets that are not settled for long; to the last page.
    pub orders: Vec<OrderStatement>,
}

/// What a venue tells the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VenueEvent {
    /// An order changed.
    Order(OrderEvent),
    /// Where an order stands.
    Statement(TimeMs, OrderStatement),
    /// All orders.
    Listing(TimeMs, Listing),
    /// Its reports cannot be trusted until the next listing: the stream is gone, or a question failed.
    Deaf(TimeMs),
    /// What it has of our money, free to bet with.
    Funds(TimeMs, Money),
    /// A market was settled.
    Settled(Settlement),
    /// A market's last settlement was taken back.
    Reversed(Reversal),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pounds(amounts: &[i64]) -> Vec<Money> {
        amounts
            .iter()
            .map(|minor| Money::from_minor(*minor))
            .collect()
    }

    #[test]
    fn a_rate_takes_its_part_of_each_ones_winnings_and_nothing_of_losses() {
        for (gross, millionths, commission) in [
            (1_050, 50_000, 53), // 52.5
            (1_049, 50_000, 52), // 52.45
            (1_000, 48_335, 48),
            (-1_000, 50_000, 0),
            (0, 50_000, 0),
        ] {
            let rate = Commission::Rate(Ratio::from_millionths(millionths).unwrap());
            assert_eq!(rate.shares(&pounds(&[gross])), pounds(&[commission]));
        }
    }

    #[test]
    fn what_was_charged_is_shared_to_the_penny_by_those_who_won() {
        for (charged, others, results, shares) in [
            (100, 0, vec![1_000, 1_000, -500, 1_000], vec![33, 34, 0, 33]),
            (50, 3_000, vec![1_000, -200], vec![13, 0]),
            (7, -900, vec![-10, 2_000], vec![0, 7]),
            (0, 0, vec![-10, -20], vec![0, 0]),
        ] {
            let commission = Commission::Charged {
                amount: Money::from_minor(charged),
                others: Money::from_minor(others),
            };
            assert_eq!(commission.shares(&pounds(&results)), pounds(&shares));
        }
    }
}
