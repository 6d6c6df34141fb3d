//! Puts the host together: threads, signals, feeds, the health server, the ledger's run.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{ErrorKind, IsTerminal};
use std::net::SocketAddr;
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
use super::feed::{Inbox, Tape, Watch};
use super::log::Voice;
use super::memory::Keeper;
use super::shelf::{Ears, Finding, Shelf};
use super::signals::{self, Signals};
use super::status::{Board, Feed, SettingsStatus, Status, StrategyStatus, health};
use super::switch::{Position, Switch};
use crate::backtest::{self, Driver, Memory, Report, RunError, Setup};
use crate::config::{Config, ConfigError, FeedKind, Loaded, Severity};
use crate::engine::TradingState;
use crate::exchange::Exchange;
use crate::http::{Ask, Server, Service};
use crate::ledger::{Ledger, LedgerError, Outcome, RunInfo, RunWriter, StateRow, Verdict};
use crate::market::{Instruction, TimeMs};
use crate::source::{Recorder, Room};
use crate::strategy::{SCRIPT_STACK, Script};
use crate::venue::betfair::client::{self, ConnectError, Missing, Secrets};

/// How long connections to the health server may keep the process after the run.
const FAREWELL: Duration = Duration::from_millis(200);
/// What the feed of Betfair is called in the ledger.
const BETFAIR: &str = "betfair";
/// A live feed is one session; in DRY_RUN ids of orders are derived from its number alone, so that it can be played again.
const ONLY_SESSION: u64 = 1;

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
    fn config(&self) -> &Config {
        &self.settings.config
    }

    /// Where the host keeps what is its own: beside the ledger.
    fn folder(&self) -> PathBuf {
        let folder = self.config().ledger.path.parent().map(Path::to_owned);
        folder.unwrap_or_default()
    }
}

/// What ends a host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Strategies are not fit to start.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"))]
    Strategies(Vec<Finding>),
    /// The settings ask for what cannot be had.
    #[error("{0}")]
    Settings(#[from] ConfigError),
    /// There is no strategy.
    #[error(
        "{}: no strategy to run: the folder holds none (write one with bea new NAME), or the configuration has \
         them switched off (enabled = false)",
        .0.display()
    )]
    NoStrategy(PathBuf),
    /// The folder of the strategies cannot be read.
    #[error("{}: the folder of the strategies cannot be read: {source}", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The health server cannot have its address.
    #[error(
        "the health server cannot listen on {0}: {1}. Set http.bind to another address (port 0 lets the \
         system choose one), or http.enabled = false"
    )]
    Http(SocketAddr, std::io::Error),
    /// The ledger cannot be written.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// The run failed.
    #[error("{0}")]
    Run(#[from] RunError),
    /// What the venue knows us by is missing, or cannot be used.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Credentials(Vec<Missing>),
    /// No connection to the venue can be made.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// The system refused something that every host needs.
    #[error("the host cannot {0}: {1}")]
    System(&'static str, std::io::Error),
    /// The engine thread ended without a word.
    #[error("the engine thread failed unexpectedly; the ledger holds everything up to there")]
    Engine,
}

/// Runs until the recordings end, or SIGINT or SIGTERM comes. The report then says that it was interrupted. A second
/// signal ends the process at once with exit code 130.
///
/// # Errors
/// If it cannot start, or the ledger fails.
pub fn run(plan: &Plan<'_>, ledger: Ledger, info: RunInfo) -> Result<Report, HostError> {
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
    let server = match &config.http {
        http if http.enabled => {
            Some(Server::bind(http.bind).map_err(|error| HostError::Http(http.bind, error))?)
        }
        _ => None,
    };
    let halted = halt_after_deaths(plan, &ledger, &switch)?;
    let mut run = ledger.begin_run(info)?;
    first.record(&mut run, plan.wall_clock)?;
    greet(plan, &ledger, &run, &first, server.as_ref());

    let board = Board::new(first_status(plan, &run, &first));
    let asked = ask(&board, &ledger, plan.wall_clock);
    let obey = alerting::obey(&board, &switch, &asked, plan.wall_clock);
    let alerting = Alerting::start(plan.settings, runtime.handle(), obey, plan.wall_clock)?;
    if let Some(why) = halted {
        alerting.alerts.raise(Severity::Critical, "HALTED", why);
    }
    for death in ledger.deaths() {
        alerting
            .alerts
            .raise(Severity::Critical, "HOST_DIED", death);
    }
    if let Some(server) = server {
        let service = Service {
            health: asked,
            kill: kill(&switch, plan),
        };
        runtime.spawn(server.serve(service));
    }
    let (tell, ears) = channel();
    runtime.spawn(obey_hangups(hangups, tell.clone()));
    runtime.spawn(obey_halts(halts, kill(&switch, plan)));
    runtime.spawn(obey_signals(signals, tell.clone(), plan.voice));
    let keeper = Keeper::new(&ledger, run.run(), plan.wall_clock, states.as_deref());
    let FirstLook { shelf, good, .. } = first;
    runtime.spawn(super::watchdog::watch(board.clone()));
    let shared = Shared {
        board,
        switch,
        alerting: alerting.clone(),
    };
    let conductor = Conductor::new(plan, &ledger, keeper, ears, shared, good);
    let helpers = Helpers {
        runtime: &runtime,
        voice: plan.voice,
        shelf,
        tell,
    };
    let result = match config.run.feed {
        FeedKind::Recordings => play(plan, &setup, helpers, conductor, &mut run),
        FeedKind::Betfair => follow(plan, &setup, helpers, conductor, &mut run),
    };
    super::watchdog::stopping();
    let result = conclude(plan, ledger, run, result);
    if let Err(error) = &result {
        alerting
            .alerts
            .raise(Severity::Critical, "HOST_FAILED", error);
    }
    alerting.close();
    runtime.shutdown_timeout(FAREWELL);
    result
}

/// Two threads: one for the health server, one for the rest.
fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("host")
        .enable_all()
        .build()
}

