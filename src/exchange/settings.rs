//! How the simulated exchange treats orders: its model, its delays, its minimums, its commission.

use serde::{Deserialize, Serialize};

use super::model::{Assumptions, Fill, Outlook};
use crate::market::{Bound, Money, Ratio, setting};

/// Settings of the simulated exchange. A delay runs from the request to the moment it takes effect, before
/// any bet delay that the market itself has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExchangeSettings {
    /// Which model matches orders.
    pub fill: Fill,
    /// How the strict model takes what a recording does not tell.
    pub outlook: Outlook,
    /// Milliseconds until a new order takes effect.
    pub place_latency_ms: u32,
    /// Milliseconds until a cancel takes effect.
    pub cancel_latency_ms: u32,
    /// Milliseconds until a change of persistence takes effect.
    pub update_latency_ms: u32,
    /// Milliseconds until a replace takes effect.
    pub replace_latency_ms: u32,
    /// Milliseconds until a bookmaker has looked at a bet.
    pub bookmaker_latency_ms: u32,
    /// Up to so many milliseconds come on top of each delay, drawn evenly for each request.
    pub latency_jitter_ms: u32,
    /// Where the draws start: the same seed draws the same.
    pub latency_seed: u32,
    /// Least stake of an order.
    #[serde(with = "setting::money")]
    pub min_stake: Money,
    /// A smaller stake is taken if stake × price reaches this.
    #[serde(with = "setting::money")]
    pub min_payout: Money,
    /// Least liability of a lay at the starting price.
    #[serde(with = "setting::money")]
    pub min_sp_liability: Money,
    /// The most that a bookmaker is assumed to take on a runner from a strategy, where it does not say.
    #[serde(with = "setting::money")]
    pub bookmaker_max_stake: Money,
    /// Whether strategies take offers and trades from each other.
    pub shared_liquidity: bool,
    /// Whether an order takes better prices than its own; if not, one that the market already betters lapses.
    pub best_price_execution: bool,
    /// Part of the commission that the account is spared.
    pub commission_discount_ratio: Ratio,
}

/// The minimums are Betfair's for pounds sterling.
impl Default for ExchangeSettings {
    fn default() -> Self {
        Self {
            fill: Fill::Strict,
            outlook: Outlook::Neutral,
            place_latency_ms: 120,
            cancel_latency_ms: 170,
            update_latency_ms: 150,
            replace_latency_ms: 280,
            bookmaker_latency_ms: 3_000,
            latency_jitter_ms: 0,
            latency_seed: 1,
            min_stake: Money::from_major(1),
            min_payout: Money::from_major(10),
            min_sp_liability: Money::from_major(10),
            bookmaker_max_stake: Money::from_major(50),
            shared_liquidity: false,
            best_price_execution: true,
            commission_discount_ratio: Ratio::ZERO,
        }
    }
}

impl ExchangeSettings {
    /// What the strict model assumes.
    pub(super) const fn assumptions(&self) -> Assumptions {
        self.outlook.assumptions(self.shared_liquidity)
    }

    /// Every setting with its range.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        let latency = 0..=60_000;
        let minimum = Money::ZERO..=Money::from_major(100);
        let book_stake = Money::ZERO..=Money::from_major(10_000);
        let discount = Ratio::ZERO..=Ratio::ONE;
        vec![
            Bound::new("place_latency_ms", &self.place_latency_ms, &latency),
            Bound::new("cancel_latency_ms", &self.cancel_latency_ms, &latency),
            Bound::new("update_latency_ms", &self.update_latency_ms, &latency),
            Bound::new("replace_latency_ms", &self.replace_latency_ms, &latency),
            Bound::new("bookmaker_latency_ms", &self.bookmaker_latency_ms, &latency),
            Bound::new("latency_jitter_ms", &self.latency_jitter_ms, &latency),
            Bound::new("latency_seed", &self.latency_seed, &(0..=u32::MAX)),
            Bound::new("min_stake", &self.min_stake, &minimum),
            Bound::new("min_payout", &self.min_payout, &minimum),
            Bound::new("min_sp_liability", &self.min_sp_liability, &minimum),
            Bound::new(
                "bookmaker_max_stake",
                &self.bookmaker_max_stake,
                &book_stake,
            ),
            Bound::new(
                "commission_discount_ratio",
                &self.commission_discount_ratio,
                &discount,
            ),
        ]
    }

    /// Checks every range.
    ///
    /// # Errors
    /// The first setting out of its range.
    pub fn validate(&self) -> Result<(), Bound> {
        self.bounds()
            .into_iter()
            .find(|bound| !bound.holds)
            .map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_keep_their_own_ranges_and_a_delay_of_an_hour_does_not() {
        assert_eq!(ExchangeSettings::default().validate(), Ok(()));
        let slow = ExchangeSettings {
            cancel_latency_ms: 3_600_000,
            ..ExchangeSettings::default()
        };
        assert_eq!(slow.validate().unwrap_err().key, "cancel_latency_ms");
    }
}
