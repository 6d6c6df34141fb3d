//! One runner's side of a generated market: ladders around a fair price, trades that eat them, and what of it
//! has not been sent yet.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::random::Random;
use super::wire::{Number, RunnerChange};
use crate::market::{Price, PriceLadder};

/// All prices of the classic ladder; ladders here are keyed by place in it.
static PRICES: LazyLock<Vec<Price>> = LazyLock::new(|| {
    let ladder = PriceLadder::Classic;
    std::iter::successors(Some(ladder.lowest()), |&price| ladder.step(price, 1)).collect()
});

/// Place of the highest price.
fn top() -> usize {
    PRICES.len() - 1
}

/// How many ladder prices lie at or below a fair price.
fn prices_up_to(fair: f64) -> usize {
    PRICES.partition_point(|price| price.to_f64() <= fair)
}

fn number(place: usize) -> Number {
    Number(PRICES[place].to_f64())
}

/// Levels offered next to the best price on each side, at most, and how far off one is given up.
const DEPTH: usize = 11;
const FORGOTTEN: usize = 26;
/// The same for outsiders and for everybody in play; and for those without hope.
const SHALLOW: usize = 5;
const SHALLOWEST: usize = 2;

/// Sizes in pence by place in the list of prices, and what the other end has been told.
#[derive(Debug, Default)]
struct Ladder {
    now: BTreeMap<usize, i64>,
    sent: BTreeMap<usize, i64>,
}

impl Ladder {
    fn add(&mut self, place: usize, pence: i64) {
        *self.now.entry(place).or_insert(0) += pence;
    }

    /// The levels that changed, with size 0 for those that are gone.
    fn changes(&mut self) -> Vec<(Number, Number)> {
        let gone = self
            .sent
            .keys()
            .filter(|place| !self.now.contains_key(place));
        let gone = gone.map(|&place| (number(place), Number(0.0)));
        let changed = self
            .now
            .iter()
            .filter(|(place, pence)| self.sent.get(place) != Some(pence));
        let changed = changed.map(|(&place, &pence)| (number(place), Number::money(pence)));
        let changes = gone.chain(changed).collect();
        self.sent.clone_from(&self.now);
        changes
    }
}

/// How a market behaves at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    /// From 0 (early) to 1 (the off).
    pub(super) heat: f64,
    /// Whether the event is under way: fewer offers, further apart.
    pub(super) in_play: bool,
    /// Whether bets at the starting price are taken.
    pub(super) starting_price: bool,
}

/// One runner's book.
#[derive(Debug, Default)]
pub(super) struct Book {
    chance: f64,
    to_back: Ladder,
    to_lay: Ladder,
    traded: Ladder,
    sp_back: Ladder,
    sp_lay: Ladder,
    last_traded: Option<usize>,
    sp_near: Option<Price>,
    sp_far: Option<Price>,
    volume: i64,
    sent_last: Option<usize>,
    sent_volume: i64,
    sent_near: Option<Price>,
    sent_far: Option<Price>,
    loose: bool,
}

impl Book {
    /// A book that has been open for a while: some volume behind it, offers parked at both ends.
    pub(super) fn open(chance: f64, random: &mut Random) -> Self {
        let mut book = Self {
            chance,
            ..Self::default()
        };
        let fair = prices_up_to(1.0 / chance).clamp(1, top());
        for _ in 0..6 {
            let place = (fair + random.below(7)).saturating_sub(3).min(top());
            let pence = book.usual_size(0.3, random);
            book.trade(place, pence);
        }
        book.to_back.add(0, pence(random.between(20.0, 200.0)));
        book.to_lay.add(top(), pence(random.between(2.0, 20.0)));
        book.follow(
            chance,
            Weather {
                heat: 0.0,
                in_play: false,
                starting_price: false,
            },
            random,
        );
        book
    }

    /// Moves the offers to a new chance. Offers that the price passes are mostly taken, the rest withdrawn.
    pub(super) fn follow(&mut self, chance: f64, weather: Weather, random: &mut Random) {
        self.chance = chance;
        let (backs, lays) = self.best_places(weather);
        let passed = self.to_back.now.split_off(&backs);
        let still_offered = self.to_lay.now.split_off(&lays);
        let passed_below = std::mem::replace(&mut self.to_lay.now, still_offered);
        for (place, pence) in passed.into_iter().rev().chain(passed_below) {
            if weather.heat > 0.0 && random.chance(0.6) {
                self.trade(place, pence);
            }
        }
        self.to_back
            .now
            .retain(|&place, _| place == 0 || place + FORGOTTEN > backs);
        self.to_lay
            .now
            .retain(|&place, _| place == top() || place < lays + FORGOTTEN);
        let depth = match chance {
            chance if chance < 0.01 => SHALLOWEST,
            chance if chance < 0.03 || weather.in_play => SHALLOW,
            _ => DEPTH,
        };
        for away in 0..depth {
            if away < 3 || random.chance(0.8) {
                if let Some(place) = backs.checked_sub(away + 1) {
                    let size = self.size_at(away, weather, random);
                    self.to_back.now.entry(place).or_insert(size);
                }
                if lays + away <= top() {
                    let size = self.size_at(away, weather, random);
                    self.to_lay.now.entry(lays + away).or_insert(size);
                }
            }
        }
    }

