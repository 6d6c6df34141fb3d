//! Orders of which nobody can say whether the venue has them: asked after, found, or shown never to have arrived.
//!
//! An order in doubt is never sent again and counts at its worst. That the venue does not have it is believed only when
//! two whole listings in a row do not hold it, both asked for after all delays are over.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{Effects, Engine, Gate, Notice, Record, Unready};
use crate::market::{
    Books, Instruction, Listing, MarketId, Money, Order, OrderChange, OrderEvent, OrderId,
    OrderState, OrderStatement, Persistence, TimeMs, VenueReason,
};
use crate::planted::{self, Bug};

/// How a venue is dealt with when orders come into doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoubtRules {
    /// How long after it was sent an order may still turn up: the longest bet delay, the venue's own patience, a margin.
    pub window_ms: i64,
    /// How far apart listings are asked for.
    pub between_listings_ms: i64,
    /// After how long in doubt a person is called.
    pub stuck_after_ms: i64,
    /// So many doubts in a minute make the venue unready for orders.
    pub at_most: usize,
}

impl Default for DoubtRules {
    fn default() -> Self {
        Self {
            window_ms: 45_000,
            between_listings_ms: 5_000,
            stuck_after_ms: 600_000,
            at_most: 3,
        }
    }
}

/// What is known of the doubts of a session.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    rules: DoubtRules,
    cases: BTreeMap<OrderId, Case>,
    /// When the last doubts arose.
    recent: VecDeque<TimeMs>,
    asked_at: Option<TimeMs>,
    /// Since when the venue has been deaf: only a listing asked for later counts.
    deaf_since: Option<TimeMs>,
}

/// One order in doubt.
#[derive(Clone, Copy, Debug)]
struct Case {
    requested_at: TimeMs,
    /// Since when it has been in doubt.
    since: TimeMs,
    /// When the first listing without it was asked for.
    absent_at: Option<TimeMs>,
    stuck: bool,
}

impl<G: Gate> Engine<G> {
    /// The same core, with other rules for doubts.
    #[must_use]
    pub fn with_doubt_rules(mut self, rules: DoubtRules) -> Self {
        self.doubts.rules = rules;
        self
    }

    /// What must be done because time has passed.
    pub(super) fn tend(&mut self, now: TimeMs, books: &Books, effects: &mut Effects<G::Pass>) {
        if self.doubts.cases.is_empty() && self.house.unready.is_none() {
            return;
        }
        let rules = self.doubts.rules;
        let due = self
            .doubts
            .asked_at
            .is_none_or(|asked| now - asked >= rules.between_listings_ms);
        if due {
            self.doubts.asked_at = Some(now);
            effects.ask_listing = true;
        }
        let stuck: Vec<OrderId> = self
            .doubts
            .cases
            .iter()
            .filter(|(_, case)| !case.stuck && now - case.since >= rules.stuck_after_ms)
            .map(|(order, _)| *order)
            .collect();
        for order in stuck {
            if let Some(case) = self.doubts.cases.get_mut(&order) {
                case.stuck = true;
            }
            effects.notices.push(Notice::Alarm {
                code: "ORDER_STUCK",
                detail: format!(
                    "order {order} has been in doubt for {} s: look for it at the venue",
                    rules.stuck_after_ms / 1_000
                ),
            });
            self.say(now, order, OrderChange::Stuck, books, effects);
        }
        self.ready_again(now, effects);
    }

    /// An order came into doubt.
    pub(super) fn doubt(&mut self, now: TimeMs, order: OrderId, requested_at: TimeMs) {
        self.doubts.cases.insert(
            order,
            Case {
                requested_at,
                since: now,
                absent_at: None,
                stuck: false,
            },
        );
    }

    /// Counts a doubt that arose while betting: too many in a minute, and the venue gets no more orders.
    pub(super) fn count_doubt(&mut self, now: TimeMs, effects: &mut Effects<G::Pass>) {
        let recent = &mut self.doubts.recent;
        recent.push_back(now);
        while recent.front().is_some_and(|&at| now - at > 60_000) {
            recent.pop_front();
        }
        // A venue that is not ready for another reason stays so until that is over.
        if recent.len() >= self.doubts.rules.at_most && self.house.unready.is_none() {
            self.unready(now, Unready::Doubts, effects);
        }
    }

    /// The doubt about an order is over.
    pub(super) fn doubt_over(&mut self, order: OrderId) {
        self.doubts.cases.remove(&order);
    }

