//! The bets of all accounts: what was asked, what became of it, and what the market paid.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::accounts::AccountId;
use crate::engine::{Holding, advance, worst_case};
use crate::market::{
    Books, MarketId, Money, Order, OrderChange, OrderEvent, OrderId, OrderState, Settlement,
    TimeMs, VenueReason,
};

/// The first bet's number: as long as real ones, and far from them.
const FIRST: u64 = 900_000_000_001;

/// The names that customers give.
#[derive(Clone, Debug, Default)]
pub(super) struct Refs {
    /// Of the request.
    pub(super) request: Option<String>,
    /// Of the order.
    pub(super) order: Option<String>,
    /// Of the strategy.
    pub(super) strategy: Option<String>,
}

/// A bet.
#[derive(Clone, Debug)]
pub(super) struct Bet {
    pub(super) number: u64,
    pub(super) account: AccountId,
    pub(super) market: MarketId,
    pub(super) order: Order,
    pub(super) refs: Refs,
    pub(super) matched_at: Option<TimeMs>,
    pub(super) cancelled_at: Option<TimeMs>,
    pub(super) lapsed_at: Option<TimeMs>,
    /// Why it was refused or lapsed.
    pub(super) reason: Option<VenueReason>,
    /// The market was newer than the customer knew.
    pub(super) outdated: bool,
    /// A withdrawal lowered its price.
    pub(super) reduced: bool,
    /// When its market was closed and it left the current orders.
    pub(super) cleared_at: Option<TimeMs>,
    /// The number of its last change among those of all bets.
    change: u64,
}

impl Bet {
    /// The venue's name of it.
    pub(super) fn id(&self) -> String {
        self.number.to_string()
    }

    /// Whether the exchange has not said yet whether it takes it.
    pub(super) fn is_undecided(&self) -> bool {
        self.order.state == OrderState::Sending
    }

    /// Whether the exchange took it.
    pub(super) fn stands(&self) -> bool {
        !self.is_undecided() && self.order.state != OrderState::Rejected
    }
}

/// What a market paid to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paid {
    pub(super) account: AccountId,
    pub(super) profit: Money,
    pub(super) commission: Money,
}

/// All bets.
#[derive(Debug, Default)]
pub(super) struct Bets {
    all: BTreeMap<OrderId, Bet>,
    by_market: BTreeMap<MarketId, Vec<OrderId>>,
    /// Bets by the number of their last change.
    by_change: BTreeMap<u64, OrderId>,
    changes: u64,
    /// What closed markets paid.
    paid: BTreeMap<MarketId, Vec<Paid>>,
}

impl Bets {
    /// The id of the next bet.
    pub(super) fn next_id(&self) -> OrderId {
        OrderId::from_bits(u128::from(FIRST) + self.all.len() as u128)
    }

    /// Takes a bet that is on its way.
    pub(super) fn add(&mut self, account: AccountId, market: MarketId, order: Order, refs: Refs) {
        let id = order.id;
        let bet = Bet {
            number: FIRST + self.all.len() as u64,
            account,
            market: market.clone(),
            order,
            refs,
            matched_at: None,
            cancelled_at: None,
            lapsed_at: None,
            reason: None,
            outdated: false,
            reduced: false,
            cleared_at: None,
            change: 0,
        };
        self.by_market.entry(market).or_default().push(id);
        self.all.insert(id, bet);
    }

    pub(super) fn get(&self, id: OrderId) -> Option<&Bet> {
        self.all.get(&id)
    }

    /// An account's bet by the venue's name of it.
    pub(super) fn named(&self, account: AccountId, name: &str) -> Option<&Bet> {
        let number: u64 = name.parse().ok()?;
        self.get(OrderId::from_bits(number.into()))
            .filter(|bet| bet.account == account && bet.stands())
    }

    /// All bets of an account that the exchange took, oldest first.
    pub(super) fn of(&self, account: AccountId) -> impl Iterator<Item = &Bet> {
        self.all
            .values()
            .filter(move |bet| bet.account == account && bet.stands())
    }

    /// All bets in a market, oldest first.
    pub(super) fn in_market(&self, market: &MarketId) -> impl Iterator<Item = &Bet> {
        let ids = self.by_market.get(market).into_iter().flatten();
        ids.filter_map(|id| self.all.get(id))
    }

    /// Markets in which bets wait for the exchange to say whether it takes them.
    pub(super) fn undecided_markets(&self) -> Vec<MarketId> {
        let waits = |ids: &[OrderId]| {
            ids.iter()
                .rev()
                .take(1_000)
                .any(|id| self.all.get(id).is_some_and(Bet::is_undecided))
        };
        self.by_market
            .iter()
            .filter(|(_, ids)| waits(ids))
            .map(|(market, _)| market.clone())
            .collect()
    }

    /// The number of the last change.
    pub(super) fn last_change(&self) -> u64 {
        self.changes
    }

    /// Bets that changed after the change of this number, the last changed last.
    pub(super) fn changed_since(&self, change: u64) -> impl Iterator<Item = &Bet> {
        self.by_change
            .range(change + 1..)
            .filter_map(|(_, id)| self.all.get(id))
    }

    fn touch(&mut self, id: OrderId) {
        let Some(bet) = self.all.get_mut(&id) else {
            return;
        };
        self.by_change.remove(&bet.change);
        self.changes += 1;
        bet.change = self.changes;
        self.by_change.insert(self.changes, id);
    }

