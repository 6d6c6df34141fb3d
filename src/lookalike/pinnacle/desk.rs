//! The desk where bets are taken, held back, refused, settled and settled anew; and the truth about each.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::answers::{Query, Told, formatted};
use super::offers::{Book, Event, Offers, Pick, Settled, most_at_risk};
use crate::market::TimeMs;

/// The name of a bet is known for so long.
const KNOWN_MS: i64 = 30 * 60_000;
/// The least that may be lost.
const LEAST: f64 = 1.0;
/// Most bets on a page, and most names in a question.
const MOST_BETS: usize = 1_000;
const MOST_NAMES: usize = 10;

/// A bet that is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    odds_format: String,
    unique_request_id: String,
    accept_better_line: bool,
    stake: f64,
    win_risk_stake: String,
    line_id: i64,
    alt_line_id: Option<i64>,
    fill_type: Option<String>,
    event_id: i64,
    period_number: i64,
    bet_type: String,
    team: Option<String>,
    side: Option<String>,
}

/// Where a bet stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Held back until then, and then taken or not.
    Held(Instant, bool),
    NotAccepted,
    Running,
    /// In the venue's word, with what it brought.
    Settled(&'static str, f64),
}

/// A bet.
#[derive(Clone, Debug)]
struct Bet {
    id: i64,
    name: String,
    format: String,
    placed_at: TimeMs,
    state: State,
    settlement: i64,
    settled_at: TimeMs,
    sequence: i64,
    league: i64,
    event: i64,
    teams: (String, String),
    starts_at: TimeMs,
    pick: Pick,
    odds: f64,
    risk: f64,
    was_better: bool,
}

/// All bets, and the money.
#[derive(Debug)]
pub(super) struct Desk {
    bets: Vec<Bet>,
    bankroll: f64,
    sequence: i64,
    /// For how long bets are held back, and whether they are taken then.
    pub(super) hold: Option<(Duration, bool)>,
    truth: Vec<Value>,
}

