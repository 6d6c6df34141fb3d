//! The engine thread's side of the host: waits until messages are due, and acts between them on what it is told.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::log::{Throttle, Voice};
use super::pace::Pace;
use super::shelf::Finding;
use super::status::{Board, Status, StrategyStatus};
use super::switch::{Position, Switch};
use crate::backtest::{Driver, Playing, RunError};
use crate::engine::{Command, Notice, Strategy, TradingState};
use crate::ledger::Ledger;
use crate::market::{Instruction, Money, TimeMs};
use crate::source::Update;
use crate::strategy::{Script, ScriptError};

/// How often the kill file is looked for and the status published while nothing else happens.
const LOOK: Duration = Duration::from_millis(100);

/// What the engine thread is told.
#[derive(Debug)]
pub(super) enum Told {
    /// Something about a strategy's file.
    Found(Finding),
    /// End the run before the next message.
    Stop,
}

/// Drives the sessions of a host.
pub(super) struct Conductor<'a> {
    ears: Receiver<Told>,
    board: Board,
    ledger: &'a Ledger,
    switch: Switch,
    pace: Pace,
    voice: Voice,
    throttle: Throttle,
    /// The newest good versions, for the sessions to come.
    scripts: Vec<Script>,
    status: Status,
    /// Bets and net profit of the sessions that ended, by strategy.
    settled: BTreeMap<String, (u64, Money)>,
    /// Updates of the sessions that ended.
    updates_before: u64,
    /// The session has not had its first message.
    is_fresh: bool,
    looked_at: Option<Instant>,
}

impl<'a> Conductor<'a> {
    pub(super) fn new(
        ears: Receiver<Told>,
        board: Board,
        ledger: &'a Ledger,
        switch: Switch,
        pace: Pace,
        voice: Voice,
        scripts: Vec<Script>,
    ) -> Self {
        Self {
            ears,
            status: board.read(),
            board,
            ledger,
            switch,
            pace,
            voice,
            throttle: Throttle::default(),
            scripts,
            settled: BTreeMap::new(),
            updates_before: 0,
            is_fresh: true,
            looked_at: None,
        }
    }

    /// The first message of a session is there: it begins, as halted as the host is.
    fn open(
        &mut self,
        session: &mut Playing<'_>,
        at: TimeMs,
        now: Instant,
    ) -> Result<(), RunError> {
        session.begin(at)?;
        self.pace.anchor(now, at);
        let Position { state, reason } = self.status.trading.clone();
        if state != TradingState::Active {
            session.operate(Command::Trade(state, reason))?;
        }
        self.looked_at = None;
        Ok(())
    }

    /// Does what is due anyway: the kill switch, the status. Cheap unless [`LOOK`] has passed.
    fn tend(&mut self, session: &mut Playing<'_>, now: Instant) -> Result<(), RunError> {
        if self
            .looked_at
            .is_some_and(|at| now.saturating_duration_since(at) < LOOK)
        {
            return Ok(());
        }
        self.looked_at = Some(now);
        let position = self.switch.read();
        if position.state != self.status.trading.state {
            let reason = match position.state {
                TradingState::Active => {
                    self.voice.warn("resumed: the kill file is gone");
                    "the kill file is gone"
                }
                state => {
                    self.voice
                        .warn(format_args!("{state}: {}", position.reason));
                    &position.reason
                }
            };
            session.operate(Command::Trade(position.state, reason.to_owned()))?;
        }
        self.status.trading = position;
        self.publish(session, now);
        Ok(())
    }

    fn hear(&mut self, session: &mut Playing<'_>, told: Told) -> Result<ControlFlow<()>, RunError> {
        match told {
            Told::Stop => return Ok(ControlFlow::Break(())),
            Told::Found(Finding::Good(script)) => self.take_over(session, script)?,
            Told::Found(wrong) => self.keep(&wrong),
        }
        self.looked_at = None;
        Ok(ControlFlow::Continue(()))
    }

