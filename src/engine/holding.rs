//! What one strategy holds in one market: its orders and the position they make.

use super::Position;
use super::tally::Tally;
use crate::market::{
    Money, Order, OrderChange, OrderId, OrderKind, OrderState, RunnerId, Side, TimeMs,
};
use crate::planted::{self, Bug};

/// The orders of one strategy in one market. Shared with scripts as an `Arc`.
#[derive(Clone, Debug, Default)]
pub struct Holding {
    orders: Vec<Order>,
    /// Places of those that can still change.
    live: Vec<usize>,
    /// What the orders on each runner amount to.
    tallies: Vec<(RunnerId, Tally)>,
}

impl Holding {
    /// A holding of these orders, oldest first.
    #[must_use]
    pub fn from_orders(orders: Vec<Order>) -> Self {
        let mut holding = Self::default();
        orders.into_iter().for_each(|order| holding.add(order));
        holding
    }

    /// All orders, oldest first.
    #[must_use]
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// Orders that can still change, oldest first.
    pub fn live(&self) -> impl Iterator<Item = &Order> + Clone {
        self.live.iter().map(|&at| &self.orders[at])
    }

    /// Places among all orders of those that can still change.
    #[must_use]
    pub fn live_places(&self) -> &[usize] {
        &self.live
    }

    /// Number of orders that can still change.
    #[must_use]
    pub fn live_count(&self) -> usize {
        self.live.len()
    }

    /// Number of orders on a runner that can still change.
    #[must_use]
    pub fn live_on(&self, runner: RunnerId) -> usize {
        self.tally(runner).live
    }

    /// An order of which nobody can say whether the venue has it.
    #[must_use]
    pub fn in_doubt(&self, runner: RunnerId, side: Side) -> Option<&Order> {
        let doubtful = |o: &&Order| o.state.is_doubtful() && o.runner == runner && o.side == side;
        let known = self.tally(runner).is_in_doubt(side);
        known.then(|| self.live().find(doubtful))?
    }

    /// When the last bet on a runner and side ended that reached the market.
    #[must_use]
    pub fn ended_at(&self, runner: RunnerId, side: Side) -> Option<TimeMs> {
        self.tally(runner).ended_at(side)
    }

    /// An order by id.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.place_of(id).map(|place| &self.orders[place])
    }

    /// The matched position on a runner.
    #[must_use]
    pub fn position(&self, runner: RunnerId) -> Position {
        self.tally(runner).position()
    }

    /// The matched positions of all runners on which anything was matched.
    pub fn positions(&self) -> impl Iterator<Item = (RunnerId, Position)> {
        let tallies = self.tallies.iter();
        tallies.filter_map(|(runner, tally)| Some((*runner, tally.matched()?)))
    }

    /// What the orders on a runner amount to.
    pub(super) fn tally(&self, runner: RunnerId) -> Tally {
        let known = self.tallies.iter().find(|(id, _)| *id == runner);
        known.map_or_else(Tally::default, |(_, tally)| *tally)
    }

    /// What the orders on each runner amount to.
    pub(super) fn tallies(&self) -> &[(RunnerId, Tally)] {
        &self.tallies
    }

    pub(super) fn settle(&mut self, id: OrderId, profit: Money) {
        self.amend(id, |order| order.profit = Some(profit));
    }

    /// Takes back what the orders were settled with, and gives it with its sign turned.
    pub(super) fn unsettle(&mut self) -> Vec<(OrderId, Money)> {
        let settled = self.orders.iter_mut();
        settled
            .filter_map(|order| Some((order.id, -order.profit.take()?)))
            .collect()
    }

    pub(crate) fn add(&mut self, order: Order) {
        if order.state.is_live() {
            self.live.push(self.orders.len());
        }
        tally_of(&mut self.tallies, order.runner).add(&order);
        self.orders.push(order);
    }

    /// Changes an order, if it is one of these.
    pub(super) fn amend(&mut self, id: OrderId, change: impl FnOnce(&mut Order)) {
        if let Some(place) = self.place_of(id) {
            self.change(place, change);
        }
    }

    /// Applies what the venue said. `None` if the order is not ours or is past changing that way:
    /// states only move forward, and a late word on a finished order is dropped by the caller with a record.
    pub(super) fn apply(&mut self, id: OrderId, at: TimeMs, change: OrderChange) -> Option<&Order> {
        let place = self.place_of(id)?;
        let moved = self.change(place, |order| advance(order, at, change));
        moved.then(|| &self.orders[place])
    }

    /// Where an order stands: most often it is one of the last, or can still change.
    fn place_of(&self, id: OrderId) -> Option<usize> {
        let is_it = |&place: &usize| self.orders[place].id == id;
        let live = self.live.iter().copied().rev().find(is_it);
        live.or_else(|| self.orders.iter().rposition(|order| order.id == id))
    }

    /// The one way to change an order: what it amounts to follows.
    fn change<T>(&mut self, place: usize, change: impl FnOnce(&mut Order) -> T) -> T {
        let order = &mut self.orders[place];
        let tally = tally_of(&mut self.tallies, order.runner);
        let was_live = order.state.is_live();
        tally.remove(order);
        let outcome = change(order);
        tally.add(order);
        if was_live && !order.state.is_live() {
            self.live.retain(|&live| live != place);
        }
        outcome
    }
}

