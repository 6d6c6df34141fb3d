//! How sure a figure is: 95 % intervals by drawing events anew.
//!
//! Bets on one event win and lose together, so it is events that are drawn, with replacement, as many as there are; the
//! figure of each draw is Σ over / Σ under. The draws come from a fixed seed: the same bets have the same interval.

use serde::Serialize;

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval; null if there are too few events to say.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// How many there are of what it is a mean of.
    pub n: u64,
}

/// Draws for an interval.
const DRAWS: usize = 2_000;
/// Draws of events in all, at most: a hundred thousand events need no two thousand draws.
const MOST_STEPS: usize = 10_000_000;
/// With fewer events an interval would say more than is known.
const LEAST_EVENTS: usize = 10;

/// What one event adds to a ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Part {
    pub(super) over: f64,
    pub(super) under: f64,
}

/// The figures of many draws, sorted.
pub(super) struct Draws(Vec<f64>);

impl Draws {
    /// Draws anew; `None` if there are too few events.
    pub(super) fn of(parts: &[Part]) -> Option<Self> {
        if parts.len() < LEAST_EVENTS {
            return None;
        }
        let draws = (MOST_STEPS / parts.len()).clamp(200, DRAWS);
        let mut random = Random(parts.len() as u64);
        let mut figures: Vec<f64> = (0..draws)
            .map(|_| {
                let (mut over, mut under) = (0.0, 0.0);
                for _ in 0..parts.len() {
                    let part = parts[random.below(parts.len())];
                    over += part.over;
                    under += part.under;
                }
                over / under
            })
            .filter(|figure| figure.is_finite())
            .collect();
        figures.sort_unstable_by(f64::total_cmp);
        (!figures.is_empty()).then_some(Self(figures))
    }

    /// The middle 95 %.
    pub(super) fn interval(&self) -> (f64, f64) {
        (self.at(0.025), self.at(0.975))
    }

    /// The share of draws without a gain.
    pub(super) fn share_without_gain(&self) -> f64 {
        self.0.partition_point(|figure| *figure <= 0.0) as f64 / self.0.len() as f64
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn at(&self, share: f64) -> f64 {
        let place = (share * (self.0.len() - 1) as f64).round() as usize;
        self.0[place]
    }
}

impl Estimate {
    /// Σ over / Σ under of all events; `None` without any.
    pub(super) fn of(parts: &[Part], n: u64) -> Option<Self> {
        let sum = |of: fn(&Part) -> f64| parts.iter().map(of).sum::<f64>();
        let value = sum(|part| part.over) / sum(|part| part.under);
        let ends = Draws::of(parts).map(|draws| draws.interval());
        value.is_finite().then_some(Self {
            value,
            low: ends.map(|(low, _)| low),
            high: ends.map(|(_, high)| high),
            n,
        })
    }
}

/// SplitMix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number under `end`: the high half of a product, so that nothing is divided.
    fn below(&mut self, end: usize) -> usize {
        let product = u128::from(self.next()) * end as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(figures: impl IntoIterator<Item = f64>) -> Vec<Part> {
        let part = |over| Part { over, under: 1.0 };
        figures.into_iter().map(part).collect()
    }

    #[test]
    fn the_interval_is_that_of_the_normal_distribution_where_that_holds() {
        // 400 bets at evens, 200 won: the standard error of the mean is 1/20.
        let even = parts((0..400).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }));
        let estimate = Estimate::of(&even, 400).unwrap();
        assert!(estimate.value.abs() < 1e-12);
        assert!(
            (estimate.low.unwrap() + 0.098).abs() < 0.012,
            "{estimate:?}"
        );
        assert!(
            (estimate.high.unwrap() - 0.098).abs() < 0.012,
            "{estimate:?}"
        );
        assert_eq!(
            Estimate::of(&even, 400),
            Some(estimate),
            "the draws are fixed"
        );
        let share = Draws::of(&even).unwrap().share_without_gain();
        assert!((share - 0.5).abs() < 0.06, "{share}");
    }

    #[test]
    fn a_few_events_have_a_figure_and_no_interval() {
        let estimate = Estimate::of(&parts([1.0, -1.0, 3.0]), 3).unwrap();
        assert!((estimate.value - 1.0).abs() < 1e-12);
        assert_eq!((estimate.low, estimate.high), (None, None));
        assert_eq!(Estimate::of(&[], 0), None);
    }
}
