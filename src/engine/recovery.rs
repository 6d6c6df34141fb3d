//! Start-up after whatever came before: what the records hold of earlier sessions, taken over before anything is bet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::holding::advance;
use super::house::{Burden, Scopes};
use super::{
    Account, Action, Effects, Engine, Finished, Gate, IntentRecord, Record, TradingState, Verdict,
};
use crate::market::{Doubt, MarketId, Money, Order, OrderChange, OrderId, OrderState, TimeMs};
use crate::planted::{self, Bug};

/// How long an order that is over may still be listed by a venue: a week.
pub const LISTED_FOR_MS: i64 = 7 * 24 * 3_600_000;

/// What is known of earlier sessions. A first start knows nothing, and is the same thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovery {
    /// What ids of intents are derived from in the session that begins; what the engine was made with if `None`. No two
    /// sessions whose orders reach a real venue may share one.
    pub epoch: Option<u64>,
    /// Orders that may still stand or be settled, oldest first.
    pub orders: Vec<Recovered>,
    /// Orders that are over: the venue may still list them, and that is no news.
    pub finished: BTreeMap<OrderId, Finished>,
    /// What markets came to, by market and strategy, as long as the venue may take it back.
    pub settled: Vec<Earlier>,
    /// The strategies' money.
    pub accounts: BTreeMap<Arc<str>, Account>,
    /// Whether betting was on, and why not.
    pub state: TradingState,
    /// Why it was in that state.
    pub reason: String,
    /// How fast and how high was bet lately.
    pub pace: Pace,
}

/// What a strategy's bets in a market came to in an earlier session.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    /// Whose bets.
    pub strategy: Arc<str>,
    /// In which market.
    pub market: MarketId,
    /// When it was settled, or that was taken back.
    pub at: TimeMs,
    /// Which settlement of the market.
    pub version: u32,
    /// Before commission.
    pub gross: Money,
    /// The commission.
    pub commission: Money,
    /// The bets, each with its profit.
    pub orders: Vec<Recovered>,
    /// Whether it holds, or was taken back already.
    pub stands: bool,
}

/// What was bet lately: a restart must not begin the limits of pace anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Orders of the last hour: whose, and when; oldest first.
    pub placed: VecDeque<(Arc<str>, TimeMs)>,
    /// The last stakes of each strategy, at most [`Pace::STAKES`], oldest first.
    pub stakes: BTreeMap<Arc<str>, VecDeque<Money>>,
}

impl Pace {
    /// How many stakes tell what is usual.
    pub const STAKES: usize = 50;
    /// The longest window of pace.
    pub const WINDOW_MS: i64 = 3_600_000;

    fn note(&mut self, strategy: &Arc<str>, at: TimeMs, stake: Money) {
        self.placed.push_back((Arc::clone(strategy), at));
        let stakes = self.stakes.entry(Arc::clone(strategy)).or_default();
        if stakes.len() == Self::STAKES {
            stakes.pop_front();
        }
        stakes.push_back(stake);
    }
}

