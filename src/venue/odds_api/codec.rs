//! Answers of The Odds API as they are recorded, one a line, and the values in them.
//!
//! A line holds the answer as it was received, what was asked, without the key, and when it came. Line ends within an answer are
//! the only thing that is changed: they mean nothing in JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::market::TimeMs;
use crate::venue::{DecodeError, answer};

/// What a recorded answer begins with.
pub const MARK: &[u8] = br#"{"op":"odds-api","#;

/// What is told about credits with an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Left until the month's reset.
    pub remaining: Option<u64>,
    /// Used since it.
    pub used: Option<u64>,
    /// What this answer cost.
    pub last: Option<u64>,
}

impl Usage {
    /// Reads the three headers. A figure that cannot be read is one that is not there.
    #[must_use]
    pub fn of(remaining: Option<&str>, used: Option<&str>, last: Option<&str>) -> Self {
        Self {
            // What is left is never taken for more than it is, what it cost never for less.
            remaining: remaining
                .and_then(figure)
                .map(|figure| whole(figure.floor())),
            used: used.and_then(figure).map(|figure| whole(figure.ceil())),
            last: last.and_then(figure).map(|figure| whole(figure.ceil())),
        }
    }
}

fn figure(text: &str) -> Option<f64> {
    let figure: f64 = text.trim().parse().ok()?;
    (figure.is_finite() && figure < 1e15).then(|| figure.max(0.0))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(figure: f64) -> u64 {
    figure as u64
}

/// An answer as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When it came.
    pub at: TimeMs,
    /// What was asked, from `/v4` on.
    pub path: String,
    /// With which parameters, without the key.
    pub query: String,
    /// HTTP status.
    pub status: u16,
    /// Quotes that were older than this when they came, in milliseconds, are to look at only.
    pub stale_ms: i64,
    /// What was told about credits with it.
    pub usage: Usage,
    /// The body as it came.
    pub body: Vec<u8>,
}

/// What an answer lists.
#[derive(Clone, Debug, PartialEq)]
pub enum Listing {
    /// Events without odds.
    Events(Vec<Event>),
    /// Odds.
    Odds(Odds),
    /// Scores.
    Scores(Vec<Score>),
    /// Nothing about events: sports, or an answer that says why there is none.
    Nothing,
}

/// Odds that were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Odds {
    /// The key of the sport.
    pub sport: String,
    /// Whether all of the sport's events were asked for; else only those listed.
    pub whole_sport: bool,
    /// The keys of the markets.
    pub markets: Vec<String>,
    /// The events.
    pub events: Vec<Event>,
}

/// An event, with what bookmakers offer if that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id, the same in all answers.
    pub id: String,
    /// The key of its sport.
    pub sport: String,
    /// The name of its league, where it is told.
    pub league: Option<String>,
    /// When it is due to start.
    pub starts_at: TimeMs,
    /// The home side.
    pub home: String,
    /// The other.
    pub away: String,
    /// What bookmakers offer.
    pub books: Vec<Book>,
}

/// What one bookmaker offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    /// Its key.
    pub key: String,
    /// By market.
    pub markets: Vec<Priced>,
}

/// A market of a bookmaker.
#[derive(Clone, Debug, PartialEq)]
pub struct Priced {
    /// Its key, such as `h2h`.
    pub key: String,
    /// When it was last seen at the bookmaker's, where that is told.
    pub updated_at: Option<TimeMs>,
    /// What can be backed.
    pub outcomes: Vec<Outcome>,
}

/// What can be backed.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Which.
    pub side: Side,
    /// Decimal odds.
    pub price: f64,
    /// The line, in hundredths, where there is one.
    pub line: Option<i32>,
    /// The most that is taken, where that is told.
    pub limit: Option<f64>,
}

/// Which side of a market is backed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The home side.
    Home,
    /// The other.
    Away,
    /// Neither.
    Draw,
    /// More.
    Over,
    /// Fewer.
    Under,
    /// It happens.
    Yes,
    /// It does not.
    No,
}

/// How an event stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Which.
    pub event: Event,
    /// Whether it is over.
    pub completed: bool,
    /// Points of the home side and the other, where they are told.
    pub points: Option<(u32, u32)>,
}

/// Why the API does not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// A word that never changes, such as `OUT_OF_USAGE_CREDITS`.
    #[serde(default)]
    pub error_code: Option<String>,
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

