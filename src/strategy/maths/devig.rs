//! Probabilities without the book's margin, by five distinct methods.
//!
//! With r = 1/odds and the book sum B = Σ r, each method shares the margin B − 1 out differently. `target` is what the
//! probabilities add up to: 1 where one outcome happens, k in a market with k places.
//!
//! A trap of names: "logarithmic" is the power method to some authors and the odds-ratio method to others, and
//! "differential margin weighting" is the additive method. None of these is a name here.

use super::check::{self, Checked, Wrong};
use super::solve::falling;

/// Outcomes in a book.
pub const MOST_OUTCOMES: usize = 200;
/// Rounding that a book of exactly `target` may carry.
const ROUNDING: f64 = 1e-12;

/// How the margin is taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// r / B: the same share of each price.
    Multiplicative,
    /// r − (B − 1) / n: the same amount of each outcome; fails where a long shot would go below 0.
    Additive,
    /// r^k: takes more off long shots.
    Power,
    /// r / (c + r − c·r): the same ratio of fair to offered odds-against for each.
    OddsRatio,
    /// Shin's: a share z of the money bet by those who know; fails where B < 1.
    Shin,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Multiplicative,
        Self::Additive,
        Self::Power,
        Self::OddsRatio,
        Self::Shin,
    ];

    /// Its name in scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Multiplicative => "multiplicative",
            Self::Additive => "additive",
            Self::Power => "power",
            Self::OddsRatio => "odds_ratio",
            Self::Shin => "shin",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// If it names no method, or two.
    pub fn parse(name: &str) -> Checked<Self> {
        if let Some(method) = Self::ALL.into_iter().find(|m| m.as_str() == name) {
            return Ok(method);
        }
        Err(Wrong::new(match name {
            "logarithmic" => "\"logarithmic\" means \"power\" to some and \"odds_ratio\" to others\nwrite the one you mean".to_owned(),
            "differential_margin_weighting" | "wpo" => format!("\"{name}\" is the method \"additive\""),
            _ => format!("there is no method \"{name}\"\nknown: multiplicative, additive, power, odds_ratio, shin"),
        }))
    }
}

/// Fair probabilities, and the method's own number.
#[derive(Clone, Debug, PartialEq)]
pub struct Fair {
    /// One for each outcome.
    pub probabilities: Vec<f64>,
    /// k of power, c of odds ratio, z of Shin.
    pub parameter: Option<f64>,
}

/// Σ 1/odds.
///
/// # Errors
/// If an item is not decimal odds.
pub fn book_sum(odds: &[f64]) -> Checked<f64> {
    Ok(raw(odds)?.iter().sum())
}

/// Takes the margin off a book.
///
/// # Errors
/// If an item is not decimal odds, if there are fewer than two, if the target is out of reach, or if the method gives
/// no probabilities for this book.
pub fn devig(method: Method, odds: &[f64], target: f64) -> Checked<Fair> {
    let raw = raw(odds)?;
    check::length("a book", raw.len(), 2, MOST_OUTCOMES)?;
    let outcomes = raw.len() as f64;
    if !(target > 0.0 && target < outcomes) {
        return Err(Wrong::new(format!(
            "probabilities of {outcomes} outcomes add up to more than 0 and less than {outcomes}: not to {target}"
        )));
    }
    let sum: f64 = raw.iter().sum();
    let fair = match method {
        Method::Multiplicative => plain(raw.iter().map(|r| r * target / sum)),
        Method::Additive => plain(raw.iter().map(|r| r - (sum - target) / outcomes)),
        Method::Power => power(&raw, target),
        Method::OddsRatio => odds_ratio(&raw, target),
        Method::Shin => shin(&raw, target)?,
    };
    match fair
        .probabilities
        .iter()
        .position(|p| !(0.0..=1.0).contains(p))
    {
        None => Ok(fair),
        Some(at) => Err(Wrong::new(format!(
            "the {} method gives outcome {at}, at {}, the probability {}\nuse power or odds_ratio for this book",
            method.as_str(),
            odds[at],
            fair.probabilities[at]
        ))),
    }
}

/// 1/odds of each.
fn raw(odds: &[f64]) -> Checked<Vec<f64>> {
    check::each("odds", odds, check::odds)?;
    Ok(odds.iter().map(|o| o.recip()).collect())
}