fn tally_of(tallies: &mut Vec<(RunnerId, Tally)>, runner: RunnerId) -> &mut Tally {
    let known = tallies.iter().position(|(id, _)| *id == runner);
    let place = known.unwrap_or_else(|| {
        tallies.push((runner, Tally::default()));
        tallies.len() - 1
    });
    &mut tallies[place].1
}

/// Moves an order by what the venue said; false if it cannot be moved so.
pub fn advance(order: &mut Order, at: TimeMs, change: OrderChange) -> bool {
    let (live, unheard) = (order.state.is_live(), order.state.is_unheard());
    match change {
        OrderChange::Accepted if unheard => order.state = OrderState::Working,
        OrderChange::Rejected { .. } if unheard => {
            order.state = OrderState::Rejected;
            order.placed_at = Some(at);
        }
        OrderChange::NotSent if order.state == OrderState::Sending => {
            order.state = OrderState::NotSent;
        }
        OrderChange::Doubted { .. } if order.state == OrderState::Sending => {
            order.state = if planted::is(Bug::DoubtIsRefusal) {
                OrderState::Rejected
            } else {
                OrderState::Unknown
            };
        }
        OrderChange::NotPlaced if unheard => order.state = OrderState::NotPlaced,
        OrderChange::Stuck if order.state == OrderState::Unknown => {
            order.state = OrderState::Stuck;
        }
        OrderChange::Matched { price, size } if live => {
            order.state = OrderState::Working;
            order.matched += size;
            order.matched_value += i128::from(price.nanos()) * i128::from(size.minor());
        }
        OrderChange::Cancelled { size } if live => {
            order.state = OrderState::Working;
            order.cancelled += size;
            order.cancel_pending = false;
        }
        OrderChange::Lapsed { size, .. } if live => {
            order.state = OrderState::Working;
            order.lapsed += size;
            order.cancel_pending = false;
        }
        OrderChange::CancelFailed { .. } => order.cancel_pending = false,
        OrderChange::Updated { persistence } if live => {
            order.kind = order.kind.with_persistence(persistence);
            order.update_pending = None;
        }
        OrderChange::UpdateFailed { .. } => order.update_pending = None,
        OrderChange::Voided { .. }
            if order.state != OrderState::Rejected && order.profit.is_none() =>
        {
            order.voided += order.remaining() + order.matched;
            order.matched = Money::ZERO;
            order.matched_value = 0;
            order.state = OrderState::Complete;
        }
        OrderChange::Repriced { matched_value } if order.matched.is_positive() => {
            order.matched_value = matched_value;
        }
        _ => return false,
    }
    if unheard && order.state == OrderState::Working {
        order.placed_at = Some(at);
    }
    if order.state == OrderState::Working && is_spent(order) {
        order.state = OrderState::Complete;
    }
    if live && !order.state.is_live() {
        order.ended_at = Some(at);
    }
    true
}

