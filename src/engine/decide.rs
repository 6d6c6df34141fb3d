//! From intent to order: asked of the gate, reserved, recorded, and held to be sent.

use std::sync::Arc;

use super::record::Action;
use super::{
    Ask, Effects, Engine, Figure, Gate, IntentRecord, ReasonCode, Record, Refusal, Request, Verdict,
};
use crate::market::{
    Intent, Malformed, Market, MarketId, MarketIndex, Money, Order, OrderId, OrderKind, Place,
    Price, RunnerId, Seen, TimeMs,
};
use crate::planted::{self, Bug};

impl<G: Gate> Engine<G> {
    pub(super) fn propose(
        &mut self,
        slot: usize,
        now: TimeMs,
        at: MarketIndex,
        market: &Arc<Market>,
        intents: &[Intent],
        effects: &mut Effects<G::Pass>,
    ) {
        self.slots[slot].account.roll_day(now);
        self.house.roll_day(now);
        if intents.len() > self.gate.max_intents() {
            self.refuse_all(slot, now, market, intents.len(), effects);
            return;
        }
        for intent in intents {
            let id = self.next_id(slot, &market.id);
            let (action, verdict) = self.decide(slot, now, at, market, id, intent, effects);
            self.record(slot, now, market, id, action, verdict, effects);
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
        let action = Action::Malformed {
            what: "too many intents in one call".to_owned(),
            value: count.to_string(),
        };
        let refusal = Refusal::of(
            ReasonCode::IntentTooMany,
            Figure::Count(count as u64),
            Figure::Count(limit as u64),
        );
        let verdict = Verdict::Refused(refusal);
        self.record(slot, now, market, id, action, verdict, effects);
    }

    /// Records a decision, and counts it if it was a refusal.
    #[allow(clippy::too_many_arguments)]
    fn record(
        &mut self,
        slot: usize,
        now: TimeMs,
        market: &Market,
        id: OrderId,
        action: Action,
        verdict: Verdict,
        effects: &mut Effects<G::Pass>,
    ) {
        let this = &mut self.slots[slot];
        if let Verdict::Refused(refusal) = &verdict {
            *this.totals.rejections.entry(refusal.code).or_default() += 1;
        }
        let liability = match &action {
            Action::Place { place, .. } => market.definition.at_risk(place.side, place.kind),
            _ => Money::ZERO,
        };
        let seen = action_runner(&action).map_or_else(Seen::default, |runner| market.seen(runner));
        effects.records.push(Record::Intent(Box::new(IntentRecord {
            id,
            at: now,
            strategy: Arc::clone(&this.name),
            hash: Arc::clone(&this.hash),
            market: market.id.clone(),
            sequence: market.sequence,
            action,
            liability,
            seen,
            verdict,
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
                let nothing = size.is_some_and(|size| !size.is_positive());
                let claimed = if nothing {
                    Err(Refusal::of(
                        ReasonCode::StakeTooSmall,
                        size.map_or(Figure::None, Figure::Money),
                        Figure::Money(Money::from_minor(1)),
                    ))
                } else {
                    self.claim(slot, at, *order)
                };
                let verdict = match claimed {
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
        let this = &mut self.slots[slot];
        this.desk(at, market);
        this.weigh(at, market, &mut self.house);
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
            fills: &desk.fills,
            account: &this.account,
            replaces,
            house: &self.house,
        };
        let pass = self.gate.check(&ask)?;
        Arc::make_mut(&mut desk.holding).add(Order::new(id, place, now));
        self.owners.insert(id, (slot, at));
        this.totals.bets += 1;
        this.weigh(at, market, &mut self.house);
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
        if !planted::is(Bug::EpochNotInIds) {
            hasher.update(&self.epoch.to_le_bytes());
        }
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

fn action_runner(action: &Action) -> Option<RunnerId> {
    match action {
        Action::Place { place, .. } => Some(place.runner),
        Action::Cancel { .. } | Action::Replace { .. } | Action::Malformed { .. } => None,
    }
}
