//! What a strategy's orders have taken from the book, which the recording goes on showing.

use std::sync::Arc;

use super::matching;
use super::model::Refill;
use super::order::HalfMinor;
use crate::market::{Level, Market, Money, Price, Runner, RunnerId, Side};

/// What was taken, by strategy: none feels what another took, unless liquidity is shared.
#[derive(Debug, Default)]
pub(super) struct Liquidity(Vec<Taken>);

#[derive(Debug)]
struct Taken {
    strategy: Arc<str>,
    runner: RunnerId,
    /// Of the bets that took it.
    side: Side,
    price: Price,
    size: Money,
    /// The level's size when it was last looked at.
    shown: Money,
}

impl Liquidity {
    /// Looks at the book anew and gives back what came back.
    pub(super) fn refresh(&mut self, book: &Market, refill: Refill) {
        self.0.retain_mut(|taken| {
            let shows = book
                .runner(taken.runner)
                .map_or(Money::ZERO, |runner| shown(taken.side, taken.price, runner));
            let before = std::mem::replace(&mut taken.shown, shows);
            // New bets come on top of those taken; a level that shrinks below them shows that they have gone.
            taken.size = match refill {
                Refill::Change if shows != before => Money::ZERO,
                Refill::Growth | Refill::Change => taken.size.min(shows),
            };
            taken.size.is_positive()
        });
    }

    /// Bets of one side, in half minor units, were matched at a price. They took from what showed before those who came
    /// since: of what a strategy took no more can still show than was left of the level.
    pub(super) fn traded(&mut self, runner: RunnerId, price: Price, met: HalfMinor) {
        for taken in &mut self.0 {
            if taken.runner == runner && taken.price == price {
                let stood = taken.shown - Money::from_minor(met / 2);
                taken.size = taken.size.min(stood).max(Money::ZERO);
            }
        }
    }

    /// Whether nothing was taken.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left for a strategy to take, best first.
    pub(super) fn offers(&self, strategy: &str, side: Side, runner: &Runner) -> Vec<Level> {
        let mut offers = matching::offers(side, runner);
        for taken in self.0.iter().filter(|taken| {
            &*taken.strategy == strategy && taken.side == side && taken.runner == runner.id()
        }) {
            if let Some(level) = offers.iter_mut().find(|level| level.price == taken.price) {
                level.size -= taken.size;
            }
        }
        offers.retain(|level| level.size.is_positive());
        offers
    }

    /// How much of the offers at a price a strategy has taken that the recording has yet to see go, on either side.
    pub(super) fn taken_at(&self, strategy: &str, runner: RunnerId, price: Price) -> Money {
        let here = |taken: &&Taken| {
            &*taken.strategy == strategy && taken.runner == runner && taken.price == price
        };
        self.0.iter().filter(here).map(|taken| taken.size).sum()
    }

    /// Takes this much of a level.
    pub(super) fn take(
        &mut self,
        strategy: &Arc<str>,
        side: Side,
        runner: &Runner,
        price: Price,
        size: Money,
    ) {
        let known = self.0.iter_mut().find(|taken| {
            taken.strategy == *strategy
                && taken.side == side
                && taken.runner == runner.id()
                && taken.price == price
        });
        match known {
            Some(taken) => taken.size += size,
            None => self.0.push(Taken {
                strategy: Arc::clone(strategy),
                runner: runner.id(),
                side,
                price,
                size,
                shown: shown(side, price, runner),
            }),
        }
    }
}

/// Whose liquidity an order draws on: its strategy's, or everybody's.
pub(super) fn pool(strategy: &Arc<str>, shared: bool) -> Arc<str> {
    if shared {
        Arc::from("")
    } else {
        Arc::clone(strategy)
    }
}

/// Size that the book shows at a price for bets on this side to take.
fn shown(side: Side, price: Price, runner: &Runner) -> Money {
    match side {
        Side::Back => runner.to_back.at(price),
        Side::Lay => runner.to_lay.at(price),
    }
}