fn plain(probabilities: impl Iterator<Item = f64>) -> Fair {
    Fair {
        probabilities: probabilities.collect(),
        parameter: None,
    }
}

/// Newton from k = 0: Σ r^k falls and is convex in k, so the steps approach the root from one side and never pass it.
fn power(raw: &[f64], target: f64) -> Fair {
    let logs: Vec<f64> = raw.iter().map(|r| r.ln()).collect();
    let mut k = 0.0;
    for _ in 0..200 {
        let (sum, slope) = logs.iter().fold((0.0, 0.0), |(sum, slope), log| {
            let p = (k * log).exp();
            (sum + p, slope + p * log)
        });
        let next = k - (sum - target) / slope;
        if !next.is_finite() || next - k <= 1e-16 * k {
            break;
        }
        k = next;
    }
    Fair {
        probabilities: logs.iter().map(|log| (k * log).exp()).collect(),
        parameter: Some(k),
    }
}

fn odds_ratio(raw: &[f64], target: f64) -> Fair {
    let at = |c: f64| raw.iter().map(move |r| r / (c + r - c * r));
    // ln c lies between the ends for any odds a float can hold.
    let log = falling(-90.0, 90.0, |log: f64| at(log.exp()).sum::<f64>() - target);
    let c = log.exp();
    Fair {
        probabilities: at(c).collect(),
        parameter: Some(c),
    }
}

