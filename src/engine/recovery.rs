//! Start-up after whatever came before: what the records hold of earlier sessions, taken over before anything is bet.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::house::{Burden, Scopes};
use super::{Account, Effects, Engine, Gate, Record, TradingState};
use crate::market::{Doubt, MarketId, Money, Order, OrderChange, OrderState, TimeMs};

/// What is known of earlier sessions. A first start knows nothing, and is the same thing.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Orders that may still stand or be settled.
    pub orders: Vec<Recovered>,
    /// The strategies' money.
    pub accounts: BTreeMap<Arc<str>, Account>,
    /// Whether betting was on, and why not.
    pub state: TradingState,
    /// Why it was in that state.
    pub reason: String,
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
    /// What it weighs as long as its market is not known.
    pub(super) fn burden(&self) -> Burden {
        let order = &self.order;
        let live = order.state.is_live();
        let stands = live || (order.matched.is_positive() && order.profit.is_none());
        let at_risk = if stands { self.liability } else { Money::ZERO };
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
            let scopes = Scopes::unknown(&orphan.market);
            self.house
                .shift(&scopes, &Burden::default(), &orphan.burden());
            self.orphans.push(orphan);
        }
        // The venue is asked what it has before anything is bet.
        effects.ask_listing = true;
    }
}
