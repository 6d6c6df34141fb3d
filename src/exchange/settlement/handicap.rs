//! Handicap lines: in full, by half, or a draw, worked out from the runners of all lines together.
//!
//! The stream sends each line's runner as WINNER or LOSER, never the score, and does not say of a quarter line whether it
//! was won in full or by half. But the half lines of a selection cannot draw, so they enclose the score: if it won at
//! +0.5 and lost at −0.5, the match was a draw, and all its other lines follow.

use super::outcome::Share;
use crate::market::{MarketDefinition, RunnerDefinition, RunnerStatus};

/// What a bet on a line's runner wins or loses.
///
/// Half the stake on each of the two lines beside a quarter line; a stake is returned where the handicap makes a draw:
/// Betfair's rules, "Asian handicap" (published). Where the lines do not tell the score, the runner's own
/// status is taken as won or lost in full.
pub(super) fn share(definition: &MarketDefinition, runner: &RunnerDefinition) -> Share {
    let in_full = match runner.status {
        RunnerStatus::Winner => Share::WON,
        RunnerStatus::Loser => Share::LOST,
        _ => Share::VOID,
    };
    // Lines come in quarters; anything else is settled by its status.
    let (quarters, 0) = (runner.id.handicap / 25, runner.id.handicap % 25) else {
        return in_full;
    };
    let Some(score) = score(definition, runner.id.selection) else {
        return in_full;
    };
    let ahead = match score {
        Score::WinsAbove(line) => quarters - line,
        Score::WinsBelow(line) => line - quarters,
    };
    match ahead {
        2.. => Share::WON,
        1 => Share::new(1, 0, 2),
        0 => Share::VOID,
        -1 => Share::new(0, 1, 2),
        _ => Share::LOST,
    }
}

/// The line, in quarters, on which a selection draws.
enum Score {
    /// It wins with a higher line: a team given goals, or under a total.
    WinsAbove(i32),
    /// It wins with a lower line: over a total.
    WinsBelow(i32),
}

/// The score as two neighbouring half lines enclose it, one won and one lost.
fn score(definition: &MarketDefinition, selection: u64) -> Option<Score> {
    let half_lines = |status: RunnerStatus| {
        definition
            .runners
            .iter()
            .filter(move |runner| runner.id.selection == selection && runner.status == status)
            .map(|runner| runner.id.handicap)
            .filter(|handicap| handicap.rem_euclid(100) == 50)
    };
    let (won, lost) = (RunnerStatus::Winner, RunnerStatus::Loser);
    let neighbours = |lower: Option<i32>, upper: Option<i32>| {
        let (lower, upper) = (lower?, upper?);
        (upper - lower == 100).then_some((lower + 50) / 25)
    };
    let above = neighbours(half_lines(lost).max(), half_lines(won).min());
    let below = || neighbours(half_lines(won).max(), half_lines(lost).min());
    above
        .map(Score::WinsAbove)
        .or_else(|| below().map(Score::WinsBelow))
}
