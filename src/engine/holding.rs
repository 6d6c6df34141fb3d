//! What one strategy holds in one market: its orders and the position they make.

use crate::market::{
    Money, Order, OrderChange, OrderId, OrderKind, OrderState, RunnerId, Side, TimeMs,
};
use crate::planted::{self, Bug};

/// Matched bets on one runner, as money won or lost by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Result if the runner wins.
    pub if_win: Money,
    /// Result if it does not.
    pub if_lose: Money,
    /// Size backed.
    pub backed: Money,
    /// Size laid.
    pub laid: Money,
    /// What the backs alone win if the runner wins.
    pub back_profit: Money,
}

/// The orders of one strategy in one market. Shared with scripts as an `Arc`.
#[derive(Clone, Debug, Default)]
pub struct Holding {
    orders: Vec<Order>,
    live: Vec<usize>,
    positions: Vec<(RunnerId, Position)>,
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

    /// Number of orders that can still change.
    #[must_use]
    pub fn live_count(&self) -> usize {
        self.live.len()
    }

    /// An order by id.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.live()
            .find(|order| order.id == id)
            .or_else(|| self.orders.iter().find(|order| order.id == id))
    }

    /// The matched position on a runner.
    #[must_use]
    pub fn position(&self, runner: RunnerId) -> Position {
        self.positions
            .iter()
            .find(|(id, _)| *id == runner)
            .map_or_else(Position::default, |(_, p)| *p)
    }

    /// The matched positions of all runners bet on.
    #[must_use]
    pub fn positions(&self) -> &[(RunnerId, Position)] {
        &self.positions
    }

    /// Winnings are added up exactly and rounded once, downwards: many small bets must not add up to many roundings.
    fn add_up(&self, runner: RunnerId) -> Position {
        let mut position = Position::default();
        let mut winnings: i128 = 0;
        for order in self.orders.iter().filter(|order| order.runner == runner) {
            let Some(price) = order.average_price() else {
                continue;
            };
            let size = order.matched;
            let wins = i128::from(price.minus_one()) * i128::from(size.minor());
            match order.side {
                Side::Back => {
                    winnings += wins;
                    position.back_profit += size.profit_at(price);
                    position.if_lose -= size;
                    position.backed += size;
                }
                Side::Lay => {
                    winnings -= wins;
                    position.if_lose += size;
                    position.laid += size;
                }
            }
        }
        position.if_win = Money::from_scaled(winnings);
        position
    }

    pub(super) fn settle(&mut self, id: OrderId, profit: Money) {
        if let Some(order) = self.order_mut(id) {
            order.profit = Some(profit);
        }
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
        if order.matched.is_positive() {
            let runner = order.runner;
            self.orders.push(order);
            self.reposition(runner);
            return;
        }
        self.orders.push(order);
    }

    pub(super) fn order_mut(&mut self, id: OrderId) -> Option<&mut Order> {
        self.orders.iter_mut().rev().find(|order| order.id == id)
    }

    /// Applies what the venue said. `None` if the order is not ours or is past changing that way:
    /// states only move forward, and a late word on a finished order is dropped by the caller with a record.
    pub(super) fn apply(&mut self, id: OrderId, at: TimeMs, change: OrderChange) -> Option<&Order> {
        let place = self.orders.iter().rposition(|order| order.id == id)?;
        let order = &mut self.orders[place];
        if !advance(order, at, change) {
            return None;
        }
        let runner = order.runner;
        if !order.state.is_live() {
            self.live.retain(|&live| live != place);
        }
        if matches!(
            change,
            OrderChange::Matched { .. } | OrderChange::Voided { .. } | OrderChange::Repriced { .. }
        ) {
            self.reposition(runner);
        }
        Some(&self.orders[place])
    }
}

impl Holding {
    fn reposition(&mut self, runner: RunnerId) {
        let position = self.add_up(runner);
        match self.positions.iter_mut().find(|(id, _)| *id == runner) {
            Some((_, known)) => *known = position,
            None => self.positions.push((runner, position)),
        }
    }
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
