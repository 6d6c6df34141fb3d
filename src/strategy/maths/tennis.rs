//! Tennis from the chances of winning a point on one's own serve, each point by itself: games, tie-breaks, sets, matches
//! (Newton and Keller 2005; O'Malley 2008).

use super::check::{self, Checked, Wrong};

/// Points that win a tie-break.
const TIE_BREAK: usize = 7;
/// Games that win a set.
const SET: usize = 6;

/// Chance that the server wins a game: p⁴·(15 − 4p − 10p²/(1 − 2p(1 − p))).
///
/// # Errors
/// If the chance is not from 0 to 1.
pub fn game(serve: f64) -> Checked<f64> {
    let p = check::probability(serve)?;
    Ok(p.powi(4) * (15.0 - 4.0 * p - 10.0 * p * p / (1.0 - 2.0 * p * (1.0 - p))))
}

/// Chance of winning a tie-break, by the chances of both to win a point on their own serve. Who serves first does not
/// matter.
///
/// # Errors
/// If a chance is not from 0 to 1, or no point is ever won against the serve.
pub fn tie_break(serve: f64, opponent: f64) -> Checked<f64> {
    let (p, q) = (check::probability(serve)?, check::probability(opponent)?);
    let (ahead, behind) = (p * (1.0 - q), (1.0 - p) * q);
    let level = check_end(ahead, behind)?;
    // Two points, one on each serve, are played from 6-6 until one side wins both.
    let won = |mine: usize, other: usize, from: &dyn Fn(usize, usize) -> f64| match (mine, other) {
        (TIE_BREAK, _) => 1.0,
        (_, TIE_BREAK) => 0.0,
        (a, b) if a == b && a == TIE_BREAK - 1 => level,
        (a, b) => {
            let serves = (a + b).div_ceil(2) % 2 == 0;
            let point = if serves { p } else { 1.0 - q };
            point * from(a + 1, b) + (1.0 - point) * from(a, b + 1)
        }
    };
    Ok(from_love(TIE_BREAK, won))
}

/// Chance of winning a set that is decided by a tie-break at 6-6.
///
/// # Errors
/// As [`tie_break`].
pub fn set(serve: f64, opponent: f64) -> Checked<f64> {
    let (hold, breaks) = (game(serve)?, 1.0 - game(opponent)?);
    let tie_break = tie_break(serve, opponent)?;
    let won = |mine: usize, other: usize, from: &dyn Fn(usize, usize) -> f64| match (mine, other) {
        (a, b) if a == SET && b == SET => tie_break,
        (a, b) if a > SET || (a == SET && b + 2 <= SET) => 1.0,
        (a, b) if b > SET || (b == SET && a + 2 <= SET) => 0.0,
        (a, b) => {
            let game = if (a + b) % 2 == 0 { hold } else { breaks };
            game * from(a + 1, b) + (1.0 - game) * from(a, b + 1)
        }
    };
    Ok(from_love(SET + 1, won))
}

/// Chance of winning a match of at most `sets` sets (3 or 5) from the sets `won` and `lost` so far.
///
/// # Errors
/// As [`tie_break`]; if there is no such match.
pub fn match_of(serve: f64, opponent: f64, sets: i64, won: i64, lost: i64) -> Checked<f64> {
    if sets != 3 && sets != 5 {
        return Err(Wrong::new(format!(
            "a match has 3 or 5 sets: {sets} is not"
        )));
    }
    let needed = (sets / 2 + 1) as usize;
    let so_far = |what: &str, sets: i64| {
        let count = usize::try_from(sets).ok().filter(|sets| *sets <= needed);
        count.ok_or_else(|| Wrong::new(format!("sets {what} are 0 to {needed}: {sets} is not")))
    };
    let (won, lost) = (so_far("won", won)?, so_far("lost", lost)?);
    if won == needed && lost == needed {
        return Err(Wrong::new("one side has won, not both"));
    }
    let p = set(serve, opponent)?;
    // Lose k more sets on the way to those still needed.
    let (needs, may_lose) = (needed - won, needed - lost);
    let mut ways = 1.0;
    let mut chance = 0.0;
    for lost in 0..may_lose {
        chance += ways * p.powi(needs as i32) * (1.0 - p).powi(lost as i32);
        ways *= (needs + lost) as f64 / (lost + 1) as f64;
    }
    Ok(chance.min(1.0))
}

/// Chance of being the first who is two ahead, one such step after the other.
fn check_end(ahead: f64, behind: f64) -> Checked<f64> {
    if ahead + behind > 0.0 {
        return Ok(ahead / (ahead + behind));
    }
    Err(Wrong::new(
        "with these chances on serve a tie-break never ends: one side must win points against the serve",
    ))
}

/// The chance at 0-0, from the ends of all scores up to `most` backwards.
fn from_love(
    most: usize,
    chance: impl Fn(usize, usize, &dyn Fn(usize, usize) -> f64) -> f64,
) -> f64 {
    let side = most + 1;
    let mut known = vec![0.0; side * side];
    for mine in (0..side).rev() {
        for other in (0..side).rev() {
            let from = |a: usize, b: usize| known.get(a * side + b).copied().unwrap_or(0.0);
            known[mine * side + other] = chance(mine, other, &from);
        }
    }
    known[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_chances_of_both_sides_add_up(p in 0.05_f64..0.95, q in 0.05_f64..0.95) {
            for chance in [tie_break, set] {
                let (mine, other) = (chance(p, q).unwrap(), chance(q, p).unwrap());
                prop_assert!((mine + other - 1.0).abs() < 1e-12, "{} {}", mine, other);
            }
            for (sets, won, lost) in [(3, 0, 0), (3, 1, 0), (5, 0, 0), (5, 1, 2)] {
                let mine = match_of(p, q, sets, won, lost).unwrap();
                let other = match_of(q, p, sets, lost, won).unwrap();
                prop_assert!((mine + other - 1.0).abs() < 1e-12, "{} {}", mine, other);
            }
        }

        #[test]
        fn who_serves_better_wins_more(p in 0.05_f64..0.9, q in 0.05_f64..0.95) {
            prop_assert!(game(p + 0.01).unwrap() > game(p).unwrap());
            prop_assert!(set(p + 0.01, q).unwrap() >= set(p, q).unwrap());
        }
    }

    #[test]
    fn equals_are_even_and_ends_are_certain() {
        for p in [0.3, 0.5, 0.64] {
            assert!((set(p, p).unwrap() - 0.5).abs() < 1e-12);
            assert!((match_of(p, p, 5, 0, 0).unwrap() - 0.5).abs() < 1e-12);
        }
        assert!((match_of(0.6, 0.6, 3, 2, 1).unwrap() - 1.0).abs() < 1e-12);
        assert!(match_of(0.6, 0.6, 3, 1, 2).unwrap().abs() < 1e-12);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(game(1.1).is_err() && game(f64::NAN).is_err());
        assert!(tie_break(1.0, 1.0).is_err() && set(0.0, 0.0).is_err());
        assert!(match_of(0.6, 0.6, 4, 0, 0).is_err());
        assert!(match_of(0.6, 0.6, 3, -1, 0).is_err());
        assert!(match_of(0.6, 0.6, 3, 2, 2).is_err());
    }
}