impl Recovery {
    /// What the records of earlier sessions amount to, each strategy having started with `bank`.
    #[must_use]
    pub fn from_records<'a>(records: impl IntoIterator<Item = &'a Record>, bank: Money) -> Self {
        let mut recovery = Self::default();
        let mut orders: BTreeMap<OrderId, (Recovered, TimeMs)> = BTreeMap::new();
        let mut sequence: Vec<OrderId> = Vec::new();
        let mut settled: BTreeMap<(MarketId, Arc<str>), Earlier> = BTreeMap::new();
        for record in records {
            match record {
                Record::Intent(intent) => {
                    if let Some((order, stake)) = Recovered::approved(intent) {
                        recovery.pace.note(&order.strategy, intent.at, stake);
                        sequence.push(intent.id);
                        orders.insert(intent.id, (order, intent.at));
                    }
                }
                Record::Order {
                    at, order, change, ..
                } => {
                    if let Some((known, heard)) = orders.get_mut(order)
                        && advance(&mut known.order, *at, *change)
                    {
                        *heard = (*heard).max(*at);
                    }
                }
                Record::Settled {
                    at,
                    strategy,
                    market,
                    version,
                    reversal,
                    gross,
                    commission,
                    orders: profits,
                } => {
                    let account = recovery
                        .accounts
                        .entry(Arc::clone(strategy))
                        .or_insert_with(|| Account::new(bank));
                    account.book(*at, *gross - *commission, *reversal);
                    for (order, profit) in profits {
                        if let Some((known, heard)) = orders.get_mut(order) {
                            known.order.profit = (!*reversal).then_some(*profit);
                            *heard = (*heard).max(*at);
                        }
                    }
                    let earlier = Earlier {
                        strategy: Arc::clone(strategy),
                        market: market.clone(),
                        at: *at,
                        version: *version,
                        gross: *gross,
                        commission: *commission,
                        orders: Vec::new(),
                        stands: !*reversal,
                    };
                    settled.insert((market.clone(), Arc::clone(strategy)), earlier);
                }
                Record::Trading { state, reason, .. } if !planted::is(Bug::HaltForgotten) => {
                    recovery.state = *state;
                    recovery.reason.clone_from(reason);
                }
                _ => {}
            }
        }
        recovery.settled = settled.into_values().collect();
        for id in sequence {
            if let Some((known, heard)) = orders.remove(&id) {
                recovery.keep(known, heard);
            }
        }
        recovery
    }

    /// Forgets what is past by now: orders that no venue lists any more, and the pace before the last hour.
    pub fn cut(&mut self, now: TimeMs) {
        self.finished
            .retain(|_, over| now - over.heard < LISTED_FOR_MS);
        self.settled
            .retain(|earlier| now - earlier.at < LISTED_FOR_MS);
        self.pace
            .placed
            .retain(|(_, at)| now - *at < Pace::WINDOW_MS);
    }

    /// Takes an order up as what it is: one that may still matter, or one that is over, last heard of at this time, and
    /// belongs to what was booked.
    pub fn keep(&mut self, order: Recovered, heard: TimeMs) {
        if order.may_matter() {
            self.orders.push(order);
            return;
        }
        self.finished
            .insert(order.order.id, Finished::of(&order.order, heard));
        if order.order.profit.is_some() {
            let booked = self.settled.iter_mut().find(|earlier| {
                earlier.stands
                    && earlier.market == order.market
                    && earlier.strategy == order.strategy
            });
            if let Some(booked) = booked {
                booked.orders.push(order);
            }
        }
    }
}

/// An order of an earlier session.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// Whose it is.
    pub strategy: Arc<str>,
    /// In which market.
    pub market: MarketId,
    /// To what that market belonged when the order was placed.
    pub scopes: Scopes,
    /// What it could lose at most, as it was recorded with the order.
    pub liability: Money,
    /// The order as the records show it.
    pub order: Order,
}

impl Recovered {
    /// The order that an intent became, and its stake, if the gate let it through.
    fn approved(intent: &IntentRecord) -> Option<(Self, Money)> {
        let (Action::Place { place, .. }, Verdict::Approved) = (&intent.action, &intent.verdict)
        else {
            return None;
        };
        let recovered = Self {
            strategy: Arc::clone(&intent.strategy),
            market: intent.market.clone(),
            scopes: intent.scopes.clone(),
            liability: intent.liability,
            order: Order::new(intent.id, place, intent.at),
        };
        Some((recovered, place.kind.amount()))
    }

    /// Whether it may still stand, or be settled.
    pub(super) fn may_matter(&self) -> bool {
        let order = &self.order;
        if planted::is(Bug::RecoveryForgetsSending) && order.state == OrderState::Sending {
            return false;
        }
        order.profit.is_none() && order.stands()
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
        let at_risk = if order.stands() && !planted::is(Bug::RecoveredWeighsNothing) {
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
        mut recovery: Recovery,
        effects: &mut Effects<G::Pass>,
    ) {
        recovery.cut(now);
        self.epoch = recovery.epoch.unwrap_or(self.epoch);
        self.recovered_accounts = recovery.accounts;
        self.finished = recovery.finished;
        self.strays.settled = recovery.settled;
        self.gate.recall(recovery.pace);
        self.house.roll_day(now);
        for account in self.recovered_accounts.values_mut() {
            account.roll_day(now);
            self.house.take_over(account.days());
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
            let (strategy, scopes) = (&orphan.strategy, &orphan.scopes);
            self.shift_stray(Some(strategy), scopes, &Burden::default(), &orphan.burden());
            self.strays.orders.push(orphan);
        }
        // The venue is asked what it has before anything is bet.
        effects.ask_listing = true;
        if planted::is(Bug::OpenBeforeListing) {
            self.house.unready = None;
        }
    }
}
