//! The limits that the risk gate holds every order to. Amounts are in the account's currency.

use serde::{Deserialize, Serialize};

use super::TogetherLimits;
use crate::market::{Bound, Money, Price, Ratio, setting};

/// What an operator permits. Every limit holds for each strategy by itself; the tightest one wins.
///
/// The highest value of each range is compiled in: no configuration can raise a limit beyond it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskLimits {
    /// Least backer's stake of an order.
    #[serde(with = "setting::money")]
    pub min_stake: Money,
    /// Most backer's stake of an order.
    #[serde(with = "setting::money")]
    pub max_stake: Money,
    /// Most backer's stake of an order as a part of the strategy's bankroll.
    pub max_stake_bankroll_ratio: Ratio,
    /// Most that one order can lose: a back's stake, a lay's stake × (price − 1).
    #[serde(with = "setting::money")]
    pub max_liability: Money,
    /// Lowest price of an order.
    pub min_price: Price,
    /// Highest price to back at.
    pub max_back_price: Price,
    /// Highest price to lay at.
    pub max_lay_price: Price,
    /// Oldest snapshot to act on, in milliseconds (live).
    pub max_snapshot_age_ms: u32,
    /// Whether orders may be placed in play.
    pub allow_in_play: bool,
    /// Most open orders of a strategy, those on their way included.
    pub max_open_orders: u32,
    /// Most open orders of a strategy on one runner.
    pub max_open_orders_per_runner: u32,
    /// Most orders a strategy may place in any minute; one more is refused, not delayed.
    pub max_orders_per_minute: u32,
    /// Most that a strategy can lose on one runner, open orders counted at their worst.
    #[serde(with = "setting::money")]
    pub max_runner_exposure: Money,
    /// Most that a strategy can lose in one market.
    #[serde(with = "setting::money")]
    pub max_market_exposure: Money,
    /// Most that a strategy can lose in all its unsettled markets together.
    #[serde(with = "setting::money")]
    pub max_strategy_exposure: Money,
    /// Most that a strategy may lose in a day, with what open bets could still lose.
    #[serde(with = "setting::money")]
    pub daily_loss_limit: Money,
    /// Most that a strategy can lose in one market if none of its bets offset another.
    #[serde(with = "setting::money")]
    pub max_gross_market_exposure: Money,
    /// Most that a strategy's bank may fall from its highest, with what open bets could still lose, as a part of that.
    pub max_drawdown_ratio: Ratio,
    /// So many markets in a row settled with a loss make a strategy cool off.
    pub max_losses_in_a_row: u32,
    /// For how many minutes.
    pub cool_off_minutes: u32,
    /// Most ladder steps that a price may lie beyond the best offer.
    pub max_ticks_through_book: u32,
    /// Most ladder steps that an offer may be better than what was last traded.
    pub max_ticks_from_last_traded: u32,
    /// A stake may be so many times the middle one of the strategy's last fifty.
    pub max_stake_to_median: u32,
    /// How long after a bet has ended the next on the same runner and side may follow, in milliseconds.
    pub same_bet_cooldown_ms: u32,
    /// Most orders of a strategy in one market, ended ones included.
    pub max_orders_per_market: u32,
    /// Most fills of a strategy in one market in any minute.
    pub max_fills_per_minute: u32,
    /// No orders in the last seconds before the off, unless betting in play is allowed.
    pub min_seconds_to_start: u32,
    /// Sports that may be bet on, by name or id; all if empty.
    pub allowed_sports: Vec<String>,
    /// Market types that may be bet on; all if empty.
    pub allowed_market_types: Vec<String>,
    /// Countries that may be bet on; all if empty.
    pub allowed_countries: Vec<String>,
    /// Most intents that one call of a strategy may return.
    pub max_intents_per_call: u32,
    /// What holds for all strategies together.
    pub together: TogetherLimits,
}

