//! What is known of our bets: what was asked for, what the venue has, what it brought.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::market::{
    Commission, Instruction, MarketId, Money, Order, OrderId, OrderKind, OrderState,
    OrderStatement, Price, Ratio, Reversal, RunnerId, Settlement, Side, TimeMs, VenueEvent,
};
use crate::venue::pinnacle::{Bet, State, name_of};

/// Bets that are settled are looked at for so long: now and then they are settled anew.
const LOOKED_AT_MS: i64 = 3 * 86_400_000;

/// Our bets, by order.
#[derive(Debug, Default)]
pub(super) struct Bets {
    bets: BTreeMap<OrderId, Known>,
    booked: BTreeMap<MarketId, Booked>,
}

/// One of them.
#[derive(Clone, Debug)]
struct Known {
    market: MarketId,
    runner: RunnerId,
    kind: OrderKind,
    sent_at: TimeMs,
    stage: Stage,
    /// What the engine was told last.
    told: Option<OrderStatement>,
    /// A person was told that nobody is sure of it.
    is_escalated: bool,
    /// How many whole lists in a row did not hold it, when it could be in them.
    missed: u32,
}

/// A bet that so many whole lists do not hold is not looked for any more. The engine believes two.
const MISSED: u32 = 3;

/// How far a bet has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// On its way: whoever sends it will say.
    Sent,
    /// Nobody is sure of it, or it waits.
    Unsure,
    /// The venue took it.
    Taken {
        sequence: i64,
        profit: Option<Money>,
    },
    /// The venue refused it after it had waited.
    Over,
}

/// What a market was settled with.
#[derive(Clone, Debug)]
struct Booked {
    version: u32,
    at: TimeMs,
    /// Empty while the settlement is taken back.
    profits: Vec<(OrderId, Money)>,
}

