//! The one loop body of backtest, DRY_RUN and LIVE.
//!
//! The venue sees an update first, so fills come before strategies; the core handles it; the journal commits; the
//! venue is told. Time enters as an argument and nowhere else.

use super::core::Command;
use super::{
    Effects, Engine, Event, Gate, Journal, JournalError, NoJournal, Notice, Receipt, Recovery,
    Request, Strategy, Trace, Venue,
};
use crate::market::{
    Books, Instruction, MarketDelta, MarketId, OrderChange, OrderEvent, Persistence, TimeMs,
    VenueEvent, VenueReason,
};
use crate::planted::{self, Bug};

/// What stops a desk: a record whose fate is unknown. Nothing is sent after it.
pub type DeskError = JournalError;

/// Puts a core between a venue and a journal and moves them in step.
pub struct Desk<G: Gate, V, J> {
    /// The books.
    pub books: Books,
    /// The core.
    pub engine: Engine<G>,
    /// The venue.
    pub venue: V,
    /// The journal.
    pub journal: J,
    trace: Trace,
    effects: Effects<G::Pass>,
    heard: Vec<VenueEvent>,
    updates: u64,
    /// The journal's failure, once there was one: whether its records are kept is unknown, so nothing is done any more.
    failed: Option<DeskError>,
}

