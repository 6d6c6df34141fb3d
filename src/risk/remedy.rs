//! The smallest single change with which a refused order passes: found by asking all controls again.

use std::collections::VecDeque;

use super::{Recent, RiskLimits, judge};
use crate::engine::{Ask, Figure, ReasonCode, Refusal, Remedy};
use crate::market::{Money, OrderKind, Price, TimeMs};

/// Finds it; `None` if no change of this one thing helps.
pub(super) fn find(
    ask: &Ask<'_>,
    refusal: &Refusal,
    limits: &RiskLimits,
    recent: &mut Recent,
    all: &mut VecDeque<TimeMs>,
) -> Option<Remedy> {
    use ReasonCode as Code;
    let mut place = ask.place.clone();
    let mut passes = |kind: OrderKind| {
        place.kind = kind;
        let changed = Ask {
            place: &place,
            ..*ask
        };
        judge(&changed, limits, recent, all, &mut |_| {}).is_ok()
    };
    match (refusal.code, &refusal.limit) {
        (Code::PriceOffLadder | Code::PriceTooLow | Code::PriceTooHigh, Figure::Price(limit)) => {
            let from = ask.place.kind.price()?;
            passes(with_price(ask.place.kind, *limit)).then_some(Remedy::Price { from, to: *limit })
        }
        (Code::StakeTooSmall, Figure::Money(least)) => {
            let from = ask.place.kind.amount();
            passes(with_stake(ask.place.kind, *least)).then_some(Remedy::Stake { from, to: *least })
        }
        (
            Code::StakeTooLarge
            | Code::StakeOverBankrollShare
            | Code::LiabilityTooLarge
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
            | Code::BankrollExhausted,
            _,
        ) => {
            let from = ask.place.kind.amount();
            let to = largest(limits.min_stake, from, |stake| {
                passes(with_stake(ask.place.kind, stake))
            })?;
            Some(Remedy::Stake { from, to })
        }
        (Code::OrdersTooFast, _) => {
            let over = recent
                .placed
                .len()
                .checked_sub(limits.max_orders_per_minute as usize)?;
            recent
                .placed
                .get(over)
                .map(|&placed| Remedy::Wait(60_000 - (ask.now - placed)))
        }
        // What lasts for a known time is over by itself.
        (Code::BetTooSoon, Figure::Millis(wait)) => match refusal.value {
            Figure::Millis(since) => Some(Remedy::Wait(wait - since)),
            _ => None,
        },
        (Code::LossesInARow, _) => {
            let cool_off = i64::from(limits.cool_off_minutes) * 60_000;
            Some(Remedy::Wait(cool_off - (ask.now - ask.account.lost_at)))
        }
        _ => None,
    }
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
