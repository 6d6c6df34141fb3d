//! Bets that no strategy holds in a market of the books: orders of earlier sessions whose market or strategy is not
//! there, and bets of others at the venue. They count like all others, a halt cancels what rests of ours, and they end
//! when their market is settled.
//!
//! To what their market belongs may not be known before it is defined. What is not known counts in every event, sport
//! and venue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::account::Booked;
use super::house::{Burden, Scopes};
use super::{
    Account, Earlier, Effects, Engine, Finished, Gate, Notice, Record, Recovered, Request,
    Standing, TradingState,
};
use crate::market::{
    Books, MarketDefinition, MarketId, MarketIndex, MarketStatus, Money, OrderEvent, OrderId,
    OrderKind, OrderState, OrderStatement, Persistence, Price, Reversal, Settlement, Side, TimeMs,
};
use crate::planted::{self, Bug};

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Strays {
    /// Ours, oldest first.
    pub(super) orders: Vec<Recovered>,
    /// Those of others, by the venue's name of them.
    external: BTreeMap<Arc<str>, External>,
    /// What was booked of those that are over, as long as it may be taken back.
    pub(super) settled: Vec<Earlier>,
    /// Those whose settlement was taken back: the venue had them, whatever we heard of them, and will settle them anew.
    reopened: BTreeSet<OrderId>,
    /// When a sweep last asked for cancels.
    pub(super) swept_at: Option<TimeMs>,
    /// When a sweep last asked again for cancels that nothing was heard of.
    pub(super) asked_again_at: Option<TimeMs>,
}

/// A bet that we did not place, or believed not to be there.
#[derive(Debug)]
struct External {
    statement: OrderStatement,
    scopes: Scopes,
    burden: Burden,
}

/// Strays that a settlement ends, by strategy, with what each brought.
pub(super) type Settled = BTreeMap<Arc<str>, Vec<(Recovered, Money)>>;

impl<G: Gate> Engine<G> {
    /// What a stray weighs has changed: for the house, and for the strategy whose it is.
    pub(super) fn shift_stray(
        &mut self,
        strategy: Option<&Arc<str>>,
        scopes: &Scopes,
        old: &Burden,
        new: &Burden,
    ) {
        self.house.shift(scopes, old, new);
        if let Some(strategy) = strategy {
            self.account_of(strategy).burden.exchange(old, new);
        }
    }

    /// The account of a strategy, loaded or not.
    fn account_of(&mut self, strategy: &Arc<str>) -> &mut Account {
        let bank = self.bank;
        match self.slots.iter_mut().find(|slot| slot.name == *strategy) {
            Some(slot) => &mut slot.account,
            None => self
                .recovered_accounts
                .entry(Arc::clone(strategy))
                .or_insert_with(|| Account::new(bank)),
        }
    }

    /// A market is defined, or defined anew: its strays count where it belongs, and our orders find their strategies.
    pub(super) fn place_strays(&mut self, at: MarketIndex, books: &Books) {
        let market = books.get(at);
        let definition = &*market.definition;
        let here = |id: &MarketId| *id == market.id;
        for bet in self.strays.external.values_mut() {
            if !here(&bet.statement.market) || bet.scopes.fits(definition) {
                continue;
            }
            let burden = external_burden(&bet.statement, Some(definition));
            let scopes = Scopes::of(&market.id, definition);
            self.house
                .shift(&bet.scopes, &bet.burden, &Burden::default());
            self.house.shift(&scopes, &Burden::default(), &burden);
            (bet.scopes, bet.burden) = (scopes, burden);
        }
        if self.strays.orders.iter().any(|order| here(&order.market)) {
            let (found, rest) = std::mem::take(&mut self.strays.orders)
                .into_iter()
                .partition::<Vec<_>, _>(|order| here(&order.market));
            self.strays.orders = rest;
            for order in found {
                self.adopt(at, books, order);
            }
        }
    }

