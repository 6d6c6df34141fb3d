//! The engine: a state machine that turns events into effects.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::doubts::Doubts;
use super::strays::Strays;
use super::{
    Account, Answer, Effects, Effort, Fault, FaultKind, Fence, Finished, Gate, House, Moment,
    Notice, Record, Recovered, Recovery, Remedy, Shadow, Slot, Standing, Strategy, StrategyChange,
    Totals, TradingState,
};
use crate::market::{
    Books, Market, MarketId, MarketIndex, Money, OrderId, Settlement, TimeMs, VenueEvent,
};

/// Faults in a row after which a strategy is stopped until its next version.
const FAULTS_BEFORE_QUARANTINE: u32 = 3;

/// What the core is told.
pub enum Event<'a> {
    /// A book changed.
    Market(MarketIndex),
    /// The venue reported, in this order.
    Venue(&'a [VenueEvent]),
    /// A strategy, or the next version of one with the same name.
    Load(Box<dyn Strategy>),
    /// What earlier sessions left: the first event of every session.
    Recover(Box<Recovery>),
    /// The operator spoke, or the host on the operator's behalf.
    Operator(Command),
    /// Nothing happened but time.
    Tick,
}

/// What an operator may order, or the host on the operator's behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Switch betting on, off, or to reducing alone.
    Trade(TradingState, String),
    /// Something about the host's health forbids orders (`Some`, with its figures), or ceases to.
    Fence(Fence, Option<String>),
    /// A strategy may place no orders (`true`), or may again: nobody has approved the version of it that runs.
    Bar(String, bool),
}

/// The deterministic core. `G` is the risk gate.
pub struct Engine<G: Gate> {
    pub(super) gate: G,
    pub(super) epoch: u64,
    pub(super) bank: Money,
    pub(super) banks: BTreeMap<String, Money>,
    pub(super) house: House,
    pub(super) doubts: Doubts,
    /// Bets that no strategy holds in a market of the books.
    pub(super) strays: Strays,
    pub(super) recovered_accounts: BTreeMap<Arc<str>, Account>,
    /// Orders that are over: a listing may still show them.
    pub(super) finished: BTreeMap<OrderId, Finished>,
    /// Markets whose settlement stands, and since when: nothing in them weighs any more.
    pub(super) settled: BTreeMap<MarketId, TimeMs>,
    pub(super) slots: Vec<Slot>,
    pub(super) owners: BTreeMap<OrderId, (usize, MarketIndex)>,
    pub(super) inputs: u64,
    pub(super) answers_in_input: u32,
    pub(super) answer: Answer,
    /// Whether decisions are explained.
    pub(super) gives_reasons: bool,
    /// What would have let the order pass that was refused last.
    pub(super) remedy: Option<Remedy>,
    pub(super) changed: Vec<(usize, MarketIndex, OrderId)>,
}

impl<G: Gate> Engine<G> {
    /// A core with no strategies yet. `epoch` tells sessions apart: ids of intents are derived from it.
    /// Each strategy starts with `bank`.
    pub fn new(gate: G, epoch: u64, bank: Money) -> Self {
        Self {
            gate,
            epoch,
            bank,
            banks: BTreeMap::new(),
            house: House::default(),
            doubts: Doubts::default(),
            strays: Strays::default(),
            recovered_accounts: BTreeMap::new(),
            finished: BTreeMap::new(),
            settled: BTreeMap::new(),
            slots: Vec::new(),
            owners: BTreeMap::new(),
            inputs: 0,
            answers_in_input: 0,
            answer: Answer::default(),
            gives_reasons: true,
            remedy: None,
            changed: Vec::new(),
        }
    }

    /// The gate, to be held to other limits.
    pub fn gate_mut(&mut self) -> &mut G {
        &mut self.gate
    }

    /// Has a strategy start with a bank of its own.
    #[must_use]
    pub fn with_bank(mut self, strategy: &str, bank: Money) -> Self {
        self.banks.insert(strategy.to_owned(), bank);
        self
    }

    /// Whether decisions are explained: what each control weighed, and what would have let a refused order pass.
    #[must_use]
    pub(super) fn with_reasons(mut self, given: bool) -> Self {
        self.gives_reasons = given;
        self
    }

