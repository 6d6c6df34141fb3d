//! From intent to order: asked of the gate, reserved, recorded, and held to be sent.

use std::sync::Arc;

use super::record::{Action, Because};
use super::{
    Ask, Effects, Engine, Figure, Gate, IntentRecord, ReasonCode, Record, Refusal, Request, Verdict,
};
use crate::market::{
    Intent, Malformed, Market, MarketId, MarketIndex, Money, Order, OrderId, OrderKind,
    Persistence, Place, Price, RunnerId, Seen, TimeMs,
};
use crate::planted::{self, Bug};

impl<G: Gate> Engine<G> {
    pub(super) fn propose(
        &mut self,
        slot: usize,
        now: TimeMs,
        at: MarketIndex,
        market: &Arc<Market>,
        (intents, lines): (&[Intent], &[Option<u32>]),
        effects: &mut Effects<G::Pass>,
    ) {
        self.slots[slot].account.roll_day(now);
        self.house.roll_day(now);
        if intents.len() > self.gate.max_intents(&self.slots[slot].name) {
            self.refuse_all((slot, at), now, market, intents.len(), effects);
            return;
        }
        for (at_intent, intent) in intents.iter().enumerate() {
            let line = lines.get(at_intent).copied().flatten();
            let id = self.next_id(slot, &market.id);
            let (action, verdict) = self.decide(slot, now, at, market, id, intent, effects);
            self.record(
                (slot, at),
                now,
                market,
                (id, line),
                action,
                verdict,
                effects,
            );
        }
    }

    /// Refuses all intents of a call at once, with one record.
    fn refuse_all(
        &mut self,
        (slot, at): (usize, MarketIndex),
        now: TimeMs,
        market: &Market,
        count: usize,
        effects: &mut Effects<G::Pass>,
    ) {
        let limit = self.gate.max_intents(&self.slots[slot].name);
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
        self.record(
            (slot, at),
            now,
            market,
            (id, None),
            action,
            verdict,
            effects,
        );
    }