impl RiskLimits {
    /// These limits, with every amount that may be lost or staked cut to a part of it. What is no amount of money, and the
    /// least stake, stay as they are.
    #[must_use]
    pub fn scaled(&self, part: Ratio) -> Self {
        let mut limits = self.clone();
        let together = &mut limits.together;
        for amount in [
            &mut limits.max_stake,
            &mut limits.max_liability,
            &mut limits.max_runner_exposure,
            &mut limits.max_market_exposure,
            &mut limits.max_strategy_exposure,
            &mut limits.daily_loss_limit,
            &mut limits.max_gross_market_exposure,
            &mut together.max_market_exposure,
            &mut together.max_event_exposure,
            &mut together.max_sport_exposure,
            &mut together.max_venue_exposure,
            &mut together.max_exposure,
            &mut together.daily_loss_limit,
            &mut together.max_open_stake,
        ] {
            *amount = part.of(*amount);
        }
        limits
    }
}

impl Default for RiskLimits {
    fn default() -> Self {
        Self {
            min_stake: Money::from_major(1),
            max_stake: Money::from_major(100),
            max_stake_bankroll_ratio: Ratio::percent(5),
            max_liability: Money::from_major(500),
            min_price: Price::LOWEST,
            max_back_price: Price::HIGHEST,
            max_lay_price: Price::from_hundredths(10_000),
            max_snapshot_age_ms: 5_000,
            allow_in_play: false,
            max_open_orders: 50,
            max_open_orders_per_runner: 1,
            max_orders_per_minute: 60,
            max_runner_exposure: Money::from_major(200),
            max_market_exposure: Money::from_major(500),
            max_strategy_exposure: Money::from_major(1_000),
            daily_loss_limit: Money::from_major(1_000),
            max_gross_market_exposure: Money::from_major(1_000),
            max_drawdown_ratio: Ratio::percent(20),
            max_losses_in_a_row: 100,
            cool_off_minutes: 60,
            max_ticks_through_book: 50,
            max_ticks_from_last_traded: 100,
            max_stake_to_median: 20,
            same_bet_cooldown_ms: 0,
            max_orders_per_market: 1_000,
            max_fills_per_minute: 100,
            min_seconds_to_start: 0,
            allowed_sports: Vec::new(),
            allowed_market_types: Vec::new(),
            allowed_countries: Vec::new(),
            max_intents_per_call: 200,
            together: TogetherLimits::default(),
        }
    }
}

/// What stands in both lists. An empty list permits everything, so two lists that share nothing permit a name that
/// nothing has.
fn narrower(one: &[String], other: &[String]) -> Vec<String> {
    const NOTHING: &str = "(nothing)";
    let shared = |entry: &&String| other.iter().any(|o| o.eq_ignore_ascii_case(entry));
    match (one, other) {
        ([], list) | (list, []) => list.to_vec(),
        (one, _) => {
            let both: Vec<String> = one.iter().filter(shared).cloned().collect();
            match both.is_empty() {
                true => vec![NOTHING.to_owned()],
                false => both,
            }
        }
    }
}

impl RiskLimits {
    /// The limits under which the reference orders were made: 1000 on an order, 105 on a runner, one open order on a
    /// runner. All others stand where they bind nobody.
    #[must_use]
    pub fn reference() -> Self {
        Self {
            max_stake: Money::from_major(1_000),
            max_stake_bankroll_ratio: Ratio::percent(20),
            max_liability: Money::from_major(1_000),
            max_lay_price: Price::HIGHEST,
            allow_in_play: true,
            max_open_orders: 500,
            max_open_orders_per_runner: 1,
            max_orders_per_minute: 600,
            max_runner_exposure: Money::from_major(105),
            max_market_exposure: Money::from_major(100_000),
            max_strategy_exposure: Money::from_major(500_000),
            daily_loss_limit: Money::from_major(500_000),
            max_gross_market_exposure: Money::from_major(1_000_000),
            max_drawdown_ratio: Ratio::ONE,
            max_losses_in_a_row: 10_000,
            max_ticks_through_book: 10_000,
            max_ticks_from_last_traded: 10_000,
            max_stake_to_median: 10_000,
            max_orders_per_market: 1_000_000,
            max_fills_per_minute: 10_000,
            max_intents_per_call: 1_000,
            together: TogetherLimits::widest(),
            ..Self::default()
        }
    }

