//! The session's inputs on their way in: each gets its time here, is recorded, and takes effect.

use serde_json::Value;

use super::course::{Course, Input};
use super::note::{Beginning, Note, Version};
use crate::backtest::{Playing, RunError};
use crate::config::Limits;
use crate::engine::{Command, Venue};
use crate::ledger::VisitRow;
use crate::live::log::tell_leaving;
use crate::market::{Instruction, TimeMs, VenueEvent};
use crate::risk::Approved;
use crate::source::{Recorder, RecorderHealth};
use crate::strategy::{RhaiStrategy, Script};
use crate::venue::DecodeError;

/// The last word on each new order before it leaves.
pub(in crate::live) type LastWord = Box<dyn FnMut(&Instruction) -> bool + Send>;

/// Where live inputs are stamped and recorded.
pub(in crate::live) struct Tape {
    clock: fn() -> TimeMs,
    last: TimeMs,
    course: Course,
    last_word: LastWord,
    recorder: Option<Recorder>,
    /// Lines lost that the recording does not tell of yet.
    lost: u64,
}

impl Tape {
    pub(in crate::live) fn new(
        clock: fn() -> TimeMs,
        last_word: LastWord,
        recorder: Option<Recorder>,
    ) -> Self {
        Self {
            clock,
            last: TimeMs::default(),
            course: Course::default(),
            last_word,
            recorder,
            lost: 0,
        }
    }

    /// How the recording is doing, if there is one.
    pub(in crate::live) fn recorder(&self) -> Option<RecorderHealth> {
        self.recorder.as_ref().map(Recorder::health)
    }

    /// The time of what happens now. It never runs back, whatever the clock does.
    pub(in crate::live) fn now(&mut self) -> TimeMs {
        self.stamp((self.clock)())
    }

    fn stamp(&mut self, at: TimeMs) -> TimeMs {
        self.last = self.last.max(at);
        self.last
    }

    /// Says what the session begins with.
    pub(super) fn begin(&mut self, beginning: Beginning, scripts: &[Script]) {
        let at = self.now();
        self.note(at, Note::Begin(Box::new(beginning)));
        for script in scripts {
            self.note(at, Note::Load(Box::new(Version::of(script, None))));
        }
    }

    /// A version of a strategy is loaded; `state` is what it was given to remember, if it was.
    pub(in crate::live) fn load<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        script: &Script,
        state: Option<&Value>,
        ready: Box<RhaiStrategy>,
    ) -> Result<(), RunError> {
        let at = self.now();
        let version = Version::of(script, state.cloned());
        self.note(at, Note::Load(Box::new(version)));
        self.take(session, at, Input::Load(ready)).map(drop)
    }

    /// The operator, or the host for the operator, says something.
    pub(in crate::live) fn operate<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        command: Command,
    ) -> Result<(), RunError> {
        let at = self.now();
        self.note(at, Note::of(&command));
        self.take(session, at, Input::Command(command)).map(drop)
    }

    /// Orders are held to other limits.
    pub(in crate::live) fn hold_to<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        limits: &Limits,
    ) -> Result<(), RunError> {
        let at = self.now();
        self.note(at, Note::Limits(Box::new(limits.clone())));
        self.take(session, at, Input::Limits(limits)).map(drop)
    }

    /// Time passes, in which the venue said something or nothing. What is past may be forgotten: what strategies were
    /// shown of it is given back.
    pub(in crate::live) fn tick<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        said: &mut Vec<VenueEvent>,
    ) -> Result<Vec<VisitRow>, RunError> {
        let at = self.now();
        self.note(at, Note::Tick);
        self.take(session, at, Input::Tick(said))?;
        Ok(self.course.forgotten())
    }

    /// A line came at a time, and is handled now. What is wrong with it is given back.
    pub(in crate::live) fn line<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        came_at: TimeMs,
        line: &[u8],
    ) -> Result<Option<DecodeError>, RunError> {
        let at = self.stamp(came_at);
        self.note(at, Note::Line);
        if self.recorder.is_some() {
            self.record(line.to_vec());
        }
        self.take(session, at, Input::Line(line))
    }

    /// The session has ended in order.
    pub(in crate::live) fn end(&mut self, trace_hash: String, updates: u64) {
        let at = self.last;
        self.note(
            at,
            Note::End {
                trace_hash,
                updates,
            },
        );
    }

    fn take<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        at: TimeMs,
        input: Input<'_>,
    ) -> Result<Option<DecodeError>, RunError> {
        let last_word = &mut self.last_word;
        let wrong = self.course.take(session, at, input, &mut |order, _| {
            let leaves = last_word(order);
            if leaves {
                tell_leaving(order);
            }
            leaves
        })?;
        if self.has_withheld() {
            let orders = self.course.withheld().to_vec();
            self.note(at, Note::Withheld { orders });
        }
        Ok(wrong)
    }

    /// Whether an order of the last input was stopped by the last word.
    pub(in crate::live) fn has_withheld(&self) -> bool {
        !self.course.withheld().is_empty()
    }

    /// Whether the last line told of several changes as one.
    pub(in crate::live) fn was_conflated(&self) -> bool {
        self.course.conflated() > 0
    }

    fn note(&mut self, at: TimeMs, note: Note) {
        if self.recorder.is_some() {
            self.record(note.line(at));
        }
    }

    fn record(&mut self, line: Vec<u8>) {
        let Some(recorder) = &self.recorder else {
            return;
        };
        // A hole is told of before anything else is written, or what follows would be taken for all there was.
        if self.lost > 0 {
            let told = Note::Lost { lines: self.lost };
            if !recorder.line(told.line(self.last)) {
                self.lost += 1;
                return;
            }
            self.lost = 0;
        }
        if !recorder.line(line) {
            self.lost += 1;
        }
    }
}
