//! The engine thread's side of the host: waits until messages are due, and acts between them on what it is told.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::alerting::Alerting;
use super::approvals::LiveGate;
use super::feed::Tape;
use super::fences::Fences;
use super::host::Plan;
use super::log::{Throttle, Voice, tell_leaving};
use super::memory::Keeper;
use super::pace::Pace;
use super::published::Publisher;
use super::pulse::Pulse;
use super::settings::Settings;
use super::shelf::Finding;
use super::status::{Board, ShadowStatus, Status, StrategyStatus};
use super::switch::{Position, Switch};
use super::watched::shadow_in;
use crate::backtest::{self, Driver, Playing, RunError};
use crate::config::Severity;
use crate::engine::{
    Command, Differences, Notice, Shadow, Standing, Strategy, TradingState, Venue,
};
use crate::ledger::{Ledger, LedgerError, Verdict, Version};
use crate::logging;
use crate::market::{Instruction, Money, TimeMs};
use crate::risk::Approved;
use crate::source::Update;
use crate::strategy::{RhaiStrategy, Script, ScriptError};
use crate::venue::Heard;

/// How often the kill file is looked for and the status published while nothing else happens.
const LOOK: Duration = Duration::from_millis(100);

/// What the engine thread is told.
#[derive(Debug)]
pub(super) enum Told {
    /// Something about a strategy's file, and who asked for the look that found it, if anybody did.
    Found(Finding, Option<String>),
    /// Read the settings again.
    Reread,
    /// Something of the live feed.
    Heard(Heard),
    /// The live feed said more than can be handled: it is thrown away until the feed begins anew.
    Overrun,
    /// End the run before the next message.
    Stop,
}

/// What the engine's thread shares with the host's others.
pub(super) struct Shared {
    pub(super) board: Board,
    pub(super) publisher: Publisher,
    pub(super) switch: Switch,
    pub(super) alerting: Alerting,
    pub(super) pulse: Pulse,
}

/// Drives the sessions of a host.
pub(super) struct Conductor<'a> {
    pub(super) ears: Receiver<Told>,
    board: Board,
    pub(super) publisher: Publisher,
    pub(super) ledger: &'a Ledger,
    pub(super) switch: Switch,
    pace: Pace,
    pub(super) voice: Voice,
    throttle: Throttle,
    /// The newest good versions, for the sessions to come.
    pub(super) scripts: Vec<Script>,
    /// Good versions that are watched before they take over.
    pub(super) watched: Vec<Script>,
    pub(super) shadow_updates: u32,
    pub(super) keeper: Keeper<'a>,
    pub(super) wall_clock: fn() -> TimeMs,
    pub(super) status: Status,
    /// Who asked for the newest version of a strategy, where somebody did.
    asked_by: BTreeMap<String, String>,
    /// Bets and net profit of the sessions that ended, by strategy.
    settled: BTreeMap<String, (u64, Money)>,
    /// Updates of the sessions that ended.
    updates_before: u64,
    /// The session has not had its first message.
    is_fresh: bool,
    pub(super) looked_at: Option<Instant>,
    pub(super) settings: Settings,
    pub(super) fences: Fences,
    pub(super) alerting: Alerting,
    pub(super) pulse: Pulse,
    /// Where the inputs of a live feed are stamped and recorded.
    pub(super) tape: Option<Tape>,
    /// Who may bet with money, where anybody may.
    pub(super) gate: Option<LiveGate>,
    /// Since when the mode is not LIVE any more.
    pub(super) shut_at: Option<Instant>,
}

impl<'a> Conductor<'a> {
    pub(super) fn new(
        plan: &Plan<'_>,
        ledger: &'a Ledger,
        keeper: Keeper<'a>,
        ears: Receiver<Told>,
        shared: Shared,
        scripts: Vec<Script>,
    ) -> Self {
        let Shared {
            board,
            publisher,
            switch,
            alerting,
            pulse,
        } = shared;
        let config = &plan.settings.config;
        Self {
            ears,
            status: board.read(),
            board,
            publisher,
            ledger,
            switch,
            pace: Pace::new(config.run.speed, plan.join),
            voice: plan.voice,
            throttle: Throttle::default(),
            scripts,
            watched: Vec::new(),
            shadow_updates: config.run.shadow_updates,
            keeper,
            wall_clock: plan.wall_clock,
            asked_by: BTreeMap::new(),
            settled: BTreeMap::new(),
            updates_before: 0,
            is_fresh: true,
            looked_at: None,
            settings: Settings::new(plan.settings),
            fences: Fences::new(ledger.path()),
            alerting,
            pulse,
            tape: None,
            gate: None,
            shut_at: None,
        }
    }

