//! What the engine thread publishes of itself, and the health document made of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::shelf::Finding;
use super::switch::Position;
use crate::engine::{Differences, Fence, Standing as Called, TradingState};
use crate::http::{Check, Health, Standing};
use crate::ledger::HealthReport;
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
    pub(super) strategies: Vec<StrategyStatus>,
    pub(super) settings: SettingsStatus,
    /// What the state of the machine forbids, and why.
    pub(super) fences: BTreeMap<Fence, String>,
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

/// The health document of a moment; `time` is the wall clock's for it.
pub(super) fn health(status: &Status, ledger: &HealthReport, now: Instant, time: TimeMs) -> Health {
    let time = time.to_string();
    let quiet_for = now.saturating_duration_since(status.alive_at);
    let is_alive = quiet_for < STUCK;
    let mut health = Health {
        version: env!("CARGO_PKG_VERSION"),
        service_id: "bea",
        mode: status.mode.as_str(),
        notes: vec![notes_on(status.mode).to_owned()],
        is_alive,
        ..Health::default()
    };
    let mut add = |part, id: &str, (status, output), figures| {
        let check = Check {
            component_id: id.to_owned(),
            status,
            time: time.clone(),
            output,
            figures,
        };
        health.add(part, check);
    };
    let stuck = || {
        let seconds = quiet_for.as_secs();
        format!("the engine has given no sign of life for {seconds} s")
    };
    add(
        "engine",
        "engine",
        fails_if(!is_alive, stuck),
        figures(json!({ "observedValue": quiet_for.as_secs_f64(), "observedUnit": "s" })),
    );
    add(
        "feed",
        status.feed.recording.as_deref().unwrap_or("-"),
        feed_standing(status, now),
        feed_figures(&status.feed, now),
    );
    if let Some(recorder) = status
        .feed
        .live
        .as_ref()
        .and_then(|live| live.recorder.as_ref())
    {
        add(
            "recorder",
            "recorder",
            recorder_standing(recorder),
            recorder_figures(recorder),
        );
    }
    for strategy in &status.strategies {
        add(
            "strategies",
            &strategy.name,
            strategy_standing(strategy),
            strategy_figures(strategy, status.currency),
        );
    }
    add(
        "settings",
        "settings",
        settings_standing(&status.settings),
        figures(json!({
            "hash": status.settings.hash,
            "waiting": status.settings.is_waiting,
            "restart": status.settings.restart,
        })),
    );
    for (fence, why) in &status.fences {
        let why = Some(format!("no orders are placed: {why}"));
        add("fences", fence.as_str(), (Standing::Warn, why), Map::new());
    }
    let broken = ledger.error.clone();
    add(
        "ledger",
        "ledger",
        fails_if(broken.is_some(), || broken.unwrap_or_default()),
        figures(json!({
            "run": status.run,
            "batches": ledger.batches,
            "records": ledger.records,
            "last_commit_micros": ledger.last_commit_micros,
        })),
    );
    let live = status.live.as_ref();
    for name in live.iter().flat_map(|live| &live.barred) {
        let why = "nobody approved this version for LIVE: it places no orders".to_owned();
        add("approved", name, (Standing::Warn, Some(why)), Map::new());
    }
    let Position { state, reason } = &status.trading;
    let halt = match state {
        TradingState::Active => (Standing::Pass, None),
        TradingState::Halted => (Standing::Warn, Some(format!("betting is halted: {reason}"))),
        TradingState::Paused => (Standing::Warn, Some(format!("betting is paused: {reason}"))),
        TradingState::Reduce => (
            Standing::Warn,
            Some(format!("only what lowers the risk may be bet: {reason}")),
        ),
    };
    add(
        "mode",
        "mode",
        halt,
        figures(json!({
            "mode": status.mode.as_str(),
            "armed_until": live.and_then(|live| live.armed_until).map(|at| at.to_string()),
            "limits_ratio": live.map(|live| live.limits_ratio),
            "halted": *state == TradingState::Halted,
            "trading": state.as_str(),
            "kill_file": status.kill_file,
        })),
    );
    let doubted = status
        .feed
        .live
        .as_ref()
        .is_some_and(|live| live.doubt.is_some());
    let playing = status.feed.recording.is_some() && !status.feed.finished && !doubted;
    health.is_ready = playing && health.status != Standing::Fail;
    health
}

