//! Sends orders: each in a task of its own that nobody cancels, once, and with the guard asked last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::reads::{call, endpoint, is_sound, is_throttled};
use super::trade::{Chore, Trade};
use crate::config::Secret;
use crate::engine::Sending;
use crate::market::{
    Doubt, Instruction, MarketId, Money, OrderChange, OrderId, OrderKind, OrderStatement,
    Persistence, TimeMs, VenueReason,
};
use crate::venue::betfair::{
    CancelInstruction, CancelOrders, Changed, MarketVersion, Names, PlaceInstruction, PlaceOrders,
    Placed, Reply, Service, UpdateInstruction, UpdateOrders, read_cancel, read_update,
    without_nulls,
};
use crate::venue::heard::UnderWay;
use crate::venue::wire::{Answer, NoAnswer};

/// Numbers requests about bets.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// The market as the engine saw it when it decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// When that was.
    pub(super) decided_at: TimeMs,
    /// Its version, if it was seen at all.
    pub(super) version: Option<u64>,
    /// For how long it holds orders back.
    pub(super) bet_delay: Duration,
}

/// Why a change of a bet was not made.
enum NotMade {
    Refused(VenueReason),
    SessionOver,
}

/// Where a task that sends an order begins. What it does not get to report is a doubt.
pub(super) fn place(
    trade: &Arc<Trade>,
    order: Instruction,
    seen: Seen,
) -> impl Future<Output = ()> + Send + 'static {
    let under_way = trade.set_out(Some((order.market.clone(), order.id)));
    let trade = Arc::clone(trade);
    async move { send_order(&trade, under_way, order, seen).await }
}

/// Sends a new order, once.
async fn send_order(trade: &Trade, mut under_way: UnderWay, order: Instruction, seen: Seen) {
    let Some(token) = trade.session.token() else {
        tracing::warn!(event = "order_not_sent", intent_id = %order.id, "there is no session");
        return under_way.report(OrderChange::NotSent);
    };
    let name = Names::of(order.id);
    let instruction =
        PlaceInstruction::new(order.runner, order.side, order.kind, Some(name.clone()));
    let params = PlaceOrders {
        market_id: order.market.to_string(),
        instructions: vec![instruction],
        customer_ref: Some(name.clone()),
        market_version: seen.version.map(|version| MarketVersion { version }),
        customer_strategy_ref: trade.names.epochs.first().cloned(),
        is_async: None,
    };
    let timeout = trade.order_timeout + seen.bet_delay;
    let last_word = || {
        trade.mouth.is_in_time(&order, seen.decided_at) && (trade.guard)(&order) == Sending::Allowed
    };
    let sent = post(trade, "placeOrders", &params, &token, timeout, last_word).await;
    let placed = match sent {
        Ok((number, answer)) => Placed::read(reply(&answer, number), &name, order.market.as_str()),
        Err(error) if error.is_unsent() => {
            tracing::warn!(event = "order_not_sent", intent_id = %order.id, "{error}");
            return under_way.report(OrderChange::NotSent);
        }
        Err(error) => Placed::Doubted {
            doubt: error.doubt(),
            what: error.to_string(),
        },
    };
    match placed {
        Placed::Taken {
            bet,
            matched,
            average_price,
            is_complete,
        } => match taken(
            &order,
            &bet,
            matched,
            average_price,
            is_complete,
            trade.mouth.now(),
        ) {
            Some(statement) => {
                under_way.is_heard();
                trade.hear(statement);
            }
            None => doubted(
                trade,
                &mut under_way,
                &order,
                Doubt::Unreadable,
                "its figures make no sense",
            ),
        },
        Placed::Refused { reason, code } => {
            tracing::warn!(event = "order_refused", intent_id = %order.id, %code, "Betfair refused an order");
            under_way.report(OrderChange::Rejected { reason });
            if reason == VenueReason::InsufficientFunds {
                // The gate holds what follows to what is really there.
                trade.ask(Chore::Funds);
                trade.mouth.alarm(
                    "INSUFFICIENT_FUNDS",
                    format!(
                        "Betfair refused the order {}: the account has too little money",
                        order.id
                    ),
                );
            }
        }
        Placed::SessionOver => {
            tracing::warn!(event = "order_not_placed", intent_id = %order.id, "the session was over");
            under_way.report(OrderChange::NotPlaced);
            // Nobody waits for it, and the order is not sent again.
            let _ = trade.session.renew(Some(&token)).await;
        }
        Placed::Doubted { doubt, what } => doubted(trade, &mut under_way, &order, doubt, &what),
    }
}

