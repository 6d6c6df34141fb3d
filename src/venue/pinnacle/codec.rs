//! Answers of Pinnacle about leagues, fixtures, odds and results, as they are recorded and as values.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::market::{TimeMs, sport_id};
use crate::venue::{DecodeError, answer};

/// What a recorded answer begins with.
pub const MARK: &[u8] = br#"{"op":"pinnacle","#;

/// The period that is the whole match.
const MATCH: i64 = 0;

/// An answer as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When it came.
    pub at: TimeMs,
    /// What was asked.
    pub path: String,
    /// With which parameters.
    pub query: String,
    /// HTTP status.
    pub status: u16,
    /// The body as it came.
    pub body: Vec<u8>,
}

/// What an answer lists. `last` is where the next question goes on; `None` if nothing has changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Listing {
    /// The leagues of a sport.
    Leagues(Vec<League>),
    /// Fixtures that are new or changed, or all.
    Fixtures {
        /// Its number of the sport.
        sport: u32,
        /// Where to go on.
        last: Option<u64>,
        /// The fixtures.
        fixtures: Vec<Fixture>,
    },
    /// Odds that changed, or all.
    Odds {
        /// Its number of the sport.
        sport: u32,
        /// Whether these are all odds of the sport; else only what changed.
        is_whole: bool,
        /// Where to go on.
        last: Option<u64>,
        /// The events.
        events: Vec<Priced>,
    },
    /// Results.
    Settled {
        /// Where to go on.
        last: Option<u64>,
        /// The results.
        results: Vec<Result>,
    },
    /// Nothing of the kind: an answer that says why there is none.
    Nothing,
}

impl Listing {
    /// Where the next question goes on.
    #[must_use]
    pub const fn last(&self) -> Option<u64> {
        match self {
            Self::Fixtures { last, .. } | Self::Odds { last, .. } | Self::Settled { last, .. } => {
                *last
            }
            Self::Leagues(_) | Self::Nothing => None,
        }
    }
}

/// A league.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct League {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whether the home side is the first team of bets and results; else the away side is.
    pub home_is_first: bool,
}

/// An event that two sides play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// Its number.
    pub id: i64,
    /// The number of its league.
    pub league: i64,
    /// The event before its start, of one that is under way.
    pub parent: Option<i64>,
    /// When it is due to start.
    pub starts_at: TimeMs,
    /// The home side.
    pub home: String,
    /// The other.
    pub away: String,
    /// Whether its odds are those of an event under way.
    pub is_live: bool,
    /// Whether it is about the score, and not about corners or bookings.
    pub is_regular: bool,
}

/// An event with its odds.
#[derive(Clone, Debug, PartialEq)]
pub struct Priced {
    /// Its number.
    pub event: i64,
    /// The number of its league.
    pub league: i64,
    /// The whole match; `None` if the answer does not hold it.
    pub period: Option<Period>,
}

/// The odds of the whole match. What is not in here is not offered.
#[derive(Clone, Debug, PartialEq)]
pub struct Period {
    /// Whether bets are taken.
    pub is_open: bool,
    /// Until when.
    pub cutoff: Option<TimeMs>,
    /// Home, away, and the draw where there is one.
    pub moneyline: Option<(f64, f64, Option<f64>)>,
    /// The most that is taken on that, as a volume.
    pub max_moneyline: Option<f64>,
    /// When it changed.
    pub moneyline_at: Option<TimeMs>,
    /// Home and away with a handicap.
    pub spreads: Vec<Spread>,
    /// When they changed.
    pub spreads_at: Option<TimeMs>,
    /// Over and under.
    pub totals: Vec<Total>,
    /// When they changed.
    pub totals_at: Option<TimeMs>,
}

/// Home and away with a handicap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Given to the home side, in hundredths.
    pub line: i32,
    /// Home.
    pub home: f64,
    /// Away.
    pub away: f64,
    /// The most that is taken, as a volume.
    pub max: Option<f64>,
}

