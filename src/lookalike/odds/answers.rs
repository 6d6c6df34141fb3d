//! What The Odds API says about the events of a shop, and what is wrong with a question.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Told;
use crate::market::{Books, Market, MarketStatus, Runner, TimeMs};

const REGIONS: [&str; 9] = ["us", "us2", "us_dfs", "us_ex", "uk", "eu", "fr", "se", "au"];
const FEATURED: [&str; 3] = ["h2h", "spreads", "totals"];
/// Markets that are told of one event at a time.
const OTHERS: [&str; 1] = ["btts"];
const DAY: i64 = 86_400_000;

/// The parameters of a question.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(text: &str) -> Self {
        Self(super::super::http::form(text.as_bytes()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn list(&self, name: &str) -> Option<Vec<&str>> {
        self.get(name)
            .filter(|text| !text.is_empty())
            .map(|text| text.split(',').collect())
    }
}

/// An event with its markets by key.
struct Event<'a> {
    id: String,
    sport: String,
    starts_at: TimeMs,
    home: String,
    away: String,
    markets: Vec<&'a Market>,
}

pub(super) fn tell(books: &Books, path: &str, query: &Query, now: TimeMs) -> Told {
    let all = events(books);
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let known = |sport: &str| all.iter().any(|event| event.sport == sport);
    let of = |sport: &str| {
        let sport = sport.to_owned();
        all.iter().filter(move |event| event.sport == sport)
    };
    match parts[..] {
        ["v4", "sports"] => free(sports(&all)),
        ["v4", "sports", sport, ..] if !known(sport) => {
            Told::error(404, "UNKNOWN_SPORT", "Unknown sport")
        }
        ["v4", "sports", sport, "events"] => {
            let listed = of(sport).filter(|event| !event.is_over());
            free(listed.map(|event| event.head(query)).collect())
        }
        ["v4", "sports", sport, "scores"] => scores(of(sport), query, now),
        ["v4", "sports", sport, "odds"] => match Asked::read(query, &FEATURED) {
            Err(told) => told,
            Ok(asked) => {
                let ids = query.list("eventIds");
                let listed = of(sport).filter(|event| !event.is_over()).filter(|event| {
                    ids.as_ref()
                        .is_none_or(|ids| ids.contains(&event.id.as_str()))
                });
                let body: Vec<Value> = listed.map(|event| event.odds(query, &asked).0).collect();
                let cost = match body.is_empty() {
                    true => 0,
                    false => asked.regions * asked.markets.len() as u64,
                };
                Told {
                    status: 200,
                    body: Value::Array(body),
                    cost,
                }
            }
        },
        ["v4", "sports", sport, "events", id, "odds"] => {
            let found = of(sport).find(|event| event.id == id && !event.is_over());
            match (
                found,
                Asked::read(query, &[&FEATURED[..], &OTHERS].concat()),
            ) {
                (None, _) => Told::error(404, "EVENT_NOT_FOUND", "Event not found"),
                (_, Err(told)) => told,
                (Some(event), Ok(asked)) => {
                    let (body, markets) = event.odds(query, &asked);
                    let cost = asked.regions * markets;
                    Told {
                        status: 200,
                        body,
                        cost,
                    }
                }
            }
        }
        _ => Told {
            status: 404,
            body: json!({ "message": "Not found" }),
            cost: 0,
        },
    }
}

fn free(list: Vec<Value>) -> Told {
    Told {
        status: 200,
        body: Value::Array(list),
        cost: 0,
    }
}

/// What of odds is asked for.
struct Asked<'q> {
    markets: Vec<&'q str>,
    books: Option<Vec<&'q str>>,
    regions: u64,
}