    /// The first message of a session is there: it begins, as halted as the host is.
    fn open<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        at: TimeMs,
        now: Instant,
    ) -> Result<(), RunError> {
        session.begin(at)?;
        self.pace.anchor(now, at);
        let Position { state, reason } = self.status.trading.clone();
        if state != TradingState::Active {
            session.operate(Command::Trade(state, reason))?;
        }
        self.hold(session)?;
        self.fences.forget();
        self.status.fences.clear();
        self.looked_at = None;
        Ok(())
    }

    /// Gives the session a word of the operator, at the time that it has or, with a live feed, now.
    pub(super) fn operate<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        command: Command,
    ) -> Result<(), RunError> {
        match &mut self.tape {
            Some(tape) => tape.operate(session, command),
            None => Ok(session.operate(command)?),
        }
    }

    /// Where betting stands.
    pub(super) fn position(&self) -> Position {
        match &self.gate {
            Some(gate) => gate.door.position(),
            None => self.switch.read(),
        }
    }

    /// Does what is due anyway: the kill switch, the status. Cheap unless [`LOOK`] has passed.
    pub(super) fn tend<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        now: Instant,
    ) -> Result<(), RunError> {
        if self
            .looked_at
            .is_some_and(|at| now.saturating_duration_since(at) < LOOK)
        {
            return Ok(());
        }
        self.looked_at = Some(now);
        let position = self.position();
        if position.state != self.status.trading.state {
            let reason = match position.state {
                TradingState::Active => {
                    let why = self.switch.why_released();
                    self.voice.warn(format_args!("resumed: {why}"));
                    self.alert(Severity::Warning, "RESUMED", &why);
                    &why.clone()
                }
                state => {
                    self.switch.forget_release();
                    self.voice
                        .warn(format_args!("{state}: {}", position.reason));
                    self.alert(position.severity(), state.as_str(), &position.reason);
                    &position.reason
                }
            };
            let command = Command::Trade(position.state, reason.to_owned());
            self.operate(session, command)?;
        }
        if let Some(gate) = &self.gate {
            gate.door.told(&position);
        }
        self.status.is_unreadable =
            position.state == TradingState::Halted && self.switch.is_unreadable();
        self.status.trading = position;
        self.judge_approvals(session)?;
        if let Some(news) = self.settings.look(now) {
            self.reconfigure(session, &news)?;
        }
        if let Some(command) = self.fences.tend(&self.settings.config().fence, now) {
            self.fence(session, command)?;
        }
        self.keeper.tend(session.slots(), now)?;
        self.note_closings(session)?;
        self.publish(session, now);
        Ok(())
    }

    pub(super) fn hear<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        told: Told,
    ) -> Result<ControlFlow<()>, RunError> {
        match told {
            Told::Stop => return Ok(ControlFlow::Break(())),
            Told::Reread => {
                logging::reopen();
                let news = self.settings.read_again();
                self.voice.say("the settings were read again");
                if let Some(news) = news {
                    self.reconfigure(session, &news)?;
                }
                // A secret may be another in the same file.
                if let Err(error) = self.alerting.reconfigure(self.settings.loaded()) {
                    self.voice
                        .warn(format_args!("alerts go on as they were: {error}"));
                }
            }
            // Where recordings are played there is no other feed.
            Told::Heard(_) | Told::Overrun => {}
            Told::Found(finding, asked_by) => {
                let name = finding.strategy().to_owned();
                match asked_by {
                    Some(by) => self.asked_by.insert(name, by),
                    None => self.asked_by.remove(&name),
                };
                match finding {
                    Finding::Good(script) => self.offer(session, script)?,
                    wrong => {
                        self.call_off(session, wrong.strategy());
                        self.refuse(&wrong)?;
                    }
                }
            }
        }
        self.looked_at = None;
        Ok(ControlFlow::Continue(()))
    }

    /// A good version is there: it is watched beside the one that runs, if that is wanted, or takes over.
    fn offer<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        script: Script,
    ) -> Result<(), RunError> {
        let (name, new) = (script.name().to_owned(), script.short_hash().to_owned());
        self.call_off(session, &name);
        let running = session.slots().iter().find(|slot| *slot.name == *name);
        let old = running.map(|slot| slot.hash.to_string());
        if old.as_deref() == Some(script.hash()) {
            let entry = self.entry(&name);
            entry.last_error = entry.last_error.take().filter(|_| entry.trouble.is_none());
            if entry.trouble.take().is_some() {
                self.voice
                    .say(format_args!("{name} is {new} again, which kept running"));
            }
            return Ok(());
        }
        let ready = match script.compile() {
            Ok(ready) => ready,
            Err(error) => return self.refuse(&Finding::bad(script, error)),
        };
        let updates = self.shadow_updates;
        let is_called = running.is_some_and(|slot| slot.standing == Standing::Running);
        if updates == 0 || !is_called {
            return self.take_over(session, script, Box::new(ready));
        }
        if let Err(fault) = session.shadow(Box::new(ready)) {
            return self.refuse(&Finding::unfit(script, &fault));
        }
        self.voice.say(format_args!(
            "watching {name} {new} beside the version that runs, for {updates} updates"
        ));
        let status = ShadowStatus {
            hash: script.hash().to_owned(),
            of: updates,
            is_over: false,
            found: Differences::default(),
        };
        self.entry(&name).shadow = Some(status);
        self.watched.push(script);
        Ok(())
    }

    /// Swaps a good version in, the state kept.
    pub(super) fn take_over<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        script: Script,
        mut ready: Box<RhaiStrategy>,
    ) -> Result<(), RunError> {
        let (name, new) = (script.name().to_owned(), script.short_hash().to_owned());
        let old = hash_in(session, &name);
        // What was there before hands its own over.
        let state = self.keeper.of(&name).filter(|_| old.is_none()).cloned();
        if let Some(state) = &state
            && let Err(fault) = ready.restore(state)
        {
            return self.refuse(&Finding::unfit(script, &fault));
        }
        // The source is kept before anything that this version does.
        self.ledger
            .script(script.hash(), script.name(), script.text())?;
        match &mut self.tape {
            Some(tape) => tape.load(session, &script, state.as_ref(), ready)?,
            None => session.load(ready)?,
        }
        if hash_in(session, &name).as_deref() != Some(script.hash()) {
            // The engine has given the reason in a notice.
            let reason =
                format!("{new} cannot take over the state of the version before it, which goes on");
            self.record(&script, Verdict::Refused(reason.clone()))?;
            self.entry(&name).trouble = Some(reason);
            return Ok(());
        }
        self.keeper.keep(session.slots())?;
        self.record(&script, Verdict::Accepted)?;
        self.publisher.accepted();
        match old {
            Some(old) => {
                let old = short(&old);
                let words = format!("{name} {old}→{new}, state kept");
                self.voice.say(format_args!("reloaded {words}"));
                self.alert(Severity::Info, "STRATEGY_RELOADED", words);
            }
            None => self.voice.say(format_args!("loaded {name} {new}")),
        }
        self.adopt(script);
        // Before the new version is asked anything.
        self.judge_approvals(session)
    }

    /// This version is the one for the sessions to come.
    fn adopt(&mut self, script: Script) {
        let entry = self.entry(script.name());
        entry.hash = Some(script.hash().to_owned());
        entry.trouble = None;
        entry.last_error = None;
        match self.scripts.iter_mut().find(|s| s.name() == script.name()) {
            Some(known) => *known = script,
            None => self.scripts.push(script),
        }
    }

    fn record(&self, script: &Script, verdict: Verdict) -> Result<(), LedgerError> {
        let asked_by = self.asked_by.get(script.name()).cloned();
        let version = Version {
            asked_by,
            ..backtest::version(script, (self.wall_clock)(), verdict)
        };
        self.ledger.version(Some(self.status.run), version)
    }

    /// What is in the folder is not fit to run: what runs goes on, and it is said and kept.
    pub(super) fn refuse(&mut self, wrong: &Finding) -> Result<(), RunError> {
        let name = match wrong {
            Finding::Bad { name, .. } | Finding::Missing { name, .. } => name,
            Finding::Good(_) => return Ok(()),
        };
        if let Finding::Bad {
            draft: Some(draft), ..
        } = wrong
        {
            self.record(draft, Verdict::Refused(wrong.to_string()))?;
        }
        self.publisher.refused();
        let voice = self.voice;
        let entry = self.entry(name);
        entry.blame(wrong);
        match entry.hash.as_deref().map(short) {
            Some(hash) => voice.warn(format_args!("kept {hash}: {wrong}")),
            None => voice.warn(format_args!("{name} not loaded: {wrong}")),
        }
        self.alert(Severity::Warning, "STRATEGY_REFUSED", wrong);
        Ok(())
    }

    pub(super) fn entry(&mut self, name: &str) -> &mut StrategyStatus {
        let strategies = &mut self.status.strategies;
        let at = strategies
            .iter()
            .position(|entry| entry.name == name)
            .unwrap_or_else(|| {
                strategies.push(StrategyStatus {
                    name: name.to_owned(),
                    ..StrategyStatus::default()
                });
                strategies.len() - 1
            });
        &mut strategies[at]
    }

    pub(super) fn publish<V: Venue<Approved>>(&mut self, session: &Playing<'_, V>, now: Instant) {
        for slot in session.slots() {
            let totals = slot.totals();
            let (bets, net) = self.settled.get(&*slot.name).copied().unwrap_or_default();
            let entry = self.entry(&slot.name);
            if entry.hash.as_deref() != Some(&*slot.hash) {
                entry.hash = Some(slot.hash.to_string());
            }
            entry.quarantined = StrategyStatus::is_quarantined(slot.standing);
            entry.open_orders = slot.account.burden.open_orders;
            entry.bets = bets + totals.bets;
            entry.net = net + totals.net();
            if let (Some(status), Some(shadow)) = (&mut entry.shadow, slot.shadow()) {
                status.found.clone_from(shadow.found());
            }
        }
        self.status.feed.updates = self.updates_before + session.updates();
        self.status.alerts = self.alerting.alerts.tallies();
        self.look_at_venue(session);
        self.status.alive_at = now;
        self.board.publish(self.status.clone());
        self.publisher.publish(session, &self.status);
    }
}

