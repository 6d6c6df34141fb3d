//! A local look-alike of the Betfair exchange: real clients use it unchanged apart from the address.
//!
//! It plays recordings or made-up markets on one clock, takes bets over API-NG and tells of them on the stream; our
//! simulated exchange matches and settles them. It misbehaves on demand, and keeps a log of what really happened.
//!
//! One lock guards the [`world`]; [`http`] and [`stream`] ask it, the player feeds it. Nobody waits while holding it.

mod accounts;
mod actions;
mod api;
mod bets;
mod changes;
mod clock;
mod control;
mod faults;
mod feed;
mod http;
mod market_stream;
mod matches;
mod odds;
mod order_stream;
mod orders;
mod pinnacle;
mod shop_window;
mod show;
mod stream;
mod tamper;
mod tls;
mod wire;
mod world;

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use accounts::Credentials;
pub use faults::{Fault, Kind as FaultKind, read_faults};
pub use feed::Input;
pub use odds::{OddsPlan, serve_odds};
pub use pinnacle::{PinnaclePlan, serve_pinnacle};

use crate::config::Speed;
use crate::exchange::{Exchange, ExchangeSettings};
use crate::market::{Currency, MarketStatus, Money, TimeMs};
use accounts::Accounts;
use clock::{Clock, Due};
use faults::Faults;
use feed::Feed;
use world::World;

/// How often bets that wait are looked after while the market is quiet.
const TICK: Duration = Duration::from_millis(50);

/// What a look-alike is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it plays.
    pub inputs: Vec<Input>,
    /// How fast.
    pub speed: Speed,
    /// How long before a market's start the pace is kept; what comes earlier is hurried through.
    pub join: Option<Duration>,
    /// The longest silence that is kept; a longer one is leapt over.
    pub longest_quiet: Duration,
    /// Move all times so that the first message is at this one.
    pub begin: Option<TimeMs>,
    /// Whether the clock stands still until it is told to run.
    pub paused: bool,
    /// Where HTTP is served; port 0 lets the system choose.
    pub http: SocketAddr,
    /// Where the stream is served.
    pub stream: SocketAddr,
    /// Whether the stream is without TLS.
    pub plain: bool,
    /// Where the certificate of the stream is written, for clients that check it.
    pub certificate: Option<PathBuf>,
    /// Who may log in.
    pub credentials: Credentials,
    /// What each account begins with.
    pub bankroll: Money,
    /// The money.
    pub currency: Currency,
    /// How bets are matched. Its latencies are not used: the network's are real.
    pub exchange: ExchangeSettings,
    /// What goes wrong from the start.
    pub faults: Vec<Fault>,
    /// From which the chances of faults are drawn.
    pub seed: u64,
    /// Where the truth is logged.
    pub truth: Option<PathBuf>,
    /// Gives the wall clock, to stamp that log.
    pub wall_clock: fn() -> TimeMs,
    /// Whether clients are told the wall clock's time instead of the recording's.
    pub tells_wall_clock: bool,
}

/// Where a look-alike listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// HTTP.
    pub http: SocketAddr,
    /// The stream.
    pub stream: SocketAddr,
}

/// Why a look-alike cannot run.
#[derive(Debug, thiserror::Error)]
pub enum LookalikeError {
    /// A recording cannot be played.
    #[error("{0}")]
    Feed(String),
    /// An address is not of this machine.
    #[error(
        "{0}: the look-alike takes anybody's bets, so it listens on this machine alone: use 127.0.0.1 or [::1]"
    )]
    NotLocal(SocketAddr),
    /// An address cannot be had.
    #[error("cannot listen on {0}: {1}. Name another address; port 0 lets the system choose one")]
    Bind(SocketAddr, io::Error),
    /// The log of the truth, or the certificate, cannot be written.
    #[error("{}: cannot write it: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("no certificate for the stream could be made: {0}")]
    Certificate(String),
    /// The system refused something.
    #[error("cannot {0}: {1}")]
    System(&'static str, io::Error),
}

/// What all parts share.
#[derive(Debug)]
struct Hub {
    world: Mutex<World>,
    /// Wakes the player: the clock was changed.
    wake: Condvar,
    currency: Currency,
}

