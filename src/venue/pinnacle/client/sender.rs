//! Sends bets: each in a task of its own that nobody cancels, once, after a look at its line, and with the guard asked
//! last.

use std::sync::Arc;
use std::time::Instant;

use super::catalogue::Whereabouts;
use super::trade::{Chore, Trade};
use crate::config::{FillType, WinRisk};
use crate::engine::Sending;
use crate::market::{
    Doubt, Instruction, Money, OrderChange, OrderKind, Price, Side, TimeMs, VenueReason,
};
use crate::venue::heard::UnderWay;
use crate::venue::pinnacle::bets::decimal;
use crate::venue::pinnacle::{BOOK, Bet, Line, Placed, State, Straight, Terms, name_of};

/// What is wrong with an order before anything of it has left.
enum Unfit {
    /// It is not sent.
    Unsent(String),
    /// The venue says that it would not take it.
    Refused(VenueReason),
}

/// Where a task that sends a bet begins. What it does not get to report is a doubt.
pub(super) fn place(
    trade: &Arc<Trade>,
    order: Instruction,
    decided_at: TimeMs,
) -> impl Future<Output = ()> + Send + 'static {
    let under_way = trade.set_out(&order);
    let trade = Arc::clone(trade);
    async move { send(&trade, under_way, order, decided_at).await }
}

async fn send(trade: &Trade, mut under_way: UnderWay, order: Instruction, decided_at: TimeMs) {
    let (straight, price) = match prepare(trade, &order).await {
        Ok(prepared) => prepared,
        Err(unfit) => {
            trade.bets().forget_order(order.id);
            return under_way.report(match unfit {
                Unfit::Unsent(why) => {
                    tracing::warn!(event = "order_not_sent", intent_id = %order.id, "{why}");
                    OrderChange::NotSent
                }
                Unfit::Refused(reason) => OrderChange::Rejected { reason },
            });
        }
    };
    let last_word =
        || trade.mouth.is_in_time(&order, decided_at) && (trade.guard)(&order) == Sending::Allowed;
    let sent = trade.orders.post("/v4/bets/straight", &straight, last_word);
    let format = trade.settings.odds_format.as_str();
    let placed = match sent.await {
        Ok(answer) => Placed::read(
            answer.status,
            &answer.body,
            &straight.unique_request_id,
            format,
        ),
        Err(error) if error.is_unsent() => {
            tracing::warn!(event = "order_not_sent", intent_id = %order.id, "{error}");
            trade.bets().forget_order(order.id);
            return under_way.report(OrderChange::NotSent);
        }
        Err(error) => Placed::Doubted {
            doubt: error.doubt(),
            what: error.to_string(),
        },
    };
    let said = |state: State, id: Option<String>, terms: Option<(Money, Price)>| Bet {
        id,
        order: Some(order.id),
        state,
        sequence: 0,
        placed_at: None,
        terms,
        market: order.market.clone(),
    };
    match placed {
        Placed::Taken {
            bet,
            terms: Some((risk, odds)),
        } => {
            if risk > order.kind.amount() || odds < price {
                trade.mouth.alarm(
                    "BET_NONSENSE",
                    format!(
                        "Pinnacle took the bet {bet} with {risk} at risk at {odds}, where {} at {price} was asked for",
                        order.kind.amount()
                    ),
                );
            }
            under_way.is_heard();
            trade.hear(&said(State::Running, Some(bet), Some((risk, odds))));
        }
        Placed::Taken { bet, terms: None } => {
            let what = format!("the bet {bet} was taken, and its figures make no sense");
            doubted(trade, &mut under_way, &order, Doubt::Unreadable, &what);
        }
        Placed::Pending => {
            tracing::info!(event = "order_waits", intent_id = %order.id, "Pinnacle holds a bet back");
            under_way.is_heard();
            trade.hear(&said(State::Pending, None, None));
            trade.ask(Chore::Look);
        }
        Placed::Refused { reason, code } => {
            tracing::warn!(event = "order_refused", intent_id = %order.id, code, "Pinnacle refused a bet");
            trade.bets().forget_order(order.id);
            under_way.report(OrderChange::Rejected { reason });
        }
        Placed::Doubted { doubt, what } => doubted(trade, &mut under_way, &order, doubt, &what),
    }
}

/// Nobody can say what became of a bet: it is looked for by its name.
fn doubted(trade: &Trade, under_way: &mut UnderWay, order: &Instruction, doubt: Doubt, what: &str) {
    tracing::warn!(event = "order_in_doubt", intent_id = %order.id, doubt = doubt.as_str(), "{what}");
    trade.bets().is_unsure(order.id);
    under_way.report(OrderChange::Doubted { doubt });
    trade.ask(Chore::Look);
}

