//! What became of a runner, as far as the market definition tells: which parts of a stake win, lose, or are returned.

use super::handicap;
use crate::market::{MarketDefinition, MarketKind, Price, RunnerId, RunnerStatus};

/// Which parts of a stake win and lose; the rest is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) wins: u32,
    pub(super) loses: u32,
    pub(super) of: u32,
}

impl Share {
    pub(super) const WON: Self = Self::new(1, 0, 1);
    pub(super) const LOST: Self = Self::new(0, 1, 1);
    pub(super) const VOID: Self = Self::new(0, 0, 1);

    pub(super) const fn new(wins: u32, loses: u32, of: u32) -> Self {
        Self { wins, loses, of }
    }

    /// The stake × places / winners wins, the rest loses, if there are more winners than places.
    ///
    /// Betfair's rules, "Dead heat rule" (published): the stake is multiplied by the winners expected over the actual
    /// winners, and the rest of it goes to the layer. In a place market only those tied for the last place share it, but
    /// the definition does not say who they are. Whoever they are, the winners together are paid `places` whole
    /// stakes; dividing evenly pays as much and favours none.
    fn dead_heat(places: u32, winners: u32) -> Self {
        if places == 0 || winners <= places {
            Self::WON
        } else {
            Self::new(places, winners - places, winners)
        }
    }
}

/// How a bet on a runner is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// At the price taken.
    Single(Share),
    /// The size once to win at the price taken, and once to be placed at a fraction of its winnings.
    EachWay {
        win: Share,
        place: Share,
        /// In hundredths.
        divisor: u32,
    },
    /// At evens, by which side of the line taken the result is.
    Line { result: Price },
}

/// What became of a runner; `None` if the definition does not tell, so that nothing can be settled yet.
pub(super) fn outcome(definition: &MarketDefinition, id: RunnerId) -> Option<Outcome> {
    const VOID: Outcome = Outcome::Single(Share::VOID);
    let Some(runner) = definition.runner(id) else {
        return Some(VOID);
    };
    if runner.status == RunnerStatus::Removed {
        return Some(VOID);
    }
    let kind = definition.kind();
    // A line market has one runner, whose status says nothing of where the line ended.
    if kind == MarketKind::Line {
        return definition
            .line_result
            .map(|result| Outcome::Line { result });
    }
    // A market that closes without results is void, and so is a bet on a runner without one.
    if !has_result(runner.status) {
        return Some(VOID);
    }
    match kind {
        MarketKind::Odds => Some(Outcome::Single(in_odds_market(definition, runner.status))),
        MarketKind::EachWay { divisor } => Some(each_way(definition, runner.status, divisor)),
        MarketKind::Handicap => Some(Outcome::Single(handicap::share(definition, runner))),
        MarketKind::Line | MarketKind::Unknown => None,
    }
}

fn has_result(status: RunnerStatus) -> bool {
    matches!(
        status,
        RunnerStatus::Winner | RunnerStatus::Loser | RunnerStatus::Placed
    )
}

fn count(definition: &MarketDefinition, counts: impl Fn(RunnerStatus) -> bool) -> u32 {
    let runners = definition.runners.iter();
    let number = runners.filter(|runner| counts(runner.status)).count();
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn in_odds_market(definition: &MarketDefinition, status: RunnerStatus) -> Share {
    if status != RunnerStatus::Winner {
        return Share::LOST;
    }
    let winners = count(definition, |status| status == RunnerStatus::Winner);
    Share::dead_heat(definition.number_of_winners, winners)
}

/// The two parts of an each-way bet. More can be told than in a place market: those that tied for first are known.
fn each_way(definition: &MarketDefinition, status: RunnerStatus, divisor: u32) -> Outcome {
    let places = definition.number_of_winners;
    let first = count(definition, |status| status == RunnerStatus::Winner);
    let placed = count(definition, |status| status == RunnerStatus::Placed);
    let runners = count(definition, |status| status != RunnerStatus::Removed);
    let win = match status {
        RunnerStatus::Winner => Share::dead_heat(1, first),
        _ => Share::LOST,
    };
    let place = match status {
        // No more runners than places: the place part is void. Betfair, "Each Way markets" (published).
        _ if runners <= places => Share::VOID,
        RunnerStatus::Winner => Share::dead_heat(places, first),
        // First come those that won; the rest of the places is for those placed.
        RunnerStatus::Placed => Share::dead_heat(places.saturating_sub(first), placed),
        _ => Share::LOST,
    };
    Outcome::EachWay {
        win,
        place,
        divisor,
    }
}
