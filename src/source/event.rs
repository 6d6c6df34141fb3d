//! An event that bookmakers price, as market changes: the one place that says what its markets and runners are called.
//!
//! A source that knows "this event, these books, these prices" (a season file, a polled feed) keeps one
//! [`PricedMarket`] for each market of the event and tells it what changed; what comes out is a change like that of any
//! other feed. All books stand in one market, so that a strategy sees them side by side.

use std::sync::Arc;

use crate::market::selection::{AWAY, DRAW, HOME, NO, OVER, UNDER, YES};
use crate::market::{
    BettingType, BookName, MarketDefinition, MarketDelta, MarketId, MarketStatus, Money, Price,
    PriceLadder, Quote, QuoteChange, RunnerDefinition, RunnerId, RunnerStatus, Score, TimeMs,
};

/// The venue of markets that only bookmakers price.
pub const BOOKMAKERS: &str = "bookmakers";

/// Two sides that meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The source's name for it; market ids begin with it.
    pub id: String,
    /// As a market definition has it: `1` is football.
    pub sport_id: String,
    /// The league or tournament.
    pub competition: Option<String>,
    /// ISO 3166 country, if any.
    pub country: Option<String>,
    /// The home side, or the one named first.
    pub home: String,
    /// The other side.
    pub away: String,
    /// When it is due to start.
    pub starts_at: TimeMs,
}

/// A kind of market of an event. Lines are in hundredths of a goal or point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Home, away and, where there can be one, a draw.
    MatchOdds {
        /// Whether a draw is a runner.
        draw: bool,
    },
    /// More or fewer goals than a line that cannot be hit, such as 250.
    OverUnder {
        /// The line.
        line: u32,
    },
    /// Home and away with goals given, on whatever lines are quoted, quarter lines too.
    AsianHandicap,
    /// More or fewer goals on whatever lines are quoted, quarter lines too.
    TotalGoals,
    /// Whether both sides score.
    BothToScore,
}

/// What is backed in a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The home side.
    Home,
    /// The other side.
    Away,
    /// Neither.
    Draw,
    /// More than the market's line.
    Over,
    /// Fewer than the market's line.
    Under,
    /// Both score.
    Yes,
    /// Not both score.
    No,
    /// The home side with so many hundredths of a goal given.
    HomeWith(i32),
    /// The other side with so many hundredths of a goal given.
    AwayWith(i32),
    /// More than this line.
    OverLine(i32),
    /// Fewer than this line.
    UnderLine(i32),
}

/// Where a market stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Bets are taken.
    Open,
    /// None are, and the event has not begun.
    Suspended,
    /// The event is under way, and no bets are taken.
    UnderWay,
    /// It is, and bets are taken.
    InPlay,
    /// It is over, with this score; without one all bets are void.
    Over(Option<Score>),
}

/// What a book offers on a pick; `price` is `None` if it offers nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What is backed.
    pub pick: Pick,
    /// Whose price it is.
    pub book: BookName,
    /// Decimal odds.
    pub price: Option<Price>,
    /// The most that is taken, if that is told; nothing if the price is one to look at.
    pub limit: Option<Money>,
    /// When the book last changed or confirmed it.
    pub updated_at: TimeMs,
}

/// One market of an event, as far as it has been told.
#[derive(Clone, Debug)]
pub struct PricedMarket {
    event: Arc<Event>,
    family: Family,
    id: MarketId,
    stage: Option<Stage>,
    version: u64,
    /// Runners by id, in the order first seen.
    runners: Vec<RunnerId>,
}

impl Pick {
    /// The runner that it is.
    #[must_use]
    pub const fn runner(self) -> RunnerId {
        let (selection, handicap) = match self {
            Self::Home => (HOME, 0),
            Self::Away => (AWAY, 0),
            Self::Draw => (DRAW, 0),
            Self::Over => (OVER, 0),
            Self::Under => (UNDER, 0),
            Self::Yes => (YES, 0),
            Self::No => (NO, 0),
            Self::HomeWith(line) => (HOME, line),
            Self::AwayWith(line) => (AWAY, line),
            Self::OverLine(line) => (OVER, line),
            Self::UnderLine(line) => (UNDER, line),
        };
        RunnerId {
            selection,
            handicap,
        }
    }
}

