//! How special bets pay: each way, withdrawn runners, dead heats, quarter-goal lines.

use super::check::{self, Checked, Wrong};

/// Odds of an each-way bet's place part: 1 + (odds − 1)·fraction.
///
/// # Errors
/// If an argument is out of range.
pub fn place_odds(odds: f64, fraction: f64) -> Checked<f64> {
    check::positive(
        "a place fraction",
        check::within("a place fraction", fraction, 0.0, 1.0)?,
    )?;
    Ok(1.0 + (check::odds(odds)? - 1.0) * fraction)
}

/// Expected profit for each unit staked in all on an each-way bet: half to win, half to be placed (a winner is placed).
///
/// # Errors
/// If an argument is out of range, or placing is less likely than winning.
pub fn each_way_edge(win: f64, placed: f64, odds: f64, fraction: f64) -> Checked<f64> {
    check::probability(win)?;
    check::probability(placed)?;
    if placed < win {
        return Err(Wrong::new(format!(
            "a winner is placed too, so the chance to be placed is at least {win}: {placed} is not"
        )));
    }
    Ok(0.5 * (win * odds + placed * place_odds(odds, fraction)?) - 1.0)
}

/// How an each-way bet can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// First.
    Won,
    /// Placed, not first.
    Placed,
    /// Neither.
    Lost,
}

/// Profit of an each-way bet of `stake` in all, half of it on each part.
///
/// # Errors
/// If an argument is out of range.
pub fn each_way_profit(stake: f64, odds: f64, fraction: f64, finish: Finish) -> Checked<f64> {
    check::not_negative("a stake", stake)?;
    let place = place_odds(odds, fraction)?;
    let returned = match finish {
        Finish::Won => odds + place,
        Finish::Placed => place,
        Finish::Lost => 0.0,
    };
    Ok(stake * (0.5 * returned - 1.0))
}

/// Longest odds-against of the withdrawn runner, as a fraction, for each deduction of Tattersalls' rule 4.
const RULE_4: [(f64, f64, f64); 18] = [
    (1.0, 9.0, 0.90),
    (2.0, 11.0, 0.85),
    (1.0, 4.0, 0.80),
    (3.0, 10.0, 0.75),
    (2.0, 5.0, 0.70),
    (8.0, 15.0, 0.65),
    (8.0, 13.0, 0.60),
    (4.0, 5.0, 0.55),
    (20.0, 21.0, 0.50),
    (6.0, 5.0, 0.45),
    (6.0, 4.0, 0.40),
    (7.0, 4.0, 0.35),
    (9.0, 4.0, 0.30),
    (3.0, 1.0, 0.25),
    (4.0, 1.0, 0.20),
    (11.0, 2.0, 0.15),
    (9.0, 1.0, 0.10),
    (14.0, 1.0, 0.05),
];

/// What rule 4 takes from winnings when a runner at these odds is withdrawn, as a ratio.
///
/// # Errors
/// If they are not decimal odds.
pub fn rule_4_deduction(withdrawn: f64) -> Checked<f64> {
    let against = check::odds(withdrawn)? - 1.0;
    let row = RULE_4.iter().find(|(a, b, _)| against <= a / b + 1e-9);
    Ok(row.map_or(0.0, |(_, _, deduction)| *deduction))
}

/// A bookmaker's odds after deductions from winnings: 1 + (odds − 1)(1 − deduction).
///
/// # Errors
/// If an argument is out of range.
pub fn after_deduction(odds: f64, deduction: f64) -> Checked<f64> {
    check::within("a deduction", deduction, 0.0, 1.0)?;
    Ok(1.0 + (check::odds(odds)? - 1.0) * (1.0 - deduction))
}

/// An exchange price after a withdrawal with this reduction factor, a ratio: the whole price shrinks, not below 1.01.
///
/// # Errors
/// If an argument is out of range.
pub fn after_reduction(price: f64, factor: f64) -> Checked<f64> {
    check::within("a reduction factor", factor, 0.0, 1.0)?;
    Ok((check::odds(price)? * (1.0 - factor)).max(1.01))
}

/// Profit of a winning bet where `tied` share `places`: that share of the stake wins, the rest loses.
///
/// # Errors
/// If an argument is out of range.
pub fn dead_heat_profit(stake: f64, odds: f64, tied: i64, places: i64) -> Checked<f64> {
    check::not_negative("a stake", stake)?;
    check::odds(odds)?;
    if !(1..=1000).contains(&tied) || !(1..=tied).contains(&places) {
        return Err(Wrong::new(format!(
            "at least one runner ties, for at most as many places: {tied} for {places} is not so"
        )));
    }
    let share = places as f64 / tied as f64;
    Ok(stake * (share * odds - 1.0))
}

