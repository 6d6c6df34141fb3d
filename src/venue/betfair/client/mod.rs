//! The client of the Betfair exchange: session, questions, streams and orders. Here is all of its I/O.
//!
//! [`connect`] gives a [`Connection`], which can ask and listen, and cannot bet. Only [`Connection::trade`] makes a
//! [`Betfair`], which takes orders: where it is not called, nothing exists that could place one.

mod bets;
mod budget;
mod clerk;
mod follow;
mod line;
mod pauses;
mod reads;
mod secrets;
mod sender;
mod session;
mod settling;
mod stream;
mod tls;
mod trade;
mod venue;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

pub use reads::{ReadError, Reads};
pub use secrets::{Missing, Secrets};
pub use session::SessionError;
pub use venue::Betfair;

use super::{Names, StreamFilter};
use crate::config;
use crate::engine::Earlier;
use crate::market::TimeMs;
use crate::venue::wire::Wire;
use crate::venue::{AskedAndCode, Clock, FeedState, Guard, Heard, Mouth, Requests};
use session::Session;
use stream::{Stream, Wanted};
use tls::Tls;
use trade::Trade;

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
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The name of this life of the ledger, at most 15 letters or digits: every bet is placed with it.
    pub epoch: String,
    /// The names of earlier lives: bets that carry them are ours too.
    pub earlier: Vec<String>,
    /// When the oldest order was asked for that the ledger does not know to be over and settled.
    pub unfinished_since: Option<TimeMs>,
    /// What the ledger knows markets to have come to lately.
    pub settled: Vec<Earlier>,
}

/// Why no connection can be made. What can be mended by trying again is not among it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
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

/// How a connection stands, for whoever watches over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How the market stream is; `None` before anything was to be heard.
    pub feed: Option<FeedState>,
    /// Whether there is a session.
    pub has_session: bool,
    /// Whether questions are let through, or the exchange is left alone for a while.
    pub is_asked: bool,
    /// How betting stands, where there is any.
    pub betting: Option<Betting>,
}

/// How betting stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Betting {
    /// Whether orders are let through, or the exchange is left alone for a while.
    pub is_open: bool,
    /// Whether the stream tells of every change of our bets.
    pub hears_orders: bool,
    /// Orders and cancels on their way.
    pub under_way: usize,
    /// New orders in the last hour.
    pub orders_in_hour: usize,
}

