//! What the engine thread publishes of itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::shelf::Finding;
use super::switch::Position;
use crate::alert::Tally;
use crate::engine::{Differences, Fence, Standing as Called, Unready};
use crate::market::{Currency, Mode, Money, Ratio, TimeMs};
use crate::source::RecorderHealth;
use crate::venue::AskedAndCode;
use crate::venue::odds_api::Credits;

/// An engine that gives no sign of life for this long is stuck.
pub(super) const STUCK: Duration = Duration::from_secs(5);

/// What is known of a run at one moment.
#[derive(Clone, Debug)]
pub(super) struct Status {
    /// The run's number in the ledger.
    pub(super) run: i64,
    pub(super) currency: Currency,
    pub(super) kill_file: PathBuf,
    /// When the engine last gave a sign of life.
    pub(super) alive_at: Instant,
    pub(super) feed: Feed,
    pub(super) mode: Mode,
    /// What there is to say of LIVE, where it is.
    pub(super) live: Option<LiveStatus>,
    /// Whether betting is on.
    pub(super) trading: Position,
    /// Whether nobody can say where the kill switch stands.
    pub(super) is_unreadable: bool,
    /// How we stand with the venue.
    pub(super) venue: VenueStatus,
    /// What became of alerts in each channel.
    pub(super) alerts: Vec<(&'static str, Tally)>,
    /// Certificates by what they are for, and when they end.
    pub(super) certificates: Vec<(&'static str, TimeMs)>,
    pub(super) strategies: Vec<StrategyStatus>,
    pub(super) settings: SettingsStatus,
    /// What the state of the machine forbids, and why.
    pub(super) fences: BTreeMap<Fence, String>,
}

/// How we stand with the venue.
#[derive(Clone, Debug, Default)]
pub(super) struct VenueStatus {
    /// Why it takes no orders of us.
    pub(super) unready: Option<Unready>,
    /// Orders of which nobody can say whether it has them.
    pub(super) doubted: Vec<String>,
    /// Bets that it has and the ledger does not explain.
    pub(super) unexplained: usize,
}

/// How the settings stand.
#[derive(Clone, Debug, Default)]
pub(super) struct SettingsStatus {
    /// Hash of what the files say.
    pub(super) hash: String,
    /// Why the files cannot be used.
    pub(super) trouble: Option<String>,
    /// Whether looser limits wait for a person.
    pub(super) is_waiting: bool,
    /// Keys that have changed and wait for the next start.
    pub(super) restart: Vec<String>,
}

/// How LIVE stands.
#[derive(Clone, Debug, Default)]
pub(super) struct LiveStatus {
    /// When the arming token runs out; `None` if it has.
    pub(super) armed_until: Option<TimeMs>,
    /// The part of the configured limits that holds.
    pub(super) limits_ratio: Ratio,
    /// Strategies that may place no orders.
    pub(super) barred: Vec<String>,
}

/// What is played.
#[derive(Clone, Debug, Default)]
pub(super) struct Feed {
    pub(super) recording: Option<String>,
    /// Market changes handled in the run.
    pub(super) updates: u64,
    /// Recorded time of the last message.
    pub(super) position: Option<TimeMs>,
    pub(super) last_message: Option<Instant>,
    pub(super) finished: bool,
    /// What there is to say of a live one.
    pub(super) live: Option<LiveFeed>,
}

/// How a live feed is.
#[derive(Clone, Debug)]
pub(super) struct LiveFeed {
    /// `connecting`, `live`, `stale` or `down`.
    pub(super) state: &'static str,
    /// Why nothing may be bet upon it.
    pub(super) doubt: Option<String>,
    /// The age at which it fails while orders are open.
    pub(super) fail_after: Duration,
    /// When it was heard last, heartbeats included.
    pub(super) heard_at: Instant,
    pub(super) reconnects: u64,
    /// By how much our clock is ahead of the venue's.
    pub(super) clock_skew_ms: i64,
    pub(super) lines: u64,
    /// Lines that could not be read.
    pub(super) unreadable: u64,
    /// Lines that told of several changes as one.
    pub(super) conflated: u64,
    /// How often it could not be relied on after it was live.
    pub(super) gaps: u64,
    /// When the venue ends the session, if there is one that ends.
    pub(super) session_ends_at: Option<TimeMs>,
    /// What the venue was asked: what, the answer's code, and how often.
    pub(super) requests: Vec<(AskedAndCode, u64)>,
    pub(super) recorder: Option<RecorderHealth>,
    /// What the feed has cost and may cost, if it costs anything.
    pub(super) credits: Option<Credits>,
}

/// One strategy. Figures are of the whole run.
#[derive(Clone, Debug, Default)]
pub(super) struct StrategyStatus {
    pub(super) name: String,
    /// The version that runs; `None` if none ever did.
    pub(super) hash: Option<String>,
    pub(super) quarantined: bool,
    /// Why what is in the folder is not what runs.
    pub(super) trouble: Option<String>,
    /// The last failed call of this version.
    pub(super) last_error: Option<String>,
    pub(super) bets: u64,
    pub(super) open_orders: usize,
    pub(super) net: Money,
    /// The next version, being watched or watched last.
    pub(super) shadow: Option<ShadowStatus>,
}

/// The next version of a strategy beside the present one.
#[derive(Clone, Debug)]
pub(super) struct ShadowStatus {
    pub(super) hash: String,
    /// For how many updates it is watched.
    pub(super) of: u32,
    pub(super) is_over: bool,
    pub(super) found: Differences,
}

impl StrategyStatus {
    /// What is in the folder is not what runs, because of this.
    pub(super) fn blame(&mut self, wrong: &Finding) {
        let summary = wrong.summary();
        if matches!(wrong, Finding::Bad { .. }) {
            self.last_error = Some(summary.clone());
        }
        self.trouble = Some(summary);
    }

    /// running, quarantined or not_loaded.
    pub(super) fn standing(&self) -> &'static str {
        match (&self.hash, self.quarantined) {
            (None, _) => "not_loaded",
            (Some(_), true) => "quarantined",
            (Some(_), false) => "running",
        }
    }

    pub(super) fn is_quarantined(standing: Called) -> bool {
        standing == Called::Quarantined
    }
}

/// Where the status hangs for all to read. Held only to copy.
#[derive(Clone, Debug)]
pub(super) struct Board(Arc<Mutex<Status>>);

impl Board {
    pub(super) fn new(status: Status) -> Self {
        Self(Arc::new(Mutex::new(status)))
    }

    pub(super) fn read(&self) -> Status {
        self.lock().clone()
    }

    pub(super) fn publish(&self, status: Status) {
        *self.lock() = status;
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        // A status is replaced as a whole, so one left by a panic is whole too.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
