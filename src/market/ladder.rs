//! Price ladders: which prices a venue takes, and how to walk them in ticks.

use serde::Serialize;

use super::Price;

/// The set of prices an order may name in a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum PriceLadder {
    /// Betfair's usual ladder: 350 prices from 1.01 to 1000, coarser as they rise.
    #[default]
    Classic,
    /// Every hundredth from 1.01 to 1000.
    Finest,
    /// A line market: from `min` to `max` in steps of `step`.
    Line {
        /// Lowest line.
        min: Price,
        /// Highest line.
        max: Price,
        /// Distance between lines.
        step: Price,
    },
}

/// A part of a ladder with one step.
struct Band {
    /// Where it starts, in hundredths.
    start: u64,
    /// Its step, in hundredths.
    step: u64,
    /// Steps from 1.00 up to its start.
    before: u64,
}

const fn band(start: u64, step: u64, before: u64) -> Band {
    Band {
        start,
        step,
        before,
    }
}

/// The last row only ends the ladder.
const CLASSIC: [Band; 11] = [
    band(100, 1, 0),
    band(200, 2, 100),
    band(300, 5, 150),
    band(400, 10, 170),
    band(600, 20, 190),
    band(1_000, 50, 210),
    band(2_000, 100, 230),
    band(3_000, 200, 240),
    band(5_000, 500, 250),
    band(10_000, 1_000, 260),
    band(100_000, 1_000, 350),
];
const FINEST: [Band; 2] = [band(100, 1, 0), band(100_000, 1, 99_900)];
const HUNDREDTH: u64 = Price::SCALE / 100;

impl PriceLadder {
    /// Whether an order may name this price.
    #[must_use]
    pub fn contains(&self, price: Price) -> bool {
        self.index(price)
            .is_some_and(|index| self.price(index) == Some(price))
    }

    /// The lowest price.
    #[must_use]
    pub fn lowest(&self) -> Price {
        match self {
            Self::Classic | Self::Finest => Price::LOWEST,
            Self::Line { min, .. } => *min,
        }
    }

    /// The highest price.
    #[must_use]
    pub fn highest(&self) -> Price {
        match self {
            Self::Classic | Self::Finest => Price::HIGHEST,
            Self::Line { max, .. } => *max,
        }
    }

    /// The ladder price at or next below; `None` below the ladder.
    #[must_use]
    pub fn at_or_below(&self, price: Price) -> Option<Price> {
        self.index(price.min(self.highest()))
            .and_then(|index| self.price(index))
    }

    /// The ladder price nearest to any price; the lower of two equally near.
    #[must_use]
    pub fn nearest(&self, price: Price) -> Price {
        let Some(below) = self.at_or_below(price) else {
            return self.lowest();
        };
        match self.step(below, 1) {
            Some(above) if above.nanos() - price.nanos() < price.nanos() - below.nanos() => above,
            _ => below,
        }
    }

    /// The price `ticks` steps from a ladder price (down if negative); `None` off the ladder or past its ends.
    #[must_use]
    pub fn step(&self, price: Price, ticks: i64) -> Option<Price> {
        let index = i64::try_from(self.index(price)?).ok()?;
        if !self.contains(price) {
            return None;
        }
        self.price(u64::try_from(index.checked_add(ticks)?).ok()?)
    }

    /// Steps from one ladder price up to another (negative if `to` is lower); `None` if either is off the ladder.
    #[must_use]
    pub fn ticks_between(&self, from: Price, to: Price) -> Option<i64> {
        if !self.contains(from) || !self.contains(to) {
            return None;
        }
        let (from, to) = (
            i64::try_from(self.index(from)?).ok()?,
            i64::try_from(self.index(to)?).ok()?,
        );
        Some(to - from)
    }

    /// Number of the ladder price at or next below, counted from 0 at the lowest; `None` outside the ladder.
    fn index(&self, price: Price) -> Option<u64> {
        if price < self.lowest() || price > self.highest() {
            return None;
        }
        match self {
            Self::Classic => Some(banded_index(&CLASSIC, price)),
            Self::Finest => Some(banded_index(&FINEST, price)),
            Self::Line { min, step, .. } => (price.nanos() - min.nanos()).checked_div(step.nanos()),
        }
    }

