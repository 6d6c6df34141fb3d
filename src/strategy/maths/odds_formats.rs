//! Odds as other places write them, and odds after commission.

use super::check::{self, Checked, Wrong};

/// Fractions that bookmakers quote, shortest first.
const TRADITIONAL: [(u32, u32); 73] = [
    (1, 1000),
    (1, 500),
    (1, 200),
    (1, 100),
    (1, 66),
    (1, 50),
    (1, 40),
    (1, 33),
    (1, 25),
    (1, 20),
    (1, 16),
    (1, 14),
    (1, 12),
    (1, 10),
    (1, 9),
    (1, 8),
    (1, 7),
    (2, 13),
    (1, 6),
    (2, 11),
    (1, 5),
    (2, 9),
    (1, 4),
    (2, 7),
    (3, 10),
    (1, 3),
    (4, 11),
    (2, 5),
    (4, 9),
    (1, 2),
    (8, 15),
    (4, 7),
    (8, 13),
    (4, 6),
    (8, 11),
    (4, 5),
    (5, 6),
    (10, 11),
    (1, 1),
    (11, 10),
    (6, 5),
    (5, 4),
    (11, 8),
    (6, 4),
    (13, 8),
    (7, 4),
    (15, 8),
    (2, 1),
    (9, 4),
    (5, 2),
    (11, 4),
    (3, 1),
    (10, 3),
    (7, 2),
    (4, 1),
    (9, 2),
    (5, 1),
    (11, 2),
    (6, 1),
    (13, 2),
    (7, 1),
    (15, 2),
    (8, 1),
    (9, 1),
    (10, 1),
    (12, 1),
    (14, 1),
    (16, 1),
    (20, 1),
    (25, 1),
    (33, 1),
    (50, 1),
    (66, 1),
];

/// A way to write odds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 2.5: what a unit returns.
    Decimal,
    /// +150, -200: won by 100, or needed to win 100.
    American,
    /// 1.5: won by a unit.
    HongKong,
    /// 0.5 or -0.667: as Hong Kong to evens, then minus its inverse.
    Malay,
    /// 1.5 or -2.0: as Hong Kong from evens, before minus its inverse.
    Indonesian,
    /// 0.4: 1/decimal.
    Probability,
}

impl Format {
    /// All of them with their names in scripts.
    pub const ALL: [(&'static str, Self); 6] = [
        ("decimal", Self::Decimal),
        ("american", Self::American),
        ("hong_kong", Self::HongKong),
        ("malay", Self::Malay),
        ("indonesian", Self::Indonesian),
        ("probability", Self::Probability),
    ];

    /// Reads a name.
    ///
    /// # Errors
    /// If there is no such format.
    pub fn parse(name: &str) -> Checked<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, format)| *format).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|(name, _)| *name).collect();
            Wrong::new(format!(
                "there is no odds format \"{name}\"\nknown: {}; and to_fraction(odds), from_fraction(text)",
                known.join(", ")
            ))
        })
    }

    /// Decimal odds of odds in this format.
    ///
    /// # Errors
    /// If they are none.
    pub fn to_decimal(self, x: f64) -> Checked<f64> {
        check::finite("odds", x)?;
        let (won, makes_sense) = match self {
            Self::Decimal => (x - 1.0, x > 1.0),
            Self::Probability => (x.recip() - 1.0, x > 0.0 && x < 1.0),
            Self::HongKong => (x, x > 0.0),
            Self::American if x > 0.0 => (x / 100.0, x >= 100.0),
            Self::American => (-100.0 / x, x <= -100.0),
            Self::Malay if x > 0.0 => (x, x <= 1.0),
            Self::Malay => (-x.recip(), (-1.0..0.0).contains(&x)),
            Self::Indonesian if x > 0.0 => (x, x >= 1.0),
            Self::Indonesian => (-x.recip(), x <= -1.0),
        };
        let decimal = if self == Self::Decimal { x } else { 1.0 + won };
        if makes_sense {
            check::odds(decimal)
        } else {
            let name = Self::ALL
                .iter()
                .find(|(_, f)| *f == self)
                .map_or("", |f| f.0);
            Err(Wrong::new(format!("{x} is not {name} odds")))
        }
    }

    /// Decimal odds in this format. Evens are +100 and 1.
    ///
    /// # Errors
    /// If they are not decimal odds.
    pub fn of_decimal(self, odds: f64) -> Checked<f64> {
        let won = check::odds(odds)? - 1.0;
        Ok(match self {
            Self::Decimal => odds,
            Self::Probability => odds.recip(),
            Self::HongKong => won,
            Self::American if won >= 1.0 => won * 100.0,
            Self::American => -100.0 / won,
            Self::Malay if won <= 1.0 => won,
            Self::Indonesian if won >= 1.0 => won,
            Self::Malay | Self::Indonesian => -won.recip(),
        })
    }
}

