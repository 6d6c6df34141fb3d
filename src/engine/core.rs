//! The engine: a state machine that turns events into effects.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::account::Booked;
use super::exposure::worst_case;
use super::holding::Holding;
use super::record::Action;
use super::{
    Account, Answer, Ask, Effects, Fault, Figure, Gate, IntentRecord, Moment, Notice, ReasonCode,
    Record, Refusal, Request, Strategy, StrategyChange, Totals, Verdict,
};
use crate::market::{
    Books, Intent, Malformed, Market, MarketDefinition, MarketId, MarketIndex, Money, Order,
    OrderEvent, OrderId, OrderKind, Place, Price, Reversal, Seen, Settlement, TimeMs, VenueEvent,
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
    /// The operator spoke.
    Operator(Command),
}

/// What an operator may order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Refuse every new order from now on.
    Halt(String),
    /// Take orders again.
    Resume(String),
}

/// Whether a strategy is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Running,
    /// It failed too often in a row; it is not, until its next version.
    Quarantined,
}

/// One strategy with all that is its own.
pub struct Slot {
    strategy: Box<dyn Strategy>,
    /// Its name.
    pub name: Arc<str>,
    /// Its present version.
    pub hash: Arc<str>,
    /// Its money.
    pub account: Account,
    /// Whether it is called.
    pub standing: Standing,
    totals: Totals,
    faults_in_a_row: u32,
    desks: Vec<Option<MarketDesk>>,
}

/// A strategy in one market: what it holds there, and whether it wants the market.
struct MarketDesk {
    holding: Arc<Holding>,
    judged: Arc<MarketDefinition>,
    wanted: bool,
    at_risk: Money,
    open_orders: usize,
    settled: Option<Booked>,
}

/// The deterministic core. `G` is the risk gate.
pub struct Engine<G: Gate> {
    gate: G,
    epoch: u64,
    bank: Money,
    halted: bool,
    slots: Vec<Slot>,
    owners: BTreeMap<OrderId, (usize, MarketIndex)>,
    inputs: u64,
    answers_in_input: u32,
    answer: Answer,
    changed: Vec<(usize, MarketIndex, OrderId)>,
}

impl Slot {
    /// What the strategy did so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = self.totals.clone();
        for order in self.orders() {
            if order.matched.is_positive() {
                totals.matched += 1;
                totals.turnover += order.matched;
                totals.risked += match (order.side, order.average_price()) {
                    (crate::market::Side::Lay, Some(price)) => order.matched.liability_at(price),
                    _ => order.matched,
                };
                if order.profit.is_none() {
                    totals.unsettled += order.matched;
                }
            }
        }
        totals
    }

    fn orders(&self) -> impl Iterator<Item = &Order> {
        self.desks
            .iter()
            .flatten()
            .flat_map(|desk| desk.holding.orders())
    }

    /// Its orders by market, in the order the markets were first seen.
    pub fn holdings(&self) -> impl Iterator<Item = (MarketIndex, &Arc<Holding>)> {
        self.desks
            .iter()
            .enumerate()
            .filter_map(|(at, desk)| desk.as_ref().map(|desk| (MarketIndex(at), &desk.holding)))
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> serde_json::Value {
        self.strategy.state()
    }

    fn desk(&mut self, at: MarketIndex, market: &Market) -> &mut MarketDesk {
        if self.desks.len() <= at.0 {
            self.desks.resize_with(at.0 + 1, || None);
        }
        let filter = self.strategy.filter();
        let desk = self.desks[at.0].get_or_insert_with(|| MarketDesk {
            holding: Arc::default(),
            judged: Arc::clone(&market.definition),
            wanted: filter.wants_market(&market.definition),
            at_risk: Money::ZERO,
            open_orders: 0,
            settled: None,
        });
        if !Arc::ptr_eq(&desk.judged, &market.definition) {
            desk.judged = Arc::clone(&market.definition);
            desk.wanted = filter.wants_market(&market.definition);
        }
        desk
    }

    /// Brings the money at risk and the open orders in a market up to date.
    fn weigh(&mut self, at: MarketIndex, market: &Market) {
        let Some(desk) = self.desks.get_mut(at.0).and_then(Option::as_mut) else {
            return;
        };
        let now = if desk.settled.is_some() {
            Money::ZERO
        } else {
            worst_case(market, &desk.holding, None).market
        };
        self.account.at_risk += now - desk.at_risk;
        desk.at_risk = now;
        let open = desk.holding.live_count();
        self.account.open_orders = self.account.open_orders + open - desk.open_orders;
        desk.open_orders = open;
    }
}

