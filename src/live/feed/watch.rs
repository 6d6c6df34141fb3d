//! The engine thread's loop on a live feed: waits for what is said, judges how fresh it is, and lets time pass.

use std::ops::ControlFlow;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::Inbox;
use super::note::{Beginning, FORM};
use super::supply::{Supply, Wanted};
use crate::backtest::{Attended, Fault, ORDINAL, Playing, RunError, Trouble};
use crate::config::{self, Config, Severity};
use crate::engine::{Command, Fence, Recovery, TradingState, Venue};
use crate::live::conductor::{Conductor, Told};
use crate::live::status::LiveFeed;
use crate::market::{Mode, TimeMs};
use crate::risk::Approved;
use crate::venue::{FeedState, Heard};

/// How long the engine waits for something to happen before it looks around.
const LOOK: Duration = Duration::from_millis(100);
/// How often time passes where nothing else happens.
const TICK: Duration = Duration::from_secs(1);
/// How long what is on its way is waited for at the end.
const DRAIN: Duration = Duration::from_secs(10);
/// How often a person is told that the feed merges changes.
const CONFLATION_TOLD_EVERY: Duration = Duration::from_secs(600);
/// Why a feed is not asked for what the strategies want.
const TOO_MUCH: &str = "the strategies want every market there is, which no feed sends: have markets() name a sport, or name markets in feed.markets";
/// Lines that cannot be read are told of one by one up to here.
const MOST_PROBLEMS: usize = 20;

/// A live feed as the engine's thread sees it.
pub(in crate::live) struct Watch<'a> {
    name: &'static str,
    settings: config::Feed,
    supply: Supply<'a>,
    inbox: Inbox,
    /// What earlier sessions left, to begin with.
    recovery: Option<Recovery>,
    /// What it was asked for last, or that it was to be more than it sends; `None` before the first time.
    asked_for: Option<Option<Wanted>>,
    state: FeedState,
    heard_at: Instant,
    ticked_at: Instant,
    /// Whether the feed forbids orders, and whether lateness does.
    is_fenced: bool,
    is_late: bool,
    is_skewed: bool,
    reconnects: u64,
    gaps: u64,
    faults: Vec<Fault>,
    problems: Vec<Trouble>,
    lines: u64,
    /// Lines that told of several changes as one, and when a person was told of it last.
    conflated: u64,
    conflation_told: Option<Instant>,
    /// What of the recorder's trouble was told.
    told: Option<String>,
}

impl<'a> Watch<'a> {
    pub(in crate::live) fn new(
        name: &'static str,
        settings: &config::Feed,
        supply: Supply<'a>,
        inbox: Inbox,
        recovery: Option<Recovery>,
    ) -> Self {
        let now = Instant::now();
        Self {
            name,
            settings: settings.clone(),
            supply,
            inbox,
            recovery,
            asked_for: None,
            state: FeedState::Connecting,
            heard_at: now,
            ticked_at: now,
            is_fenced: false,
            is_late: false,
            is_skewed: false,
            reconnects: 0,
            gaps: 0,
            faults: Vec::new(),
            problems: Vec::new(),
            lines: 0,
            conflated: 0,
            conflation_told: None,
            told: None,
        }
    }

    /// Why nothing may be bet upon what the feed says; `None` if it is well.
    fn doubt(&self, now: Instant) -> Option<String> {
        match &self.state {
            FeedState::Connecting if self.asked_for == Some(None) => {
                Some(format!("nothing is asked of the feed: {TOO_MUCH}"))
            }
            FeedState::Connecting => Some("the feed is on its way".to_owned()),
            FeedState::Down { why } => Some(format!("the feed is lost: {why}")),
            FeedState::Stale { why } => Some(format!("the feed says not to trust it: {why}")),
            FeedState::Live => {
                let silent = now.saturating_duration_since(self.heard_at);
                let limit = Duration::from_secs(u64::from(self.settings.warn_seconds));
                (silent >= limit)
                    .then(|| format!("no word from the feed for {} s", silent.as_secs()))
            }
        }
    }