impl Hub {
    fn world(&self) -> MutexGuard<'_, World> {
        // A handler that failed has left at worst an answer unsaid.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until `until` is done. `ready` hears the addresses once clients can come.
///
/// # Errors
/// If it cannot start.
pub async fn serve(
    plan: Plan,
    ready: impl FnOnce(Addresses),
    until: impl Future<Output = ()>,
) -> Result<(), LookalikeError> {
    for address in [plan.http, plan.stream] {
        if !address.ip().is_loopback() {
            return Err(LookalikeError::NotLocal(address));
        }
    }
    let feed = Feed::open(plan.inputs, plan.begin).map_err(LookalikeError::Feed)?;
    let truth = match &plan.truth {
        Some(path) => {
            let opened = File::create(path);
            let path = path.clone();
            Some(opened.map_err(|source| LookalikeError::File { path, source })?)
        }
        None => None,
    };
    let settings = ExchangeSettings {
        place_latency_ms: 0,
        cancel_latency_ms: 0,
        update_latency_ms: 0,
        replace_latency_ms: 0,
        latency_jitter_ms: 0,
        ..plan.exchange
    };
    let world = World::new(
        Clock::new(plan.speed, plan.longest_quiet, !plan.paused),
        Exchange::new(settings),
        Accounts::new(plan.credentials, plan.bankroll),
        Faults::new(plan.faults, plan.seed),
        truth,
        plan.wall_clock,
        plan.tells_wall_clock,
    );
    let hub = Arc::new(Hub {
        world: Mutex::new(world),
        wake: Condvar::new(),
        currency: plan.currency,
    });
    let http = listen(plan.http).await?;
    let stream = listen(plan.stream).await?;
    let local = |listener: &tokio::net::TcpListener| {
        let address = listener.local_addr();
        address.map_err(|error| LookalikeError::System("tell its address", error))
    };
    let addresses = Addresses {
        http: local(&http)?,
        stream: local(&stream)?,
    };
    let acceptor = match plan.plain {
        true => None,
        false => Some(tls::acceptor(plan.certificate.as_deref())?),
    };
    let player = Arc::clone(&hub);
    let (playing, started) = tokio::sync::oneshot::channel();
    thread::Builder::new()
        .name("player".to_owned())
        .spawn(move || play(feed, &player, plan.join, playing))
        .map_err(|error| LookalikeError::System("start its player", error))?;
    // Clients that come now find the first market.
    let _ = started.await;
    ready(addresses);
    tokio::select! {
        () = until => Ok(()),
        ended = http::serve(http, Arc::clone(&hub)) => {
            ended.map_err(|error| LookalikeError::System("serve HTTP", error))
        }
        () = stream::serve(stream, acceptor, hub) => Ok(()),
    }
}

async fn listen(address: SocketAddr) -> Result<tokio::net::TcpListener, LookalikeError> {
    let listener = tokio::net::TcpListener::bind(address).await;
    listener.map_err(|error| LookalikeError::Bind(address, error))
}

/// Plays the feed into the world. `playing` is told when the hurry to the first market is over.
fn play(
    mut feed: Feed,
    hub: &Hub,
    join: Option<Duration>,
    playing: tokio::sync::oneshot::Sender<()>,
) {
    let join = join.map(|join| i64::try_from(join.as_millis()).unwrap_or(i64::MAX));
    let mut playing = Some(playing);
    let mut world = hub.world();
    while let Some(next) = feed.due() {
        // The first message is played at once: without it there is no market to look at.
        let begins = world.books.iter().next().is_none();
        let hurried = begins || join.is_some_and(|join| !is_near(&world, next, join));
        if !hurried && let Some(playing) = playing.take() {
            let _ = playing.send(());
        }
        match world.clock.due(next, hurried, Instant::now()) {
            Due::Now => {
                drop(world);
                let played = feed.take();
                while let Some(problem) = feed.problem() {
                    tracing::error!("{problem}");
                }
                world = hub.world();
                if let Some(played) = played {
                    world.play(played, hurried);
                }
            }
            Due::In(wait) => world = rest(hub, world, wait),
            Due::Never => world = rest(hub, world, TICK),
        }
    }
    world.has_ended = true;
    world.clock.step(0);
    world.notify();
    // Bets in markets that the recording leaves open still wait, and clients may go on looking.
    loop {
        world = rest(hub, world, TICK);
    }
}

/// Waits, at most a tick, and looks after bets that wait.
fn rest<'h>(hub: &'h Hub, world: MutexGuard<'h, World>, wait: Duration) -> MutexGuard<'h, World> {
    let waited = hub.wake.wait_timeout(world, wait.min(TICK));
    let (mut world, _) = waited.unwrap_or_else(PoisonError::into_inner);
    world.tick();
    world
}

/// Whether a market that is not closed starts within `join` milliseconds, or has started; or one has closed not longer
/// ago, for it may be opened again.
fn is_near(world: &World, now: TimeMs, join: i64) -> bool {
    let has_just_closed = world.closed_at.is_some_and(|at| now - at <= join);
    has_just_closed
        || world.books.iter().any(|market| {
            let start = market.definition.market_time.0;
            market.status() != MarketStatus::Closed && now.0 >= start.saturating_sub(join)
        })
}
