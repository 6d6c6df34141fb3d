//! What a venue reports: orders that changed, markets that were settled, and who hears of it.

use std::sync::Arc;

use super::account::Booked;
use super::core::Calling;
use super::{Effects, Engine, Gate, Record, Standing};
use crate::market::{
    Books, MarketIndex, Money, OrderChange, OrderEvent, OrderId, Reversal, Settlement, TimeMs,
    VenueEvent,
};

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
        if matches!(event.change, OrderChange::Rejected { .. }) {
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
            let (mut gross, mut on_exchange) = (Money::ZERO, Money::ZERO);
            for &(order, profit) in &orders {
                holding.settle(order, profit);
                gross += profit;
                let with_book = holding.order(order).is_some_and(|o| o.book.is_some());
                on_exchange += if with_book { Money::ZERO } else { profit };
            }
            let booked = Booked::new(
                settlement.at,
                gross,
                on_exchange,
                settlement.commission_rate,
            );
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
}