impl Driver for Conductor<'_> {
    fn strategies(&mut self) -> Result<Vec<Box<dyn Strategy>>, ScriptError> {
        let compiled = self.scripts.iter().map(|script| {
            let ready = script.compile()?;
            Ok(Box::new(ready) as Box<dyn Strategy>)
        });
        compiled.collect()
    }

    fn begin(&mut self, recording: &str) {
        self.is_fresh = true;
        self.publisher.begin();
        self.status.feed.recording = Some(recording.to_owned());
    }

    fn before(
        &mut self,
        session: &mut Playing<'_>,
        update: &Update<'_>,
        _bytes: u64,
    ) -> Result<ControlFlow<()>, RunError> {
        let published_at = update.published_at;
        let mut now = Instant::now();
        if std::mem::take(&mut self.is_fresh) {
            self.open(session, published_at, now)?;
        }
        let starts = || {
            session
                .books()
                .iter()
                .map(|market| market.definition.market_time)
                .min()
        };
        if self.pace.skips(published_at, starts) {
            self.pace.anchor(now, published_at);
        }
        let due = self.pace.due(published_at);
        loop {
            self.tend(session, now)?;
            if !self.watched.is_empty() {
                self.judge_watched(session)?;
            }
            let left = due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now));
            match self.ears.recv_timeout(left.min(LOOK)) {
                Ok(told) => {
                    if self.hear(session, told)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Err(RecvTimeoutError::Timeout) if left.is_zero() => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(ControlFlow::Break(())),
            }
            now = Instant::now();
        }
        self.status.feed.position = Some(published_at);
        self.status.feed.last_message = Some(now);
        self.publisher.entered(now);
        Ok(ControlFlow::Continue(()))
    }

    fn may_send(&mut self, order: &Instruction) -> bool {
        // Whether an order reduces is the gate's to say; that nothing may leave is said here, last.
        let stopped = self.switch.read().state >= TradingState::Paused;
        if stopped {
            // Tell the engine before the next message.
            self.looked_at = None;
        }
        if stopped {
            return false;
        }
        tell_leaving(order);
        true
    }

    fn notice(&mut self, notice: Notice) {
        self.tell(notice);
    }

    fn end(&mut self, session: &Playing<'_>, _recording: &str) -> Result<(), RunError> {
        self.close(session)
    }
}