    /// Calls the next version of a strategy beside the present one from now on, its state taken over, until a version is
    /// loaded or [`Engine::drop_shadow`] ends it. Nothing that it asks for is done.
    ///
    /// # Errors
    /// If there is no such strategy, or it cannot take over the state.
    pub fn shadow(&mut self, mut strategy: Box<dyn Strategy>) -> Result<(), Fault> {
        let Some(slot) = self
            .slots
            .iter_mut()
            .find(|slot| &*slot.name == strategy.name())
        else {
            let words = format!("{} does not run", strategy.name());
            return Err(Fault {
                summary: words.clone(),
                detail: words,
                kind: FaultKind::default(),
            });
        };
        strategy.restore(&slot.strategy.state())?;
        slot.shadow = Some(Shadow::new(strategy));
        Ok(())
    }

    /// Ends a shadow, if there is one.
    pub fn drop_shadow(&mut self, strategy: &str) -> Option<Shadow> {
        let slot = self.slots.iter_mut().find(|slot| &*slot.name == strategy)?;
        slot.shadow.take()
    }

    /// The strategies in the order they were first loaded.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// All strategies together.
    #[must_use]
    pub fn house(&self) -> &House {
        &self.house
    }

    /// Orders of earlier sessions whose market, or whose strategy, has not been seen in this one.
    #[must_use]
    pub fn orphans(&self) -> &[Recovered] {
        &self.strays.orders
    }

    /// Handles one event. Everything it wants done is in `effects`.
    pub fn handle(
        &mut self,
        now: TimeMs,
        event: Event<'_>,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        self.inputs += 1;
        self.answers_in_input = 0;
        match event {
            Event::Market(at) => self.market_changed(now, at, books, effects),
            Event::Venue(events) => self.venue_reported(now, events, books, effects),
            Event::Load(strategy) => {
                self.load(now, strategy, effects);
                self.place_all_strays(books);
            }
            Event::Recover(recovery) => self.recover(now, *recovery, effects),
            Event::Operator(command) => self.obey(now, command, books, effects),
            Event::Tick => {
                if self.sweeps() {
                    self.sweep(now, None, books, effects);
                }
            }
        }
        self.tend(now, books, effects);
        self.retire_strays(now);
    }

    fn market_changed(
        &mut self,
        now: TimeMs,
        at: MarketIndex,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        let market = books.get(at);
        self.place_strays(at, books);
        if self.sweeps() {
            self.sweep(now, Some(at), books, effects);
        }
        for slot in 0..self.slots.len() {
            let this = &mut self.slots[slot];
            this.review(at, market, &mut self.house);
            if this.standing != Standing::Running {
                continue;
            }
            if !this.desk(at, market).wanted {
                continue;
            }
            let now_wanted = this.strategy.filter().wants_moment(&market.definition, now);
            let desk = this.desk(at, market);
            if now_wanted {
                desk.calls += 1;
                self.call(slot, now, at, market, Calling::Odds, effects);
            } else {
                desk.not_now += 1;
                this.call_shadow_alone(now, at, market);
            }
        }
    }

    fn load(
        &mut self,
        now: TimeMs,
        mut strategy: Box<dyn Strategy>,
        effects: &mut Effects<G::Pass>,
    ) {
        let (name, hash): (Arc<str>, Arc<str>) = (strategy.name().into(), strategy.hash().into());
        let known = self.slots.iter().position(|slot| slot.name == name);
        let change = match known {
            None => {
                let known = self.recovered_accounts.remove(&name);
                let bank = self.banks.get(&*name).copied().unwrap_or(self.bank);
                self.slots.push(Slot {
                    strategy,
                    shadow: None,
                    name: Arc::clone(&name),
                    hash: Arc::clone(&hash),
                    account: known
                        .map_or_else(|| Account::new(bank), |known| known.with_bank(bank)),
                    standing: Standing::Running,
                    totals: Totals::default(),
                    effort: Effort::default(),
                    faults_in_a_row: 0,
                    desks: Vec::new(),
                });
                StrategyChange::Loaded
            }
            Some(at) => {
                let slot = &mut self.slots[at];
                if let Err(fault) = strategy.restore(&slot.strategy.state()) {
                    effects.notices.push(Notice::Fault {
                        strategy: name.to_string(),
                        kind: fault.kind,
                        detail: format!("the new version cannot take over the state, the old one goes on: {fault}"),
                        quarantined: slot.standing == Standing::Quarantined,
                    });
                    return;
                }
                slot.strategy = strategy;
                slot.shadow = None;
                slot.standing = Standing::Running;
                slot.faults_in_a_row = 0;
                // Its filter may have changed: judge every market anew.
                for desk in slot.desks.iter_mut().flatten() {
                    desk.wanted = slot.strategy.filter().wants_market(&desk.judged);
                }
                StrategyChange::Reloaded {
                    from: std::mem::replace(&mut slot.hash, Arc::clone(&hash)),
                }
            }
        };
        effects.records.push(Record::Strategy {
            at: now,
            strategy: name,
            hash,
            change,
        });
    }