/// What strategies remember, as the ledger has it.
fn remembered(states: &[StateRow]) -> Memory {
    Memory::new(
        states
            .iter()
            .map(|row| (row.strategy.clone(), row.state.clone())),
    )
}

/// What was found in the folder at the start.
struct FirstLook {
    shelf: Shelf,
    good: Vec<Script>,
    wrong: Vec<Finding>,
}

impl FirstLook {
    /// Keeps every version that was found, and what became of it.
    fn record(&self, run: &mut RunWriter, wall_clock: fn() -> TimeMs) -> Result<(), LedgerError> {
        for script in &self.good {
            run.version(backtest::version(script, wall_clock(), Verdict::Accepted))?;
        }
        for finding in &self.wrong {
            if let Finding::Bad {
                draft: Some(draft), ..
            } = finding
            {
                let refused = Verdict::Refused(finding.to_string());
                run.version(backtest::version(draft, wall_clock(), refused))?;
            }
        }
        Ok(())
    }
}

/// Reads the strategies. A host starts if at least one is good; the others are told of.
fn first_look(plan: &Plan<'_>, memory: Option<&Memory>) -> Result<FirstLook, HostError> {
    let mut shelf = Shelf::new(plan.settings);
    let findings = on_script_stack(|| {
        let findings = shelf.look().into_iter();
        let findings: Vec<Finding> = findings.map(|found| reminded(found, memory)).collect();
        findings
    })?;
    let mut good = Vec::new();
    let mut wrong = Vec::new();
    for finding in findings {
        match finding {
            Finding::Good(script) => good.push(script),
            finding => wrong.push(finding),
        }
    }
    if !good.is_empty() {
        return Ok(FirstLook { shelf, good, wrong });
    }
    if wrong.is_empty() {
        let folder = &plan.config().run.strategies;
        return match std::fs::read_dir(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let (path, source) = (folder.clone(), error);
                Err(HostError::Folder { path, source })
            }
            _ => Err(HostError::NoStrategy(folder.clone())),
        };
    }
    Err(HostError::Strategies(wrong))
}

/// A good version must also be able to go on from what is remembered of it.
fn reminded(finding: Finding, memory: Option<&Memory>) -> Finding {
    let (Finding::Good(script), Some(memory)) = (&finding, memory) else {
        return finding;
    };
    let fault = match script.compile() {
        Ok(mut ready) => memory.give_to(&mut ready).err(),
        Err(error) => return Finding::bad(script.clone(), error),
    };
    match fault {
        Some(fault) => Finding::unfit(script.clone(), &fault),
        None => finding,
    }
}