fn settings_standing(settings: &SettingsStatus) -> (Standing, Option<String>) {
    let output = match settings {
        SettingsStatus {
            trouble: Some(trouble),
            ..
        } => {
            format!("the changed files are refused, and what was in force stays: {trouble}")
        }
        SettingsStatus {
            is_waiting: true, ..
        } => "looser limits wait: bea config apply confirms them".to_owned(),
        SettingsStatus { restart, .. } if !restart.is_empty() => {
            format!("these wait for the next start: {}", restart.join(", "))
        }
        _ => return (Standing::Pass, None),
    };
    (Standing::Warn, Some(output))
}

/// What goes with a mode.
pub(super) const fn notes_on(mode: Mode) -> &'static str {
    match mode {
        Mode::DryRun => "DRY_RUN: bets go to the simulated exchange, no money moves",
        Mode::Live => "LIVE: bets go to the venue and cost money",
    }
}

fn fails_if(wrong: bool, why: impl FnOnce() -> String) -> (Standing, Option<String>) {
    if wrong {
        (Standing::Fail, Some(why()))
    } else {
        (Standing::Pass, None)
    }
}

/// A live feed that may not be bet upon needs a look; with orders open it fails once it has been silent for too long.
fn feed_standing(status: &Status, now: Instant) -> (Standing, Option<String>) {
    let Some((live, doubt)) = status
        .feed
        .live
        .as_ref()
        .and_then(|live| Some((live, live.doubt.clone()?)))
    else {
        return (Standing::Pass, None);
    };
    let open: usize = status.strategies.iter().map(|s| s.open_orders).sum();
    let age = now.saturating_duration_since(live.heard_at);
    if open > 0 && age >= live.fail_after {
        let why = format!("{doubt}, with {open} open orders");
        return (Standing::Fail, Some(why));
    }
    (Standing::Warn, Some(doubt))
}

fn recorder_standing(recorder: &RecorderHealth) -> (Standing, Option<String>) {
    match (recorder.trouble(), recorder.lost()) {
        (Some(trouble), _) => (Standing::Warn, Some(trouble)),
        (None, 0) => (Standing::Pass, None),
        (None, lost) => (
            Standing::Warn,
            Some(format!("{lost} lines of the feed are not in the recording")),
        ),
    }
}

fn recorder_figures(recorder: &RecorderHealth) -> Map<String, Value> {
    figures(json!({
        "lines": recorder.lines(),
        "lost": recorder.lost(),
        "bytes": recorder.bytes(),
        "dropped_parts": recorder.dropped_parts(),
    }))
}

/// Credits left, what will be left at the reset if all goes on like this, and how much slower than wished it goes.
fn credit_figures(credits: &Credits) -> Value {
    json!({
        "remaining": credits.remaining,
        "used": credits.used,
        "last": credits.last,
        "floor": credits.floor,
        "forecast": credits.forecast,
        "stretch": credits.stretch,
        "resets_at": credits.resets_at.to_string(),
    })
}

fn feed_figures(feed: &Feed, now: Instant) -> Map<String, Value> {
    let age = feed
        .last_message
        .map(|at| now.saturating_duration_since(at).as_secs_f64());
    let mut all = figures(json!({
        "recording": feed.recording,
        "updates": feed.updates,
        "seconds_since_last_message": age,
        "position": feed.position.map(|at| at.to_string()),
        "finished": feed.finished,
    }));
    if let Some(live) = &feed.live {
        all.extend(figures(json!({
            "state": live.state,
            "age_seconds": now.saturating_duration_since(live.heard_at).as_secs_f64(),
            "reconnects": live.reconnects,
            "lines": live.lines,
            "unreadable_lines": live.unreadable,
            "conflated_lines": live.conflated,
        })));
        if let Some(credits) = &live.credits {
            all.insert("credits".to_owned(), credit_figures(credits));
        }
    }
    all
}

