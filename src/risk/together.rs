//! Limits and controls of all strategies together. What each could lose is added up: nothing offsets anything between
//! strategies, markets or events.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::conduct::at_most_count;
use super::controls::{Verdict, at_most, judge};
use super::{MINUTE_MS, Weights, placed_within};
use crate::engine::{Ask, Figure, Funds, Pace, ReasonCode};
use crate::market::{Bound, Money, TimeMs, setting};

/// What an operator permits all strategies together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TogetherLimits {
    /// Most that can be lost in one market.
    #[serde(with = "setting::money")]
    pub max_market_exposure: Money,
    /// Most that can be lost in one event.
    #[serde(with = "setting::money")]
    pub max_event_exposure: Money,
    /// Most that can be lost in one sport.
    #[serde(with = "setting::money")]
    pub max_sport_exposure: Money,
    /// Most that can be lost at one venue.
    #[serde(with = "setting::money")]
    pub max_venue_exposure: Money,
    /// Most that can be lost in all.
    #[serde(with = "setting::money")]
    pub max_exposure: Money,
    /// Most that a day may cost, with what open bets could still lose.
    #[serde(with = "setting::money")]
    pub daily_loss_limit: Money,
    /// Most backers' stakes that may wait unmatched.
    #[serde(with = "setting::money")]
    pub max_open_stake: Money,
    /// Most orders of which the venue has not been heard.
    pub max_orders_in_flight: u32,
    /// Most orders in any minute.
    pub max_orders_per_minute: u32,
    /// Most orders in any hour; venues charge beyond some number.
    pub max_orders_per_hour: u32,
    /// Oldest word of the venue on our funds to bet upon, in seconds, where it gives one.
    pub max_funds_age_seconds: u32,
}

impl Default for TogetherLimits {
    fn default() -> Self {
        Self {
            max_market_exposure: Money::from_major(1_500),
            max_event_exposure: Money::from_major(3_000),
            max_sport_exposure: Money::from_major(5_000),
            max_venue_exposure: Money::from_major(5_000),
            max_exposure: Money::from_major(5_000),
            daily_loss_limit: Money::from_major(3_000),
            max_open_stake: Money::from_major(10_000),
            max_orders_in_flight: 100,
            max_orders_per_minute: 600,
            max_orders_per_hour: 4_000,
            max_funds_age_seconds: 120,
        }
    }
}

impl TogetherLimits {
    /// Every limit at its ceiling.
    #[must_use]
    pub fn widest() -> Self {
        let most = Money::from_major(CEILING);
        Self {
            max_market_exposure: most,
            max_event_exposure: most,
            max_sport_exposure: most,
            max_venue_exposure: most,
            max_exposure: most,
            daily_loss_limit: most,
            max_open_stake: most,
            max_orders_in_flight: 10_000,
            max_orders_per_minute: 60_000,
            max_orders_per_hour: 1_000_000,
            max_funds_age_seconds: 3_600,
        }
    }

    /// These limits, with twice the pace.
    pub(super) fn doubled(&self) -> Self {
        Self {
            max_orders_per_minute: self.max_orders_per_minute.saturating_mul(2),
            max_orders_per_hour: self.max_orders_per_hour.saturating_mul(2),
            ..self.clone()
        }
    }

    /// The tighter of two of each limit.
    #[must_use]
    pub fn tightest(&self, other: &Self) -> Self {
        Self {
            max_market_exposure: self.max_market_exposure.min(other.max_market_exposure),
            max_event_exposure: self.max_event_exposure.min(other.max_event_exposure),
            max_sport_exposure: self.max_sport_exposure.min(other.max_sport_exposure),
            max_venue_exposure: self.max_venue_exposure.min(other.max_venue_exposure),
            max_exposure: self.max_exposure.min(other.max_exposure),
            daily_loss_limit: self.daily_loss_limit.min(other.daily_loss_limit),
            max_open_stake: self.max_open_stake.min(other.max_open_stake),
            max_orders_in_flight: self.max_orders_in_flight.min(other.max_orders_in_flight),
            max_orders_per_minute: self.max_orders_per_minute.min(other.max_orders_per_minute),
            max_orders_per_hour: self.max_orders_per_hour.min(other.max_orders_per_hour),
            max_funds_age_seconds: self.max_funds_age_seconds.min(other.max_funds_age_seconds),
        }
    }

    /// Every limit with its range.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        let amount = Money::ZERO..=Money::from_major(CEILING);
        let mut bounds: Vec<Bound> = [
            ("together.max_market_exposure", &self.max_market_exposure),
            ("together.max_event_exposure", &self.max_event_exposure),
            ("together.max_sport_exposure", &self.max_sport_exposure),
            ("together.max_venue_exposure", &self.max_venue_exposure),
            ("together.max_exposure", &self.max_exposure),
            ("together.daily_loss_limit", &self.daily_loss_limit),
            ("together.max_open_stake", &self.max_open_stake),
        ]
        .into_iter()
        .map(|(key, value)| Bound::new(key, value, &amount))
        .collect();
        bounds.extend(
            [
                (
                    "together.max_orders_in_flight",
                    self.max_orders_in_flight,
                    0..=10_000,
                ),
                (
                    "together.max_orders_per_minute",
                    self.max_orders_per_minute,
                    0..=60_000,
                ),
                (
                    "together.max_orders_per_hour",
                    self.max_orders_per_hour,
                    0..=1_000_000,
                ),
                (
                    "together.max_funds_age_seconds",
                    self.max_funds_age_seconds,
                    10..=3_600,
                ),
            ]
            .into_iter()
            .map(|(key, value, range)| Bound::new(key, &value, &range)),
        );
        bounds
    }
}

