//! Answers of The Odds API as market changes: what each bookmaker offers now, what it does not any more, and results.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::{Event, Family, Offer, Pick, Stage};
use super::tracked::{Standing, Tracked};
use crate::market::{BookName, MarketDelta, Money, Price, Score, TimeMs, sport_id};
use crate::venue::DecodeError;
use crate::venue::odds_api::{self as api, Answer, Listing, Priced, Side};

/// Scores are told for three days; an event without a result by then is void.
const NO_RESULT_MS: i64 = 3 * 86_400_000;

/// All events that were told of and are not over.
#[derive(Debug, Default)]
pub struct OddsBoard {
    fixtures: BTreeMap<String, Fixture>,
    over: BTreeSet<String>,
    now: TimeMs,
    deltas: Vec<MarketDelta>,
}

#[derive(Debug)]
struct Fixture {
    sport: String,
    event: Arc<Event>,
    /// Whether a draw can be backed; `None` before any odds.
    draw: Option<bool>,
    markets: BTreeMap<Family, Tracked>,
}

impl OddsBoard {
    /// Takes a recorded answer: when it came, and what it changes.
    ///
    /// # Errors
    /// If the line is no recorded answer.
    pub fn take(&mut self, line: &[u8]) -> Result<(TimeMs, &[MarketDelta]), DecodeError> {
        self.deltas.clear();
        let (answer, body) = Answer::read(line)?;
        // A clock that was put back does not take back what has been.
        self.now = self.now.max(answer.at);
        let (listing, _) = answer.listing(&body);
        match listing {
            Listing::Events(events) => events.iter().for_each(|event| self.meet(event)),
            Listing::Odds(odds) => self.odds(&odds, answer.stale_ms),
            Listing::Scores(scores) => scores.iter().for_each(|score| self.score(score)),
            Listing::Nothing => {}
        }
        self.let_time_pass();
        Ok((self.now, &self.deltas))
    }

    /// What the answer taken last changed.
    #[must_use]
    pub fn deltas(&self) -> &[MarketDelta] {
        &self.deltas
    }

    /// Makes an event known, or takes note that it was put off.
    fn meet(&mut self, told: &api::Event) {
        if self.over.contains(&told.id) {
            return;
        }
        let event = || {
            Arc::new(Event {
                id: told.id.clone(),
                sport_id: sport_of(&told.sport).to_owned(),
                competition: told.league.clone().or_else(|| Some(told.sport.clone())),
                country: None,
                home: told.home.clone(),
                away: told.away.clone(),
                starts_at: told.starts_at,
            })
        };
        let fixture = self
            .fixtures
            .entry(told.id.clone())
            .or_insert_with(|| Fixture {
                sport: told.sport.clone(),
                event: event(),
                draw: None,
                markets: BTreeMap::new(),
            });
        if fixture.event.starts_at == told.starts_at {
            return;
        }
        fixture.event = event();
        for tracked in fixture.markets.values_mut() {
            tracked.put_off(&fixture.event);
            let stage = stage(&fixture.event, self.now);
            tracked.tell(stage, &[], &mut self.deltas);
        }
    }

    fn odds(&mut self, odds: &api::Odds, stale_ms: i64) {
        let mut listed = BTreeSet::new();
        for event in &odds.events {
            self.meet(event);
            listed.insert(event.id.as_str());
            if let Some(fixture) = self.fixtures.get_mut(&event.id) {
                let offers = fixture.offers(event, self.now, stale_ms);
                fixture.replace(offers, &odds.markets, self.now, &mut self.deltas);
            }
        }
        if odds.whole_sport {
            for (id, fixture) in &mut self.fixtures {
                if fixture.sport == odds.sport && !listed.contains(id.as_str()) {
                    fixture.replace(BTreeMap::new(), &odds.markets, self.now, &mut self.deltas);
                }
            }
        }
    }

