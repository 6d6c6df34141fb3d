//! Native strategies that behave badly: they bet at random, flood, repeat themselves, ask for nonsense, and fail.

use std::cell::Cell;
use std::rc::Rc;

use bea::engine::{Answer, Fault, FaultKind, Moment, Strategy};
use bea::market::{
    FillOrKill, Intent, Malformed, MarketFilter, Money, Order, OrderKind, Persistence, Place,
    Price, PriceLadder, RunnerId, Side,
};

use crate::random::Random;

/// How a strategy behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Places, cancels and replaces.
    Mixed,
    /// Many bets in every call, often the same.
    Flood,
    /// Large bets, up to every limit and past it.
    Greedy,
    /// Bets on both sides, so that hedges matter.
    Hedger,
    /// Prices, sizes and runners that do not exist; calls that fail.
    Nonsense,
}

pub(crate) const MANNERS: [Manner; 5] = [
    Manner::Mixed,
    Manner::Flood,
    Manner::Greedy,
    Manner::Hedger,
    Manner::Nonsense,
];

/// One strategy.
pub(crate) struct Bot {
    pub(crate) name: String,
    pub(crate) hash: String,
    pub(crate) manner: Manner,
    pub(crate) fails: u32,
    /// The world is healing: nothing new is asked for.
    pub(crate) quiet: Rc<Cell<bool>>,
    pub(crate) filter: MarketFilter,
    pub(crate) random: Random,
}

impl Bot {
    fn act(&mut self, moment: &Moment<'_>, answer: &mut Answer) -> Result<(), Fault> {
        if self.quiet.get() {
            return Ok(());
        }
        if self.random.chance(self.fails) {
            return Err(Fault {
                summary: "it failed".into(),
                detail: "it failed".into(),
                kind: FaultKind::default(),
            });
        }
        let busy = match self.manner {
            Manner::Flood => 600,
            Manner::Greedy => 300,
            _ => 200,
        };
        if self.random.chance(busy) {
            let many = match self.manner {
                Manner::Flood => 1 + self.random.below(4),
                _ => 1 + self.random.below(2),
            };
            for _ in 0..many {
                let place = self.bet(moment);
                if matches!(self.manner, Manner::Flood) && self.random.chance(300) {
                    answer.intents.push(Intent::Place(place.clone()));
                }
                answer.intents.push(Intent::Place(place));
            }
        }
        for order in moment.holding.live() {
            if self.random.chance(60) {
                let intent = self.meddle(order);
                answer.intents.push(intent);
            }
        }
        if matches!(self.manner, Manner::Nonsense) && self.random.chance(100) {
            answer.intents.push(Intent::Malformed(Malformed {
                runner: None,
                what: "an intent".into(),
                value: "1e308".into(),
            }));
        }
        Ok(())
    }

    fn meddle(&mut self, order: &Order) -> Intent {
        let id = order.id;
        if self.random.chance(150) {
            let persistence = *self
                .random
                .pick(&[Persistence::Lapse, Persistence::Persist]);
            return Intent::Update {
                order: id,
                persistence,
            };
        }
        if self.random.chance(400)
            && let Some(price) = order.kind.price()
        {
            let step = self.random.range(-3, 3);
            let price = PriceLadder::Classic.step(price, step).unwrap_or(price);
            return Intent::Replace {
                order: id,
                price,
                reason: None,
            };
        }
        let part = Money::from_minor(self.random.range(0, 500));
        Intent::Cancel {
            order: id,
            size: self.random.chance(200).then_some(part),
        }
    }

    fn bet(&mut self, moment: &Moment<'_>) -> Place {
        let random = &mut self.random;
        let definition = &moment.market.definition;
        let runner = random.pick(&definition.runners).id;
        let seen = moment.market.seen(runner).best_back;
        let near = seen.map_or(Price::from_hundredths(300), |level| level.price);
        let ladder = PriceLadder::Classic;
        let step = random.range(-6, 6);
        let price = ladder.step(ladder.nearest(near), step).unwrap_or(near);
        let most = match self.manner {
            Manner::Greedy => 6_000,
            Manner::Hedger => 2_500,
            _ => 1_500,
        };
        let mut size = Money::from_minor(random.range(100, most));
        // One that lays most runners looks safe until one of them is withdrawn.
        let backs = if matches!(self.manner, Manner::Hedger) {
            200
        } else {
            500
        };
        let side = if random.chance(backs) {
            Side::Back
        } else {
            Side::Lay
        };
        let (mut price, mut runner) = (price, runner);
        if matches!(self.manner, Manner::Nonsense) {
            match random.below(8) {
                0 => price = Price::from_nanos(price.nanos() + 1),
                1 => size = Money::from_minor(random.range(-50, 50)),
                2 => size = Money::from_major(1_000_000),
                3 => runner = RunnerId::new(99),
                4 => price = Price::from_hundredths(100),
                _ => {}
            }
        }
        let kind = match random.below(20) {
            0 if definition.bsp_market && definition.each_way_divisor.is_none() => {
                OrderKind::MarketOnClose { liability: size }
            }
            1 if definition.bsp_market && definition.each_way_divisor.is_none() => {
                OrderKind::LimitOnClose {
                    price,
                    liability: size,
                }
            }
            terms => OrderKind::Limit {
                price,
                size,
                persistence: if terms % 4 == 0 {
                    Persistence::Persist
                } else {
                    Persistence::Lapse
                },
                fill_or_kill: (terms == 3).then_some(FillOrKill { min_fill: None }),
            },
        };
        Place {
            runner,
            side,
            kind,
            book: None,
            reason: None,
            probability: None,
            tag: None,
        }
    }
}

impl Strategy for Bot {
    fn name(&self) -> &str {
        &self.name
    }

    fn hash(&self) -> &str {
        &self.hash
    }

    fn filter(&self) -> &MarketFilter {
        &self.filter
    }

    fn on_odds(&mut self, moment: &Moment<'_>, answer: &mut Answer) -> Result<(), Fault> {
        self.act(moment, answer)
    }

    fn on_order(
        &mut self,
        _: &Order,
        moment: &Moment<'_>,
        answer: &mut Answer,
    ) -> Result<(), Fault> {
        if self.random.chance(100) {
            return self.act(moment, answer);
        }
        Ok(())
    }
}