impl<G: Gate> Engine<G> {
    /// A core with no strategies yet. `epoch` tells sessions apart: ids of intents are derived from it.
    /// Each strategy starts with `bank`.
    pub fn new(gate: G, epoch: u64, bank: Money) -> Self {
        Self {
            gate,
            epoch,
            bank,
            halted: false,
            slots: Vec::new(),
            owners: BTreeMap::new(),
            inputs: 0,
            answers_in_input: 0,
            answer: Answer::default(),
            changed: Vec::new(),
        }
    }

    /// The strategies in the order they were first loaded.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Whether the operator has halted betting.
    #[must_use]
    pub fn is_halted(&self) -> bool {
        self.halted
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
            Event::Load(strategy) => self.load(now, strategy, effects),
            Event::Operator(command) => self.obey(now, command, effects),
        }
    }

    fn market_changed(
        &mut self,
        now: TimeMs,
        at: MarketIndex,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        let market = books.get(at);
        for slot in 0..self.slots.len() {
            let this = &mut self.slots[slot];
            if this.standing != Standing::Running {
                continue;
            }
            let wanted = this.desk(at, market).wanted;
            if wanted && this.strategy.filter().wants_moment(&market.definition, now) {
                self.call(slot, now, at, market, Calling::Odds, effects);
            }
        }
    }

    fn venue_reported(
        &mut self,
        now: TimeMs,
        events: &[VenueEvent],
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        let mut changed = std::mem::take(&mut self.changed);
        changed.clear();
        for event in events {
            match event {
                VenueEvent::Order(event) => self.order_changed(event, books, &mut changed, effects),
                VenueEvent::Settled(settlement) => {
                    self.tell(now, &mut changed, books, effects);
                    self.settle(now, settlement, books, effects);
                }
                VenueEvent::Reversed(reversal) => {
                    self.tell(now, &mut changed, books, effects);
                    self.reverse(now, reversal, books, effects);
                }
            }
        }
        self.tell(now, &mut changed, books, effects);
        self.changed = changed;
    }

    /// Tells strategies of their changed orders, each order once, in the order of the first change.
    fn tell(
        &mut self,
        now: TimeMs,
        changed: &mut Vec<(usize, MarketIndex, OrderId)>,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        for (slot, at, order) in changed.drain(..) {
            if self.slots[slot].standing == Standing::Running {
                self.call(slot, now, at, books.get(at), Calling::Order(order), effects);
            }
        }
    }

    fn order_changed(
        &mut self,
        event: &OrderEvent,
        books: &Books,
        changed: &mut Vec<(usize, MarketIndex, OrderId)>,
        effects: &mut Effects<G::Pass>,
    ) {
        let Some(&(slot, at)) = self.owners.get(&event.order) else {
            return;
        };
        let this = &mut self.slots[slot];
        let Some(desk) = this.desks.get_mut(at.0).and_then(Option::as_mut) else {
            return;
        };
        let Some(order) =
            Arc::make_mut(&mut desk.holding).apply(event.order, event.at, event.change)
        else {
            return;
        };
        if matches!(event.change, crate::market::OrderChange::Rejected { .. }) {
            this.totals.refused_by_venue += 1;
        }
        effects.records.push(Record::Order {
            at: event.at,
            strategy: Arc::clone(&this.name),
            market: event.market.clone(),
            order: event.order,
            change: event.change,
            state: order.state,
            matched: order.matched,
        });
        this.weigh(at, books.get(at));
        if !changed.contains(&(slot, at, event.order)) {
            changed.push((slot, at, event.order));
        }
    }

    fn settle(
        &mut self,
        now: TimeMs,
        settlement: &Settlement,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        let Some(at) = books.find(&settlement.market) else {
            return;
        };
        for slot in 0..self.slots.len() {
            let owners = &self.owners;
            let orders: Vec<(OrderId, Money)> = settlement
                .profits
                .iter()
                .filter(|(order, _)| owners.get(order) == Some(&(slot, at)))
                .copied()
                .collect();
            let this = &mut self.slots[slot];
            let Some(desk) = this.desks.get_mut(at.0).and_then(Option::as_mut) else {
                continue;
            };
            if desk.settled.is_some() || orders.is_empty() {
                continue;
            }
            let holding = Arc::make_mut(&mut desk.holding);
            for &(order, profit) in &orders {
                holding.settle(order, profit);
            }
            let gross = orders.iter().map(|&(_, profit)| profit).sum();
            let booked = Booked::new(settlement.at, gross, settlement.commission_rate);
            desk.settled = Some(booked);
            this.account.roll_day(now);
            this.account.settle(booked.net());
            this.totals.settle(booked);
            this.weigh(at, books.get(at));
            effects.records.push(Record::Settled {
                at: settlement.at,
                strategy: Arc::clone(&this.name),
                market: settlement.market.clone(),
                version: settlement.version,
                reversal: false,
                gross,
                commission: booked.commission,
                orders,
            });
            if this.standing == Standing::Running {
                let calling = Calling::Settled(settlement);
                self.call(slot, now, at, books.get(at), calling, effects);
            }
        }
    }

    /// Takes a settlement back: every strategy's bets in the market are open again, and count as such.
    fn reverse(
        &mut self,
        now: TimeMs,
        reversal: &Reversal,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        let Some(at) = books.find(&reversal.market) else {
            return;
        };
        for this in &mut self.slots {
            let Some(desk) = this.desks.get_mut(at.0).and_then(Option::as_mut) else {
                continue;
            };
            let Some(booked) = desk.settled.take() else {
                continue;
            };
            let orders = Arc::make_mut(&mut desk.holding).unsettle();
            this.account.roll_day(now);
            this.account.settle(-booked.net());
            this.totals.reverse(booked);
            this.weigh(at, books.get(at));
            effects.records.push(Record::Settled {
                at: reversal.at,
                strategy: Arc::clone(&this.name),
                market: reversal.market.clone(),
                version: reversal.version,
                reversal: true,
                gross: -booked.gross,
                commission: -booked.commission,
                orders,
            });
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
                self.slots.push(Slot {
                    strategy,
                    name: Arc::clone(&name),
                    hash: Arc::clone(&hash),
                    account: Account::new(self.bank),
                    standing: Standing::Running,
                    totals: Totals::default(),
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
                        detail: format!("the new version cannot take over the state, the old one goes on: {fault}"),
                        quarantined: slot.standing == Standing::Quarantined,
                    });
                    return;
                }
                slot.strategy = strategy;
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

    fn obey(&mut self, now: TimeMs, command: Command, effects: &mut Effects<G::Pass>) {
        let (halted, reason) = match command {
            Command::Halt(reason) => (true, reason),
            Command::Resume(reason) => (false, reason),
        };
        if halted != self.halted {
            self.halted = halted;
            effects.records.push(Record::Halted {
                at: now,
                halted,
                reason,
            });
        }
    }

    /// Calls a strategy and acts on its answer.
    fn call(
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
        drop(holding);
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
                    self.propose(slot, now, at, market, &answer.intents, effects);
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
            detail: fault.detail.clone(),
            quarantined,
        });
    }

    fn propose(
        &mut self,
        slot: usize,
        now: TimeMs,
        at: MarketIndex,
        market: &Arc<Market>,
        intents: &[Intent],
        effects: &mut Effects<G::Pass>,
    ) {
        self.slots[slot].account.roll_day(now);
        if intents.len() > self.gate.max_intents() {
            self.refuse_all(slot, now, market, intents.len(), effects);
            return;
        }
        for intent in intents {
            let id = self.next_id(slot, &market.id);
            let (action, verdict) = self.decide(slot, now, at, market, id, intent, effects);
            let seen =
                action_runner(&action).map_or_else(Seen::default, |runner| market.seen(runner));
            let this = &mut self.slots[slot];
            if let Verdict::Refused(refusal) = &verdict {
                *this.totals.rejections.entry(refusal.code).or_default() += 1;
            }
            // The record of the decision comes before anything that follows from it.
            effects.records.push(Record::Intent(Box::new(IntentRecord {
                id,
                at: now,
                strategy: Arc::clone(&this.name),
                hash: Arc::clone(&this.hash),
                market: market.id.clone(),
                sequence: market.sequence,
                action,
                seen,
                verdict,
            })));
        }
    }

    /// Refuses all intents of a call at once, with one record.
    fn refuse_all(
        &mut self,
        slot: usize,
        now: TimeMs,
        market: &Market,
        count: usize,
        effects: &mut Effects<G::Pass>,
    ) {
        let limit = self.gate.max_intents();
        let id = self.next_id(slot, &market.id);
        let this = &mut self.slots[slot];
        *this
            .totals
            .rejections
            .entry(ReasonCode::IntentTooMany)
            .or_default() += 1;
        effects.records.push(Record::Intent(Box::new(IntentRecord {
            id,
            at: now,
            strategy: Arc::clone(&this.name),
            hash: Arc::clone(&this.hash),
            market: market.id.clone(),
            sequence: market.sequence,
            action: Action::Malformed {
                what: "too many intents in one call".to_owned(),
                value: count.to_string(),
            },
            seen: Seen::default(),
            verdict: Verdict::Refused(Refusal::of(
                ReasonCode::IntentTooMany,
                Figure::Count(count as u64),
                Figure::Count(limit as u64),
            )),
        })));
    }

    /// Judges one intent and, if it passes, reserves and sends it.
    #[allow(clippy::too_many_arguments)]
    fn decide(
        &mut self,
        slot: usize,
        now: TimeMs,
        at: MarketIndex,
        market: &Market,
        id: OrderId,
        intent: &Intent,
        effects: &mut Effects<G::Pass>,
    ) -> (Action, Verdict) {
        match intent {
            Intent::Place(place) => {
                let action = Action::Place {
                    place: place.clone(),
                    replaces: None,
                };
                let verdict = match self.check(slot, now, at, market, id, place, None) {
                    Ok(pass) => {
                        effects.send(Request::Place(pass));
                        Verdict::Approved
                    }
                    Err(refusal) => Verdict::Refused(refusal),
                };
                (action, verdict)
            }
            Intent::Cancel { order, size } => {
                let action = Action::Cancel {
                    order: *order,
                    size: *size,
                };
                let verdict = match self.claim(slot, at, *order) {
                    Ok(_) => {
                        let (market, order, size) = (market.id.clone(), *order, *size);
                        effects.send(Request::Cancel {
                            market,
                            order,
                            size,
                        });
                        Verdict::Approved
                    }
                    Err(refusal) => Verdict::Refused(refusal),
                };
                (action, verdict)
            }
            Intent::Replace {
                order,
                price,
                reason,
            } => self.decide_replace(slot, now, at, market, id, (*order, *price, reason), effects),
            Intent::Malformed(Malformed { what, value, .. }) => (
                Action::Malformed {
                    what: what.clone(),
                    value: value.clone(),
                },
                Verdict::Refused(Refusal::of(
                    ReasonCode::IntentMalformed,
                    Figure::Text(value.clone()),
                    Figure::Text(what.clone()),
                )),
            ),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn decide_replace(
        &mut self,
        slot: usize,
        now: TimeMs,
        at: MarketIndex,
        market: &Market,
        id: OrderId,
        (order, price, reason): (OrderId, Price, &Option<Arc<str>>),
        effects: &mut Effects<G::Pass>,
    ) -> (Action, Verdict) {
        let replace = Action::Replace { order, price };
        let place = match self.live_order(slot, at, order) {
            Ok(old) => match old.kind {
                OrderKind::Limit {
                    persistence,
                    fill_or_kill,
                    ..
                } => Place {
                    runner: old.runner,
                    side: old.side,
                    kind: OrderKind::Limit {
                        price,
                        size: old.remaining(),
                        persistence,
                        fill_or_kill,
                    },
                    reason: reason.clone(),
                    probability: None,
                    tag: old.tag.clone(),
                },
                _ => {
                    return (
                        replace,
                        Verdict::Refused(Refusal::plain(ReasonCode::OrderUnknown)),
                    );
                }
            },
            Err(refusal) => return (replace, Verdict::Refused(refusal)),
        };
        let verdict = match self.check(slot, now, at, market, id, &place, Some(order)) {
            Ok(with) => match self.claim(slot, at, order) {
                Ok(()) => {
                    effects.send(Request::Replace {
                        market: market.id.clone(),
                        order,
                        price,
                        with,
                    });
                    Verdict::Approved
                }
                Err(refusal) => Verdict::Refused(refusal),
            },
            Err(refusal) => Verdict::Refused(refusal),
        };
        (
            Action::Place {
                place,
                replaces: Some(order),
            },
            verdict,
        )
    }

    /// Asks the gate; what it lets through is reserved at once: the order stands, at its worst, from here on.
    #[allow(clippy::too_many_arguments)]
    fn check(
        &mut self,
        slot: usize,
        now: TimeMs,
        at: MarketIndex,
        market: &Market,
        id: OrderId,
        place: &Place,
        replaces: Option<OrderId>,
    ) -> Result<G::Pass, Refusal> {
        let halted = self.halted;
        let this = &mut self.slots[slot];
        this.desk(at, market);
        this.weigh(at, market);
        let desk = this.desks[at.0]
            .as_mut()
            .ok_or(Refusal::plain(ReasonCode::MarketNotOpen))?;
        let ask = Ask {
            now,
            id,
            strategy: &this.name,
            place,
            market,
            holding: &desk.holding,
            account: &this.account,
            replaces,
            halted,
        };
        let pass = self.gate.check(&ask)?;
        Arc::make_mut(&mut desk.holding).add(Order::new(id, place, now));
        self.owners.insert(id, (slot, at));
        this.totals.bets += 1;
        this.weigh(at, market);
        Ok(pass)
    }

    fn live_order(&self, slot: usize, at: MarketIndex, order: OrderId) -> Result<&Order, Refusal> {
        let unknown = || {
            Refusal::of(
                ReasonCode::OrderUnknown,
                Figure::Text(order.to_string()),
                Figure::None,
            )
        };
        let desk = self.slots[slot]
            .desks
            .get(at.0)
            .and_then(Option::as_ref)
            .ok_or_else(unknown)?;
        let order = desk
            .holding
            .live()
            .find(|live| live.id == order)
            .ok_or_else(unknown)?;
        if order.cancel_pending {
            let id = Figure::Text(order.id.to_string());
            return Err(Refusal::of(ReasonCode::OrderBusy, id, Figure::None));
        }
        Ok(order)
    }

    /// Marks a live order as being cancelled or replaced, so that it is not asked twice.
    fn claim(&mut self, slot: usize, at: MarketIndex, order: OrderId) -> Result<(), Refusal> {
        self.live_order(slot, at, order)?;
        let desk = self.slots[slot].desks[at.0]
            .as_mut()
            .ok_or(Refusal::plain(ReasonCode::OrderUnknown))?;
        if let Some(order) = Arc::make_mut(&mut desk.holding).order_mut(order) {
            order.cancel_pending = true;
        }
        Ok(())
    }

    /// The next intent's id: 128 bits of a hash over where it came from, so that the same input gives the same id.
    fn next_id(&mut self, slot: usize, market: &MarketId) -> OrderId {
        let slot = &self.slots[slot];
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.epoch.to_le_bytes());
        for text in [&*slot.name, &*slot.hash, market.as_str()] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.update(&self.inputs.to_le_bytes());
        hasher.update(&self.answers_in_input.to_le_bytes());
        self.answers_in_input += 1;
        let mut bits = [0; 16];
        bits.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        OrderId::from_bits(u128::from_be_bytes(bits))
    }
}

/// Which function of a strategy is called.
#[derive(Clone, Copy)]
enum Calling<'a> {
    Odds,
    Order(OrderId),
    Settled(&'a Settlement),
}

fn action_runner(action: &Action) -> Option<crate::market::RunnerId> {
    match action {
        Action::Place { place, .. } => Some(place.runner),
        Action::Cancel { .. } | Action::Replace { .. } | Action::Malformed { .. } => None,
    }
}