impl Bets {
    /// What earlier runs left.
    pub(super) fn recover<'o>(&mut self, orders: impl Iterator<Item = (&'o MarketId, &'o Order)>) {
        for (market, order) in orders {
            let stage = match order.state {
                OrderState::Complete if order.matched.is_positive() => Stage::Taken {
                    sequence: 0,
                    profit: None,
                },
                state if state.is_live() => Stage::Unsure,
                _ => continue,
            };
            let known = Known {
                market: market.clone(),
                runner: order.runner,
                kind: order.kind,
                sent_at: order.requested_at,
                stage,
                told: None,
                is_escalated: false,
                missed: 0,
            };
            self.bets.insert(order.id, known);
        }
    }

    /// An order sets out.
    pub(super) fn send(&mut self, order: &Instruction, now: TimeMs) {
        let known = Known {
            market: order.market.clone(),
            runner: order.runner,
            kind: order.kind,
            sent_at: now,
            stage: Stage::Sent,
            told: None,
            is_escalated: false,
            missed: 0,
        };
        self.bets.insert(order.id, known);
    }

    /// It did not leave, or was refused.
    pub(super) fn forget_order(&mut self, order: OrderId) {
        self.bets.remove(&order);
    }

    /// It has left, and is to be looked for.
    pub(super) fn is_unsure(&mut self, order: OrderId) {
        if let Some(known) = self.bets.get_mut(&order)
            && known.stage == Stage::Sent
        {
            known.stage = Stage::Unsure;
        }
    }

    /// Takes what the venue says of a bet. Gives where it stands, for all that is ours or still at risk, and whether that is
    /// news.
    pub(super) fn hear(&mut self, bet: &Bet, now: TimeMs) -> Option<(OrderStatement, bool)> {
        let order = bet.order.filter(|order| self.bets.contains_key(order));
        let Some((order, known)) = order.and_then(|o| Some((o, self.bets.get_mut(&o)?))) else {
            return foreign(bet, now).map(|statement| (statement, true));
        };
        known.missed = 0;
        if !known.learn(bet) {
            return known.told.clone().map(|told| (told, false));
        }
        let statement = known.statement(order, bet, now)?;
        let is_news = known.told.as_ref() != Some(&statement);
        known.told = Some(statement.clone());
        Some((statement, is_news))
    }

    /// A whole list was asked for at this time, and holds these. Gives the bets that waited and are in none any more.
    pub(super) fn listed(
        &mut self,
        held: &BTreeSet<OrderId>,
        asked_at: TimeMs,
        window_ms: i64,
    ) -> Vec<OrderId> {
        let mut lost = Vec::new();
        for (order, bet) in &mut self.bets {
            let is_due = asked_at - bet.sent_at >= window_ms;
            if bet.stage != Stage::Unsure || held.contains(order) || !is_due {
                continue;
            }
            bet.missed = bet.missed.saturating_add(1);
            if bet.missed == MISSED && bet.told.is_some() {
                lost.push(*order);
            }
        }
        lost
    }

    /// Orders that the venue is to be asked about by name.
    pub(super) fn unsure(&self) -> Vec<OrderId> {
        let unsure = self.bets.iter().filter(|(_, bet)| bet.is_looked_for());
        unsure.map(|(order, _)| *order).collect()
    }

    /// Those among them that nobody has been sure of for so long, each once.
    pub(super) fn escalated(&mut self, now: TimeMs, after_ms: i64) -> Vec<OrderId> {
        let late = self.bets.iter_mut().filter(|(_, bet)| {
            bet.is_looked_for() && !bet.is_escalated && now - bet.sent_at >= after_ms
        });
        late.map(|(order, bet)| {
            bet.is_escalated = true;
            *order
        })
        .collect()
    }

    /// Whether any bet is not over.
    pub(super) fn any_open(&self) -> bool {
        let is_open = |bet: &Known| match bet.stage {
            Stage::Sent => true,
            Stage::Unsure => bet.is_looked_for(),
            Stage::Taken { profit, .. } => profit.is_none(),
            Stage::Over => false,
        };
        self.bets.values().any(is_open)
    }

    /// When the oldest bet was sent that may still be settled, or settled anew.
    pub(super) fn oldest(&self) -> Option<TimeMs> {
        self.bets.values().map(|bet| bet.sent_at).min()
    }

    /// Markets that are settled by now, settled anew, or not settled any more, as the engine is told of them; and those
    /// that were settled anew.
    pub(super) fn settle(&mut self, now: TimeMs) -> (Vec<VenueEvent>, Vec<MarketId>) {
        let mut by_market: BTreeMap<MarketId, Option<Vec<(OrderId, Money)>>> = BTreeMap::new();
        for (order, bet) in &self.bets {
            let profits = by_market
                .entry(bet.market.clone())
                .or_insert_with(|| Some(Vec::new()));
            match bet.stage {
                Stage::Over => {}
                Stage::Unsure if !bet.is_looked_for() => {}
                Stage::Taken {
                    profit: Some(profit),
                    ..
                } => {
                    if let Some(profits) = profits {
                        profits.push((*order, profit));
                    }
                }
                _ => *profits = None,
            }
        }
        let (mut events, mut anew) = (Vec::new(), Vec::new());
        for (market, profits) in by_market {
            let booked = self.booked.get_mut(&market);
            match (profits, booked) {
                (None, None) => {}
                (None, Some(booked)) => {
                    if !booked.profits.is_empty() {
                        events.push(booked.reversal(&market, now));
                        booked.profits.clear();
                    }
                }
                (Some(profits), None) => {
                    if !profits.is_empty() {
                        let booked = Booked {
                            version: 1,
                            at: now,
                            profits,
                        };
                        events.push(booked.settlement(&market));
                        self.booked.insert(market, booked);
                    }
                }
                (Some(profits), Some(booked)) => {
                    if booked.profits == profits {
                        continue;
                    }
                    if !booked.profits.is_empty() {
                        events.push(booked.reversal(&market, now));
                    }
                    *booked = Booked {
                        version: booked.version + 1,
                        at: now,
                        profits,
                    };
                    events.push(booked.settlement(&market));
                    anew.push(market);
                }
            }
        }
        self.forget(now);
        (events, anew)
    }

    /// Forgets what is past.
    fn forget(&mut self, now: TimeMs) {
        let old = |booked: &Booked| !booked.profits.is_empty() && now - booked.at > LOOKED_AT_MS;
        let booked = &self.booked;
        self.bets.retain(|_, bet| match bet.stage {
            Stage::Over | Stage::Unsure => now - bet.sent_at <= LOOKED_AT_MS,
            _ => !booked.get(&bet.market).is_some_and(old),
        });
        self.booked.retain(|_, booked| !old(booked));
    }
}

impl Booked {
    fn settlement(&self, market: &MarketId) -> VenueEvent {
        VenueEvent::Settled(Settlement {
            market: market.clone(),
            at: self.at,
            version: self.version,
            commission: Commission::Rate(Ratio::ZERO),
            profits: self.profits.clone(),
        })
    }

    fn reversal(&self, market: &MarketId, now: TimeMs) -> VenueEvent {
        VenueEvent::Reversed(Reversal {
            market: market.clone(),
            at: now,
            version: self.version,
        })
    }
}

impl Known {
    /// Whether nobody is sure of it, and it may still turn up.
    fn is_looked_for(&self) -> bool {
        self.stage == Stage::Unsure && self.missed < MISSED
    }