impl<'q> Asked<'q> {
    fn read(query: &'q Query, known: &[&str]) -> Result<Self, Told> {
        let books = query.list("bookmakers");
        let regions = match (&books, query.list("regions")) {
            (Some(books), _) => books.len().div_ceil(10) as u64,
            (None, None) => {
                let message = "Missing one of the required parameters: regions, bookmakers";
                return Err(Told::error(422, "MISSING_REGION", message));
            }
            (None, Some(regions)) => {
                let wrong: Vec<&str> = regions
                    .iter()
                    .filter(|key| !REGIONS.contains(key))
                    .copied()
                    .collect();
                if !wrong.is_empty() {
                    let message = format!("Invalid regions: {}", wrong.join(", "));
                    return Err(Told::error(422, "INVALID_REGION", &message));
                }
                regions.len() as u64
            }
        };
        let markets = query.list("markets").unwrap_or_else(|| vec!["h2h"]);
        let wrong: Vec<&str> = markets
            .iter()
            .filter(|key| !known.contains(key))
            .copied()
            .collect();
        if !wrong.is_empty() {
            let message = format!("Invalid markets: {}", wrong.join(", "));
            return Err(Told::error(422, "INVALID_MARKET", &message));
        }
        let format = query.get("oddsFormat").unwrap_or("decimal");
        if !["decimal", "american"].contains(&format) {
            return Err(Told::error(
                422,
                "INVALID_ODDS_FORMAT",
                "Invalid oddsFormat",
            ));
        }
        Ok(Self {
            markets,
            books,
            regions,
        })
    }
}

fn sports(all: &[Event<'_>]) -> Vec<Value> {
    let keys: BTreeSet<&str> = all.iter().map(|event| event.sport.as_str()).collect();
    keys.into_iter()
        .map(|key| {
            json!({ "key": key, "group": "Soccer", "title": key, "description": key, "active": true,
                    "has_outrights": false })
        })
        .collect()
}

fn scores<'e>(events: impl Iterator<Item = &'e Event<'e>>, query: &Query, now: TimeMs) -> Told {
    let days = match query.get("daysFrom") {
        None => None,
        Some(days) => match days.parse::<i64>() {
            Ok(days @ 1..=3) => Some(days),
            _ => {
                return Told::error(422, "INVALID_SCORES_DAYS_FROM", "daysFrom must be 1 to 3");
            }
        },
    };
    let since = days.map_or(now, |days| now + -days * DAY);
    let told: Vec<Value> = events
        .filter(|event| !event.is_over() || (days.is_some() && event.starts_at >= since))
        .map(|event| event.score(query))
        .collect();
    let cost = match (told.is_empty(), days) {
        (true, _) => 0,
        (false, None) => 1,
        (false, Some(_)) => 2,
    };
    Told {
        status: 200,
        body: Value::Array(told),
        cost,
    }
}

/// The events of all markets. Those whose sides are not known by name are none.
fn events(books: &Books) -> Vec<Event<'_>> {
    let mut by_id: BTreeMap<&str, Vec<&Market>> = BTreeMap::new();
    for market in books.iter() {
        let of_event = by_id.entry(&market.definition.event_id).or_default();
        of_event.push(market);
    }
    let mut all: Vec<Event<'_>> = by_id
        .into_iter()
        .filter_map(|(id, markets)| {
            let first = &markets.first()?.definition;
            let (home, away) = first.event_name.as_deref()?.split_once(" v ")?;
            Some(Event {
                id: blake3::hash(id.as_bytes()).to_hex()[..32].to_owned(),
                sport: sport(first.competition.as_deref()?),
                starts_at: first.market_time,
                home: home.to_owned(),
                away: away.to_owned(),
                markets,
            })
        })
        .collect();
    all.sort_by(|a, b| (a.starts_at, &a.id).cmp(&(b.starts_at, &b.id)));
    all
}

/// The key of a league of season files, or a key as it is.
fn sport(league: &str) -> String {
    let known = match league {
        "E0" => "epl",
        "E1" => "efl_champ",
        "E2" => "england_league1",
        "E3" => "england_league2",
        "D1" => "germany_bundesliga",
        "SP1" => "spain_la_liga",
        "I1" => "italy_serie_a",
        "F1" => "france_ligue_one",
        key if key.starts_with("soccer_") => return key.to_owned(),
        other => return format!("soccer_{}", other.to_lowercase()),
    };
    format!("soccer_{known}")
}