fn pence(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

impl Desk {
    pub(super) const fn new(bankroll: f64) -> Self {
        Self {
            bets: Vec::new(),
            bankroll,
            sequence: 0,
            hold: None,
            truth: Vec::new(),
        }
    }

    /// What happened since it was asked last.
    pub(super) fn told(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.truth)
    }

    pub(super) fn count(&self) -> usize {
        self.bets.len()
    }

    /// What is at risk.
    pub(super) fn outstanding(&self) -> f64 {
        let open = self.bets.iter().filter(|bet| bet.is_open());
        pence(open.map(|bet| bet.risk).sum())
    }

    /// What is free to bet with.
    pub(super) fn balance(&self) -> f64 {
        let brought: f64 = self.bets.iter().map(Bet::profit).sum();
        pence(self.bankroll + brought - self.outstanding())
    }

    /// Takes or refuses what was held back for long enough, and settles what is over.
    pub(super) fn catch_up(&mut self, offers: &Offers, now: TimeMs) {
        for bet in &mut self.bets {
            if let State::Held(until, accept) = bet.state
                && Instant::now() >= until
            {
                self.sequence += 1;
                bet.sequence = self.sequence;
                bet.placed_at = now;
                bet.state = if accept {
                    State::Running
                } else {
                    State::NotAccepted
                };
                let word = if accept { "accepted" } else { "not_accepted" };
                self.truth.push(bet.truth(word));
            }
            let settled = offers
                .events
                .get(&bet.event)
                .and_then(|event| Some((event, event.settled?)));
            let is_taken = matches!(bet.state, State::Running | State::Settled(..));
            if let Some((event, settled)) = settled
                && is_taken
                && bet.settlement != settled.id
            {
                self.sequence += 1;
                bet.sequence = self.sequence;
                bet.settle(event, settled, now);
                self.truth.push(bet.truth("settled"));
            }
        }
    }

    /// Takes a bet, holds it back, or says why not.
    pub(super) fn place(&mut self, offers: &Offers, body: &[u8], now: TimeMs) -> Told {
        let asked: Asked = match serde_json::from_slice(body) {
            Ok(asked) => asked,
            Err(error) => {
                return Told::error(400, "INVALID_REQUEST_DATA", &error.to_string());
            }
        };
        let name = asked.unique_request_id.to_lowercase();
        match self.bet(offers, &asked, now) {
            Err(code) => {
                self.truth
                    .push(json!({ "event": "refused", "name": name, "code": code }));
                Told::document(json!({
                    "status": "PROCESSED_WITH_ERROR", "errorCode": code, "uniqueRequestId": name,
                }))
            }
            Ok(bet) => {
                let held = matches!(bet.state, State::Held(..));
                self.truth
                    .push(bet.truth(if held { "held" } else { "accepted" }));
                let told = match held {
                    true => {
                        json!({ "status": "PENDING_ACCEPTANCE", "uniqueRequestId": name, "betId": null })
                    }
                    false => json!({
                        "status": "ACCEPTED", "errorCode": null, "uniqueRequestId": name, "betId": bet.id,
                        "risk": bet.risk, "win": bet.win(), "price": formatted(bet.odds, &bet.format),
                        "betterLineWasAccepted": bet.was_better,
                    }),
                };
                self.bets.push(bet);
                Told::document(told)
            }
        }
    }

    fn bet(&mut self, offers: &Offers, asked: &Asked, now: TimeMs) -> Result<Bet, &'static str> {
        let name = asked.unique_request_id.to_lowercase();
        let is_known = |bet: &&Bet| {
            bet.name == name && bet.state != State::NotAccepted && now - bet.placed_at < KNOWN_MS
        };
        if self.bets.iter().any(|bet| is_known(&bet)) {
            return Err("DUPLICATED_REQUEST");
        }
        let event = offers.events.get(&asked.event_id).ok_or("INVALID_EVENT")?;
        if asked.period_number != 0 || event.settled.is_some() {
            return Err("OFFLINE_EVENT");
        }
        if now >= event.starts_at {
            return Err("PAST_CUTOFFTIME");
        }
        let (pick, odds, was_better) = line_of(event, asked).ok_or("LINE_CHANGED")?;
        let mut risk = match asked.win_risk_stake.as_str() {
            "RISK" => asked.stake,
            _ => pence(asked.stake / (odds - 1.0)),
        };
        let most = most_at_risk(odds);
        if risk > most {
            match asked.fill_type.as_deref() {
                Some("FILLANDKILL") => risk = most,
                _ => return Err("ABOVE_MAX_BET_AMOUNT"),
            }
        }
        if risk.is_nan() || risk < LEAST {
            return Err("BELOW_MIN_BET_AMOUNT");
        }
        if risk > self.balance() {
            return Err("INSUFFICIENT_FUNDS");
        }
        self.sequence += 1;
        let (first, second) = event.teams();
        Ok(Bet {
            id: 700_000_000 + self.sequence,
            name,
            format: asked.odds_format.to_uppercase(),
            placed_at: now,
            state: match self.hold {
                Some((hold, accept)) => State::Held(Instant::now() + hold, accept),
                None => State::Running,
            },
            settlement: 0,
            settled_at: now,
            sequence: self.sequence,
            league: event.league,
            event: event.number,
            teams: (first.clone(), second.clone()),
            starts_at: event.starts_at,
            pick,
            odds,
            risk: pence(risk),
            was_better,
        })
    }

    /// What is known of bets, by name or by when.
    pub(super) fn list(&self, query: &Query, now: TimeMs) -> Told {
        let names = query.list("uniqueRequestIds");
        if !names.is_empty() {
            if names.len() > MOST_NAMES {
                return Told::error(400, "INVALID_REQUEST_DATA", "at most 10 uniqueRequestIds");
            }
            let is_named = |bet: &&Bet| {
                now - bet.placed_at < KNOWN_MS
                    && names
                        .iter()
                        .any(|name| name.eq_ignore_ascii_case(&bet.name))
            };
            let found: Vec<Value> = self.bets.iter().filter(is_named).map(Bet::row).collect();
            return page(found, false, 0);
        }
        let time = |name: &str| query.get(name).and_then(|text| TimeMs::parse(text).ok());
        let (Some(which), Some(from), Some(to)) =
            (query.get("betlist"), time("fromDate"), time("toDate"))
        else {
            let message = "betlist, fromDate and toDate are missing or not valid";
            return Told::error(400, "INVALID_REQUEST_DATA", message);
        };
        if now - from > KNOWN_MS * 48 * 30 {
            let message = "fromDate must not be more than 30 days back";
            return Told::error(400, "INVALID_REQUEST_DATA", message);
        }
        let wanted = |bet: &&Bet| {
            let (is_of, at) = match bet.state {
                State::Running => (which != "SETTLED", bet.placed_at),
                State::Settled(..) => (which != "RUNNING", bet.settled_at),
                State::Held(..) | State::NotAccepted => return false,
            };
            is_of && from <= at && at < to
        };
        let begin = query.number("fromRecord").ok();
        let begin = begin
            .and_then(|begin| usize::try_from(begin).ok())
            .unwrap_or(0);
        let size = query.number("pageSize").ok();
        let size = size
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(MOST_BETS);
        let size = size.clamp(1, MOST_BETS);
        let all: Vec<&Bet> = self.bets.iter().filter(wanted).collect();
        let some: Vec<Value> = all
            .iter()
            .skip(begin)
            .take(size)
            .map(|bet| bet.row())
            .collect();
        let end = begin + some.len();
        page(some, end < all.len(), end)
    }
}