/// The nearest fraction that bookmakers quote, as `13/8`; over 66/1 the nearest whole one.
///
/// # Errors
/// If they are not decimal odds.
pub fn fraction(odds: f64) -> Checked<String> {
    let won = check::odds(odds)? - 1.0;
    if won > 66.0 {
        return Ok(format!("{}/1", won.round()));
    }
    let distance = |&(a, b): &(u32, u32)| (f64::from(a) / f64::from(b) - won).abs();
    let nearest = TRADITIONAL
        .iter()
        .min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let (over, under) = nearest.copied().unwrap_or((1, 1));
    Ok(format!("{over}/{under}"))
}

/// Decimal odds of `13/8`, `13-8`, `evens` or `evs`.
///
/// # Errors
/// If the text is no fraction.
pub fn from_fraction(text: &str) -> Checked<f64> {
    let plain = text.trim().to_ascii_lowercase();
    if ["evens", "even", "evs", "ev"].contains(&plain.as_str()) {
        return Ok(2.0);
    }
    let parts = plain.split_once(['/', '-']);
    let read = |part: &str| part.trim().parse::<f64>().ok().filter(|x| *x > 0.0);
    parts
        .and_then(|(over, under)| Some(1.0 + read(over)? / read(under)?))
        .filter(|odds| odds.is_finite())
        .ok_or_else(|| {
            Wrong::new(format!(
                "fractional odds are written as \"13/8\": \"{text}\" is not"
            ))
        })
        .and_then(check::odds)
}

/// What odds are worth after commission on winnings: 1 + (odds − 1)(1 − commission).
///
/// # Errors
/// If an argument is out of range.
pub fn after_commission(odds: f64, commission: f64) -> Checked<f64> {
    Ok(1.0 + (check::odds(odds)? - 1.0) * (1.0 - check::commission(commission)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_format_reads_what_it_writes(odds in 1.001_f64..1000.0) {
            for (name, format) in Format::ALL {
                let back = format.to_decimal(format.of_decimal(odds).unwrap()).unwrap();
                prop_assert!((back - odds).abs() < 1e-9 * odds, "{name}: {odds} became {back}");
            }
        }

        #[test]
        fn any_text_is_a_fraction_or_an_error(text in ".{0,12}") {
            prop_assert!(from_fraction(&text).map_or(true, |odds| odds > 1.0));
        }
    }

    #[test]
    fn traditional_fractions_are_sorted_and_read_back() {
        let value = |&(a, b): &(u32, u32)| f64::from(a) / f64::from(b);
        assert!(TRADITIONAL.iter().map(value).is_sorted());
        for (a, b) in TRADITIONAL {
            let text = format!("{a}/{b}");
            assert_eq!(fraction(from_fraction(&text).unwrap()).unwrap(), text);
        }
        assert_eq!(fraction(2.62).unwrap(), "13/8");
        assert_eq!(fraction(101.0).unwrap(), "100/1");
        for wrong in ["", "1", "x/2", "1/0", "-1/2", "nan/1", "inf/1"] {
            assert!(from_fraction(wrong).is_err(), "{wrong}");
        }
        assert!(Format::American.to_decimal(50.0).is_err());
        assert!(Format::Malay.to_decimal(1.5).is_err());
    }
}