fn strategy_standing(strategy: &StrategyStatus) -> (Standing, Option<String>) {
    let last_error = strategy.last_error.as_deref();
    match &strategy.trouble {
        Some(trouble) => (Standing::Warn, Some(trouble.clone())),
        None if strategy.quarantined => (
            Standing::Warn,
            Some(format!(
                "stopped after failing three times in a row; save a mended version: {}",
                last_error.unwrap_or_default()
            )),
        ),
        None => (Standing::Pass, None),
    }
}

fn strategy_figures(strategy: &StrategyStatus, currency: Currency) -> Map<String, Value> {
    figures(json!({
        "hash": strategy.hash,
        "standing": strategy.standing(),
        "last_error": strategy.last_error,
        "bets": strategy.bets,
        "open_orders": strategy.open_orders,
        "profit_net": strategy.net.to_string(),
        "currency": currency,
        "shadow": strategy.shadow.as_ref().map(|shadow| json!({
            "hash": shadow.hash,
            "of": shadow.of,
            "over": shadow.is_over,
            "found": shadow.found,
        })),
    }))
}

fn figures(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(state: TradingState) -> Position {
        Position {
            state,
            reason: "the file is there".to_owned(),
        }
    }

    fn status() -> Status {
        Status {
            run: 1,
            currency: Currency::GBP,
            kill_file: "KILL".into(),
            alive_at: Instant::now(),
            feed: Feed {
                recording: Some("1.1".to_owned()),
                ..Feed::default()
            },
            mode: Mode::DryRun,
            live: None,
            trading: on(TradingState::Active),
            strategies: vec![StrategyStatus {
                name: "fav".to_owned(),
                hash: Some("3f2a".to_owned()),
                ..StrategyStatus::default()
            }],
            settings: SettingsStatus::default(),
            fences: BTreeMap::new(),
        }
    }

    fn ledger() -> HealthReport {
        HealthReport {
            error: None,
            batches: 0,
            records: 0,
            last_commit_micros: 0,
        }
    }

    fn of(change: impl FnOnce(&mut Status, &mut HealthReport)) -> Health {
        let (mut status, mut ledger) = (status(), ledger());
        change(&mut status, &mut ledger);
        health(&status, &ledger, Instant::now(), TimeMs(0))
    }

    #[test]
    fn a_run_that_is_well_passes() {
        let health = of(|_, _| {});
        assert_eq!(health.status, Standing::Pass);
        assert!(health.is_alive && health.is_ready);
        let document = serde_json::to_value(&health).unwrap();
        assert_eq!(document["checks"]["strategies"][0]["standing"], "running");
        assert_eq!(document["checks"]["strategies"][0]["profit_net"], "0.00");
        assert_eq!(document["serviceId"], "bea");
        assert!(document.get("is_alive").is_none());
    }

    #[test]
    fn what_needs_a_look_warns() {
        let kept =
            of(|status, _| status.strategies[0].trouble = Some("fav.rhai:1:2: x".to_owned()));
        assert_eq!(kept.status, Standing::Warn);
        assert!(kept.notes.contains(&"fav: fav.rhai:1:2: x".to_owned()));
        let stopped = of(|status, _| status.strategies[0].quarantined = true);
        assert_eq!(stopped.status, Standing::Warn);
        let halted = of(|status, _| status.trading = on(TradingState::Halted));
        assert_eq!(halted.status, Standing::Warn);
        assert!(halted.is_ready, "halting is obeyed, not broken");
    }

    #[test]
    fn a_broken_ledger_and_a_stuck_engine_fail() {
        let broken = of(|_, ledger| ledger.error = Some("disk full".to_owned()));
        assert_eq!(broken.status, Standing::Fail);
        assert!(broken.is_alive && !broken.is_ready);
        let status = status();
        let stuck = health(&status, &ledger(), status.alive_at + STUCK, TimeMs(0));
        assert_eq!(stuck.status, Standing::Fail);
        assert!(!stuck.is_alive);
    }

    #[test]
    fn a_run_that_has_not_begun_or_is_over_is_not_ready() {
        assert!(!of(|status, _| status.feed.recording = None).is_ready);
        assert!(!of(|status, _| status.feed.finished = true).is_ready);
    }
}
