//! What sender, clerk and stream share of betting: the bets, the budget, the way to the engine.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::bets::Bets;
use super::budget::Budget;
use super::reads::Reads;
use super::session::Session;
use super::wire::Wire;
use super::{Clock, Guard, Heard};
use crate::market::{
    MarketDefinition, MarketId, OrderChange, OrderEvent, OrderId, OrderStatement, TimeMs,
    VenueEvent,
};
use crate::venue::betfair::{Names, Nonsense, Told};

/// The way to the engine. Nobody may be there any more; then nothing more is to be said.
#[derive(Clone)]
pub(super) struct Mouth {
    pub(super) out: Sender<Heard>,
    pub(super) clock: Clock,
}

impl Mouth {
    pub(super) fn now(&self) -> TimeMs {
        (self.clock)()
    }

    pub(super) fn say(&self, heard: Heard) {
        let _ = self.out.send(heard);
    }

    pub(super) fn events(&self, events: Vec<VenueEvent>) {
        self.say(Heard::Venue(events));
    }

    pub(super) fn alarm(&self, code: &'static str, detail: String) {
        tracing::warn!(event = "betfair_alarm", code, "{detail}");
        self.say(Heard::Alarm { code, detail });
    }
}

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
    pub(super) under_way: watch::Sender<usize>,
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
        self.mouth.events(vec![VenueEvent::Order(OrderEvent {
            market: market.clone(),
            order,
            at: self.mouth.now(),
            change,
        })]);
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
