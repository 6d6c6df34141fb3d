//! Controls of how a strategy behaves: what it trades in, how often, how it fares. They need more than the order alone.

use std::collections::VecDeque;

use super::controls::{Verdict, at_most, judge, stake};
use super::{RiskLimits, Weights};
use crate::engine::{Ask, Figure, ReasonCode, Refusal};
use crate::market::{MarketKind, Money, OrderKind, Price, Side};

/// Controls of the instrument and of the price, which hold for orders that lower the risk as well.
pub(super) const INSTRUMENT: [fn(&Ask<'_>, &RiskLimits) -> Verdict; 5] = [
    known_market,
    allowed_market,
    time_to_start,
    through_the_book,
    too_good,
];

/// Controls of the pace, in the order they are asked. Orders that lower the risk are let through.
pub(super) const PACE: [fn(&Ask<'_>, &RiskLimits) -> Verdict; 5] = [
    cooldown,
    orders_in_market,
    fills_in_market,
    losses_in_a_row,
    refused_by_venue,
];

/// Bets whose settlement is not known cannot be weights.
fn known_market(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    let definition = &ask.market.definition;
    if definition.kind() != MarketKind::Unknown {
        return Ok(None);
    }
    Err(Refusal::of(
        ReasonCode::MarketKindUnknown,
        Figure::Text(format!("{:?} {}", definition.betting_type, definition.market_type).into()),
        Figure::None,
    ))
}

fn allowed_market(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let definition = &ask.market.definition;
    let country = definition.country.as_deref().unwrap_or("");
    let lists = [
        (
            &limits.allowed_sports,
            definition.sport_id.as_str(),
            definition.sport(),
        ),
        (
            &limits.allowed_market_types,
            definition.market_type.as_str(),
            definition.market_type.as_str(),
        ),
        (&limits.allowed_countries, country, country),
    ];
    for (list, id, name) in lists {
        let is_listed =
            |entry: &String| entry.eq_ignore_ascii_case(id) || entry.eq_ignore_ascii_case(name);
        if !list.is_empty() && !list.iter().any(is_listed) {
            return Err(Refusal::of(
                ReasonCode::MarketNotAllowed,
                Figure::Text(name.to_owned().into()),
                Figure::Text(list.join(", ").into()),
            ));
        }
    }
    Ok(None)
}

/// No bets just before the off, unless they may live in play.
fn time_to_start(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let definition = &ask.market.definition;
    let left = definition.market_time - ask.now;
    let least = i64::from(limits.min_seconds_to_start) * 1_000;
    if least == 0 || definition.in_play || limits.allow_in_play || left >= least {
        return Ok(None);
    }
    Err(Refusal::of(
        ReasonCode::StartTooClose,
        Figure::Millis(left),
        Figure::Millis(least),
    ))
}

/// A price far beyond the best offer takes whatever stands in between: a slip of the finger, or of a formula.
fn through_the_book(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let (Some(price), Some(runner)) = (ask.place.kind.price(), ask.market.runner(ask.place.runner))
    else {
        return Ok(None);
    };
    if ask.market.definition.kind() == MarketKind::Line {
        // A line is no price: which side of the best one it may lie on is the strategy's bet.
        return Ok(None);
    }
    let ladder = &ask.market.definition.ladder;
    let beyond = match ask.place.side {
        Side::Back => runner
            .best_back()
            .and_then(|best| ladder.ticks_between(price, best.price)),
        Side::Lay => runner
            .best_lay()
            .and_then(|best| ladder.ticks_between(best.price, price)),
    };
    at_most_ticks(
        ReasonCode::PriceThroughBook,
        beyond.unwrap_or(0),
        limits.max_ticks_through_book,
    )
}

/// An offer much better than what was just traded is more likely an error, ours or the feed's, than a gift.
fn too_good(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let (Some(price), Some(runner)) = (ask.place.kind.price(), ask.market.runner(ask.place.runner))
    else {
        return Ok(None);
    };
    let Some(last) = runner.last_traded else {
        return Ok(None);
    };
    if ask.market.definition.kind() == MarketKind::Line {
        return Ok(None);
    }
    let ladder = &ask.market.definition.ladder;
    // Only what would be taken at once is suspicious; a far price that rests is a wish.
    let taken = |best: Option<crate::market::Level>, crosses: fn(Price, Price) -> bool| {
        best.map(|best| best.price)
            .filter(|best| crosses(*best, price))
    };
    let better = match ask.place.side {
        Side::Back => taken(runner.best_back(), |best, price| best >= price)
            .and_then(|best| ladder.ticks_between(last, best)),
        Side::Lay => taken(runner.best_lay(), |best, price| best <= price)
            .and_then(|best| ladder.ticks_between(best, last)),
    };
    at_most_ticks(
        ReasonCode::PriceTooGood,
        better.unwrap_or(0),
        limits.max_ticks_from_last_traded,
    )
}

fn at_most_ticks(code: ReasonCode, ticks: i64, limit: u32) -> Verdict {
    judge(
        code,
        Figure::Count(u64::try_from(ticks).unwrap_or(0)),
        Figure::Count(u64::from(limit)),
        ticks <= i64::from(limit),
    )
}

/// The same bet again, too soon after the last one ended.
fn cooldown(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let wait = i64::from(limits.same_bet_cooldown_ms);
    if wait == 0 {
        return Ok(None);
    }
    let last = ask.holding.ended_at(ask.place.runner, ask.place.side);
    match last.map(|last| ask.now - last) {
        Some(since) if since < wait => Err(Refusal::of(
            ReasonCode::BetTooSoon,
            Figure::Millis(since),
            Figure::Millis(wait),
        )),
        _ => Ok(None),
    }
}

fn orders_in_market(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    at_most_count(
        ReasonCode::OrdersTooManyInMarket,
        ask.holding.orders().len() + 1,
        limits.max_orders_per_market,
    )
}

/// A strategy that is filled again and again in one market may be feeding a mistake.
fn fills_in_market(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let recent = ask.fills.iter().rev();
    let fills = recent.take_while(|&&at| ask.now - at < 60_000).count();
    at_most_count(
        ReasonCode::FillsTooFast,
        fills + 1,
        limits.max_fills_per_minute,
    )
}

fn losses_in_a_row(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let cool_off = i64::from(limits.cool_off_minutes) * 60_000;
    let losses = ask.account.losses_in_a_row;
    if losses < limits.max_losses_in_a_row || ask.now - ask.account.lost_at >= cool_off {
        return Ok(None);
    }
    Err(Refusal::of(
        ReasonCode::LossesInARow,
        Figure::Count(u64::from(losses)),
        Figure::Count(u64::from(limits.max_losses_in_a_row)),
    ))
}

/// A venue that refuses most of what it is sent is telling us something: nothing more for a minute.
fn refused_by_venue(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    const ENOUGH: usize = 20;
    let (refused, words) = ask.house.refusals(ask.now, 60_000);
    if words < ENOUGH || refused * 2 <= words {
        return Ok(None);
    }
    Err(Refusal::of(
        ReasonCode::VenueRefuses,
        Figure::Count(refused as u64),
        Figure::Count(words as u64 / 2),
    ))
}

pub(super) fn at_most_count(code: ReasonCode, count: usize, limit: u32) -> Verdict {
    judge(
        code,
        Figure::Count(count as u64),
        Figure::Count(u64::from(limit)),
        count <= limit as usize,
    )
}

/// A stake many times what the strategy usually bets.
pub(super) fn unusual_stake(
    ask: &Ask<'_>,
    limits: &RiskLimits,
    usual: &VecDeque<Money>,
) -> Verdict {
    const ENOUGH: usize = 20;
    if usual.len() < ENOUGH || matches!(ask.place.kind, OrderKind::MarketOnClose { .. }) {
        return Ok(None);
    }
    let mut stakes: Vec<Money> = usual.iter().copied().collect();
    stakes.sort_unstable();
    let median = stakes[stakes.len() / 2];
    let most = median.scaled(i64::from(limits.max_stake_to_median), 1);
    at_most(ReasonCode::StakeUnusual, stake(ask), most)
}

/// What the strategy's bank has lost since its highest, with what it could lose now.
pub(super) fn drawdown(ask: &Ask<'_>, limits: &RiskLimits, weights: &Weights) -> Verdict {
    let down = ask.account.peak - ask.account.bankroll() + weights.all_markets(ask);
    let most = limits
        .max_drawdown_ratio
        .of(ask.account.peak.max(Money::ZERO));
    at_most(ReasonCode::LossDrawdown, down, most)
}

/// Everything of one market if nothing in it offset anything.
pub(super) fn gross_exposure(_: &Ask<'_>, limits: &RiskLimits, weights: &Weights) -> Verdict {
    at_most(
        ReasonCode::ExposureGross,
        weights.with.gross,
        limits.max_gross_market_exposure,
    )
}
