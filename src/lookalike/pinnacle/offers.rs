//! Events with their lines and results: what is told of them whole and as changes, and by which line a bet is made.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::EventOrder;
use super::answers::{Query, Told, formatted};
use crate::market::{Books, Market, MarketStatus, Score, TimeMs, selection};

/// The sport of everything here.
const FOOTBALL: i64 = 29;
/// Whose quotes are ours: in made-up matches, and in season files.
const OURS: [&str; 2] = ["pinnacle", "PS"];
/// What is told whole is the same for so long.
const CACHED_MS: i64 = 60_000;
/// The most that is taken on a line, as a volume.
const MOST: f64 = 500.0;
/// Lines that moved are remembered, so many of each event.
const REMEMBERED: usize = 20;

/// What is backed, in the words of a bet: its type, team or side, and the line in hundredths.
pub(super) type Pick = (&'static str, &'static str, i32);

/// A line: each pick with its odds; those beside the main line have numbers of their own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Book(pub(super) BTreeMap<Pick, f64>);

/// What is told of events, by the number of their league.
type ByLeague = BTreeMap<i64, Vec<Value>>;

/// A settlement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settled {
    pub(super) id: i64,
    pub(super) status: i64,
    /// Home and away.
    pub(super) score: Option<Score>,
    at: TimeMs,
    version: u64,
}

/// An event.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) number: i64,
    pub(super) league: i64,
    home: String,
    away: String,
    pub(super) starts_at: TimeMs,
    pub(super) home_is_first: bool,
    fixture_version: u64,
    odds_version: u64,
    changed_at: TimeMs,
    pub(super) line: i64,
    pub(super) book: Book,
    pub(super) earlier: VecDeque<(i64, Book)>,
    times: f64,
    pub(super) settled: Option<Settled>,
    is_deleted: bool,
}

/// All events.
#[derive(Debug, Default)]
pub(super) struct Offers {
    pub(super) events: BTreeMap<i64, Event>,
    numbers: BTreeMap<String, i64>,
    leagues: Vec<String>,
    /// Grows with every change.
    version: u64,
    cached: BTreeMap<String, (TimeMs, Value)>,
}

impl Offers {
    fn next_version(&mut self) -> u64 {
        // Nothing and one are no places to go on from.
        self.version = self.version.max(1) + 1;
        self.version
    }

    /// Takes over what has changed.
    pub(super) fn look_at(&mut self, books: &Books, now: TimeMs) {
        let mut by_event: BTreeMap<&str, Vec<&Market>> = BTreeMap::new();
        for market in books.iter() {
            let of_event = by_event.entry(&market.definition.event_id).or_default();
            of_event.push(market);
        }
        for (id, markets) in by_event {
            let Some(number) = self.number(id, &markets) else {
                continue;
            };
            let home_is_first = self.events.get(&number).is_some_and(|e| e.home_is_first);
            let mut book = book_of(&markets, home_is_first);
            let first = &markets[0].definition;
            let is_over = markets
                .iter()
                .all(|market| market.status() == MarketStatus::Closed);
            let score = markets.iter().find_map(|market| market.definition.score);
            let (version, starts_at) = (self.version.max(1) + 1, first.market_time);
            let Some(event) = self.events.get_mut(&number) else {
                continue;
            };
            for odds in book.0.values_mut() {
                *odds = ((*odds * event.times) * 1_000.0).round().max(1_010.0) / 1_000.0;
            }
            if event.settled.is_some() || event.is_deleted || now >= event.starts_at {
                book = Book::default();
            }
            let mut has_changed = false;
            if event.starts_at != starts_at {
                event.starts_at = starts_at;
                event.fixture_version = version;
                has_changed = true;
            }
            if event.book != book {
                event.replace(book, version, now);
                has_changed = true;
            }
            if is_over && event.settled.is_none() {
                event.settle(1, score, now, version);
                has_changed = true;
            }
            if has_changed {
                self.version = version;
            }
        }
    }

