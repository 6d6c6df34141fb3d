//! How the simulated exchange treats orders: its delays, its minimum, its commission.

use serde::{Deserialize, Serialize};

use crate::market::{Bound, Money, Ratio, setting};

/// Settings of the simulated exchange. A delay runs from the request to the moment it takes effect, before
/// any bet delay that the market itself has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExchangeSettings {
    /// Milliseconds until a new order takes effect.
    pub place_latency_ms: u32,
    /// Milliseconds until a cancel takes effect.
    pub cancel_latency_ms: u32,
    /// Milliseconds until a change of persistence takes effect.
    pub update_latency_ms: u32,
    /// Milliseconds until a replace takes effect.
    pub replace_latency_ms: u32,
    /// Least stake of an order.
    #[serde(with = "setting::money")]
    pub min_stake: Money,
    /// Part of the commission that the account is spared.
    pub commission_discount_ratio: Ratio,
}

impl Default for ExchangeSettings {
    fn default() -> Self {
        Self {
            place_latency_ms: 120,
            cancel_latency_ms: 170,
            update_latency_ms: 150,
            replace_latency_ms: 280,
            min_stake: Money::from_major(1),
            commission_discount_ratio: Ratio::ZERO,
        }
    }
}

impl ExchangeSettings {
    /// Every setting with its range.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        let latency = 0..=60_000;
        let min_stake = Money::ZERO..=Money::from_major(100);
        let discount = Ratio::ZERO..=Ratio::ONE;
        vec![
            Bound::new("place_latency_ms", &self.place_latency_ms, &latency),
            Bound::new("cancel_latency_ms", &self.cancel_latency_ms, &latency),
            Bound::new("update_latency_ms", &self.update_latency_ms, &latency),
            Bound::new("replace_latency_ms", &self.replace_latency_ms, &latency),
            Bound::new("min_stake", &self.min_stake, &min_stake),
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