impl Event<'_> {
    fn is_over(&self) -> bool {
        let closed = |market: &&Market| market.status() == MarketStatus::Closed;
        self.markets.iter().all(closed)
    }

    fn head(&self, query: &Query) -> Value {
        json!({
            "id": self.id,
            "sport_key": self.sport,
            "sport_title": self.sport,
            "commence_time": instant(self.starts_at, query),
            "home_team": self.home,
            "away_team": self.away,
        })
    }

    fn score(&self, query: &Query) -> Value {
        let mut told = self.head(query);
        let score = self
            .markets
            .iter()
            .find_map(|market| market.definition.score);
        told["completed"] = json!(self.is_over());
        told["last_update"] = Value::Null;
        told["scores"] = match score {
            None => Value::Null,
            Some(score) => json!([
                { "name": self.home, "score": score.home.to_string() },
                { "name": self.away, "score": score.away.to_string() },
            ]),
        };
        told
    }

    /// The event with its odds, and how many different markets are among them.
    fn odds(&self, query: &Query, asked: &Asked<'_>) -> (Value, u64) {
        let mut books: BTreeMap<&str, BTreeMap<&str, (TimeMs, Vec<Value>)>> = BTreeMap::new();
        let mut kinds = BTreeSet::new();
        for market in &self.markets {
            let Some(key) = key(&market.definition.market_type) else {
                continue;
            };
            if !asked.markets.contains(&key) || market.status() != MarketStatus::Open {
                continue;
            }
            for runner in &market.runners {
                let quotes = runner.quotes.iter().filter(|quote| quote.is_for_bets());
                for quote in quotes {
                    let book = quote.book.as_str();
                    if asked
                        .books
                        .as_ref()
                        .is_some_and(|only| !only.contains(&book))
                    {
                        continue;
                    }
                    kinds.insert(key);
                    let (seen, outcomes) = books
                        .entry(book)
                        .or_default()
                        .entry(key)
                        .or_insert_with(|| (quote.updated_at, Vec::new()));
                    *seen = (*seen).max(quote.updated_at);
                    outcomes.push(self.outcome(market, runner, quote.price.to_f64(), query));
                }
            }
        }
        let books: Vec<Value> = books
            .into_iter()
            .map(|(key, markets)| {
                let markets: Vec<Value> = markets
                    .into_iter()
                    .map(|(key, (seen, outcomes))| {
                        json!({ "key": key, "last_update": instant(seen, query), "outcomes": outcomes })
                    })
                    .collect();
                json!({ "key": key, "title": key, "markets": markets })
            })
            .collect();
        let mut told = self.head(query);
        told["bookmakers"] = Value::Array(books);
        (told, kinds.len() as u64)
    }

    fn outcome(&self, market: &Market, runner: &Runner, price: f64, query: &Query) -> Value {
        let price = match query.get("oddsFormat") {
            Some("american") if price >= 2.0 => ((price - 1.0) * 100.0).round(),
            Some("american") => (-100.0 / (price - 1.0)).round(),
            _ => price,
        };
        let kind = &market.definition.market_type;
        let id = runner.id();
        let defined = market.definition.runners.iter().find(|r| r.id == id);
        let name = defined
            .and_then(|runner| runner.name.as_deref())
            .unwrap_or_default();
        let side = match name {
            "The Draw" => "Draw",
            name if name.starts_with("Over ") => "Over",
            name if name.starts_with("Under ") => "Under",
            name => name,
        };
        let fixed_line = kind
            .strip_prefix("OVER_UNDER_")
            .and_then(|line| line.parse::<f64>().ok())
            .map(|line| line / 10.0);
        let line = match key(kind) {
            Some("totals" | "spreads") => {
                Some(fixed_line.unwrap_or(f64::from(id.handicap) / 100.0))
            }
            _ => None,
        };
        match line {
            Some(line) => json!({ "name": side, "price": price, "point": line }),
            None => json!({ "name": side, "price": price }),
        }
    }
}

fn key(kind: &str) -> Option<&'static str> {
    match kind {
        "MATCH_ODDS" => Some("h2h"),
        "ASIAN_HANDICAP" => Some("spreads"),
        "BOTH_TEAMS_TO_SCORE" => Some("btts"),
        "ALT_TOTAL_GOALS" => Some("totals"),
        kind if kind.starts_with("OVER_UNDER_") => Some("totals"),
        _ => None,
    }
}

/// As text without a fraction, or in seconds.
fn instant(at: TimeMs, query: &Query) -> Value {
    let seconds = at.0.div_euclid(1_000);
    match query.get("dateFormat") {
        Some("unix") => json!(seconds),
        _ => {
            let at = jiff::Timestamp::from_second(seconds).unwrap_or_default();
            json!(at.to_string())
        }
    }
}
