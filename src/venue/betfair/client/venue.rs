//! The exchange as a venue of the engine: takes what the gate let through, and hands it to the sender.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::sender::{self, Seen};
use super::trade::{Chore, Trade};
use crate::engine::{Request, Venue};
use crate::market::{
    Books, Instruction, MarketDelta, MarketId, MarketStatus, OrderChange, OrderId, TimeMs,
    VenueEvent, VenueReason,
};
use crate::risk::Approved;

/// The Betfair exchange as a venue of the engine. What becomes of a request is heard through the connection's channel.
pub struct Betfair {
    pub(super) trade: Arc<Trade>,
    pub(super) runtime: Handle,
}

impl std::fmt::Debug for Betfair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Betfair").finish_non_exhaustive()
    }
}

impl Betfair {
    fn place(&self, now: TimeMs, books: &Books, order: Instruction) {
        if let Some(book) = &order.book {
            tracing::warn!(event = "order_not_sent", intent_id = %order.id, "it is for the bookmaker {book}");
            return self
                .trade
                .report(&order.market, order.id, OrderChange::NotSent);
        }
        if let Err(over) = self
            .trade
            .budget()
            .order(self.trade.mouth.now(), Instant::now())
        {
            tracing::warn!(event = "order_not_sent", intent_id = %order.id, "{over}");
            return self
                .trade
                .report(&order.market, order.id, OrderChange::NotSent);
        }
        let seen = seen(now, books, &order.market);
        self.runtime.spawn(sender::place(&self.trade, order, seen));
    }

    /// Whether a cancel or change may leave; if not, why is reported.
    fn may_change(&self, market: &MarketId, order: OrderId, change: OrderChange) -> bool {
        let may = self.trade.budget().cancel(Instant::now());
        if let Err(over) = may {
            tracing::warn!(event = "change_not_sent", intent_id = %order, "{over}");
            self.trade.report(market, order, change);
        }
        may.is_ok()
    }

    fn replace(
        &self,
        now: TimeMs,
        books: &Books,
        market: MarketId,
        old: OrderId,
        new: Instruction,
    ) {
        let reason = VenueReason::Withheld;
        let failed = OrderChange::CancelFailed { reason };
        if !self.may_change(&market, old, failed) {
            return self.trade.report(&new.market, new.id, OrderChange::NotSent);
        }
        if let Err(over) = self
            .trade
            .budget()
            .order(self.trade.mouth.now(), Instant::now())
        {
            tracing::warn!(event = "order_not_sent", intent_id = %new.id, "{over}");
            self.trade.report(&new.market, new.id, OrderChange::NotSent);
            return self.trade.report(&market, old, failed);
        }
        let seen = seen(now, books, &new.market);
        self.runtime
            .spawn(sender::replace(&self.trade, market, old, new, seen));
    }
}

fn seen(now: TimeMs, books: &Books, market: &MarketId) -> Seen {
    let definition = books.market(market).map(|book| &*book.definition);
    let bet_delay = definition.map_or(0, |definition| definition.bet_delay_seconds);
    Seen {
        decided_at: now,
        version: definition.map(|definition| definition.version),
        bet_delay: Duration::from_secs(u64::from(bet_delay)),
    }
}

impl Venue<Approved> for Betfair {
    /// Matched bets are told by the venue; here is only seen when markets close.
    fn observe(
        &mut self,
        now: TimeMs,
        before: &Books,
        delta: &MarketDelta,
        _out: &mut Vec<VenueEvent>,
    ) {
        let Some(definition) = &delta.definition else {
            return;
        };
        let was_closed = before
            .market(&delta.market)
            .is_some_and(|market| market.status() == MarketStatus::Closed);
        let is_closed = definition.status == MarketStatus::Closed;
        let market = delta.market.clone();
        match (was_closed, is_closed) {
            (_, true) => self.trade.ask(Chore::Settle {
                market,
                at: now,
                definition: Arc::clone(definition),
            }),
            (true, false) => self.trade.ask(Chore::Reopened(market)),
            (false, false) => {}
        }
    }

    fn submit(&mut self, now: TimeMs, books: &Books, request: Request<Approved>) {
        match request {
            Request::Place(approved) => self.place(now, books, approved.as_ref().clone()),
            Request::Cancel {
                market,
                order,
                size,
            } => {
                let reason = VenueReason::Withheld;
                if self.may_change(&market, order, OrderChange::CancelFailed { reason }) {
                    self.runtime
                        .spawn(sender::cancel(&self.trade, market, order, size));
                }
            }
            Request::Update {
                market,
                order,
                persistence,
            } => {
                let reason = VenueReason::Withheld;
                if self.may_change(&market, order, OrderChange::UpdateFailed { reason }) {
                    self.runtime
                        .spawn(sender::update(&self.trade, market, order, persistence));
                }
            }
            Request::Replace {
                market,
                order,
                with,
                ..
            } => self.replace(now, books, market, order, with.as_ref().clone()),
        }
    }

    fn list(&mut self, _now: TimeMs, _out: &mut Vec<VenueEvent>) {
        self.trade.ask(Chore::List);
    }
}
