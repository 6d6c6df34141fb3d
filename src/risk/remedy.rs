//! The smallest single change with which a refused order passes: found by asking all controls again.

use std::collections::VecDeque;

use super::{Recent, RiskLimits, judge, pace_and_cost};
use crate::engine::{Ask, Figure, Funds, ReasonCode, Refusal, Remedy};
use crate::market::{Money, OrderKind, Persistence, Price, Side, TimeMs};

/// Finds it; `None` if no change of this one thing helps.
pub(super) fn find(
    ask: &Ask<'_>,
    refusal: &Refusal,
    limits: &RiskLimits,
    recent: &Recent,
    all: &VecDeque<TimeMs>,
) -> Option<Remedy> {
    use ReasonCode as Code;
    let passes = |kind: OrderKind| {
        let mut place = ask.place.clone();
        place.kind = kind;
        let changed = Ask {
            place: &place,
            ..*ask
        };
        judge(&changed, limits, recent, all, &mut |_| {}).is_ok()
    };
    let kind = ask.place.kind;
    match refusal.code {
        Code::PriceOffLadder
        | Code::PriceTooLow
        | Code::PriceTooHigh
        | Code::PriceThroughBook
        | Code::PriceTooGood => {
            let from = kind.price()?;
            let to = nearest_price(ask, refusal, limits)?;
            passes(with_price(kind, to)).then_some(Remedy::Price { from, to })
        }
        Code::StakeTooSmall => {
            let (from, to) = (kind.amount(), limits.min_stake);
            passes(with_stake(kind, to)).then_some(Remedy::Stake { from, to })
        }
        Code::StakeTooLarge
        | Code::StakeOverBankrollShare
        | Code::LiabilityTooLarge
        | Code::TradingReduceOnly
        | Code::ExposureRunner
        | Code::ExposureMarket
        | Code::ExposureStrategy
        | Code::ExposureGross
        | Code::ExposureMarketAll
        | Code::ExposureEvent
        | Code::ExposureSport
        | Code::ExposureVenue
        | Code::ExposureAll
        | Code::StakeUnusual
        | Code::StakeOpen
        | Code::FundsShort
        | Code::LossDaily
        | Code::LossDailyAll
        | Code::LossDrawdown
        | Code::BankrollExhausted => {
            let from = kind.amount();
            let to = largest(limits.min_stake, from, |stake| {
                passes(with_stake(kind, stake))
            })?;
            Some(Remedy::Stake { from, to })
        }
        Code::MarketInPlay => {
            let (from, to) = (kind.persistence()?, Persistence::Lapse);
            let helps = from != to && passes(kind.with_persistence(to));
            helps.then_some(Remedy::Persistence { from, to })
        }
        code => {
            // What lasts for a known time is over by itself.
            let longest = longest_wait(code, limits)?;
            let passes = |ms| passes_after(ms, ask, limits, recent, all);
            shortest(longest, passes).map(Remedy::Wait)
        }
    }
}

/// The price nearest to the one asked for to which this objection cannot be made.
fn nearest_price(ask: &Ask<'_>, refusal: &Refusal, limits: &RiskLimits) -> Option<Price> {
    let ladder = &ask.market.definition.ladder;
    let runner = ask.market.runner(ask.place.runner);
    let most = i64::from(limits.max_ticks_through_book);
    match (refusal.code, &refusal.limit, ask.place.side) {
        (ReasonCode::PriceThroughBook, _, Side::Back) => {
            ladder.step(runner?.best_back()?.price, -most)
        }
        (ReasonCode::PriceThroughBook, _, Side::Lay) => {
            ladder.step(runner?.best_lay()?.price, most)
        }
        // One that waits beside the offer instead of taking it.
        (ReasonCode::PriceTooGood, _, Side::Back) => ladder.step(runner?.best_back()?.price, 1),
        (ReasonCode::PriceTooGood, _, Side::Lay) => ladder.step(runner?.best_lay()?.price, -1),
        (_, Figure::Price(limit), _) if ask.place.book.is_some() => Some(*limit),
        (ReasonCode::PriceTooHigh, Figure::Price(limit), _) => ladder.at_or_below(*limit),
        (ReasonCode::PriceTooLow, Figure::Price(limit), _) => match ladder.at_or_below(*limit) {
            Some(below) if below < *limit => ladder.step(below, 1),
            at_or_none => at_or_none.or(Some(ladder.lowest())),
        },
        (_, Figure::Price(limit), _) => Some(*limit),
        _ => None,
    }
}

/// How long an objection may last that ends by itself, in milliseconds.
fn longest_wait(code: ReasonCode, limits: &RiskLimits) -> Option<i64> {
    const MINUTE: i64 = 60_000;
    match code {
        ReasonCode::OrdersTooFast | ReasonCode::FillsTooFast => Some(MINUTE),
        ReasonCode::OrdersTooFastAll => Some(60 * MINUTE),
        // Words of exactly a minute ago still count.
        ReasonCode::VenueRefuses => Some(MINUTE + 1),
        ReasonCode::BetTooSoon => Some(i64::from(limits.same_bet_cooldown_ms)),
        ReasonCode::LossesInARow => Some(i64::from(limits.cool_off_minutes) * MINUTE),
        _ => None,
    }
}

/// Whether the order passes so much later, all that is heard of the market and the venue being as fresh as it is now.
fn passes_after(
    ms: i64,
    ask: &Ask<'_>,
    limits: &RiskLimits,
    recent: &Recent,
    all: &VecDeque<TimeMs>,
) -> bool {
    let house = ask.house.funds.map(|funds| {
        let mut house = ask.house.clone();
        let said_at = funds.said_at + ms;
        house.funds = Some(Funds { said_at, ..funds });
        house
    });
    let later = Ask {
        now: ask.now + ms,
        house: house.as_ref().unwrap_or(ask.house),
        ..*ask
    };
    pace_and_cost(&later, limits, recent, all, &mut |_| {}).is_ok()
}

/// The largest stake under `refused` that passes. A smaller stake never risks more, so halving finds it.
fn largest(least: Money, refused: Money, mut passes: impl FnMut(Money) -> bool) -> Option<Money> {
    let (mut low, mut high) = (least.minor(), refused.minor());
    if low >= high || !passes(least) {
        return None;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if passes(Money::from_minor(middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(Money::from_minor(low))
}

/// The shortest wait after which it passes. What has passed does not come back, so halving finds it.
fn shortest(longest: i64, mut passes: impl FnMut(i64) -> bool) -> Option<i64> {
    if !passes(longest) {
        return None;
    }
    let (mut low, mut high) = (0, longest);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if passes(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

fn with_stake(mut kind: OrderKind, stake: Money) -> OrderKind {
    match &mut kind {
        OrderKind::Limit { size, .. } => *size = stake,
        OrderKind::LimitOnClose { liability, .. } | OrderKind::MarketOnClose { liability } => {
            *liability = stake;
        }
    }
    kind
}

fn with_price(mut kind: OrderKind, limit: Price) -> OrderKind {
    match &mut kind {
        OrderKind::Limit { price, .. } | OrderKind::LimitOnClose { price, .. } => *price = limit,
        OrderKind::MarketOnClose { .. } => {}
    }
    kind
}
