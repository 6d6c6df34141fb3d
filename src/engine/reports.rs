//! What a venue reports: orders that changed, markets that were settled, and who hears of it.

use std::sync::Arc;

use super::account::Booked;
use super::core::Calling;
use super::{Effects, Engine, Funds, Gate, Notice, Record, Standing};
use crate::market::{
    Books, MarketIndex, Money, Order, OrderChange, OrderEvent, OrderId, OrderState, Reversal,
    Settlement, TimeMs, VenueEvent, VenueReason,
};

/// What a settlement books for a strategy.
struct Held {
    slot: usize,
    orders: Vec<(OrderId, Money)>,
    /// What they brought on the exchange itself.
    on_exchange: Money,
}

/// A fill of an order that is not known at all.
pub(super) fn unknown_fill<P>(event: &OrderEvent, effects: &mut Effects<P>) {
    if let OrderChange::Matched { .. } = event.change {
        effects.notices.push(Notice::Alarm {
            code: "FILL_UNEXPLAINED",
            detail: format!(
                "the venue reports a fill of order {} in {}, which is none that can be filled: compare the ledger with the venue",
                event.order, event.market
            ),
        });
    }
}

/// A fill of an order that can have none: our books and the venue's do not agree.
fn unexplained_fill(event: &OrderEvent, state: OrderState) -> Notice {
    Notice::Alarm {
        code: "FILL_UNEXPLAINED",
        detail: format!(
            "the venue reports a fill of order {} in {}, which is {}: compare the ledger with the venue",
            event.order,
            event.market,
            state.as_str()
        ),
    }
}

