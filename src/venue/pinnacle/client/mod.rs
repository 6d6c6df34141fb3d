//! The client of Pinnacle: fixtures, odds and results, lines and bets. Here is all of its I/O.
//!
//! [`connect`] gives a [`Connection`], which can ask and listen, and cannot bet. Only [`Connection::trade`] makes a
//! [`Pinnacle`], which takes orders: where it is not called, nothing exists that could place one.

mod bets;
mod catalogue;
mod clerk;
mod poll;
mod reads;
mod sender;
mod trade;
mod venue;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

pub use reads::{ReadError, Reads};
pub use venue::Pinnacle;

use super::plan::{Intervals, Plan};
use crate::config;
use crate::config::{Secret, SecretError};
use crate::market::{MarketFilter, MarketId, Order};
use crate::venue::polling::Polling;
use crate::venue::wire::{self, Wire};
use crate::venue::{AskedAndCode, Clock, Guard, Heard, Mouth, Requests, pace};
use bets::Bets;
use catalogue::Catalogue;
use poll::Poller;
use trade::Trade;

/// What the venue knows us by.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// The user's name.
    pub username: Secret,
    /// The password.
    pub password: Secret,
}

/// What a connection is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How the venue is reached.
    pub settings: config::Pinnacle,
    /// When it is left alone.
    pub breaker: config::Breaker,
    /// Who we are to it.
    pub secrets: Secrets,
    /// What time it is.
    pub clock: Clock,
}

/// Why no connection can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Who we are is not said.
    #[error(
        "{what} of Pinnacle is not set: name its file with pinnacle.{setting}, or set {variable} or {variable}_FILE"
    )]
    NoSecret {
        /// What.
        what: &'static str,
        /// Which setting names its file.
        setting: &'static str,
        /// Which variable holds it.
        variable: &'static str,
    },
    /// A file of a secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Something of the system is missing.
    #[error("{0}")]
    System(String),
}

impl Secrets {
    /// Looks for both.
    ///
    /// # Errors
    /// If one is not there or cannot be used.
    pub fn find(settings: &config::Pinnacle) -> Result<Self, ConnectError> {
        let secret = |what, setting, variable, file: &Path| {
            let lacking = ConnectError::NoSecret {
                what,
                setting,
                variable,
            };
            Secret::find(variable, file)?.ok_or(lacking)
        };
        Ok(Self {
            username: secret(
                "the user's name",
                "username_file",
                "BEA_PINNACLE_USERNAME",
                &settings.username_file,
            )?,
            password: secret(
                "the password",
                "password_file",
                "BEA_PINNACLE_PASSWORD",
                &settings.password_file,
            )?,
        })
    }
}

