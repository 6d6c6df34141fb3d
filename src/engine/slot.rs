//! A strategy in the engine: its money, its orders by market, what it wants to see.

use std::sync::Arc;

use super::account::Booked;
use super::exposure::worst_case;
use super::{Account, Holding, Strategy, Totals};
use crate::market::{Market, MarketDefinition, MarketIndex, Money, Order, Side};

/// Whether a strategy is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Running,
    /// It failed too often in a row; it is not, until its next version.
    Quarantined,
}

/// One strategy with all that is its own.
pub struct Slot {
    pub(super) strategy: Box<dyn Strategy>,
    /// Its name.
    pub name: Arc<str>,
    /// Its present version.
    pub hash: Arc<str>,
    /// Its money.
    pub account: Account,
    /// Whether it is called.
    pub standing: Standing,
    pub(super) totals: Totals,
    pub(super) faults_in_a_row: u32,
    pub(super) desks: Vec<Option<MarketDesk>>,
}

/// A strategy in one market: what it holds there, and whether it wants the market.
pub(super) struct MarketDesk {
    pub(super) holding: Arc<Holding>,
    pub(super) judged: Arc<MarketDefinition>,
    pub(super) wanted: bool,
    pub(super) at_risk: Money,
    pub(super) open_orders: usize,
    pub(super) settled: Option<Booked>,
    pub(super) calls: u64,
    pub(super) not_now: u64,
}

/// What a strategy was shown of a market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Which market.
    pub market: MarketIndex,
    /// How often it was asked.
    pub calls: u64,
    /// Changes that came outside the moments it wants.
    pub not_now: u64,
    /// Why it does not want the market, if so.
    pub unwanted: Option<String>,
}

impl Slot {
    /// What the strategy did so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = self.totals.clone();
        for order in self.orders() {
            if order.matched.is_positive() {
                totals.matched += 1;
                totals.turnover += order.matched;
                totals.risked += match (order.side, order.average_price()) {
                    (Side::Lay, Some(price)) => order.matched.liability_at(price),
                    _ => order.matched,
                };
                if order.profit.is_none() {
                    totals.unsettled += order.matched;
                }
            }
        }
        totals
    }

    fn orders(&self) -> impl Iterator<Item = &Order> {
        self.desks
            .iter()
            .flatten()
            .flat_map(|desk| desk.holding.orders())
    }

    /// Its orders by market, in the order the markets were first seen.
    pub fn holdings(&self) -> impl Iterator<Item = (MarketIndex, &Arc<Holding>)> {
        self.desks
            .iter()
            .enumerate()
            .filter_map(|(at, desk)| desk.as_ref().map(|desk| (MarketIndex(at), &desk.holding)))
    }

    /// What it was shown of each market.
    pub fn visits(&self) -> impl Iterator<Item = Visit> {
        let desks = self.desks.iter().enumerate();
        desks.filter_map(|(at, desk)| {
            desk.as_ref().map(|desk| Visit {
                market: MarketIndex(at),
                calls: desk.calls,
                not_now: desk.not_now,
                unwanted: self.strategy.filter().objection(&desk.judged),
            })
        })
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> serde_json::Value {
        self.strategy.state()
    }

    pub(super) fn desk(&mut self, at: MarketIndex, market: &Market) -> &mut MarketDesk {
        if self.desks.len() <= at.0 {
            self.desks.resize_with(at.0 + 1, || None);
        }
        let filter = self.strategy.filter();
        let desk = self.desks[at.0].get_or_insert_with(|| MarketDesk {
            holding: Arc::default(),
            judged: Arc::clone(&market.definition),
            wanted: filter.wants_market(&market.definition),
            at_risk: Money::ZERO,
            open_orders: 0,
            settled: None,
            calls: 0,
            not_now: 0,
        });
        if !Arc::ptr_eq(&desk.judged, &market.definition) {
            desk.judged = Arc::clone(&market.definition);
            desk.wanted = filter.wants_market(&market.definition);
        }
        desk
    }

    /// Takes note of a changed definition: whether the market is wanted, and what it could lose now.
    pub(super) fn review(&mut self, at: MarketIndex, market: &Market) {
        let known = self.desks.get(at.0).and_then(Option::as_ref);
        if known.is_some_and(|desk| !Arc::ptr_eq(&desk.judged, &market.definition)) {
            self.desk(at, market);
            self.weigh(at, market);
        }
    }

    /// Brings the money at risk and the open orders in a market up to date.
    pub(super) fn weigh(&mut self, at: MarketIndex, market: &Market) {
        let Some(desk) = self.desks.get_mut(at.0).and_then(Option::as_mut) else {
            return;
        };
        let now = if desk.settled.is_some() {
            Money::ZERO
        } else {
            worst_case(market, &desk.holding, None).market
        };
        self.account.at_risk += now - desk.at_risk;
        desk.at_risk = now;
        let open = desk.holding.live_count();
        self.account.open_orders = self.account.open_orders + open - desk.open_orders;
        desk.open_orders = open;
    }
}
