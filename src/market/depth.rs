//! One side of a book: sizes by price in a small sorted array.

use serde::Serialize;

use super::{Money, Price};

/// A price and the size there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// The size at it.
    pub size: Money,
}

/// Sizes by rising price. What a backer can take is read from the end, what a layer can take from the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth(Vec<Level>);

impl Depth {
    /// Sets the size at a price; a size of zero or less removes it.
    pub fn set(&mut self, price: Price, size: Money) {
        match self.0.binary_search_by_key(&price, |level| level.price) {
            Ok(at) if size.is_positive() => self.0[at].size = size,
            Ok(at) => {
                self.0.remove(at);
            }
            Err(at) if size.is_positive() => self.0.insert(at, Level { price, size }),
            Err(_) => {}
        }
    }

    /// The size at exactly this price; zero if none.
    #[must_use]
    pub fn at(&self, price: Price) -> Money {
        match self.0.binary_search_by_key(&price, |level| level.price) {
            Ok(at) => self.0[at].size,
            Err(_) => Money::ZERO,
        }
    }

    /// The level with the lowest price.
    #[must_use]
    pub fn lowest(&self) -> Option<Level> {
        self.0.first().copied()
    }

    /// The level with the highest price.
    #[must_use]
    pub fn highest(&self) -> Option<Level> {
        self.0.last().copied()
    }

    /// All levels by rising price.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        &self.0
    }

    /// Whether no price has a size.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sum of all sizes.
    #[must_use]
    pub fn total(&self) -> Money {
        self.0.iter().map(|level| level.size).sum()
    }

    /// Forgets all levels, keeping the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Best offers sent by position (0 is the top of the book) instead of by price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Positions(Vec<Option<Level>>);

impl Positions {
    /// How many positions a feed may name.
    const MOST: usize = 64;

    /// Sets one position; a size of zero empties it. Positions past the limit are ignored.
    pub(super) fn set(&mut self, position: u8, price: Price, size: Money) {
        let at = usize::from(position);
        if at >= Self::MOST {
            return;
        }
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        self.0[at] = size.is_positive().then_some(Level { price, size });
    }

    /// Writes the positions into a depth, replacing what it held.
    pub(super) fn write_to(&self, depth: &mut Depth) {
        depth.clear();
        for level in self.0.iter().flatten() {
            depth.set(level.price, level.size);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn a_depth_behaves_as_a_sorted_map(changes in proptest::collection::vec((101_u64..140, 0_i64..5), 0..200)) {
            let mut depth = Depth::default();
            let mut map = BTreeMap::new();
            for (hundredths, size) in changes {
                let price = Price::from_hundredths(hundredths);
                depth.set(price, Money::from_minor(size));
                if size > 0 { map.insert(price, Money::from_minor(size)); } else { map.remove(&price); }
            }
            let expected: Vec<_> = map.iter().map(|(&price, &size)| Level { price, size }).collect();
            prop_assert_eq!(depth.levels(), &expected[..]);
            prop_assert_eq!(depth.highest(), expected.last().copied());
            prop_assert_eq!(depth.at(Price::from_hundredths(120)), map.get(&Price::from_hundredths(120)).copied().unwrap_or_default());
        }
    }

    #[test]
    fn positions_replace_the_depth_they_describe() {
        let (mut positions, mut depth) = (Positions::default(), Depth::default());
        positions.set(0, Price::from_hundredths(300), Money::from_major(20));
        positions.set(1, Price::from_hundredths(298), Money::from_major(5));
        positions.write_to(&mut depth);
        assert_eq!(depth.highest().unwrap().price, Price::from_hundredths(300));
        positions.set(0, Price::from_hundredths(298), Money::from_major(5));
        positions.set(1, Price::from_hundredths(100), Money::ZERO);
        positions.set(200, Price::from_hundredths(100), Money::from_major(1));
        positions.write_to(&mut depth);
        assert_eq!(depth.levels().len(), 1);
    }
}
