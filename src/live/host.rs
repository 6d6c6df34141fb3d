//! Puts the host together: threads, signals, feeds, the health server, the ledger's run.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::alerting::{self, Alerting};
use super::conductor::{Conductor, Shared, Told};
use super::door::{self, Admitted, Checks, Doorkeeper};
use super::failure::HostError;
use super::first_look::{FirstLook, first_look};
use super::follow::{follow, follow_odds, follow_pinnacle};
use super::health::{health, notes_on};
use super::log::Voice;
use super::memory::Keeper;
use super::published::{Outlets, Publisher};
use super::pulse::Pulse;
use super::shelf::{Ears, Heard, Shelf};
use super::signals::{self, Signals};
use super::status::{Board, Feed, SettingsStatus, Status, StrategyStatus, VenueStatus};
use super::switch::{Position, Switch};
use super::watchdog::Watchdog;
use crate::backtest::{self, Memory, Report, RunError, Setup};
use crate::config::{self, Config, FeedKind, Loaded, Origin, Severity};
use crate::engine::TradingState;
use crate::http::metrics::Metrics;
use crate::http::{Ask, Operate, Reload, Server, Service};
use crate::ledger::{Ledger, Outcome, RunInfo, RunWriter, StateRow};
use crate::logging;
use crate::market::{Mode, Ratio, TimeMs};
use crate::strategy::{SCRIPT_STACK, Script};
use crate::telemetry::Telemetry;

/// How long connections to the health server may keep the process after the run.
const FAREWELL: Duration = Duration::from_millis(200);
/// How long the end of a host waits for the collector to take the last spans.
const LAST_SPANS: Duration = Duration::from_secs(2);
/// What the feed of Betfair is called in the ledger.
pub(super) const BETFAIR: &str = "betfair";
/// What the feed of The Odds API is called in the ledger.
pub(super) const ODDS_API: &str = "odds-api";
/// What the feed of Pinnacle is called in the ledger.
pub(super) const PINNACLE: &str = "pinnacle";

/// What a host runs.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The settings: speed, strategies, kill file, health server.
    pub settings: &'a Loaded,
    /// What every session starts from.
    pub setup: &'a Setup,
    /// The recordings, played one after the other.
    pub files: &'a [PathBuf],
    /// How long before a market's start recorded time is kept; what comes earlier is played at full speed.
    pub join: Option<Duration>,
    /// How the operator is spoken to.
    pub voice: Voice,
    /// Gives the wall clock, to stamp the run's end and what health finds.
    pub wall_clock: fn() -> TimeMs,
}

impl Plan<'_> {
    pub(super) fn config(&self) -> &Config {
        &self.settings.config
    }

    /// Where the host keeps what is its own: beside the ledger.
    pub(super) fn folder(&self) -> PathBuf {
        let folder = self.config().ledger.path.parent().map(Path::to_owned);
        folder.unwrap_or_default()
    }
}

/// A host that has ended.
#[derive(Debug)]
pub struct Ended {
    /// What came of it.
    pub report: Report,
    /// It was LIVE until the mode was edited: it is to go on in the mode that the settings have now.
    pub left_live: bool,
}

