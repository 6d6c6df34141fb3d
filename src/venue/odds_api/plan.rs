//! What to ask next, and what it may cost: fewer credits than are left, spread over the month, more of them near a start.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::codec::{Event, Listing, Usage};
use crate::market::{MarketFilter, TimeMs, sport_id};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// Odds are asked for again after this part of the time that is left to the start.
const SHARE_OF_TIME: i64 = 20;
/// Fixtures are known for about so long; what is further off is taken to be like it.
const HORIZON: i64 = 7 * DAY;
/// For how long scores tell of an event.
const SCORES_DAYS: i64 = 3;
/// What scores of earlier days cost.
const SCORES_COST: u64 = 2;

/// How fast credits may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Odds of a sport are asked for at most this often, in milliseconds.
    pub fastest_ms: i64,
    /// And, while it is far off, this often.
    pub slowest_ms: i64,
    /// How far apart the fixtures are asked for, which is free.
    pub events_ms: i64,
    /// How far apart results are asked for.
    pub scores_ms: i64,
    /// How long after its start an event may be over.
    pub over_after_ms: i64,
    /// So many credits are never spent.
    pub floor: u64,
    /// How many regions, or groups of bookmakers, each market is paid for.
    pub regions: u64,
    /// On which day of the month, at midnight UTC, credits begin anew.
    pub reset_day: u8,
}

/// Something to ask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Which sports there are. It is free, and tells how many credits are left.
    Sports,
    /// The fixtures of a sport. Free.
    Events(String),
    /// Odds on all events of a sport.
    Odds(String, Vec<String>),
    /// Odds on one event, in markets that are told of one by one.
    EventOdds(String, String, Vec<String>),
    /// Results.
    Scores(String),
}

impl Question {
    /// What is asked, in a word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sports => "sports",
            Self::Events(_) => "events",
            Self::Odds(..) => "odds",
            Self::EventOdds(..) => "event_odds",
            Self::Scores(_) => "scores",
        }
    }

    /// The path from `/v4` on.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Sports => "/v4/sports".to_owned(),
            Self::Events(sport) => format!("/v4/sports/{sport}/events"),
            Self::Odds(sport, _) => format!("/v4/sports/{sport}/odds"),
            Self::EventOdds(sport, event, _) => format!("/v4/sports/{sport}/events/{event}/odds"),
            Self::Scores(sport) => format!("/v4/sports/{sport}/scores"),
        }
    }

    /// The sport, if it is about one.
    #[must_use]
    pub fn sport(&self) -> Option<&str> {
        match self {
            Self::Sports => None,
            Self::Events(sport)
            | Self::Odds(sport, _)
            | Self::EventOdds(sport, ..)
            | Self::Scores(sport) => Some(sport),
        }
    }

    /// What it costs at most.
    #[must_use]
    pub fn cost(&self, regions: u64) -> u64 {
        match self {
            Self::Sports | Self::Events(_) => 0,
            Self::Odds(_, markets) | Self::EventOdds(_, _, markets) => {
                regions * markets.len() as u64
            }
            Self::Scores(_) => SCORES_COST,
        }
    }
}

/// Where the credits stand.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Credits {
    /// Left until the reset, as far as is known.
    pub remaining: Option<u64>,
    /// Used since the last one.
    pub used: Option<u64>,
    /// What the last answer cost.
    pub last: Option<u64>,
    /// Never spent.
    pub floor: u64,
    /// What will be left at the reset if all goes on like this.
    pub forecast: Option<u64>,
    /// How many times as slow as it would be with credits enough.
    pub stretch: f64,
    /// When they begin anew.
    pub resets_at: TimeMs,
}

#[derive(Clone, Debug, Default)]
struct Sport {
    /// Markets that are told of for all events at once, and those that are not.
    featured: Vec<String>,
    others: Vec<String>,
    /// When events start that are not over.
    starts: BTreeMap<String, TimeMs>,
}

/// What is asked, when.
#[derive(Clone, Debug)]
pub struct Plan {
    pace: Pace,
    sports: BTreeMap<String, Sport>,
    /// The longest time before a start at which anybody wants odds; `None` is any.
    window_ms: Option<i64>,
    usage: Usage,
    /// When each question was asked last.
    asked: BTreeMap<Question, TimeMs>,
    /// Questions that the API will never answer.
    barred: BTreeSet<Question>,
    /// The month is used up until then.
    rests_until: Option<TimeMs>,
    stretch: f64,
    forecast: Option<u64>,
}

