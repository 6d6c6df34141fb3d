//! What sender, clerk and stream share of betting: the bets, the budget, the way to the engine.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::bets::Bets;
use super::budget::Budget;
use super::reads::Reads;
use super::session::Session;
use crate::market::{
    MarketDefinition, MarketId, OrderChange, OrderId, OrderStatement, TimeMs, VenueEvent,
};
use crate::venue::betfair::{Names, Nonsense, Told};
use crate::venue::heard::UnderWay;
use crate::venue::wire::Wire;
use crate::venue::{Guard, Mouth};

/// What the clerk is to do.
#[derive(Debug)]
pub(super) enum Chore {
    /// Ask for all bets.
    List,
    /// Ask for one.
    Look(Arc<str>),
    /// Ask for the funds.
    Funds,
    /// A market has closed: find out what its bets came to.
    Settle {
        market: MarketId,
        at: TimeMs,
        /// The market as it closed.
        definition: Arc<MarketDefinition>,
    },
    /// A market was opened again.
    Reopened(MarketId),
}

/// What sender, clerk and stream share.
pub(super) struct Trade {
    pub(super) mouth: Mouth,
    pub(super) session: Arc<Session>,
    pub(super) reads: Reads,
    /// For orders, and for nothing else.
    pub(super) wire: Wire,
    pub(super) api_url: String,
    pub(super) order_timeout: Duration,
    pub(super) names: Names,
    pub(super) unfinished_since: Option<TimeMs>,
    pub(super) guard: Guard,
    pub(super) budget: Mutex<Budget>,
    pub(super) bets: Mutex<Bets>,
    pub(super) chores: mpsc::UnboundedSender<Chore>,
    /// Whether the stream tells of every change of our bets.
    pub(super) hears_orders: AtomicBool,
    /// How many orders and cancels are on their way.
    pub(super) under_way: Arc<watch::Sender<usize>>,
}

impl Trade {
    pub(super) fn bets(&self) -> MutexGuard<'_, Bets> {
        // Nothing in there fails half-way.
        self.bets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ask(&self, chore: Chore) {
        // Without a clerk everything ends.
        let _ = self.chores.send(chore);
    }

    /// Takes what was said of a bet, and tells the engine if that is news.
    pub(super) fn hear(&self, said: OrderStatement) {
        // Held until it is said: what is known later is said later.
        let mut bets = self.bets();
        let (known, is_news) = bets.hear(said);
        if is_news {
            let now = self.mouth.now();
            self.mouth.events(vec![VenueEvent::Statement(now, known)]);
        }
    }

    /// Takes what the stream told of a bet.
    pub(super) fn hear_streamed(&self, told: Result<Told, Nonsense>) {
        match told {
            Ok(Told::Whole(said)) => self.hear(said),
            Ok(Told::WithoutPrice(said)) => self.ask(Chore::Look(said.venue_id)),
            Err(nonsense) => {
                self.mouth.alarm("BET_NONSENSE", nonsense.to_string());
                self.ask(Chore::List);
            }
        }
    }

    /// Tells the engine what became of an order.
    pub(super) fn report(&self, market: &MarketId, order: OrderId, change: OrderChange) {
        self.mouth.report(market, order, change);
    }

    /// An order or a change sets out. Of a new order something must be reported.
    pub(super) fn set_out(&self, order: Option<(MarketId, OrderId)>) -> UnderWay {
        UnderWay::new(&self.mouth, &self.under_way, order)
    }

    /// Whether the stream tells of every change of our bets.
    pub(super) fn hears_orders(&self) -> bool {
        self.hears_orders.load(Ordering::SeqCst)
    }

    /// The stream tells of every change of our bets from here on. What changed before is asked for.
    pub(super) fn now_hears(&self) {
        if !self.hears_orders.swap(true, Ordering::SeqCst) {
            self.ask(Chore::List);
        }
    }

    /// The stream tells of our bets no more, or not reliably.
    pub(super) fn is_deaf(&self) {
        if self.hears_orders.swap(false, Ordering::SeqCst) {
            let now = self.mouth.now();
            self.mouth.events(vec![VenueEvent::Deaf(now)]);
        }
    }
}