impl<G, V, J> Desk<G, V, J>
where
    G: Gate,
    V: Venue<G::Pass>,
    J: Journal,
{
    /// A desk with empty books.
    pub fn new(engine: Engine<G>, venue: V, journal: J) -> Self {
        Self {
            books: Books::default(),
            engine: engine.with_reasons(journal.keeps_reasons()),
            venue,
            journal,
            trace: Trace::default(),
            effects: Effects::default(),
            heard: Vec::new(),
            updates: 0,
            failed: None,
        }
    }

    /// Number of market changes handled.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Hash over everything recorded so far.
    #[must_use]
    pub fn trace_hash(&self) -> String {
        self.trace.hash()
    }

    /// Notices since the last call.
    pub fn notices(&mut self) -> impl Iterator<Item = Notice> + '_ {
        self.effects.notices.drain(..)
    }

    /// Takes over what earlier sessions left; every session begins so. Nothing is bet before the venue has listed what
    /// it has of us.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn recover(&mut self, now: TimeMs, recovery: Recovery) -> Result<(), DeskError> {
        self.handle(now, Event::Recover(Box::new(recovery)));
        self.carry_out(now, |_| Sending::Allowed)?;
        self.hear(now);
        self.carry_out(now, |_| Sending::Allowed)
    }

    /// Lets time pass where no market changes: what the venue said is heard, what is due is done.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn tick(
        &mut self,
        now: TimeMs,
        said: &mut Vec<VenueEvent>,
        guard: impl FnMut(&Instruction) -> Sending,
    ) -> Result<(), DeskError> {
        self.heard.append(said);
        self.hear(now);
        self.handle(now, Event::Tick);
        self.carry_out(now, guard)
    }

    /// Loads a strategy, or the next version of one with the same name.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn load(&mut self, now: TimeMs, strategy: Box<dyn Strategy>) -> Result<(), DeskError> {
        self.handle(now, Event::Load(strategy));
        self.carry_out(now, |_| Sending::Allowed)
    }

    /// Obeys the operator.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn operate(&mut self, now: TimeMs, command: Command) -> Result<(), DeskError> {
        self.handle(now, Event::Operator(command));
        self.carry_out(now, |_| Sending::Allowed)
    }

    /// One market change, all the way: stamped `now` where it entered, published by the venue earlier. Changes of markets never defined are ignored.
    ///
    /// # Errors
    /// If the journal fails; nothing of this step was sent then.
    pub fn step(
        &mut self,
        now: TimeMs,
        published_at: TimeMs,
        delta: &MarketDelta,
    ) -> Result<(), DeskError> {
        self.step_guarded(now, published_at, delta, |_| Sending::Allowed)
    }

    /// As [`Self::step`], asking `guard` (a kill switch, say) about each new order, and each that is to live longer, at the last moment before
    /// it leaves.
    ///
    /// # Errors
    /// If the journal fails; nothing of this step was sent then.
    pub fn step_guarded(
        &mut self,
        now: TimeMs,
        published_at: TimeMs,
        delta: &MarketDelta,
        guard: impl FnMut(&Instruction) -> Sending,
    ) -> Result<(), DeskError> {
        self.venue.observe(now, &self.books, delta, &mut self.heard);
        let Some(at) = self.books.apply(published_at, delta) else {
            return Ok(());
        };
        self.updates += 1;
        self.hear(now);
        self.handle(now, Event::Market(at));
        self.carry_out(now, guard)
    }

    /// Records what was heard since the last step, at the end of a run.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn finish(&mut self, now: TimeMs) -> Result<(), DeskError> {
        loop {
            self.hear(now);
            self.carry_out(now, |_| Sending::Stopped)?;
            // Orders asked for in the last moment are stopped, and that is a word to be heard as well.
            if self.heard.is_empty() {
                return Ok(());
            }
        }
    }

    fn hear(&mut self, now: TimeMs) {
        if !self.heard.is_empty() {
            let heard = std::mem::take(&mut self.heard);
            self.handle(now, Event::Venue(&heard));
            self.heard = heard;
            self.heard.clear();
        }
    }

    fn handle(&mut self, now: TimeMs, event: Event<'_>) {
        self.engine
            .handle(now, event, &self.books, &mut self.effects);
    }

    /// Commits what was recorded, then sends what was held for it.
    fn carry_out(
        &mut self,
        now: TimeMs,
        mut guard: impl FnMut(&Instruction) -> Sending,
    ) -> Result<(), DeskError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        if std::mem::take(&mut self.effects.ask_listing) {
            self.venue.list(now, &mut self.heard);
        }
        if self.effects.records.is_empty() {
            return Ok(());
        }
        self.trace.add(&self.effects.records);
        let (token, records) = (self.effects.token(), &self.effects.records);
        if planted::is(Bug::SendBeforeCommit) {
            let early = NoJournal.commit(token, records)?;
            self.send(now, &early, &mut guard);
        }
        let records = &self.effects.records;
        let receipt: Receipt = match self.journal.commit(token, records) {
            Ok(receipt) => receipt,
            Err(_) if planted::is(Bug::CommitErrorIgnored) => NoJournal.commit(token, records)?,
            Err(error) => {
                self.failed = Some(error.clone());
                return Err(error);
            }
        };
        self.send(now, &receipt, &mut guard);
        self.effects.next_batch();
        Ok(())
    }

    /// Sends what was held for the batch of this receipt, asking once more about all that could cost more.
    fn send(
        &mut self,
        now: TimeMs,
        receipt: &Receipt,
        guard: &mut impl FnMut(&Instruction) -> Sending,
    ) {
        let mut requests = std::mem::take(&mut self.effects.requests);
        for held in requests.drain(..) {
            let request = held.release(receipt);
            if self.is_stopped(&request, guard) {
                withhold(now, &request, &mut self.heard);
            } else {
                self.venue.submit(now, &self.books, request);
            }
        }
        self.effects.requests = requests;
    }

    /// The last word on a request: asked of a new order, and of one that is to live longer as it would then stand. A
    /// cancel always goes, and so does what makes an order lapse sooner.
    fn is_stopped(
        &self,
        request: &Request<G::Pass>,
        guard: &mut impl FnMut(&Instruction) -> Sending,
    ) -> bool {
        if planted::is(Bug::KillOnlyInGate) {
            return false;
        }
        let sending = match request {
            Request::Place(pass) | Request::Replace { with: pass, .. } => guard(pass.as_ref()),
            Request::Update {
                persistence: Persistence::Lapse,
                ..
            }
            | Request::Cancel { .. } => Sending::Allowed,
            Request::Update { .. } if planted::is(Bug::UpdatesUnguarded) => Sending::Allowed,
            Request::Update {
                market,
                order,
                persistence,
            } => match self.engine.updated(market, *order, *persistence) {
                Some(updated) => guard(&updated),
                None => Sending::Stopped,
            },
        };
        sending == Sending::Stopped
    }
}

/// Reports of a request that was stopped: nothing of it left.
fn withhold<P: AsRef<Instruction>>(at: TimeMs, request: &Request<P>, out: &mut Vec<VenueEvent>) {
    let reason = VenueReason::Withheld;
    let mut report = |market: &MarketId, order, change| {
        out.push(VenueEvent::Order(OrderEvent {
            market: market.clone(),
            order,
            at,
            change,
        }));
    };
    if let Request::Place(pass) | Request::Replace { with: pass, .. } = request {
        let new = pass.as_ref();
        report(&new.market, new.id, OrderChange::NotSent);
    }
    match request {
        Request::Replace { market, order, .. } => {
            report(market, *order, OrderChange::CancelFailed { reason });
        }
        Request::Update { market, order, .. } => {
            report(market, *order, OrderChange::UpdateFailed { reason });
        }
        Request::Place(_) | Request::Cancel { .. } => {}
    }
}

/// The last word before a request leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// It may.
    Allowed,
    /// It may not; it is reported as not sent.
    Stopped,
}
