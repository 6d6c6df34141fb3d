//! The client of the Betfair exchange: session, questions, streams and orders. Here is all of its I/O.
//!
//! [`connect`] gives a [`Connection`], which can ask and listen, and cannot bet. Only [`Connection::trade`] makes a
//! [`Betfair`], which takes orders: where it is not called, nothing exists that could place one.

mod secrets;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::runtime::Handle;

pub use secrets::{Missing, Secrets};

use super::StreamFilter;
use crate::config;
use crate::engine::{Request, Sending, Venue};
use crate::market::{Books, Instruction, MarketDelta, TimeMs, VenueEvent};
use crate::risk::Approved;

/// Reads the wall clock.
pub type Clock = fn() -> TimeMs;

/// The last word before an order leaves, asked by its sender: the kill switch and the mode.
pub type Guard = Arc<dyn Fn(&Instruction) -> Sending + Send + Sync>;

/// What a connection is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How the exchange is reached.
    pub settings: config::Betfair,
    /// When it is left alone.
    pub breaker: config::Breaker,
    /// Who we are to it.
    pub secrets: Secrets,
    /// Where the session and the count of the hour are kept, for us alone.
    pub folder: PathBuf,
    /// What time it is.
    pub clock: Clock,
}

/// Which bets at the venue are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name of this life of the ledger, at most 15 letters or digits: every bet is placed with it.
    pub epoch: String,
    /// The names of earlier lives: bets that carry them are ours too.
    pub earlier: Vec<String>,
    /// When the oldest order was asked for that the ledger does not know to be over and settled.
    pub unfinished_since: Option<TimeMs>,
}

/// What is heard from the exchange, in order.
#[derive(Debug)]
pub enum Heard {
    /// A line of the market stream as it came, without its end.
    Line {
        /// When it came.
        at: TimeMs,
        /// The line.
        bytes: Vec<u8>,
    },
    /// Words on our orders and money, for [`crate::engine::Desk::tick`].
    Venue(Vec<VenueEvent>),
    /// How the market stream is.
    Feed(FeedState),
    /// Something that a person must look at.
    Alarm {
        /// What, in a word that never changes.
        code: &'static str,
        /// The facts; no secrets.
        detail: String,
    },
}

/// How the market stream is. Only what was heard while it is live may be bet upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedState {
    /// On its way: no books yet.
    Connecting,
    /// Every book is whole and fresh.
    Live,
    /// Connected, but the exchange says that its data is not to be trusted for now.
    Stale {
        /// Why.
        why: String,
    },
    /// Not connected. It comes back by itself, unless a person is needed.
    Down {
        /// Why.
        why: String,
    },
}

/// Why no connection can be made. What can be mended by trying again is not among it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The client is not there yet.
    #[error("the client of Betfair is not finished")]
    Unfinished,
    /// A certificate or key cannot be used.
    #[error("{}: {what}", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// Something of the system is missing.
    #[error("{0}")]
    System(String),
    /// A name of this life of the ledger that the exchange would not take.
    #[error("\"{0}\" cannot name bets at the exchange: use 1 to 15 letters and digits")]
    Epoch(String),
}

/// A connection to the exchange that asks and listens. It ends when it is dropped.
#[derive(Debug)]
pub struct Connection {}

/// Begins to be connected: whatever is heard goes to `out`. Nothing is asked before [`Connection::watch`].
///
/// # Errors
/// If certificates or the system do not allow it.
pub fn connect(
    _plan: Plan,
    _runtime: &Handle,
    _out: Sender<Heard>,
) -> Result<Connection, ConnectError> {
    Err(ConnectError::Unfinished)
}

impl Connection {
    /// Subscribes to these markets, in place of those before.
    pub fn watch(&self, _filter: StreamFilter) {}

    /// Makes the one that takes orders, and subscribes to the account's bets.
    ///
    /// # Errors
    /// If the exchange would not take the name of this life of the ledger.
    pub fn trade(&self, _identity: Identity, _guard: Guard) -> Result<Betfair, ConnectError> {
        Err(ConnectError::Unfinished)
    }

    /// Waits until no order is on its way, then lets go. The session is kept for the next start.
    pub async fn close(self) {}
}

/// The Betfair exchange as a venue of the engine: takes what the gate let through.
#[derive(Debug)]
pub struct Betfair {}

impl Venue<Approved> for Betfair {
    fn observe(
        &mut self,
        _now: TimeMs,
        _before: &Books,
        _delta: &MarketDelta,
        _out: &mut Vec<VenueEvent>,
    ) {
    }

    fn submit(&mut self, _now: TimeMs, _books: &Books, _request: Request<Approved>) {}

    fn list(&mut self, _now: TimeMs, _out: &mut Vec<VenueEvent>) {}
}