    /// The number of an event, which is made known with it.
    fn number(&mut self, id: &str, markets: &[&Market]) -> Option<i64> {
        if let Some(number) = self.numbers.get(id) {
            return Some(*number);
        }
        let first = &markets.first()?.definition;
        let (home, away) = first.event_name.as_deref()?.split_once(" v ")?;
        let league = first.competition.clone()?;
        let place = self.leagues.iter().position(|known| *known == league);
        let place = place.unwrap_or_else(|| {
            self.leagues.push(league);
            self.leagues.len() - 1
        });
        let number = 1_000_000_001 + i64::try_from(self.numbers.len()).ok()?;
        let version = self.next_version();
        let event = Event {
            number,
            league: 1_980 + i64::try_from(place).ok()?,
            home: home.to_owned(),
            away: away.to_owned(),
            starts_at: first.market_time,
            home_is_first: is_home_first(place),
            fixture_version: version,
            odds_version: version,
            changed_at: TimeMs::default(),
            line: i64::try_from(version).ok()? * 1_000,
            book: Book::default(),
            earlier: VecDeque::new(),
            times: 1.0,
            settled: None,
            is_deleted: false,
        };
        self.events.insert(number, event);
        self.numbers.insert(id.to_owned(), number);
        Some(number)
    }

    /// Does what the control address asks for; `false` if there is no such event.
    pub(super) fn obey(&mut self, order: &EventOrder) -> bool {
        let version = self.next_version();
        let (EventOrder::Move { event, .. }
        | EventOrder::Settle { event, .. }
        | EventOrder::Cancel { event }
        | EventOrder::Delete { event }) = *order;
        let Some(event) = self.events.get_mut(&event) else {
            return false;
        };
        let now = event.starts_at;
        let before = event.settled;
        match *order {
            EventOrder::Move { times, .. } => event.times *= times.clamp(0.1, 10.0),
            EventOrder::Settle { home, away, .. } => {
                let status = if before.is_some() { 2 } else { 1 };
                event.settle(status, Some(Score { home, away }), now, version);
            }
            EventOrder::Cancel { .. } => {
                let status = if before.is_some() { 4 } else { 3 };
                event.settle(status, None, now, version);
            }
            EventOrder::Delete { .. } => {
                event.is_deleted = true;
                event.settle(5, None, now, version);
            }
        }
        true
    }

    pub(super) fn standing(&self) -> Value {
        let told = self.events.values().map(|event| {
            json!({
                "id": event.number, "home": event.home, "away": event.away, "starts": event.starts_at.to_string(),
                "open": !event.book.0.is_empty(), "line": event.line, "settled": event.settled.map(|s| s.status),
            })
        });
        told.collect()
    }

    /// Answers about sports, leagues, fixtures, odds, results and lines.
    pub(super) fn tell(&mut self, path: &str, query: &Query, now: TimeMs) -> Told {
        let told = match path {
            "/v2/sports" => Ok(
                json!({ "sports": [{ "id": FOOTBALL, "name": "Soccer", "hasOfferings": true }] }),
            ),
            "/v2/leagues" => query.number("sportId").map(|sport| self.all_leagues(sport)),
            "/v1/fixtures" => self.changes(path, query, now, Self::fixtures),
            "/v2/odds" => self.changes(path, query, now, Self::odds),
            "/v1/fixtures/settled" => self.changes(path, query, now, Self::results),
            "/v1/line" => self.line(query),
            _ => Err(Told::error(404, "INVALID_REQUEST_DATA", "no such endpoint")),
        };
        told.map_or_else(|told| told, Told::document)
    }

    fn all_leagues(&self, sport: i64) -> Value {
        let named = self
            .leagues
            .iter()
            .enumerate()
            .filter(|_| sport == FOOTBALL);
        let leagues = named.map(|(place, name)| {
            let first = if is_home_first(place) { "Team1" } else { "Team2" };
            json!({ "id": 1_980 + place, "name": name, "homeTeamType": first, "hasOfferings": true })
        });
        json!({ "leagues": leagues.collect::<Vec<_>>() })
    }