fn on_script_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, HostError> {
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
    voice.say(format_args!(
        "bea {version}, mode DRY_RUN: bets go to the simulated exchange, no money moves"
    ));
    let config = plan.config();
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
    if let Some(server) = server {
        voice.say(format_args!("health: http://{}/health", server.address()));
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
        trading: Switch::new(&plan.config().kill.file).read(),
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

/// Halts betting on somebody's behalf: `(reason, by)`.
fn kill(switch: &Switch, plan: &Plan<'_>) -> crate::http::Kill {
    let (switch, voice, wall_clock) = (switch.clone(), plan.voice, plan.wall_clock);
    Arc::new(move |reason, by| {
        let done = switch.restrain(TradingState::Halted, reason, by, wall_clock());
        if let Err(error) = &done {
            let file = switch.file().display();
            voice.warn(format_args!(
                "betting is halted, but the kill file {file} cannot be written: {error}. It holds until this process ends"
            ));
        }
        done
    })
}

/// SIGUSR1 halts betting, each time it comes.
async fn obey_halts(mut halts: signals::Each, kill: crate::http::Kill) {
    loop {
        halts.next().await;
        // What goes wrong has been said.
        let _ = kill("SIGUSR1", "signal");
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

/// If hosts die one after the other, betting begins halted: says why, if it does so.
fn halt_after_deaths(
    plan: &Plan<'_>,
    ledger: &Ledger,
    switch: &Switch,
) -> Result<Option<String>, HostError> {
    let most = u64::from(plan.config().fence.deaths);
    if most == 0 || ledger.deaths().is_empty() {
        return Ok(None);
    }
    let now = (plan.wall_clock)();
    let died = ledger.reader()?.deaths_since(TimeMs(now.0 - DYING_MS))?;
    if died < most {
        return Ok(None);
    }
    let why = format!("{died} hosts died within ten minutes (fence.deaths)");
    let _ = switch.restrain(TradingState::Halted, &why, "host", now);
    Ok(Some(why))
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

/// Follows a live feed in DRY_RUN: what is bet goes to the simulated exchange.
fn follow(
    plan: &Plan<'_>,
    setup: &Setup,
    helpers: Helpers<'_>,
    mut conductor: Conductor<'_>,
    run: &mut RunWriter,
) -> Result<Report, HostError> {
    let config = plan.config();
    let recorder = recorder(plan, run.run())?;
    let switch = conductor.switch.clone();
    let last_word = Box::new(move |_: &Instruction| switch.read().state < TradingState::Paused);
    conductor.tape = Some(Tape::new(plan.wall_clock, last_word, recorder));
    let secrets = Secrets::find(&config.betfair).map_err(HostError::Credentials)?;
    let (say, heard) = channel();
    let connecting = client::Plan {
        settings: config.betfair.clone(),
        breaker: config.breaker,
        secrets,
        folder: plan.folder(),
        clock: plan.wall_clock,
    };
    let connection = client::connect(connecting, helpers.runtime.handle(), say)?;
    let inbox = Inbox::default();
    let tell = helpers.tell.clone();
    let most = config.feed.max_waiting as usize;
    thread::scope(|scope| {
        let counted = inbox.clone();
        thread::Builder::new()
            .name("feed".to_owned())
            .spawn_scoped(scope, move || counted.pass_on(most, &heard, &tell))
            .map_err(|error| HostError::System("start a thread", error))?;
        let report = engine(helpers, || {
            let mut watch = Watch::new(BETFAIR, &config.feed, &connection, inbox);
            let venue = Exchange::new(setup.exchange.clone());
            let strategies = (conductor.strategies()?, conductor.strategies()?);
            backtest::attend(
                setup,
                (BETFAIR, &config.betfair.stream_address),
                (ONLY_SESSION, venue),
                strategies,
                Some(run),
                &mut |session| conductor.follow(session, &mut watch, config, "DRY_RUN"),
            )
        });
        drop(connection);
        report
    })
}

/// Begins to record the feed, if that is wanted.
fn recorder(plan: &Plan<'_>, run: i64) -> Result<Option<Recorder>, HostError> {
    let settings = &plan.config().recorder;
    if !settings.enabled {
        return Ok(None);
    }
    let mebibytes = |count: u32| u64::from(count) << 20;
    let room = Room {
        folder: settings.folder.clone(),
        compress: settings.compress,
        part_bytes: mebibytes(settings.part_mib),
        total_bytes: mebibytes(settings.total_mib),
        free_bytes: mebibytes(settings.min_free_mib),
    };
    let at: String = (plan.wall_clock)()
        .to_string()
        .chars()
        .take_while(|c| *c != '.')
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    let recorder = Recorder::begin(&room, &format!("{at}-run-{run}"))
        .map_err(|error| HostError::System("record the feed", error))?;
    let folder = recorder.folder().display();
    plan.voice.say(format_args!("recording: {folder}"));
    Ok(Some(recorder))
}

/// What runs beside the engine.
struct Helpers<'h> {
    runtime: &'h Runtime,
    voice: Voice,
    shelf: Shelf,
    tell: Sender<Told>,
}

/// Runs the engine thread and the one that watches the strategies, until the engine ends.
fn engine(
    helpers: Helpers<'_>,
    work: impl FnOnce() -> Result<Report, RunError> + Send,
) -> Result<Report, HostError> {
    let Helpers {
        runtime,
        voice,
        shelf,
        tell,
    } = helpers;
    let (ears, stop_watching) = Ears::new();
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
            shelf.watch(&ears, |finding| tell.send(Told::Found(finding)).is_ok());
        });
        // Without a watcher the run goes on with what it has; that is said rather than hidden.
        if let Err(error) = &watcher {
            voice.warn(format_args!(
                "changed strategies will not be noticed: {error}"
            ));
        }
        let _ = runtime.block_on(has_ended);
        let _ = stop_watching.send(super::shelf::Heard::Stop);
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