    fn score(&mut self, score: &api::Score) {
        if !score.completed || self.now < score.event.starts_at {
            return;
        }
        let Some((home, away)) = score.points else {
            return;
        };
        let score_told = Some(Score { home, away });
        self.end(&score.event.id, score_told);
    }

    fn end(&mut self, id: &str, score: Option<Score>) {
        let Some(mut fixture) = self.fixtures.remove(id) else {
            return;
        };
        self.over.insert(id.to_owned());
        for (family, tracked) in &mut fixture.markets {
            let tied = score.is_some_and(|score| score.home == score.away);
            // Nobody wins a tie that could not be backed.
            let score = score.filter(|_| !(tied && *family == Family::MatchOdds { draw: false }));
            tracked.tell(Stage::Over(score), &[], &mut self.deltas);
        }
    }

    /// Events begin, and are void when nobody can tell their result any more.
    fn let_time_pass(&mut self) {
        let now = self.now;
        let mut lost = Vec::new();
        for (id, fixture) in &mut self.fixtures {
            if now - fixture.event.starts_at > NO_RESULT_MS {
                lost.push(id.clone());
                continue;
            }
            let stage = stage(&fixture.event, now);
            for tracked in fixture.markets.values_mut() {
                if tracked.stage() != Some(stage) {
                    tracked.tell(stage, &[], &mut self.deltas);
                }
            }
        }
        for id in lost {
            self.end(&id, None);
        }
    }
}

type Offers = BTreeMap<Family, Standing>;

impl Fixture {
    /// What an answer says that bookmakers offer on this event.
    fn offers(&mut self, told: &api::Event, now: TimeMs, stale_ms: i64) -> Offers {
        let has_draw = |priced: &Priced| priced.outcomes.iter().any(|o| o.side == Side::Draw);
        let mut h2h = told
            .books
            .iter()
            .flat_map(|book| &book.markets)
            .filter(|priced| priced.key == "h2h")
            .peekable();
        if self.draw.is_none() && h2h.peek().is_some() {
            self.draw = Some(self.event.sport_id == "1" || h2h.any(has_draw));
        }
        let draw = self.draw.unwrap_or(self.event.sport_id == "1");
        let mut offers = Offers::new();
        for book in &told.books {
            let name = BookName::new(&book.key);
            for priced in &book.markets {
                // Odds for a draw that returns the stake are odds for something else.
                if priced.key == "h2h" && has_draw(priced) != draw {
                    continue;
                }
                let updated_at = priced.updated_at.unwrap_or(now);
                for outcome in &priced.outcomes {
                    let Some((family, pick)) = backed(&priced.key, draw, outcome) else {
                        continue;
                    };
                    let Some(price) = Price::nearest(outcome.price) else {
                        continue;
                    };
                    let limit = match now - updated_at > stale_ms {
                        true => Some(Money::ZERO),
                        false => outcome.limit.and_then(Money::floor),
                    };
                    let offer = Offer {
                        pick,
                        book: name.clone(),
                        price: Some(price),
                        limit,
                        updated_at,
                    };
                    let of_family = offers.entry(family).or_default();
                    of_family.insert((name.clone(), pick.runner()), offer);
                }
            }
        }
        offers
    }

    /// These offers stand now in the markets that were asked for, and no others.
    fn replace(
        &mut self,
        mut offers: Offers,
        asked: &[String],
        now: TimeMs,
        deltas: &mut Vec<MarketDelta>,
    ) {
        for &family in offers.keys() {
            self.markets
                .entry(family)
                .or_insert_with(|| Tracked::new(&self.event, family));
        }
        let stage = stage(&self.event, now);
        for (&family, tracked) in &mut self.markets {
            if !asked.iter().any(|key| is_of(key, family)) {
                continue;
            }
            let new = offers.remove(&family).unwrap_or_default();
            tracked.replace(stage, new, deltas);
        }
    }
}

/// Bets are taken until an event begins.
fn stage(event: &Event, now: TimeMs) -> Stage {
    match now < event.starts_at {
        true => Stage::Open,
        false => Stage::UnderWay,
    }
}