/// What is written around a body.
#[derive(Serialize, Deserialize)]
struct Frame {
    at: i64,
    path: String,
    query: String,
    status: u16,
    stale_ms: i64,
    usage: Usage,
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
            stale_ms: self.stale_ms,
            usage: self.usage,
        };
        answer::line(MARK, &frame, &self.body)
    }

    /// Reads a recorded answer.
    ///
    /// # Errors
    /// If the line is not one.
    pub fn read(line: &[u8]) -> Result<(Self, Value), DecodeError> {
        let (frame, body): (Frame, Value) = answer::read(line)?;
        let answer = Self {
            at: TimeMs(frame.at),
            path: frame.path,
            query: frame.query,
            status: frame.status,
            stale_ms: frame.stale_ms,
            usage: frame.usage,
            body: Vec::new(),
        };
        Ok((answer, body))
    }

    /// What a body lists, by what was asked; and how many parts of it cannot be understood and were left out.
    #[must_use]
    pub fn listing(&self, body: &Value) -> (Listing, usize) {
        let mut lost = 0;
        if self.status != 200 {
            return (Listing::Nothing, 0);
        }
        let parts: Vec<&str> = self.path.trim_matches('/').split('/').collect();
        let listing = match parts[..] {
            ["v4", "sports", _, "events"] => Listing::Events(events(body, &mut lost)),
            ["v4", "sports", _, "scores"] => Listing::Scores(scores(body, &mut lost)),
            ["v4", "sports", sport, "odds"] => Listing::Odds(Odds {
                sport: sport.to_owned(),
                whole_sport: self.parameter("eventIds").is_none(),
                markets: self.markets(),
                events: events(body, &mut lost),
            }),
            ["v4", "sports", sport, "events", _, "odds"] => Listing::Odds(Odds {
                sport: sport.to_owned(),
                whole_sport: false,
                markets: self.markets(),
                events: body
                    .is_object()
                    .then(|| event(body, &mut lost))
                    .flatten()
                    .into_iter()
                    .collect(),
            }),
            _ => Listing::Nothing,
        };
        (listing, lost)
    }

    fn markets(&self) -> Vec<String> {
        let asked = self.parameter("markets").unwrap_or("h2h");
        asked.split(',').map(str::to_owned).collect()
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        answer::parameter(&self.query, name)
    }
}

fn list(body: &Value, lost: &mut usize) -> Vec<Value> {
    match body {
        Value::Array(list) => list.clone(),
        Value::Null => Vec::new(),
        _ => {
            *lost += 1;
            Vec::new()
        }
    }
}

fn events(body: &Value, lost: &mut usize) -> Vec<Event> {
    let list = list(body, lost);
    list.iter().filter_map(|value| event(value, lost)).collect()
}

/// An event of two sides. Outrights have none, and are passed over in silence.
fn event(value: &Value, lost: &mut usize) -> Option<Event> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if value.is_object() && value.get("home_team").is_none_or(Value::is_null) {
        return None;
    }
    let read = || {
        Some(Event {
            id: text("id").filter(|id| is_id(id))?.to_owned(),
            sport: text("sport_key")?.to_owned(),
            league: text("sport_title").map(str::to_owned),
            starts_at: value.get("commence_time").and_then(time)?,
            home: text("home_team")
                .filter(|name| !name.is_empty())?
                .to_owned(),
            away: text("away_team")
                .filter(|name| !name.is_empty())?
                .to_owned(),
            books: Vec::new(),
        })
    };
    let Some(mut event) = read() else {
        *lost += 1;
        return None;
    };
    if let Some(books) = value.get("bookmakers") {
        let books = list(books, lost);
        event.books = books
            .iter()
            .filter_map(|value| book(value, &event, lost))
            .collect();
    }
    Some(event)
}

/// Ids become part of market ids: what could be mistaken for something else in one is none.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn book(value: &Value, event: &Event, lost: &mut usize) -> Option<Book> {
    let Some(key) = value.get("key").and_then(Value::as_str) else {
        *lost += 1;
        return None;
    };
    // Where a market does not say when it was seen, its bookmaker does.
    let seen = value.get("last_update").and_then(time);
    let markets = value.get("markets").unwrap_or(&Value::Null);
    let markets = list(markets, lost)
        .iter()
        .filter_map(|value| {
            let Some(key) = value.get("key").and_then(Value::as_str) else {
                *lost += 1;
                return None;
            };
            let outcomes = list(value.get("outcomes").unwrap_or(&Value::Null), lost);
            Some(Priced {
                key: key.to_owned(),
                updated_at: value.get("last_update").and_then(time).or(seen),
                outcomes: outcomes
                    .iter()
                    .filter_map(|value| outcome(value, event, lost))
                    .collect(),
            })
        })
        .collect();
    Some(Book {
        key: key.to_owned(),
        markets,
    })
}