/// A task that ends when this is dropped.
#[derive(Debug)]
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection to the exchange that asks and listens. It ends when it is dropped; orders on their way do not.
pub struct Connection {
    plan: Plan,
    runtime: Handle,
    mouth: Mouth,
    tls: ClientConfig,
    session: Arc<Session>,
    requests: Requests,
    reads: Reads,
    wanted: watch::Sender<Wanted>,
    feed: watch::Receiver<Option<FeedState>>,
    tasks: Mutex<Vec<Task>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// Begins to be connected: whatever is heard goes to `out`. Nothing is asked before [`Connection::watch`].
///
/// # Errors
/// If certificates or the system do not allow it.
pub fn connect(
    plan: Plan,
    runtime: &Handle,
    out: Sender<Heard>,
) -> Result<Connection, ConnectError> {
    let settings = &plan.settings;
    let Tls {
        plain: tls,
        certified,
    } = Tls::new(&settings.root_certificates, &plan.secrets)?;
    let requests = Requests::default();
    let certified = certified.map(|tls| plan.wire(tls, &requests)).transpose()?;
    let wire = plan.wire(tls.clone(), &requests)?;
    let session = Arc::new(Session::new(&plan, wire, certified));
    let reads = Reads::new(
        plan.wire(tls.clone(), &requests)?,
        Arc::clone(&session),
        &settings.api_url,
        seconds(settings.read_timeout_seconds),
    );
    let mouth = Mouth {
        out,
        clock: plan.clock,
    };
    let (wanted, to_hear) = watch::channel(Wanted::default());
    let (state, feed) = watch::channel(None);
    let stream = Stream {
        tls: settings
            .stream_tls
            .then(|| TlsConnector::from(Arc::new(tls.clone()))),
        settings: settings.clone(),
        session: Arc::clone(&session),
        mouth: mouth.clone(),
        wanted: to_hear,
        state,
    };
    let streaming = runtime.spawn(stream.run());
    let kept = runtime.spawn(keep_alive(
        Arc::clone(&session),
        requests.clone(),
        seconds(settings.keep_alive_seconds),
    ));
    let tasks = [streaming, kept].map(|task| Task(task.abort_handle()));
    Ok(Connection {
        runtime: runtime.clone(),
        mouth,
        tls,
        session,
        requests,
        reads,
        wanted,
        feed,
        tasks: Mutex::new(tasks.into()),
        plan,
    })
}

impl Plan {
    /// A pool of connections for one purpose.
    fn wire(&self, tls: ClientConfig, requests: &Requests) -> Result<Wire, ConnectError> {
        let patience = seconds(self.settings.connect_timeout_seconds);
        Wire::new(tls, self.breaker, patience, requests.clone(), self.clock)
            .map_err(ConnectError::System)
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

/// How soon the venue is asked again while our clocks do not agree.
const SKEWED: Duration = Duration::from_secs(60);

async fn keep_alive(session: Arc<Session>, requests: Requests, every: Duration) {
    loop {
        let wait = match requests.clock_skew_ms() {
            0 => every,
            _ => every.min(SKEWED),
        };
        tokio::time::sleep(wait).await;
        if let Err(error) = session.keep_alive().await {
            tracing::warn!(event = "betfair_not_kept_alive", "{error}");
        }
    }
}

impl Connection {
    /// Subscribes to these markets, in place of those before.
    pub fn watch(&self, filter: StreamFilter) {
        self.wanted.send_modify(|wanted| {
            wanted.filter = Some(filter);
            wanted.revision += 1;
        });
    }

    /// Asks the exchange.
    #[must_use]
    pub fn reads(&self) -> Reads {
        self.reads.clone()
    }

    /// Makes the one that takes orders, and subscribes to the account's bets. To be called once.
    ///
    /// # Errors
    /// If the exchange would not take the name of this life of the ledger, or the count of the hour cannot be read.
    pub fn trade(&self, identity: Identity, guard: Guard) -> Result<Betfair, ConnectError> {
        let fits = |epoch: &String| {
            (1..=15).contains(&epoch.len()) && epoch.bytes().all(|c| c.is_ascii_alphanumeric())
        };
        if !fits(&identity.epoch) {
            return Err(ConnectError::Epoch(identity.epoch));
        }
        let settings = &self.plan.settings;
        let now = self.mouth.now();
        let budget = budget::Budget::open(settings, &self.plan.folder, now, Instant::now());
        let budget = budget.map_err(|error| {
            let folder = self.plan.folder.display();
            ConnectError::System(format!(
                "{folder}: the count of the hour's orders cannot be kept there: {error}"
            ))
        })?;
        let (chores, todo) = mpsc::unbounded_channel();
        let trade = Arc::new(Trade {
            mouth: self.mouth.clone(),
            session: Arc::clone(&self.session),
            reads: self.reads.clone(),
            wire: self.plan.wire(self.tls.clone(), &self.requests)?,
            api_url: settings.api_url.trim_end_matches('/').to_owned(),
            order_timeout: seconds(settings.order_timeout_seconds),
            names: Names {
                epochs: std::iter::once(identity.epoch)
                    .chain(identity.earlier)
                    .collect(),
            },
            unfinished_since: identity.unfinished_since,
            guard,
            budget: Mutex::new(budget),
            bets: Mutex::default(),
            chores,
            hears_orders: AtomicBool::new(false),
            under_way: Arc::new(watch::Sender::new(0)),
        });
        let rhythm = clerk::Rhythm::new(settings);
        let settling = settling::Settling::after(&identity.settled, now);
        let clerk = self
            .runtime
            .spawn(clerk::run(Arc::clone(&trade), rhythm, settling, todo));
        let mut tasks = self
            .tasks
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        tasks.push(Task(clerk.abort_handle()));
        self.wanted
            .send_modify(|wanted| wanted.trade = Some(Arc::clone(&trade)));
        Ok(Betfair {
            trade,
            runtime: self.runtime.clone(),
        })
    }

    /// What the venue was asked so far: what, the answer's code, and how often.
    #[must_use]
    pub fn requests(&self) -> Vec<(AskedAndCode, u64)> {
        self.requests.all()
    }

    /// By how much our clock is ahead of the exchange's at least, in milliseconds; less than 0 if it is behind.
    #[must_use]
    pub fn clock_skew_ms(&self) -> i64 {
        self.requests.clock_skew_ms()
    }

    /// When the session ends if it is not kept alive.
    #[must_use]
    pub fn session_ends_at(&self) -> Option<TimeMs> {
        self.session.ends_at()
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let trade = self.wanted.borrow().trade.clone();
        Standing {
            feed: self.feed.borrow().clone(),
            has_session: self.session.token().is_some(),
            is_asked: self.reads.is_open(),
            betting: trade.map(|trade| Betting {
                is_open: trade.wire.is_open(),
                hears_orders: trade.hears_orders(),
                under_way: *trade.under_way.borrow(),
                orders_in_hour: trade.budget().in_hour(self.mouth.now()),
            }),
        }
    }

    /// Waits until no order is on its way, then lets go. The session is kept for the next start.
    pub async fn close(self) {
        let trade = self.wanted.borrow().trade.clone();
        if let Some(trade) = trade {
            let mut under_way = trade.under_way.subscribe();
            // Every order ends by itself, after its timeout at the latest.
            let _ = under_way.wait_for(|count| *count == 0).await;
        }
    }

    /// Ends the session at the exchange, so that the next start logs in anew.
    pub async fn log_out(&self) {
        self.session.log_out().await;
    }
}
