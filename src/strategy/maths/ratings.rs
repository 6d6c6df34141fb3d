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
    discounted_places(win, places, 1.0, 1.0)
}

/// The same where the others share it in proportion to their chances raised to `second`, and for third place to
/// `third` (Lo and Bacon-Shone 2008): favourites that did not win are placed less often than Harville has it. Near to
/// Henery's model with 0.76 and 0.62, to Stern's with 0.88 and 0.81.
///
/// # Errors
/// If the chances do not add up to 1, there are not more runners than places, or a power is not from 0 to 1.
pub fn discounted_places(win: &[f64], places: i64, second: f64, third: f64) -> Checked<Vec<f64>> {
    check::distribution(win)?;
    check::length("a race", win.len(), 2, MOST_RUNNERS)?;
    check::within("a power", second, 0.0, 1.0)?;
    check::within("a power", third, 0.0, 1.0)?;
    if !(1..=3).contains(&places) || places as usize >= win.len() {
        return Err(Wrong::new(format!(
            "places are 1 to 3 and fewer than the runners: {places} of {} are not",
            win.len()
        )));
    }
    let raised = |power: f64| -> Vec<f64> { win.iter().map(|p| p.powf(power)).collect() };
    let (seconds, thirds) = (raised(second), raised(third));
    let sums: [f64; 2] = [seconds.iter().sum(), thirds.iter().sum()];
    let rest = |sum: f64, taken: f64| (sum - taken).max(1e-12);
    let mut placed = win.to_vec();
    for (a, pa) in win.iter().enumerate().filter(|_| places >= 2) {
        for b in (0..win.len()).filter(|b| *b != a) {
            let both = pa * seconds[b] / rest(sums[0], seconds[a]);
            placed[b] += both;
            let others = (0..win.len()).filter(|_| places == 3);
            for c in others.filter(|c| *c != a && *c != b) {
                placed[c] += both * thirds[c] / rest(sums[1], thirds[a] + thirds[b]);
            }
        }
    }
    Ok(placed.into_iter().map(|p| p.min(1.0)).collect())
}

/// A team's pi-ratings: the goal difference it is worth at home and away against an average team.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pi {
    /// At home.
    pub home: f64,
    /// Away.
    pub away: f64,
}

/// How far a game moves pi-ratings.
#[derive(Clone, Copy, Debug)]
pub struct PiRates {
    /// Share of the error by which the rating for where a team played moves.
    pub learning: f64,
    /// The same of its other rating.
    pub carried: f64,
    /// How much less large errors count: an error e counts as e / (1 + diminishing·|e|).
    pub diminishing: f64,
}

/// Pi-ratings of both teams after a game (after Constantinou and Fenton 2013): the expected goal difference is the home
/// team's rating at home less the other's away.
///
/// # Errors
/// If an argument is out of range.
pub fn pi_update(home: Pi, away: Pi, difference: f64, rates: PiRates) -> Checked<(Pi, Pi)> {
    for rating in [home.home, home.away, away.home, away.away] {
        check::within("a rating", rating, -1000.0, 1000.0)?;
    }
    check::within("a goal difference", difference, -1000.0, 1000.0)?;
    check::within("a rate", rates.learning, 0.0, 1.0)?;
    check::within("a rate", rates.carried, 0.0, 1.0)?;
    check::within("k", rates.diminishing, 0.0, 1000.0)?;
    let error = difference - (home.home - away.away);
    let moved = error / (1.0 + rates.diminishing * error.abs());
    let (direct, carried) = (rates.learning * moved, rates.carried * moved);
    Ok((
        Pi {
            home: home.home + direct,
            away: home.away + carried,
        },
        Pi {
            home: away.home - carried,
            away: away.away - direct,
        },
    ))
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
            let discounted = discounted_places(&win, places, 0.76, 0.62).unwrap();
            prop_assert!((discounted.iter().sum::<f64>() - places as f64).abs() < 1e-9);
        }

        #[test]
        fn pi_ratings_move_towards_what_was_seen(difference in -6_i32..7, rating in -2.0_f64..2.0) {
            let even = Pi { home: 0.0, away: 0.0 };
            let home = Pi { home: rating, away: 0.0 };
            let rates = PiRates { learning: 0.15, carried: 0.1, diminishing: 0.75 };
            let (after, other) = pi_update(home, even, f64::from(difference), rates).unwrap();
            let error = f64::from(difference) - rating;
            prop_assert!((after.home - rating) * error >= 0.0 && other.away * error <= 0.0);
            prop_assert!((error - (after.home - other.away - rating)).abs() <= error.abs());
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(elo_expected(f64::NAN, 0.0, 0.0).is_err());
        assert!(elo_update(1500.0, 1500.0, 2.0, 20.0, 0.0).is_err());
        assert!(time_decay(-1.0, 0.1).is_err());
        assert!(harville_places(&[0.5, 0.5], 2).is_err());
        assert!(discounted_places(&[0.5, 0.3, 0.2], 2, 1.5, 1.0).is_err());
    }
}
