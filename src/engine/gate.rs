//! What the core asks of a risk gate, and the closed set of reasons for a refusal.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::{Account, Holding};
use crate::market::{Instruction, Market, Money, OrderId, Place, Price, TimeMs};

/// One proposed order with all that is needed to judge it.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The time of the update being handled.
    pub now: TimeMs,
    /// The id the order would have.
    pub id: OrderId,
    /// Which strategy.
    pub strategy: &'a Arc<str>,
    /// The proposal.
    pub place: &'a Place,
    /// The market it names.
    pub market: &'a Market,
    /// What the strategy holds in that market.
    pub holding: &'a Holding,
    /// The strategy's money.
    pub account: &'a Account,
    /// The order it replaces, which still stands until the venue says otherwise.
    pub replaces: Option<OrderId>,
    /// Whether the operator has halted betting.
    pub halted: bool,
}

/// Judges proposals. Only a gate can make a `Pass`, and only a `Pass` reaches a venue.
pub trait Gate {
    /// Proof that the gate let an order through.
    type Pass: AsRef<Instruction>;

    /// The most intents one call may return; with more, all of that call are refused.
    fn max_intents(&self) -> usize;

    /// Lets an order through, or says why not.
    ///
    /// # Errors
    /// The first control that objects.
    fn check(&mut self, ask: &Ask<'_>) -> Result<Self::Pass, Refusal>;

    /// What the controls weighed in the last check, in the order they were asked; the last one may have objected.
    fn weighed(&self) -> &[Weighed] {
        &[]
    }

    /// The smallest single change with which a refused order would have passed, if there is one.
    fn remedy(&mut self, _ask: &Ask<'_>, _refusal: &Refusal) -> Option<Remedy> {
        None
    }
}

/// What a control compared with what, and what it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Weighed {
    /// The code with which it refuses.
    pub code: ReasonCode,
    /// The value it looked at.
    pub value: Figure,
    /// The limit it held it to.
    pub limit: Figure,
    /// Whether it let the order pass.
    pub passed: bool,
}

/// A change of an order, or of the moment, that lets it pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Another stake, or liability of an order at the starting price.
    Stake {
        /// As asked.
        from: Money,
        /// As it would pass.
        to: Money,
    },
    /// Another price.
    Price {
        /// As asked.
        from: Price,
        /// As it would pass.
        to: Price,
    },
    /// The same order, so many milliseconds later.
    Wait(i64),
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stake { from, to } => write!(f, "stake {to} instead of {from}"),
            Self::Price { from, to } => write!(f, "price {to} instead of {from}"),
            Self::Wait(ms) => write!(f, "wait {}.{:03} s", ms / 1000, ms % 1000),
        }
    }
}

/// Why an intent was refused. The set is closed; names never change meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReasonCode {
    /// The strategy returned something that is no intent.
    IntentMalformed,
    /// More intents in one call than allowed.
    IntentTooMany,
    /// The operator halted betting.
    KillSwitchOn,
    /// The market is not open.
    MarketNotOpen,
    /// The market is in play and in-play betting is off.
    MarketInPlay,
    /// The runner is not in this market.
    RunnerUnknown,
    /// The runner was withdrawn or is settled.
    RunnerNotActive,
    /// The snapshot is too old to act on.
    SnapshotStale,
    /// The price is not on the market's ladder.
    PriceOffLadder,
    /// The price is under the lowest allowed.
    PriceTooLow,
    /// The price is over the highest allowed.
    PriceTooHigh,
    /// The stake is under the least allowed.
    StakeTooSmall,
    /// The stake is over the most allowed.
    StakeTooLarge,
    /// The stake is too large a part of the bankroll.
    StakeOverBankrollShare,
    /// The liability is over the most allowed.
    LiabilityTooLarge,
    /// The strategy has as many open orders as allowed.
    OrdersTooMany,
    /// The strategy has as many open orders on this runner as allowed.
    OrdersTooManyOnRunner,
    /// The strategy has placed as many orders as allowed in a minute.
    OrdersTooFast,
    /// The runner could lose the strategy too much.
    ExposureRunner,
    /// The market could lose the strategy too much.
    ExposureMarket,
    /// All markets together could lose the strategy too much.
    ExposureStrategy,
    /// The day's loss, with what open bets could still lose, would pass the limit.
    LossDaily,
    /// The bankroll does not cover the worst case.
    BankrollExhausted,
    /// The order to cancel or replace is not one of the strategy's open orders.
    OrderUnknown,
    /// The order's last change is still on its way.
    OrderBusy,
}