    /// The tighter of two of each limit: what passes these passes both.
    #[must_use]
    pub fn tightest(&self, other: &Self) -> Self {
        Self {
            min_stake: self.min_stake.max(other.min_stake),
            max_stake: self.max_stake.min(other.max_stake),
            max_stake_bankroll_ratio: self
                .max_stake_bankroll_ratio
                .min(other.max_stake_bankroll_ratio),
            max_liability: self.max_liability.min(other.max_liability),
            min_price: self.min_price.max(other.min_price),
            max_back_price: self.max_back_price.min(other.max_back_price),
            max_lay_price: self.max_lay_price.min(other.max_lay_price),
            max_snapshot_age_ms: self.max_snapshot_age_ms.min(other.max_snapshot_age_ms),
            allow_in_play: self.allow_in_play && other.allow_in_play,
            max_open_orders: self.max_open_orders.min(other.max_open_orders),
            max_open_orders_per_runner: self
                .max_open_orders_per_runner
                .min(other.max_open_orders_per_runner),
            max_orders_per_minute: self.max_orders_per_minute.min(other.max_orders_per_minute),
            max_runner_exposure: self.max_runner_exposure.min(other.max_runner_exposure),
            max_market_exposure: self.max_market_exposure.min(other.max_market_exposure),
            max_strategy_exposure: self.max_strategy_exposure.min(other.max_strategy_exposure),
            daily_loss_limit: self.daily_loss_limit.min(other.daily_loss_limit),
            max_gross_market_exposure: self
                .max_gross_market_exposure
                .min(other.max_gross_market_exposure),
            max_drawdown_ratio: self.max_drawdown_ratio.min(other.max_drawdown_ratio),
            max_losses_in_a_row: self.max_losses_in_a_row.min(other.max_losses_in_a_row),
            cool_off_minutes: self.cool_off_minutes.max(other.cool_off_minutes),
            max_ticks_through_book: self
                .max_ticks_through_book
                .min(other.max_ticks_through_book),
            max_ticks_from_last_traded: self
                .max_ticks_from_last_traded
                .min(other.max_ticks_from_last_traded),
            max_stake_to_median: self.max_stake_to_median.min(other.max_stake_to_median),
            same_bet_cooldown_ms: self.same_bet_cooldown_ms.max(other.same_bet_cooldown_ms),
            max_orders_per_market: self.max_orders_per_market.min(other.max_orders_per_market),
            max_fills_per_minute: self.max_fills_per_minute.min(other.max_fills_per_minute),
            min_seconds_to_start: self.min_seconds_to_start.max(other.min_seconds_to_start),
            allowed_sports: narrower(&self.allowed_sports, &other.allowed_sports),
            allowed_market_types: narrower(&self.allowed_market_types, &other.allowed_market_types),
            allowed_countries: narrower(&self.allowed_countries, &other.allowed_countries),
            max_intents_per_call: self.max_intents_per_call.min(other.max_intents_per_call),
            // No strategy has a say in what holds for all.
            together: self.together.clone(),
        }
    }

    /// As [`RiskLimits::tightest`], with those of all strategies together too.
    #[must_use]
    pub fn combined(&self, other: &Self) -> Self {
        Self {
            together: self.together.tightest(&other.together),
            ..self.tightest(other)
        }
    }

    /// Limits that together let nothing pass: the one at fault, its value, and why.
    #[must_use]
    pub fn contradiction(&self) -> Option<(&'static str, String, &'static str)> {
        if self.min_stake > self.max_stake {
            let why = "it is over risk.max_stake, so no bet could pass";
            return Some(("min_stake", self.min_stake.to_string(), why));
        }
        if self.min_price > self.max_back_price.max(self.max_lay_price) {
            let why = "it is over both highest prices, so no bet could pass";
            return Some(("min_price", self.min_price.to_string(), why));
        }
        None
    }