impl Family {
    /// The market type.
    #[must_use]
    pub fn market_type(self) -> String {
        match self {
            Self::MatchOdds { .. } => "MATCH_ODDS".to_owned(),
            Self::OverUnder { line } => format!("OVER_UNDER_{}", goals(line).replace('.', "")),
            Self::AsianHandicap => "ASIAN_HANDICAP".to_owned(),
            Self::TotalGoals => "ALT_TOTAL_GOALS".to_owned(),
            Self::BothToScore => "BOTH_TEAMS_TO_SCORE".to_owned(),
        }
    }

    fn name(self) -> String {
        match self {
            Self::MatchOdds { .. } => "Match Odds".to_owned(),
            Self::OverUnder { line } => format!("Over/Under {} Goals", goals(line)),
            Self::AsianHandicap => "Asian Handicap".to_owned(),
            Self::TotalGoals => "Goal Lines".to_owned(),
            Self::BothToScore => "Both teams to Score?".to_owned(),
        }
    }

    /// The runners that are there whatever is quoted.
    fn picks(self) -> &'static [Pick] {
        match self {
            Self::MatchOdds { draw: true } => &[Pick::Home, Pick::Away, Pick::Draw],
            Self::MatchOdds { draw: false } => &[Pick::Home, Pick::Away],
            Self::OverUnder { .. } => &[Pick::Under, Pick::Over],
            Self::BothToScore => &[Pick::Yes, Pick::No],
            Self::AsianHandicap | Self::TotalGoals => &[],
        }
    }

    fn has_lines(self) -> bool {
        matches!(self, Self::AsianHandicap | Self::TotalGoals)
    }
}

/// A line in goals: 250 is `2.5`.
fn goals(line: u32) -> String {
    format!("{}", f64::from(line) / 100.0)
}