    /// One of our orders finds its strategy; without it, it keeps counting, and is followed, as it is.
    fn adopt(&mut self, at: MarketIndex, books: &Books, mut stray: Recovered) {
        let market = books.get(at);
        let slots = &self.slots;
        match slots.iter().position(|slot| slot.name == stray.strategy) {
            None => {
                if !stray.scopes.fits(&market.definition) {
                    let scopes = Scopes::of(&market.id, &market.definition);
                    self.house.move_to(&stray.scopes, &scopes, &stray.burden());
                    stray.scopes = scopes;
                }
                self.strays.orders.push(stray);
            }
            Some(slot) => {
                let (strategy, scopes) = (&stray.strategy, &stray.scopes);
                self.shift_stray(Some(strategy), scopes, &stray.burden(), &Burden::default());
                self.owners.insert(stray.order.id, (slot, at));
                let this = &mut self.slots[slot];
                Arc::make_mut(&mut this.desk(at, market).holding).add(stray.order);
                this.weigh(at, market, &mut self.house);
            }
        }
    }

    /// A strategy was loaded: its orders in markets that are known already are its own again.
    pub(super) fn place_all_strays(&mut self, books: &Books) {
        let mut markets: Vec<MarketIndex> = self
            .strays
            .orders
            .iter()
            .filter_map(|order| books.find(&order.market))
            .collect();
        markets.sort_unstable();
        markets.dedup();
        for at in markets {
            self.place_strays(at, books);
        }
    }

    /// One of our strays changed.
    pub(super) fn stray_changed(&mut self, event: &OrderEvent, effects: &mut Effects<G::Pass>) {
        let orders = &mut self.strays.orders;
        let Some(place) = orders.iter().position(|o| o.order.id == event.order) else {
            super::reports::unknown_fill(event, effects);
            return;
        };
        let stray = &mut orders[place];
        let (before, weighed) = (stray.order.state, stray.burden());
        let is_news = super::holding::advance(&mut stray.order, event.at, event.change);
        let stray = stray.clone();
        let burden = stray.burden();
        self.shift_stray(Some(&stray.strategy), &stray.scopes, &weighed, &burden);
        effects.records.push(Record::Order {
            at: event.at,
            strategy: Arc::clone(&stray.strategy),
            market: stray.market.clone(),
            order: event.order,
            change: event.change,
            state: stray.order.state,
            matched: stray.order.matched,
        });
        if is_news {
            let (requested_at, after) = (stray.order.requested_at, stray.order.state);
            let states = (before, after);
            self.moved(event.at, event.order, requested_at, states, effects);
        }
    }

    /// Lets go of those that are over. Not as soon as they are: what a settlement ends it may still book.
    pub(super) fn retire_strays(&mut self, now: TimeMs) {
        let finished = &mut self.finished;
        let reopened = &self.strays.reopened;
        self.strays.orders.retain(|stray| {
            let stays = stray.may_matter() || reopened.contains(&stray.order.id);
            if !stays {
                finished.insert(stray.order.id, Finished::of(&stray.order, now));
            }
            stays
        });
    }

    /// Whether any bet in a market is a stray.
    pub(super) fn has_strays(&self, market: &MarketId) -> bool {
        let Strays {
            orders, external, ..
        } = &self.strays;
        orders.iter().any(|stray| stray.market == *market)
            || external.values().any(|bet| bet.statement.market == *market)
    }

    /// What rests of ours in a market that is settled: those that the venue has, with what remains of each.
    pub(super) fn resting_strays(&self, market: &MarketId) -> Vec<(OrderId, Money)> {
        let ours = self.strays.orders.iter();
        ours.filter(|stray| stray.market == *market && stray.order.state == OrderState::Working)
            .map(|stray| (stray.order.id, stray.order.outstanding()))
            .collect()
    }

    /// Our strays that a settlement ends, by strategy, with what each brought.
    pub(super) fn take_settled_strays(&mut self, settlement: &Settlement) -> Settled {
        let mut settled = Settled::new();
        if planted::is(Bug::StraysNotSettled) {
            return settled;
        }
        let orders = std::mem::take(&mut self.strays.orders);
        for stray in orders {
            let here = stray.market == settlement.market;
            match settlement.profit(stray.order.id).filter(|_| here) {
                Some(profit) => {
                    self.strays.reopened.remove(&stray.order.id);
                    let orders = settled.entry(Arc::clone(&stray.strategy)).or_default();
                    orders.push((stray, profit));
                }
                None => self.strays.orders.push(stray),
            }
        }
        settled
    }