    /// Every limit that has a range, with that range.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        let amount = |most| Money::ZERO..=Money::from_major(most);
        let mut bounds = vec![
            Bound::new(
                "max_gross_market_exposure",
                &self.max_gross_market_exposure,
                &amount(1_000_000),
            ),
            Bound::new(
                "max_drawdown_ratio",
                &self.max_drawdown_ratio,
                &(Ratio::ZERO..=Ratio::ONE),
            ),
            Bound::new(
                "min_stake",
                &self.min_stake,
                &(Money::from_minor(1)..=Money::from_major(100)),
            ),
            Bound::new("max_stake", &self.max_stake, &amount(10_000)),
            Bound::new(
                "max_stake_bankroll_ratio",
                &self.max_stake_bankroll_ratio,
                &(Ratio::ZERO..=Ratio::percent(20)),
            ),
            Bound::new("max_liability", &self.max_liability, &amount(50_000)),
            Bound::new(
                "min_price",
                &self.min_price,
                &(Price::LOWEST..=Price::HIGHEST),
            ),
            Bound::new(
                "max_back_price",
                &self.max_back_price,
                &(Price::LOWEST..=Price::HIGHEST),
            ),
            Bound::new(
                "max_lay_price",
                &self.max_lay_price,
                &(Price::LOWEST..=Price::HIGHEST),
            ),
            Bound::new(
                "max_snapshot_age_ms",
                &self.max_snapshot_age_ms,
                &(100..=60_000),
            ),
            Bound::new("max_open_orders", &self.max_open_orders, &(0..=500)),
            Bound::new(
                "max_open_orders_per_runner",
                &self.max_open_orders_per_runner,
                &(0..=100),
            ),
            Bound::new(
                "max_orders_per_minute",
                &self.max_orders_per_minute,
                &(0..=600),
            ),
            Bound::new(
                "max_runner_exposure",
                &self.max_runner_exposure,
                &amount(50_000),
            ),
            Bound::new(
                "max_market_exposure",
                &self.max_market_exposure,
                &amount(100_000),
            ),
            Bound::new(
                "max_strategy_exposure",
                &self.max_strategy_exposure,
                &amount(500_000),
            ),
            Bound::new("daily_loss_limit", &self.daily_loss_limit, &amount(500_000)),
            Bound::new(
                "max_intents_per_call",
                &self.max_intents_per_call,
                &(1..=1_000),
            ),
        ];
        bounds.extend(
            [
                ("max_losses_in_a_row", self.max_losses_in_a_row, 1..=10_000),
                ("cool_off_minutes", self.cool_off_minutes, 0..=10_080),
                (
                    "max_ticks_through_book",
                    self.max_ticks_through_book,
                    0..=10_000,
                ),
                (
                    "max_ticks_from_last_traded",
                    self.max_ticks_from_last_traded,
                    0..=10_000,
                ),
                ("max_stake_to_median", self.max_stake_to_median, 1..=10_000),
                (
                    "same_bet_cooldown_ms",
                    self.same_bet_cooldown_ms,
                    0..=86_400_000,
                ),
                (
                    "max_orders_per_market",
                    self.max_orders_per_market,
                    0..=1_000_000,
                ),
                (
                    "max_fills_per_minute",
                    self.max_fills_per_minute,
                    1..=10_000,
                ),
                (
                    "min_seconds_to_start",
                    self.min_seconds_to_start,
                    0..=86_400,
                ),
            ]
            .into_iter()
            .map(|(key, value, range)| Bound::new(key, &value, &range)),
        );
        bounds.extend(self.together.bounds());
        bounds
    }

    /// Checks every range.
    ///
    /// # Errors
    /// The first limit out of its range.
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
    fn the_defaults_keep_their_own_ranges() {
        assert_eq!(RiskLimits::default().validate(), Ok(()));
        assert_eq!(RiskLimits::reference().validate(), Ok(()));
    }

    #[test]
    fn a_limit_past_its_ceiling_is_named() {
        let limits = RiskLimits {
            max_stake: Money::from_major(10_001),
            ..RiskLimits::default()
        };
        assert_eq!(
            limits.validate().unwrap_err().to_string(),
            "max_stake = 10001.00: it must lie between 0.00 and 10000.00"
        );
    }

    #[test]
    fn every_number_has_a_range() {
        let limits = RiskLimits::default();
        let written = serde_json::to_value(&limits).unwrap();
        let bounds = limits.bounds();
        let has_range = |key: &str| bounds.iter().any(|bound| bound.key == key);
        for (key, value) in written.as_object().unwrap() {
            assert_eq!(value.is_number(), has_range(key), "{key} has no range");
            for inner in value.as_object().into_iter().flatten() {
                let key = format!("{key}.{}", inner.0);
                assert!(has_range(&key), "{key} has no range");
            }
        }
    }

    #[test]
    fn limits_survive_being_written_down() {
        let limits = RiskLimits::default();
        let text = serde_json::to_string(&limits).unwrap();
        assert_eq!(serde_json::from_str::<RiskLimits>(&text).unwrap(), limits);
    }
}
