//! What is known of the bets at the venue: totals that only move forward, whichever way and however often they come.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::market::{MarketId, Money, OrderId, OrderStatement, TimeMs, VenueReason};

/// The bets at the venue, ours and others.
#[derive(Debug, Default)]
pub(super) struct Bets {
    bets: BTreeMap<Arc<str>, Bet>,
    by_order: BTreeMap<OrderId, Arc<str>>,
    /// What was taken off orders before they were placed, since less of the replaced one was left.
    excess: BTreeMap<OrderId, Money>,
}

#[derive(Debug)]
struct Bet {
    known: OrderStatement,
    /// What answers to cancels said to have gone.
    gone_by_answers: Money,
}

/// How far apart two average prices may be and be one, told with more decimals and with fewer: billionths of the price.
const SAME_PRICE: i128 = 5_000_000;

impl Bets {
    /// Takes what was said of a bet. Gives all that is known of it now, and whether that is news.
    pub(super) fn hear(&mut self, said: OrderStatement) -> (OrderStatement, bool) {
        let name = Arc::clone(&said.venue_id);
        if let Some(order) = said.order {
            self.by_order.insert(order, Arc::clone(&name));
        }
        let (known, is_news) = match self.bets.get_mut(&name) {
            None => {
                let bet = Bet {
                    known: said.clone(),
                    gone_by_answers: Money::ZERO,
                };
                self.bets.insert(name, bet);
                (said, true)
            }
            Some(bet) => {
                let before = bet.known.clone();
                bet.learn(said);
                (bet.known.clone(), bet.known != before)
            }
        };
        (self.with_excess(known), is_news)
    }

    /// Takes that a cancel was answered with so much gone. Gives all that is known of the bet now.
    pub(super) fn cancelled(&mut self, name: &str, size: Money) -> Option<OrderStatement> {
        let bet = self.bets.get_mut(name)?;
        bet.gone_by_answers += size;
        bet.known.cancelled = bet.known.cancelled.max(bet.gone_by_answers);
        bet.known.is_complete |= bet.is_spent();
        let known = bet.known.clone();
        Some(self.with_excess(known))
    }

    /// Less of an order is placed than it was made for.
    pub(super) fn shorten(&mut self, order: OrderId, excess: Money) {
        if excess.is_positive() {
            self.excess.insert(order, excess);
        }
    }

    /// What the engine made the order for, and what was never placed counts as cancelled.
    fn with_excess(&self, mut statement: OrderStatement) -> OrderStatement {
        if let Some(excess) = statement.order.and_then(|order| self.excess.get(&order)) {
            statement.cancelled += *excess;
        }
        statement
    }

    /// The venue's name of an order.
    pub(super) fn name(&self, order: OrderId) -> Option<Arc<str>> {
        self.by_order.get(&order).cloned()
    }

    /// Our orders in a market of which something is matched.
    pub(super) fn matched_in(&self, market: &MarketId) -> Vec<OrderStatement> {
        let ours = self.bets.values().map(|bet| &bet.known);
        ours.filter(|bet| bet.market == *market && bet.order.is_some() && bet.matched.is_positive())
            .cloned()
            .collect()
    }

    /// Whether there are bets of ours in a market.
    pub(super) fn has_any_in(&self, market: &MarketId) -> bool {
        let mut bets = self.bets.values();
        bets.any(|bet| bet.known.market == *market && bet.known.order.is_some())
    }

    /// Whether any bet waits.
    pub(super) fn any_wait(&self) -> bool {
        self.bets.values().any(|bet| !bet.known.is_complete)
    }

    /// Forgets the bets of a market that is settled for good.
    pub(super) fn forget(&mut self, market: &MarketId) {
        let (by_order, excess) = (&mut self.by_order, &mut self.excess);
        self.bets.retain(|_, bet| {
            let stays = bet.known.market != *market;
            if let Some(order) = bet.known.order.filter(|_| !stays) {
                by_order.remove(&order);
                excess.remove(&order);
            }
            stays
        });
    }
}

impl Bet {
    fn learn(&mut self, said: OrderStatement) {
        let known = &mut self.known;
        known.order = known.order.or(said.order);
        if known.placed_at == TimeMs::default() {
            known.placed_at = said.placed_at;
        }
        // Matched stakes grow, but for those that are voided.
        let newly_void = said.voided > known.voided;
        if said.matched > known.matched || (newly_void && said.matched < known.matched) {
            (known.matched, known.matched_value) = (said.matched, said.matched_value);
        } else if said.matched == known.matched && said.matched.is_positive() {
            // A price that was told is only ever reduced; a price that was not told at first is told later.
            let tolerance = SAME_PRICE * i128::from(known.matched.minor());
            let is_reduced = said.matched_value < known.matched_value - tolerance;
            if is_reduced || known.matched_value == 0 {
                known.matched_value = said.matched_value;
            }
        }
        known.voided = known.voided.max(said.voided);
        known.cancelled = known
            .cancelled
            .max(said.cancelled)
            .max(self.gone_by_answers);
        known.lapsed = known.lapsed.max(said.lapsed);
        if said.lapse_reason != VenueReason::NotSaid {
            known.lapse_reason = said.lapse_reason;
        }
        let is_spent = self.is_spent();
        self.known.is_complete |= said.is_complete || is_spent;
    }

