//! One session: a desk with its strategies, its gate and the simulated exchange, fed with messages.

use std::collections::BTreeMap;

use serde_json::Value;

use super::closing::{Closing, ClosingLine};
use super::statistics::{Facts, event_of, happened};
use crate::config::Limits;
use crate::engine::{
    Command, Desk, DeskError, Engine, Fault, House, Journal, Notice, Recovery, Sending, Shadow,
    Slot, Strategy, Venue,
};
use crate::exchange::{Exchange, ExchangeSettings};
use crate::ledger::{CloseRow, ClosingRow, VisitRow};
use crate::market::{
    Books, Currency, Instruction, MarketDelta, MarketId, MarketStatus, Money, TimeMs, VenueEvent,
};
use crate::risk::{Approved, RiskGate, RiskLimits};

/// What a strategy may use.
#[derive(Clone, Debug)]
pub struct Means {
    /// What it starts with.
    pub bank: Money,
    /// Its own limits; those of the set-up hold beside them.
    pub limits: RiskLimits,
}

/// What every session of a run starts from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What the operator permits.
    pub limits: RiskLimits,
    /// How the simulated exchange treats orders.
    pub exchange: ExchangeSettings,
    /// What each strategy starts with.
    pub bank: Money,
    /// The currency of every amount.
    pub currency: Currency,
    /// What single strategies have of their own, by name.
    pub own: BTreeMap<String, Means>,
    /// What strategies remember at the start of a run. With it, what they remember goes on from session to session;
    /// without it, each session starts with nothing.
    pub memory: Option<Memory>,
    /// Which prices count as the close that bets are measured against.
    pub closing: Closing,
}

/// Strategies in the order of their names, so that results do not depend on how they were given.
pub(super) fn by_name(mut strategies: Vec<Box<dyn Strategy>>) -> Vec<Box<dyn Strategy>> {
    strategies.sort_by(|a, b| a.name().cmp(b.name()));
    strategies
}

/// What strategies remember, by name.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<String, Value>);

impl Memory {
    /// What these strategies remember.
    pub fn new(states: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self(states.into_iter().collect())
    }

    /// What a strategy remembers, if it is anything.
    #[must_use]
    pub fn of(&self, strategy: &str) -> Option<&Value> {
        let state = self.0.get(strategy)?;
        let is_nothing =
            state.is_null() || state.as_object().is_some_and(serde_json::Map::is_empty);
        (!is_nothing).then_some(state)
    }

    /// Gives a strategy back what it remembers.
    ///
    /// # Errors
    /// If it cannot take that over.
    pub fn give_to(&self, strategy: &mut dyn Strategy) -> Result<(), Fault> {
        match self.of(strategy.name()) {
            Some(state) => strategy.restore(state),
            None => Ok(()),
        }
    }

    /// Takes note of what the strategies of a session remember at its end.
    pub fn take_from(&mut self, slots: &[Slot]) {
        for slot in slots {
            self.0.insert(slot.name.to_string(), slot.state());
        }
    }
}

/// A session over one recording or feed. Its bets go to the simulated exchange unless it is given another venue.
pub struct Session<J, V = Exchange> {
    desk: Desk<RiskGate, V, J>,
    waiting: Vec<Box<dyn Strategy>>,
    now: TimeMs,
    begun: bool,
    closing: Closing,
    /// What each market looked like when its event began.
    lines: BTreeMap<MarketId, ClosingLine>,
}

impl<J: Journal> Session<J> {
    /// A session that is about to begin. `ordinal` tells the sessions of a run apart.
    pub fn new(
        setup: &Setup,
        ordinal: u32,
        strategies: Vec<Box<dyn Strategy>>,
        journal: J,
    ) -> Self {
        let exchange = Exchange::new(setup.exchange.clone());
        Self::at(setup, u64::from(ordinal), exchange, strategies, journal)
    }

    /// Markets in which orders went to bookmakers.
    #[must_use]
    pub fn bookmaker_markets(&self) -> u64 {
        self.desk.venue.bookmaker_markets()
    }

    /// Markets of which only last traded prices were known when orders came.
    #[must_use]
    pub fn basic_markets(&self) -> u64 {
        self.desk.venue.basic_markets()
    }
}