impl PricedMarket {
    /// A market of which nothing has been told yet.
    #[must_use]
    pub fn new(event: &Arc<Event>, family: Family) -> Self {
        Self {
            event: Arc::clone(event),
            family,
            id: MarketId::new(&format!("{}:{}", event.id, family.market_type())),
            stage: None,
            version: 0,
            runners: family.picks().iter().map(|pick| pick.runner()).collect(),
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &MarketId {
        &self.id
    }

    /// Where it stands; `None` before anything was told.
    #[must_use]
    pub const fn stage(&self) -> Option<Stage> {
        self.stage
    }

    /// The event begins at another time, which the next change tells.
    pub fn put_off(&mut self, event: &Arc<Event>) {
        self.event = Arc::clone(event);
        self.stage = None;
    }

    /// Takes a stage and offers, and writes what changed into `delta`. The definition is in it if it is the first change,
    /// the stage is another, or an offer brings a new line.
    pub fn change(&mut self, stage: Stage, offers: &[Offer], delta: &mut MarketDelta) {
        delta.reset(self.id.clone());
        let known = self.runners.len();
        if self.family.has_lines() {
            for offer in offers {
                self.list_line(offer.pick.runner());
            }
        }
        if let Stage::Over(Some(score)) = stage
            && self.stage != Some(stage)
        {
            self.list_lines_about(score);
        }
        if self.stage != Some(stage) || self.runners.len() != known {
            self.stage = Some(stage);
            self.version += 1;
            delta.definition = Some(Arc::new(self.definition(stage)));
        }
        for offer in offers {
            let change = match offer.price {
                Some(price) => QuoteChange::Offers(Quote {
                    book: offer.book.clone(),
                    price,
                    limit: offer.limit,
                    updated_at: offer.updated_at,
                }),
                None => QuoteChange::Withdrawn(offer.book.clone()),
            };
            delta.quotes.push((offer.pick.runner(), change));
        }
    }

    /// Lists both sides of a line: a book that quotes one of them has the other.
    fn list_line(&mut self, runner: RunnerId) {
        let RunnerId {
            selection,
            handicap,
        } = runner;
        let pair = match selection {
            HOME => [runner, Pick::AwayWith(-handicap).runner()],
            AWAY => [Pick::HomeWith(-handicap).runner(), runner],
            OVER => [Pick::UnderLine(handicap).runner(), runner],
            _ => [runner, Pick::OverLine(handicap).runner()],
        };
        for runner in pair {
            if !self.runners.contains(&runner) {
                self.runners.push(runner);
            }
        }
    }

    /// With the result come the half lines next to it, as a venue with all lines tells them: they are what quarter and
    /// whole lines are settled by.
    fn list_lines_about(&mut self, score: Score) {
        let drawn = |hundredths: i64| i32::try_from(hundredths).unwrap_or(0);
        let (home, away) = (i64::from(score.home), i64::from(score.away));
        for half in [-50, 50] {
            match self.family {
                Family::AsianHandicap => {
                    self.list_line(Pick::HomeWith(drawn((away - home) * 100 + half)).runner());
                }
                Family::TotalGoals => {
                    self.list_line(Pick::OverLine(drawn((home + away) * 100 + half)).runner());
                }
                _ => {}
            }
        }
    }

    fn definition(&self, stage: Stage) -> MarketDefinition {
        let event = &self.event;
        let runners = self.runners.iter().zip(1..);
        let score = match stage {
            Stage::Over(score) => score,
            _ => None,
        };
        MarketDefinition {
            venue: BOOKMAKERS,
            status: match stage {
                Stage::Open | Stage::InPlay => MarketStatus::Open,
                Stage::Suspended | Stage::UnderWay => MarketStatus::Suspended,
                Stage::Over(_) => MarketStatus::Closed,
            },
            in_play: matches!(stage, Stage::UnderWay | Stage::InPlay | Stage::Over(_)),
            bet_delay_seconds: 0,
            bsp_market: false,
            bsp_reconciled: false,
            turn_in_play: false,
            complete: true,
            cross_matching: false,
            number_of_winners: 1,
            base_rate: 0,
            version: self.version,
            market_time: event.starts_at,
            event_id: event.id.clone(),
            event_name: Some(format!("{} v {}", event.home, event.away)),
            name: Some(self.family.name()),
            sport_id: event.sport_id.clone(),
            market_type: self.family.market_type(),
            betting_type: if self.family.has_lines() {
                BettingType::AsianHandicapDoubleLine
            } else {
                BettingType::Odds
            },
            country: event.country.clone(),
            course: None,
            each_way_divisor: None,
            line_result: None,
            competition: event.competition.clone(),
            score,
            ladder: PriceLadder::Finest,
            runners: runners
                .map(|(&id, place)| RunnerDefinition {
                    id,
                    status: self.status(id, stage),
                    sort_priority: place,
                    name: Some(self.runner_name(id)),
                    adjustment_factor: None,
                    bsp: None,
                })
                .collect(),
        }
    }

    fn runner_name(&self, id: RunnerId) -> String {
        let line = match self.family {
            Family::OverUnder { line } => line,
            _ => id.handicap.unsigned_abs(),
        };
        match id.selection {
            HOME => self.event.home.clone(),
            AWAY => self.event.away.clone(),
            DRAW => "The Draw".to_owned(),
            OVER => format!("Over {} Goals", goals(line)),
            UNDER => format!("Under {} Goals", goals(line)),
            YES => "Yes".to_owned(),
            _ => "No".to_owned(),
        }
    }

    fn status(&self, id: RunnerId, stage: Stage) -> RunnerStatus {
        let score = match stage {
            Stage::Over(Some(score)) => score,
            Stage::Over(None) => return RunnerStatus::Removed,
            _ => return RunnerStatus::Active,
        };
        let (home, away) = (i64::from(score.home), i64::from(score.away));
        let line = match self.family {
            Family::OverUnder { line } => i64::from(line),
            _ => i64::from(id.handicap),
        };
        let won = match id.selection {
            HOME => (home - away) * 100 + line > 0,
            AWAY => (away - home) * 100 + line > 0,
            DRAW => home == away,
            OVER => (home + away) * 100 > line,
            UNDER => (home + away) * 100 < line,
            YES => home > 0 && away > 0,
            _ => home == 0 || away == 0,
        };
        if won {
            RunnerStatus::Winner
        } else {
            RunnerStatus::Loser
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Arc<Event> {
        Arc::new(Event {
            id: "E0.1".to_owned(),
            sport_id: "1".to_owned(),
            competition: Some("E0".to_owned()),
            country: Some("GB".to_owned()),
            home: "Ham".to_owned(),
            away: "Egg".to_owned(),
            starts_at: TimeMs(3_600_000),
        })
    }

    fn offer(pick: Pick, price: u64) -> Offer {
        Offer {
            pick,
            book: BookName::new("b"),
            price: Some(Price::from_hundredths(price)),
            limit: None,
            updated_at: TimeMs(1),
        }
    }

    fn told(family: Family, stage: Stage, offers: &[Offer]) -> MarketDelta {
        let mut delta = MarketDelta::new(MarketId::new(""));
        PricedMarket::new(&event(), family).change(stage, offers, &mut delta);
        delta
    }

    #[test]
    fn a_definition_comes_only_with_what_changes_it() {
        let mut market = PricedMarket::new(&event(), Family::AsianHandicap);
        let mut delta = MarketDelta::new(MarketId::new(""));
        let quarter = offer(Pick::HomeWith(-75), 195);
        market.change(Stage::Open, std::slice::from_ref(&quarter), &mut delta);
        let lines = |delta: &MarketDelta| {
            let definition = delta.definition.as_ref().unwrap();
            definition
                .runners
                .iter()
                .map(|runner| runner.id.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(&delta), ["1@-0.75", "2@0.75"]);
        market.change(Stage::Open, &[quarter], &mut delta);
        assert_eq!(delta.definition, None);
        assert_eq!(delta.quotes.len(), 1);
        market.change(Stage::Open, &[offer(Pick::AwayWith(50), 200)], &mut delta);
        assert_eq!(lines(&delta), ["1@-0.75", "2@0.75", "1@-0.5", "2@0.5"]);
    }

    #[test]
    fn names_and_ids_are_those_that_an_exchange_uses() {
        let delta = told(
            Family::OverUnder { line: 250 },
            Stage::Open,
            &[offer(Pick::Over, 190)],
        );
        assert_eq!(delta.market.as_str(), "E0.1:OVER_UNDER_25");
        let definition = delta.definition.unwrap();
        let names: Vec<_> = definition
            .runners
            .iter()
            .map(|runner| runner.name.as_deref().unwrap())
            .collect();
        assert_eq!(names, ["Under 2.5 Goals", "Over 2.5 Goals"]);
        assert_eq!(definition.event_name.as_deref(), Some("Ham v Egg"));
        assert_eq!(definition.sport(), "football");
    }

    #[test]
    fn the_score_decides_every_family() {
        let winners = |family, home, away| {
            let stage = Stage::Over(Some(Score { home, away }));
            let definition = told(family, stage, &[]).definition.unwrap();
            assert_eq!(definition.status, MarketStatus::Closed);
            definition
                .runners
                .iter()
                .filter(|runner| runner.status == RunnerStatus::Winner)
                .map(|runner| runner.name.clone().unwrap())
                .collect::<Vec<_>>()
        };
        let odds = Family::MatchOdds { draw: true };
        assert_eq!(winners(odds, 2, 1), ["Ham"]);
        assert_eq!(winners(odds, 0, 0), ["The Draw"]);
        assert_eq!(
            winners(Family::OverUnder { line: 250 }, 2, 1),
            ["Over 2.5 Goals"]
        );
        assert_eq!(winners(Family::BothToScore, 2, 0), ["No"]);
    }

    #[test]
    fn an_event_without_a_score_voids_its_bets() {
        let void = told(Family::BothToScore, Stage::Over(None), &[]);
        let definition = void.definition.unwrap();
        assert!(
            definition
                .runners
                .iter()
                .all(|runner| runner.status == RunnerStatus::Removed)
        );
    }
}