/// Runs until the recordings end, SIGINT or SIGTERM comes, or the mode is not LIVE any more. The report then says that it
/// was interrupted. A second signal ends the process at once with exit code 130.
///
/// # Errors
/// If it cannot start, or the ledger fails.
pub fn run(plan: &Plan<'_>, ledger: Ledger, info: RunInfo) -> Result<Ended, HostError> {
    let runtime = runtime().map_err(|error| HostError::System("start its runtime", error))?;
    let (signals, halts, hangups) = {
        let _within = runtime.enter();
        let hear = || {
            Ok((
                Signals::hear()?,
                signals::Each::halt()?,
                signals::Each::hangup()?,
            ))
        };
        hear().map_err(|error| HostError::System("hear signals", error))?
    };
    let config = plan.config();
    let switch = Switch::new(&config.kill.file);
    switch
        .prepare()
        .map_err(|error| HostError::System("make the folder of the kill file", error))?;
    let states = match config.run.keep_state {
        true => Some(ledger.reader()?.states()?),
        false => None,
    };
    let setup = Setup {
        memory: states.as_ref().map(|states| remembered(states)),
        ..plan.setup.clone()
    };
    let first = first_look(plan, setup.memory.as_ref())?;
    let admitted = match config.mode {
        Mode::DryRun => None,
        Mode::Live => Some(admit(plan, &ledger, &first, &runtime)?),
    };
    let setup = match &admitted {
        Some(admitted) => scaled(&setup, admitted.limits_ratio()),
        None => setup,
    };
    let server = match &config.http {
        http if http.enabled => Some(Server::bind(http)?),
        _ => None,
    };
    halt_after_deaths(plan, &ledger, &switch)?;
    let mut run = ledger.begin_run(info)?;
    logging::of_run(run.run(), config.mode.as_str());
    first.record(&mut run, plan.wall_clock)?;
    greet(plan, &ledger, &run, &first, server.as_ref());

    let status = first_status(plan, &run, &first);
    let board = Board::new(status.clone());
    let asked = ask(&board, &ledger, plan.wall_clock);
    let obey = alerting::obey(&board, &switch, &asked, plan.wall_clock);
    let alerting = Alerting::start(plan.settings, runtime.handle(), obey, plan.wall_clock)?;
    let trading = &status.trading;
    if trading.state != TradingState::Active {
        let code = trading.state.as_str();
        alerting
            .alerts
            .raise(trading.severity(), code, &trading.reason);
    }
    for death in ledger.deaths() {
        alerting
            .alerts
            .raise(Severity::Critical, "HOST_DIED", death);
    }
    let (metrics, alerts) = (Metrics::default(), alerting.alerts.clone());
    let telemetry = Telemetry::start(&config.telemetry, runtime.handle())?;
    let outlets = Outlets {
        metrics: metrics.clone(),
        alerts: alerts.clone(),
        telemetry: telemetry.clone(),
    };
    let (publisher, view) = Publisher::new(config, &status, outlets, plan.wall_clock);
    run.watched_by(publisher.witness());
    let (shelf_ears, touch) = Ears::new();
    let serving = match server {
        Some(server) => Some(server.serve(Service {
            settings: config.http.clone(),
            health: asked,
            view,
            alerts: alerts.clone(),
            telemetry: telemetry.clone(),
            metrics,
            operate: operate(&switch, plan),
            reload: reload(&touch),
            ledger: ledger.path().to_owned(),
        })?),
        None => None,
    };
    let (tell, ears) = channel();
    runtime.spawn(obey_hangups(hangups, tell.clone()));
    runtime.spawn(obey_halts(halts, operate(&switch, plan)));
    runtime.spawn(obey_signals(signals, tell.clone(), plan.voice));
    let keeper = Keeper::new(&ledger, run.run(), plan.wall_clock, states.as_deref());
    let FirstLook { shelf, good, .. } = first;
    let pulse = Pulse::new(Duration::from_millis(config.feed.max_lag_ms.into()));
    let watchdog = Watchdog::start(board.clone(), pulse.clone(), plan.voice, alerts)
        .map_err(|error| HostError::System("start a thread", error))?;
    let shared = Shared {
        board,
        publisher,
        switch,
        alerting: alerting.clone(),
        pulse,
    };
    let conductor = Conductor::new(plan, &ledger, keeper, ears, shared, good);
    let helpers = Helpers {
        runtime: &runtime,
        voice: plan.voice,
        shelf,
        shelf_ears,
        touch,
        tell,
    };
    let door = admitted.map(|admitted| {
        let switch = conductor.switch.clone();
        let door = Doorkeeper::new(&admitted, &config.live, switch, plan.wall_clock);
        (admitted, door)
    });
    let result = match config.run.feed {
        FeedKind::Recordings => play(plan, &setup, helpers, conductor, &mut run),
        FeedKind::Betfair => follow(plan, &setup, helpers, conductor, &mut run, door.as_ref()),
        FeedKind::OddsApi => follow_odds(plan, &setup, helpers, conductor, &mut run),
        FeedKind::Pinnacle => {
            follow_pinnacle(plan, &setup, helpers, conductor, &mut run, door.as_ref())
        }
    };
    drop(watchdog);
    drop(serving);
    let result = conclude(plan, ledger, run, result);
    if let Err(error) = &result {
        alerting
            .alerts
            .raise(Severity::Critical, "HOST_FAILED", error);
    }
    alerting.close();
    runtime.block_on(telemetry.flush(LAST_SPANS));
    runtime.shutdown_timeout(FAREWELL);
    Ok(Ended {
        report: result?,
        left_live: door.is_some_and(|(_, door)| door.has_left()),
    })
}