/// Whether nothing of a working order remains. An order at the starting price is spent once it was matched,
/// cancelled or lapsed at all.
fn is_spent(order: &Order) -> bool {
    match order.kind {
        OrderKind::Limit { .. } => !order.remaining().is_positive(),
        OrderKind::LimitOnClose { .. } | OrderKind::MarketOnClose { .. } => {
            (order.matched + order.cancelled + order.lapsed).is_positive()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::order;
    use crate::market::{Doubt, Persistence, Price, VenueReason};
    use proptest::prelude::*;

    /// Something that may happen to an order.
    #[derive(Clone, Copy, Debug)]
    enum Happens {
        Said(OrderChange),
        CancelAsked,
        UpdateAsked(Persistence),
        Settled(i64),
    }

    fn happens() -> impl Strategy<Value = Happens> {
        let reason = VenueReason::MarketClosed;
        let size = || (1_i64..900).prop_map(Money::from_minor);
        let said = prop_oneof![
            Just(OrderChange::Accepted),
            Just(OrderChange::Rejected { reason }),
            Just(OrderChange::NotSent),
            Just(OrderChange::Doubted {
                doubt: Doubt::Recovered
            }),
            Just(OrderChange::NotPlaced),
            Just(OrderChange::Stuck),
            Just(OrderChange::Voided { reason }),
            Just(OrderChange::CancelFailed { reason }),
            size().prop_map(|size| OrderChange::Cancelled { size }),
            size().prop_map(move |size| OrderChange::Lapsed { size, reason }),
            (size(), 101_u64..1_000).prop_map(|(size, price)| OrderChange::Matched {
                price: Price::from_hundredths(price),
                size,
            }),
            (1_i128..1_000_000).prop_map(|value| OrderChange::Repriced {
                matched_value: value * 1_234_567,
            }),
        ];
        prop_oneof![
            8 => said.prop_map(Happens::Said),
            1 => Just(Happens::CancelAsked),
            1 => proptest::sample::select(&Persistence::ALL[..]).prop_map(Happens::UpdateAsked),
            1 => (-500_i64..500).prop_map(Happens::Settled),
        ]
    }

    /// The matched bets on a runner, added up order by order.
    fn added_up(holding: &Holding, runner: RunnerId) -> Position {
        let mut position = Position::default();
        let mut winnings = 0;
        for order in holding.orders().iter().filter(|o| o.runner == runner) {
            let Some(price) = order.average_price() else {
                continue;
            };
            let wins = i128::from(price.minus_one()) * i128::from(order.matched.minor());
            match order.side {
                Side::Back => {
                    winnings += wins;
                    position.back_profit += order.matched.profit_at(price);
                    position.if_lose -= order.matched;
                    position.backed += order.matched;
                }
                Side::Lay => {
                    winnings -= wins;
                    position.if_lose += order.matched;
                    position.laid += order.matched;
                }
            }
        }
        position.if_win = Money::from_scaled(winnings);
        position
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_the_orders_add_up_to(
            orders in proptest::collection::vec((1_u64..4, any::<bool>(), 101_u64..2_000, 1_i64..2_000), 1..6),
            story in proptest::collection::vec((0_usize..6, happens()), 0..40),
        ) {
            let mut holding = Holding::default();
            for (at, (runner, back, price, size)) in orders.iter().enumerate() {
                let side = if *back { Side::Back } else { Side::Lay };
                holding.add(order(at as u128 + 1, *runner, side, *price, *size));
            }
            for (step, (which, what)) in story.into_iter().enumerate() {
                let id = OrderId::from_bits((which % orders.len()) as u128 + 1);
                match what {
                    Happens::Said(change) => {
                        holding.apply(id, TimeMs(step as i64), change);
                    }
                    Happens::CancelAsked => holding.amend(id, |order| order.cancel_pending = true),
                    Happens::UpdateAsked(to) => {
                        holding.amend(id, |order| order.update_pending = Some(to));
                    }
                    Happens::Settled(profit) => holding.settle(id, Money::from_minor(profit)),
                }
                let live: Vec<_> = holding.orders().iter().filter(|o| o.state.is_live()).collect();
                prop_assert_eq!(holding.live().collect::<Vec<_>>(), live.clone());
                for runner in (1..4).map(RunnerId::new) {
                    let on = || live.iter().filter(|o| o.runner == runner);
                    let tally = holding.tally(runner);
                    prop_assert_eq!(holding.position(runner), added_up(&holding, runner));
                    prop_assert_eq!(holding.live_on(runner), on().count());
                    prop_assert_eq!(tally.unheard, on().filter(|o| o.state.is_unheard()).count());
                    prop_assert_eq!(tally.open_stake, on().map(|o| o.remaining()).sum());
                    let open = |side| on().filter(move |o| o.side == side);
                    let backed = open(Side::Back).map(|o| o.remaining()).sum();
                    prop_assert_eq!(tally.open.backed, backed);
                    let liability = |o: &&Order| o.remaining().liability_at(o.kind.price().unwrap());
                    prop_assert_eq!(tally.open.liability, open(Side::Lay).map(liability).sum());
                    for side in [Side::Back, Side::Lay] {
                        let doubted = on().find(|o| o.side == side && o.state.is_doubtful());
                        prop_assert_eq!(holding.in_doubt(runner, side), doubted.copied());
                        let ended = holding.orders().iter().filter(|o| {
                            let never = matches!(o.state, OrderState::NotSent | OrderState::NotPlaced);
                            o.runner == runner && o.side == side && !never
                        });
                        prop_assert_eq!(holding.ended_at(runner, side), ended.filter_map(|o| o.ended_at).max());
                    }
                }
            }
        }
    }
}