    /// The venue cannot be heard: nothing is sent until it has listed everything anew.
    pub(super) fn deaf(&mut self, now: TimeMs, effects: &mut Effects<G::Pass>) {
        if planted::is(Bug::DeafnessIgnored) {
            return;
        }
        self.doubts.deaf_since = Some(now);
        for case in self.doubts.cases.values_mut() {
            case.absent_at = None;
        }
        if self.house.unready != Some(Unready::Starting) {
            self.unready(now, Unready::Deaf, effects);
        }
    }

    fn unready(&mut self, now: TimeMs, why: Unready, effects: &mut Effects<G::Pass>) {
        if self.house.unready != Some(why) {
            self.house.unready = Some(why);
            effects.records.push(Record::Ready {
                at: now,
                unready: Some(why),
            });
        }
    }

    fn ready_again(&mut self, now: TimeMs, effects: &mut Effects<G::Pass>) {
        let over = self.house.unready == Some(Unready::Doubts)
            && self.doubts.cases.values().all(|case| case.stuck);
        if over {
            self.ready(now, effects);
        }
    }

    fn ready(&mut self, now: TimeMs, effects: &mut Effects<G::Pass>) {
        self.doubts.recent.clear();
        self.doubts.deaf_since = None;
        self.house.unready = None;
        effects.records.push(Record::Ready {
            at: now,
            unready: None,
        });
    }

    /// The venue listed all that it has of us.
    pub(super) fn listed(
        &mut self,
        now: TimeMs,
        listing: &Listing,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        for statement in &listing.orders {
            self.stated(now, statement, books, effects);
        }
        let rules = self.doubts.rules;
        let is_listed = |order: OrderId| listing.orders.iter().any(|s| s.order == Some(order));
        let heard_since = self.doubts.deaf_since;
        let mut not_placed = Vec::new();
        for (&order, case) in &mut self.doubts.cases {
            let too_early = listing.asked_at - case.requested_at < rules.window_ms
                || heard_since.is_some_and(|deaf| listing.asked_at <= deaf);
            if is_listed(order) || (too_early && !planted::is(Bug::StaleListing)) {
                continue;
            }
            match case.absent_at {
                Some(first) if listing.asked_at - first >= rules.between_listings_ms => {
                    not_placed.push(order);
                }
                Some(_) => {}
                None if planted::is(Bug::NotFoundOnce) => not_placed.push(order),
                None => case.absent_at = Some(listing.asked_at),
            }
        }
        for order in not_placed {
            self.say(now, order, OrderChange::NotPlaced, books, effects);
        }
        let reopens = matches!(self.house.unready, Some(Unready::Starting | Unready::Deaf))
            && heard_since.is_none_or(|deaf| listing.asked_at > deaf);
        if reopens {
            let doubted = self.doubts.recent.len() >= self.doubts.rules.at_most
                && self.doubts.cases.values().any(|case| !case.stuck);
            self.doubts.deaf_since = None;
            if doubted {
                self.unready(now, Unready::Doubts, effects);
            } else {
                self.ready(now, effects);
            }
        }
        self.ready_again(now, effects);
    }

    /// The venue said where an order stands: what is new in it is taken, what is older than what is known is not.
    pub(super) fn stated(
        &mut self,
        now: TimeMs,
        statement: &OrderStatement,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        let known = statement.order.and_then(|id| self.find(id).cloned());
        match known {
            Some(order) if order.state.is_live() || is_afterthought(&order, statement) => {
                for change in news(&order, statement) {
                    self.say(
                        statement.placed_at.max(now),
                        order.id,
                        change,
                        books,
                        effects,
                    );
                }
            }
            // A statement of what was said to be over may come late; one that shows a bet where none should be does not.
            Some(order) if Finished::of(&order, now).explains(statement) => {}
            None if statement
                .order
                .and_then(|id| self.finished.get(&id))
                .is_some_and(|over| over.explains(statement)) => {}
            _ => self.external(now, statement, books, effects),
        }
    }

    /// An order with a persistence that it is to have, as a venue would be told of it.
    pub(super) fn updated(
        &self,
        market: &MarketId,
        id: OrderId,
        persistence: Persistence,
    ) -> Option<Instruction> {
        let &(slot, _) = self.owners.get(&id)?;
        let order = self.find(id)?;
        Some(Instruction {
            id,
            strategy: Arc::clone(&self.slots[slot].name),
            market: market.clone(),
            runner: order.runner,
            side: order.side,
            kind: order.kind.with_persistence(persistence),
            book: order.book.clone(),
        })
    }

    fn find(&self, id: OrderId) -> Option<&Order> {
        match self.owners.get(&id) {
            Some(&(slot, at)) => {
                let desk = self.slots[slot].desks.get(at.0).and_then(Option::as_ref)?;
                desk.holding.order(id)
            }
            None => self.orphans().iter().map(|o| &o.order).find(|o| o.id == id),
        }
    }

