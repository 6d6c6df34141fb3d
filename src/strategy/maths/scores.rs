//! Football scores: goals of both sides as Poisson counts, with Dixon and Coles's correction of low scores, and the
//! markets that follow from the grid of scores.

use super::check::{self, Checked, Wrong};
use super::settlement::{self, Shares};

/// Most goals a side may be expected to score.
const MOST_EXPECTED: f64 = 20.0;
/// Most goals of a side in a grid.
pub const MOST_GOALS: usize = 100;
/// Most goals that a side may have scored in play.
const MOST_SCORED: usize = 20;
/// Mass that a grid cut short must still hold.
const LEAST_MASS: f64 = 0.99;

/// Chances of the count 0, 1, … `most` where `mean` is expected.
fn poisson(mean: f64, most: usize) -> Vec<f64> {
    let mut chances = Vec::with_capacity(most + 1);
    let mut chance = (-mean).exp();
    for count in 0..=most {
        chances.push(chance);
        chance *= mean / (count + 1) as f64;
    }
    chances
}

/// Enough goals that what lies beyond does not matter.
fn enough(mean: f64) -> usize {
    (14.0 + mean + 10.0 * mean.sqrt()).ceil() as usize
}

/// Chance of exactly `count` where `mean` is expected.
///
/// # Errors
/// If an argument is out of range.
pub fn poisson_chance(count: i64, mean: f64) -> Checked<f64> {
    check::within("a mean", mean, 0.0, 500.0)?;
    let count = usize::try_from(count).ok().filter(|count| *count <= 1000);
    let count = count.ok_or_else(|| Wrong::new("a count is from 0 to 1000"))?;
    Ok(poisson(mean, count).last().copied().unwrap_or(0.0))
}

/// Chances of all scores, the home side's goals first.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    side: usize,
    cells: Vec<f64>,
}

/// What scores are made of.
#[derive(Clone, Copy, Debug)]
struct Means {
    home: f64,
    away: f64,
    rho: f64,
}

impl Means {
    fn new(home: f64, away: f64, rho: f64) -> Checked<Self> {
        for mean in [home, away] {
            check::positive("expected goals", mean)?;
            check::within("expected goals", mean, 0.0, MOST_EXPECTED)?;
        }
        check::within("rho", rho, -1.0, 1.0)?;
        let means = Self { home, away, rho };
        let corrections = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(h, a)| means.correction(h, a));
        if corrections.iter().all(|c| *c >= 0.0) {
            return Ok(means);
        }
        Err(Wrong::new(format!(
            "rho is nearer to 0 for {home} and {away} expected goals: with {rho} a score's chance is below 0"
        )))
    }

    /// Dixon and Coles's τ.
    fn correction(&self, home_goals: usize, away_goals: usize) -> f64 {
        match (home_goals, away_goals) {
            (0, 0) => 1.0 - self.home * self.away * self.rho,
            (0, 1) => 1.0 + self.home * self.rho,
            (1, 0) => 1.0 + self.away * self.rho,
            (1, 1) => 1.0 - self.rho,
            _ => 1.0,
        }
    }

    /// Chances of home win, draw and away win, without laying out the grid.
    fn results(&self) -> [f64; 3] {
        let most = enough(self.home.max(self.away));
        let (home, away) = (poisson(self.home, most), poisson(self.away, most));
        // λρ·p(0)q(1) = λμρ·p(0)q(0): the correction moves as much to home wins as to away wins, out of the draws.
        let moved = self.home * self.away * self.rho * home[0] * away[0];
        let (mut fewer_home, mut fewer_away) = (0.0, 0.0);
        let mut results = [moved, -2.0 * moved, moved];
        for (p, q) in home.iter().zip(&away) {
            results[0] += p * fewer_away;
            results[1] += p * q;
            results[2] += q * fewer_home;
            fewer_home += p;
            fewer_away += q;
        }
        results
    }
}

/// The grid of independent Poisson counts.
///
/// # Errors
/// If an argument is out of range, or the grid is too small to hold the scores.
pub fn poisson_grid(home: f64, away: f64, most_goals: Option<usize>) -> Checked<Grid> {
    dixon_coles_grid(home, away, 0.0, most_goals)
}