/// Nobody can say what became of an order, unless the stream has said so meanwhile.
fn doubted(trade: &Trade, under_way: &mut UnderWay, order: &Instruction, doubt: Doubt, what: &str) {
    tracing::warn!(event = "order_in_doubt", intent_id = %order.id, doubt = doubt.as_str(), "{what}");
    if trade.bets().name(order.id).is_some() {
        under_way.is_heard();
    } else {
        under_way.report(OrderChange::Doubted { doubt });
    }
}

/// Where an order stands that was just taken.
fn taken(
    order: &Instruction,
    bet: &str,
    matched: f64,
    average_price: f64,
    is_complete: bool,
    now: TimeMs,
) -> Option<OrderStatement> {
    let matched = Money::nearest(matched).filter(|matched| !matched.minor().is_negative())?;
    let price = crate::market::Price::nearest(average_price)?;
    if matched.is_positive() && price.nanos() == 0 {
        return None;
    }
    Some(OrderStatement {
        market: order.market.clone(),
        order: Some(order.id),
        venue_id: bet.into(),
        runner: order.runner,
        side: order.side,
        kind: order.kind,
        placed_at: now,
        matched,
        matched_value: i128::from(price.nanos()) * i128::from(matched.minor()),
        cancelled: Money::ZERO,
        lapsed: Money::ZERO,
        lapse_reason: VenueReason::NotSaid,
        voided: Money::ZERO,
        is_complete,
    })
}

/// Cancels what remains of an order, or part of it.
pub(super) fn cancel(
    trade: &Arc<Trade>,
    market: MarketId,
    order: OrderId,
    size: Option<Money>,
) -> impl Future<Output = ()> + Send + 'static {
    let under_way = trade.set_out(None);
    let trade = Arc::clone(trade);
    async move {
        let _under_way = under_way;
        if let Err(reason) = cancelled(&trade, &market, order, size).await {
            trade.report(&market, order, OrderChange::CancelFailed { reason });
        }
    }
}

/// Cancels an order, then places its successor with what that set free: two requests, so that every bet has a name of
/// ours. (The venue's own replacement gives the new bet the old one's name.)
pub(super) fn replace(
    trade: &Arc<Trade>,
    market: MarketId,
    old: OrderId,
    new: Instruction,
    seen: Seen,
) -> impl Future<Output = ()> + Send + 'static {
    let mut under_way = trade.set_out(Some((new.market.clone(), new.id)));
    let trade = Arc::clone(trade);
    async move {
        match cancelled(&trade, &market, old, None).await {
            Ok(freed) if freed.is_positive() => {
                let order = Instruction {
                    kind: shortened(new.kind, freed),
                    ..new.clone()
                };
                let excess = new.kind.amount() - order.kind.amount();
                trade.bets().shorten(new.id, excess);
                send_order(&trade, under_way, order, seen).await;
            }
            freed => {
                under_way.report(OrderChange::NotSent);
                let reason = freed.err().unwrap_or(VenueReason::NothingRemains);
                trade.report(&market, old, OrderChange::CancelFailed { reason });
            }
        }
    }
}

/// The same terms for at most this much.
fn shortened(kind: OrderKind, most: Money) -> OrderKind {
    match kind {
        OrderKind::Limit {
            price,
            size,
            persistence,
            fill_or_kill,
        } => OrderKind::Limit {
            price,
            size: size.min(most),
            persistence,
            fill_or_kill,
        },
        on_close => on_close,
    }
}

/// How much of an order was cancelled, or why none.
async fn cancelled(
    trade: &Arc<Trade>,
    market: &MarketId,
    order: OrderId,
    size: Option<Money>,
) -> Result<Money, VenueReason> {
    let Some(bet) = trade.bets().name(order) else {
        return Err(VenueReason::NotSaid);
    };
    let made = change(
        trade,
        &bet,
        || {
            let instruction = CancelInstruction {
                bet_id: bet.to_string(),
                size_reduction: size.map(Money::to_f64),
            };
            // Without a market or without instructions it would cancel every bet of the account.
            let params = CancelOrders {
                market_id: Some(market.to_string()),
                instructions: Some(vec![instruction]),
                customer_ref: None,
            };
            ("cancelOrders", params)
        },
        read_cancel,
    )
    .await;
    let gone = made?;
    let bets = &mut trade.bets();
    if let Some(known) = bets.cancelled(&bet, gone) {
        let now = trade.mouth.now();
        trade
            .mouth
            .events(vec![crate::market::VenueEvent::Statement(now, known)]);
    }
    Ok(gone)
}