    /// Swaps a good version in, unless it is the one that runs.
    fn take_over(&mut self, session: &mut Playing<'_>, script: Script) -> Result<(), RunError> {
        let (name, new) = (script.name().to_owned(), script.short_hash().to_owned());
        let old = hash_in(session, &name);
        if old.as_deref() == Some(script.hash()) {
            if self.entry(&name).trouble.take().is_some() {
                self.voice
                    .say(format_args!("{name} is {new} again, which kept running"));
            }
            return Ok(());
        }
        let ready = match script.compile() {
            Ok(ready) => ready,
            Err(error) => {
                let test = None;
                self.keep(&Finding::Bad { name, test, error });
                return Ok(());
            }
        };
        // The source is kept before anything that this version does.
        self.ledger
            .script(script.hash(), script.name(), script.text())?;
        session.load(Box::new(ready))?;
        if hash_in(session, &name).as_deref() != Some(script.hash()) {
            // The engine has given the reason in a notice.
            self.entry(&name).trouble = Some(format!(
                "{new} cannot take over the state of the version before it, which goes on"
            ));
            return Ok(());
        }
        let entry = self.entry(&name);
        entry.hash = Some(script.hash().to_owned());
        entry.trouble = None;
        entry.last_error = None;
        match self.scripts.iter_mut().find(|s| s.name() == name) {
            Some(known) => *known = script,
            None => self.scripts.push(script),
        }
        match old {
            Some(old) => {
                let old = short(&old);
                self.voice
                    .say(format_args!("reloaded {name} {old}→{new}, state kept"));
            }
            None => self.voice.say(format_args!("loaded {name} {new}")),
        }
        Ok(())
    }

    /// What is in the folder is not fit to run: what runs goes on, and it is said.
    fn keep(&mut self, wrong: &Finding) {
        let name = match wrong {
            Finding::Bad { name, .. } | Finding::Missing { name } => name,
            Finding::Good(_) => return,
        };
        let voice = self.voice;
        let entry = self.entry(name);
        entry.trouble = Some(wrong.summary());
        match entry.hash.as_deref().map(short) {
            Some(hash) => voice.warn(format_args!("kept {hash}: {wrong}")),
            None => voice.warn(format_args!("{name} not loaded: {wrong}")),
        }
    }

    fn entry(&mut self, name: &str) -> &mut StrategyStatus {
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

    fn publish(&mut self, session: &Playing<'_>, now: Instant) {
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
        }
        self.status.feed.updates = self.updates_before + session.updates();
        self.status.alive_at = now;
        self.board.publish(self.status.clone());
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
        Ok(ControlFlow::Continue(()))
    }

    fn may_send(&mut self, _order: &Instruction) -> bool {
        // Whether an order reduces is the gate's to say; that nothing may leave is said here, last.
        let stopped = self.switch.read().state >= TradingState::Paused;
        if stopped {
            // Tell the engine before the next message.
            self.looked_at = None;
        }
        !stopped
    }

    fn notice(&mut self, notice: Notice) {
        let now = Instant::now();
        match notice {
            Notice::Alarm { code, detail } => {
                self.voice.warn(format_args!("{code}: {detail}"));
                self.looked_at = None;
            }
            Notice::Log { strategy, line } => {
                if let Some(shown) = self.throttle.pass(&strategy, &line, now) {
                    tracing::info!(
                        event = "strategy_log",
                        strategy,
                        suppressed = some(shown.suppressed),
                        "{line}"
                    );
                }
            }
            Notice::Fault {
                strategy,
                detail,
                quarantined,
            } => {
                if quarantined {
                    self.voice.warn(format_args!(
                        "{strategy} is stopped after failing three times in a row; save a mended version to start it again"
                    ));
                }
                if let Some(shown) = self.throttle.pass(&strategy, &detail, now) {
                    tracing::warn!(
                        event = "strategy_failed",
                        strategy,
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

    fn end(&mut self, session: &Playing<'_>, _recording: &str) -> Result<(), RunError> {
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

fn hash_in(session: &Playing<'_>, name: &str) -> Option<String> {
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
