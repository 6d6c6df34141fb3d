//! What an input does to a session: the same when it happens and when it is played again.

use crate::backtest::{Playing, RunError};
use crate::config::Limits;
use crate::engine::{Command, Strategy, Venue};
use crate::ledger::VisitRow;
use crate::market::{Instruction, TimeMs, VenueEvent};
use crate::risk::Approved;
use crate::source::Lines;
use crate::venue::DecodeError;
use crate::venue::betfair::Message;

/// How often what is past is forgotten, by the session's own time.
const FORGET_MS: i64 = 60_000;

/// One thing that comes to a session from outside.
pub(super) enum Input<'a> {
    /// A version of a strategy.
    Load(Box<dyn Strategy>),
    /// A word of the operator.
    Command(Command),
    /// Other limits.
    Limits(&'a Limits),
    /// A line of the feed.
    Line(&'a [u8]),
    /// Nothing but time, and what the venue said in it.
    Tick(&'a mut Vec<VenueEvent>),
}

/// Moves a session along.
#[derive(Default)]
pub(super) struct Course {
    lines: Lines,
    forgot_at: TimeMs,
    /// What strategies were shown of the markets that were forgotten.
    forgotten: Vec<VisitRow>,
    /// How many orders of the present input were asked about, and which of them were stopped.
    asked: u32,
    withheld: Vec<u32>,
    conflated: usize,
}

impl Course {
    /// Does what an input does, and says what was wrong with its line, if anything was. `may_send` has the last word on
    /// each new order: it is given the order, and its number among those of this input.
    pub(super) fn take<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        at: TimeMs,
        input: Input<'_>,
        may_send: &mut dyn FnMut(&Instruction, u32) -> bool,
    ) -> Result<Option<DecodeError>, RunError> {
        self.asked = 0;
        self.withheld.clear();
        self.conflated = 0;
        let (asked, withheld) = (&mut self.asked, &mut self.withheld);
        let mut last_word = |order: &Instruction| {
            let may = may_send(order, *asked);
            if !may {
                withheld.push(*asked);
            }
            *asked += 1;
            may
        };
        match input {
            Input::Load(strategy) => {
                session.reach(at);
                session.load(strategy)?;
            }
            Input::Command(command) => {
                session.begin(at)?;
                session.operate(command)?;
            }
            Input::Limits(limits) => {
                session.begin(at)?;
                session.hold_to(limits);
            }
            Input::Tick(said) => {
                session.tick(at, said, &mut last_word)?;
                if at - self.forgot_at >= FORGET_MS {
                    self.forgot_at = at;
                    self.forgotten.extend(session.forget_past());
                }
            }
            Input::Line(line) => match self.lines.read(line) {
                Ok(Message::Markets {
                    published_at,
                    deltas,
                }) => {
                    self.conflated = deltas.iter().filter(|delta| delta.conflated).count();
                    session.step(at, published_at, deltas, &mut last_word)?;
                }
                Ok(Message::Other(_)) => {}
                Err(error) => return Ok(Some(error)),
            },
        }
        Ok(None)
    }

    /// What strategies were shown of the markets that were forgotten since this was asked last.
    pub(super) fn forgotten(&mut self) -> Vec<VisitRow> {
        std::mem::take(&mut self.forgotten)
    }

    /// How many changes of markets in the last input were several in one.
    pub(super) fn conflated(&self) -> usize {
        self.conflated
    }

    /// The orders of the last input that were stopped.
    pub(super) fn withheld(&self) -> &[u32] {
        &self.withheld
    }
}