/// Over and under a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Total {
    /// The line, in hundredths.
    pub line: i32,
    /// Over.
    pub over: f64,
    /// Under.
    pub under: f64,
    /// The most that is taken, as a volume.
    pub max: Option<f64>,
}

/// Which side of a bet, in the venue's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first team.
    First,
    /// The second.
    Second,
    /// Neither.
    Draw,
    /// More.
    Over,
    /// Fewer.
    Under,
}

/// What an event came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Result {
    /// Its number.
    pub event: i64,
    /// The score of the first team and the second; `None` if it does not count.
    pub score: Option<(u32, u32)>,
    /// The venue's number of this settlement.
    pub settlement: i64,
}

/// Why the venue does not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ApiError {
    /// A word that never changes, such as `TOO_MANY_REQUESTS`.
    #[serde(default)]
    pub code: Option<String>,
    /// What it says.
    #[serde(default)]
    pub message: Option<String>,
}

impl ApiError {
    /// Reads it from a body; empty if that says nothing of the kind.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }
}

/// The sport of a market definition, of the venue's number.
#[must_use]
pub fn sport_of(sport: u32) -> String {
    let name = match sport {
        29 => "football",
        33 => "tennis",
        17 => "golf",
        8 => "cricket",
        4 => "basketball",
        15 => "american_football",
        3 => "baseball",
        19 => "ice_hockey",
        other => return format!("pinnacle-{other}"),
    };
    sport_id(name).to_owned()
}

/// What is written around a body.
#[derive(Serialize, Deserialize)]
struct Frame {
    at: i64,
    path: String,
    query: String,
    status: u16,
}

impl Answer {
    /// As it is recorded.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        let frame = Frame {
            at: self.at.0,
            path: self.path.clone(),
            query: self.query.clone(),
            status: self.status,
        };
        answer::line(MARK, &frame, &self.body)
    }

    /// Reads a recorded answer.
    ///
    /// # Errors
    /// If the line is not one.
    pub fn read(line: &[u8]) -> std::result::Result<(Self, Value), DecodeError> {
        let (frame, body): (Frame, Value) = answer::read(line)?;
        let answer = Self {
            at: TimeMs(frame.at),
            path: frame.path,
            query: frame.query,
            status: frame.status,
            body: Vec::new(),
        };
        Ok((answer, body))
    }

    /// What a body lists, by what was asked; and how many parts of it cannot be understood and were left out.
    #[must_use]
    pub fn listing(&self, body: &Value) -> (Listing, usize) {
        // Nothing new is an empty body.
        if self.status != 200 || !body.is_object() {
            return (Listing::Nothing, 0);
        }
        let mut reading = Reading { lost: 0 };
        let last = body.get("last").and_then(Value::as_u64);
        let sport = answer::parameter(&self.query, "sportId").and_then(|id| id.parse().ok());
        let listing = match (self.path.as_str(), sport) {
            ("/v2/leagues", Some(_)) => Listing::Leagues(reading.leagues(body)),
            ("/v1/fixtures", Some(sport)) => Listing::Fixtures {
                sport,
                last,
                fixtures: reading.fixtures(body),
            },
            ("/v2/odds", Some(sport)) => Listing::Odds {
                sport,
                is_whole: answer::parameter(&self.query, "since").is_none(),
                last,
                events: reading.odds(body),
            },
            ("/v1/fixtures/settled", Some(_)) => Listing::Settled {
                last,
                results: reading.results(body),
            },
            _ => Listing::Nothing,
        };
        (listing, reading.lost)
    }
}

/// Reads lists part by part, and counts what cannot be read.
struct Reading {
    lost: usize,
}

