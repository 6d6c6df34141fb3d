//! The controls: each looks at one thing and passes, or refuses with a code, the value and the limit.

use std::collections::VecDeque;

use super::conduct::{drawdown, gross_exposure};
use super::{MINUTE_MS, RiskLimits, Weights, placed_within};
use crate::engine::{Ask, Figure, ReasonCode, Refusal, TradingState, Unready, Weighed};
use crate::market::{MarketStatus, Money, OrderKind, Persistence, Side, TimeMs};

/// What a control weighed, or the refusal; nothing if there was nothing to weigh.
pub(super) type Verdict = Result<Option<Weighed>, Refusal>;

/// A control's word on a value and the limit it is held to.
pub(super) fn judge(code: ReasonCode, value: Figure, limit: Figure, passed: bool) -> Verdict {
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
pub(super) const SIMPLE: [fn(&Ask<'_>, &RiskLimits) -> Verdict; 15] = [
    kill_switch,
    trading_state,
    approved_script,
    venue_ready,
    health,
    in_doubt,
    market_open,
    in_play,
    snapshot_age,
    runner_active,
    book,
    ladder,
    price_bounds,
    stake_bounds,
    liability,
];

/// Controls of how much stands already, in the order they are asked. Orders that lower the risk are let through.
pub(super) const SHARE: [fn(&Ask<'_>, &RiskLimits) -> Verdict; 3] =
    [bankroll_share, open_orders, open_orders_on_runner];

/// Controls of an order that is to live longer than it would.
pub(super) const UPDATE: [fn(&Ask<'_>, &RiskLimits) -> Verdict; 9] = [
    kill_switch,
    trading_state,
    approved_script,
    venue_ready,
    health,
    market_open,
    in_play,
    snapshot_age,
    runner_active,
];

/// Controls of the worst case with the order in it.
pub(super) const EXPOSURE: [fn(&Ask<'_>, &RiskLimits, &Weights) -> Verdict; 7] = [
    runner_exposure,
    market_exposure,
    gross_exposure,
    strategy_exposure,
    daily_loss,
    bankroll,
    drawdown,
];

/// Refuses a value over its limit.
pub(super) fn at_most(code: ReasonCode, value: Money, limit: Money) -> Verdict {
    judge(
        code,
        Figure::Money(value),
        Figure::Money(limit),
        value <= limit,
    )
}

fn kill_switch(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    match ask.house.state == TradingState::Halted {
        true => Err(Refusal::plain(ReasonCode::KillSwitchOn)),
        false => judge(
            ReasonCode::KillSwitchOn,
            Figure::Text("off".into()),
            Figure::Text("off".into()),
            true,
        ),
    }
}

/// Paused means no order; reducing means none that could cost more than what stands already.
fn trading_state(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    let code = match ask.house.state {
        TradingState::Paused => ReasonCode::TradingPaused,
        TradingState::Reduce if !Weights::of(ask).reduced_by(ask) => ReasonCode::TradingReduceOnly,
        TradingState::Active | TradingState::Reduce | TradingState::Halted => return Ok(None),
    };
    let (value, limit) = (
        Figure::Text(ask.house.state.as_str().into()),
        Figure::Text(TradingState::Active.as_str().into()),
    );
    Err(Refusal::of(code, value, limit))
}

/// In LIVE a version that nobody has approved places nothing; what stands is still followed, and can be cancelled.
fn approved_script(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    match ask.house.barred.contains(&**ask.strategy) {
        true => Err(Refusal::plain(ReasonCode::ScriptNotApproved)),
        false => Ok(None),
    }
}

/// Nothing is sent to a venue that has not said, or cannot say now, what it has of us.
fn venue_ready(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    let unready = ask.house.unready;
    judge(
        ReasonCode::VenueNotReady,
        Figure::Text(unready.map_or("READY", Unready::as_str).into()),
        Figure::Text("READY".into()),
        unready.is_none(),
    )
}

fn health(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    match ask.house.fences.first_key_value() {
        None => Ok(None),
        Some((fence, figures)) => Err(Refusal::of(
            ReasonCode::HealthFence,
            Figure::Text(format!("{fence}: {figures}").into()),
            Figure::None,
        )),
    }
}

/// Whether the last order got there is not known: another of the same kind could double it.
fn in_doubt(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    match ask.holding.in_doubt(ask.place.runner, ask.place.side) {
        None => Ok(None),
        Some(order) => Err(Refusal::of(
            ReasonCode::OrderInDoubt,
            Figure::Text(order.id.to_string().into()),
            Figure::None,
        )),
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
    let persists = ask.place.kind.persistence() == Some(Persistence::Persist);
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
    // Odds from the future are no better known than old ones: one of the two clocks is wrong.
    judge(
        ReasonCode::SnapshotStale,
        Figure::Millis(age),
        Figure::Millis(limit),
        (-limit..=limit).contains(&age),
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

/// A bookmaker takes backs at a price on which it quotes. In a market of bookmakers nobody else takes anything.
fn book(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    let place = ask.place;
    let Some(book) = &place.book else {
        if !ask.market.is_bookmakers() {
            return Ok(None);
        }
        let value = Figure::Text(place.runner.to_string().into());
        return Err(Refusal::of(ReasonCode::BookUnknown, value, Figure::None));
    };
    let plain = matches!(place.kind, OrderKind::Limit { .. }) && place.side == Side::Back;
    if !plain {
        let asked = format!("{} {}", place.side.as_str(), place.kind.as_str());
        let (value, limit) = (
            Figure::Text(asked.into()),
            Figure::Text("BACK LIMIT".into()),
        );
        return Err(Refusal::of(ReasonCode::BookTerms, value, limit));
    }
    let runner = ask.market.runner(place.runner);
    if runner.is_some_and(|runner| runner.quotes.of(book).is_some()) {
        return Ok(None);
    }
    let known = runner.into_iter().flat_map(|runner| runner.quotes.iter());
    let known: Vec<&str> = known.map(|quote| quote.book.as_str()).collect();
    Err(Refusal::of(
        ReasonCode::BookUnknown,
        Figure::Text(book.to_string().into()),
        Figure::Text(known.join(", ").into()),
    ))
}

/// A price off the ladder is refused, never moved; the limit names the nearest that would do. Bookmakers have none.
fn ladder(ask: &Ask<'_>, _: &RiskLimits) -> Verdict {
    let ladder = &ask.market.definition.ladder;
    let Some(price) = ask.place.kind.price() else {
        return Ok(None);
    };
    if ask.place.book.is_some() {
        return Ok(None);
    }
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
pub(super) fn stake(ask: &Ask<'_>) -> Money {
    ask.place.kind.amount()
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
    // What is left of an order may be moved however small it is: it stands already, and Betfair takes it.
    let moved = ask.replaces.is_some() && stake_or_liability.is_positive();
    if stake_or_liability < limits.min_stake && !moved {
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
        .burden
        .open_orders
        .saturating_sub(usize::from(ask.replaces.is_some()));
    at_most_orders(ReasonCode::OrdersTooMany, open, limits.max_open_orders)
}

fn open_orders_on_runner(ask: &Ask<'_>, limits: &RiskLimits) -> Verdict {
    // One that is being replaced stands on the same runner.
    let replaced = usize::from(ask.replaces.is_some());
    let open = ask
        .holding
        .live_on(ask.place.runner)
        .saturating_sub(replaced);
    at_most_orders(
        ReasonCode::OrdersTooManyOnRunner,
        open,
        limits.max_open_orders_per_runner,
    )
}

/// Over the rate means refused, never delayed: a delayed bet is a bet on old prices.
pub(super) fn rate(ask: &Ask<'_>, limit: u32, placed: &VecDeque<TimeMs>) -> Verdict {
    let in_minute = placed_within(MINUTE_MS, ask.now, placed);
    at_most_orders(ReasonCode::OrdersTooFast, in_minute, limit)
}

fn runner_exposure(_: &Ask<'_>, limits: &RiskLimits, weights: &Weights) -> Verdict {
    at_most(
        ReasonCode::ExposureRunner,
        weights.with.runner,
        limits.max_runner_exposure,
    )
}

fn market_exposure(_: &Ask<'_>, limits: &RiskLimits, weights: &Weights) -> Verdict {
    at_most(
        ReasonCode::ExposureMarket,
        weights.with.market,
        limits.max_market_exposure,
    )
}

fn strategy_exposure(ask: &Ask<'_>, limits: &RiskLimits, weights: &Weights) -> Verdict {
    at_most(
        ReasonCode::ExposureStrategy,
        weights.all_markets(ask),
        limits.max_strategy_exposure,
    )
}

/// What the day has lost and what everything open could still lose, together.
fn daily_loss(ask: &Ask<'_>, limits: &RiskLimits, weights: &Weights) -> Verdict {
    let loss = weights.all_markets(ask) - ask.account.realised_today;
    at_most(ReasonCode::LossDaily, loss, limits.daily_loss_limit)
}

fn bankroll(ask: &Ask<'_>, _: &RiskLimits, weights: &Weights) -> Verdict {
    at_most(
        ReasonCode::BankrollExhausted,
        weights.all_markets(ask),
        ask.account.bankroll().max(Money::ZERO),
    )
}