    /// Takes what is said, unless it was said before what is known; says which.
    fn learn(&mut self, bet: &Bet) -> bool {
        let known = match self.stage {
            Stage::Taken { sequence, .. } => Some(sequence),
            Stage::Over => return false,
            Stage::Sent | Stage::Unsure => None,
        };
        let is_late = known.is_some_and(|known| bet.sequence < known);
        self.stage = match &bet.state {
            State::NotAccepted if known.is_none() => Stage::Over,
            State::Running | State::Other(_) | State::Settled(_) if is_late => return false,
            State::Settled(profit) => Stage::Taken {
                sequence: bet.sequence,
                profit: Some(*profit),
            },
            // Whatever the word is, the bet has a name, and so it was taken.
            State::Running | State::Other(_) if bet.id.is_some() => Stage::Taken {
                sequence: bet.sequence,
                profit: None,
            },
            _ if known.is_none() => Stage::Unsure,
            _ => return false,
        };
        true
    }

    fn statement(&self, order: OrderId, bet: &Bet, now: TimeMs) -> Option<OrderStatement> {
        let asked = self.kind.amount();
        let mut statement = OrderStatement {
            market: self.market.clone(),
            order: Some(order),
            venue_id: bet.id.clone().unwrap_or_else(|| name_of(order)).into(),
            runner: self.runner,
            side: Side::Back,
            kind: self.kind,
            placed_at: bet.placed_at.unwrap_or(now),
            lapse_reason: crate::market::VenueReason::NotSaid,
            matched: Money::ZERO,
            matched_value: 0,
            cancelled: Money::ZERO,
            lapsed: Money::ZERO,
            voided: Money::ZERO,
            is_complete: true,
        };
        match self.stage {
            Stage::Sent | Stage::Unsure => statement.is_complete = false,
            Stage::Over => statement.lapsed = asked,
            Stage::Taken { .. } => {
                let (risk, price) = bet.terms?;
                statement.matched = risk;
                statement.matched_value = value(risk, price);
                statement.lapsed = (asked - risk).max(Money::ZERO);
            }
        }
        // The first word on when it was placed is kept, so that a later one is no news for that alone.
        if let Some(told) = &self.told {
            statement.placed_at = told.placed_at;
        }
        Some(statement)
    }
}

fn value(risk: Money, price: Price) -> i128 {
    i128::from(price.nanos()) * i128::from(risk.minor())
}