fn page(bets: Vec<Value>, more: bool, end: usize) -> Told {
    Told::document(json!({
        "moreAvailable": more, "pageSize": bets.len(), "toRecord": end.saturating_sub(1), "straightBets": bets,
    }))
}

/// The line that a bet names as it is now, with its odds, and whether these are better than the ones named.
fn line_of(event: &Event, asked: &Asked) -> Option<(Pick, f64, bool)> {
    let which = asked.team.as_deref().or(asked.side.as_deref())?;
    let in_book =
        |line: i64, book: &Book| book.by_number(line, &asked.bet_type, which, asked.alt_line_id);
    if asked.line_id == event.line {
        let (pick, odds) = in_book(event.line, &event.book)?;
        return Some((pick, odds, false));
    }
    let (line, book) = event
        .earlier
        .iter()
        .find(|(line, _)| *line == asked.line_id)?;
    let (pick, before) = in_book(*line, book)?;
    let odds = *event.book.0.get(&pick)?;
    (asked.accept_better_line && odds >= before).then_some((pick, odds, odds > before))
}

impl Bet {
    const fn is_open(&self) -> bool {
        matches!(self.state, State::Held(..) | State::Running)
    }

    fn win(&self) -> f64 {
        pence(self.risk * (self.odds - 1.0))
    }

    const fn profit(&self) -> f64 {
        match self.state {
            State::Settled(_, profit) => profit,
            _ => 0.0,
        }
    }

    fn settle(&mut self, event: &Event, settled: Settled, now: TimeMs) {
        let (word, share) = match event.by_team(settled.score) {
            None => ("CANCELLED", 0.0),
            Some(score) => outcome(self.pick, score),
        };
        let profit = match share {
            share if share > 0.0 => pence(self.win() * share),
            share => pence(self.risk * share),
        };
        self.state = State::Settled(word, profit);
        self.settlement = settled.id;
        self.settled_at = now;
    }