    /// The ladder price with this number.
    fn price(&self, index: u64) -> Option<Price> {
        let price = match self {
            Self::Classic => banded_price(&CLASSIC, index)?,
            Self::Finest => banded_price(&FINEST, index)?,
            Self::Line { min, step, .. } => {
                Price::from_nanos(step.nanos().checked_mul(index)?.checked_add(min.nanos())?)
            }
        };
        (price <= self.highest()).then_some(price)
    }
}

/// Steps from 1.00 up to the price, less one, so that 1.01 has number 0.
fn banded_index(bands: &[Band], price: Price) -> u64 {
    let band = bands
        .iter()
        .rev()
        .find(|band| band.start * HUNDREDTH <= price.nanos());
    band.map_or(0, |band| {
        let steps = (price.nanos() - band.start * HUNDREDTH) / (band.step * HUNDREDTH);
        band.before + steps - 1
    })
}

fn banded_price(bands: &[Band], index: u64) -> Option<Price> {
    let steps = index.checked_add(1)?;
    let (end, bands) = bands.split_last()?;
    let band = bands.iter().rev().find(|band| band.before < steps)?;
    let hundredths = band.start + (steps - band.before) * band.step;
    (steps <= end.before).then(|| Price::from_hundredths(hundredths))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn p(hundredths: u64) -> Price {
        Price::from_hundredths(hundredths)
    }

    fn all(ladder: PriceLadder) -> Vec<Price> {
        std::iter::successors(Some(ladder.lowest()), |&price| ladder.step(price, 1)).collect()
    }

    #[test]
    fn the_classic_ladder_has_350_prices() {
        let prices = all(PriceLadder::Classic);
        assert_eq!(prices.len(), 350);
        assert_eq!(prices.last(), Some(&Price::HIGHEST));
        assert!(prices.is_sorted());
    }

    #[test]
    fn steps_cross_the_bands() {
        let ladder = PriceLadder::Classic;
        assert_eq!(ladder.step(p(199), 1), Some(p(200)));
        assert_eq!(ladder.step(p(200), 1), Some(p(202)));
        assert_eq!(ladder.step(p(1000), -1), Some(p(980)));
        assert_eq!(ladder.step(p(101), -1), None);
        assert_eq!(ladder.step(Price::HIGHEST, 1), None);
        assert_eq!(ladder.step(p(201), 1), None, "2.01 is not on the ladder");
        assert_eq!(ladder.ticks_between(p(198), p(204)), Some(4));
    }

    #[test]
    fn off_ladder_prices_are_known() {
        let ladder = PriceLadder::Classic;
        assert!(ladder.contains(p(350)));
        assert!(!ladder.contains(p(351)));
        assert!(!ladder.contains(p(100)));
        assert!(!ladder.contains(Price::from_nanos(1_234_567_890)));
        assert_eq!(ladder.nearest(p(351)), p(350));
        assert_eq!(ladder.nearest(p(354)), p(355));
        assert_eq!(ladder.nearest(p(1)), p(101));
        assert_eq!(ladder.nearest(p(999_999)), Price::HIGHEST);
    }

    #[test]
    fn a_line_walks_by_its_interval() {
        let ladder = PriceLadder::Line {
            min: p(50),
            max: p(40_050),
            step: p(100),
        };
        assert!(ladder.contains(p(17_250)) && !ladder.contains(p(17_200)));
        assert_eq!(ladder.step(p(50), 2), Some(p(250)));
        let broken = PriceLadder::Line {
            min: p(50),
            max: p(100),
            step: Price::from_nanos(0),
        };
        assert!(!broken.contains(p(60)));
    }

    proptest! {
        #[test]
        fn nearest_is_on_the_ladder_and_never_far(hundredths in 101_u64..100_000) {
            let ladder = PriceLadder::Classic;
            let near = ladder.nearest(p(hundredths));
            prop_assert!(ladder.contains(near));
            prop_assert_eq!(ladder.ticks_between(near, ladder.nearest(near)), Some(0));
            prop_assert!(ladder.at_or_below(p(hundredths)).unwrap() <= p(hundredths));
        }

        #[test]
        fn walking_there_and_back_returns(hundredths in 101_u64..100_000, ticks in -20_i64..20) {
            let ladder = PriceLadder::Classic;
            let start = ladder.nearest(p(hundredths));
            if let Some(there) = ladder.step(start, ticks) {
                prop_assert_eq!(ladder.step(there, -ticks), Some(start));
                prop_assert_eq!(ladder.ticks_between(start, there), Some(ticks));
            }
        }
    }
}