    /// Records a decision, and counts it if it was a refusal.
    #[allow(clippy::too_many_arguments)]
    fn record(
        &mut self,
        (slot, at): (usize, MarketIndex),
        now: TimeMs,
        market: &Market,
        (id, line): (OrderId, Option<u32>),
        action: Action,
        verdict: Verdict,
        effects: &mut Effects<G::Pass>,
    ) {
        let this = &mut self.slots[slot];
        let scopes = this.desk(at, market).scopes.clone();
        if let Verdict::Refused(refusal) = &verdict {
            *this.totals.rejections.entry(refusal.code).or_default() += 1;
        }
        let liability = match &action {
            Action::Place { place, .. } => market.definition.at_risk(place.side, place.kind),
            _ => Money::ZERO,
        };
        let seen = action_runner(&action).map_or_else(Seen::default, |runner| market.seen(runner));
        let mut because = Because {
            line,
            status: market.status(),
            in_play: market.definition.in_play,
            starts_at: market.definition.market_time,
            remedy: self.remedy.take(),
            ..Because::default()
        };
        // Only a placing is asked of the gate.
        if self.gives_reasons && matches!(action, Action::Place { .. }) {
            because.controls = self.gate.weighed();
        }
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
            scopes,
            because,
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
                let place = &addressed(place, market);
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
            Intent::Update { order, persistence } => {
                let (order, persistence) = (*order, *persistence);
                let verdict = match self.update(slot, now, at, market, id, order, persistence) {
                    Ok(()) => {
                        effects.send(Request::Update {
                            market: market.id.clone(),
                            order,
                            persistence,
                        });
                        Verdict::Approved
                    }
                    Err(refusal) => Verdict::Refused(refusal),
                };
                (Action::Update { order, persistence }, verdict)
            }
            Intent::Malformed(Malformed { what, value, .. }) => (
                Action::Malformed {
                    what: what.clone(),
                    value: value.clone(),
                },
                Verdict::Refused(Refusal::of(
                    ReasonCode::IntentMalformed,
                    Figure::Text(value.clone().into()),
                    Figure::Text(what.clone().into()),
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
            Ok(old) if old.update_pending.is_some() => {
                return (replace, Verdict::Refused(busy(order)));
            }
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
                    book: old.book.clone(),
                    reason: reason.clone(),
                    probability: None,
                    tag: old.tag.clone(),
                },
                _ => {
                    return (replace, Verdict::Refused(not_limit(old.kind)));
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
        let pass = match self.gate.check(&ask) {
            Ok(pass) => pass,
            Err(refusal) => {
                if self.gives_reasons {
                    self.remedy = self.gate.remedy(&ask, &refusal);
                }
                return Err(refusal);
            }
        };
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
                Figure::Text(order.to_string().into()),
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
            return Err(busy(order.id));
        }
        if order.book.is_some() {
            let (value, limit) = (
                Figure::Text("CHANGE".into()),
                Figure::Text("BACK LIMIT".into()),
            );
            return Err(Refusal::of(ReasonCode::BookTerms, value, limit));
        }
        Ok(order)
    }

    /// Asks the gate whether an open order may keep to another persistence; if so, marks it as being changed. It may
    /// still be cancelled meanwhile.
    #[allow(clippy::too_many_arguments)]
    fn update(
        &mut self,
        slot: usize,
        now: TimeMs,
        at: MarketIndex,
        market: &Market,
        id: OrderId,
        order: OrderId,
        persistence: Persistence,
    ) -> Result<(), Refusal> {
        let old = self.live_order(slot, at, order)?;
        let Some(present) = old.kind.persistence() else {
            return Err(not_limit(old.kind));
        };
        if old.update_pending.is_some() {
            return Err(busy(order));
        }
        if present == persistence {
            let name = || Figure::Text(persistence.as_str().into());
            return Err(Refusal::of(
                ReasonCode::PersistenceUnchanged,
                name(),
                name(),
            ));
        }
        let place = Place {
            runner: old.runner,
            side: old.side,
            kind: old.kind.with_persistence(persistence),
            book: old.book.clone(),
            reason: None,
            probability: None,
            tag: None,
        };
        let this = &mut self.slots[slot];
        let desk = this.desks[at.0]
            .as_mut()
            .ok_or(Refusal::plain(ReasonCode::OrderUnknown))?;
        self.gate.check_update(&Ask {
            now,
            id,
            strategy: &this.name,
            place: &place,
            market,
            holding: &desk.holding,
            account: &this.account,
            replaces: Some(order),
            house: &self.house,
            fills: &desk.fills,
        })?;
        Arc::make_mut(&mut desk.holding).amend(order, |order| {
            order.update_pending = Some(persistence);
        });
        Ok(())
    }

    /// Marks a live order as being cancelled or replaced, so that it is not asked twice.
    fn claim(&mut self, slot: usize, at: MarketIndex, order: OrderId) -> Result<(), Refusal> {
        self.live_order(slot, at, order)?;
        let desk = self.slots[slot].desks[at.0]
            .as_mut()
            .ok_or(Refusal::plain(ReasonCode::OrderUnknown))?;
        Arc::make_mut(&mut desk.holding).amend(order, |order| order.cancel_pending = true);
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
        Action::Cancel { .. }
        | Action::Update { .. }
        | Action::Replace { .. }
        | Action::Malformed { .. } => None,
    }
}

/// An order names its bookmaker before it is judged and recorded. One that names the market's own venue goes to the
/// exchange; one that names nobody, where only bookmakers offer, goes to the best price.
fn addressed(place: &Place, market: &Market) -> Place {
    let mut place = place.clone();
    place.book = match place.book {
        Some(book) if book.as_str() == market.definition.venue => None,
        None if market.is_bookmakers() => market
            .runner(place.runner)
            .and_then(|runner| runner.quotes.best())
            .map(|quote| quote.book.clone()),
        named => named,
    };
    place
}

fn busy(order: OrderId) -> Refusal {
    let id = Figure::Text(order.to_string().into());
    Refusal::of(ReasonCode::OrderBusy, id, Figure::None)
}

fn not_limit(kind: OrderKind) -> Refusal {
    let (value, limit) = (kind.as_str().to_owned(), "LIMIT".to_owned());
    Refusal::of(
        ReasonCode::OrderNotLimit,
        Figure::Text(value.into()),
        Figure::Text(limit.into()),
    )
}