impl Reading {
    fn list<T>(
        &mut self,
        value: Option<&Value>,
        mut read: impl FnMut(&mut Self, &Value) -> Option<T>,
    ) -> Vec<T> {
        let list = match value {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.lost += 1;
                return Vec::new();
            }
        };
        let mut all = Vec::with_capacity(list.len());
        for value in list {
            match read(self, value) {
                Some(part) => all.push(part),
                None => self.lost += 1,
            }
        }
        all
    }

    fn leagues(&mut self, body: &Value) -> Vec<League> {
        self.list(body.get("leagues"), |_, league| {
            let home_is_first = match text(league, "homeTeamType")? {
                "Team1" => true,
                "Team2" => false,
                _ => return None,
            };
            Some(League {
                id: id(league, "id")?,
                name: text(league, "name")?.to_owned(),
                home_is_first,
            })
        })
    }

    fn fixtures(&mut self, body: &Value) -> Vec<Fixture> {
        // This one answer says `league` where all others say `leagues`.
        let leagues = body.get("league").or_else(|| body.get("leagues"));
        let by_league = self.list(leagues, |reading, value| {
            let league = id(value, "id")?;
            Some(reading.list(value.get("events"), |_, event| fixture(event, league)))
        });
        by_league.into_iter().flatten().collect()
    }

    fn odds(&mut self, body: &Value) -> Vec<Priced> {
        let by_league = self.list(body.get("leagues"), |reading, value| {
            let league = id(value, "id")?;
            Some(reading.list(value.get("events"), |reading, event| {
                let number = id(event, "id")?;
                let periods = reading.list(event.get("periods"), |reading, period| {
                    let number = period.get("number").and_then(Value::as_i64)?;
                    Some((number == MATCH).then(|| reading.period(period)))
                });
                Some(Priced {
                    event: number,
                    league,
                    period: periods.into_iter().flatten().next(),
                })
            }))
        });
        by_league.into_iter().flatten().collect()
    }

    fn period(&mut self, value: &Value) -> Period {
        let moneyline = value.get("moneyline").filter(|line| line.is_object());
        let moneyline = moneyline.and_then(|line| {
            let draw = match line.get("draw") {
                None | Some(Value::Null) => None,
                Some(_) => Some(odds(line, "draw")?),
            };
            let read = odds(line, "home").zip(odds(line, "away"));
            if read.is_none() {
                self.lost += 1;
            }
            read.map(|(home, away)| (home, away, draw))
        });
        let max = |line: &Value, of_period: &str| {
            figure(line, "max").or_else(|| figure(value, of_period))
        };
        Period {
            is_open: value.get("status").and_then(Value::as_i64) == Some(1),
            cutoff: time(value, "cutoff"),
            moneyline,
            max_moneyline: figure(value, "maxMoneyline"),
            moneyline_at: time(value, "moneylineUpdatedAt"),
            spreads: self.list(value.get("spreads"), |_, line| {
                Some(Spread {
                    line: hundredths(line, "hdp")?,
                    home: odds(line, "home")?,
                    away: odds(line, "away")?,
                    max: max(line, "maxSpread"),
                })
            }),
            spreads_at: time(value, "spreadUpdatedAt"),
            totals: self.list(value.get("totals"), |_, line| {
                Some(Total {
                    line: hundredths(line, "points").filter(|line| *line >= 0)?,
                    over: odds(line, "over")?,
                    under: odds(line, "under")?,
                    max: max(line, "maxTotal"),
                })
            }),
            totals_at: time(value, "totalUpdatedAt"),
        }
    }

    fn results(&mut self, body: &Value) -> Vec<Result> {
        let by_league = self.list(body.get("leagues"), |reading, value| {
            Some(reading.list(value.get("events"), |reading, event| {
                let number = id(event, "id")?;
                let periods =
                    reading.list(event.get("periods"), |_, period| result(number, period));
                // Of a match that was settled anew the last word counts.
                Some(periods.into_iter().flatten().max_by_key(|r| r.settlement))
            }))
        });
        by_league.into_iter().flatten().flatten().collect()
    }
}

