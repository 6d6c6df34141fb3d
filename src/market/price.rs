//! Decimal odds as a whole number of billionths; never a float outside scripts and statistics.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A price (decimal odds, or the line of a line market) in billionths: 1.23 is `Price::from_nanos(1_230_000_000)`.
///
/// Nine decimals hold every ladder exactly and a starting price (which is no ladder price) to a hair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(u64);

impl Price {
    /// Units in a price of 1.
    pub const SCALE: u64 = 1_000_000_000;
    /// The lowest price of the classic ladder.
    pub const LOWEST: Self = Self(1_010_000_000);
    /// The highest price of the classic ladder.
    pub const HIGHEST: Self = Self(1_000 * Self::SCALE);

    /// From billionths.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// In billionths.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// From hundredths: `Price::from_hundredths(123)` is 1.23.
    #[must_use]
    pub const fn from_hundredths(hundredths: u64) -> Self {
        Self(hundredths * (Self::SCALE / 100))
    }

    /// The price nearest to a decimal number; `None` if it is not finite, negative, or over a million.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn nearest(decimal: f64) -> Option<Self> {
        let inside = decimal.is_finite() && (0.0..=1e6).contains(&decimal);
        inside.then(|| Self((decimal * Self::SCALE as f64).round() as u64))
    }

    /// As a decimal number, for scripts, statistics and JSON only.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::SCALE as f64
    }

    /// Billionths above 1: what one unit of stake wins.
    #[must_use]
    pub const fn minus_one(self) -> u64 {
        self.0.saturating_sub(Self::SCALE)
    }

    /// The price after a reduction factor in hundredths of a percent, rounded to two decimals, not under 1.01.
    #[must_use]
    pub fn reduced_by(self, factor_hundredths: u32) -> Self {
        Self::shown(kept(self.0, factor_hundredths))
    }

    /// The price whose winnings (it less 1) are reduced by a factor in hundredths of a percent, rounded in the same way.
    #[must_use]
    pub fn winnings_reduced_by(self, factor_hundredths: u32) -> Self {
        Self::shown(u128::from(Self::SCALE) + kept(self.minus_one(), factor_hundredths))
    }

    fn shown(exact: u128) -> Self {
        let hundredth = u128::from(Self::SCALE / 100);
        let rounded = (exact + hundredth / 2) / hundredth * hundredth;
        Self(u64::try_from(rounded).unwrap_or(u64::MAX)).max(Self::LOWEST)
    }

    /// The average of prices weighted by size: Σ price × size / Σ size, to the nearest billionth.
    /// Takes the weighted sum in billionths × minor units; `None` when nothing was matched.
    #[must_use]
    pub fn average(weighted_sum: i128, size_minor: i64) -> Option<Self> {
        let size = i128::from(size_minor);
        (size > 0).then(|| Self(u64::try_from((weighted_sum + size / 2) / size).unwrap_or(0)))
    }
}

/// What a reduction in hundredths of a percent leaves.
fn kept(nanos: u64, factor_hundredths: u32) -> u128 {
    u128::from(nanos) * 10_000_u128.saturating_sub(u128::from(factor_hundredths)) / 10_000
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / Self::SCALE, self.0 % Self::SCALE);
        if rest == 0 {
            return f.pad(&whole.to_string());
        }
        let digits = format!("{whole}.{rest:09}");
        f.pad(digits.trim_end_matches('0'))
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.to_f64())
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let decimal = f64::deserialize(deserializer)?;
        Self::nearest(decimal).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "{decimal} is not a price: use decimal odds, as in 2.5"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_prints_without_trailing_zeros() {
        assert_eq!(Price::from_hundredths(123).to_string(), "1.23");
        assert_eq!(Price::HIGHEST.to_string(), "1000");
    }

    #[test]
    fn a_reduction_rounds_to_two_decimals_and_stops_at_the_lowest_price() {
        assert_eq!(
            Price::from_hundredths(1200).reduced_by(2111),
            Price::from_hundredths(947)
        );
        assert_eq!(Price::from_hundredths(102).reduced_by(9000), Price::LOWEST);
    }

    #[test]
    fn nonsense_is_no_price() {
        for value in [f64::NAN, f64::INFINITY, -1.0, 1e9] {
            assert_eq!(Price::nearest(value), None);
        }
    }

    proptest! {
        #[test]
        fn decimals_survive_the_round_trip(hundredths in 100_u64..100_000) {
            let price = Price::from_hundredths(hundredths);
            prop_assert_eq!(Price::nearest(price.to_f64()), Some(price));
            prop_assert_eq!(Price::nearest(price.to_string().parse().unwrap()), Some(price));
        }
    }
}
