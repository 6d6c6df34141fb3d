//! Money as a whole number of minor units (pence, cents); never a float.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

use super::Price;
use crate::planted::{self, Bug};

/// An amount in minor units of the account's currency. Two decimals: 2.00 is `Money::from_minor(200)`.
///
/// Sums panic on overflow in every build (`overflow-checks` stays on): an amount past 9 × 10^16 is a bug, not money.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount a feed or a script may name: ten billion.
    pub const LARGEST: Self = Self(1_000_000_000_000);

    /// From minor units (pence).
    #[must_use]
    pub const fn from_minor(minor: i64) -> Self {
        Self(minor)
    }

    /// From whole major units (pounds).
    #[must_use]
    pub const fn from_major(major: i64) -> Self {
        Self(major * 100)
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// The nearest amount to a decimal number; `None` if it is not finite or too large.
    #[must_use]
    pub fn nearest(value: f64) -> Option<Self> {
        Self::checked((value * 100.0).round())
    }

    /// The largest amount not above a decimal number: a stake is never rounded up.
    /// A billionth of a minor unit is forgiven, so that 0.29 stays 29.
    #[must_use]
    pub fn floor(value: f64) -> Option<Self> {
        Self::checked((value * 100.0 + 1e-7).floor())
    }

    #[allow(clippy::cast_possible_truncation)]
    fn checked(minor: f64) -> Option<Self> {
        let inside = minor.is_finite() && minor.abs() <= Self::LARGEST.0 as f64;
        inside.then_some(Self(minor as i64))
    }

    /// As a decimal number, for scripts, statistics and JSON only.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 100.0
    }

    /// The absolute amount.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// The smaller of two amounts.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Ord::min(self, other)
    }

    /// The larger of two amounts.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Ord::max(self, other)
    }

    /// Whether this is more than nothing.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// What a backer's stake of this size wins at `price`, rounded down: size × (price − 1).
    #[must_use]
    pub fn profit_at(self, price: Price) -> Self {
        self.times(price.minus_one(), i128::div_euclid)
    }

    /// What a layer of this size can lose at `price`, rounded up: size × (price − 1).
    #[must_use]
    pub fn liability_at(self, price: Price) -> Self {
        if planted::is(Bug::LiabilityRoundedDown) {
            return self.profit_at(price);
        }
        self.times(price.minus_one(), |a, b| -(-a).div_euclid(b))
    }

    /// The size whose lay liability at `price` is this amount, to the nearest minor unit; `None` at a price of 1.
    #[must_use]
    pub fn size_for_liability(self, price: Price) -> Option<Self> {
        let odds = i128::from(price.minus_one());
        if odds == 0 {
            return None;
        }
        let scaled = i128::from(self.0) * i128::from(Price::SCALE);
        Some(Self::from_i128((2 * scaled + odds).div_euclid(2 * odds)))
    }

    /// This amount × `numerator` / `denominator`, rounded to the nearest minor unit, halves away from zero.
    ///
    /// # Panics
    /// If `denominator` is not positive.
    #[must_use]
    pub fn scaled(self, numerator: i64, denominator: i64) -> Self {
        assert!(
            denominator > 0,
            "a ratio of money needs a positive denominator"
        );
        let (product, by) = (
            i128::from(self.0) * i128::from(numerator),
            i128::from(denominator),
        );
        let magnitude = (2 * product.abs() + by) / (2 * by);
        Self::from_i128(if product < 0 { -magnitude } else { magnitude })
    }

    /// From billionths of a minor unit, rounded down: a sum of size × (price − 1), exact until here.
    #[must_use]
    pub fn from_scaled(billionths: i128) -> Self {
        Self::from_i128(billionths.div_euclid(i128::from(Price::SCALE)))
    }

    fn times(self, odds: u64, divide: impl Fn(i128, i128) -> i128) -> Self {
        let product = i128::from(self.0) * i128::from(odds);
        Self::from_i128(divide(product, i128::from(Price::SCALE)))
    }

    fn from_i128(minor: i128) -> Self {
        Self(i64::try_from(minor).expect("an amount of money past 9e16 minor units"))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (major, minor) = (self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100);
        match f.width() {
            None => write!(f, "{sign}{major}.{minor:02}"),
            Some(_) => f.pad(&format!("{sign}{major}.{minor:02}")),
        }
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// An ISO 4217 currency code, beside every amount that leaves the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// Pound sterling, the currency of Betfair's market stream.
    pub const GBP: Self = Self(*b"GBP");

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl TryFrom<String> for Currency {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        match <[u8; 3]>::try_from(code.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            _ => Err(format!(
                "\"{code}\" is not a currency: use three capital letters, as in GBP"
            )),
        }
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(decimal: f64) -> Price {
        Price::nearest(decimal).unwrap()
    }

    #[test]
    fn liability_rounds_up_and_profit_down() {
        let stake = Money::from_minor(33);
        assert_eq!(stake.profit_at(price(1.07)), Money::from_minor(2));
        assert_eq!(stake.liability_at(price(1.07)), Money::from_minor(3));
    }

    #[test]
    fn a_stake_is_never_rounded_up() {
        assert_eq!(Money::floor(13.379), Some(Money::from_minor(1337)));
        assert_eq!(Money::floor(0.29), Some(Money::from_minor(29)));
        assert_eq!(Money::floor(f64::NAN), None);
        assert_eq!(Money::floor(1e300), None);
    }

    #[test]
    fn a_lay_liability_becomes_a_size() {
        let bsp = price(1.260_810_475_820_454_3);
        assert_eq!(
            Money::from_major(100).size_for_liability(bsp),
            Some(Money::from_minor(38342))
        );
        assert_eq!(Money::from_major(100).size_for_liability(price(1.0)), None);
    }

    #[test]
    fn it_prints_as_people_write_it() {
        assert_eq!(Money::from_minor(-105).to_string(), "-1.05");
        assert_eq!(format!("{:>8}", Money::from_minor(7)), "    0.07");
    }

    #[test]
    fn a_currency_is_three_capitals() {
        assert!(Currency::try_from("EUR".to_owned()).is_ok());
        assert!(Currency::try_from("euro".to_owned()).is_err());
    }

    proptest! {
        #[test]
        fn profit_and_liability_enclose_the_exact_product(size in 0_i64..100_000_000, ticks in 1_010_000_000_u64..1_000_000_000_000) {
            let (size, price) = (Money::from_minor(size), Price::from_nanos(ticks));
            let (low, high) = (size.profit_at(price), size.liability_at(price));
            prop_assert!(low <= high && high - low <= Money::from_minor(1));
        }

        #[test]
        fn scaling_is_symmetric_in_sign(minor in -1_000_000_i64..1_000_000, rate in 0_i64..10_000) {
            let amount = Money::from_minor(minor);
            prop_assert_eq!((-amount).scaled(rate, 10_000), -amount.scaled(rate, 10_000));
        }
    }
}