/// `Some(None)` is a period other than the whole match.
fn result(event: i64, period: &Value) -> Option<Option<Result>> {
    let number = period.get("number").and_then(Value::as_i64)?;
    if number != MATCH {
        return Some(None);
    }
    let score = |key: &str| {
        let score = period.get(key).and_then(Value::as_u64)?;
        u32::try_from(score).ok()
    };
    let score = match period.get("status").and_then(Value::as_i64)? {
        // Settled, and settled anew.
        1 | 2 => Some((score("team1Score")?, score("team2Score")?)),
        // Called off, settled anew as called off, deleted.
        3..=5 => None,
        _ => return None,
    };
    Some(Some(Result {
        event,
        score,
        settlement: period
            .get("settlementId")
            .and_then(Value::as_i64)
            .unwrap_or_default(),
    }))
}

fn fixture(event: &Value, league: i64) -> Option<Fixture> {
    let name = |key: &str| text(event, key).filter(|name| !name.is_empty());
    let unit = text(event, "resultingUnit");
    Some(Fixture {
        id: id(event, "id")?,
        league,
        parent: id(event, "parentId"),
        starts_at: time(event, "starts")?,
        home: name("home")?.to_owned(),
        away: name("away")?.to_owned(),
        is_live: event.get("liveStatus").and_then(Value::as_i64) == Some(1),
        is_regular: unit.is_none_or(|unit| unit.eq_ignore_ascii_case("regular")),
    })
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// Numbers of things are over zero.
fn id(value: &Value, key: &str) -> Option<i64> {
    value.get(key).and_then(Value::as_i64).filter(|id| *id > 0)
}

fn figure(value: &Value, key: &str) -> Option<f64> {
    value
        .get(key)
        .and_then(Value::as_f64)
        .filter(|figure| figure.is_finite() && *figure >= 0.0)
}

/// Decimal odds that win something.
fn odds(value: &Value, key: &str) -> Option<f64> {
    figure(value, key).filter(|odds| *odds > 1.0 && *odds <= 10_000.0)
}

fn hundredths(value: &Value, key: &str) -> Option<i32> {
    answer::hundredths(value.get(key).and_then(Value::as_f64)?)
}

/// An instant; without an offset it is Greenwich time.
fn time(value: &Value, key: &str) -> Option<TimeMs> {
    let text = text(value, key)?;
    TimeMs::parse(text)
        .or_else(|_| TimeMs::parse(&format!("{text}Z")))
        .ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIXTURES: &str = r#"{"sportId":29,"last":41,"league":[{"id":1980,"name":"EPL","events":[
{"id":1001,"starts":"2026-08-22T14:00:00Z","home":"Ham","away":"Egg","rotNum":"1","liveStatus":2,"status":"O","resultingUnit":"Regular"},
{"id":1002,"parentId":1001,"starts":"2026-08-22T14:00:00Z","home":"Ham","away":"Egg","liveStatus":1},
{"id":1003,"starts":"2026-08-22T14:00:00Z","home":"Ham (Corners)","away":"Egg (Corners)","resultingUnit":"Corners"},
{"id":1004,"starts":"tea time","home":"a","away":"b"}]}]}"#;
    const ODDS: &str = r#"{"sportId":29,"last":77,"leagues":[{"id":1980,"events":[{"id":1001,"periods":[
{"lineId":9,"number":0,"cutoff":"2026-08-22T14:00:00Z","status":1,"maxSpread":2500,"maxMoneyline":1000,"moneylineUpdatedAt":"2026-08-22T09:00:00",
"moneyline":{"home":2.1,"away":3.6,"draw":3.4},"spreads":[{"hdp":-0.25,"home":1.9,"away":2.0},{"altLineId":5,"hdp":0,"home":1.5,"away":2.6,"max":300},{"hdp":0.1234,"home":1.5,"away":2.6}],
"totals":[{"points":2.5,"over":1.95,"under":1.93}]},{"number":1,"status":2}]},{"id":1005,"periods":[{"number":1}]}]}]}"#;
    const SETTLED: &str = r#"{"sportId":29,"last":5,"leagues":[{"id":1980,"events":[
{"id":1001,"periods":[{"number":0,"status":1,"settlementId":7,"team1Score":2,"team2Score":1},{"number":0,"status":2,"settlementId":8,"team1Score":2,"team2Score":2},{"number":1,"status":1}]},
{"id":1006,"periods":[{"number":0,"status":5,"settlementId":9}]}]}]}"#;

    fn answer(path: &str, query: &str, body: &str) -> Answer {
        Answer {
            at: TimeMs(17),
            path: path.to_owned(),
            query: query.to_owned(),
            status: 200,
            body: body.as_bytes().to_vec(),
        }
    }

    fn listed(path: &str, query: &str, body: &str) -> (Listing, usize) {
        let made = answer(path, query, body);
        assert!(made.line().starts_with(MARK) && !made.line().contains(&b'\n'));
        let (read, body) = Answer::read(&made.line()).unwrap();
        assert_eq!((read.at, &read.path), (made.at, &made.path));
        read.listing(&body)
    }

    #[test]
    fn fixtures_say_what_is_under_way_and_what_is_no_score() {
        let (listing, 1) = listed("/v1/fixtures", "sportId=29", FIXTURES) else {
            panic!("one has no time");
        };
        let Listing::Fixtures {
            sport: 29,
            last: Some(41),
            fixtures,
        } = listing
        else {
            panic!("fixtures");
        };
        let flags: Vec<_> = fixtures
            .iter()
            .map(|f| (f.id, f.parent, f.is_live, f.is_regular))
            .collect();
        let expected = [
            (1001, None, false, true),
            (1002, Some(1001), true, true),
            (1003, None, false, false),
        ];
        assert_eq!(flags, expected);
    }

    #[test]
    fn odds_are_those_of_the_whole_match() {
        let (listing, lost) = listed("/v2/odds", "sportId=29&since=70", ODDS);
        let Listing::Odds {
            is_whole: false,
            last: Some(77),
            events,
            ..
        } = listing
        else {
            panic!("odds");
        };
        assert_eq!(lost, 1, "a line that no market can have");
        let [first, second] = &events[..] else {
            panic!("two events")
        };
        let period = first.period.as_ref().unwrap();
        assert!(period.is_open && second.period.is_none());
        assert_eq!(period.moneyline, Some((2.1, 3.6, Some(3.4))));
        assert_eq!(
            period.moneyline_at,
            Some(TimeMs::parse("2026-08-22T09:00:00Z").unwrap())
        );
        let lines: Vec<_> = period.spreads.iter().map(|s| (s.line, s.max)).collect();
        assert_eq!(lines, [(-25, Some(2500.0)), (0, Some(300.0))]);
        assert_eq!(period.totals[0].line, 250);
    }

    #[test]
    fn the_last_settlement_counts_and_a_deleted_event_has_no_score() {
        let (listing, 0) = listed("/v1/fixtures/settled", "sportId=29", SETTLED) else {
            panic!("all is understood");
        };
        let Listing::Settled { results, .. } = listing else {
            panic!("results")
        };
        let told: Vec<_> = results.iter().map(|r| (r.event, r.score)).collect();
        assert_eq!(told, [(1001, Some((2, 2))), (1006, None)]);
    }

    #[test]
    fn no_change_is_an_empty_body() {
        let (listing, _) = listed("/v2/odds", "sportId=29&since=70", "");
        assert_eq!(listing, Listing::Nothing);
        let (listing, _) = listed("/v2/odds", "sportId=29&since=70", r#"{"leagues":[]}"#);
        assert_eq!(listing.last(), None);
    }

    proptest! {
        #[test]
        fn no_change_of_a_good_answer_makes_it_panic(at in 0..400_usize, with in any::<u8>(), cut in 0..900_usize) {
            for (path, good) in [("/v1/fixtures", FIXTURES), ("/v2/odds", ODDS), ("/v1/fixtures/settled", SETTLED)] {
                let mut body = good.as_bytes().to_vec();
                let at = at % body.len();
                body[at] = with;
                body.truncate(cut + 1);
                let made = Answer { body, ..answer(path, "sportId=29", "") };
                let (read, value) = Answer::read(&made.line()).unwrap();
                let _ = read.listing(&value);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok((read, value)) = Answer::read(&line) {
                let _ = read.listing(&value);
            }
        }
    }
}