impl Conductor<'_> {
    /// Says what strategies log, how they fail, and what a person must look at.
    pub(super) fn tell(&mut self, notice: Notice) {
        let now = Instant::now();
        match notice {
            Notice::Alarm { code, detail } => {
                self.voice.warn(format_args!("{code}: {detail}"));
                self.alert(Severity::Critical, code, &detail);
                self.looked_at = None;
            }
            Notice::Log { strategy, line } => {
                if let Some(shown) = self.throttle.pass(&strategy, &line, now) {
                    let strategy_hash = self.entry(&strategy).hash.clone();
                    tracing::info!(
                        event = "strategy_log",
                        strategy,
                        strategy_hash,
                        suppressed = some(shown.suppressed),
                        "{line}"
                    );
                }
            }
            Notice::Fault {
                strategy,
                kind,
                detail,
                quarantined,
            } => {
                self.publisher.failed(&strategy, kind);
                if quarantined {
                    self.voice.warn(format_args!(
                        "{strategy} is stopped after failing three times in a row; save a mended version to start it again"
                    ));
                    let text = format_args!("{strategy} failed three times in a row: {detail}");
                    self.alert(Severity::Warning, "STRATEGY_STOPPED", text);
                }
                if let Some(shown) = self.throttle.pass(&strategy, &detail, now) {
                    let strategy_hash = self.entry(&strategy).hash.clone();
                    tracing::warn!(
                        event = "strategy_failed",
                        strategy,
                        strategy_hash,
                        kind = kind.as_str(),
                        quarantined,
                        suppressed = some(shown.suppressed),
                        "{detail}"
                    );
                }
                self.entry(&strategy).last_error = detail.lines().next().map(str::to_owned);
                self.looked_at = None;
            }
        }
    }

    /// The session has ended: what strategies remember is kept, and what it gave is added up.
    pub(super) fn close<V: Venue<Approved>>(
        &mut self,
        session: &Playing<'_, V>,
    ) -> Result<(), RunError> {
        self.keeper.keep(session.slots())?;
        // What is still being watched has done nothing wrong so far: it plays the next recording.
        for script in std::mem::take(&mut self.watched) {
            let shadow = shadow_in(session, script.name());
            if let Some(shadow) = shadow {
                self.tell_watched(&script, shadow.found());
            }
            match shadow.and_then(Shadow::fault) {
                Some(fault) => self.refuse(&Finding::unfit(script, fault))?,
                None => {
                    self.record(&script, Verdict::Accepted)?;
                    self.adopt(script);
                }
            }
        }
        self.note_closings(session)?;
        self.publish(session, Instant::now());
        for slot in session.slots() {
            let totals = slot.totals();
            let (bets, net) = self.settled.entry(slot.name.to_string()).or_default();
            *bets += totals.bets;
            *net += totals.net();
        }
        self.updates_before += session.updates();
        for (strategy, suppressed) in self.throttle.remainder() {
            tracing::info!(
                event = "strategy_log",
                strategy,
                suppressed,
                "lines held back"
            );
        }
        Ok(())
    }
}

fn hash_in<V: Venue<Approved>>(session: &Playing<'_, V>, name: &str) -> Option<String> {
    let slot = session.slots().iter().find(|slot| &*slot.name == name)?;
    Some(slot.hash.to_string())
}

/// A hash as people are shown it.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn some(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}
