//! What the core asks of a risk gate, and the closed set of reasons for a refusal.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::{Account, Holding, House, Pace};
use crate::market::{Instruction, Market, Money, OrderId, Persistence, Place, Price, TimeMs};

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
    /// When the strategy's last fills in that market came, oldest first.
    pub fills: &'a VecDeque<TimeMs>,
    /// The strategy's money.
    pub account: &'a Account,
    /// The order it replaces, which still stands until the venue says otherwise.
    pub replaces: Option<OrderId>,
    /// All strategies together.
    pub house: &'a House,
}

/// Judges proposals. Only a gate can make a `Pass`, and only a `Pass` reaches a venue.
pub trait Gate {
    /// Proof that the gate let an order through.
    type Pass: AsRef<Instruction>;

    /// The most intents one call of a strategy may return; with more, all of that call are refused.
    fn max_intents(&self, strategy: &str) -> usize;

    /// Lets an order through, or says why not.
    ///
    /// # Errors
    /// The first control that objects.
    fn check(&mut self, ask: &Ask<'_>) -> Result<Self::Pass, Refusal>;

    /// Lets the order that [`Ask::replaces`] names keep to the proposal's persistence, or says why not. What it can lose
    /// is reserved already, but for what the change adds to it.
    ///
    /// # Errors
    /// The first control that objects.
    fn check_update(&mut self, ask: &Ask<'_>) -> Result<(), Refusal>;

    /// Is told how fast was bet in earlier sessions, before anything is asked.
    fn recall(&mut self, _pace: Pace) {}

    /// Gives what the controls weighed in the last check, in the order they were asked; the last one may have objected.
    fn weighed(&mut self) -> Vec<Weighed> {
        Vec::new()
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
    /// Not to live on into play.
    Persistence {
        /// As asked.
        from: Persistence,
        /// As it would pass.
        to: Persistence,
    },
    /// The same order, so many milliseconds later, if nothing else has changed.
    Wait(i64),
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stake { from, to } => write!(f, "stake {to} instead of {from}"),
            Self::Price { from, to } => write!(f, "price {to} instead of {from}"),
            Self::Persistence { from, to } => {
                write!(
                    f,
                    "persistence {} instead of {}",
                    to.as_str(),
                    from.as_str()
                )
            }
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
    /// Betting is paused.
    TradingPaused,
    /// Only orders that lower the worst case are taken now.
    TradingReduceOnly,
    /// Nobody has approved this version of the script for LIVE.
    ScriptNotApproved,
    /// The venue has not said yet, or not lately, what it has of us.
    VenueNotReady,
    /// The host's health forbids orders.
    HealthFence,
    /// The strategy has an order on this runner and side of which nobody can say whether the venue has it.
    OrderInDoubt,
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
    /// By which rules the market's bets are settled is not known.
    MarketKindUnknown,
    /// The operator's lists do not hold the market's sport, type or country.
    MarketNotAllowed,
    /// The event begins too soon.
    StartTooClose,
    /// The price lies too far beyond the best offer.
    PriceThroughBook,
    /// The offer is too much better than what was last traded to be true.
    PriceTooGood,
    /// The stake is many times what the strategy usually bets.
    StakeUnusual,
    /// The last bet on this runner and side ended too short a time ago.
    BetTooSoon,
    /// The strategy has placed as many orders in this market as allowed.
    OrdersTooManyInMarket,
    /// The strategy was filled as often in this market within a minute as allowed.
    FillsTooFast,
    /// The strategy has lost as many markets in a row as allowed, and must cool off.
    LossesInARow,
    /// The venue refused most of the last orders.
    VenueRefuses,
    /// All strategies together have placed as many orders as allowed.
    OrdersTooFastAll,
    /// As many orders as allowed are on their way.
    OrdersInFlight,
    /// As much as allowed waits unmatched.
    StakeOpen,
    /// The market could lose too much if nothing offset anything.
    ExposureGross,
    /// The strategy's bank could fall too far from its highest.
    LossDrawdown,
    /// The market could lose all strategies together too much.
    ExposureMarketAll,
    /// The event could lose all strategies together too much.
    ExposureEvent,
    /// The sport could lose all strategies together too much.
    ExposureSport,
    /// All bets at the venue could lose too much.
    ExposureVenue,
    /// All bets could lose too much.
    ExposureAll,
    /// The day's loss of all strategies, with what open bets could still lose, would pass the limit.
    LossDailyAll,
    /// The venue's word on our funds is too old.
    FundsStale,
    /// The venue's funds do not cover the order.
    FundsShort,
    /// The order to cancel or replace is not one of the strategy's open orders.
    OrderUnknown,
    /// The order's last change is still on its way.
    OrderBusy,
    /// Only limit orders have a persistence, or a price to change.
    OrderNotLimit,
    /// The order has that persistence already.
    PersistenceUnchanged,
    /// A bookmaker takes backs at a price, and nothing else.
    BookTerms,
    /// The bookmaker offers nothing on the runner.
    BookUnknown,
}

impl ReasonCode {
    /// Every code, in the order of the enum.
    pub const ALL: [Self; 59] = [
        Self::IntentMalformed,
        Self::IntentTooMany,
        Self::KillSwitchOn,
        Self::TradingPaused,
        Self::TradingReduceOnly,
        Self::ScriptNotApproved,
        Self::VenueNotReady,
        Self::HealthFence,
        Self::OrderInDoubt,
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
        Self::MarketKindUnknown,
        Self::MarketNotAllowed,
        Self::StartTooClose,
        Self::PriceThroughBook,
        Self::PriceTooGood,
        Self::StakeUnusual,
        Self::BetTooSoon,
        Self::OrdersTooManyInMarket,
        Self::FillsTooFast,
        Self::LossesInARow,
        Self::VenueRefuses,
        Self::OrdersTooFastAll,
        Self::OrdersInFlight,
        Self::StakeOpen,
        Self::ExposureGross,
        Self::LossDrawdown,
        Self::ExposureMarketAll,
        Self::ExposureEvent,
        Self::ExposureSport,
        Self::ExposureVenue,
        Self::ExposureAll,
        Self::LossDailyAll,
        Self::FundsStale,
        Self::FundsShort,
        Self::OrderUnknown,
        Self::OrderBusy,
        Self::OrderNotLimit,
        Self::PersistenceUnchanged,
        Self::BookTerms,
        Self::BookUnknown,
    ];

    /// The code in records and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IntentMalformed => "INTENT_MALFORMED",
            Self::IntentTooMany => "INTENT_TOO_MANY",
            Self::KillSwitchOn => "KILL_SWITCH_ON",
            Self::TradingPaused => "TRADING_PAUSED",
            Self::TradingReduceOnly => "TRADING_REDUCE_ONLY",
            Self::ScriptNotApproved => "SCRIPT_NOT_APPROVED",
            Self::VenueNotReady => "VENUE_NOT_READY",
            Self::HealthFence => "HEALTH_FENCE",
            Self::OrderInDoubt => "ORDER_IN_DOUBT",
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
            Self::MarketKindUnknown => "MARKET_KIND_UNKNOWN",
            Self::MarketNotAllowed => "MARKET_NOT_ALLOWED",
            Self::StartTooClose => "START_TOO_CLOSE",
            Self::PriceThroughBook => "PRICE_THROUGH_BOOK",
            Self::PriceTooGood => "PRICE_TOO_GOOD",
            Self::StakeUnusual => "STAKE_UNUSUAL",
            Self::BetTooSoon => "BET_TOO_SOON",
            Self::OrdersTooManyInMarket => "ORDERS_TOO_MANY_IN_MARKET",
            Self::FillsTooFast => "FILLS_TOO_FAST",
            Self::LossesInARow => "LOSSES_IN_A_ROW",
            Self::VenueRefuses => "VENUE_REFUSES",
            Self::OrdersTooFastAll => "ORDERS_TOO_FAST_ALL",
            Self::OrdersInFlight => "ORDERS_IN_FLIGHT",
            Self::StakeOpen => "STAKE_OPEN",
            Self::ExposureGross => "EXPOSURE_GROSS",
            Self::LossDrawdown => "LOSS_DRAWDOWN",
            Self::ExposureMarketAll => "EXPOSURE_MARKET_ALL",
            Self::ExposureEvent => "EXPOSURE_EVENT",
            Self::ExposureSport => "EXPOSURE_SPORT",
            Self::ExposureVenue => "EXPOSURE_VENUE",
            Self::ExposureAll => "EXPOSURE_ALL",
            Self::LossDailyAll => "LOSS_DAILY_ALL",
            Self::FundsStale => "FUNDS_STALE",
            Self::FundsShort => "FUNDS_SHORT",
            Self::OrderUnknown => "ORDER_UNKNOWN",
            Self::OrderBusy => "ORDER_BUSY",
            Self::OrderNotLimit => "ORDER_NOT_LIMIT",
            Self::PersistenceUnchanged => "PERSISTENCE_UNCHANGED",
            Self::BookTerms => "BOOK_TERMS",
            Self::BookUnknown => "BOOK_UNKNOWN",
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
