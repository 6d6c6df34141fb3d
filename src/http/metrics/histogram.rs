//! A histogram with fixed buckets.

/// Upper ends of the buckets of durations, in seconds: from ten microseconds to ten seconds.
const SECONDS: [f64; 15] = [
    0.000_01, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.25,
    0.5, 1.0, 10.0,
];
/// Upper ends of the buckets of shares that may be won or lost.
const SHARES: [f64; 11] = [
    -0.2, -0.1, -0.05, -0.02, -0.01, 0.0, 0.01, 0.02, 0.05, 0.1, 0.2,
];

/// Counts values by size.
#[derive(Clone, Debug)]
pub struct Histogram {
    ends: Vec<f64>,
    within: Vec<u64>,
    count: u64,
    sum: f64,
}

impl Histogram {
    /// Of durations in seconds.
    #[must_use]
    pub fn of_seconds() -> Self {
        Self::new(&SECONDS)
    }

    /// Of shares around nothing, such as what a bet was worth against the close.
    #[must_use]
    pub fn of_shares() -> Self {
        Self::new(&SHARES)
    }

    fn new(ends: &[f64]) -> Self {
        Self {
            ends: ends.to_vec(),
            within: vec![0; ends.len()],
            count: 0,
            sum: 0.0,
        }
    }

    /// One that was counted elsewhere: upper ends, how many lie in each bucket, how many there are, and their sum.
    #[must_use]
    pub fn counted(ends: &[u64], within: &[u64], count: u64, sum: u64) -> Self {
        Self {
            ends: ends.iter().map(|end| *end as f64).collect(),
            within: within.to_vec(),
            count,
            sum: sum as f64,
        }
    }

    /// Counts one.
    pub fn observe(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        if let Some(at) = self.ends.iter().position(|end| value <= *end) {
            self.within[at] += 1;
        }
    }

    /// How many were counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    pub(super) const fn sum(&self) -> f64 {
        self.sum
    }

    /// Upper end of each bucket, and how many are in it or below.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let sums = self.within.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        self.ends.iter().copied().zip(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_at_or_below_its_end() {
        let mut histogram = Histogram::of_seconds();
        for seconds in [0.000_01, 0.000_02, 0.001, 99.0] {
            histogram.observe(seconds);
        }
        let buckets: Vec<u64> = histogram.buckets().map(|(_, count)| count).collect();
        assert_eq!(buckets[..6], [1, 2, 2, 2, 2, 3]);
        assert_eq!((buckets[14], histogram.count()), (3, 4));
        assert!((histogram.sum() - 99.001_03).abs() < 1e-9);
    }

    #[test]
    fn shares_may_be_lost_and_what_was_counted_elsewhere_is_shown_as_it_was() {
        let mut shares = Histogram::of_shares();
        for share in [-0.5, -0.03, 0.0, 0.04] {
            shares.observe(share);
        }
        let buckets: Vec<u64> = shares.buckets().map(|(_, count)| count).collect();
        assert_eq!(buckets, [1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4]);
        let counted = Histogram::counted(&[10, 100], &[2, 3], 6, 1_234);
        let buckets: Vec<(f64, u64)> = counted.buckets().collect();
        assert_eq!(buckets, [(10.0, 2), (100.0, 5)]);
        assert_eq!((counted.count(), counted.sum() as u64), (6, 1_234));
    }
}