/// A bet that was not sent from here, and is still at risk.
fn foreign(bet: &Bet, now: TimeMs) -> Option<OrderStatement> {
    if !matches!(bet.state, State::Running | State::Other(_)) {
        return None;
    }
    let (risk, price) = bet.terms?;
    Some(OrderStatement {
        market: bet.market.clone(),
        order: bet.order,
        venue_id: Arc::from(bet.id.as_deref()?),
        runner: RunnerId::new(0),
        side: Side::Back,
        kind: OrderKind::Limit {
            price,
            size: risk,
            persistence: crate::market::Persistence::Lapse,
            fill_or_kill: None,
        },
        placed_at: bet.placed_at.unwrap_or(now),
        lapse_reason: crate::market::VenueReason::NotSaid,
        matched: risk,
        matched_value: value(risk, price),
        cancelled: Money::ZERO,
        lapsed: Money::ZERO,
        voided: Money::ZERO,
        is_complete: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::Persistence;

    const ORDER: OrderId = OrderId::from_bits(7);

    fn sent() -> Bets {
        let mut bets = Bets::default();
        let order = Instruction {
            id: ORDER,
            strategy: "s".into(),
            market: MarketId::new("1001:MATCH_ODDS"),
            runner: RunnerId::new(1),
            side: Side::Back,
            kind: OrderKind::Limit {
                price: Price::from_hundredths(190),
                size: Money::from_major(10),
                persistence: Persistence::Lapse,
                fill_or_kill: None,
            },
            book: None,
        };
        bets.send(&order, TimeMs(1));
        bets
    }

    fn said(state: State, sequence: i64) -> Bet {
        let is_named = !matches!(state, State::Pending | State::NotAccepted);
        Bet {
            id: is_named.then(|| "9".to_owned()),
            order: Some(ORDER),
            state,
            sequence,
            placed_at: None,
            terms: Some((Money::from_major(8), Price::from_hundredths(195))),
            market: MarketId::new("1001:MATCH_ODDS"),
        }
    }

    fn names(events: &[VenueEvent]) -> Vec<String> {
        let name = |event: &VenueEvent| match event {
            VenueEvent::Settled(s) => format!("settled {} {}", s.version, s.profits[0].1),
            VenueEvent::Reversed(r) => format!("reversed {}", r.version),
            other => panic!("{other:?}"),
        };
        events.iter().map(name).collect()
    }

    #[test]
    fn a_bet_that_waits_is_unsure_until_it_is_taken_or_not() {
        for (end, matched, lapsed) in [(State::Running, 8, 2), (State::NotAccepted, 0, 10)] {
            let mut bets = sent();
            let (waits, true) = bets.hear(&said(State::Pending, 0), TimeMs(2)).unwrap() else {
                panic!("news");
            };
            assert!(!waits.is_complete && bets.unsure() == [ORDER]);
            assert!(!bets.hear(&said(State::Pending, 0), TimeMs(3)).unwrap().1);
            let (over, true) = bets.hear(&said(end, 1), TimeMs(4)).unwrap() else {
                panic!("news");
            };
            assert!(over.is_complete && bets.unsure().is_empty());
            assert_eq!(
                (over.matched, over.lapsed),
                (Money::from_major(matched), Money::from_major(lapsed))
            );
            // A word that comes late changes nothing.
            assert!(!bets.hear(&said(State::Pending, 0), TimeMs(5)).unwrap().1);
        }
    }

    #[test]
    fn a_market_is_settled_once_and_anew_only_if_it_comes_to_something_else() {
        let mut bets = sent();
        let mut hear = |state: State, sequence: i64| {
            bets.hear(&said(state, sequence), TimeMs(5));
            names(&bets.settle(TimeMs(6)).0)
        };
        let won = || State::Settled(Money::from_minor(760));
        assert_eq!(hear(State::Running, 1), [""; 0]);
        assert_eq!(hear(won(), 2), ["settled 1 7.60"]);
        assert_eq!(hear(won(), 2), [""; 0]);
        assert_eq!(hear(State::Running, 1), [""; 0], "it is late");
        let lost = State::Settled(Money::from_major(-8));
        assert_eq!(hear(lost, 3), ["reversed 1", "settled 2 -8.00"]);
        assert_eq!(hear(State::Running, 4), ["reversed 2"]);
        assert_eq!(hear(won(), 5), ["settled 3 7.60"]);
    }

    #[test]
    fn a_market_waits_for_all_bets_in_it_and_old_ones_are_forgotten() {
        let mut bets = sent();
        let mut second = said(State::Settled(Money::from_major(-8)), 2);
        bets.hear(&second, TimeMs(2));
        let other = Instruction {
            id: OrderId::from_bits(8),
            strategy: "s".into(),
            market: MarketId::new("1001:MATCH_ODDS"),
            runner: RunnerId::new(1),
            side: Side::Back,
            kind: bets.bets[&ORDER].kind,
            book: None,
        };
        bets.send(&other, TimeMs(3));
        assert_eq!(bets.settle(TimeMs(4)).0, []);
        second.order = Some(other.id);
        bets.hear(&second, TimeMs(5));
        assert_eq!(bets.settle(TimeMs(6)).0.len(), 1);
        assert!(!bets.any_open());
        bets.settle(TimeMs(7 + LOOKED_AT_MS));
        assert_eq!(bets.oldest(), None);
    }

    #[test]
    fn who_is_unsure_for_long_is_told_of_once() {
        let mut bets = sent();
        bets.is_unsure(ORDER);
        assert_eq!(bets.escalated(TimeMs(100), 100), []);
        assert_eq!(bets.escalated(TimeMs(101), 100), [ORDER]);
        assert_eq!(bets.escalated(TimeMs(999), 100), []);
    }

    #[test]
    fn a_bet_that_no_list_holds_is_not_looked_for_for_ever_and_may_turn_up_all_the_same() {
        let mut bets = sent();
        bets.hear(&said(State::Pending, 0), TimeMs(2));
        let none = BTreeSet::new();
        assert_eq!(bets.listed(&none, TimeMs(10), 60), [], "it is too early");
        assert_eq!(bets.listed(&none, TimeMs(70), 60), []);
        assert_eq!(bets.listed(&BTreeSet::from([ORDER]), TimeMs(80), 60), []);
        assert_eq!(bets.listed(&none, TimeMs(90), 60), []);
        assert_eq!(bets.unsure(), [ORDER]);
        assert_eq!(bets.listed(&none, TimeMs(100), 60), [ORDER]);
        assert!(bets.unsure().is_empty() && !bets.any_open());
        let (late, true) = bets.hear(&said(State::Running, 1), TimeMs(110)).unwrap() else {
            panic!("news");
        };
        assert_eq!(late.matched, Money::from_major(8));
    }

    #[test]
    fn bets_of_others_count_while_they_run() {
        let mut bets = Bets::default();
        let (told, _) = bets.hear(&said(State::Running, 1), TimeMs(5)).unwrap();
        assert_eq!(
            (told.order, told.matched),
            (Some(ORDER), Money::from_major(8))
        );
        let over = said(State::Settled(Money::ZERO), 2);
        assert_eq!(bets.hear(&over, TimeMs(6)), None);
    }
}