    /// What has changed since the last answer, or all; all is the same for a minute.
    fn changes(
        &mut self,
        path: &str,
        query: &Query,
        now: TimeMs,
        list: fn(&Self, u64, &Query, bool) -> (&'static str, ByLeague),
    ) -> Result<Value, Told> {
        let sport = query.number("sportId")?;
        let since = match query.get("since") {
            None => None,
            Some("0" | "1") => {
                let message = "since must come from an earlier answer";
                return Err(Told::error(400, "INVALID_REQUEST_DATA", message));
            }
            Some(_) => Some(query.number("since")?),
        };
        let leagues = query.list("leagueIds");
        let made = |offers: &Self| {
            let after = since.and_then(|since| u64::try_from(since).ok());
            let (name, by_league) = list(offers, after.unwrap_or(0), query, since.is_none());
            let wanted = |league: &i64| {
                sport == FOOTBALL
                    && (leagues.is_empty() || leagues.contains(&league.to_string().as_str()))
            };
            let by_league: Vec<Value> = by_league
                .into_iter()
                .filter(|(league, _)| wanted(league))
                .map(|(id, events)| json!({ "id": id, "events": events }))
                .collect();
            match (since, by_league.is_empty()) {
                (Some(_), true) => Value::Null,
                _ => json!({ "sportId": sport, "last": offers.version.max(2), name: by_league }),
            }
        };
        if since.is_some() {
            return Ok(made(self));
        }
        let key = format!("{path} {sport} {leagues:?} {:?}", query.get("oddsFormat"));
        if let Some((at, value)) = self.cached.get(&key)
            && now - *at < CACHED_MS
        {
            return Ok(value.clone());
        }
        let value = made(self);
        self.cached.insert(key, (now, value.clone()));
        Ok(value)
    }

    fn fixtures(&self, since: u64, _: &Query, _: bool) -> (&'static str, ByLeague) {
        let open = |event: &&Event| event.settled.is_none() && event.fixture_version > since;
        ("league", self.by_league(open, |event| {
            json!({
                "id": event.number, "starts": event.starts_at.to_string(), "home": event.home, "away": event.away,
                "rotNum": "1", "liveStatus": 0, "status": "O", "parlayRestriction": 0, "altTeaser": false,
                "resultingUnit": "Regular", "version": event.fixture_version,
            })
        }))
    }

    fn odds(&self, since: u64, query: &Query, is_whole: bool) -> (&'static str, ByLeague) {
        let format = query.get("oddsFormat").unwrap_or("American").to_owned();
        let told =
            |event: &&Event| event.odds_version > since && !(is_whole && event.book.0.is_empty());
        (
            "leagues",
            self.by_league(
                told,
                |event| json!({ "id": event.number, "periods": [event.period(&format)] }),
            ),
        )
    }

    fn results(&self, since: u64, _: &Query, _: bool) -> (&'static str, ByLeague) {
        let told = |event: &&Event| event.settled.is_some_and(|settled| settled.version > since);
        ("leagues", self.by_league(told, |event| {
            let settled = event.settled.as_ref();
            let (first, second) = event.by_team(settled.and_then(|s| s.score)).unzip();
            json!({ "id": event.number, "periods": [{
                "number": 0, "status": settled.map(|s| s.status), "settlementId": settled.map(|s| s.id),
                "settledAt": settled.map(|s| s.at.to_string()), "team1Score": first, "team2Score": second,
            }] })
        }))
    }

    fn by_league(
        &self,
        wanted: impl Fn(&&Event) -> bool,
        tell: impl Fn(&Event) -> Value,
    ) -> ByLeague {
        let mut leagues = ByLeague::new();
        for event in self.events.values().filter(wanted) {
            leagues.entry(event.league).or_default().push(tell(event));
        }
        leagues
    }

    /// A line, just before a bet.
    fn line(&self, query: &Query) -> Result<Value, Told> {
        for name in ["sportId", "leagueId", "eventId", "periodNumber"] {
            query.number(name)?;
        }
        let format = query.get("oddsFormat").unwrap_or("American");
        let kind = query.get("betType").unwrap_or_default();
        let which = query.get("team").or(query.get("side")).unwrap_or_default();
        let handicap = query
            .get("handicap")
            .and_then(|text| text.parse::<f64>().ok());
        let handicap = handicap.unwrap_or_default();
        let event = self.events.get(&query.number("eventId")?);
        let event = event.filter(|event| query.number("leagueId").ok() == Some(event.league));
        let pick = event.and_then(|event| event.book.find(kind, which, handicap));
        let (Some(event), Some((pick, odds))) = (event, pick) else {
            return Ok(json!({ "status": "NOT_EXISTS" }));
        };
        let most = most_at_risk(odds);
        Ok(json!({
            "status": "SUCCESS", "price": formatted(odds, format), "lineId": event.line,
            "altLineId": event.book.alternative(event.line, pick), "minRiskStake": 1.0, "maxRiskStake": most,
            "minWinStake": 1.0, "maxWinStake": (most * (odds - 1.0)).floor(), "effectiveAsOf": event.starts_at.to_string(),
        }))
    }
}

/// Half of the leagues name the away side first.
const fn is_home_first(place: usize) -> bool {
    place % 2 == 1
}

/// The most that may be lost at these odds.
pub(super) fn most_at_risk(odds: f64) -> f64 {
    match odds > 2.0 {
        true => MOST,
        false => (MOST / (odds - 1.0)).floor(),
    }
}

impl Event {
    fn replace(&mut self, book: Book, version: u64, now: TimeMs) {
        self.changed_at = now;
        let old = std::mem::replace(&mut self.book, book);
        self.earlier.push_back((self.line, old));
        while self.earlier.len() > REMEMBERED {
            self.earlier.pop_front();
        }
        self.line = i64::try_from(version).unwrap_or(i64::MAX / 1_000) * 1_000;
        self.odds_version = version;
    }