    /// Applies a change of an order as if the venue had reported it.
    pub(super) fn say(
        &mut self,
        at: TimeMs,
        order: OrderId,
        change: OrderChange,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        let mut changed = std::mem::take(&mut self.changed);
        let market = match self.owners.get(&order) {
            Some(&(_, index)) => books.get(index).id.clone(),
            None => match self.orphans().iter().find(|o| o.order.id == order) {
                Some(orphan) => orphan.market.clone(),
                None => return,
            },
        };
        let event = OrderEvent {
            market,
            order,
            at,
            change,
        };
        self.order_changed(&event, books, &mut changed, effects);
        self.changed = changed;
    }
}

/// Whether a statement tells what can still become of a finished order: its runner was withdrawn, so that it is void, or
/// another was, so that it stands at a lower price.
fn is_afterthought(order: &Order, statement: &OrderStatement) -> bool {
    let stands = order.matched.is_positive() && order.profit.is_none();
    let is_void = statement.voided.is_positive() && !statement.matched.is_positive();
    stands && (is_void || is_reduced(order, statement))
}

/// Whether a statement shows the same bet at a lower price. Prices are only ever reduced, so a higher one is old.
fn is_reduced(order: &Order, statement: &OrderStatement) -> bool {
    statement.matched == order.matched && statement.matched_value < order.matched_value
}

/// An order that is over, as far as a venue that lists it late has to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// When it was last heard of.
    pub heard: TimeMs,
    /// Whether it ever stood at the venue.
    was_placed: bool,
    /// Whether it is void or settled: nothing more can come of it.
    is_closed: bool,
    matched: Money,
}

impl Finished {
    /// An order as it ended, last heard of at this time.
    #[must_use]
    pub fn of(order: &Order, heard: TimeMs) -> Self {
        Self {
            heard,
            was_placed: order.state == OrderState::Complete,
            is_closed: order.voided.is_positive() || order.profit.is_some(),
            matched: order.matched,
        }
    }

    /// Whether a statement of it shows nothing that is not known. One that shows a bet where none should be, or more of
    /// it, is news.
    fn explains(&self, statement: &OrderStatement) -> bool {
        self.is_closed
            || match self.was_placed {
                true => statement.matched <= self.matched,
                false => statement.is_complete && !statement.matched.is_positive(),
            }
    }
}

/// What a statement tells that is not known yet, as changes in order.
fn news(order: &Order, statement: &OrderStatement) -> Vec<OrderChange> {
    let mut changes = Vec::new();
    if order.state.is_unheard() {
        changes.push(OrderChange::Accepted);
    }
    let more = |now: Money, known: Money| {
        if planted::is(Bug::FillsAddedTwice) {
            return now;
        }
        (now - known).max(Money::ZERO)
    };
    let matched = more(statement.matched, order.matched);
    if matched.is_positive() {
        let value = statement.matched_value - order.matched_value;
        let price = crate::market::Price::average(value, matched.minor());
        if let Some(price) = price {
            changes.push(OrderChange::Matched {
                price,
                size: matched,
            });
            let taken = i128::from(price.nanos()) * i128::from(matched.minor());
            if taken != value {
                changes.push(OrderChange::Repriced {
                    matched_value: statement.matched_value,
                });
            }
        }
    }
    if is_reduced(order, statement) && order.matched.is_positive() {
        changes.push(OrderChange::Repriced {
            matched_value: statement.matched_value,
        });
    }
    if statement.voided.is_positive() && !statement.matched.is_positive() && statement.is_complete {
        changes.push(OrderChange::Voided {
            reason: VenueReason::NotSaid,
        });
        return changes;
    }
    let lapsed = more(statement.lapsed, order.lapsed);
    if lapsed.is_positive() {
        changes.push(OrderChange::Lapsed {
            size: lapsed,
            reason: statement.lapse_reason,
        });
    }
    let cancelled = more(statement.cancelled + statement.voided, order.cancelled);
    if cancelled.is_positive() {
        changes.push(OrderChange::Cancelled { size: cancelled });
    }
    if statement.is_complete {
        let rest = match order.kind.size() {
            Some(size) => {
                size - statement.matched - statement.lapsed - statement.cancelled - statement.voided
            }
            None if statement.matched + statement.lapsed + statement.cancelled == Money::ZERO => {
                order.kind.at_risk(order.side)
            }
            None => Money::ZERO,
        };
        if rest.is_positive() {
            changes.push(OrderChange::Lapsed {
                size: rest,
                reason: statement.lapse_reason,
            });
        }
    }
    changes
}