impl Plan {
    /// A plan that asks for nothing yet.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            sports: BTreeMap::new(),
            window_ms: None,
            usage: Usage::default(),
            asked: BTreeMap::new(),
            barred: BTreeSet::new(),
            rests_until: None,
            stretch: 1.0,
            forecast: None,
        }
    }

    /// Asks from now on for what these filters want of these sports and markets, and for nothing else.
    pub fn want(&mut self, sports: &[String], markets: &[String], filters: &[MarketFilter]) {
        let mut wanted = BTreeMap::new();
        for key in sports {
            let of_sport = filters.iter().filter(|filter| wants_sport(filter, key));
            let of_sport: Vec<_> = of_sport.collect();
            let mut sport = self.sports.remove(key).unwrap_or_default();
            sport.featured.clear();
            sport.others.clear();
            for market in markets {
                if of_sport.iter().any(|filter| wants_market(filter, market)) {
                    match market.as_str() {
                        "h2h" | "spreads" | "totals" => sport.featured.push(market.clone()),
                        _ => sport.others.push(market.clone()),
                    }
                }
            }
            if !sport.featured.is_empty() || !sport.others.is_empty() {
                wanted.insert(key.clone(), sport);
            }
        }
        self.sports = wanted;
        let windows = filters.iter().map(|filter| {
            let window = filter.seconds_to_start.as_ref()?;
            // A little earlier, so that odds are there when it begins.
            window
                .end()
                .checked_mul(1_000)?
                .checked_add(self.pace.slowest_ms)
        });
        self.window_ms = windows
            .collect::<Option<Vec<i64>>>()
            .and_then(|all| all.into_iter().max());
    }

    /// Whether there is anything to ask for.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.sports.is_empty()
    }

    /// Where the credits stand.
    #[must_use]
    pub fn credits(&self, now: TimeMs) -> Credits {
        Credits {
            remaining: self.usage.remaining,
            used: self.usage.used,
            last: self.usage.last,
            floor: self.pace.floor,
            forecast: self.forecast,
            stretch: self.stretch,
            resets_at: resets_at(now, self.pace.reset_day),
        }
    }

    /// The next thing to ask and when; `None` if there is nothing before something else happens.
    #[must_use]
    pub fn next(&mut self, now: TimeMs) -> Option<(TimeMs, Question)> {
        if let Some(until) = self.rests_until {
            if now < until {
                return Some((until, Question::Sports));
            }
            self.rests_until = None;
            self.usage = Usage::default();
        }
        if self.usage.remaining.is_none() {
            let again = self.asked.get(&Question::Sports);
            let due = again.map_or(now, |at| *at + self.pace.fastest_ms);
            return Some((due.max(now), Question::Sports));
        }
        self.forecast(now);
        let questions = self.questions(now);
        questions
            .into_iter()
            .filter(|(_, question)| !self.barred.contains(question))
            .min_by(|a, b| (a.0.max(now), &a.1).cmp(&(b.0.max(now), &b.1)))
            .map(|(due, question)| match self.affords(&question) {
                true => (due.max(now), question),
                // What is free is asked all the same, and tells when there are credits again.
                false => (resets_at(now, self.pace.reset_day), Question::Sports),
            })
            .map(|next| self.free_before(now, next))
    }

    /// Where the next question must wait for credits, the free ones need not.
    fn free_before(&self, now: TimeMs, next: (TimeMs, Question)) -> (TimeMs, Question) {
        if next.1 != Question::Sports {
            return next;
        }
        let free = self.sports.keys().map(|sport| {
            let question = Question::Events(sport.clone());
            (
                self.due(&question, now, self.pace.events_ms).max(now),
                question,
            )
        });
        let free = free.filter(|(_, question)| !self.barred.contains(question));
        free.chain([next.clone()]).min().unwrap_or(next)
    }

    /// Whether it can be paid for without touching the floor.
    #[must_use]
    pub fn affords(&self, question: &Question) -> bool {
        let cost = question.cost(self.pace.regions);
        cost == 0
            || self
                .usage
                .remaining
                .and_then(|left| left.checked_sub(cost))
                .is_some_and(|left| left >= self.pace.floor)
    }

    /// It is being asked. Until the answer says otherwise it is paid for.
    pub fn ask(&mut self, question: &Question, now: TimeMs) {
        self.asked.insert(question.clone(), now);
        let cost = question.cost(self.pace.regions);
        self.usage.remaining = self.usage.remaining.map(|left| left.saturating_sub(cost));
    }

    /// An answer came.
    pub fn hear(&mut self, question: &Question, usage: Usage, listing: &Listing, now: TimeMs) {
        self.usage = Usage {
            remaining: usage.remaining.or(self.usage.remaining),
            used: usage.used.or(self.usage.used),
            last: usage.last.or(self.usage.last),
        };
        let Some(sport) = question
            .sport()
            .and_then(|sport| self.sports.get_mut(sport))
        else {
            return;
        };
        let mut meet = |event: &Event| {
            if now - event.starts_at < SCORES_DAYS * DAY {
                sport.starts.insert(event.id.clone(), event.starts_at);
            }
        };
        match listing {
            Listing::Events(events) => {
                // What is not listed any more and has not begun was called off.
                let listed: BTreeSet<&str> = events.iter().map(|event| event.id.as_str()).collect();
                sport
                    .starts
                    .retain(|id, at| *at <= now || listed.contains(id.as_str()));
                let starts = &mut sport.starts;
                for event in events {
                    starts.insert(event.id.clone(), event.starts_at);
                }
            }
            Listing::Odds(odds) => odds.events.iter().for_each(&mut meet),
            Listing::Scores(scores) => {
                for score in scores {
                    if score.completed {
                        sport.starts.remove(&score.event.id);
                    }
                }
            }
            Listing::Nothing => {}
        }
        sport.starts.retain(|_, at| now - *at < SCORES_DAYS * DAY);
        let live: BTreeSet<&String> = self.sports.values().flat_map(|s| s.starts.keys()).collect();
        self.asked.retain(|question, _| match question {
            Question::EventOdds(_, event, _) => live.contains(event),
            _ => true,
        });
    }

    /// An answer that refuses came, which costs nothing.
    pub fn refund(&mut self, question: &Question, usage: Usage) {
        let cost = question.cost(self.pace.regions);
        self.usage.remaining = match usage.remaining {
            Some(told) => Some(told),
            None => self.usage.remaining.map(|left| left + cost),
        };
        self.usage.used = usage.used.or(self.usage.used);
    }

    /// There was no answer: it may be asked again. What it may have cost stays spent until the API says otherwise.
    pub fn forget(&mut self, question: &Question) {
        self.asked.remove(question);
    }

    /// The API will never answer this.
    pub fn bar(&mut self, question: &Question) {
        self.barred.insert(question.clone());
    }

    /// The month's credits are used up.
    pub fn rest(&mut self, now: TimeMs) {
        self.usage.remaining = Some(0);
        self.rests_until = Some(resets_at(now, self.pace.reset_day));
    }

    fn questions(&self, now: TimeMs) -> Vec<(TimeMs, Question)> {
        let mut all = Vec::new();
        for (key, sport) in &self.sports {
            let mut add = |question: Question, every: i64| {
                all.push((self.due(&question, now, every), question));
            };
            add(Question::Events(key.clone()), self.pace.events_ms);
            if sport
                .starts
                .values()
                .any(|at| now - *at > self.pace.over_after_ms)
            {
                let every = self.stretched(self.pace.scores_ms);
                add(Question::Scores(key.clone()), every);
            }
        }
        for (question, start) in self.priced(now) {
            // Odds that nobody wants yet are wanted later.
            let opens = self.window_ms.map_or(now, |window| start + -window);
            let every = self.stretched(self.interval(start - now));
            let due = self.due(&question, now, every).max(opens);
            if due < start {
                all.push((due, question));
            }
        }
        all
    }

    /// What is asked about odds, and the next start that it is about.
    fn priced(&self, now: TimeMs) -> Vec<(Question, TimeMs)> {
        let mut all = Vec::new();
        for (key, sport) in &self.sports {
            let coming = sport.starts.iter().filter(|(_, at)| **at > now);
            if !sport.others.is_empty() {
                let each = coming.clone().map(|(event, at)| {
                    let markets = sport.others.clone();
                    (
                        Question::EventOdds(key.clone(), event.clone(), markets),
                        *at,
                    )
                });
                all.extend(each);
            }
            if let Some(first) = coming.map(|(_, at)| *at).min()
                && !sport.featured.is_empty()
            {
                all.push((Question::Odds(key.clone(), sport.featured.clone()), first));
            }
        }
        all
    }

    fn due(&self, question: &Question, now: TimeMs, every: i64) -> TimeMs {
        self.asked.get(question).map_or(now, |at| *at + every)
    }

    /// How far apart odds are asked for when so much is left to the start.
    fn interval(&self, left: i64) -> i64 {
        (left / SHARE_OF_TIME).clamp(self.pace.fastest_ms, self.pace.slowest_ms)
    }

    #[allow(clippy::cast_possible_truncation)]
    fn stretched(&self, every: i64) -> i64 {
        (every as f64 * self.stretch).min(31.0 * DAY as f64) as i64
    }

    /// Works out what the rest of the month would cost, and how much slower it must go.
    fn forecast(&mut self, now: TimeMs) {
        let Some(remaining) = self.usage.remaining else {
            return;
        };
        let reset = resets_at(now, self.pace.reset_day);
        let need = self.need(now, reset);
        let budget = remaining.saturating_sub(self.pace.floor);
        self.stretch = match budget {
            0 => f64::from(u16::MAX),
            budget => (need / budget as f64).max(1.0),
        };
        let spent = (need / self.stretch).ceil();
        self.forecast =
            Some((remaining as f64 - spent).max(0.0) as u64).filter(|_| spent.is_finite());
    }

    /// What would be spent until the reset with credits enough.
    fn need(&self, now: TimeMs, reset: TimeMs) -> f64 {
        let starts = self.sports.values().flat_map(|sport| sport.starts.values());
        let last = starts.copied().max().unwrap_or(now);
        let horizon = reset.min(last.max(now + HORIZON));
        let mut spent = 0;
        for (key, sport) in &self.sports {
            let mut starts: Vec<TimeMs> = sport.starts.values().copied().collect();
            starts.sort_unstable();
            starts.dedup();
            let featured = Question::Odds(key.clone(), sport.featured.clone());
            spent += self.polls(now, horizon, &starts) * featured.cost(self.pace.regions);
            for (event, at) in &sport.starts {
                let each = Question::EventOdds(key.clone(), event.clone(), sport.others.clone());
                let cost = each.cost(self.pace.regions);
                if cost > 0 {
                    spent += self.polls(now, horizon, &[*at]) * cost;
                }
            }
            spent += self.score_polls(horizon, &starts) * SCORES_COST;
        }
        let (shown, whole) = ((horizon - now).max(1), (reset - now).max(1));
        spent as f64 * (whole as f64 / shown as f64)
    }

    /// How often odds would be asked for until `end`, with these starts ahead.
    fn polls(&self, now: TimeMs, end: TimeMs, starts: &[TimeMs]) -> u64 {
        let mut at = now;
        let mut polls = 0;
        for &start in starts {
            if let Some(window) = self.window_ms {
                at = at.max(start + -window);
            }
            while at < start && at < end {
                polls += 1;
                at = at + self.interval(start - at);
            }
        }
        polls
    }

    /// How often results would be asked for: from when an event may be over, twice.
    fn score_polls(&self, end: TimeMs, starts: &[TimeMs]) -> u64 {
        2 * starts
            .iter()
            .filter(|at| **at + self.pace.over_after_ms < end)
            .count() as u64
    }
}