    fn settle(&mut self, status: i64, score: Option<Score>, at: TimeMs, version: u64) {
        self.settled = Some(Settled {
            id: i64::try_from(version).unwrap_or_default(),
            status,
            score,
            at,
            version,
        });
    }

    /// A score, first team first.
    pub(super) fn by_team(&self, score: Option<Score>) -> Option<(u32, u32)> {
        score.map(|Score { home, away }| match self.home_is_first {
            true => (home, away),
            false => (away, home),
        })
    }

    pub(super) const fn teams(&self) -> (&String, &String) {
        match self.home_is_first {
            true => (&self.home, &self.away),
            false => (&self.away, &self.home),
        }
    }

    /// The whole match, as odds tell it.
    fn period(&self, format: &str) -> Value {
        let (home, away) = match self.home_is_first {
            true => ("TEAM1", "TEAM2"),
            false => ("TEAM2", "TEAM1"),
        };
        let of = |pick: Pick| self.book.0.get(&pick).map(|odds| formatted(*odds, format));
        let moneyline = |team| of(("MONEYLINE", team, 0));
        let lines = |kind: &str, which: &str| -> Vec<i32> {
            let named = self.book.0.keys();
            named
                .filter(|(of, side, _)| *of == kind && *side == which)
                .map(|(.., line)| *line)
                .collect()
        };
        let alternative = |pick| self.book.alternative(self.line, pick);
        let totals = lines("TOTAL_POINTS", "OVER").into_iter().map(|line| {
            json!({
                "altLineId": alternative(("TOTAL_POINTS", "OVER", line)), "points": f64::from(line) / 100.0,
                "over": of(("TOTAL_POINTS", "OVER", line)), "under": of(("TOTAL_POINTS", "UNDER", line)),
            })
        });
        let spreads = lines("SPREAD", home).into_iter().map(|line| {
            json!({
                "altLineId": alternative(("SPREAD", home, line)), "hdp": f64::from(line) / 100.0,
                "home": of(("SPREAD", home, line)), "away": of(("SPREAD", away, -line)),
            })
        });
        let (totals, spreads): (Vec<_>, Vec<_>) = (totals.collect(), spreads.collect());
        let mut period = json!({
            "lineId": self.line, "number": 0, "cutoff": self.starts_at.to_string(),
            "status": if self.book.0.is_empty() { 2 } else { 1 },
            "maxMoneyline": MOST, "maxSpread": MOST, "maxTotal": MOST, "moneylineUpdatedAt": self.changed_at.to_string(),
            "spreadUpdatedAt": self.changed_at.to_string(), "totalUpdatedAt": self.changed_at.to_string(),
        });
        if let Some(odds) = moneyline(home) {
            period["moneyline"] =
                json!({ "home": odds, "away": moneyline(away), "draw": moneyline("DRAW") });
        }
        for (name, list) in [("totals", totals), ("spreads", spreads)] {
            if !list.is_empty() {
                period[name] = Value::Array(list);
            }
        }
        period
    }
}

impl Book {
    /// The pick that a bet or question names, and its odds.
    pub(super) fn find(&self, kind: &str, which: &str, handicap: f64) -> Option<(Pick, f64)> {
        let mut picks = self.0.iter();
        let found = picks.find(|((of, side, line), _)| {
            *of == kind
                && side.eq_ignore_ascii_case(which)
                && (f64::from(*line) / 100.0 - handicap).abs() < 1e-6
        });
        found.map(|(pick, odds)| (*pick, *odds))
    }

