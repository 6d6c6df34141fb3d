//! What the engine's thread publishes for the HTTP side: a copy of its state, at most ten times a second, of which only
//! what changed is made anew.

mod limits;
mod losses;
mod pieces;
mod spans;
mod witness;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use super::status::Status;
use crate::alert::Alerts;
use crate::backtest::Playing;
use crate::config::{Config, Limits};
use crate::engine::{EFFORT_ENDS, Effort, FaultKind, Venue};
use crate::http::metrics::{Histogram, Metrics};
use crate::http::view::{Asked, Feed, Live, Risk, Trading, View};
use crate::ledger::{ClosingRow, Witness};
use crate::market::TimeMs;
use crate::risk::Approved;
use crate::telemetry::Telemetry;
use crate::venue::AskedAndCode;
use pieces::Markets;
pub(super) use pieces::doubted;
use spans::Spans;
use witness::{Settled, Witnessed};

/// Where what is gathered goes, besides what is shown.
pub(super) struct Outlets {
    pub(super) metrics: Metrics,
    pub(super) alerts: Alerts,
    pub(super) telemetry: Telemetry,
}

/// The engine's thread's side of what is published.
pub(super) struct Publisher {
    send: watch::Sender<Arc<View>>,
    witnessed: Arc<Mutex<Witnessed>>,
    metrics: Metrics,
    /// The limits in force.
    limits: Limits,
    markets: Markets,
    /// How much work calls were in the sessions that ended, and in the present one.
    effort_before: Effort,
    effort: Effort,
    wall_clock: fn() -> TimeMs,
}

impl Publisher {
    /// A publisher, and where what it publishes can be had.
    pub(super) fn new(
        config: &Config,
        status: &Status,
        outlets: Outlets,
        wall_clock: fn() -> TimeMs,
    ) -> (Self, watch::Receiver<Arc<View>>) {
        let (send, receive) = watch::channel(Arc::new(first(status, wall_clock)));
        let Outlets {
            metrics,
            alerts,
            telemetry,
        } = outlets;
        let mode = status.mode.as_str();
        let spans = Spans::new(telemetry, status.run, mode, wall_clock);
        let witnessed = Witnessed::new(metrics.clone(), alerts, spans);
        let publisher = Self {
            send,
            witnessed: Arc::new(Mutex::new(witnessed)),
            metrics,
            limits: Limits::of(config),
            markets: Markets::default(),
            effort_before: Effort::default(),
            effort: Effort::default(),
            wall_clock,
        };
        (publisher, receive)
    }

    /// Takes note of every batch of records, once it is durable.
    pub(super) fn witness(&self) -> Witness {
        let witnessed = Arc::clone(&self.witnessed);
        Box::new(move |records, took| lock(&witnessed).take(records, took))
    }

    /// A market change is about to be handled.
    pub(super) fn entered(&self, now: Instant) {
        self.witnessed().entered(now);
    }

    /// A session begins: its markets are others.
    pub(super) fn begin(&mut self) {
        self.markets = Markets::default();
        let effort = std::mem::take(&mut self.effort);
        self.effort_before.add(&effort);
    }

    /// These limits are in force from now on.
    pub(super) fn hold_to(&mut self, limits: &Limits) {
        self.limits = limits.clone();
    }

    /// A call of a strategy failed.
    pub(super) fn failed(&self, strategy: &str, kind: FaultKind) {
        self.metrics.failed(strategy, kind);
    }

    /// A version of a strategy took over.
    pub(super) fn accepted(&self) {
        self.metrics.offered(true);
    }

    /// What is in the folder is not fit to run.
    pub(super) fn refused(&self) {
        self.metrics.offered(false);
    }

    /// Publishes the state of a session.
    pub(super) fn publish<V: Venue<Approved>>(
        &mut self,
        session: &Playing<'_, V>,
        status: &Status,
    ) {
        let last = Arc::clone(&self.send.borrow());
        let mut witnessed = self.witnessed();
        let fresh = witnessed.fresh(&last);
        let refused = witnessed.refused();
        drop(witnessed);
        self.measure(session);
        let mut next = View {
            mode: status.mode.as_str(),
            live: same_live(&last.live, status),
            trading: Trading {
                state: status.trading.state.as_str(),
                reason: status.trading.reason.clone(),
            },
            feed: feed(&status.feed),
            strategies: same_or(
                &last.strategies,
                pieces::strategies(session, status, &refused),
            ),
            markets: self.markets.of(session.books(), &last.markets),
            orders: same_or(&last.orders, pieces::orders(session)),
            positions: same_or(&last.positions, pieces::positions(session)),
            risk: same(&last.risk, limits::used(&self.limits, session)),
            intents: fresh.intents,
            intents_seen: fresh.intents_seen,
            refusals: fresh.refusals,
            equity: fresh.equity,
            ..(*last).clone()
        };
        if is_same(&last, &next) {
            return;
        }
        next.generation += 1;
        next.published_at = (self.wall_clock)().to_string();
        self.send.send_replace(Arc::new(next));
    }