/// The grid with Dixon and Coles's correction (1997): τ(0,0) = 1 − λμρ, τ(0,1) = 1 + λρ, τ(1,0) = 1 + μρ,
/// τ(1,1) = 1 − ρ, home goals first. Without `most_goals` it holds all scores that matter.
///
/// # Errors
/// If an argument is out of range, or the grid is too small to hold the scores.
pub fn dixon_coles_grid(
    home: f64,
    away: f64,
    rho: f64,
    most_goals: Option<usize>,
) -> Checked<Grid> {
    let means = Means::new(home, away, rho)?;
    let most = most_goals.unwrap_or_else(|| enough(home.max(away)));
    check::length("a grid's side", most, 1, MOST_GOALS)?;
    let (home_goals, away_goals) = (poisson(home, most), poisson(away, most));
    let mut cells = Vec::with_capacity((most + 1) * (most + 1));
    for (h, p) in home_goals.iter().enumerate() {
        for (a, q) in away_goals.iter().enumerate() {
            cells.push(p * q * means.correction(h, a));
        }
    }
    let mass: f64 = cells.iter().sum();
    if mass < LEAST_MASS {
        return Err(Wrong::new(format!(
            "a grid of up to {most} goals holds {mass} of all scores, less than {LEAST_MASS}\nallow more goals"
        )));
    }
    cells.iter_mut().for_each(|cell| *cell /= mass);
    Ok(Grid {
        side: most + 1,
        cells,
    })
}

/// The grid of final scores from the score so far, where `left` of the game is still to play and goals come evenly.
///
/// # Errors
/// If an argument is out of range.
pub fn in_play_grid(home: f64, away: f64, left: f64, score: [i64; 2]) -> Checked<Grid> {
    Means::new(home, away, 0.0)?;
    check::within("the share left", left, 0.0, 1.0)?;
    let goals = |goals: i64| {
        let count = usize::try_from(goals)
            .ok()
            .filter(|goals| *goals <= MOST_SCORED);
        count.ok_or_else(|| Wrong::new(format!("a score is 0 to {MOST_SCORED}: {goals} is not")))
    };
    let score = [goals(score[0])?, goals(score[1])?];
    let more = enough(home.max(away) * left);
    let side = more + score[0].max(score[1]) + 1;
    let mut cells = vec![0.0; side * side];
    let (homes, aways) = (poisson(home * left, more), poisson(away * left, more));
    for (h, p) in homes.iter().enumerate() {
        for (a, q) in aways.iter().enumerate() {
            cells[(score[0] + h) * side + score[1] + a] = p * q;
        }
    }
    Ok(Grid { side, cells })
}

impl Grid {
    /// Most goals of a side.
    #[must_use]
    pub fn most_goals(&self) -> usize {
        self.side - 1
    }

    /// Chance of a score; 0 beyond the grid.
    #[must_use]
    pub fn score(&self, home: usize, away: usize) -> f64 {
        if home < self.side && away < self.side {
            self.cells[home * self.side + away]
        } else {
            0.0
        }
    }

    /// Chance of all scores for which this holds.
    pub fn chance(&self, holds: impl Fn(usize, usize) -> bool) -> f64 {
        let cells = self.cells.iter().enumerate();
        cells
            .filter(|(at, _)| holds(at / self.side, at % self.side))
            .map(|(_, cell)| cell)
            .sum()
    }

    /// Chance that the home side wins.
    #[must_use]
    pub fn home(&self) -> f64 {
        self.chance(|h, a| h > a)
    }

    /// Chance of a draw.
    #[must_use]
    pub fn draw(&self) -> f64 {
        self.chance(|h, a| h == a)
    }

    /// Chance that the away side wins.
    #[must_use]
    pub fn away(&self) -> f64 {
        self.chance(|h, a| h < a)
    }

    /// Chance that both sides score.
    #[must_use]
    pub fn both_score(&self) -> f64 {
        self.chance(|h, a| h > 0 && a > 0)
    }

