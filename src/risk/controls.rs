//! The controls: each looks at one thing and passes, or refuses with a code, the value and the limit.

use std::collections::VecDeque;

use super::RiskLimits;
use crate::engine::{Ask, Exposure, Figure, ReasonCode, Refusal, Weighed, worst_case};
use crate::market::{MarketStatus, Money, OrderKind, Persistence, Side, TimeMs};

/// What a control weighed, or the refusal; nothing if there was nothing to weigh.
type Verdict = Result<Option<Weighed>, Refusal>;

/// A control's word on a value and the limit it is held to.
fn judge(code: ReasonCode, value: Figure, limit: Figure, passed: bool) -> Verdict {
    match passed {
        true => Ok(Some(Weighed {
            code,
            value,
            limit,
            passed,
        })),
        false => Err(Refusal::of(code, value, limit)),
    }
}

/// Controls that need only the order and its market, in the order they are asked.
pub(super) const SIMPLE: [fn(&Ask<'_>, &RiskLimits) -> Verdict; 12] = [
    kill_switch,
    market_open,
    in_play,
    snapshot_age,
    runner_active,
    ladder,
    price_bounds,
    stake_bounds,
    bankroll_share,
    liability,
    open_orders,
    open_orders_on_runner,
];

/// Controls of the worst case with the order in it.
pub(super) const EXPOSURE: [fn(&Ask<'_>, &RiskLimits, Exposure) -> Verdict; 5] = [
    runner_exposure,
    market_exposure,
    strategy_exposure,
    daily_loss,
    bankroll,
];

/// Refuses a value over its limit.
fn at_most(code: ReasonCode, value: Money, limit: Money) -> Verdict {
    judge(
        code,
        Figure::Money(value),
        Figure::Money(limit),
        value <= limit,
    )
}

fn kill_switch(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    match ask.halted {
        true => Err(Refusal::plain(ReasonCode::KillSwitchOn)),
        false => judge(
            ReasonCode::KillSwitchOn,
            Figure::Text("off".into()),
            Figure::Text("off".into()),
            true,
        ),
    }
}

fn market_open(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    let status = ask.market.status();
    let (value, limit) = (
        Figure::Text(status.as_str().into()),
        Figure::Text("OPEN".into()),
    );
    judge(
        ReasonCode::MarketNotOpen,
        value,
        limit,
        status == MarketStatus::Open,
    )
}

/// Off unless the operator asks for it. An order that would live on into play counts as one.
fn in_play(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let persists = matches!(
        ask.place.kind,
        OrderKind::Limit {
            persistence: Persistence::Persist,
            ..
        }
    );
    let value = match (persists, ask.market.definition.in_play) {
        (true, _) => "PERSIST",
        (false, true) => "in play",
        (false, false) => "before the off",
    };
    let (limit, passed) = match limits.allow_in_play {
        true => ("allow_in_play = true", true),
        false => ("allow_in_play = false", value == "before the off"),
    };
    judge(
        ReasonCode::MarketInPlay,
        Figure::Text(value.into()),
        Figure::Text(limit.into()),
        passed,
    )
}

fn snapshot_age(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let age = ask.now - ask.market.published_at;
    let limit = i64::from(limits.max_snapshot_age_ms);
    judge(
        ReasonCode::SnapshotStale,
        Figure::Millis(age),
        Figure::Millis(limit),
        age <= limit,
    )
}

fn runner_active(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    let Some(runner) = ask.market.runner(ask.place.runner) else {
        return Err(Refusal::of(
            ReasonCode::RunnerUnknown,
            Figure::Text(ask.place.runner.to_string().into()),
            Figure::Text(ask.market.id.to_string().into()),
        ));
    };
    judge(
        ReasonCode::RunnerNotActive,
        Figure::Text(runner.status.as_str().into()),
        Figure::Text("ACTIVE".into()),
        runner.is_active(),
    )
}

/// A price off the ladder is refused, never moved; the limit names the nearest that would do.
fn ladder(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    let ladder = &ask.market.definition.ladder;
    let Some(price) = ask.place.kind.price() else {
        return Ok(None);
    };
    judge(
        ReasonCode::PriceOffLadder,
        Figure::Price(price),
        Figure::Price(ladder.nearest(price)),
        ladder.contains(price),
    )
}

fn price_bounds(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let Some(price) = ask.place.kind.price() else {
        return Ok(None);
    };
    let highest = match ask.place.side {
        Side::Back => limits.max_back_price,
        Side::Lay => limits.max_lay_price,
    };
    let (code, limit) = match price < limits.min_price {
        true => (ReasonCode::PriceTooLow, limits.min_price),
        false => (ReasonCode::PriceTooHigh, highest),
    };
    judge(
        code,
        Figure::Price(price),
        Figure::Price(limit),
        (limits.min_price..=highest).contains(&price),
    )
}

/// The amount a person would call the stake: the backer's stake, or what an on-close order names.
fn stake(ask: &Ask<'_>) -> Money {
    match ask.place.kind {
        OrderKind::Limit { size, .. } => size,
        OrderKind::LimitOnClose { liability, .. } | OrderKind::MarketOnClose { liability } => {
            liability
        }
    }
}

/// The stake of an order that a lay at the starting price is not: its liability is held to `max_liability`.
fn bounded_stake(ask: &Ask<'_>) -> Option<Money> {
    match (ask.place.kind, ask.place.side) {
        (OrderKind::LimitOnClose { .. } | OrderKind::MarketOnClose { .. }, Side::Lay) => None,
        _ => Some(stake(ask)),
    }
}

fn stake_bounds(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let stake_or_liability = stake(ask);
    if stake_or_liability < limits.min_stake {
        let (value, limit) = (
            Figure::Money(stake_or_liability),
            Figure::Money(limits.min_stake),
        );
        return Err(Refusal::of(ReasonCode::StakeTooSmall, value, limit));
    }
    bounded_stake(ask).map_or(Ok(None), |stake| {
        at_most(ReasonCode::StakeTooLarge, stake, limits.max_stake)
    })
}

fn bankroll_share(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let limit = limits
        .max_stake_bankroll_ratio
        .of(ask.account.bankroll().max(Money::ZERO));
    bounded_stake(ask).map_or(Ok(None), |stake| {
        at_most(ReasonCode::StakeOverBankrollShare, stake, limit)
    })
}

fn liability(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    at_most(
        ReasonCode::LiabilityTooLarge,
        ask.market
            .definition
            .at_risk(ask.place.side, ask.place.kind),
        limits.max_liability,
    )
}

fn at_most_orders(code: ReasonCode, open: usize, limit: u32) -> Verdict {
    judge(
        code,
        Figure::Count(open as u64 + 1),
        Figure::Count(u64::from(limit)),
        open < limit as usize,
    )
}

/// Open orders in the market, those on their way included; one that is being replaced makes room for the next.
fn open_orders(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let open = ask
        .account
        .open_orders
        .saturating_sub(usize::from(ask.replaces.is_some()));
    at_most_orders(ReasonCode::OrdersTooMany, open, limits.max_open_orders)
}

fn open_orders_on_runner(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    let open = ask
        .holding
        .live()
        .filter(|o| o.runner == ask.place.runner && Some(o.id) != ask.replaces)
        .count();
    at_most_orders(
        ReasonCode::OrdersTooManyOnRunner,
        open,
        limits.max_open_orders_per_runner,
    )
}

/// Over the rate means refused, never delayed: a delayed bet is a bet on old prices.
pub(super) fn rate(ask: &Ask<'_>, limits: &RiskLimits, recent: &mut VecDeque<TimeMs>) -> Verdict {
    while recent
        .front()
        .is_some_and(|&placed| ask.now - placed >= 60_000)
    {
        recent.pop_front();
    }
    at_most_orders(
        ReasonCode::OrdersTooFast,
        recent.len(),
        limits.max_orders_per_minute,
    )
}

fn runner_exposure(_: &Ask<'_>, limits: &RiskLimits, exposure: Exposure) -> Verdict {
    at_most(
        ReasonCode::ExposureRunner,
        exposure.runner,
        limits.max_runner_exposure,
    )
}

fn market_exposure(_: &Ask<'_>, limits: &RiskLimits, exposure: Exposure) -> Verdict {
    at_most(
        ReasonCode::ExposureMarket,
        exposure.market,
        limits.max_market_exposure,
    )
}

/// The worst case of all unsettled markets together, with the order in it.
fn all_markets(ask: &Ask<'_>, exposure: Exposure) -> Money {
    let present = worst_case(ask.market, ask.holding, None).market;
    ask.account.at_risk - present + exposure.market
}

fn strategy_exposure(ask: &Ask<'_>, limits: &RiskLimits, exposure: Exposure) -> Verdict {
    at_most(
        ReasonCode::ExposureStrategy,
        all_markets(ask, exposure),
        limits.max_strategy_exposure,
    )
}

/// What the day has lost and what everything open could still lose, together.
fn daily_loss(ask: &Ask<'_>, limits: &RiskLimits, exposure: Exposure) -> Verdict {
    let loss = all_markets(ask, exposure) - ask.account.realised_today;
    at_most(ReasonCode::LossDaily, loss, limits.daily_loss_limit)
}

fn bankroll(ask: &Ask<'_>, _: &RiskLimits, exposure: Exposure) -> Verdict {
    at_most(
        ReasonCode::BankrollExhausted,
        all_markets(ask, exposure),
        ask.account.bankroll().max(Money::ZERO),
    )
}
