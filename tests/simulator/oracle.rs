//! What bets could lose, by trying everything: every result and every choice of fills, in exact arithmetic of its own.
//!
//! It shares no formula with the engine: no sums of smallest differences, no rounding. Amounts are billionths of minor
//! units × the each-way divisor, so that nothing is ever divided.

use bea::market::{
    MarketDefinition, MarketKind, Money, OrderKind, Price, RunnerId, RunnerStatus, Side,
};

const SCALE: i128 = Price::SCALE as i128;

/// A bet as the venue has it.
#[derive(Clone, Debug)]
pub(crate) struct Wager {
    pub(crate) runner: RunnerId,
    pub(crate) side: Side,
    pub(crate) fills: Vec<(Price, Money)>,
    /// What is not matched: at its limit, of this size (an on-close order: of this liability).
    pub(crate) open: Option<(OrderKind, Money)>,
}

/// What became of a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Won,
    Placed,
    Lost,
    Void,
}

/// How a market pays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    each_way: Option<i128>,
}

impl Terms {
    pub(crate) fn of(definition: &MarketDefinition) -> Self {
        let running = active(definition).len();
        let each_way = match definition.kind() {
            MarketKind::EachWay { divisor } if running > definition.number_of_winners as usize => {
                Some(i128::from(divisor))
            }
            _ => None,
        };
        Self { each_way }
    }

    /// What one minor unit is in the oracle's unit.
    pub(crate) fn unit(self) -> i128 {
        SCALE * self.each_way.unwrap_or(1)
    }

    /// What a matched bet brings.
    pub(crate) fn result(self, side: Side, price: Price, size: Money, fate: Fate) -> i128 {
        let (odds, size) = (i128::from(price.nanos()) - SCALE, i128::from(size.minor()));
        let part = |wins: bool, prize: i128, stake: i128| if wins { prize } else { -stake };
        let backed = match (fate, self.each_way) {
            (Fate::Void, _) => 0,
            (_, None) => part(fate == Fate::Won, odds, SCALE),
            (_, Some(divisor)) => {
                part(fate == Fate::Won, odds * divisor, SCALE * divisor)
                    + part(fate != Fate::Lost, odds * 100, SCALE * divisor)
            }
        };
        match side {
            Side::Back => size * backed,
            Side::Lay => -size * backed,
        }
    }

    /// What a bet brings at worst: what is open is matched only if that hurts.
    fn at_worst(self, wager: &Wager, fate: Fate) -> i128 {
        let matched: i128 = wager
            .fills
            .iter()
            .map(|&(price, size)| self.result(wager.side, price, size, fate))
            .sum();
        let open = match (wager.open, wager.side) {
            (None, _) => 0,
            (Some((OrderKind::Limit { price, .. }, size)), side) => {
                self.result(side, price, size, fate).min(0)
            }
            (Some((_, liability)), Side::Back) if fate == Fate::Lost => {
                -i128::from(liability.minor()) * self.unit()
            }
            (Some((_, liability)), Side::Lay) if fate == Fate::Won => {
                -i128::from(liability.minor()) * self.unit()
            }
            _ => 0,
        };
        matched + open
    }
}

/// Places of the runners that run.
fn active(definition: &MarketDefinition) -> Vec<usize> {
    let runners = definition.runners.iter().enumerate();
    runners
        .filter(|(_, runner)| runner.status == RunnerStatus::Active)
        .map(|(at, _)| at)
        .collect()
}

/// Every result that a market can have: the fate of each runner.
pub(crate) fn results(definition: &MarketDefinition) -> Vec<Vec<Fate>> {
    let runs = active(definition);
    let winners = definition.number_of_winners as usize;
    let each_way = Terms::of(definition).each_way.is_some();
    let single = winners == 1 || (!each_way && definition.each_way_divisor.is_some());
    let none: Vec<Fate> = definition
        .runners
        .iter()
        .map(|runner| match runner.status {
            RunnerStatus::Active => Fate::Lost,
            _ => Fate::Void,
        })
        .collect();
    let mut all = Vec::new();
    for chosen in 0_u32..1 << runs.len() {
        let count = chosen.count_ones() as usize;
        let in_front: Vec<usize> = (0..runs.len())
            .filter(|bit| chosen & 1 << bit != 0)
            .map(|bit| runs[bit])
            .collect();
        if each_way {
            // One is first, and up to the rest of the places are placed.
            if count == 0 || count > winners {
                continue;
            }
            for first in &in_front {
                let mut result = none.clone();
                for at in &in_front {
                    result[*at] = if at == first { Fate::Won } else { Fate::Placed };
                }
                all.push(result);
            }
        } else if (single && count == 1) || (!single && count <= winners) {
            let mut result = none.clone();
            for at in in_front {
                result[at] = Fate::Won;
            }
            all.push(result);
        }
    }
    if all.is_empty() {
        all.push(none);
    }
    all
}

fn place(definition: &MarketDefinition, runner: RunnerId) -> Option<usize> {
    definition.runners.iter().position(|r| r.id == runner)
}

/// What bets in a market could lose at worst; zero or more, in the unit of its terms.
pub(crate) fn worst(definition: &MarketDefinition, wagers: &[Wager]) -> i128 {
    let terms = Terms::of(definition);
    let bring = |result: &Vec<Fate>| -> i128 {
        wagers
            .iter()
            .map(|wager| {
                let fate = place(definition, wager.runner).map_or(Fate::Void, |at| result[at]);
                terms.at_worst(wager, fate)
            })
            .sum()
    };
    let least = results(definition).iter().map(bring).min().unwrap_or(0);
    (-least).max(0)
}

/// What the bets on one runner alone could lose, if it runs.
pub(crate) fn worst_of_runner(definition: &MarketDefinition, wagers: &[Wager]) -> i128 {
    let terms = Terms::of(definition);
    let fates: &[Fate] = if terms.each_way.is_some() {
        &[Fate::Won, Fate::Placed, Fate::Lost]
    } else {
        &[Fate::Won, Fate::Lost]
    };
    let bring = |fate: &Fate| -> i128 { wagers.iter().map(|w| terms.at_worst(w, *fate)).sum() };
    (-fates.iter().map(bring).min().unwrap_or(0)).max(0)
}

/// What a bet won at the end, to the nearest minor unit, halves away from zero; the other side is the same amount.
pub(crate) fn profit(definition: &MarketDefinition, wager: &Wager) -> Money {
    let terms = Terms::ended(definition);
    let fate = place(definition, wager.runner).map_or(Fate::Void, |at| {
        match definition.runners[at].status {
            RunnerStatus::Winner => Fate::Won,
            RunnerStatus::Placed => Fate::Placed,
            RunnerStatus::Loser => Fate::Lost,
            _ => Fate::Void,
        }
    });
    let exact: i128 = wager
        .fills
        .iter()
        .map(|&(price, size)| terms.result(wager.side, price, size, fate))
        .sum();
    let unit = terms.unit();
    let nearest = (2 * exact.abs() + unit) / (2 * unit);
    Money::from_minor((nearest * exact.signum()) as i64)
}

impl Terms {
    /// The terms of a market that has ended: those that ran are no longer active.
    fn ended(definition: &MarketDefinition) -> Self {
        let mut running = definition.clone();
        for runner in &mut running.runners {
            if runner.status != RunnerStatus::Removed {
                runner.status = RunnerStatus::Active;
            }
        }
        Self::of(&running)
    }
}
