//! What a strategy's orders on one runner amount to, kept as they change, so that nobody has to walk them to weigh one more.

use crate::market::{
    MarketKind, Money, Order, OrderKind, OrderState, Persistence, Price, Side, TimeMs,
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

impl Position {
    /// The same bets by the rules of a kind of market: each-way bets are two of the size each, a line pays evens.
    #[must_use]
    pub fn by_rules_of(mut self, kind: MarketKind) -> Self {
        match kind {
            MarketKind::EachWay { divisor } => {
                let to_be_placed = i128::from(self.if_win.minor()) * 100;
                let placed = to_be_placed.div_euclid(i128::from(divisor));
                self.if_win += Money::from_minor(i64::try_from(placed).unwrap_or(i64::MIN / 2));
                self.if_lose += self.if_lose;
            }
            MarketKind::Line => {
                self.back_profit = self.backed;
                self.if_win = self.backed - self.laid;
            }
            MarketKind::Odds | MarketKind::Handicap | MarketKind::Unknown => {}
        }
        self
    }
}

/// The orders on one runner, added up. Each counts as it stands; one that changes is taken out before and put in after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Whether anything was ever matched.
    is_matched: bool,
    /// What the matched bets win if the runner wins, in billionths of a minor unit: many small bets must not add up to
    /// many roundings.
    winnings: i128,
    back_profit: Money,
    backed: Money,
    laid: Money,
    /// What can still change, where it hurts.
    pub(super) open: Open,
    /// Orders that can still change.
    pub(super) live: usize,
    /// Of these, the ones that the venue has not been heard of.
    pub(super) unheard: usize,
    /// Backs and lays of which nobody can say whether the venue has them.
    doubtful: [usize; 2],
    /// Backers' stakes that are neither matched nor gone.
    pub(super) open_stake: Money,
    /// When the last back and the last lay ended.
    ended_at: [Option<TimeMs>; 2],
}

/// What unmatched bets could cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Open {
    /// Σ stakes of backs.
    pub(super) backed: Money,
    /// Σ liabilities of lays.
    pub(super) liability: Money,
}

impl Tally {
    /// Puts an order in.
    pub(super) fn add(&mut self, order: &Order) {
        if let Some(price) = order.average_price() {
            self.is_matched = true;
            self.shift_matched(order.side, price, order.matched, 1);
        }
        if order.state.is_live() {
            self.shift_live(order, 1);
        }
        let never_placed = matches!(order.state, OrderState::NotSent | OrderState::NotPlaced);
        if !never_placed {
            let last = &mut self.ended_at[place(order.side)];
            *last = (*last).max(order.ended_at);
        }
    }

    /// Takes an order out that is about to change, as it was put in. When it ended cannot change any more.
    pub(super) fn remove(&mut self, order: &Order) {
        if let Some(price) = order.average_price() {
            self.shift_matched(order.side, price, order.matched, -1);
        }
        if order.state.is_live() {
            self.shift_live(order, -1);
        }
    }

    /// The same with a bet more that is matched.
    pub(super) fn with_matched(mut self, side: Side, price: Price, size: Money) -> Self {
        self.is_matched = true;
        self.shift_matched(side, price, size, 1);
        self
    }

    fn shift_matched(&mut self, side: Side, price: Price, size: Money, sign: i64) {
        let wins = i128::from(sign) * i128::from(price.minus_one()) * i128::from(size.minor());
        match side {
            Side::Back => {
                self.winnings += wins;
                self.back_profit += times(sign, size.profit_at(price));
                self.backed += times(sign, size);
            }
            Side::Lay => {
                self.winnings -= wins;
                self.laid += times(sign, size);
            }
        }
    }

    fn shift_live(&mut self, order: &Order, sign: i64) {
        let shift = |count: &mut usize| match sign {
            1 => *count += 1,
            _ => *count -= 1,
        };
        shift(&mut self.live);
        if order.state.is_unheard() {
            shift(&mut self.unheard);
        }
        if order.state.is_doubtful() {
            shift(&mut self.doubtful[place(order.side)]);
        }
        let remaining = order.remaining();
        self.open_stake += times(sign, remaining);
        if !is_forgotten(order) {
            let open = Open::of(order.side, worst_terms(order), remaining);
            self.open.backed += times(sign, open.backed);
            self.open.liability += times(sign, open.liability);
        }
    }

    /// Whether bets on the runner count: some were matched, or may yet be.
    pub(super) fn counts(&self) -> bool {
        self.is_matched || self.live > 0
    }

    /// The matched bets, if there ever were any.
    pub(super) fn matched(&self) -> Option<Position> {
        self.is_matched.then(|| self.position())
    }

    /// The matched bets. What they win is rounded once, downwards.
    pub(super) fn position(&self) -> Position {
        Position {
            if_win: Money::from_scaled(self.winnings),
            if_lose: self.laid - self.backed,
            backed: self.backed,
            laid: self.laid,
            back_profit: self.back_profit,
        }
    }

    /// Whether there are orders on this side of which nobody can say whether the venue has them.
    pub(super) fn is_in_doubt(&self, side: Side) -> bool {
        self.doubtful[place(side)] > 0
    }

    /// When the last bet on this side ended that reached the market.
    pub(super) fn ended_at(&self, side: Side) -> Option<TimeMs> {
        self.ended_at[place(side)]
    }
}

impl Open {
    /// An order of which `size` is not matched (an on-close order: its liability), where it hurts.
    pub(super) fn of(side: Side, terms: OrderKind, size: Money) -> Self {
        let (backed, liability) = match (terms, side) {
            (OrderKind::Limit { .. }, Side::Back) => (size, Money::ZERO),
            (OrderKind::Limit { price, .. }, Side::Lay) => (Money::ZERO, size.liability_at(price)),
            // The size is not known before the starting price: only what it can lose is.
            (on_close, Side::Back) => (on_close.at_risk(side), Money::ZERO),
            (on_close, Side::Lay) => (Money::ZERO, on_close.at_risk(side)),
        };
        Self { backed, liability }
    }
}

/// The terms by which an order weighs: a change on its way counts where it hurts, like everything else on its way.
pub(super) fn worst_terms(order: &Order) -> OrderKind {
    match order.update_pending {
        Some(Persistence::MarketOnClose) => order.kind.with_persistence(Persistence::MarketOnClose),
        _ => order.kind,
    }
}

/// Faults that the simulator plants; false without them.
pub(super) fn is_forgotten(order: &Order) -> bool {
    planted::is(Bug::TimeoutDropsReservation) && order.state.is_doubtful()
        || planted::is(Bug::InFlightIsNothing) && order.state == OrderState::Sending
        || planted::is(Bug::CancelSentReleases) && order.cancel_pending
}

const fn place(side: Side) -> usize {
    match side {
        Side::Back => 0,
        Side::Lay => 1,
    }
}

fn times(sign: i64, amount: Money) -> Money {
    if sign < 0 { -amount } else { amount }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_by_the_rules_of_its_market() {
        let mut tally = Tally::default();
        let (price, pounds) = (Price::from_hundredths(500), Money::from_major);
        tally = tally.with_matched(Side::Back, price, pounds(10));
        let by = |kind| {
            let position = tally.position().by_rules_of(kind);
            (position.if_win, position.if_lose)
        };
        assert_eq!(by(MarketKind::Odds), (pounds(40), pounds(-10)));
        let each_way = MarketKind::EachWay { divisor: 400 };
        assert_eq!(by(each_way), (pounds(50), pounds(-20)));
        assert_eq!(by(MarketKind::Line), (pounds(10), pounds(-10)));
    }
}