/// A task that ends when this is dropped.
#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection to the venue that asks and listens. It ends when it is dropped; bets on their way do not.
pub struct Connection {
    setup: Setup,
    runtime: Handle,
    mouth: Mouth,
    reads: Reads,
    requests: Requests,
    catalogue: Arc<Catalogue>,
    wanted: watch::Sender<Vec<MarketFilter>>,
    trade: Mutex<Option<(Arc<Trade>, Task)>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// Begins to ask: whatever comes goes to `out`. Nothing is asked before [`Connection::watch`].
///
/// # Errors
/// If the system does not allow it.
pub fn connect(
    setup: Setup,
    runtime: &Handle,
    out: Sender<Heard>,
) -> Result<Connection, ConnectError> {
    let settings = &setup.settings;
    let ms = |seconds: u32| i64::from(seconds) * 1_000;
    let intervals = Intervals {
        leagues_ms: ms(settings.leagues_seconds),
        fixtures_ms: ms(settings.fixtures_seconds),
        odds_ms: ms(settings.odds_seconds),
        settled_ms: ms(settings.settled_seconds),
    };
    let catalogue = Arc::new(Catalogue::default());
    let requests = Requests::default();
    let (wanted, changes) = watch::channel(Vec::new());
    let poller = Poller {
        sports: settings.sports.clone(),
        clock: pace::Clock::new(setup.clock, settings.clock_times),
        plan: Plan::new(intervals, &settings.leagues),
        reads: setup.reads(settings.timeout_seconds, &requests)?,
        feed: Polling::new(out.clone()),
        catalogue: Arc::clone(&catalogue),
        wanted: None,
        unanswered: BTreeSet::new(),
    };
    runtime.spawn(poller.run(changes));
    Ok(Connection {
        runtime: runtime.clone(),
        mouth: Mouth {
            out,
            clock: setup.clock,
        },
        reads: setup.reads(settings.timeout_seconds, &requests)?,
        requests,
        catalogue,
        wanted,
        trade: Mutex::default(),
        setup,
    })
}

impl Setup {
    /// A pool of connections for one purpose.
    fn reads(&self, timeout_seconds: u32, requests: &Requests) -> Result<Reads, ConnectError> {
        let timeout = Duration::from_secs(u64::from(timeout_seconds));
        let tls = wire::system_tls().map_err(ConnectError::System)?;
        let wire = Wire::new(tls, self.breaker, timeout, requests.clone(), self.clock)
            .map_err(ConnectError::System)?;
        Ok(Reads::new(wire, &self.settings.url, &self.secrets, timeout))
    }
}

impl Connection {
    /// Asks from now on for what these filters want. The same filters again ask for all from the beginning.
    pub fn watch(&self, filters: Vec<MarketFilter>) {
        self.wanted.send_replace(filters);
    }

    /// What the venue was asked so far: what, the answer's code, and how often.
    #[must_use]
    pub fn requests(&self) -> Vec<(AskedAndCode, u64)> {
        self.requests.all()
    }

    /// By how much our clock is ahead of the venue's at least, in milliseconds; less than 0 if it is behind, and 0 beside
    /// a look-alike whose clock runs faster.
    #[must_use]
    pub fn clock_skew_ms(&self) -> i64 {
        match self.setup.settings.clock_times {
            1 => self.requests.clock_skew_ms(),
            _ => 0,
        }
    }

    /// Asks the venue.
    #[must_use]
    pub fn reads(&self) -> Reads {
        self.reads.clone()
    }

    /// Makes the one that takes orders. `left` are orders of earlier runs that may still stand or be settled. To be called
    /// once.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub fn trade<'o>(
        &self,
        left: impl Iterator<Item = (&'o MarketId, &'o Order)>,
        guard: Guard,
    ) -> Result<Pinnacle, ConnectError> {
        let mut bets = Bets::default();
        bets.recover(left);
        let settings = &self.setup.settings;
        let (chores, todo) = mpsc::unbounded_channel();
        let trade = Arc::new(Trade {
            mouth: self.mouth.clone(),
            reads: self.reads.clone(),
            orders: self
                .setup
                .reads(settings.order_timeout_seconds, &self.requests)?,
            settings: settings.clone(),
            guard,
            catalogue: Arc::clone(&self.catalogue),
            bets: Mutex::new(bets),
            lines: Mutex::default(),
            chores,
            under_way: Arc::new(watch::Sender::new(0)),
        });
        let clerk = self.runtime.spawn(clerk::run(Arc::clone(&trade), todo));
        let kept = (Arc::clone(&trade), Task(clerk.abort_handle()));
        let mut slot = self.trade.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(kept);
        Ok(Pinnacle {
            trade,
            runtime: self.runtime.clone(),
        })
    }

    /// Waits until no bet is on its way, then lets go.
    pub async fn close(self) {
        let slot = self
            .trade
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some((trade, _task)) = slot {
            let mut under_way = trade.under_way.subscribe();
            // Every bet ends by itself, after its timeout at the latest.
            let _ = under_way.wait_for(|count| *count == 0).await;
        }
    }
}
