//! What Pinnacle is asked next, and when: each kind of answer of each sport at its own interval, going on from where the last
//! one ended.

use std::collections::BTreeMap;

use super::codec::{Listing, sport_of};
use crate::market::{MarketFilter, TimeMs, sport_id};

/// Each kind of odds of a sport may be asked for once in this time.
const FAIR_MS: i64 = 120_000;

/// How far apart kinds of answers are asked for, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// Leagues.
    pub leagues_ms: i64,
    /// Fixtures.
    pub fixtures_ms: i64,
    /// Odds.
    pub odds_ms: i64,
    /// Results.
    pub settled_ms: i64,
}

/// A kind of answer. Of what is due at once the first here is asked first: without its league an event is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Leagues,
    Fixtures,
    Odds,
    Settled,
}

/// A question: a kind of answer about a sport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    kind: Kind,
    sport: u32,
}

impl Question {
    /// Where it is asked.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self.kind {
            Kind::Leagues => "/v2/leagues",
            Kind::Fixtures => "/v1/fixtures",
            Kind::Odds => "/v2/odds",
            Kind::Settled => "/v1/fixtures/settled",
        }
    }
}

/// How a question stands.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    due: TimeMs,
    /// Where it goes on.
    since: Option<u64>,
}

/// What is asked, and when.
#[derive(Debug)]
pub struct Plan {
    intervals: Intervals,
    leagues: String,
    questions: BTreeMap<Question, Standing>,
}

impl Plan {
    /// Nothing is asked yet. `leagues` are those that count; all with none.
    #[must_use]
    pub fn new(intervals: Intervals, leagues: &[u32]) -> Self {
        let leagues: Vec<String> = leagues.iter().map(ToString::to_string).collect();
        Self {
            intervals,
            leagues: leagues.join(","),
            questions: BTreeMap::new(),
        }
    }

    /// Asks about those of these sports that the filters want.
    pub fn want(&mut self, sports: &[u32], filters: &[MarketFilter]) {
        let wants = |sport: u32| {
            let ours = sport_of(sport);
            filters.iter().any(|filter| {
                let sports = &filter.sports;
                sports.is_empty() || sports.iter().any(|name| sport_id(name) == ours)
            })
        };
        let wanted: Vec<u32> = sports
            .iter()
            .copied()
            .filter(|sport| wants(*sport))
            .collect();
        self.questions
            .retain(|question, _| wanted.contains(&question.sport));
        for sport in wanted {
            for kind in [Kind::Leagues, Kind::Fixtures, Kind::Odds, Kind::Settled] {
                self.questions.entry(Question { kind, sport }).or_default();
            }
        }
    }

