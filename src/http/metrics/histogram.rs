//! A histogram of durations with fixed buckets.

/// Upper ends of the buckets, in seconds: from ten microseconds to ten seconds.
const ENDS: [f64; 15] = [
    0.000_01, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.25,
    0.5, 1.0, 10.0,
];

/// Counts durations by size.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    within: [u64; ENDS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    /// Counts one.
    pub fn observe(&mut self, seconds: f64) {
        self.count += 1;
        self.sum += seconds;
        if let Some(at) = ENDS.iter().position(|end| seconds <= *end) {
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
        ENDS.into_iter().zip(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_at_or_below_its_end() {
        let mut histogram = Histogram::default();
        for seconds in [0.000_01, 0.000_02, 0.001, 99.0] {
            histogram.observe(seconds);
        }
        let buckets: Vec<u64> = histogram.buckets().map(|(_, count)| count).collect();
        assert_eq!(buckets[..6], [1, 2, 2, 2, 2, 3]);
        assert_eq!((buckets[14], histogram.count()), (3, 4));
        assert!((histogram.sum() - 99.001_03).abs() < 1e-9);
    }
}