fn outcome(value: &Value, event: &Event, lost: &mut usize) -> Option<Outcome> {
    let read = || {
        let name = value.get("name").and_then(Value::as_str)?;
        let price = value.get("price").and_then(Value::as_f64)?;
        let side = match name {
            name if name == event.home => Side::Home,
            name if name == event.away => Side::Away,
            "Draw" => Side::Draw,
            "Over" => Side::Over,
            "Under" => Side::Under,
            "Yes" => Side::Yes,
            "No" => Side::No,
            _ => return None,
        };
        let line = match value.get("point") {
            None | Some(Value::Null) => None,
            Some(point) => Some(answer::hundredths(point.as_f64()?)?),
        };
        // Odds of one and below win nothing, and American odds are over a hundred either way.
        (price > 1.0 && price <= 1_000.0).then_some(Outcome {
            side,
            price,
            line,
            limit: value.get("bet_limit").and_then(Value::as_f64),
        })
    };
    let found = read();
    *lost += usize::from(found.is_none());
    found
}

/// An instant as text, or in seconds since 1970.
fn time(value: &Value) -> Option<TimeMs> {
    match value {
        Value::String(text) => TimeMs::parse(text).ok(),
        Value::Number(seconds) => seconds.as_i64()?.checked_mul(1_000).map(TimeMs),
        _ => None,
    }
}

fn scores(body: &Value, lost: &mut usize) -> Vec<Score> {
    let list = list(body, lost);
    list.iter()
        .filter_map(|value| {
            let event = event(value, lost)?;
            Some(Score {
                completed: value.get("completed").and_then(Value::as_bool) == Some(true),
                points: points(value.get("scores"), &event),
                event,
            })
        })
        .collect()
}