    /// Whether there is nothing to ask.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.questions.is_empty()
    }

    /// Whether a question is still to be asked.
    #[must_use]
    pub fn holds(&self, question: Question) -> bool {
        self.questions.contains_key(&question)
    }

    /// All is to be told from the beginning.
    pub fn begin_anew(&mut self) {
        for standing in self.questions.values_mut() {
            standing.since = None;
        }
    }

    /// What to ask next, and when.
    #[must_use]
    pub fn next(&self) -> Option<(TimeMs, Question)> {
        let dues = self
            .questions
            .iter()
            .map(|(question, standing)| (standing.due, *question));
        dues.min_by_key(|(due, question)| (*due, question.kind, question.sport))
    }

    /// The parameters of a question.
    #[must_use]
    pub fn query(&self, question: Question) -> String {
        let mut query = format!("sportId={}", question.sport);
        if question.kind == Kind::Leagues {
            return query;
        }
        if !self.leagues.is_empty() {
            query.push_str("&leagueIds=");
            query.push_str(&self.leagues);
        }
        if question.kind == Kind::Odds {
            query.push_str("&oddsFormat=Decimal");
        }
        if let Some(since) = self
            .questions
            .get(&question)
            .and_then(|standing| standing.since)
        {
            query.push_str(&format!("&since={since}"));
        }
        query
    }

    /// A question was answered now.
    pub fn ask(&mut self, question: Question, now: TimeMs) {
        let interval = self.interval(question);
        self.ask_after(question, now, interval);
    }

    /// A question was asked now, and has no answer: it is asked again no sooner than fair use allows.
    pub fn miss(&mut self, question: Question, now: TimeMs) {
        let interval = self.interval(question).min(FAIR_MS);
        self.ask_after(question, now, interval);
    }

    fn ask_after(&mut self, question: Question, now: TimeMs, interval: i64) {
        if let Some(standing) = self.questions.get_mut(&question) {
            standing.due = now + interval;
        }
    }

    const fn interval(&self, question: Question) -> i64 {
        match question.kind {
            Kind::Leagues => self.intervals.leagues_ms,
            Kind::Fixtures => self.intervals.fixtures_ms,
            Kind::Odds => self.intervals.odds_ms,
            Kind::Settled => self.intervals.settled_ms,
        }
    }

    /// It was answered. Nothing and one are no places to go on from.
    pub fn hear(&mut self, question: Question, listing: &Listing) {
        let last = listing.last().filter(|last| *last > 1);
        if let (Some(standing), Some(last)) = (self.questions.get_mut(&question), last) {
            standing.since = Some(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let intervals = Intervals {
            leagues_ms: 86_400_000,
            fixtures_ms: 120_000,
            odds_ms: 120_000,
            settled_ms: 300_000,
        };
        let mut plan = Plan::new(intervals, &[1980, 1981]);
        let football = MarketFilter {
            sports: vec!["football".to_owned()],
            ..MarketFilter::default()
        };
        plan.want(&[29, 33], &[football]);
        plan
    }

    #[test]
    fn everything_is_asked_in_order_and_goes_on_from_where_it_ended() {
        let mut plan = plan();
        let mut asked = Vec::new();
        let mut now = TimeMs(0);
        for _ in 0..7 {
            let (due, question) = plan.next().unwrap();
            now = now.max(due);
            asked.push((now.0 / 1_000, question.path(), plan.query(question)));
            plan.ask(question, now);
            let listing = Listing::Odds {
                sport: 29,
                is_whole: true,
                last: Some(1 + u64::try_from(now.0).unwrap()),
                events: Vec::new(),
            };
            plan.hear(question, &listing);
        }
        let leagues = "sportId=29&leagueIds=1980,1981";
        let expected = [
            (0, "/v2/leagues", "sportId=29".to_owned()),
            (0, "/v1/fixtures", leagues.to_owned()),
            (0, "/v2/odds", format!("{leagues}&oddsFormat=Decimal")),
            (0, "/v1/fixtures/settled", leagues.to_owned()),
            // One is no place to go on from.
            (120, "/v1/fixtures", leagues.to_owned()),
            (120, "/v2/odds", format!("{leagues}&oddsFormat=Decimal")),
            (240, "/v1/fixtures", format!("{leagues}&since=120001")),
        ];
        assert_eq!(asked, expected);
    }

    #[test]
    fn what_has_no_answer_is_asked_again_as_soon_as_fair_use_allows() {
        let mut plan = plan();
        let (_, leagues) = plan.next().unwrap();
        plan.miss(leagues, TimeMs(5));
        assert_eq!(plan.questions[&leagues].due, TimeMs(120_005));
        plan.ask(leagues, TimeMs(5));
        assert_eq!(plan.questions[&leagues].due, TimeMs(86_400_005));
    }

    #[test]
    fn a_sport_that_nobody_wants_is_not_asked_about() {
        let mut plan = plan();
        assert_eq!(plan.questions.len(), 4);
        plan.want(&[29, 33], &[MarketFilter::default()]);
        assert_eq!(plan.questions.len(), 8);
        plan.want(&[29], &[]);
        assert!(plan.is_idle());
    }
}