/// Looks at the line of an order, and makes the bet of it; beside it the worst odds that it may be taken at.
async fn prepare(trade: &Trade, order: &Instruction) -> Result<(Straight, Price), Unfit> {
    let unsent = |why: &str| Unfit::Unsent(why.to_owned());
    let is_here = order
        .book
        .as_ref()
        .is_some_and(|book| book.as_str() == BOOK);
    let (OrderKind::Limit { price, size, .. }, Side::Back, true) =
        (order.kind, order.side, is_here)
    else {
        return Err(Unfit::Refused(VenueReason::NotOffered));
    };
    let (place, kind) = trade
        .catalogue
        .find(&order.market)
        .ok_or_else(|| unsent("its event, or which side of its league is at home, is not known"))?;
    let terms = Terms::of(kind, order.runner, place.home_is_first)
        .ok_or_else(|| unsent("the venue has no such bet"))?;
    if !trade.may_check(place.sport, Instant::now()) {
        return Err(unsent(
            "a line of the sport was checked too short a time ago for another (pinnacle.line_seconds)",
        ));
    }
    let query = line_query(trade, place, terms);
    let line = trade.reads.line(&query).await;
    let line =
        line.map_err(|error| Unfit::Unsent(format!("its line cannot be checked: {error}")))?;
    let (line_id, stake) = fits(trade, &line, price, size)?;
    let settings = &trade.settings;
    let straight = Straight {
        odds_format: settings.odds_format.as_str(),
        unique_request_id: name_of(order.id),
        accept_better_line: settings.accept_better_line,
        stake: stake.to_f64(),
        win_risk_stake: settings.win_risk_stake.as_str(),
        line_id,
        alt_line_id: line.alt_line_id,
        fill_type: settings.fill_type.as_str(),
        sport_id: place.sport,
        event_id: place.event,
        period_number: 0,
        bet_type: terms.bet_type,
        team: terms.team(),
        side: terms.over_or_under(),
    };
    Ok((straight, price))
}

/// Whether a line is good enough; if so its number, and what is to be staked on it.
fn fits(trade: &Trade, line: &Line, price: Price, size: Money) -> Result<(i64, Money), Unfit> {
    let settings = &trade.settings;
    let told = line.price.zip(line.line_id);
    let (odds, line_id) = match (line.status.as_str(), told) {
        ("SUCCESS", Some(told)) => told,
        ("NOT_EXISTS", _) => return Err(Unfit::Refused(VenueReason::NoQuote)),
        (status, _) => return Err(Unfit::Unsent(format!("its line is {status}, without odds"))),
    };
    let odds = decimal(odds, settings.odds_format.as_str())
        .ok_or_else(|| Unfit::Unsent(format!("its line has no odds, but {odds}")))?;
    if odds < price {
        return Err(Unfit::Refused(VenueReason::PriceMoved));
    }
    let bound = |figure: Option<f64>| figure.and_then(Money::floor);
    if bound(line.min_risk_stake).is_some_and(|least| size < least) {
        return Err(Unfit::Refused(VenueReason::BelowMinimum));
    }
    let is_cut = settings.fill_type == FillType::FillAndKill;
    if !is_cut && bound(line.max_risk_stake).is_some_and(|most| size > most) {
        return Err(Unfit::Refused(VenueReason::StakeAboveLimit));
    }
    let stake = match settings.win_risk_stake {
        WinRisk::Risk => size,
        // At better odds less is at risk for it, never more.
        WinRisk::Win => size.profit_at(odds),
    };
    Ok((line_id, stake))
}

fn line_query(trade: &Trade, place: Whereabouts, terms: Terms) -> String {
    let Whereabouts {
        sport,
        league,
        event,
        ..
    } = place;
    let format = match trade.settings.odds_format.as_str() {
        "HONGKONG" => "HongKong".to_owned(),
        other => titled(other),
    };
    let which = match (terms.team(), terms.over_or_under()) {
        (Some(team), _) => format!("&team={}", titled(team)),
        (None, side) => format!("&side={}", side.unwrap_or_default()),
    };
    format!(
        "sportId={sport}&leagueId={league}&eventId={event}&periodNumber=0&betType={}&handicap={}&oddsFormat={format}{which}",
        terms.bet_type,
        f64::from(terms.handicap) / 100.0
    )
}

/// `TEAM1` as the venue writes it where lines are asked for: `Team1`.
fn titled(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    format!("{first}{}", rest.to_lowercase())
}