impl ReasonCode {
    /// Every code, in the order of the enum.
    pub const ALL: [Self; 25] = [
        Self::IntentMalformed,
        Self::IntentTooMany,
        Self::KillSwitchOn,
        Self::MarketNotOpen,
        Self::MarketInPlay,
        Self::RunnerUnknown,
        Self::RunnerNotActive,
        Self::SnapshotStale,
        Self::PriceOffLadder,
        Self::PriceTooLow,
        Self::PriceTooHigh,
        Self::StakeTooSmall,
        Self::StakeTooLarge,
        Self::StakeOverBankrollShare,
        Self::LiabilityTooLarge,
        Self::OrdersTooMany,
        Self::OrdersTooManyOnRunner,
        Self::OrdersTooFast,
        Self::ExposureRunner,
        Self::ExposureMarket,
        Self::ExposureStrategy,
        Self::LossDaily,
        Self::BankrollExhausted,
        Self::OrderUnknown,
        Self::OrderBusy,
    ];

    /// The code in records and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IntentMalformed => "INTENT_MALFORMED",
            Self::IntentTooMany => "INTENT_TOO_MANY",
            Self::KillSwitchOn => "KILL_SWITCH_ON",
            Self::MarketNotOpen => "MARKET_NOT_OPEN",
            Self::MarketInPlay => "MARKET_IN_PLAY",
            Self::RunnerUnknown => "RUNNER_UNKNOWN",
            Self::RunnerNotActive => "RUNNER_NOT_ACTIVE",
            Self::SnapshotStale => "SNAPSHOT_STALE",
            Self::PriceOffLadder => "PRICE_OFF_LADDER",
            Self::PriceTooLow => "PRICE_TOO_LOW",
            Self::PriceTooHigh => "PRICE_TOO_HIGH",
            Self::StakeTooSmall => "STAKE_TOO_SMALL",
            Self::StakeTooLarge => "STAKE_TOO_LARGE",
            Self::StakeOverBankrollShare => "STAKE_OVER_BANKROLL_SHARE",
            Self::LiabilityTooLarge => "LIABILITY_TOO_LARGE",
            Self::OrdersTooMany => "ORDERS_TOO_MANY",
            Self::OrdersTooManyOnRunner => "ORDERS_TOO_MANY_ON_RUNNER",
            Self::OrdersTooFast => "ORDERS_TOO_FAST",
            Self::ExposureRunner => "EXPOSURE_RUNNER",
            Self::ExposureMarket => "EXPOSURE_MARKET",
            Self::ExposureStrategy => "EXPOSURE_STRATEGY",
            Self::LossDaily => "LOSS_DAILY",
            Self::BankrollExhausted => "BANKROLL_EXHAUSTED",
            Self::OrderUnknown => "ORDER_UNKNOWN",
            Self::OrderBusy => "ORDER_BUSY",
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A figure that a control compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Nothing to compare.
    None,
    /// An amount.
    Money(Money),
    /// A price.
    Price(Price),
    /// A count.
    Count(u64),
    /// A time span.
    Millis(i64),
    /// A state or a text.
    Text(Cow<'static, str>),
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("-"),
            Self::Money(amount) => amount.fmt(f),
            Self::Price(price) => price.fmt(f),
            Self::Count(count) => count.fmt(f),
            Self::Millis(ms) => write!(f, "{ms} ms"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for Figure {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            shown => serializer.collect_str(shown),
        }
    }
}

/// A refusal: the code, the value at fault, and the limit it met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Why.
    pub code: ReasonCode,
    /// The value at fault.
    pub value: Figure,
    /// The limit it met.
    pub limit: Figure,
}

impl Refusal {
    /// A refusal without figures.
    #[must_use]
    pub const fn plain(code: ReasonCode) -> Self {
        Self {
            code,
            value: Figure::None,
            limit: Figure::None,
        }
    }

    /// A refusal of a value by a limit.
    #[must_use]
    pub const fn of(code: ReasonCode, value: Figure, limit: Figure) -> Self {
        Self { code, value, limit }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (value {}, limit {})",
            self.code, self.value, self.limit
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_codes_is_complete_and_unique() {
        let unique: std::collections::BTreeSet<_> =
            ReasonCode::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(unique.len(), ReasonCode::ALL.len());
        for (at, code) in ReasonCode::ALL.iter().enumerate() {
            assert_eq!(*code as usize, at, "{code} is out of place in ALL");
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
        }
    }
}