    fn status(&self) -> &'static str {
        match self.state {
            State::Held(..) => "PENDING_ACCEPTANCE",
            State::NotAccepted => "NOT_ACCEPTED",
            State::Running => "ACCEPTED",
            State::Settled(word, _) => word,
        }
    }

    /// As it is listed. Of one that waits, or was not accepted, there is little to say.
    fn row(&self) -> Value {
        if matches!(self.state, State::Held(..) | State::NotAccepted) {
            return json!({ "uniqueRequestId": self.name, "betStatus": self.status() });
        }
        let (kind, which, line) = self.pick;
        let profit = matches!(self.state, State::Settled(..)).then(|| self.profit());
        let (first, second) = &self.teams;
        let team = match which {
            "TEAM1" => Some(first.as_str()),
            "TEAM2" => Some(second.as_str()),
            "DRAW" => Some("Draw"),
            _ => None,
        };
        json!({
            "betId": self.id, "uniqueRequestId": self.name, "wagerNumber": 1, "placedAt": self.placed_at.to_string(),
            "betStatus": self.status(), "betType": kind, "win": self.win(), "risk": self.risk, "winLoss": profit,
            "oddsFormat": self.format, "updateSequence": self.sequence, "sportId": 29, "leagueId": self.league,
            "eventId": self.event, "handicap": f64::from(line) / 100.0, "price": formatted(self.odds, &self.format),
            "teamName": team, "side": if team.is_none() { Some(which) } else { None }, "team1": first, "team2": second,
            "periodNumber": 0, "isLive": false, "eventStartTime": self.starts_at.to_string(),
        })
    }

    /// What is known of it, for the log of the truth.
    fn truth(&self, event: &str) -> Value {
        json!({
            "event": event, "name": self.name, "bet_id": self.id, "event_id": self.event, "pick": self.pick,
            "odds": self.odds, "risk": self.risk, "status": self.status(), "profit": self.profit(),
        })
    }
}

/// The venue's word for what a pick came to, and which share of the win or, under zero, of the risk that is.
fn outcome((kind, which, line): Pick, (first, second): (u32, u32)) -> (&'static str, f64) {
    let (first, second) = (i64::from(first) * 100, i64::from(second) * 100);
    let line = i64::from(line);
    let lead = match (kind, which) {
        ("MONEYLINE", "DRAW") => {
            return if first == second {
                ("WON", 1.0)
            } else {
                ("LOST", -1.0)
            };
        }
        ("MONEYLINE", "TEAM1") => {
            return if first > second {
                ("WON", 1.0)
            } else {
                ("LOST", -1.0)
            };
        }
        ("MONEYLINE", _) => {
            return if second > first {
                ("WON", 1.0)
            } else {
                ("LOST", -1.0)
            };
        }
        ("SPREAD", "TEAM1") => first - second + line,
        ("SPREAD", _) => second - first + line,
        (_, "OVER") => first + second - line,
        _ => line - first - second,
    };
    // A quarter line is two halves, one either side of it.
    match lead {
        0 => ("REFUNDED", 0.0),
        25 => ("HALF_WON_HALF_PUSHED", 0.5),
        -25 => ("HALF_LOST_HALF_PUSHED", -0.5),
        lead if lead > 0 => ("WON", 1.0),
        _ => ("LOST", -1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarter_lines_are_two_halves() {
        let of = |kind, which, line| outcome((kind, which, line), (2, 1));
        assert_eq!(of("MONEYLINE", "TEAM1", 0), ("WON", 1.0));
        assert_eq!(of("MONEYLINE", "DRAW", 0), ("LOST", -1.0));
        assert_eq!(of("SPREAD", "TEAM1", -100), ("REFUNDED", 0.0));
        assert_eq!(of("SPREAD", "TEAM1", -75), ("HALF_WON_HALF_PUSHED", 0.5));
        assert_eq!(of("SPREAD", "TEAM2", 75), ("HALF_LOST_HALF_PUSHED", -0.5));
        assert_eq!(of("TOTAL_POINTS", "OVER", 250), ("WON", 1.0));
        assert_eq!(
            of("TOTAL_POINTS", "UNDER", 325),
            ("HALF_WON_HALF_PUSHED", 0.5)
        );
    }
}