    /// Whether nothing remains of a bet at a price.
    fn is_spent(&self) -> bool {
        let known = &self.known;
        let gone = known.matched + known.cancelled + known.lapsed + known.voided;
        known
            .kind
            .size()
            .is_some_and(|size| size.is_positive() && gone >= size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{OrderKind, Persistence, Price, RunnerId, Side};
    use proptest::prelude::*;

    fn said(matched: i64, price: u64, cancelled: i64) -> OrderStatement {
        let value = i128::from(price) * 10_000_000 * i128::from(matched);
        OrderStatement {
            market: MarketId::new("1.1"),
            order: Some(OrderId::from_bits(7)),
            venue_id: "900".into(),
            runner: RunnerId::new(1),
            side: Side::Back,
            kind: OrderKind::Limit {
                price: Price::from_hundredths(300),
                size: Money::from_major(10),
                persistence: Persistence::Lapse,
                fill_or_kill: None,
            },
            placed_at: TimeMs(1),
            matched: Money::from_minor(matched),
            matched_value: value,
            cancelled: Money::from_minor(cancelled),
            lapsed: Money::ZERO,
            lapse_reason: VenueReason::NotSaid,
            voided: Money::ZERO,
            is_complete: matched + cancelled >= 1_000,
        }
    }

    #[test]
    fn what_comes_twice_or_late_is_no_news() {
        let mut bets = Bets::default();
        assert!(bets.hear(said(0, 0, 0)).1);
        assert!(bets.hear(said(400, 310, 0)).1);
        assert!(!bets.hear(said(400, 310, 0)).1);
        let (known, news) = bets.hear(said(200, 320, 0));
        assert!(!news && known.matched == Money::from_major(4));
        let (known, news) = bets.hear(said(400, 300, 600));
        assert!(news && known.is_complete && known.matched_value == 400 * 3_000_000_000);
        assert!(!bets.hear(said(0, 0, 0)).1, "it is over");
        assert!(!bets.any_wait());
    }

    #[test]
    fn what_a_cancel_is_answered_with_and_what_the_stream_says_of_it_count_once() {
        let mut bets = Bets::default();
        bets.hear(said(400, 310, 0));
        let known = bets.cancelled("900", Money::from_major(2)).unwrap();
        assert_eq!(
            (known.cancelled, known.is_complete),
            (Money::from_major(2), false)
        );
        assert!(!bets.hear(said(400, 310, 200)).1);
        bets.hear(said(400, 310, 600));
        let known = bets.cancelled("900", Money::from_major(4)).unwrap();
        assert_eq!(
            (known.cancelled, known.is_complete),
            (Money::from_major(6), true)
        );
    }

    #[test]
    fn a_price_told_with_fewer_decimals_is_the_same_price_and_a_reduced_one_is_not() {
        let mut bets = Bets::default();
        let mut exact = said(300, 0, 0);
        exact.matched_value = 300 * 3_046_666_667;
        bets.hear(exact);
        assert!(!bets.hear(said(300, 305, 0)).1);
        let (known, news) = bets.hear(said(300, 260, 0));
        assert!(news && known.matched_value == 300 * 2_600_000_000);
    }

    #[test]
    fn what_was_never_placed_of_an_order_counts_as_cancelled() {
        let mut bets = Bets::default();
        bets.shorten(OrderId::from_bits(7), Money::from_major(3));
        let (known, _) = bets.hear(said(0, 0, 0));
        assert_eq!(known.cancelled, Money::from_major(3));
        let (known, _) = bets.hear(said(0, 0, 100));
        assert_eq!(known.cancelled, Money::from_major(4));
    }

    proptest! {
        #[test]
        fn totals_only_grow_in_whichever_order_words_come(words in proptest::collection::vec((0..1_000_i64, 0..500_i64), 1..20)) {
            let mut bets = Bets::default();
            let mut last = Money::ZERO;
            for (matched, cancelled) in &words {
                let (known, _) = bets.hear(said(*matched, 300, *cancelled));
                prop_assert!(known.matched >= last);
                last = known.matched;
            }
            let most = words.iter().map(|(matched, _)| *matched).max().unwrap();
            prop_assert_eq!(last, Money::from_minor(most));
        }
    }
}