    /// Chance that the home side wins if a draw does not count.
    #[must_use]
    pub fn draw_no_bet(&self) -> f64 {
        let (home, away) = (self.home(), self.away());
        home / (home + away)
    }

    /// Chance that the home side wins and the other does not score.
    #[must_use]
    pub fn home_to_nil(&self) -> f64 {
        self.chance(|h, a| h > 0 && a == 0)
    }

    /// Chance that the away side wins and the other does not score.
    #[must_use]
    pub fn away_to_nil(&self) -> f64 {
        self.chance(|h, a| a > 0 && h == 0)
    }

    /// Chance of more goals than the line.
    #[must_use]
    pub fn over(&self, line: f64) -> f64 {
        self.chance(|h, a| (h + a) as f64 > line)
    }

    /// Chance of fewer goals than the line.
    #[must_use]
    pub fn under(&self, line: f64) -> f64 {
        self.chance(|h, a| ((h + a) as f64) < line)
    }

    /// How a bet on the home side with a handicap is expected to settle.
    ///
    /// # Errors
    /// If the line is not in quarters.
    pub fn handicap_home(&self, line: f64) -> Checked<Shares> {
        self.settles(line, |h, a| h - a)
    }

    /// How a bet on the away side with a handicap is expected to settle.
    ///
    /// # Errors
    /// If the line is not in quarters.
    pub fn handicap_away(&self, line: f64) -> Checked<Shares> {
        self.settles(line, |h, a| a - h)
    }

    /// How a bet on over a line of goals is expected to settle.
    ///
    /// # Errors
    /// If the line is not in quarters.
    pub fn total_over(&self, line: f64) -> Checked<Shares> {
        self.settles(-line, |h, a| h + a)
    }

    /// How a bet on under a line of goals is expected to settle.
    ///
    /// # Errors
    /// If the line is not in quarters.
    pub fn total_under(&self, line: f64) -> Checked<Shares> {
        self.settles(line, |h, a| -(h + a))
    }

    fn settles(&self, line: f64, margin: impl Fn(f64, f64) -> f64) -> Checked<Shares> {
        let line = settlement::quarters(line)?;
        let mut shares = Shares::default();
        for (at, cell) in self.cells.iter().enumerate() {
            let (home, away) = ((at / self.side) as f64, (at % self.side) as f64);
            shares.add(settlement::settle(margin(home, away), line), *cell);
        }
        Ok(shares)
    }
}

/// The goals to expect of each side so that a grid has these chances of home win, draw and away win.
///
/// # Errors
/// If the chances do not add up to 1, or no expectation up to 20 goals gives them.
pub fn goal_expectancy(home: f64, draw: f64, away: f64, rho: f64) -> Checked<(f64, f64)> {
    check::distribution(&[home, draw, away])?;
    check::within("rho", rho, -1.0, 1.0)?;
    let none = || {
        Wrong::new(format!(
            "no goals to expect up to {MOST_EXPECTED} give {home} {draw} {away} with rho {rho}"
        ))
    };
    // Logarithms on both sides: no step can leave the positive numbers, and the curves are nearly straight.
    let wanted = [(home / draw).ln(), (away / draw).ln()];
    let miss = |x: [f64; 2]| {
        let [h, d, a] = Means::new(x[0].exp(), x[1].exp(), rho).ok()?.results();
        Some([(h / d).ln() - wanted[0], (a / d).ln() - wanted[1]])
    };
    let size = |miss: [f64; 2]| miss[0].abs() + miss[1].abs();
    let mut x = [0.3, 0.1];
    let mut off = miss(x).filter(|m| size(*m).is_finite()).ok_or_else(none)?;
    for _ in 0..60 {
        let step = newton_step(x, off, miss).ok_or_else(none)?;
        let halved = (0..30).map(|halvings| 0.5_f64.powi(halvings));
        let nearer = halved
            .map(|scale| [x[0] - scale * step[0], x[1] - scale * step[1]])
            .find_map(|next| Some((next, miss(next).filter(|m| size(*m) < size(off))?)));
        match nearer {
            Some(next) => (x, off) = next,
            None => break,
        }
    }
    // The search ends where arithmetic does; chances of a thousandth are known to a billionth of themselves at best.
    if size(off) < 1e-7 {
        Ok((x[0].exp(), x[1].exp()))
    } else {
        Err(none())
    }
}