/// When credits begin anew, at midnight UTC of a day that every month has.
fn resets_at(now: TimeMs, day: u8) -> TimeMs {
    let reset = || {
        let today = jiff::Timestamp::from_millisecond(now.0).ok()?;
        let today = TimeZone::UTC.to_datetime(today).date();
        let day = i8::try_from(day.clamp(1, 28)).ok()?;
        let this = jiff::civil::date(today.year(), today.month(), day);
        let next = if this > today {
            this
        } else {
            this.checked_add(jiff::Span::new().months(1)).ok()?
        };
        let midnight = next.to_datetime(jiff::civil::Time::midnight());
        let next = TimeZone::UTC.to_timestamp(midnight).ok()?;
        Some(TimeMs(next.as_millisecond()))
    };
    reset().unwrap_or(now + 31 * DAY)
}

/// Whether a strategy may want events of a sport with a key such as `soccer_epl`.
fn wants_sport(filter: &MarketFilter, key: &str) -> bool {
    let sport = match key.split('_').next().unwrap_or_default() {
        "soccer" => "1",
        "americanfootball" => sport_id("american_football"),
        other => sport_id(other),
    };
    let free_or = |list: &[String], holds: &dyn Fn(&String) -> bool| {
        list.is_empty() || list.iter().any(holds)
    };
    free_or(&filter.venues, &|venue| {
        venue.eq_ignore_ascii_case("bookmakers")
    }) && free_or(&filter.sports, &|wanted| sport_id(wanted) == sport)
        && filter.countries.is_empty()
        && filter.courses.is_empty()
        && filter.bsp != Some(true)
        && filter.in_play != Some(true)
}