    fn obey(
        &mut self,
        now: TimeMs,
        command: Command,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        match command {
            Command::Trade(state, reason) => {
                if state != self.house.state {
                    self.house.state = state;
                    self.house.reason.clone_from(&reason);
                    effects.records.push(Record::Trading {
                        at: now,
                        state,
                        reason,
                    });
                }
                self.sweep(now, None, books, effects);
            }
            Command::Bar(strategy, true) => drop(self.house.barred.insert(strategy)),
            Command::Bar(strategy, false) => drop(self.house.barred.remove(&strategy)),
            Command::Fence(fence, detail) => {
                let known = self.house.fences.contains_key(&fence);
                match &detail {
                    Some(figures) => {
                        self.house.fences.insert(fence, figures.clone());
                    }
                    None => {
                        self.house.fences.remove(&fence);
                    }
                }
                if known != detail.is_some() {
                    effects.records.push(Record::Fence {
                        at: now,
                        fence,
                        detail,
                    });
                }
            }
        }
    }

    /// Calls a strategy and acts on its answer.
    pub(super) fn call(
        &mut self,
        slot: usize,
        now: TimeMs,
        at: MarketIndex,
        market: &Arc<Market>,
        calling: Calling<'_>,
        effects: &mut Effects<G::Pass>,
    ) {
        let mut answer = std::mem::take(&mut self.answer);
        answer.clear();
        let this = &mut self.slots[slot];
        this.desk(at, market);
        let holding = this.desks[at.0]
            .as_ref()
            .map(|desk| Arc::clone(&desk.holding))
            .unwrap_or_default();
        let moment = Moment {
            now,
            market,
            holding: &holding,
            account: &this.account,
        };
        if let Some(shadow) = &mut this.shadow {
            shadow.call(calling, &moment);
        }
        let result = match calling {
            Calling::Odds => this.strategy.on_odds(&moment, &mut answer),
            Calling::Order(id) => match holding.order(id) {
                Some(order) => this.strategy.on_order(order, &moment, &mut answer),
                None => Ok(()),
            },
            Calling::Settled(settlement) => {
                this.strategy.on_settled(settlement, &moment, &mut answer)
            }
        };
        if let Some(shadow) = &mut this.shadow {
            let asked = if result.is_ok() {
                &answer.intents[..]
            } else {
                &[]
            };
            shadow.compare(calling, asked, &moment);
        }
        drop(holding);
        this.effort.count(answer.operations);
        for line in answer.log.drain(..) {
            effects.notices.push(Notice::Log {
                strategy: this.name.to_string(),
                line,
            });
        }
        match result {
            Ok(()) => {
                this.faults_in_a_row = 0;
                if !answer.intents.is_empty() {
                    let proposed = (&answer.intents[..], &answer.lines[..]);
                    self.propose(slot, now, at, market, proposed, effects);
                }
            }
            Err(fault) => self.fault(slot, now, &fault, effects),
        }
        self.answer = answer;
    }

    fn fault(&mut self, slot: usize, now: TimeMs, fault: &Fault, effects: &mut Effects<G::Pass>) {
        let this = &mut self.slots[slot];
        this.totals.faults += 1;
        this.faults_in_a_row += 1;
        let record = |change| Record::Strategy {
            at: now,
            strategy: Arc::clone(&this.name),
            hash: Arc::clone(&this.hash),
            change,
        };
        effects.records.push(record(StrategyChange::Failed {
            summary: fault.summary.clone(),
        }));
        let quarantined = this.faults_in_a_row >= FAULTS_BEFORE_QUARANTINE;
        if quarantined {
            effects.records.push(record(StrategyChange::Quarantined));
            this.standing = Standing::Quarantined;
        }
        effects.notices.push(Notice::Fault {
            strategy: this.name.to_string(),
            kind: fault.kind,
            detail: fault.detail.clone(),
            quarantined,
        });
    }
}

/// Which function of a strategy is called.
#[derive(Clone, Copy)]
pub(super) enum Calling<'a> {
    Odds,
    Order(OrderId),
    Settled(&'a Settlement),
}