impl<J: Journal, V: Venue<Approved>> Session<J, V> {
    /// A session whose bets go to this venue. `epoch` tells sessions apart: ids of orders are derived from it.
    pub fn at(
        setup: &Setup,
        epoch: u64,
        venue: V,
        strategies: Vec<Box<dyn Strategy>>,
        journal: J,
    ) -> Self {
        let gate = RiskGate::new(setup.limits.clone());
        let gate = setup.own.iter().fold(gate, |gate, (strategy, own)| {
            gate.with_own(strategy, &own.limits)
        });
        let engine = Engine::new(gate, epoch, setup.bank).with_doubt_rules(venue.doubt_rules());
        let engine = setup.own.iter().fold(engine, |engine, (strategy, own)| {
            engine.with_bank(strategy, own.bank)
        });
        Self {
            desk: Desk::new(engine, venue, journal),
            waiting: by_name(strategies),
            now: TimeMs::default(),
            begun: false,
            closing: setup.closing.clone(),
            lines: BTreeMap::new(),
        }
    }

    /// Begins with what earlier sessions left, before anything else: where bets stand at a venue that outlives the
    /// program. A session that is not told of any begins with nothing.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn recover(&mut self, now: TimeMs, recovery: Recovery) -> Result<(), DeskError> {
        self.now = now;
        self.begun = true;
        self.desk.recover(now, recovery)
    }

    /// Comes to this time, that of the message about to be handled. At the first one the strategies are loaded.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn begin(&mut self, now: TimeMs) -> Result<(), DeskError> {
        self.now = now;
        if !std::mem::replace(&mut self.begun, true) {
            self.desk.recover(now, Recovery::default())?;
        }
        for strategy in self.waiting.drain(..) {
            self.desk.load(now, strategy)?;
        }
        Ok(())
    }

    /// Handles one message of a recording. Its publish time is the session's time. Strategies are loaded with the first
    /// message. `may_send` has the last word on each new order before it leaves.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn take(
        &mut self,
        published_at: TimeMs,
        deltas: &[MarketDelta],
        may_send: &mut dyn FnMut(&Instruction) -> bool,
    ) -> Result<(), DeskError> {
        self.step(published_at, published_at, deltas, may_send)
    }

    /// Handles one message that was published at one time and came in at another, which is the session's.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn step(
        &mut self,
        now: TimeMs,
        published_at: TimeMs,
        deltas: &[MarketDelta],
        may_send: &mut dyn FnMut(&Instruction) -> bool,
    ) -> Result<(), DeskError> {
        self.begin(now)?;
        for delta in deltas {
            self.note_close(published_at, delta);
            self.desk
                .step_guarded(now, published_at, delta, |order| sending(may_send(order)))?;
        }
        Ok(())
    }

    /// Keeps what a market looks like if its event begins with this change.
    fn note_close(&mut self, now: TimeMs, delta: &MarketDelta) {
        let begins = |definition: &crate::market::MarketDefinition| {
            definition.in_play || definition.status == MarketStatus::Closed
        };
        if delta.definition.as_ref().is_some_and(|new| begins(new))
            && let Some(market) = self.desk.books.market(&delta.market)
            && !begins(&market.definition)
        {
            let line = ClosingLine::of(market, now);
            self.lines.entry(delta.market.clone()).or_insert(line);
        }
    }

    /// Lets time pass where no market changes: what the venue said is heard, what is due is done.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn tick(
        &mut self,
        now: TimeMs,
        said: &mut Vec<VenueEvent>,
        may_send: &mut dyn FnMut(&Instruction) -> bool,
    ) -> Result<(), DeskError> {
        self.begin(now)?;
        self.desk.tick(now, said, |order| sending(may_send(order)))
    }

    /// Comes to this time without anything happening: what is done next is done then.
    pub fn reach(&mut self, now: TimeMs) {
        self.now = now;
    }

    /// Swaps in the next version of a strategy, its state kept. Called between messages.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn load(&mut self, strategy: Box<dyn Strategy>) -> Result<(), DeskError> {
        match self
            .waiting
            .iter_mut()
            .find(|waiting| waiting.name() == strategy.name())
        {
            Some(waiting) => *waiting = strategy,
            None => self.desk.load(self.now, strategy)?,
        }
        Ok(())
    }

    /// Calls the next version of a running strategy beside the present one, without doing what it asks for.
    ///
    /// # Errors
    /// If it does not run, or the next version cannot take over its state.
    pub fn shadow(&mut self, strategy: Box<dyn Strategy>) -> Result<(), Fault> {
        self.desk.engine.shadow(strategy)
    }

    /// Ends a shadow, if there is one.
    pub fn drop_shadow(&mut self, strategy: &str) -> Option<Shadow> {
        self.desk.engine.drop_shadow(strategy)
    }

    /// Holds orders to other limits from here on.
    pub fn hold_to(&mut self, limits: &Limits) {
        let (all, own) = (limits.all.clone(), limits.own.clone());
        self.desk.engine.gate_mut().hold_to(all, own);
    }

    /// Obeys the operator.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn operate(&mut self, command: Command) -> Result<(), DeskError> {
        self.desk.operate(self.now, command)
    }

    /// Ends the session.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn finish(&mut self) -> Result<(), DeskError> {
        self.desk.finish(self.now)
    }

    /// Forgets what is past, so that a session may last for months; for one feed without end, now and then. What
    /// strategies were shown of the markets that are gone, to be kept now: the session does not tell of them again.
    pub fn forget_past(&mut self) -> Vec<VisitRow> {
        let forgotten = self.desk.forget_past(self.now).into_iter();
        let books = &self.desk.books;
        self.lines.retain(|market, _| books.find(market).is_some());
        let rows = forgotten.map(|gone| VisitRow {
            strategy: gone.strategy.to_string(),
            market: gone.market.to_string(),
            calls: gone.visit.calls,
            not_now: gone.visit.not_now,
            unwanted: gone.visit.unwanted,
        });
        rows.collect()
    }

    /// Notices since the last call.
    pub fn notices(&mut self) -> impl Iterator<Item = Notice> + '_ {
        self.desk.notices()
    }

    /// Number of market changes handled.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.desk.updates()
    }

    /// Hash over everything recorded so far.
    #[must_use]
    pub fn trace_hash(&self) -> String {
        self.desk.trace_hash()
    }

    /// The time of the last message.
    #[must_use]
    pub fn now(&self) -> TimeMs {
        self.now
    }

    /// The books.
    #[must_use]
    pub fn books(&self) -> &Books {
        &self.desk.books
    }

    /// The strategies with all that is their own.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        self.desk.engine.slots()
    }

    /// What statistics need of each strategy, in the order of [`Self::slots`].
    pub(super) fn facts(&self) -> Vec<Facts> {
        let of = |slot| Facts::of(slot, self.books(), &self.lines, &self.closing);
        self.slots().iter().map(of).collect()
    }

    /// What a strategy's bets in a market were worth against the close, each that was matched and settled: `version` and
    /// `at` are those of the settlement.
    #[must_use]
    pub fn closings(
        &self,
        strategy: &str,
        market: &MarketId,
        (version, at): (u32, TimeMs),
    ) -> Vec<ClosingRow> {
        let books = self.books();
        let slot = self.slots().iter().find(|slot| &*slot.name == strategy);
        let mut holdings = slot.into_iter().flat_map(Slot::holdings);
        let Some((place, holding)) = holdings.find(|(place, _)| books.get(*place).id == *market)
        else {
            return Vec::new();
        };
        let (line, market) = (self.lines.get(market), books.get(place));
        let settled = holding
            .orders()
            .iter()
            .filter(|order| order.matched.is_positive() && order.profit.is_some());
        let rows = settled.map(|order| ClosingRow {
            order: order.id.to_string(),
            version,
            at,
            strategy: strategy.to_owned(),
            market: market.id.to_string(),
            event: event_of(market).to_string(),
            close: line
                .and_then(|line| line.value(market, order, &self.closing))
                .map(|value| CloseRow {
                    source: value.source,
                    raw: value.raw,
                    clv: value.chosen,
                    chance: value.chance,
                }),
            probability: order.probability,
            happened: happened(market, order),
        });
        rows.collect()
    }

    /// Bets at the venue that the ledger does not explain.
    #[must_use]
    pub fn unexplained_bets(&self) -> usize {
        self.desk.engine.unexplained_bets()
    }

    /// All strategies together.
    #[must_use]
    pub fn house(&self) -> &House {
        self.desk.engine.house()
    }

    /// Where its bets go.
    #[must_use]
    pub fn venue(&self) -> &V {
        &self.desk.venue
    }
}

/// The last word on an order, as the desk takes it.
const fn sending(may: bool) -> Sending {
    if may {
        Sending::Allowed
    } else {
        Sending::Stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::NoJournal;
    use crate::engine::testing::{defined, definition};

    #[test]
    fn closing_lines_go_with_their_markets() {
        let setup = Setup {
            limits: RiskLimits::default(),
            exchange: ExchangeSettings::default(),
            bank: Money::from_major(1_000),
            currency: Currency::GBP,
            own: BTreeMap::new(),
            memory: None,
            closing: Closing::default(),
        };
        let mut session = Session::new(&setup, 0, Vec::new(), NoJournal);
        let mut show = |at: i64, status| {
            let mut new = definition(3, 1);
            new.status = status;
            let deltas = [defined(new)];
            session.take(TimeMs(at), &deltas, &mut |_| true).unwrap();
            session.forget_past();
            session.lines.len()
        };
        assert_eq!(show(0, MarketStatus::Open), 0);
        assert_eq!(show(1_000, MarketStatus::Closed), 1);
        session.reach(TimeMs(3_601_000));
        session.forget_past();
        assert!(session.books().iter().next().is_none());
        assert!(session.lines.is_empty());
    }
}