/// Changes what becomes of the rest of an order when its market turns in play.
pub(super) fn update(
    trade: &Arc<Trade>,
    market: MarketId,
    order: OrderId,
    persistence: Persistence,
) -> impl Future<Output = ()> + Send + 'static {
    let under_way = trade.set_out(None);
    let trade = Arc::clone(trade);
    async move {
        let _under_way = under_way;
        let name = trade.bets().name(order);
        let made = match &name {
            None => Err(VenueReason::NotSaid),
            Some(bet) => {
                change(
                    &trade,
                    bet,
                    || {
                        let instruction = UpdateInstruction {
                            bet_id: bet.to_string(),
                            new_persistence_type: persistence,
                        };
                        let params = UpdateOrders {
                            market_id: market.to_string(),
                            instructions: vec![instruction],
                            customer_ref: None,
                        };
                        ("updateOrders", params)
                    },
                    read_update,
                )
                .await
            }
        };
        let change = match made {
            Ok(()) => OrderChange::Updated { persistence },
            Err(reason) => OrderChange::UpdateFailed { reason },
        };
        trade.report(&market, order, change);
    }
}

/// Makes a change of a bet. To ask for it twice does no harm, so it is once more if the session was over.
async fn change<P: Serialize, T>(
    trade: &Arc<Trade>,
    bet: &Arc<str>,
    request: impl Fn() -> (&'static str, P),
    read: impl Fn(Reply<'_>, &str) -> Changed<T>,
) -> Result<T, VenueReason> {
    let mut again = true;
    loop {
        let (operation, params) = request();
        let token = trade
            .session
            .ready()
            .await
            .map_err(|_| VenueReason::Withheld)?;
        let timeout = trade.order_timeout;
        let sent = post(trade, operation, &params, &token, timeout, || true).await;
        let made = match sent {
            Ok((number, answer)) => read(reply(&answer, number), bet),
            Err(error) if error.is_unsent() => return Err(VenueReason::Withheld),
            Err(error) => Changed::Unknown(error.to_string()),
        };
        let failed = match made {
            Changed::Done(done) => return Ok(done),
            Changed::Refused { reason, code } => {
                tracing::info!(
                    event = "change_refused",
                    operation,
                    bet = &**bet,
                    code,
                    "Betfair refused a change"
                );
                NotMade::Refused(reason)
            }
            Changed::SessionOver => NotMade::SessionOver,
            Changed::Unknown(what) => {
                tracing::warn!(event = "change_in_doubt", operation, bet = &**bet, "{what}");
                NotMade::Refused(VenueReason::NotSaid)
            }
        };
        match failed {
            NotMade::SessionOver if again => {
                again = false;
                let renewed = trade.session.renew(Some(&token)).await;
                renewed.map_err(|_| VenueReason::Withheld)?;
            }
            NotMade::SessionOver => return Err(VenueReason::Withheld),
            NotMade::Refused(reason) => {
                // What the bet is now is not to be told from the refusal.
                trade.ask(Chore::Look(Arc::clone(bet)));
                return Err(reason);
            }
        }
    }
}

const fn reply(answer: &Answer, id: u64) -> Reply<'_> {
    Reply {
        status: answer.status,
        body: answer.body.as_slice(),
        id,
    }
}

/// Sends one request about bets, once.
async fn post(
    trade: &Trade,
    operation: &'static str,
    params: &impl Serialize,
    token: &Secret,
    timeout: Duration,
    last_word: impl FnOnce() -> bool,
) -> Result<(u64, Answer), NoAnswer> {
    let params = serde_json::to_value(params).map(without_nulls);
    let params = params.map_err(|error| NoAnswer::Unsent(error.to_string()))?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let request = trade
        .wire
        .post(&endpoint(&trade.api_url, Service::Betting))
        .header("X-Application", trade.session.app_key().expose())
        .header("X-Authentication", token.expose())
        .json(&call(Service::Betting, operation, &params, number));
    let sound = |answer: &Answer| is_sound(answer, number);
    let answer = trade
        .wire
        .send(operation, request, timeout, last_word, sound)
        .await?;
    if is_throttled(&answer, number) {
        trade.budget().scold(std::time::Instant::now());
    }
    Ok((number, answer))
}