impl<G: Gate> Engine<G> {
    pub(super) fn venue_reported(
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
                VenueEvent::Statement(at, statement) => {
                    self.changed = std::mem::take(&mut changed);
                    self.stated(*at, statement, books, effects);
                    changed = std::mem::take(&mut self.changed);
                }
                VenueEvent::Listing(at, listing) => {
                    self.changed = std::mem::take(&mut changed);
                    self.listed(*at, listing, books, effects);
                    changed = std::mem::take(&mut self.changed);
                }
                VenueEvent::Deaf(at) => self.deaf(*at, effects),
                VenueEvent::Funds(said_at, free) => {
                    self.house.funds = Some(Funds {
                        said_at: *said_at,
                        free: *free,
                        at_risk: self.at_risk_before(*said_at, books),
                    });
                }
                VenueEvent::Settled(settlement) => {
                    self.tell(now, &mut changed, books, effects);
                    self.changed = std::mem::take(&mut changed);
                    self.end_resting(settlement, books, effects);
                    self.settle(now, settlement, books, effects);
                    changed = std::mem::take(&mut self.changed);
                }
                VenueEvent::Reversed(reversal) => {
                    self.tell(now, &mut changed, books, effects);
                    self.reverse(now, reversal, books, effects);
                }
            }
        }
        self.tell(now, &mut changed, books, effects);
        self.changed = changed;
        if self.sweeps() {
            self.sweep(now, None, books, effects);
        }
    }

    /// What all bets could lose but for the orders asked for since then: those the venue may not have known of.
    fn at_risk_before(&self, at: TimeMs, books: &Books) -> Money {
        let mut since = Money::ZERO;
        for slot in &self.slots {
            for (place, holding) in slot.holdings() {
                let definition = &books.get(place).definition;
                let orders = holding.orders().iter();
                let new = orders.filter(|order| order.requested_at >= at && order.stands());
                since += new
                    .map(|order| definition.at_risk(order.side, order.kind))
                    .sum();
            }
        }
        (self.house.burden.at_risk - since).max(Money::ZERO)
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

    pub(super) fn order_changed(
        &mut self,
        event: &OrderEvent,
        books: &Books,
        changed: &mut Vec<(usize, MarketIndex, OrderId)>,
        effects: &mut Effects<G::Pass>,
    ) {
        let Some(&(slot, at)) = self.owners.get(&event.order) else {
            self.stray_changed(event, effects);
            return;
        };
        let this = &mut self.slots[slot];
        let Some(desk) = this.desks.get_mut(at.0).and_then(Option::as_mut) else {
            return;
        };
        let holding = Arc::make_mut(&mut desk.holding);
        let Some(before) = holding.order(event.order).map(|order| order.state) else {
            return;
        };
        let is_news = holding.apply(event.order, event.at, event.change).is_some();
        let Some(order) = holding.order(event.order) else {
            return;
        };
        let (after, requested_at) = (order.state, order.requested_at);
        // A word that comes too late to change anything is recorded as well.
        effects.records.push(Record::Order {
            at: event.at,
            strategy: Arc::clone(&this.name),
            market: event.market.clone(),
            order: event.order,
            change: event.change,
            state: after,
            matched: order.matched,
        });
        if !is_news {
            if let OrderChange::Matched { .. } = event.change {
                effects.notices.push(unexplained_fill(event, before));
            }
            return;
        }
        if let OrderChange::Matched { .. } = event.change {
            desk.filled(event.at);
        }
        if matches!(event.change, OrderChange::Rejected { .. }) {
            this.totals.refused_by_venue += 1;
        }
        this.weigh(at, books.get(at), &mut self.house);
        self.moved(
            event.at,
            event.order,
            requested_at,
            (before, after),
            effects,
        );
        if !changed.contains(&(slot, at, event.order)) {
            changed.push((slot, at, event.order));
        }
    }

    /// What follows from an order's move from one state to another.
    pub(super) fn moved(
        &mut self,
        at: TimeMs,
        order: OrderId,
        requested_at: TimeMs,
        (before, after): (OrderState, OrderState),
        effects: &mut Effects<G::Pass>,
    ) {
        match (before, after) {
            (OrderState::Sending, OrderState::Unknown) => {
                self.doubt(at, order, requested_at);
                self.count_doubt(at, effects);
            }
            (OrderState::Sending, OrderState::Rejected) => self.house.heard(at, true),
            (OrderState::Sending, _) if after != OrderState::NotSent => self.house.heard(at, false),
            _ => {}
        }
        if before.is_doubtful() && !after.is_doubtful() {
            self.doubt_over(order);
        }
    }

    /// What still rests in a market that is settled went unmatched, though word of that may have been lost.
    fn end_resting(
        &mut self,
        settlement: &Settlement,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        let mut resting = self.resting_strays(&settlement.market);
        if let Some(at) = books.find(&settlement.market) {
            let slots = self.slots.iter();
            let desks = slots.filter_map(|slot| slot.desks.get(at.0)?.as_ref());
            let live = desks.flat_map(|desk| desk.holding.live());
            let working = live.filter(|order| order.state == OrderState::Working);
            resting.extend(working.map(|order| (order.id, order.outstanding())));
        }
        for (order, size) in resting {
            let reason = VenueReason::MarketClosed;
            let change = OrderChange::Lapsed { size, reason };
            self.say(settlement.at, order, change, books, effects);
        }
    }

    fn settle(
        &mut self,
        now: TimeMs,
        settlement: &Settlement,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        self.settled.insert(settlement.market.clone(), now);
        self.forget_external(&settlement.market);
        let strays = self.take_settled_strays(settlement);
        let at = books.find(&settlement.market);
        let held = at.map_or_else(Vec::new, |at| self.held_in(at, settlement));
        // Those share the commission who have bets there, here or of earlier sessions.
        let results: Vec<Money> = strays
            .values()
            .map(|strays| on_exchange(strays.iter().map(|(stray, profit)| (&stray.order, *profit))))
            .chain(held.iter().map(|held| held.on_exchange))
            .collect();
        let shares = settlement.commission.shares(&results);
        let (of_strays, of_slots) = shares.split_at(strays.len());
        self.settle_strays(now, settlement, strays, of_strays, effects);
        let Some(at) = at else { return };
        for (Held { slot, orders, .. }, commission) in held.into_iter().zip(of_slots) {
            let this = &mut self.slots[slot];
            let Some(desk) = this.desks.get_mut(at.0).and_then(Option::as_mut) else {
                continue;
            };
            let holding = Arc::make_mut(&mut desk.holding);
            let mut gross = Money::ZERO;
            for &(order, profit) in &orders {
                holding.settle(order, profit);
                gross += profit;
            }
            let booked = Booked {
                at: settlement.at,
                gross,
                commission: *commission,
            };
            desk.settled = Some(booked);
            this.account.roll_day(now);
            this.account.settle(settlement.at, booked.net());
            self.house.roll_day(now);
            self.house.book(booked.net());
            this.totals.settle(booked);
            this.weigh(at, books.get(at), &mut self.house);
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

    /// The orders of each strategy that a settlement books, and what they brought on the exchange itself.
    fn held_in(&self, at: MarketIndex, settlement: &Settlement) -> Vec<Held> {
        let mut held = Vec::new();
        for (slot, this) in self.slots.iter().enumerate() {
            let desk = this.desks.get(at.0).and_then(Option::as_ref);
            let Some(desk) = desk.filter(|desk| desk.settled.is_none()) else {
                continue;
            };
            let orders: Vec<(OrderId, Money)> = settlement
                .profits
                .iter()
                .filter(|(order, _)| self.owners.get(order) == Some(&(slot, at)))
                .copied()
                .collect();
            if !orders.is_empty() {
                let those = orders.iter();
                let those =
                    those.filter_map(|(id, profit)| Some((desk.holding.order(*id)?, *profit)));
                let on_exchange = on_exchange(those);
                held.push(Held {
                    slot,
                    orders,
                    on_exchange,
                });
            }
        }
        held
    }

    /// Takes a settlement back: every strategy's bets in the market are open again, and count as such.
    fn reverse(
        &mut self,
        now: TimeMs,
        reversal: &Reversal,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        self.settled.remove(&reversal.market);
        let at = books.find(&reversal.market);
        let was_booked = at.is_some_and(|at| self.take_back(now, at, reversal, books, effects));
        let was_booked_of_strays = self.take_back_of_strays(now, reversal, books, effects);
        if !was_booked && !was_booked_of_strays {
            effects.notices.push(Notice::Alarm {
                code: "SETTLEMENT_UNKNOWN",
                detail: format!(
                    "the settlement of {} was taken back, and is none that is in the books: compare the ledger with the venue",
                    reversal.market
                ),
            });
        }
    }

    /// Whether any strategy had a settlement to be taken back.
    fn take_back(
        &mut self,
        now: TimeMs,
        at: MarketIndex,
        reversal: &Reversal,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) -> bool {
        let mut was_booked = false;
        for this in &mut self.slots {
            let Some(desk) = this.desks.get_mut(at.0).and_then(Option::as_mut) else {
                continue;
            };
            let Some(booked) = desk.settled.take() else {
                continue;
            };
            was_booked = true;
            let orders = Arc::make_mut(&mut desk.holding).unsettle();
            this.account.roll_day(now);
            this.account.reverse(booked.net());
            self.house.roll_day(now);
            self.house.book(-booked.net());
            this.totals.reverse(booked);
            this.weigh(at, books.get(at), &mut self.house);
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
        was_booked
    }
}

/// What orders brought on the exchange itself: bookmakers take no commission.
fn on_exchange<'o>(orders: impl Iterator<Item = (&'o Order, Money)>) -> Money {
    let there = orders.filter(|(order, _)| order.book.is_none());
    there.map(|(_, profit)| profit).sum()
}