fn points(scores: Option<&Value>, event: &Event) -> Option<(u32, u32)> {
    let scores = scores?.as_array()?;
    let of = |side: &str| {
        let mut named = scores
            .iter()
            .filter(|score| score.get("name").and_then(Value::as_str) == Some(side));
        let score = named.next()?.get("score")?;
        // Two scores of one side are none.
        if named.next().is_some() {
            return None;
        }
        match score {
            Value::String(text) => text.trim().parse().ok(),
            number => number.as_u64().and_then(|n| u32::try_from(n).ok()),
        }
    };
    Some((of(&event.home)?, of(&event.away)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &str = r#"[{"id":"0a1b","sport_key":"soccer_epl","sport_title":"EPL","commence_time":"2026-08-22T14:00:00Z",
"home_team":"Ham","away_team":"Egg","bookmakers":[{"key":"pinnacle","title":"P","last_update":"2026-08-22T09:00:05Z",
"markets":[{"key":"h2h","outcomes":[{"name":"Egg","price":3.6},{"name":"Ham","price":2.1},{"name":"Draw","price":3.4}]},
{"key":"totals","last_update":1787302000,"outcomes":[{"name":"Over","price":1.9,"point":2.5},{"name":"Tea","price":2}]}]}]}]"#;

    fn answer(path: &str, query: &str, body: &str) -> Answer {
        Answer {
            at: TimeMs(17),
            path: path.to_owned(),
            query: query.to_owned(),
            status: 200,
            stale_ms: 1,
            usage: Usage::default(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn listed(answer: &Answer) -> (Listing, usize) {
        let (read, body) = Answer::read(&answer.line()).unwrap();
        assert_eq!(
            (read.at, &read.path, &read.query),
            (answer.at, &answer.path, &answer.query)
        );
        read.listing(&body)
    }

    #[test]
    fn odds_are_read_by_the_names_of_the_sides() {
        let answer = answer(
            "/v4/sports/soccer_epl/odds",
            "regions=eu&markets=h2h,totals",
            BODY,
        );
        assert!(!answer.line().contains(&b'\n') && answer.line().starts_with(MARK));
        let (Listing::Odds(odds), 1) = listed(&answer) else {
            panic!("odds, and one outcome that nobody knows");
        };
        assert!(odds.whole_sport && odds.markets == ["h2h", "totals"]);
        let event = &odds.events[0];
        assert_eq!(
            event.starts_at,
            TimeMs::parse("2026-08-22T14:00:00Z").unwrap()
        );
        let [h2h, totals] = &event.books[0].markets[..] else {
            panic!("two markets");
        };
        let sides: Vec<_> = h2h.outcomes.iter().map(|outcome| outcome.side).collect();
        assert_eq!(sides, [Side::Away, Side::Home, Side::Draw]);
        assert_eq!(
            h2h.updated_at,
            Some(TimeMs::parse("2026-08-22T09:00:05Z").unwrap())
        );
        assert_eq!(totals.outcomes[0].line, Some(250));
        assert_eq!(totals.updated_at, Some(TimeMs(1_787_302_000_000)));
    }

    #[test]
    fn an_answer_that_is_no_json_is_kept_and_lists_nothing() {
        let page = Answer {
            status: 502,
            ..answer("/v4/sports/soccer_epl/odds", "", "<html>\n\"oops\"")
        };
        assert_eq!(listed(&page), (Listing::Nothing, 0));
        let page = answer("/v4/sports/soccer_epl/odds", "", "<html>");
        assert!(matches!(listed(&page), (Listing::Odds(odds), 1) if odds.events.is_empty()));
    }

    #[test]
    fn scores_need_both_sides_once_each() {
        let of = |completed: bool, scores: &str| {
            let body = format!(
                r#"[{{"id":"a","sport_key":"s","commence_time":1,"home_team":"Ham","away_team":"Egg","completed":{completed},"scores":{scores}}}]"#
            );
            let (Listing::Scores(scores), 0) = listed(&answer("/v4/sports/s/scores/", "", &body))
            else {
                panic!("scores");
            };
            (scores[0].completed, scores[0].points)
        };
        let both = r#"[{"name":"Egg","score":"1"},{"name":"Ham","score":"3"}]"#;
        assert_eq!(of(true, both), (true, Some((3, 1))));
        assert_eq!(of(false, "null"), (false, None));
        assert_eq!(of(true, r#"[{"name":"Ham","score":"3"}]"#), (true, None));
        let twice =
            r#"[{"name":"Egg","score":"1"},{"name":"Ham","score":"3"},{"name":"Ham","score":"4"}]"#;
        assert_eq!(of(true, twice), (true, None));
    }

    #[test]
    fn credits_are_read_leniently_and_on_the_safe_side() {
        let usage = Usage::of(Some("499.7"), Some("0.0"), Some("0.5"));
        assert_eq!(
            (usage.remaining, usage.used, usage.last),
            (Some(499), Some(0), Some(1))
        );
        assert_eq!(Usage::of(Some("many"), None, Some("NaN")), Usage::default());
        assert_eq!(Usage::of(Some("-3"), None, None).remaining, Some(0));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200), line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let made = Answer { body, ..answer("/v4/sports/s/odds", "markets=h2h", "") };
            let (read, value) = Answer::read(&made.line()).unwrap();
            let _ = read.listing(&value);
            if let Ok((read, value)) = Answer::read(&line) {
                let _ = read.listing(&value);
            }
        }

        #[test]
        fn whatever_is_answered_can_be_read_again(body in proptest::collection::vec(any::<u8>(), 0..40), depth in 0..200usize) {
            let nested = [vec![b'['; depth], vec![b']'; depth]].concat();
            for body in [body.clone(), nested, [b"\"", &body[..], b"\""].concat(), b"\"\\ud800\"".to_vec(), b"1e999".to_vec(), b"1,\"at\":2".to_vec()] {
                let made = Answer { body, ..answer("/v4/sports/s/odds", "", "") };
                let (read, _) = Answer::read(&made.line()).unwrap();
                prop_assert_eq!(read.at, made.at);
            }
        }

        #[test]
        fn no_change_of_a_good_answer_makes_it_panic(at in 0..BODY.len(), with in any::<u8>(), cut in 0..BODY.len()) {
            for path in ["/v4/sports/s/odds", "/v4/sports/s/scores", "/v4/sports/s/events/a/odds"] {
                let mut body = BODY.as_bytes().to_vec();
                body[at] = with;
                body.truncate(cut + 1);
                let made = Answer { body, ..answer(path, "", "") };
                let (read, value) = Answer::read(&made.line()).unwrap();
                let _ = read.listing(&value);
            }
        }
    }
}