    /// A market is settled: what was matched of our strays in it is booked, whether or not it is in the books. Each
    /// strategy bears its commission.
    pub(super) fn settle_strays(
        &mut self,
        now: TimeMs,
        settlement: &Settlement,
        strays: Settled,
        commissions: &[Money],
        effects: &mut Effects<G::Pass>,
    ) {
        for ((strategy, strays), commission) in strays.into_iter().zip(commissions) {
            let orders: Vec<(OrderId, Money)> = strays
                .iter()
                .map(|(stray, profit)| (stray.order.id, *profit))
                .collect();
            let gross = orders.iter().map(|(_, profit)| *profit).sum();
            let booked = Booked {
                at: settlement.at,
                gross,
                commission: *commission,
            };
            let mut kept = Vec::new();
            for (mut stray, profit) in strays {
                let weighed = stray.burden();
                self.shift_stray(Some(&strategy), &stray.scopes, &weighed, &Burden::default());
                stray.order.profit = Some(profit);
                let over = Finished::of(&stray.order, settlement.at);
                self.finished.insert(stray.order.id, over);
                kept.push(stray);
            }
            let account = self.account_of(&strategy);
            account.roll_day(now);
            account.settle(settlement.at, booked.net());
            self.house.roll_day(now);
            self.house.book(booked.net());
            if let Some(slot) = self.slots.iter_mut().find(|slot| slot.name == strategy) {
                slot.totals.settle(booked);
            }
            effects.records.push(Record::Settled {
                at: settlement.at,
                strategy: Arc::clone(&strategy),
                market: settlement.market.clone(),
                version: settlement.version,
                reversal: false,
                gross,
                commission: booked.commission,
                orders,
            });
            self.strays.settled.push(Earlier {
                strategy,
                market: settlement.market.clone(),
                at: settlement.at,
                version: settlement.version,
                gross,
                commission: booked.commission,
                orders: kept,
                stands: true,
            });
        }
    }

    /// Takes back what was booked of strays in a market, or by earlier sessions: these bets are open again, and are settled
    /// by what comes. Whether there was any.
    pub(super) fn take_back_of_strays(
        &mut self,
        now: TimeMs,
        reversal: &Reversal,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) -> bool {
        if planted::is(Bug::EarlierStands) {
            return true;
        }
        let (taken, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.strays.settled)
            .into_iter()
            .partition(|earlier| earlier.market == reversal.market && earlier.stands);
        self.strays.settled = rest;
        let any = !taken.is_empty();
        for earlier in taken {
            let booked = Booked {
                at: earlier.at,
                gross: earlier.gross,
                commission: earlier.commission,
            };
            let account = self.account_of(&earlier.strategy);
            account.roll_day(now);
            account.reverse(booked.net());
            self.house.roll_day(now);
            self.house.book(-booked.net());
            let mut slots = self.slots.iter_mut();
            if let Some(slot) = slots.find(|slot| slot.name == earlier.strategy) {
                slot.totals.reverse(booked);
            }
            let mut orders = Vec::new();
            for mut stray in earlier.orders {
                let Some(profit) = stray.order.profit.take() else {
                    continue;
                };
                orders.push((stray.order.id, -profit));
                self.finished.remove(&stray.order.id);
                self.strays.reopened.insert(stray.order.id);
                let burden = stray.burden();
                self.shift_stray(
                    Some(&stray.strategy),
                    &stray.scopes,
                    &Burden::default(),
                    &burden,
                );
                self.strays.orders.push(stray);
            }
            effects.records.push(Record::Settled {
                at: reversal.at,
                strategy: earlier.strategy,
                market: earlier.market,
                version: earlier.version,
                reversal: true,
                gross: -booked.gross,
                commission: -booked.commission,
                orders,
            });
        }
        if any && let Some(at) = books.find(&reversal.market) {
            self.place_strays(at, books);
        }
        any
    }

    /// A bet that is not in our books: it counts, it is never touched, and a person is told.
    pub(super) fn external(
        &mut self,
        now: TimeMs,
        statement: &OrderStatement,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        if self.settled.contains_key(&statement.market) {
            return;
        }
        let book = books.market(&statement.market);
        let definition = book.map(|market| &*market.definition);
        let burden = external_burden(statement, definition);
        let scopes = definition.map_or_else(
            || Scopes::unknown(&statement.market),
            |definition| Scopes::of(&statement.market, definition),
        );
        let at_risk = burden.at_risk;
        match self.strays.external.get(&statement.venue_id) {
            Some(known) if known.burden == burden && known.scopes == scopes => return,
            Some(known) => {
                self.house
                    .shift(&known.scopes, &known.burden, &Burden::default());
            }
            // What is over and left nothing is nobody's worry.
            None if at_risk == Money::ZERO && statement.is_complete => return,
            None => effects.notices.push(Notice::Alarm {
                code: "BET_EXTERNAL",
                detail: format!(
                    "the venue has the bet {} in {}, which is none that stands in the ledger: it counts as {at_risk} at risk",
                    statement.venue_id, statement.market
                ),
            }),
        }
        self.house.shift(&scopes, &Burden::default(), &burden);
        effects.records.push(Record::External {
            at: now,
            market: statement.market.clone(),
            venue_id: Arc::clone(&statement.venue_id),
            at_risk,
        });
        let bet = External {
            statement: statement.clone(),
            scopes,
            burden,
        };
        self.strays
            .external
            .insert(Arc::clone(&statement.venue_id), bet);
    }

