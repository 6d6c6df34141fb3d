//! What of a session statistics need: its bets with their closing line, and its settled markets.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::closing::{Closing, ClosingLine, Value};
use crate::engine::{Holding, Slot};
use crate::market::{Books, Market, MarketId, MarketKind, Order, RunnerStatus, Side, TimeMs};

/// One order, as statistics see it.
#[derive(Clone, Debug)]
pub(in crate::backtest) struct Bet {
    /// Bets on one event stand or fall together.
    pub(super) event: Arc<str>,
    pub(super) market_type: Arc<str>,
    pub(super) competition: Option<Arc<str>>,
    /// The bookmaker, or the venue.
    pub(super) book: Arc<str>,
    pub(super) side: Side,
    pub(super) asked_at: TimeMs,
    /// When it was settled; the time asked for if it was not.
    pub(super) settled_at: TimeMs,
    /// Size asked for, if it is known.
    pub(super) asked: Option<f64>,
    /// Backer's stake matched.
    pub(super) stake: f64,
    /// Average price; 0 if nothing was matched.
    pub(super) price: f64,
    /// Before commission.
    pub(super) profit: Option<f64>,
    /// Whether the runner won; `None` if that is not a matter of yes and no.
    pub(super) happened: Option<bool>,
    pub(super) probability: Option<f64>,
    pub(super) close: Option<Value>,
}

/// One settled market.
#[derive(Clone, Debug)]
pub(in crate::backtest) struct Settled {
    pub(super) event: Arc<str>,
    pub(super) at: TimeMs,
    pub(super) net: f64,
    pub(super) turnover: f64,
    /// What its bets were worth against the close, where that is known of all of them.
    pub(super) expected: Option<f64>,
}

/// What a strategy did in a session.
#[derive(Clone, Debug, Default)]
pub(in crate::backtest) struct Facts {
    pub(super) bets: Vec<Bet>,
    pub(super) settled: Vec<Settled>,
    /// What the strategy starts with.
    pub(super) bank: f64,
}

impl Facts {
    /// What a strategy did, from what it holds at the end.
    pub(in crate::backtest) fn of(
        slot: &Slot,
        books: &Books,
        lines: &BTreeMap<MarketId, ClosingLine>,
        closing: &Closing,
    ) -> Self {
        let mut facts = Self {
            bank: slot.account.start.to_f64(),
            ..Self::default()
        };
        let mut settled = slot.settlements().peekable();
        for (at, holding) in slot.holdings() {
            let market = books.get(at);
            let booked = settled.next_if(|(settled, ..)| *settled == at);
            let settled_at = booked.map(|(_, at, ..)| at);
            let first = facts.bets.len();
            let line = lines.get(&market.id);
            facts.add_bets(market, holding, settled_at, line, closing);
            if let Some((_, at, gross, commission)) = booked {
                let bets = &facts.bets[first..];
                let matched = || bets.iter().filter(|bet| bet.stake > 0.0);
                let expected = matched().map(|bet| Some(bet.close.as_ref()?.chosen? * bet.stake));
                facts.settled.push(Settled {
                    event: event_of(market),
                    at,
                    net: (gross - commission).to_f64(),
                    turnover: matched().map(|bet| bet.stake).sum(),
                    expected: expected.sum(),
                });
            }
        }
        facts
    }

    /// Adds what another session gave.
    pub(in crate::backtest) fn add(&mut self, more: &Self) {
        self.bets.extend_from_slice(&more.bets);
        self.settled.extend_from_slice(&more.settled);
        self.bank = more.bank;
    }

    fn add_bets(
        &mut self,
        market: &Market,
        holding: &Holding,
        settled_at: Option<TimeMs>,
        line: Option<&ClosingLine>,
        closing: &Closing,
    ) {
        let definition = &market.definition;
        let event = event_of(market);
        let market_type: Arc<str> = definition.market_type.as_str().into();
        let competition: Option<Arc<str>> = definition.competition.as_deref().map(Arc::from);
        for order in holding.orders() {
            let book = order
                .book
                .as_ref()
                .map_or(definition.venue, |book| book.as_str());
            self.bets.push(Bet {
                event: Arc::clone(&event),
                market_type: Arc::clone(&market_type),
                competition: competition.clone(),
                book: book.into(),
                side: order.side,
                asked_at: order.requested_at,
                settled_at: settled_at.unwrap_or(order.requested_at),
                asked: order.kind.size().map(|size| size.to_f64()),
                stake: order.matched.to_f64(),
                price: order.average_price().map_or(0.0, |price| price.to_f64()),
                profit: order
                    .profit
                    .filter(|_| order.matched.is_positive())
                    .map(|profit| profit.to_f64()),
                happened: happened(market, order),
                probability: order.probability,
                close: line.and_then(|line| line.value(market, order, closing)),
            });
        }
    }
}

/// An event by its id; a recording that names none has its markets for events.
pub(in crate::backtest) fn event_of(market: &Market) -> Arc<str> {
    match market.definition.event_id.as_str() {
        "" => market.id.as_str().into(),
        id => id.into(),
    }
}

/// Whether the runner won, where that is a matter of yes and no.
pub(in crate::backtest) fn happened(market: &Market, order: &Order) -> Option<bool> {
    let is_plain = market.definition.kind() == MarketKind::Odds;
    match market.runner(order.runner)?.status {
        RunnerStatus::Winner if is_plain => Some(true),
        RunnerStatus::Loser if is_plain => Some(false),
        _ => None,
    }
}
