//! A strategy in the engine: its money, its orders by market, what it wants to see.

use std::collections::VecDeque;
use std::sync::Arc;

use super::account::Booked;
use super::core::Calling;
use super::exposure::worst_case;
use super::house::Scopes;
use super::{Account, Burden, Effort, Holding, House, Moment, Shadow, Strategy, Totals};
use crate::market::{Market, MarketDefinition, MarketFilter, MarketIndex, Money, Order, TimeMs};

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
    pub(super) shadow: Option<Shadow>,
    /// Its name.
    pub name: Arc<str>,
    /// Its present version.
    pub hash: Arc<str>,
    /// Its money.
    pub account: Account,
    /// Whether it is called.
    pub standing: Standing,
    pub(super) totals: Totals,
    /// How much work its calls were.
    pub effort: Effort,
    pub(super) faults_in_a_row: u32,
    pub(super) desks: Vec<Option<MarketDesk>>,
}

/// A strategy in one market: what it holds there, and whether it wants the market.
pub(super) struct MarketDesk {
    pub(super) holding: Arc<Holding>,
    pub(super) judged: Arc<MarketDefinition>,
    pub(super) wanted: bool,
    pub(super) scopes: Scopes,
    pub(super) burden: Burden,
    pub(super) swept_at: Option<TimeMs>,
    /// When a sweep last asked again for cancels that nothing was heard of.
    pub(super) asked_again_at: Option<TimeMs>,
    /// When the last fills came.
    pub(super) fills: VecDeque<TimeMs>,
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

/// How many fills are remembered to tell whether they come too fast.
const FILLS: usize = 1_000;

impl MarketDesk {
    pub(super) fn filled(&mut self, at: TimeMs) {
        if self.fills.len() == FILLS {
            self.fills.pop_front();
        }
        self.fills.push_back(at);
    }
}

impl Slot {
    /// Which markets and moments it wants.
    #[must_use]
    pub fn filter(&self) -> &MarketFilter {
        self.strategy.filter()
    }

    /// What the strategy did so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = self.totals.clone();
        self.orders().for_each(|order| totals.count(order));
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

    /// Its settled markets in the order first seen: when, the profit before commission, and the commission.
    pub fn settlements(&self) -> impl Iterator<Item = (MarketIndex, TimeMs, Money, Money)> {
        let desks = self.desks.iter().enumerate();
        desks.filter_map(|(at, desk)| {
            let booked = desk.as_ref()?.settled?;
            Some((MarketIndex(at), booked.at, booked.gross, booked.commission))
        })
    }

    /// What its bets in a market could lose at worst.
    #[must_use]
    pub fn at_risk_in(&self, at: MarketIndex) -> Money {
        let desk = self.desks.get(at.0).and_then(Option::as_ref);
        desk.map_or(Money::ZERO, |desk| desk.burden.at_risk)
    }

    /// What it was shown of each market.
    pub fn visits(&self) -> impl Iterator<Item = Visit> {
        let desks = self.desks.iter().enumerate();
        desks.filter_map(|(at, desk)| Some(self.visit(MarketIndex(at), desk.as_ref()?)))
    }

    fn visit(&self, market: MarketIndex, desk: &MarketDesk) -> Visit {
        Visit {
            market,
            calls: desk.calls,
            not_now: desk.not_now,
            unwanted: self.strategy.filter().objection(&desk.judged),
        }
    }

    /// Lets go of a market that is past: what was done in it stays in the totals. Its orders, and what was shown of it.
    pub(super) fn let_go(&mut self, at: MarketIndex) -> Option<(Visit, Arc<Holding>)> {
        let desk = self.desks.get_mut(at.0)?.take()?;
        let orders = desk.holding.orders().iter();
        orders.for_each(|order| self.totals.count(order));
        Some((self.visit(at, &desk), desk.holding))
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> serde_json::Value {
        self.strategy.state()
    }

    /// The next version, while it is called beside the present one.
    #[must_use]
    pub const fn shadow(&self) -> Option<&Shadow> {
        self.shadow.as_ref()
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
            scopes: Scopes::of(&market.id, &market.definition),
            burden: Burden::default(),
            swept_at: None,
            asked_again_at: None,
            fills: VecDeque::new(),
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

    /// Shows a moment that the present version does not want to the next one, if that is called beside it.
    pub(super) fn call_shadow_alone(&mut self, now: TimeMs, at: MarketIndex, market: &Arc<Market>) {
        let Some(shadow) = &mut self.shadow else {
            return;
        };
        let desk = self.desks.get(at.0).and_then(Option::as_ref);
        let holding = desk
            .map(|desk| Arc::clone(&desk.holding))
            .unwrap_or_default();
        let moment = Moment {
            now,
            market,
            holding: &holding,
            account: &self.account,
        };
        if shadow.wants(&moment) {
            shadow.call(Calling::Odds, &moment);
            shadow.compare(Calling::Odds, &[], &moment);
        }
    }

    /// Takes note of a changed definition: whether the market is wanted, and what it could lose now.
    pub(super) fn review(&mut self, at: MarketIndex, market: &Market, house: &mut House) {
        let known = self.desks.get(at.0).and_then(Option::as_ref);
        if known.is_some_and(|desk| !Arc::ptr_eq(&desk.judged, &market.definition)) {
            let desk = self.desk(at, market);
            if !desk.scopes.fits(&market.definition) {
                let scopes = Scopes::of(&market.id, &market.definition);
                house.move_to(&desk.scopes, &scopes, &desk.burden);
                desk.scopes = scopes;
            }
            self.weigh(at, market, house);
        }
    }

    /// Brings what its bets in a market weigh up to date.
    pub(super) fn weigh(&mut self, at: MarketIndex, market: &Market, house: &mut House) {
        let Some(desk) = self.desks.get_mut(at.0).and_then(Option::as_mut) else {
            return;
        };
        let mut now = Burden::default();
        if desk.settled.is_none() {
            let exposure = worst_case(market, &desk.holding, None);
            (now.at_risk, now.gross) = (exposure.market, exposure.gross);
        }
        for (_, tally) in desk.holding.tallies() {
            now.open_orders += tally.live;
            now.unheard += tally.unheard;
            now.open_stake += tally.open_stake;
        }
        self.account.burden.exchange(&desk.burden, &now);
        house.shift(&desk.scopes, &desk.burden, &now);
        desk.burden = now;
    }
}
