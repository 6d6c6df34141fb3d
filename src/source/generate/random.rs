//! A small generator of pseudo-random numbers: SplitMix64. The same seed gives the same numbers everywhere.
//!
//! Only additions, multiplications, divisions and square roots are used, here and in the rest of the module,
//! because those are exact by the floating-point standard; logarithms and the like differ between platforms.

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A stream of its own for each (seed, purpose): drawing more from one moves no other.
    #[must_use]
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut mixer = Self(seed);
        let start = mixer.next() ^ purpose.wrapping_mul(0xD1B5_4A32_D192_ED03);
        Self(start)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    #[must_use]
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number in 0..count; 0 if `count` is 0.
    pub(super) fn below(&mut self, count: usize) -> usize {
        let count = count as u64;
        // The bias of a remainder is under 2^-40 for the counts used here.
        usize::try_from(self.next().checked_rem(count).unwrap_or(0)).unwrap_or(0)
    }

    /// True this often.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Nearly normal with mean 0 and variance 1: the sum of twelve uniforms.
    pub(super) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// An index drawn in proportion to the weights; the last one with any weight if rounding leaves none.
    pub(super) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        let mut last = 0;
        for (at, &weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            last = at;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let mut random = Random(0);
        assert_eq!(random.next(), 0xE220_A839_7B1D_CDAF);
        assert_eq!(random.next(), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn draws_keep_their_ranges_and_their_shape() {
        let mut random = Random::new(7, 1);
        let mean = (0..20_000).map(|_| random.unit()).sum::<f64>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.01, "mean {mean}");
        let spread = (0..20_000).map(|_| random.normal().powi(2)).sum::<f64>() / 20_000.0;
        assert!((spread - 1.0).abs() < 0.05, "variance {spread}");
        let thirds = (0..20_000)
            .filter(|_| random.weighted(&[2.0, 0.0, 1.0]) == 2)
            .count();
        assert!((6_300..7_050).contains(&thirds), "{thirds} of 20000");
        assert_eq!(random.below(0), 0);
    }
}