/// The highest amount of any limit, in major units.
const CEILING: i64 = 1_000_000;

/// Controls of what is on its way or waits, in the order they are asked.
pub(super) const WAITING: [fn(&Ask<'_>, &TogetherLimits) -> Verdict; 3] =
    [in_flight, open_stake, funds];

/// Controls of what could be lost, in the order they are asked.
pub(super) const EXPOSURE: [fn(&Ask<'_>, &TogetherLimits, &Weights) -> Verdict; 6] =
    [market, event, sport, venue, all, daily_loss];

fn in_flight(ask: &Ask<'_>, limits: &TogetherLimits) -> Verdict {
    at_most_count(
        ReasonCode::OrdersInFlight,
        ask.house.burden.unheard + 1,
        limits.max_orders_in_flight,
    )
}

fn open_stake(ask: &Ask<'_>, limits: &TogetherLimits) -> Verdict {
    at_most(
        ReasonCode::StakeOpen,
        ask.house.burden.open_stake + ask.place.kind.size().unwrap_or_default(),
        limits.max_open_stake,
    )
}

fn market(ask: &Ask<'_>, limits: &TogetherLimits, weights: &Weights) -> Verdict {
    at_most(
        ReasonCode::ExposureMarketAll,
        ask.house.at_risk.market(&ask.market.id) + weights.added(),
        limits.max_market_exposure,
    )
}

fn event(ask: &Ask<'_>, limits: &TogetherLimits, weights: &Weights) -> Verdict {
    at_most(
        ReasonCode::ExposureEvent,
        ask.house.at_risk.event(&ask.market.definition.event_id) + weights.added(),
        limits.max_event_exposure,
    )
}

fn sport(ask: &Ask<'_>, limits: &TogetherLimits, weights: &Weights) -> Verdict {
    at_most(
        ReasonCode::ExposureSport,
        ask.house.at_risk.sport(&ask.market.definition.sport_id) + weights.added(),
        limits.max_sport_exposure,
    )
}

fn venue(ask: &Ask<'_>, limits: &TogetherLimits, weights: &Weights) -> Verdict {
    at_most(
        ReasonCode::ExposureVenue,
        ask.house.at_risk.venue(ask.market.definition.venue) + weights.added(),
        limits.max_venue_exposure,
    )
}

fn all(ask: &Ask<'_>, limits: &TogetherLimits, weights: &Weights) -> Verdict {
    at_most(
        ReasonCode::ExposureAll,
        ask.house.burden.at_risk + weights.added(),
        limits.max_exposure,
    )
}

fn daily_loss(ask: &Ask<'_>, limits: &TogetherLimits, weights: &Weights) -> Verdict {
    let loss = ask.house.burden.at_risk + weights.added() - ask.house.realised_today;
    at_most(ReasonCode::LossDailyAll, loss, limits.daily_loss_limit)
}

/// What the venue says we have must cover the order, and it must have said so lately.
fn funds(ask: &Ask<'_>, limits: &TogetherLimits) -> Verdict {
    let Some(Funds {
        said_at,
        free,
        at_risk,
    }) = ask.house.funds
    else {
        return Ok(None);
    };
    let (age, oldest) = (
        ask.now - said_at,
        i64::from(limits.max_funds_age_seconds) * 1_000,
    );
    judge(
        ReasonCode::FundsStale,
        Figure::Millis(age),
        Figure::Millis(oldest),
        age <= oldest,
    )?;
    let needed = ask
        .market
        .definition
        .at_risk(ask.place.side, ask.place.kind);
    // What was bet since the venue said so is taken from it.
    let since = (ask.house.burden.at_risk - at_risk).max(Money::ZERO);
    at_most(ReasonCode::FundsShort, needed + since, free)
}

/// Over the rate means refused, never delayed. `placed` are the last hour's orders, oldest first.
pub(super) fn rate(ask: &Ask<'_>, limits: &TogetherLimits, placed: &VecDeque<TimeMs>) -> Verdict {
    // The last ones first: they are few among those of the hour.
    let is_recent = |&&at: &&TimeMs| ask.now - at < MINUTE_MS;
    let in_minute = placed.iter().rev().take_while(is_recent).count();
    let in_hour = placed_within(Pace::WINDOW_MS, ask.now, placed);
    let code = ReasonCode::OrdersTooFastAll;
    at_most_count(code, in_minute + 1, limits.max_orders_per_minute)?;
    at_most_count(code, in_hour + 1, limits.max_orders_per_hour)
}
