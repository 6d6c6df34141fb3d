//! Start-up after whatever came before: what the records hold of earlier sessions, taken over before anything is bet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::holding::advance;
use super::house::{Burden, Scopes};
use super::{Account, Action, Effects, Engine, Gate, IntentRecord, Record, TradingState, Verdict};
use crate::market::{Doubt, MarketId, Money, Order, OrderChange, OrderId, OrderState, TimeMs};
use crate::planted::{self, Bug};

/// What is known of earlier sessions. A first start knows nothing, and is the same thing.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Orders that may still stand or be settled.
    pub orders: Vec<Recovered>,
    /// Orders that are over and settled: the venue may still list them, and that is no news.
    pub finished: BTreeSet<OrderId>,
    /// The strategies' money.
    pub accounts: BTreeMap<Arc<str>, Account>,
    /// Whether betting was on, and why not.
    pub state: TradingState,
    /// Why it was in that state.
    pub reason: String,
}

impl Recovery {
    /// What the records of earlier sessions amount to, each strategy having started with `bank`.
    #[must_use]
    pub fn from_records<'a>(records: impl IntoIterator<Item = &'a Record>, bank: Money) -> Self {
        let mut recovery = Self::default();
        let mut orders: BTreeMap<OrderId, Recovered> = BTreeMap::new();
        let mut sequence: Vec<OrderId> = Vec::new();
        for record in records {
            match record {
                Record::Intent(intent) => {
                    if let Some(order) = Recovered::approved(intent) {
                        sequence.push(intent.id);
                        orders.insert(intent.id, order);
                    }
                }
                Record::Order {
                    at, order, change, ..
                } => {
                    if let Some(known) = orders.get_mut(order) {
                        advance(&mut known.order, *at, *change);
                    }
                }
                Record::Settled {
                    at,
                    strategy,
                    reversal,
                    gross,
                    commission,
                    orders: settled,
                    ..
                } => {
                    let account = recovery
                        .accounts
                        .entry(Arc::clone(strategy))
                        .or_insert_with(|| Account::new(bank));
                    account.roll_day(*at);
                    if *reversal {
                        account.reverse(-(*gross - *commission));
                    } else {
                        account.settle(*at, *gross - *commission);
                    }
                    for (order, profit) in settled {
                        if let Some(known) = orders.get_mut(order) {
                            known.order.profit = (!*reversal).then_some(*profit);
                        }
                    }
                }
                Record::Trading { state, reason, .. } if !planted::is(Bug::HaltForgotten) => {
                    recovery.state = *state;
                    recovery.reason.clone_from(reason);
                }
                _ => {}
            }
        }
        for id in sequence {
            match orders.remove(&id) {
                Some(known) if known.may_matter() => recovery.orders.push(known),
                _ => {
                    recovery.finished.insert(id);
                }
            }
        }
        recovery
    }
}

/// An order of an earlier session.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// Whose it is.
    pub strategy: Arc<str>,
    /// In which market.
    pub market: MarketId,
    /// What it could lose at most, as it was recorded with the order.
    pub liability: Money,
    /// The order as the records show it.
    pub order: Order,
}

impl Recovered {
    /// The order that an intent became, if the gate let it through.
    fn approved(intent: &IntentRecord) -> Option<Self> {
        let (Action::Place { place, .. }, Verdict::Approved) = (&intent.action, &intent.verdict)
        else {
            return None;
        };
        Some(Self {
            strategy: Arc::clone(&intent.strategy),
            market: intent.market.clone(),
            liability: intent.liability,
            order: Order::new(intent.id, place, intent.at),
        })
    }

    /// Whether it may still stand, or be settled.
    fn may_matter(&self) -> bool {
        let order = &self.order;
        if planted::is(Bug::RecoveryForgetsSending) && order.state == OrderState::Sending {
            return false;
        }
        order.profit.is_none() && (order.state.is_live() || order.matched.is_positive())
    }

    /// What it could lose at most, as long as its market is not known.
    #[must_use]
    pub fn at_risk(&self) -> Money {
        self.burden().at_risk
    }

    /// What it weighs as long as its market is not known.
    pub(super) fn burden(&self) -> Burden {
        let order = &self.order;
        let live = order.state.is_live();
        let stands = live || (order.matched.is_positive() && order.profit.is_none());
        let at_risk = if stands && !planted::is(Bug::RecoveredWeighsNothing) {
            self.liability
        } else {
            Money::ZERO
        };
        Burden {
            at_risk,
            gross: at_risk,
            open_orders: usize::from(live),
            unheard: usize::from(order.state.is_unheard()),
            open_stake: order.remaining(),
        }
    }
}

impl<G: Gate> Engine<G> {
    /// Takes over what earlier sessions left. What was on its way is in doubt: it is never sent again.
    pub(super) fn recover(
        &mut self,
        now: TimeMs,
        recovery: Recovery,
        effects: &mut Effects<G::Pass>,
    ) {
        self.recovered_accounts = recovery.accounts;
        self.finished = recovery.finished;
        self.house.roll_day(now);
        for account in self.recovered_accounts.values_mut() {
            account.roll_day(now);
            self.house.realised_today += account.realised_today;
        }
        self.house.state = recovery.state;
        self.house.reason = recovery.reason;
        for mut orphan in recovery.orders {
            let (id, requested_at) = (orphan.order.id, orphan.order.requested_at);
            if orphan.order.state == OrderState::Sending {
                orphan.order.state = OrderState::Unknown;
                effects.records.push(Record::Order {
                    at: now,
                    strategy: Arc::clone(&orphan.strategy),
                    market: orphan.market.clone(),
                    order: id,
                    change: OrderChange::Doubted {
                        doubt: Doubt::Recovered,
                    },
                    state: OrderState::Unknown,
                    matched: orphan.order.matched,
                });
            }
            // A cancel that was on its way may or may not have arrived: it can be asked again.
            orphan.order.cancel_pending = false;
            orphan.order.update_pending = None;
            if orphan.order.state.is_doubtful() {
                self.doubt(now, id, requested_at);
            }
            self.weigh_orphan(&orphan, &Burden::default(), &orphan.burden());
            self.orphans.push(orphan);
        }
        // The venue is asked what it has before anything is bet.
        effects.ask_listing = true;
        if planted::is(Bug::OpenBeforeListing) {
            self.house.unready = None;
        }
    }

    /// What an order weighs whose market is not known changed: for the house and for its strategy.
    pub(super) fn weigh_orphan(&mut self, orphan: &Recovered, old: &Burden, new: &Burden) {
        self.house.shift(&Scopes::unknown(&orphan.market), old, new);
        let bank = self.bank;
        let slot = self.slots.iter_mut().find(|s| s.name == orphan.strategy);
        let account = match slot {
            Some(slot) => &mut slot.account,
            None => self
                .recovered_accounts
                .entry(Arc::clone(&orphan.strategy))
                .or_insert_with(|| Account::new(bank)),
        };
        account.burden.exchange(old, new);
    }
}