/// Which shares of a stake win, are given back, and lose; together 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shares {
    /// Wins at the odds.
    pub win: f64,
    /// Given back.
    pub push: f64,
    /// Lost.
    pub lose: f64,
}

impl Shares {
    /// Expected or actual profit for a unit at these odds.
    #[must_use]
    pub fn profit(&self, odds: f64) -> f64 {
        self.win * (odds - 1.0) - self.lose
    }

    /// Adds a part of another.
    pub(super) fn add(&mut self, other: Self, weight: f64) {
        self.win += weight * other.win;
        self.push += weight * other.push;
        self.lose += weight * other.lose;
    }
}

/// How a bet on a side settles that won by `margin` (below 0: lost by) with this handicap. A quarter line is two bets
/// of half the stake on the half lines beside it. For over a total, give the total as margin and minus the line.
///
/// # Errors
/// If the line is not in quarters or a number is out of range.
pub fn asian(margin: f64, line: f64) -> Checked<Shares> {
    check::within("a margin", margin, -1000.0, 1000.0)?;
    Ok(settle(margin, quarters(line)?))
}

/// A line as a number of quarters.
pub(super) fn quarters(line: f64) -> Checked<f64> {
    let quarters = check::within("a line", line, -100.0, 100.0)? * 4.0;
    if (quarters - quarters.round()).abs() < 1e-9 {
        return Ok(quarters.round());
    }
    Err(Wrong::new(format!(
        "a line is in quarters, as in -0.25: {line} is not"
    )))
}

/// Settles a margin at a line in quarters.
pub(super) fn settle(margin: f64, quarters: f64) -> Shares {
    let is_half_line = (quarters / 2.0).fract().abs() < 1e-9;
    let lines = if is_half_line {
        [quarters, quarters]
    } else {
        [quarters - 1.0, quarters + 1.0]
    };
    let mut shares = Shares::default();
    for line in lines {
        let ahead = margin + line / 4.0;
        if ahead > 1e-9 {
            shares.win += 0.5;
        } else if ahead < -1e-9 {
            shares.lose += 0.5;
        } else {
            shares.push += 0.5;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_line_settles_the_whole_stake_and_the_two_sides_mirror(margin in -9_i32..9, quarters in -20_i32..20) {
            let (margin, line) = (f64::from(margin), f64::from(quarters) / 4.0);
            let (one, other) = (asian(margin, line).unwrap(), asian(-margin, -line).unwrap());
            prop_assert!((one.win + one.push + one.lose - 1.0).abs() < 1e-12);
            prop_assert!((one.win - other.lose).abs() < 1e-12 && (one.push - other.push).abs() < 1e-12);
        }
    }

    #[test]
    fn quarter_lines_win_and_lose_by_halves() {
        let shares = |margin, line| {
            let s = asian(margin, line).unwrap();
            [s.win, s.push, s.lose].map(|x| (x * 2.0) as i32)
        };
        assert_eq!(shares(0.0, -0.25), [0, 1, 1]);
        assert_eq!(shares(0.0, 0.25), [1, 1, 0]);
        assert_eq!(shares(1.0, -0.75), [1, 1, 0]);
        assert_eq!(shares(1.0, -1.0), [0, 2, 0]);
        assert_eq!(shares(2.0, -2.25), [0, 1, 1]);
        assert!(asian(0.0, 0.3).is_err());
    }

    #[test]
    fn rule_4_falls_as_odds_rise() {
        let deductions: Vec<f64> = [1.05, 1.25, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0, 15.0, 15.5]
            .iter()
            .map(|o| rule_4_deduction(*o).unwrap())
            .collect();
        assert_eq!(
            deductions,
            [0.9, 0.8, 0.65, 0.45, 0.4, 0.3, 0.2, 0.1, 0.05, 0.0]
        );
    }

    #[test]
    fn a_dead_heat_of_two_halves_the_stake() {
        assert!((dead_heat_profit(10.0, 5.0, 2, 1).unwrap() - 15.0).abs() < 1e-9);
        assert!(dead_heat_profit(10.0, 5.0, 1, 2).is_err());
        assert!(each_way_edge(0.5, 0.4, 3.0, 0.25).is_err());
        let profit = |finish| each_way_profit(20.0, 9.0, 0.25, finish).unwrap();
        assert_eq!(
            [Finish::Won, Finish::Placed, Finish::Lost].map(|f| profit(f) as i32),
            [100, 10, -20]
        );
    }
}