    /// Applies what the exchange said; gives the bet if that changed it.
    pub(super) fn hear(&mut self, event: &OrderEvent) -> Option<&Bet> {
        let bet = self.all.get_mut(&event.order)?;
        if !advance(&mut bet.order, event.at, event.change) {
            return None;
        }
        match event.change {
            OrderChange::Matched { .. } => bet.matched_at = Some(event.at),
            OrderChange::Cancelled { .. } => bet.cancelled_at = Some(event.at),
            OrderChange::Lapsed { reason, .. } => {
                bet.lapsed_at = Some(event.at);
                bet.reason = Some(reason);
            }
            OrderChange::Rejected { reason } => bet.reason = Some(reason),
            OrderChange::Repriced { .. } => bet.reduced = true,
            _ => {}
        }
        if bet.stands() {
            self.touch(event.order);
        }
        self.all.get(&event.order)
    }

    /// The market was newer than the customer knew: the bet is taken and lapses.
    pub(super) fn outdate(&mut self, id: OrderId, at: TimeMs) {
        if let Some(bet) = self.all.get_mut(&id) {
            let order = &mut bet.order;
            order.state = OrderState::Complete;
            order.lapsed = order.kind.size().unwrap_or_default();
            (order.placed_at, order.ended_at) = (Some(at), Some(at));
            bet.outdated = true;
            bet.lapsed_at = Some(at);
            self.touch(id);
        }
    }

    /// The market closed: its bets leave the current orders.
    pub(super) fn close(&mut self, market: &MarketId, at: TimeMs) {
        for id in self.by_market.get(market).into_iter().flatten() {
            if let Some(bet) = self.all.get_mut(id) {
                bet.cleared_at.get_or_insert(at);
            }
        }
    }

    /// The market was settled: each bet has its profit, each account what remains after commission.
    pub(super) fn settle(&mut self, settlement: &Settlement) -> &[Paid] {
        let mut net: BTreeMap<AccountId, Money> = BTreeMap::new();
        for (id, profit) in &settlement.profits {
            let Some(bet) = self.all.get_mut(id) else {
                continue;
            };
            bet.order.profit = Some(*profit);
            bet.cleared_at = Some(settlement.at);
            *net.entry(bet.account).or_default() += *profit;
        }
        let paid = net.into_iter().map(|(account, profit)| Paid {
            account,
            profit,
            commission: settlement.commission.shares(&[profit])[0],
        });
        let paid = paid.collect();
        self.paid.insert(settlement.market.clone(), paid);
        self.paid_by(&settlement.market)
    }

    /// The settlement of a market does not hold any more; gives what is to be taken back.
    pub(super) fn reverse(&mut self, market: &MarketId) -> Vec<Paid> {
        for id in self.by_market.get(market).into_iter().flatten() {
            if let Some(bet) = self.all.get_mut(id)
                && bet.order.profit.take().is_some()
            {
                bet.cleared_at = None;
            }
        }
        self.paid.remove(market).unwrap_or_default()
    }

    /// What a closed market paid.
    pub(super) fn paid_by(&self, market: &MarketId) -> &[Paid] {
        self.paid.get(market).map_or(&[], Vec::as_slice)
    }

    /// What an account's bets could lose at worst, with orders that it would place in a market besides.
    pub(super) fn exposure(
        &self,
        account: AccountId,
        books: &Books,
        more: Option<(&MarketId, &[Order])>,
    ) -> Money {
        let mut markets: Vec<&MarketId> = self.by_market.keys().collect();
        if let Some((market, _)) = more
            && !self.by_market.contains_key(market)
        {
            markets.push(market);
        }
        let at_worst = |market: &MarketId| {
            let own = self.in_market(market).filter(|bet| {
                let counts = bet.order.state != OrderState::Rejected;
                bet.account == account && bet.cleared_at.is_none() && counts
            });
            let mut orders: Vec<Order> = own.map(|bet| bet.order.clone()).collect();
            if let Some((_, proposed)) = more.filter(|(wanted, _)| *wanted == market) {
                orders.extend_from_slice(proposed);
            }
            match books.market(market) {
                Some(book) if !orders.is_empty() => {
                    worst_case(book, &Holding::from_orders(orders), None).market
                }
                _ => Money::ZERO,
            }
        };
        markets.into_iter().map(at_worst).sum()
    }
}

impl Bet {
    /// What is known of it, for the log of the truth.
    pub(super) fn truth(&self, event: &str, at: TimeMs) -> Value {
        let order = &self.order;
        json!({
            "event": event,
            "at": at,
            "bet_id": self.id(),
            "account": self.account.0,
            "market_id": self.market,
            "selection_id": order.runner.selection,
            "handicap": f64::from(order.runner.handicap) / 100.0,
            "side": order.side,
            "order_type": order.kind.as_str(),
            "price": order.kind.price(),
            "size": order.kind.size().map(Money::to_f64),
            "customer_ref": self.refs.request,
            "customer_order_ref": self.refs.order,
            "customer_strategy_ref": self.refs.strategy,
            "requested_at": order.requested_at,
            "placed_at": order.placed_at,
            "size_matched": order.matched.to_f64(),
            "average_price": order.average_price(),
            "size_cancelled": order.cancelled.to_f64(),
            "size_lapsed": order.lapsed.to_f64(),
            "size_voided": order.voided.to_f64(),
            "profit": order.profit.map(Money::to_f64),
        })
    }
}
