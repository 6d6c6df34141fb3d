//! What settings are made of: money and ratios as people write them, and the range that a value must keep.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Money;

/// A part of a whole, from 0 to 1, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio(u32);

impl Ratio {
    /// Nothing of it.
    pub const ZERO: Self = Self(0);
    /// All of it.
    pub const ONE: Self = Self(1_000_000);

    /// From hundredths: `Ratio::percent(5)` is 0.05.
    ///
    /// # Panics
    /// If that is more than the whole.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        assert!(percent <= 100, "a ratio is at most 1");
        Self(percent * 10_000)
    }

    /// From millionths; `None` if that is more than the whole.
    #[must_use]
    pub const fn from_millionths(millionths: u32) -> Option<Self> {
        if millionths <= Self::ONE.0 {
            Some(Self(millionths))
        } else {
            None
        }
    }

    /// In millionths.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// This part of an amount, rounded down: a limit is never rounded up.
    #[must_use]
    pub fn of(self, amount: Money) -> Money {
        let part = i128::from(amount.minor()) * i128::from(self.0);
        let minor = part.div_euclid(i128::from(Self::ONE.0));
        Money::from_minor(
            i64::try_from(minor).expect("a part of an amount fits where the whole did"),
        )
    }
}

impl Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&(f64::from(self.0) / 1e6).to_string())
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1e6)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let decimal = f64::deserialize(deserializer)?;
        if !(0.0..=1.0).contains(&decimal) {
            return Err(serde::de::Error::custom(format!(
                "{decimal} is not a ratio: use a number from 0 to 1, as in 0.05 for 5 %"
            )));
        }
        let millionths = (decimal * 1e6).round();
        if (millionths / 1e6 - decimal).abs() > 1e-12 {
            return Err(serde::de::Error::custom(format!(
                "{decimal} is too fine: a ratio has at most six decimals"
            )));
        }
        Ok(Self(millionths as u32))
    }
}

/// For `#[serde(with = "optional_money")]`: as [`money`], or nothing.
pub mod optional_money {
    use super::{Deserialize, Deserializer, Money, Serialize, Serializer, money};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Amount(#[serde(with = "money")] Money);

    /// Writes as [`money`] does.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        amount: &Option<Money>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        amount.map(Amount).serialize(serializer)
    }

    /// Reads as [`money`] does.
    ///
    /// # Errors
    /// As those of [`money`].
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Money>, D::Error> {
        let amount = Option::<Amount>::deserialize(deserializer)?;
        Ok(amount.map(|Amount(amount)| amount))
    }
}

/// For `#[serde(with = "money")]`: an amount as a decimal number of major units, as people write it.
pub mod money {
    use super::{Deserialize, Deserializer, Money, Serializer};

    /// Writes 12.5 for 12.50.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(amount: &Money, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(amount.to_f64())
    }

    /// Reads 12.5 or 12 exactly; a third decimal is an error, never rounded away.
    ///
    /// # Errors
    /// If it is no number, too large, or too fine.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        let decimal = f64::deserialize(deserializer)?;
        let amount = Money::nearest(decimal).ok_or_else(|| {
            serde::de::Error::custom(format!("{decimal} is not an amount of money"))
        })?;
        // The nearest double to a two-decimal amount reads back as that very double.
        if (amount.to_f64() - decimal).abs() > f64::EPSILON * decimal.abs() {
            return Err(serde::de::Error::custom(format!(
                "{decimal} is not an amount of money: it has at most two decimals"
            )));
        }
        Ok(amount)
    }
}

/// A setting's value beside the range that it must keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The setting's name in its section.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// The lowest value permitted.
    pub lowest: String,
    /// The highest value permitted.
    pub highest: String,
    /// Whether the value is permitted.
    pub holds: bool,
}

impl Bound {
    /// Compares a value with its range.
    pub fn new<T: PartialOrd + Display>(
        key: &'static str,
        value: &T,
        permitted: &RangeInclusive<T>,
    ) -> Self {
        Self {
            key,
            value: value.to_string(),
            lowest: permitted.start().to_string(),
            highest: permitted.end().to_string(),
            holds: permitted.contains(value),
        }
    }
}

impl Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            value,
            lowest,
            highest,
            ..
        } = self;
        write!(
            f,
            "{key} = {value}: it must lie between {lowest} and {highest}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Result<Money, serde_json::Error> {
        money::deserialize(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn an_amount_is_read_exactly_or_not_at_all() {
        assert_eq!(read("0.29").unwrap(), Money::from_minor(29));
        assert_eq!(read("12").unwrap(), Money::from_major(12));
        assert!(
            read("0.295")
                .unwrap_err()
                .to_string()
                .contains("two decimals")
        );
        assert!(read("1e99").is_err() && read("\"12\"").is_err());
    }

    #[test]
    fn a_ratio_is_a_part_of_the_whole() {
        let ratio = |json| serde_json::from_str::<Ratio>(json);
        assert_eq!(ratio("0.05").unwrap(), Ratio::percent(5));
        assert_eq!(ratio("1").unwrap(), Ratio::ONE);
        assert!(ratio("1.01").is_err() && ratio("-0.1").is_err() && ratio("0.0000001").is_err());
        assert_eq!(Ratio::percent(5).of(Money::from_minor(19)), Money::ZERO);
        assert_eq!(
            Ratio::percent(5).of(Money::from_major(10_000)),
            Money::from_major(500)
        );
    }

    #[test]
    fn a_bound_tells_the_value_and_the_range() {
        let bound = Bound::new("retries", &11, &(1..=10));
        assert!(!bound.holds && Bound::new("retries", &10, &(1..=10)).holds);
        assert_eq!(
            bound.to_string(),
            "retries = 11: it must lie between 1 and 10"
        );
    }

    proptest! {
        #[test]
        fn every_amount_survives_being_written_down(minor in -1_000_000_000_000_i64..1_000_000_000_000) {
            let amount = Money::from_minor(minor);
            prop_assert_eq!(read(&amount.to_f64().to_string()).unwrap(), amount);
            prop_assert_eq!(read(&amount.to_string()).unwrap(), amount);
        }
    }
}
