//! Ratings of teams and players, and the weight of old results.

use super::check::{self, Checked, Wrong};

/// Expected share of points of the home side: 1 / (1 + 10^((away − home − advantage) / 400)).
///
/// # Errors
/// If an argument is out of range.
pub fn elo_expected(home: f64, away: f64, advantage: f64) -> Checked<f64> {
    for (what, x) in [
        ("a rating", home),
        ("a rating", away),
        ("an advantage", advantage),
    ] {
        check::within(what, x, -1e6, 1e6)?;
    }
    Ok(1.0 / (1.0 + 10_f64.powf((away - home - advantage) / 400.0)))
}

/// Both ratings after a game: `result` is the home side's points, 1, 0.5 or 0, and `k` the most a game can move.
///
/// # Errors
/// If an argument is out of range.
pub fn elo_update(
    home: f64,
    away: f64,
    result: f64,
    k: f64,
    advantage: f64,
) -> Checked<(f64, f64)> {
    check::within("a result", result, 0.0, 1.0)?;
    check::within("k", k, 0.0, 1000.0)?;
    let moved = k * (result - elo_expected(home, away, advantage)?);
    Ok((home + moved, away - moved))
}

/// Weight of a result of some days ago: exp(−ξ·days).
///
/// # Errors
/// If an argument is below 0.
pub fn time_decay(age_days: f64, xi: f64) -> Checked<f64> {
    check::not_negative("an age", age_days)?;
    check::not_negative("xi", xi)?;
    Ok((-xi * age_days).exp())
}

/// The same with the age at which a result counts half.
///
/// # Errors
/// If the age is below 0 or the half-life is not over 0.
pub fn half_life_decay(age: f64, half_life: f64) -> Checked<f64> {
    check::not_negative("an age", age)?;
    check::positive("a half-life", half_life)?;
    Ok((-age / half_life).exp2())
}

/// Chances of each runner to be among the first `places` (1 to 3) by Harville's formula: once a runner is placed, the
/// others share its chance in proportion.
///
/// # Errors
/// If the chances do not add up to 1, or there are not more runners than places.
pub fn harville_places(win: &[f64], places: i64) -> Checked<Vec<f64>> {
    check::distribution(win)?;
    check::length("a race", win.len(), 2, MOST_RUNNERS)?;
    if !(1..=3).contains(&places) || places as usize >= win.len() {
        return Err(Wrong::new(format!(
            "places are 1 to 3 and fewer than the runners: {places} of {} are not",
            win.len()
        )));
    }
    let mut placed = win.to_vec();
    let rest = |taken: f64| (1.0 - taken).max(1e-12);
    for (a, pa) in win.iter().enumerate().filter(|_| places >= 2) {
        for (b, pb) in win.iter().enumerate().filter(|(b, _)| *b != a) {
            let second = pa * pb / rest(*pa);
            placed[b] += second;
            for (c, pc) in win.iter().enumerate().filter(|_| places == 3) {
                if c != a && c != b {
                    placed[c] += second * pc / rest(pa + pb);
                }
            }
        }
    }
    Ok(placed.into_iter().map(|p| p.min(1.0)).collect())
}

/// Runners in a race whose places are worked out.
pub const MOST_RUNNERS: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn elo_neither_makes_nor_loses_points(home in 500.0_f64..2500.0, away in 500.0_f64..2500.0, result in 0.0_f64..1.0) {
            let (h, a) = elo_update(home, away, result, 20.0, 100.0).unwrap();
            prop_assert!((h + a - home - away).abs() < 1e-9);
            let (p, q) = (elo_expected(home, away, 50.0).unwrap(), elo_expected(away, home, -50.0).unwrap());
            prop_assert!((p + q - 1.0).abs() < 1e-12);
        }

        #[test]
        fn as_many_are_placed_as_there_are_places(weights in proptest::collection::vec(0.01_f64..1.0, 4..12), places in 1_i64..4) {
            let sum: f64 = weights.iter().sum();
            let win: Vec<f64> = weights.iter().map(|w| w / sum).collect();
            let placed = harville_places(&win, places).unwrap();
            prop_assert!((placed.iter().sum::<f64>() - places as f64).abs() < 1e-9);
            prop_assert!(placed.iter().zip(&win).all(|(p, w)| p >= w));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(elo_expected(f64::NAN, 0.0, 0.0).is_err());
        assert!(elo_update(1500.0, 1500.0, 2.0, 20.0, 0.0).is_err());
        assert!(time_decay(-1.0, 0.1).is_err());
        assert!(harville_places(&[0.5, 0.5], 2).is_err());
    }
}