    fn status(&self, now: Instant) -> LiveFeed {
        LiveFeed {
            state: match &self.state {
                FeedState::Connecting => "connecting",
                FeedState::Live => "live",
                FeedState::Stale { .. } => "stale",
                FeedState::Down { .. } => "down",
            },
            doubt: self.doubt(now),
            fail_after: Duration::from_secs(u64::from(self.settings.fail_seconds)),
            heard_at: self.heard_at,
            reconnects: self.reconnects,
            clock_skew_ms: self.supply.clock_skew_ms(),
            lines: self.lines,
            unreadable: self.problems.len() as u64,
            conflated: self.conflated,
            gaps: self.gaps,
            session_ends_at: self.supply.session_ends_at(),
            requests: self.supply.requests(),
            recorder: None,
            credits: self.supply.credits(),
        }
    }
}

impl Conductor<'_> {
    /// Follows a feed until the operator ends it.
    pub(in crate::live) fn follow<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        watch: &mut Watch<'_>,
        config: &Config,
        mode: Mode,
    ) -> Result<Attended, RunError> {
        self.status.feed.recording = Some(watch.name.to_owned());
        self.publisher.begin();
        // What runs before this one in the same mode came to goes on being counted.
        let before = self.ledger.reader()?.closings(mode)?;
        self.publisher.count_closings(&before);
        self.tape_begin(watch.name, config, mode);
        if let (Some(recovery), Some(tape)) = (watch.recovery.take(), &mut self.tape) {
            session.recover(tape.now(), recovery)?;
        }
        self.tick(session)?;
        let position = self.position();
        if let Some(gate) = &self.gate {
            gate.door.told(&position);
        }
        self.status.trading = position.clone();
        // What was recovered may be another state than the present one.
        if position.state != session.house().state {
            self.operate(session, Command::Trade(position.state, position.reason))?;
        }
        self.hold(session)?;
        self.judge_approvals(session)?;
        loop {
            let now = Instant::now();
            self.pulse.beat();
            self.judge(session, watch, now)?;
            self.judge_clock(session, watch)?;
            self.tend(session, now)?;
            if !self.watched.is_empty() {
                self.judge_watched(session)?;
            }
            self.ask_for(session, watch);
            self.hand_out(session, watch);
            if self.leaves_live(session) {
                break;
            }
            let told = self.ears.recv_timeout(LOOK);
            self.pulse.beat();
            let flow = match told {
                Ok(told) => self.attend_to(session, watch, told)?,
                Err(RecvTimeoutError::Timeout) => ControlFlow::Continue(()),
                Err(RecvTimeoutError::Disconnected) => ControlFlow::Break(()),
            };
            if flow.is_break() {
                break;
            }
            if watch.ticked_at.elapsed() >= TICK {
                watch.ticked_at = Instant::now();
                self.tick(session)?;
            }
        }
        self.pulse.stop();
        if mode == Mode::Live {
            self.drain(session, watch)?;
        }
        session.finish()?;
        self.hand_out(session, watch);
        self.close(session)?;
        if let Some(tape) = &mut self.tape {
            tape.end(session.trace_hash(), session.updates());
        }
        Ok(Attended {
            interrupted: true,
            problems: std::mem::take(&mut watch.problems),
            faults: std::mem::take(&mut watch.faults),
            // It was kept on the way.
            forgotten: Vec::new(),
        })
    }

    /// Before the end of LIVE: nothing new is sent, and what is on its way is waited for, though not for ever. What is not
    /// heard of by then is found at the next start.
    fn drain<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        watch: &mut Watch<'_>,
    ) -> Result<(), RunError> {
        let over = Command::Trade(TradingState::Paused, "the host is ending".to_owned());
        self.operate(session, over)?;
        let deadline = Instant::now() + DRAIN;
        while session.house().burden.unheard > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let unheard = session.house().burden.unheard;
                self.voice.warn(format_args!(
                    "ending with {unheard} orders of which the venue has not been heard: the next start asks for them"
                ));
                return Ok(());
            }
            match self.ears.recv_timeout(left.min(LOOK)) {
                Ok(Told::Heard(heard)) => self.heard(session, watch, heard)?,
                Ok(_) | Err(RecvTimeoutError::Timeout) => self.tick(session)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
        Ok(())
    }

    fn tape_begin(&mut self, feed: &str, config: &Config, mode: Mode) {
        let states = self.keeper.all();
        let beginning = Beginning {
            form: FORM,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mode: mode.as_str().to_owned(),
            run: self.status.run,
            feed: feed.to_owned(),
            config: serde_json::to_value(config).unwrap_or_default(),
            states: states.cloned(),
        };
        if let Some(tape) = &mut self.tape {
            tape.begin(beginning, &self.scripts);
        }
    }

    fn tick<V: Venue<Approved>>(&mut self, session: &mut Playing<'_, V>) -> Result<(), RunError> {
        self.said(session, &mut Vec::new())
    }

    /// Time passes, in which the venue said this.
    fn said<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        said: &mut Vec<crate::market::VenueEvent>,
    ) -> Result<(), RunError> {
        let Some(tape) = &mut self.tape else {
            return Ok(());
        };
        let forgotten = tape.tick(session, said)?;
        if tape.has_withheld() {
            self.looked_at = None;
        }
        if !forgotten.is_empty() {
            self.ledger.visits(self.status.run, ORDINAL, forgotten)?;
        }
        Ok(())
    }

    /// Gives notices out.
    fn hand_out<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        watch: &mut Watch<'_>,
    ) {
        let notices: Vec<_> = session.notices().collect();
        for notice in notices {
            Fault::count(&mut watch.faults, &notice);
            self.tell(notice);
        }
    }

    /// Asks the feed for what the strategies want, if that is not what it was asked for.
    fn ask_for<V: Venue<Approved>>(&mut self, session: &Playing<'_, V>, watch: &mut Watch<'_>) {
        let slots = session.slots();
        let filters = slots.iter().map(|slot| slot.filter());
        let wanted = watch.supply.wanted(&watch.settings, filters);
        if watch.asked_for.as_ref() == Some(&wanted) {
            return;
        }
        match &wanted {
            Some(wanted) => watch.supply.watch(wanted),
            None => self
                .voice
                .warn(format_args!("{TOO_MUCH}. The feed goes on as it is")),
        }
        watch.asked_for = Some(wanted);
    }

    /// Sets up or takes down what the feed's state has to say about bets.
    fn judge<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        watch: &mut Watch<'_>,
        now: Instant,
    ) -> Result<(), RunError> {
        let doubt = watch.doubt(now);
        if doubt.is_some() != watch.is_fenced {
            watch.is_fenced = doubt.is_some();
            match &doubt {
                Some(why) => self.voice.warn(format_args!("no bets: {why}")),
                None => self.voice.say("the feed is live"),
            }
            // A feed that has not begun is no news.
            if watch.lines > 0 {
                watch.gaps += u64::from(doubt.is_some());
                let (severity, words) = match &doubt {
                    Some(why) => (Severity::Critical, why.as_str()),
                    None => (Severity::Info, "the feed is live again"),
                };
                self.alert(severity, Fence::FeedUnreliable.as_str(), words);
            }
            self.looked_at = None;
            self.operate(session, Command::Fence(Fence::FeedUnreliable, doubt))?;
        }
        if self
            .looked_at
            .is_none_or(|at| now.saturating_duration_since(at) >= LOOK)
        {
            let mut status = watch.status(now);
            status.recorder = self.tape.as_ref().and_then(super::Tape::recorder);
            let trouble = status.recorder.as_ref().and_then(|health| health.trouble());
            if trouble != watch.told {
                if let Some(trouble) = &trouble {
                    self.voice.warn(trouble);
                }
                watch.told = trouble;
            }
            self.status.feed.live = Some(status);
        }
        Ok(())
    }

    /// Orders wait while our clock and the venue's differ by more than they may.
    fn judge_clock<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        watch: &mut Watch<'_>,
    ) -> Result<(), RunError> {
        let limit = i64::from(self.settings.config().live.max_clock_skew_ms);
        let skew = watch.supply.clock_skew_ms();
        let is_skewed = skew.abs() > limit;
        if is_skewed == watch.is_skewed {
            return Ok(());
        }
        watch.is_skewed = is_skewed;
        let figures = is_skewed.then(|| {
            let side = if skew > 0 { "ahead of" } else { "behind" };
            let skew = skew.abs();
            format!("our clock is {skew} ms {side} the venue's, {limit} are allowed (live.max_clock_skew_ms)")
        });
        self.fence(session, Command::Fence(Fence::ClockSkew, figures))
    }

    fn attend_to<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        watch: &mut Watch<'_>,
        told: Told,
    ) -> Result<ControlFlow<()>, RunError> {
        match told {
            Told::Heard(heard) => self.heard(session, watch, heard)?,
            Told::Overrun => self.overrun(watch),
            other => return self.hear(session, other),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn heard<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        watch: &mut Watch<'_>,
        heard: Heard,
    ) -> Result<(), RunError> {
        match heard {
            Heard::Line { at, bytes } => {
                watch.inbox.taken();
                watch.heard_at = Instant::now();
                watch.lines += 1;
                self.publisher.entered(watch.heard_at);
                self.judge_lag(session, watch, at)?;
                self.line(session, watch, at, &bytes)?;
            }
            Heard::Venue(mut events) => self.said(session, &mut events)?,
            Heard::Feed(state) => {
                // That it is down, or being connected, is our word and not the feed's.
                if matches!(state, FeedState::Live | FeedState::Stale { .. }) {
                    watch.heard_at = Instant::now();
                }
                watch.reconnects += u64::from(
                    matches!(state, FeedState::Down { .. })
                        && !matches!(watch.state, FeedState::Down { .. }),
                );
                watch.state = state;
                self.looked_at = None;
            }
            Heard::Alarm { code, detail } => {
                self.tell(crate::engine::Notice::Alarm { code, detail })
            }
        }
        Ok(())
    }

    fn line<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        watch: &mut Watch<'_>,
        at: TimeMs,
        bytes: &[u8],
    ) -> Result<(), RunError> {
        let Some(tape) = &mut self.tape else {
            return Ok(());
        };
        let wrong = tape.line(session, at, bytes)?;
        if tape.has_withheld() {
            self.looked_at = None;
        }
        if tape.was_conflated() {
            watch.conflated += 1;
            self.judge_conflation(watch);
        }
        if let Some(wrong) = wrong {
            let problem = Trouble {
                path: watch.name.to_owned(),
                line: Some(watch.lines),
                message: wrong.to_string(),
            };
            if watch.problems.len() < MOST_PROBLEMS {
                self.voice
                    .warn(format_args!("a line of the feed cannot be read: {wrong}"));
                watch.problems.push(problem);
            }
        }
        self.status.feed.position = Some(session.now());
        self.status.feed.last_message = Some(watch.heard_at);
        Ok(())
    }

    /// The feed merges changes, though it is not asked to: it cannot send as fast as the market moves, or we cannot hear.
    fn judge_conflation(&mut self, watch: &mut Watch<'_>) {
        let told = watch.conflation_told;
        let is_asked_for = self.settings.config().betfair.conflate_ms > 0;
        if is_asked_for || told.is_some_and(|at| at.elapsed() < CONFLATION_TOLD_EVERY) {
            return;
        }
        watch.conflation_told = Some(Instant::now());
        self.tell(crate::engine::Notice::Alarm {
            code: "FEED_CONFLATED",
            detail: format!(
                "the feed tells of several changes as one ({} lines so far): the connection or this machine is too slow for what the strategies want",
                watch.conflated
            ),
        });
    }

    /// Orders wait while the host is late with what it hears.
    fn judge_lag<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        watch: &mut Watch<'_>,
        came_at: TimeMs,
    ) -> Result<(), RunError> {
        let lag = (self.wall_clock)() - came_at;
        let limit = i64::from(watch.settings.max_lag_ms);
        let late = if watch.is_late {
            lag > limit / 2
        } else {
            lag > limit
        };
        if late == watch.is_late {
            return Ok(());
        }
        watch.is_late = late;
        let detail = late.then(|| format!("changes of the market waited {lag} ms"));
        match &detail {
            Some(detail) => {
                self.voice.warn(format_args!("no bets: {detail}"));
                self.alert(Severity::Warning, Fence::LoopLag.as_str(), detail);
            }
            None => self.voice.say("the host has caught up with the feed"),
        }
        self.operate(session, Command::Fence(Fence::LoopLag, detail))
    }

    /// More came than could be handled, and was thrown away: the feed is to begin anew.
    fn overrun(&mut self, watch: &mut Watch<'_>) {
        watch.state = FeedState::Stale {
            why: "it said more than could be handled".to_owned(),
        };
        self.tell(crate::engine::Notice::Alarm {
            code: "FEED_OVERRUN",
            detail: format!(
                "more than {} lines of the feed waited: they were thrown away, and the feed is asked for anew",
                watch.settings.max_waiting
            ),
        });
        if let Some(Some(wanted)) = &watch.asked_for {
            watch.supply.watch(wanted);
        }
    }
}