    /// Lets people come and go: sizes change, bets are matched, starting-price bets come in.
    pub(super) fn bustle(&mut self, weather: Weather, random: &mut Random) {
        if random.chance(0.05) {
            self.loose = random.chance(0.3);
        }
        for back_side in [true, false] {
            let away = random.below(DEPTH);
            let size = self.size_at(away, weather, random);
            let ladder = if back_side {
                &mut self.to_back
            } else {
                &mut self.to_lay
            };
            let level = if back_side {
                ladder.now.iter_mut().rev().nth(away)
            } else {
                ladder.now.iter_mut().nth(away)
            };
            if let Some((_, offered)) = level {
                *offered = (*offered + size) / 2 + 1;
            }
        }
        if random.chance(0.35 + 0.4 * weather.heat) {
            let wanted = self.usual_size(weather.heat, random);
            self.take(random.chance(0.5), wanted);
        }
        if weather.starting_price && random.chance(0.2) {
            self.bet_at_starting_price(weather, random);
        }
    }

    /// Takes the best offers of one side until enough is matched, at most three levels deep.
    fn take(&mut self, back: bool, wanted: i64) {
        let mut left = wanted;
        for _ in 0..3 {
            let ladder = if back {
                &mut self.to_back.now
            } else {
                &mut self.to_lay.now
            };
            let best = if back {
                ladder.last_entry()
            } else {
                ladder.first_entry()
            };
            let Some(mut best) = best.filter(|_| left > 0) else {
                break;
            };
            let (place, matched) = (*best.key(), left.min(*best.get()));
            *best.get_mut() -= matched;
            if *best.get() == 0 {
                best.remove();
            }
            left -= matched;
            self.trade(place, matched);
        }
    }

    /// A bet matched: both sides are counted.
    fn trade(&mut self, place: usize, pence: i64) {
        self.traded.add(place, 2 * pence);
        self.volume += 2 * pence;
        self.last_traded = Some(place);
    }

    fn bet_at_starting_price(&mut self, weather: Weather, random: &mut Random) {
        let size = self.usual_size(weather.heat, random);
        // Bets at any starting price stand at the end of the ladder; a few name a limit near the price.
        let limit = prices_up_to(1.0 / self.chance).clamp(1, top());
        match random.below(8) {
            0..=3 => self.sp_lay.add(0, size),
            4..=5 => self.sp_back.add(top(), size),
            6 => self.sp_lay.add(limit, size),
            _ => self.sp_back.add(limit, size),
        }
        self.sp_near = projected(self.chance, random.between(0.98, 1.02));
        self.sp_far = projected(self.chance, random.between(0.85, 1.15));
    }

    /// All unmatched bets lapse, those at the starting price included.
    pub(super) fn lapse(&mut self) {
        for ladder in [
            &mut self.to_back,
            &mut self.to_lay,
            &mut self.sp_back,
            &mut self.sp_lay,
        ] {
            ladder.now.clear();
        }
    }

    /// What was matched so far, both sides, in pence.
    pub(super) fn volume(&self) -> i64 {
        self.volume
    }

    /// What changed since it was last asked; `None` if nothing did.
    pub(super) fn changes(&mut self, id: u64) -> Option<RunnerChange> {
        let volume_moved = self.volume != self.sent_volume;
        let change = RunnerChange {
            atb: self.to_back.changes(),
            atl: self.to_lay.changes(),
            trd: self.traded.changes(),
            spb: self.sp_back.changes(),
            spl: self.sp_lay.changes(),
            spn: changed(self.sp_near, &mut self.sent_near).map(|p| Number(p.to_f64())),
            spf: changed(self.sp_far, &mut self.sent_far).map(|p| Number(p.to_f64())),
            ltp: changed(self.last_traded, &mut self.sent_last).map(number),
            tv: volume_moved.then(|| Number::money(self.volume)),
            id,
        };
        self.sent_volume = self.volume;
        (!change.is_empty()).then_some(change)
    }

    /// How many prices can be backed, and the first that can be laid: the fair price lies between, so that
    /// backing every runner costs a little and so does laying them all.
    fn best_places(&self, weather: Weather) -> (usize, usize) {
        let fair = 1.0 / self.chance;
        let below = prices_up_to(fair);
        let by_price = match fair {
            fair if fair < 5.0 => 0,
            fair if fair < 12.0 => 1,
            fair if fair < 40.0 => 2,
            fair if fair < 100.0 => 3,
            _ => 5,
        };
        let apart = by_price + usize::from(self.loose) + if weather.in_play { 1 } else { 0 };
        (below.saturating_sub(apart / 2), below + (apart - apart / 2))
    }

    fn size_at(&self, away: usize, weather: Weather, random: &mut Random) -> i64 {
        let thin = if weather.in_play {
            0.4
        } else {
            0.4 + 0.6 * weather.heat
        };
        let usual = (6.0 + 500.0 * self.chance) * thin / (1.0 + 0.3 * away as f64);
        pence(usual * random.between(0.35, 1.65))
    }

    /// Size of one bet: mostly small, seldom large.
    fn usual_size(&self, heat: f64, random: &mut Random) -> i64 {
        let draw = random.unit();
        pence((2.0 + 250.0 * self.chance * (0.3 + 0.7 * heat)) * draw * draw * 1.5 + 0.5)
    }
}

/// A value if it is not the one last sent, which it becomes.
fn changed<T: Copy + PartialEq>(now: Option<T>, sent: &mut Option<T>) -> Option<T> {
    let news = now.filter(|_| now != *sent);
    *sent = now;
    news
}

/// A starting price, near the fair one, to two decimals.
fn projected(chance: f64, skew: f64) -> Option<Price> {
    let hundredths = (100.0 * skew / chance).round().clamp(101.0, 100_000.0);
    Price::nearest(hundredths / 100.0)
}

#[allow(clippy::cast_possible_truncation)] // sizes here are small
fn pence(pounds: f64) -> i64 {
    (pounds * 100.0).round() as i64
}