    /// Bets at the venue that are none that stand in the ledger, apart from those that are over and left nothing.
    #[must_use]
    pub fn unexplained_bets(&self) -> usize {
        let external = self.strays.external.values();
        external
            .filter(|bet| !bet.statement.is_complete || bet.burden.at_risk > Money::ZERO)
            .count()
    }

    /// A market is settled: what others bet in it weighs no more.
    pub(super) fn forget_external(&mut self, market: &MarketId) {
        let house = &mut self.house;
        self.strays.external.retain(|_, bet| {
            let gone = bet.statement.market == *market;
            if gone {
                house.shift(&bet.scopes, &bet.burden, &Burden::default());
            }
            !gone
        });
    }

    /// Asks for what rests of our strays to be cancelled, if betting is halted or their strategy is stopped.
    pub(super) fn sweep_strays(
        &mut self,
        now: TimeMs,
        books: &Books,
        swept: &mut Vec<(MarketId, OrderId)>,
        effects: &mut Effects<G::Pass>,
    ) {
        if planted::is(Bug::StraysNotSwept) || !super::sweep::is_due(self.strays.swept_at, now) {
            return;
        }
        let waited = super::sweep::has_waited(self.strays.asked_again_at, now);
        let halted = self.house.state == TradingState::Halted;
        let slots = &self.slots;
        let is_stopped = |strategy: &Arc<str>| {
            let mut named = slots.iter().filter(|slot| slot.name == *strategy);
            named.any(|slot| slot.standing == Standing::Quarantined)
        };
        let before = swept.len();
        for stray in &mut self.strays.orders {
            let book = books.market(&stray.market);
            let shut = book.is_some_and(|market| market.status() != MarketStatus::Open);
            let may_stay = !halted && !is_stopped(&stray.strategy);
            if shut || may_stay || !super::sweep::rests(&stray.order, waited) {
                continue;
            }
            stray.order.cancel_pending = true;
            let (market, order) = (stray.market.clone(), stray.order.id);
            swept.push((market.clone(), order));
            effects.send(Request::Cancel {
                market,
                order,
                size: None,
            });
        }
        if swept.len() > before {
            self.strays.swept_at = Some(now);
            if waited {
                self.strays.asked_again_at = Some(now);
            }
        }
    }
}

/// What a bet could lose whatever its market is: each-way it is two bets, on a line it is struck at evens.
fn at_risk_by_any_rules(side: Side, terms: OrderKind) -> Money {
    let alone = terms.at_risk(side);
    (alone + alone).max(terms.size().unwrap_or_default())
}

/// What a bet of others weighs: what is matched at its own prices, and what is not at its limit.
fn external_burden(statement: &OrderStatement, definition: Option<&MarketDefinition>) -> Burden {
    let side = statement.side;
    let at_risk = |terms: OrderKind| match definition {
        Some(definition) => definition.at_risk(side, terms),
        None => at_risk_by_any_rules(side, terms),
    };
    let limit = |price, size| OrderKind::Limit {
        price,
        size,
        persistence: Persistence::Lapse,
        fill_or_kill: None,
    };
    let matched = Price::average(statement.matched_value, statement.matched.minor())
        .map_or(Money::ZERO, |price| {
            at_risk(limit(price, statement.matched))
        });
    let open = match statement.kind {
        _ if statement.is_complete => Money::ZERO,
        OrderKind::Limit { price, size, .. } => {
            let gone =
                statement.matched + statement.cancelled + statement.lapsed + statement.voided;
            at_risk(limit(price, (size - gone).max(Money::ZERO)))
        }
        on_close => at_risk(on_close),
    };
    Burden {
        at_risk: matched + open,
        gross: matched + open,
        ..Burden::default()
    }
}