/// Newton's step in two dimensions with slopes by difference.
fn newton_step(
    x: [f64; 2],
    off: [f64; 2],
    miss: impl Fn([f64; 2]) -> Option<[f64; 2]>,
) -> Option<[f64; 2]> {
    const APART: f64 = 1e-6;
    let (right, up) = (miss([x[0] + APART, x[1]])?, miss([x[0], x[1] + APART])?);
    let slope = |to: [f64; 2], at: usize| (to[at] - off[at]) / APART;
    let (a, b, c, d) = (slope(right, 0), slope(up, 0), slope(right, 1), slope(up, 1));
    let determinant = a * d - b * c;
    (determinant.abs() > 1e-300).then(|| {
        let step = [
            (d * off[0] - b * off[1]) / determinant,
            (a * off[1] - c * off[0]) / determinant,
        ];
        // A far start must not jump over the whole range; shortened as a whole, the step still leads downhill.
        let longest = step[0].abs().max(step[1].abs()).max(1.0);
        step.map(|part| part / longest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_correction_moves_no_mass_between_goals(home in 0.1_f64..4.0, away in 0.1_f64..4.0, rho in -0.2_f64..0.05) {
            let grid = dixon_coles_grid(home, away, rho, None).unwrap();
            prop_assert!((grid.chance(|_, _| true) - 1.0).abs() < 1e-12);
            for goals in 0..4 {
                let (at_home, outside) = (grid.chance(|h, _| h == goals), grid.chance(|_, a| a == goals));
                prop_assert!((at_home - poisson_chance(goals as i64, home).unwrap()).abs() < 1e-10);
                prop_assert!((outside - poisson_chance(goals as i64, away).unwrap()).abs() < 1e-10);
            }
            let results = Means::new(home, away, rho).unwrap().results();
            for (result, cells) in results.iter().zip([grid.home(), grid.draw(), grid.away()]) {
                prop_assert!((result - cells).abs() < 1e-10);
            }
        }

        #[test]
        fn expected_goals_are_found_again(home in 0.05_f64..6.0, away in 0.05_f64..6.0, rho in -0.1_f64..0.02) {
            let grid = dixon_coles_grid(home, away, rho, None).unwrap();
            let (h, a) = goal_expectancy(grid.home(), grid.draw(), grid.away(), rho).unwrap();
            prop_assert!((h - home).abs() < 1e-5 && (a - away).abs() < 1e-5, "{h} {a}");
        }

        #[test]
        fn the_two_sides_of_a_line_mirror(home in 0.1_f64..4.0, away in 0.1_f64..4.0, quarters in -12_i32..12) {
            let (grid, line) = (poisson_grid(home, away, None).unwrap(), f64::from(quarters) / 4.0);
            let (one, other) = (grid.handicap_home(line).unwrap(), grid.handicap_away(-line).unwrap());
            prop_assert!((one.win - other.lose).abs() < 1e-12 && (one.push - other.push).abs() < 1e-12);
            let (over, under) = (grid.total_over(line).unwrap(), grid.total_under(line).unwrap());
            prop_assert!((over.win - under.lose).abs() < 1e-12 && (over.push - under.push).abs() < 1e-12);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(poisson_grid(0.0, 1.0, None).is_err());
        assert!(poisson_grid(f64::NAN, 1.0, None).is_err());
        assert!(poisson_grid(5.0, 1.0, Some(3)).is_err(), "too small a grid");
        assert!(poisson_grid(1.0, 1.0, Some(101)).is_err());
        assert!(dixon_coles_grid(3.0, 3.0, 0.2, None).is_err());
        assert!(
            goal_expectancy(0.5, 0.001, 0.499, 0.0).is_err(),
            "too few draws"
        );
        assert!(goal_expectancy(1.0, 0.0, 0.0, 0.0).is_err());
        assert!(goal_expectancy(0.5, 0.5, 0.5, 0.0).is_err());
    }
}
