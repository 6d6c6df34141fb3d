//! What every model of matching shares: which offers an order takes at once, and what was traded since.

use super::order::{HalfMinor, SimOrder, value};
use crate::market::{
    FillOrKill, LadderKind, Level, Market, MarketDelta, Money, Price, Runner, RunnerId, Side,
};

/// The terms on which a limit order takes what is on offer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) size: Money,
    pub(super) fill_or_kill: Option<FillOrKill>,
}

/// Whether the average of these fills is no worse than the price.
pub(super) type AverageHolds = fn(&Terms, &[Level]) -> bool;

impl Terms {
    /// Whether an offer is at the order's price or better.
    pub(super) fn reaches(&self, offered: Price) -> bool {
        no_worse(self.side, offered, self.price)
    }

    /// What the order takes, each level at the level's own price. The rest of a fill-or-kill order is killed.
    pub(super) fn takes(&self, offers: &[Level], holds: AverageHolds) -> Vec<Level> {
        match self.fill_or_kill {
            Some(terms) => self.takes_or_kills(terms, offers, holds),
            None => self.sweep(offers.iter().take_while(|level| self.reaches(level.price))),
        }
    }

    fn sweep<'a>(&self, offers: impl Iterator<Item = &'a Level>) -> Vec<Level> {
        let mut remaining = self.size;
        let mut taken = Vec::new();
        for level in offers {
            let size = level.size.min(remaining);
            if size.is_positive() {
                remaining -= size;
                taken.push(Level { size, ..*level });
            }
        }
        taken
    }

    /// Not crossing: nothing. At exactly the best price: what is there. Through it: level by level, even past the
    /// price, while the average is no worse than the price. With less than the minimum, nothing at all.
    fn takes_or_kills(
        &self,
        terms: FillOrKill,
        offers: &[Level],
        holds: AverageHolds,
    ) -> Vec<Level> {
        let Some(best) = offers.first().filter(|best| self.reaches(best.price)) else {
            return Vec::new();
        };
        let taken = if best.price == self.price {
            self.sweep(std::iter::once(best))
        } else {
            let mut so_far = self.sweep(offers.iter());
            while !so_far.is_empty() && !holds(self, &so_far) {
                so_far.pop();
            }
            so_far
        };
        let least = terms.min_fill.unwrap_or(self.size).min(self.size);
        let total: Money = taken.iter().map(|level| level.size).sum();
        if total >= least { taken } else { Vec::new() }
    }
}

/// The exact average of the fills is no worse than the price.
pub(super) fn exact_average_holds(terms: &Terms, fills: &[Level]) -> bool {
    let total: i128 = fills.iter().map(|l| value(l.price, l.size)).sum();
    let size: Money = fills.iter().map(|level| level.size).sum();
    let at_limit = value(terms.price, size);
    match terms.side {
        Side::Back => total >= at_limit,
        Side::Lay => total <= at_limit,
    }
}

/// Whether a price is as good as another for who bets on this side, or better.
pub(super) fn no_worse(side: Side, price: Price, than: Price) -> bool {
    match side {
        Side::Back => price >= than,
        Side::Lay => price <= than,
    }
}

/// What a bet on this side can take, best first.
pub(super) fn offers(side: Side, runner: &Runner) -> Vec<Level> {
    match side {
        Side::Back => runner.to_back.levels().iter().rev().copied().collect(),
        Side::Lay => runner.to_lay.levels().to_vec(),
    }
}

/// Size of the bets that rest at a price on this side, as the book shows it.
pub(super) fn resting_at(side: Side, price: Price, runner: &Runner) -> Money {
    match side {
        Side::Back => runner.to_lay.at(price),
        Side::Lay => runner.to_back.at(price),
    }
}

/// The order in which a strategy's orders meet trades: lays by falling price, then backs by rising price, then by age.
pub(super) fn turn(order: &SimOrder) -> (bool, i128) {
    let price = i128::from(order.limit_price().map_or(0, Price::nanos));
    match order.side() {
        Side::Lay => (false, -price),
        Side::Back => (true, price),
    }
}

/// Traded volume of one runner that grew: by price, from the lowest, in minor units counting both sides.
///
/// Betfair counts both sides of a bet, so half of an increase is what one side met: the same number in half minor
/// units.
pub(super) fn increases(
    runner: RunnerId,
    book: &Market,
    delta: &MarketDelta,
) -> Vec<(Price, HalfMinor)> {
    let mut totals: Vec<(Price, Money)> = Vec::new();
    for change in delta.runners.iter().filter(|change| change.id == runner) {
        for level in delta
            .levels_of(change)
            .iter()
            .filter(|level| level.ladder == LadderKind::Traded)
        {
            match totals.iter_mut().find(|(price, _)| *price == level.price) {
                Some((_, total)) => *total = level.size,
                None => totals.push((level.price, level.size)),
            }
        }
    }
    totals.sort_unstable_by_key(|&(price, _)| price);
    let before = book.runner(runner);
    totals
        .into_iter()
        .map(|(price, total)| {
            let known = before.map_or(Money::ZERO, |runner| runner.traded.at(price));
            (price, (total - known).minor())
        })
        .filter(|&(_, increase)| increase > 0)
        .collect()
}

/// Runners that changed and have orders resting, each once.
pub(super) fn changed_runners(orders: &[SimOrder], delta: &MarketDelta) -> Vec<RunnerId> {
    let mut runners: Vec<RunnerId> = Vec::new();
    for change in &delta.runners {
        let rests = |order: &SimOrder| order.is_resting() && order.runner() == change.id;
        if !runners.contains(&change.id) && orders.iter().any(rests) {
            runners.push(change.id);
        }
    }
    runners
}

/// Places of the resting orders on a runner, in their turn: one list for each strategy, as strategies do not compete
/// with each other, or one for all if liquidity is shared.
pub(super) fn turns(orders: &[SimOrder], runner: RunnerId, shared: bool) -> Vec<Vec<usize>> {
    let mut places: Vec<usize> = (0..orders.len())
        .filter(|&at| orders[at].is_resting() && orders[at].runner() == runner)
        .collect();
    places.sort_by_key(|&at| turn(&orders[at]));
    let mut lists: Vec<Vec<usize>> = Vec::new();
    for at in places {
        let strategy = &orders[at].instruction.strategy;
        match lists
            .iter_mut()
            .find(|list| shared || orders[list[0]].instruction.strategy == *strategy)
        {
            Some(list) => list.push(at),
            None => lists.push(vec![at]),
        }
    }
    lists
}