/// p = (√(z² + 4(1−z)r²/B) − z) / (2(1−z)), written so that nothing cancels. For k places the book is one of k.
fn shin(raw: &[f64], target: f64) -> Checked<Fair> {
    let raw: Vec<f64> = raw.iter().map(|r| r / target).collect();
    let sum: f64 = raw.iter().sum();
    if sum < 1.0 - ROUNDING {
        return Err(Wrong::new(format!(
            "the shin method needs a book of at least {target}: this one adds up to {}\nuse power or odds_ratio where the book pays more than it takes",
            sum * target
        )));
    }
    let at = |z: f64| {
        raw.iter().map(move |r| {
            let q = r * r / sum;
            2.0 * q / ((z * z + 4.0 * (1.0 - z) * q).sqrt() + z)
        })
    };
    // With insiders alone (z = 1) each r becomes r²/B: a book over that has no share of insiders that explains it.
    if at(1.0).sum::<f64>() > 1.0 {
        return Err(Wrong::new(format!(
            "the shin method explains no book that adds up to {} for {target}\nuse power or odds_ratio",
            sum * target
        )));
    }
    let z = falling(0.0, 1.0, |z| at(z).sum::<f64>() - 1.0);
    Ok(Fair {
        probabilities: at(z).map(|p| p * target).collect(),
        parameter: Some(z),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn book() -> impl Strategy<Value = Vec<f64>> {
        proptest::collection::vec(1.01_f64..500.0, 2..30)
    }

    /// A book that takes more than it pays.
    fn margin_book(most: usize) -> impl Strategy<Value = Vec<f64>> {
        let weights = proptest::collection::vec(0.05_f64..1.0, 2..=most);
        (weights, 1.001_f64..1.02).prop_map(|(weights, sum)| {
            let all: f64 = weights.iter().sum();
            weights
                .iter()
                .map(|w| (all / (w * sum)).max(1.001))
                .collect()
        })
    }

    fn probabilities(method: Method, odds: &[f64], target: f64) -> Option<Vec<f64>> {
        devig(method, odds, target)
            .ok()
            .map(|fair| fair.probabilities)
    }

    proptest! {
        #[test]
        fn probabilities_add_up_to_the_target_and_keep_the_order(odds in book(), share in 0.05_f64..0.95) {
            for target in [1.0, share * odds.len() as f64] {
                for method in Method::ALL {
                    let Some(fair) = probabilities(method, &odds, target) else {
                        prop_assert!(!matches!(method, Method::Power | Method::OddsRatio));
                        continue;
                    };
                    prop_assert!((fair.iter().sum::<f64>() - target).abs() < 1e-9 * (1.0 + target), "{method:?} {target} {fair:?}");
                    prop_assert!(fair.iter().all(|p| (0.0..=1.0).contains(p)));
                    for (a, b) in odds.iter().zip(&fair) {
                        for (c, d) in odds.iter().zip(&fair) {
                            prop_assert!(a >= c || b >= d, "{method:?}: {a} {c} became {b} {d}");
                        }
                    }
                }
            }
        }

        #[test]
        fn no_probability_exceeds_what_a_book_with_margin_implies(odds in margin_book(20)) {
            for method in [Method::Multiplicative, Method::Power, Method::OddsRatio] {
                let fair = probabilities(method, &odds, 1.0).unwrap();
                prop_assert!(fair.iter().zip(&odds).all(|(p, o)| *p <= 1.0 / o + 1e-12));
            }
        }

        #[test]
        fn the_order_of_outcomes_does_not_matter(odds in book(), turn in 0_usize..30) {
            let turn = turn % odds.len();
            let mut turned = odds.clone();
            turned.rotate_left(turn);
            for method in Method::ALL {
                let (Some(mut fair), Some(other)) = (probabilities(method, &odds, 1.0), probabilities(method, &turned, 1.0)) else { continue };
                fair.rotate_left(turn);
                for (a, b) in fair.iter().zip(&other) {
                    prop_assert!((a - b).abs() < 1e-9);
                }
            }
        }

        #[test]
        fn a_fair_book_is_left_as_it_is(weights in proptest::collection::vec(0.05_f64..1.0, 2..20)) {
            let sum: f64 = weights.iter().sum();
            let odds: Vec<f64> = weights.iter().map(|w| sum / w).collect();
            for method in Method::ALL {
                for (p, o) in devig(method, &odds, 1.0).unwrap().probabilities.iter().zip(&odds) {
                    prop_assert!((p - 1.0 / o).abs() < 1e-9, "{method:?}: {p} of {o}");
                }
            }
        }

        #[test]
        fn with_two_outcomes_shin_is_additive(odds in margin_book(2)) {
            let shin = probabilities(Method::Shin, &odds, 1.0).unwrap();
            if let Some(additive) = probabilities(Method::Additive, &odds, 1.0) {
                prop_assert!((shin[0] - additive[0]).abs() < 1e-9, "{shin:?} {additive:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let wrong =
            |method, odds: &[f64], target| devig(method, odds, target).unwrap_err().to_string();
        insta::assert_snapshot!(wrong(Method::Additive, &[1.01, 21.0, 101.0], 1.0), @"
        the additive method gives outcome 2, at 101, the probability -0.005972025774005988
        use power or odds_ratio for this book
        ");
        insta::assert_snapshot!(wrong(Method::Shin, &[2.1, 2.1], 1.0), @"
        the shin method needs a book of at least 1: this one adds up to 0.9523809523809523
        use power or odds_ratio where the book pays more than it takes
        ");
        insta::assert_snapshot!(wrong(Method::Power, &[2.0, 1.0], 1.0), @"odds[1]: decimal odds are over 1: 1 is not");
        insta::assert_snapshot!(wrong(Method::Power, &[2.0, f64::NAN], 1.0), @"odds[1]: decimal odds are over 1: NaN is not");
        insta::assert_snapshot!(wrong(Method::Power, &[2.0], 1.0), @"a book has 2 to 200 items: this has 1");
        insta::assert_snapshot!(wrong(Method::Power, &[2.0, 3.0], 2.0), @"probabilities of 2 outcomes add up to more than 0 and less than 2: not to 2");
        insta::assert_snapshot!(Method::parse("logarithmic").unwrap_err(), @r#"
        "logarithmic" means "power" to some and "odds_ratio" to others
        write the one you mean
        "#);
    }

    #[test]
    fn odds_at_the_ends_of_the_range_end_too() {
        for odds in [
            [1.000_000_1, 1.000_000_1],
            [1.000_000_1, 1e12],
            [1e12, 1e12],
        ] {
            for method in [Method::Power, Method::OddsRatio, Method::Multiplicative] {
                let sum: f64 = devig(method, &odds, 1.0)
                    .unwrap()
                    .probabilities
                    .iter()
                    .sum();
                assert!((sum - 1.0).abs() < 1e-6, "{method:?} {odds:?} {sum}");
            }
        }
    }
}