fn wants_market(filter: &MarketFilter, key: &str) -> bool {
    filter.types.is_empty()
        || filter.types.iter().any(|kind| {
            let kind = kind.to_uppercase();
            match key {
                "h2h" => kind == "MATCH_ODDS",
                "spreads" => kind == "ASIAN_HANDICAP",
                "totals" => kind.starts_with("OVER_UNDER_") || kind == "ALT_TOTAL_GOALS",
                "btts" => kind == "BOTH_TEAMS_TO_SCORE",
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first of November 2026.
    const START: TimeMs = TimeMs(1_793_491_200_000);

    fn pace() -> Pace {
        Pace {
            fastest_ms: MINUTE,
            slowest_ms: 360 * MINUTE,
            events_ms: 60 * MINUTE,
            scores_ms: 10 * MINUTE,
            over_after_ms: 105 * MINUTE,
            floor: 20,
            regions: 1,
            reset_day: 1,
        }
    }

    fn own(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn filter(types: &[&str]) -> MarketFilter {
        MarketFilter {
            types: own(types),
            ..MarketFilter::default()
        }
    }

    fn event(id: &str, starts_at: TimeMs) -> Event {
        Event {
            id: id.to_owned(),
            sport: "soccer_epl".to_owned(),
            league: None,
            starts_at,
            home: "Ham".to_owned(),
            away: "Egg".to_owned(),
            books: Vec::new(),
        }
    }

    fn plan(types: &[&str], pace: Pace) -> Plan {
        let mut plan = Plan::new(pace);
        let markets = own(&["h2h", "totals", "btts"]);
        plan.want(&own(&["soccer_epl"]), &markets, &[filter(types)]);
        plan
    }

    /// Follows the plan against a shop with so many credits; gives what it asked, and what was left at the end.
    fn follow(
        plan: &mut Plan,
        mut left: u64,
        starts: &[i64],
        until: i64,
    ) -> (Vec<(TimeMs, Question)>, u64) {
        let mut asked = Vec::new();
        let mut now = START;
        while let Some((at, question)) = plan.next(now) {
            if at > START + until {
                break;
            }
            now = at;
            let cost = question.cost(plan.pace.regions);
            plan.ask(&question, now);
            assert!(cost <= left, "credits are spent that are not there");
            left -= cost;
            let all = starts
                .iter()
                .enumerate()
                .map(|(n, at)| event(&n.to_string(), START + *at));
            let listing = match &question {
                Question::Events(_) => {
                    Listing::Events(all.filter(|event| event.starts_at > now).collect())
                }
                Question::Scores(_) => Listing::Scores(
                    all.map(|event| super::super::Score {
                        completed: now - event.starts_at > 110 * MINUTE,
                        points: Some((1, 0)),
                        event,
                    })
                    .collect(),
                ),
                _ => Listing::Nothing,
            };
            let usage = Usage {
                remaining: Some(left),
                used: None,
                last: Some(cost),
            };
            plan.hear(&question, usage, &listing, now);
            asked.push((now, question));
        }
        (asked, left)
    }

    #[test]
    fn credits_are_looked_at_before_any_is_spent() {
        let mut plan = plan(&["MATCH_ODDS"], pace());
        assert_eq!(plan.next(START), Some((START, Question::Sports)));
        plan.ask(&Question::Sports, START);
        // No answer: it is asked again, and still nothing is spent.
        assert_eq!(plan.next(START), Some((START + MINUTE, Question::Sports)));
    }

    #[test]
    fn only_what_strategies_want_is_asked_for() {
        let odds = |types: &[&str]| {
            let (asked, _) = follow(
                &mut plan(types, pace()),
                10_000,
                &[60 * MINUTE],
                30 * MINUTE,
            );
            let priced = asked
                .into_iter()
                .filter_map(|(_, question)| match question {
                    Question::Odds(_, markets) | Question::EventOdds(_, _, markets) => {
                        Some(markets)
                    }
                    _ => None,
                });
            priced
                .flatten()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(odds(&["MATCH_ODDS"]), ["h2h"]);
        assert_eq!(
            odds(&["over_under_25", "BOTH_TEAMS_TO_SCORE"]),
            ["btts", "totals"]
        );
        assert_eq!(odds(&[]), ["btts", "h2h", "totals"]);
        assert_eq!(odds(&["WIN"]), [""; 0]);
    }

    #[test]
    fn it_is_asked_more_often_near_the_start_and_not_after() {
        let (asked, _) = follow(
            &mut plan(&["MATCH_ODDS"], pace()),
            100_000,
            &[600 * MINUTE],
            700 * MINUTE,
        );
        let odds: Vec<i64> = asked
            .iter()
            .filter(|(_, question)| matches!(question, Question::Odds(..)))
            .map(|(at, _)| (*at - START) / MINUTE)
            .collect();
        let within =
            |range: std::ops::Range<i64>| odds.iter().filter(|at| range.contains(at)).count();
        assert_eq!(within(580..600), 20);
        assert!(within(0..60) <= 3 && within(600..700) == 0, "{odds:?}");
    }

    #[test]
    fn nobody_is_asked_before_strategies_want_it() {
        let mut plan = Plan::new(Pace {
            slowest_ms: 5 * MINUTE,
            ..pace()
        });
        let late = MarketFilter {
            seconds_to_start: Some(0..=600),
            ..filter(&["MATCH_ODDS"])
        };
        plan.want(&own(&["soccer_epl"]), &own(&["h2h"]), &[late]);
        let (asked, _) = follow(&mut plan, 1_000, &[600 * MINUTE], 600 * MINUTE);
        let first = asked
            .iter()
            .find(|(_, question)| matches!(question, Question::Odds(..)))
            .unwrap();
        assert_eq!((first.0 - START) / MINUTE, 585);
    }

    #[test]
    fn a_month_of_matches_is_made_to_last() {
        let starts: Vec<i64> = (0..120)
            .map(|n| (n / 4) * DAY + (14 + n % 4) * 60 * MINUTE)
            .collect();
        let (asked, left) = follow(&mut plan(&["MATCH_ODDS"], pace()), 500, &starts, 29 * DAY);
        assert!(left >= 20, "{left}");
        let spending = |(_, question): &&(TimeMs, Question)| question.cost(1) > 0;
        let last = asked.iter().rfind(spending).unwrap().0;
        assert!(
            last - START > 27 * DAY,
            "the credits are gone on day {}",
            (last - START) / DAY
        );
        assert!(left < 200, "{left} credits are wasted");
    }

    #[test]
    fn a_month_that_is_used_up_is_waited_for() {
        let mut plan = plan(&["MATCH_ODDS"], pace());
        follow(&mut plan, 100, &[60 * MINUTE], MINUTE);
        plan.rest(START + DAY);
        let december = TimeMs::parse("2026-12-01T00:00:00Z").unwrap();
        assert_eq!(
            plan.next(START + 2 * DAY),
            Some((december, Question::Sports))
        );
        assert_eq!(plan.next(december), Some((december, Question::Sports)));
        assert_eq!(plan.credits(december).remaining, None);
    }

    #[test]
    fn what_is_refused_for_good_is_not_asked_again() {
        let mut plan = plan(&["MATCH_ODDS"], pace());
        plan.bar(&Question::Odds("soccer_epl".to_owned(), own(&["h2h"])));
        let (asked, left) = follow(&mut plan, 100, &[60 * MINUTE], 50 * MINUTE);
        assert_eq!((left, asked.len()), (100, 2));
    }

    proptest! {
        #[test]
        fn the_floor_is_never_passed(left in 0_u64..400, floor in 0_u64..100, regions in 1_u64..5,
            starts in proptest::collection::vec(0_i64..DAY, 0..10)) {
            let mut plan = plan(&[], Pace { floor, regions, ..pace() });
            let (_, after) = follow(&mut plan, left, &starts, 2 * DAY);
            prop_assert!(after >= floor.min(left), "{after}");
        }
    }
}
