//! What is past is forgotten, so that a session may last for months.

use std::sync::Arc;

use super::{Desk, Engine, Finished, Gate, Journal, LISTED_FOR_MS, Venue, Visit};
use crate::market::{Market, MarketId, MarketIndex, MarketStatus, Order, TimeMs};

/// How long a market is kept after its last change, once it is closed and nothing was bet in it.
const CLOSED_KEPT_MS: i64 = 3_600_000;

/// How long, if something was: its settlement may be taken back.
const BET_IN_KEPT_MS: i64 = 48 * 3_600_000;

/// A market that was forgotten, and what a strategy was shown of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Which market.
    pub market: MarketId,
    /// Which strategy.
    pub strategy: Arc<str>,
    /// What it was shown.
    pub visit: Visit,
}

impl<G, V, J> Desk<G, V, J>
where
    G: Gate,
    V: Venue<G::Pass>,
    J: Journal,
{
    /// Forgets what is past: closed markets an hour after their last word, two days after it if something was bet in
    /// them, any market that was not heard of for a week, and orders that no venue lists any more. Nothing that could
    /// still change or be settled is forgotten. What strategies were shown of these markets is told for the last time.
    pub fn forget_past(&mut self, now: TimeMs) -> Vec<Forgotten> {
        let past = |at: &MarketIndex| self.engine.is_past(*at, self.books.get(*at), now);
        let past: Vec<MarketIndex> = self.books.places().filter(past).collect();
        let mut forgotten = Vec::new();
        for at in past {
            let market = self.books.get(at).id.clone();
            forgotten.extend(self.engine.forget(at, &market, now));
            self.books.forget(at);
        }
        self.engine.forget_ids(now);
        forgotten
    }
}

impl<G: Gate> Engine<G> {
    fn is_past(&self, at: MarketIndex, market: &Market, now: TimeMs) -> bool {
        let desks = || {
            self.slots
                .iter()
                .filter_map(|s| s.desks.get(at.0)?.as_ref())
        };
        let may_matter = desks().any(|desk| {
            let mut orders = desk.holding.orders().iter();
            orders.any(Order::stands)
        });
        if may_matter || self.has_strays(&market.id) {
            return false;
        }
        let bet_in = desks().any(|desk| !desk.holding.orders().is_empty());
        let kept = match (market.status(), bet_in) {
            (MarketStatus::Closed, false) => CLOSED_KEPT_MS,
            (MarketStatus::Closed, true) => BET_IN_KEPT_MS,
            _ => LISTED_FOR_MS,
        };
        now - market.published_at >= kept
    }

    fn forget(&mut self, at: MarketIndex, market: &MarketId, now: TimeMs) -> Vec<Forgotten> {
        let mut forgotten = Vec::new();
        for slot in &mut self.slots {
            let Some((visit, holding)) = slot.let_go(at) else {
                continue;
            };
            for order in holding.orders() {
                self.owners.remove(&order.id);
                self.finished.insert(order.id, Finished::of(order, now));
            }
            forgotten.push(Forgotten {
                market: market.clone(),
                strategy: Arc::clone(&slot.name),
                visit,
            });
        }
        forgotten
    }

    /// What is known by ids, and results market by market, for as long as a venue may come back to them.
    fn forget_ids(&mut self, now: TimeMs) {
        let may_be_listed = |heard: &TimeMs| now - *heard < LISTED_FOR_MS;
        self.finished.retain(|_, over| may_be_listed(&over.heard));
        self.settled.retain(|_, since| may_be_listed(since));
        let settled = &mut self.strays.settled;
        settled.retain(|earlier| may_be_listed(&earlier.at));
        for slot in &mut self.slots {
            slot.totals.fold(now + -LISTED_FOR_MS);
        }
    }
}
