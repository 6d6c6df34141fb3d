//! Names of things: markets, runners, orders.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A venue's name for a market, such as `1.181223995`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct MarketId(Arc<str>);

impl MarketId {
    /// Takes the venue's name as it is.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(Arc::from(id))
    }

    /// The venue's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MarketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A bookmaker's name, such as `pinnacle`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct BookName(Arc<str>);

impl BookName {
    /// Takes the name as it is.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A runner in a market: the venue's selection and, on handicap markets, the line in hundredths (0 elsewhere).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RunnerId {
    /// The venue's selection id.
    pub selection: u64,
    /// Handicap in hundredths: −0.25 is −25.
    pub handicap: i32,
}

impl RunnerId {
    /// A runner without handicap.
    #[must_use]
    pub const fn new(selection: u64) -> Self {
        Self {
            selection,
            handicap: 0,
        }
    }
}

impl fmt::Display for RunnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.handicap == 0 {
            write!(f, "{}", self.selection)
        } else {
            write!(f, "{}@{}", self.selection, f64::from(self.handicap) / 100.0)
        }
    }
}

/// What can be backed with bookmakers, as selections; those that Betfair has too are called as there.
pub mod selection {
    /// The home side.
    pub const HOME: u64 = 1;
    /// The other side.
    pub const AWAY: u64 = 2;
    /// Neither.
    pub const DRAW: u64 = 58_805;
    /// Fewer.
    pub const UNDER: u64 = 47_972;
    /// More.
    pub const OVER: u64 = 47_973;
    /// It happens.
    pub const YES: u64 = 30_246;
    /// It does not.
    pub const NO: u64 = 110_503;
}

/// The id of an intent and of the order it became: 128 bits derived from journaled inputs, so that the same
/// input evaluated twice gives the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(u128);

impl OrderId {
    /// From the 128 bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// Reads the 26 letters that [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 26 {
            return None;
        }
        let mut bits: u128 = 0;
        for letter in text.bytes() {
            let digit = CROCKFORD.iter().position(|&c| c == letter)?;
            bits = bits.checked_mul(32)?.checked_add(digit as u128)?;
        }
        Some(Self(bits))
    }
}

/// Crockford's base 32: no letter that is mistaken for another.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = [0; 26];
        for (place, letter) in letters.iter_mut().rev().enumerate() {
            *letter = CROCKFORD[((self.0 >> (5 * place)) & 31) as usize];
        }
        f.pad(str::from_utf8(&letters).unwrap_or_default())
    }
}

impl Serialize for OrderId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_ids_read_back_only_in_their_own_form() {
        assert_eq!(
            OrderId::parse("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
            Some(OrderId(u128::MAX))
        );
        assert_eq!(OrderId::parse("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), None);
        assert_eq!(OrderId::parse("short"), None);
    }

    proptest! {
        #[test]
        fn order_ids_survive_text(bits: u128) {
            let id = OrderId::from_bits(bits);
            prop_assert_eq!(OrderId::parse(&id.to_string()), Some(id));
        }
    }
}