/// Two threads: for signals and whatever waits.
fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("host")
        .enable_all()
        .build()
}

/// The same with a part of its limits.
fn scaled(setup: &Setup, part: Ratio) -> Setup {
    let mut setup = setup.clone();
    setup.limits = setup.limits.scaled(part);
    for means in setup.own.values_mut() {
        means.limits = means.limits.scaled(part);
    }
    setup
}

/// What strategies remember, as the ledger has it.
fn remembered(states: &[StateRow]) -> Memory {
    Memory::new(
        states
            .iter()
            .map(|row| (row.strategy.clone(), row.state.clone())),
    )
}

pub(super) fn on_script_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, HostError> {
    thread::scope(|scope| {
        script_thread("check")
            .spawn_scoped(scope, work)
            .map_err(|error| HostError::System("start a thread", error))?
            .join()
            .map_err(|_| HostError::Engine)
    })
}

fn script_thread(name: &str) -> thread::Builder {
    thread::Builder::new()
        .name(name.to_owned())
        .stack_size(SCRIPT_STACK)
}

fn greet(
    plan: &Plan<'_>,
    ledger: &Ledger,
    run: &RunWriter,
    first: &FirstLook,
    server: Option<&Server>,
) {
    let voice = plan.voice;
    let version = env!("CARGO_PKG_VERSION");
    let config = plan.config();
    let hello = format!("bea {version}, mode {}", notes_on(config.mode));
    match config.mode {
        Mode::DryRun => voice.say(hello),
        // A quiet voice says this too.
        Mode::Live => voice.warn(hello),
    }
    match config.run.feed {
        FeedKind::Recordings => {
            let (count, speed) = (plan.files.len(), config.run.speed);
            let files = if count == 1 { "file" } else { "files" };
            voice.say(format_args!("feed: {count} {files}, speed {speed}"));
        }
        FeedKind::Betfair => {
            let address = &config.betfair.stream_address;
            voice.say(format_args!("feed: {BETFAIR}, {address}"));
        }
        FeedKind::OddsApi => {
            let address = &config.odds_api.url;
            voice.say(format_args!("feed: {ODDS_API}, {address}"));
        }
        FeedKind::Pinnacle => {
            let address = &config.pinnacle.url;
            voice.say(format_args!("feed: {PINNACLE}, {address}"));
        }
    }
    for script in &first.good {
        let (name, hash) = (script.name(), script.short_hash());
        voice.say(format_args!("strategy: {name} {hash}{}", origin_of(script)));
        for key in config.idle_limits(name) {
            voice.warn(format_args!("{key} changes nothing: [risk] is tighter"));
        }
    }
    for wrong in &first.wrong {
        let name = wrong.strategy();
        voice.warn(format_args!("{name} not loaded: {wrong}"));
    }
    let (path, number) = (ledger.path().display(), run.run());
    voice.say(format_args!("ledger: {path}, run {number}"));
    for death in ledger.deaths() {
        voice.warn(death);
    }
    if let Some(backup) = ledger.backup() {
        voice.say(format_args!(
            "the ledger was migrated; the copy from before is {}",
            backup.display()
        ));
    }
    let switch = Switch::new(&config.kill.file);
    voice.say(format_args!("kill switch: {}", switch.file().display()));
    let Position { state, reason } = switch.read();
    if state != TradingState::Active {
        voice.warn(format_args!(
            "betting is {}: {reason}; `bea resume` lets it go on",
            state.as_str()
        ));
    }
    for note in &plan.settings.notes {
        voice.warn(note);
    }
    let variables: BTreeSet<&str> = plan
        .settings
        .origins
        .values()
        .filter_map(|origin| match origin {
            Origin::Environment(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    if !variables.is_empty() {
        let names = variables.into_iter().collect::<Vec<_>>().join(", ");
        voice.say(format_args!("from the environment: {names}"));
    }
    if let Some(server) = server {
        let (scheme, address) = (server.scheme(), server.address());
        voice.say(format_args!("health: {scheme}://{address}/health"));
        voice.say(format_args!("dashboard: {scheme}://{address}/"));
    }
}

/// Which script it is, where the name does not say.
fn origin_of(script: &Script) -> String {
    match script.path().and_then(|path| path.file_name()) {
        Some(file) if Path::new(file).file_stem() != Some(OsStr::new(script.name())) => {
            format!(" ({})", file.display())
        }
        _ => String::new(),
    }
}

fn first_status(plan: &Plan<'_>, run: &RunWriter, first: &FirstLook) -> Status {
    let good = first.good.iter().map(|script| StrategyStatus {
        name: script.name().to_owned(),
        hash: Some(script.hash().to_owned()),
        ..StrategyStatus::default()
    });
    let wrong = first.wrong.iter().map(|wrong| {
        let mut status = StrategyStatus {
            name: wrong.strategy().to_owned(),
            ..StrategyStatus::default()
        };
        status.blame(wrong);
        status
    });
    Status {
        run: run.run(),
        currency: plan.setup.currency,
        kill_file: plan.config().kill.file.clone(),
        alive_at: Instant::now(),
        feed: Feed::default(),
        mode: plan.config().mode,
        live: None,
        trading: Switch::new(&plan.config().kill.file).read(),
        is_unreadable: false,
        venue: VenueStatus::default(),
        alerts: Vec::new(),
        // One that cannot be read is told of by whoever needs it.
        certificates: config::certificates(plan.config())
            .filter_map(|(name, path)| Some((name, config::ends_at(path).ok()?)))
            .collect(),
        strategies: good.chain(wrong).collect(),
        settings: SettingsStatus {
            hash: plan.config().hash(),
            ..SettingsStatus::default()
        },
        fences: BTreeMap::new(),
    }
}

/// A signal this soon after the first is the first one again: a supervisor or a shell may send it to the process and
/// to its group.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// The first signal ends the run in order, the second the process.
async fn obey_signals(mut signals: Signals, tell: Sender<Told>, voice: Voice) {
    signals.next().await;
    let first = Instant::now();
    voice.say("stopping before the next message; a second signal stops at once");
    let _ = tell.send(Told::Stop);
    loop {
        signals.next().await;
        if first.elapsed() > SAME_SIGNAL {
            process::exit(130);
        }
    }
}

/// Brings betting to a state on somebody's behalf: `(state, reason, by)`.
fn operate(switch: &Switch, plan: &Plan<'_>) -> Operate {
    let (switch, voice, wall_clock) = (switch.clone(), plan.voice, plan.wall_clock);
    Arc::new(move |state, reason, by| {
        if state == TradingState::Active {
            return switch.release_for(reason, by).map(|_| ());
        }
        let done = switch.restrain(state, reason, by, wall_clock());
        if let Err(error) = &done {
            let file = switch.file().display();
            voice.warn(format_args!(
                "betting is {state}, but the kill file {file} cannot be written: {error}. It holds until this process ends"
            ));
        }
        done
    })
}

/// Has the folder of the strategies looked at on somebody's behalf.
fn reload(touch: &Sender<Heard>) -> Reload {
    let touch = touch.clone();
    Arc::new(move |by| {
        let _ = touch.send(Heard::Asked(by));
    })
}

/// SIGUSR1 halts betting, each time it comes.
async fn obey_halts(mut halts: signals::Each, operate: Operate) {
    loop {
        halts.next().await;
        // What goes wrong has been said.
        let _ = operate(TradingState::Halted, "SIGUSR1", "signal");
    }
}

/// SIGHUP has the settings read again; one that comes from a terminal that was closed ends the run in order.
async fn obey_hangups(mut hangups: signals::Each, tell: Sender<Told>) {
    let has_terminal = std::io::stderr().is_terminal();
    loop {
        hangups.next().await;
        let told = match has_terminal {
            true => Told::Stop,
            false => Told::Reread,
        };
        if tell.send(told).is_err() {
            return;
        }
    }
}

/// Within how many milliseconds hosts that died are counted together.
const DYING_MS: i64 = 600_000;

/// If hosts die one after the other, betting begins halted.
fn halt_after_deaths(plan: &Plan<'_>, ledger: &Ledger, switch: &Switch) -> Result<(), HostError> {
    let most = u64::from(plan.config().fence.deaths);
    if most == 0 || ledger.deaths().is_empty() {
        return Ok(());
    }
    let now = (plan.wall_clock)();
    let died = ledger.reader()?.deaths_since(TimeMs(now.0 - DYING_MS))?;
    if died < most {
        return Ok(());
    }
    let why = format!("{died} hosts died within ten minutes (fence.deaths)");
    let _ = switch.restrain(TradingState::Halted, &why, "host", now);
    Ok(())
}

fn ask(board: &Board, ledger: &Ledger, wall_clock: fn() -> TimeMs) -> Ask {
    let (board, ledger) = (board.clone(), ledger.health());
    Arc::new(move || {
        let (now, time) = (Instant::now(), wall_clock());
        health(&board.read(), &ledger.report(), now, time)
    })
}

/// Plays recordings.
fn play(
    plan: &Plan<'_>,
    setup: &Setup,
    helpers: Helpers<'_>,
    mut conductor: Conductor<'_>,
    run: &mut RunWriter,
) -> Result<Report, HostError> {
    engine(helpers, move || {
        backtest::play(setup, plan.files, Some(run), &mut conductor)
    })
}

/// Looks at every gate of LIVE.
fn admit(
    plan: &Plan<'_>,
    ledger: &Ledger,
    first: &FirstLook,
    runtime: &Runtime,
) -> Result<Admitted, HostError> {
    let reader = ledger.reader()?;
    let good = first.good.iter().cloned().map(Ok);
    let wrong = first.wrong.iter().map(|wrong| Err(wrong.summary()));
    let scripts: Vec<_> = good.chain(wrong).collect();
    let (settings, clock, handle) = (plan.settings, plan.wall_clock, runtime.handle());
    let found = on_script_stack(move || {
        door::preflight(&Checks {
            loaded: settings,
            reader: Some(&reader),
            scripts,
            clock,
            runtime: handle,
        })
    })?;
    found.admit().map_err(HostError::Shut)
}

/// What runs beside the engine.
pub(super) struct Helpers<'h> {
    pub(super) runtime: &'h Runtime,
    voice: Voice,
    shelf: Shelf,
    shelf_ears: Ears,
    touch: Sender<Heard>,
    pub(super) tell: Sender<Told>,
}

/// Runs the engine thread and the one that watches the strategies, until the engine ends.
pub(super) fn engine(
    helpers: Helpers<'_>,
    work: impl FnOnce() -> Result<Report, RunError> + Send,
) -> Result<Report, HostError> {
    let Helpers {
        runtime,
        voice,
        shelf,
        shelf_ears: ears,
        touch: stop_watching,
        tell,
    } = helpers;
    let no_thread = |error| HostError::System("start a thread", error);
    thread::scope(|scope| {
        let (ended, has_ended) = oneshot::channel::<()>();
        let engine = script_thread("engine")
            .spawn_scoped(scope, move || {
                // Dropped when this thread ends, however it ends.
                let _ended = ended;
                work()
            })
            .map_err(no_thread)?;
        let watcher = script_thread("strategies").spawn_scoped(scope, move || {
            shelf.watch(&ears, |finding, asked_by| {
                let asked_by = asked_by.map(str::to_owned);
                tell.send(Told::Found(finding, asked_by)).is_ok()
            });
        });
        // Without a watcher the run goes on with what it has; that is said rather than hidden.
        if let Err(error) = &watcher {
            voice.warn(format_args!(
                "changed strategies will not be noticed: {error}"
            ));
        }
        let _ = runtime.block_on(has_ended);
        let _ = stop_watching.send(Heard::Stop);
        match engine.join() {
            Ok(result) => Ok(result?),
            Err(_panic) => Err(HostError::Engine),
        }
    })
}

/// Ends the run in the ledger. A failed run's own error says more than the ledger's complaint about it.
fn conclude(
    plan: &Plan<'_>,
    ledger: Ledger,
    run: RunWriter,
    result: Result<Report, HostError>,
) -> Result<Report, HostError> {
    let (outcome, trace) = match &result {
        Ok(report) if report.interrupted => (Outcome::Interrupted, Some(report.trace_hash.clone())),
        Ok(report) => (Outcome::Completed, Some(report.trace_hash.clone())),
        Err(_) => (Outcome::Failed, None),
    };
    let finished = run.finish((plan.wall_clock)(), outcome, trace.as_deref());
    let closed = ledger.close();
    let report = result?;
    finished?;
    closed?;
    Ok(report)
}