    /// What bets in markets that were settled since the last call were worth against the close. It is counted here.
    pub(super) fn closings<V: Venue<Approved>>(&self, session: &Playing<'_, V>) -> Vec<ClosingRow> {
        let settled = self.witnessed().settled_lately();
        let of = |settled: &Settled| {
            let settlement = (settled.version, settled.at);
            session.closings(&settled.strategy, &settled.market, settlement)
        };
        let closings: Vec<ClosingRow> = settled.iter().flat_map(of).collect();
        self.count_closings(&closings);
        closings
    }

    /// Counts what bets were worth against the close, and how near probabilities came.
    pub(super) fn count_closings(&self, closings: &[ClosingRow]) {
        let mut counts = self.metrics.counts();
        closings.iter().for_each(|row| counts.closed(row));
    }

    /// Counts the work of calls.
    fn measure<V: Venue<Approved>>(&mut self, session: &Playing<'_, V>) {
        self.effort = Effort::default();
        for slot in session.slots() {
            self.effort.add(&slot.effort);
        }
        let mut all = self.effort_before.clone();
        all.add(&self.effort);
        let mut counts = self.metrics.counts();
        counts.operations =
            Histogram::counted(&EFFORT_ENDS, &all.within, all.calls, all.operations);
    }

    fn witnessed(&self) -> MutexGuard<'_, Witnessed> {
        lock(&self.witnessed)
    }
}

fn lock(witnessed: &Mutex<Witnessed>) -> MutexGuard<'_, Witnessed> {
    // What a panic left of it is figures to look at, no more.
    witnessed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known before the first session.
fn first(status: &Status, wall_clock: fn() -> TimeMs) -> View {
    View {
        generation: 0,
        published_at: wall_clock().to_string(),
        run: status.run,
        currency: status.currency.to_string(),
        mode: status.mode.as_str(),
        live: None,
        trading: Trading {
            state: status.trading.state.as_str(),
            reason: status.trading.reason.clone(),
        },
        feed: Feed::default(),
        strategies: pieces::not_yet_called(status).into(),
        markets: Arc::new([]),
        orders: Arc::new([]),
        positions: Arc::new([]),
        risk: Arc::new(Risk::default()),
        intents: Arc::new([]),
        intents_seen: 0,
        refusals: Arc::new([]),
        equity: Arc::new([]),
    }
}

fn feed(status: &super::status::Feed) -> Feed {
    let live = status.live.as_ref();
    Feed {
        recording: status.recording.clone(),
        updates: status.updates,
        position: status.position.map(|at| at.to_string()),
        last_message: live.map_or(status.last_message, |live| Some(live.heard_at)),
        finished: status.finished,
        state: live.map(|live| live.state),
        reconnects: live.map_or(0, |live| live.reconnects),
        unreadable: live.map_or(0, |live| live.unreadable),
        gaps: live.map_or(0, |live| live.gaps),
        recorder_lag_seconds: live
            .and_then(|live| live.recorder.as_ref())
            .map(|recorder| recorder.lag().as_secs_f64()),
        session_ends_at_seconds: live
            .and_then(|live| live.session_ends_at)
            .map(|at| at.0 as f64 / 1_000.0),
        quota_remaining: live
            .and_then(|live| live.credits)
            .and_then(|credits| credits.remaining),
        requests: live
            .map(|live| live.requests.iter().map(asked).collect())
            .unwrap_or_default(),
    }
}

fn asked(((op, code), count): &(AskedAndCode, u64)) -> Asked {
    Asked {
        op,
        code: code.clone(),
        count: *count,
    }
}

/// How LIVE stands; the old word if the new one says the same.
fn same_live(old: &Option<Arc<Live>>, status: &Status) -> Option<Arc<Live>> {
    let live = status.live.as_ref()?;
    let new = Live {
        armed_until: live.armed_until.map(|at| at.to_string()),
        limits_ratio: live.limits_ratio.to_string(),
        barred: live.barred.clone(),
    };
    match old {
        Some(old) if **old == new => Some(Arc::clone(old)),
        _ => Some(Arc::new(new)),
    }
}

/// The old list if the new one says the same.
fn same_or<T: PartialEq>(old: &Arc<[T]>, new: Vec<T>) -> Arc<[T]> {
    match **old == *new {
        true => Arc::clone(old),
        false => new.into(),
    }
}

fn same<T: PartialEq>(old: &Arc<T>, new: T) -> Arc<T> {
    match **old == new {
        true => Arc::clone(old),
        false => Arc::new(new),
    }
}

/// Whether nothing changed. Lists that say the same are the same.
fn is_same(old: &View, new: &View) -> bool {
    old.mode == new.mode
        && old.live == new.live
        && old.trading == new.trading
        && old.feed == new.feed
        && Arc::ptr_eq(&old.strategies, &new.strategies)
        && Arc::ptr_eq(&old.markets, &new.markets)
        && Arc::ptr_eq(&old.orders, &new.orders)
        && Arc::ptr_eq(&old.positions, &new.positions)
        && Arc::ptr_eq(&old.risk, &new.risk)
        && old.intents_seen == new.intents_seen
        && Arc::ptr_eq(&old.refusals, &new.refusals)
        && Arc::ptr_eq(&old.equity, &new.equity)
}