/// The sport of a market definition, of a key such as `soccer_epl`.
fn sport_of(key: &str) -> &str {
    match key.split('_').next().unwrap_or_default() {
        "soccer" => "1",
        "americanfootball" => sport_id("american_football"),
        other => sport_id(other),
    }
}

/// Whether a market is one of those that are asked for by a key.
fn is_of(key: &str, family: Family) -> bool {
    match family {
        Family::MatchOdds { .. } => key == "h2h",
        Family::OverUnder { .. } | Family::TotalGoals => key == "totals",
        Family::AsianHandicap => key == "spreads",
        Family::BothToScore => key == "btts",
    }
}

/// What is backed, and in which market.
fn backed(key: &str, draw: bool, outcome: &api::Outcome) -> Option<(Family, Pick)> {
    match (key, outcome.side, outcome.line) {
        ("h2h", Side::Home, None) => Some((Family::MatchOdds { draw }, Pick::Home)),
        ("h2h", Side::Away, None) => Some((Family::MatchOdds { draw }, Pick::Away)),
        ("h2h", Side::Draw, None) => Some((Family::MatchOdds { draw }, Pick::Draw)),
        ("spreads", Side::Home, Some(line)) => Some((Family::AsianHandicap, Pick::HomeWith(line))),
        ("spreads", Side::Away, Some(line)) => Some((Family::AsianHandicap, Pick::AwayWith(line))),
        ("totals", side @ (Side::Over | Side::Under), Some(line)) => {
            let is_over = side == Side::Over;
            Some(match u32::try_from(line) {
                Ok(line) if line % 100 == 50 => {
                    let pick = if is_over { Pick::Over } else { Pick::Under };
                    (Family::OverUnder { line }, pick)
                }
                Ok(_) if is_over => (Family::TotalGoals, Pick::OverLine(line)),
                Ok(_) => (Family::TotalGoals, Pick::UnderLine(line)),
                Err(_) => return None,
            })
        }
        ("btts", Side::Yes, None) => Some((Family::BothToScore, Pick::Yes)),
        ("btts", Side::No, None) => Some((Family::BothToScore, Pick::No)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{Books, MarketId, MarketStatus, RunnerStatus};

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn event(books: &str, starts_at: i64) -> String {
        format!(
            r#"{{"id":"{ID}","sport_key":"soccer_epl","commence_time":{starts_at},"home_team":"Ham","away_team":"Egg","bookmakers":[{books}]}}"#
        )
    }

    fn book(name: &str, seen: i64, home: f64) -> String {
        format!(
            r#"{{"key":"{name}","markets":[{{"key":"h2h","last_update":{seen},"outcomes":[{{"name":"Ham","price":{home}}},{{"name":"Egg","price":4}},{{"name":"Draw","price":3.5}}]}},
            {{"key":"totals","last_update":{seen},"outcomes":[{{"name":"Over","price":1.9,"point":2.5}},{{"name":"Under","price":1.9,"point":2.5}},{{"name":"Over","price":1.8,"point":2.25}}]}}]}}"#
        )
    }

    struct Player {
        board: OddsBoard,
        books: Books,
    }

    impl Player {
        fn new() -> Self {
            Self {
                board: OddsBoard::default(),
                books: Books::default(),
            }
        }

        fn take(&mut self, seconds: i64, what: &str, body: &str) -> usize {
            let answer = Answer {
                at: TimeMs(seconds * 1_000),
                path: format!("/v4/sports/soccer_epl/{what}"),
                query: "markets=h2h,totals".to_owned(),
                status: 200,
                stale_ms: 600_000,
                usage: api::Usage::default(),
                body: body.as_bytes().to_vec(),
            };
            let (at, deltas) = self.board.take(&answer.line()).unwrap();
            for delta in deltas {
                self.books.apply(at, delta);
            }
            deltas.len()
        }

        fn market(&self, kind: &str) -> &crate::market::Market {
            self.books
                .market(&MarketId::new(&format!("{ID}:{kind}")))
                .unwrap()
        }

        fn home_price(&self, name: &str) -> Option<f64> {
            let runner = self
                .market("MATCH_ODDS")
                .runner(Pick::Home.runner())
                .unwrap();
            runner
                .quotes
                .of(&BookName::new(name))
                .map(|quote| quote.price.to_f64())
        }
    }

    #[test]
    fn what_is_not_offered_any_more_is_withdrawn() {
        let mut player = Player::new();
        let both = format!("{},{}", book("a", 0, 2.0), book("b", 0, 2.1));
        assert_eq!(
            player.take(10, "odds", &format!("[{}]", event(&both, 9_000))),
            3
        );
        assert_eq!(
            (player.home_price("a"), player.home_price("b")),
            (Some(2.0), Some(2.1))
        );
        assert_eq!(player.market("OVER_UNDER_25").status(), MarketStatus::Open);
        // The same again changes nothing; a book less and a new price change one market.
        assert_eq!(
            player.take(20, "odds", &format!("[{}]", event(&both, 9_000))),
            0
        );
        assert_eq!(
            player.take(
                30,
                "odds",
                &format!("[{}]", event(&book("a", 25, 1.9), 9_000))
            ),
            3
        );
        assert_eq!(
            (player.home_price("a"), player.home_price("b")),
            (Some(1.9), None)
        );
        player.take(40, "odds", "[]");
        assert_eq!(player.home_price("a"), None);
    }

    #[test]
    fn an_old_quote_is_one_to_look_at() {
        let mut player = Player::new();
        player.take(
            601,
            "odds",
            &format!("[{}]", event(&book("a", 0, 2.0), 9_000)),
        );
        let runner = player
            .market("MATCH_ODDS")
            .runner(Pick::Home.runner())
            .unwrap();
        assert_eq!(runner.quotes.iter().count(), 1);
        assert_eq!(runner.quotes.best(), None);
    }

    #[test]
    fn events_begin_are_put_off_and_end_with_their_score() {
        let mut player = Player::new();
        player.take(10, "odds", &format!("[{}]", event(&book("a", 0, 2.0), 100)));
        player.take(20, "events", &format!("[{}]", event("", 200)));
        assert_eq!(
            player.market("MATCH_ODDS").definition.market_time,
            TimeMs(200_000)
        );
        player.take(150, "events", "[]");
        assert_eq!(player.market("MATCH_ODDS").status(), MarketStatus::Open);
        player.take(201, "events", "[]");
        assert!(player.market("MATCH_ODDS").definition.in_play);
        assert_eq!(
            player.market("MATCH_ODDS").status(),
            MarketStatus::Suspended
        );
        let score = |completed| {
            let event = event("", 200);
            let event = event.trim_end_matches('}');
            format!(
                r#"[{event},"completed":{completed},"scores":[{{"name":"Egg","score":"0"}},{{"name":"Ham","score":"2"}}]}}]"#
            )
        };
        assert_eq!(player.take(300, "scores", &score(false)), 0);
        assert_eq!(player.take(6_000, "scores", &score(true)), 3);
        let market = player.market("MATCH_ODDS");
        assert_eq!(market.status(), MarketStatus::Closed);
        assert_eq!(
            market.runner(Pick::Home.runner()).unwrap().status,
            RunnerStatus::Winner
        );
        assert_eq!(player.take(6_010, "scores", &score(true)), 0);
    }

    #[test]
    fn without_a_result_in_three_days_all_is_void() {
        let mut player = Player::new();
        player.take(10, "odds", &format!("[{}]", event(&book("a", 0, 2.0), 100)));
        player.take(100 + 3 * 86_400 + 1, "events", "[]");
        let market = player.market("MATCH_ODDS");
        assert_eq!(
            market.runner(Pick::Home.runner()).unwrap().status,
            RunnerStatus::Removed
        );
    }
}