    /// The number of a line beside the main one: every line of handicaps and totals but the first.
    pub(super) fn alternative(&self, line: i64, (kind, which, points): Pick) -> Option<i64> {
        // Both sides of a line have its number: that of the side that is named first.
        let key = |(of, side, points): &Pick| match (*of, *side) {
            ("SPREAD", "TEAM2") => ("SPREAD", -points),
            (of, _) => (of, *points),
        };
        let wanted = key(&(kind, which, points));
        let mut lines: Vec<_> = self
            .0
            .keys()
            .map(key)
            .filter(|(of, _)| *of == kind)
            .collect();
        lines.sort_unstable();
        lines.dedup();
        let place = lines.iter().position(|line| *line == wanted)?;
        let number = i64::try_from(place).ok().filter(|place| *place > 0)?;
        Some(line + number)
    }

    /// The pick of a bet that names a line by its number.
    pub(super) fn by_number(
        &self,
        line: i64,
        kind: &str,
        which: &str,
        alternative: Option<i64>,
    ) -> Option<(Pick, f64)> {
        let mut picks = self.0.iter();
        let found = picks.find(|(pick, _)| {
            pick.0 == kind
                && pick.1.eq_ignore_ascii_case(which)
                && self.alternative(line, **pick) == alternative
        });
        found.map(|(pick, odds)| (*pick, *odds))
    }
}

/// What is offered on an event now.
fn book_of(markets: &[&Market], home_is_first: bool) -> Book {
    let mut book = Book::default();
    let open = markets
        .iter()
        .filter(|market| market.status() == MarketStatus::Open);
    for market in open {
        let kind = market.definition.market_type.as_str();
        let tenths = kind
            .strip_prefix("OVER_UNDER_")
            .and_then(|line| line.parse::<i32>().ok());
        for runner in &market.runners {
            let quote = runner
                .quotes
                .iter()
                .find(|quote| OURS.contains(&quote.book.as_str()));
            let Some(quote) = quote.filter(|quote| quote.is_for_bets()) else {
                continue;
            };
            let id = runner.id();
            let line = tenths.map_or(id.handicap, |tenths| tenths * 10);
            let kind = match (kind, tenths) {
                ("MATCH_ODDS", _) => "MONEYLINE",
                ("ASIAN_HANDICAP", _) => "SPREAD",
                ("ALT_TOTAL_GOALS", _) | (_, Some(_)) => "TOTAL_POINTS",
                _ => continue,
            };
            let which = match (id.selection, home_is_first) {
                (selection::HOME, true) | (selection::AWAY, false) => "TEAM1",
                (selection::HOME, false) | (selection::AWAY, true) => "TEAM2",
                (selection::DRAW, _) => "DRAW",
                (selection::OVER, _) => "OVER",
                (selection::UNDER, _) => "UNDER",
                _ => continue,
            };
            book.0.insert((kind, which, line), quote.price.to_f64());
        }
    }
    book
}
