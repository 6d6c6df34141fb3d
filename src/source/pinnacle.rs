//! Answers of Pinnacle as market changes: fixtures, what of their odds changed, and results.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::{Event, Family, Offer, Pick, Stage};
use super::tracked::{Standing, Tracked};
use crate::market::{BookName, MarketDelta, Money, Price, Score, TimeMs};
use crate::venue::DecodeError;
use crate::venue::pinnacle::{
    Answer, BOOK, Fixture, League, Listing, Period, Priced, Result as Outcome, sport_of,
};

/// An event without a result so long after its start is void.
const NO_RESULT_MS: i64 = 3 * 86_400_000;
/// For so long after its result an event may come to another.
const SETTLED_ANEW_MS: i64 = 2 * 86_400_000;

/// All events that were told of and are not long over.
#[derive(Debug, Default)]
pub struct PinnacleBoard {
    leagues: BTreeMap<i64, League>,
    matches: BTreeMap<i64, Match>,
    /// Those that are over for good: nothing begins them again.
    gone: BTreeSet<i64>,
    now: TimeMs,
    deltas: Vec<MarketDelta>,
}

/// An event as far as it is known. It is told of when fixture and league are.
#[derive(Debug)]
struct Match {
    sport: u32,
    fixture: Option<Fixture>,
    period: Option<Period>,
    result: Option<Outcome>,
    /// What it is called in its markets.
    event: Option<Arc<Event>>,
    /// Whether a draw can be backed; `None` before any odds.
    draw: Option<bool>,
    markets: BTreeMap<Family, Tracked>,
    ended_at: Option<TimeMs>,
}

impl PinnacleBoard {
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
            Listing::Leagues(leagues) => self.know(leagues),
            Listing::Fixtures {
                sport, fixtures, ..
            } => {
                for fixture in fixtures {
                    self.meet(sport, fixture);
                }
            }
            Listing::Odds {
                sport,
                is_whole,
                events,
                ..
            } => self.odds(sport, is_whole, events),
            Listing::Settled { results, .. } => {
                for result in results {
                    self.settle(result);
                }
            }
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

    /// Events of leagues that were not known may be told of now.
    fn know(&mut self, leagues: Vec<League>) {
        for league in leagues {
            self.leagues.insert(league.id, league);
        }
        let all: Vec<i64> = self.matches.keys().copied().collect();
        for id in all {
            self.tell(id);
        }
    }

    /// Makes an event known, or takes note of what changed of it.
    fn meet(&mut self, sport: u32, fixture: Fixture) {
        // Corners and bookings are no scores.
        if !fixture.is_regular || self.gone.contains(&fixture.id) {
            return;
        }
        let id = fixture.id;
        let known = self.matches.entry(id).or_insert_with(|| Match::new(sport));
        if known.fixture.as_ref() == Some(&fixture) {
            return;
        }
        known.fixture = Some(fixture);
        known.event = None;
        self.tell(id);
    }

    /// A period that is told replaces what stood; one that is not stands as it was, unless all were asked for.
    fn odds(&mut self, sport: u32, is_whole: bool, events: Vec<Priced>) {
        let mut told = BTreeSet::new();
        for Priced { event, period, .. } in events {
            if self.gone.contains(&event) || (period.is_none() && !is_whole) {
                continue;
            }
            told.insert(event);
            let known = self
                .matches
                .entry(event)
                .or_insert_with(|| Match::new(sport));
            known.period = period;
            self.tell(event);
        }
        if !is_whole {
            return;
        }
        let silent = |(id, known): (&i64, &Match)| {
            (known.sport == sport && known.period.is_some() && !told.contains(id)).then_some(*id)
        };
        let silent: Vec<i64> = self.matches.iter().filter_map(silent).collect();
        for id in silent {
            if let Some(known) = self.matches.get_mut(&id) {
                known.period = None;
            }
            self.tell(id);
        }
    }

    /// An event is over, and with it what is under way of it.
    fn settle(&mut self, result: Outcome) {
        let is_of = |(id, known): (&i64, &Match)| {
            let parent = known.fixture.as_ref().and_then(|fixture| fixture.parent);
            (*id == result.event || parent == Some(result.event)).then_some(*id)
        };
        let all: Vec<i64> = self.matches.iter().filter_map(is_of).collect();
        for id in all {
            let Some(known) = self.matches.get_mut(&id) else {
                continue;
            };
            let is_old = known
                .result
                .is_some_and(|known| known.settlement >= result.settlement);
            if is_old {
                continue;
            }
            known.result = Some(result);
            known.ended_at = Some(self.now);
            self.tell(id);
        }
    }

    /// Tells what is news of an event.
    fn tell(&mut self, id: i64) {
        let Some(known) = self.matches.get_mut(&id) else {
            return;
        };
        let league = known
            .fixture
            .as_ref()
            .and_then(|f| self.leagues.get(&f.league));
        if let Some(league) = league {
            known.tell(league, self.now, &mut self.deltas);
        }
    }

    /// Events begin, are void when they have no result for long, and are forgotten.
    fn let_time_pass(&mut self) {
        let now = self.now;
        let mut due = Vec::new();
        for (id, known) in &mut self.matches {
            let starts_at = known.fixture.as_ref().map(|fixture| fixture.starts_at);
            let is_lost = starts_at.is_some_and(|start| now - start > NO_RESULT_MS);
            if is_lost && known.result.is_none() {
                known.result = Some(Outcome {
                    event: *id,
                    score: None,
                    settlement: i64::MIN,
                });
                known.ended_at = Some(now);
            }
            if known.is_due(now) {
                due.push(*id);
            }
        }
        for id in due {
            self.tell(id);
        }
        let gone = &mut self.gone;
        self.matches.retain(|id, known| {
            let stays = known
                .ended_at
                .is_none_or(|ended| now - ended <= SETTLED_ANEW_MS);
            if !stays {
                gone.insert(*id);
            }
            stays
        });
    }
}

impl Match {
    fn new(sport: u32) -> Self {
        Self {
            sport,
            fixture: None,
            period: None,
            result: None,
            event: None,
            draw: None,
            markets: BTreeMap::new(),
            ended_at: None,
        }
    }

    /// Whether time alone has brought it to another stage.
    fn is_due(&self, now: TimeMs) -> bool {
        self.event.as_ref().is_some_and(|event| {
            let stage = self.stage(event, now, None);
            let mut markets = self.markets.values();
            matches!(stage, Some(stage) if markets.any(|market| market.stage() != Some(stage)))
        })
    }

    /// Where it stands; `None` if that is for its league to say, which knows the score's sides.
    fn stage(&self, event: &Event, now: TimeMs, league: Option<&League>) -> Option<Stage> {
        if let Some(result) = self.result {
            let Some((first, second)) = result.score else {
                return Some(Stage::Over(None));
            };
            let (home, away) = match league?.home_is_first {
                true => (first, second),
                false => (second, first),
            };
            return Some(Stage::Over(Some(Score { home, away })));
        }
        let is_live = self.fixture.as_ref().is_some_and(|fixture| fixture.is_live);
        let is_open = self.period.as_ref().is_some_and(|period| {
            period.is_open && period.cutoff.is_none_or(|cutoff| now < cutoff)
        });
        Some(match (is_live, is_open) {
            (true, true) => Stage::InPlay,
            (true, false) => Stage::UnderWay,
            (false, _) if now >= event.starts_at => Stage::UnderWay,
            (false, true) => Stage::Open,
            (false, false) => Stage::Suspended,
        })
    }

    fn tell(&mut self, league: &League, now: TimeMs, deltas: &mut Vec<MarketDelta>) {
        let Some(fixture) = &self.fixture else { return };
        let event = match &self.event {
            Some(event) => Arc::clone(event),
            None => {
                let event = Arc::new(Event {
                    id: fixture.id.to_string(),
                    sport_id: sport_of(self.sport),
                    competition: Some(league.name.clone()),
                    country: None,
                    home: fixture.home.clone(),
                    away: fixture.away.clone(),
                    starts_at: fixture.starts_at,
                });
                for market in self.markets.values_mut() {
                    market.put_off(&event);
                }
                self.event = Some(Arc::clone(&event));
                event
            }
        };
        let Some(stage) = self.stage(&event, now, Some(league)) else {
            return;
        };
        let mut offers = match stage {
            Stage::Open | Stage::InPlay => self.offers(&event, now),
            Stage::Suspended | Stage::UnderWay | Stage::Over(_) => BTreeMap::new(),
        };
        for &family in offers.keys() {
            self.markets
                .entry(family)
                .or_insert_with(|| Tracked::new(&event, family));
        }
        for (&family, market) in &mut self.markets {
            let stage = told_to(family, stage);
            let was_over = matches!(market.stage(), Some(Stage::Over(_)));
            if was_over && market.stage() != Some(stage) {
                // What it came to does not hold: it is opened again, so that its bets are, and settled anew.
                market.tell(Stage::UnderWay, &[], deltas);
            }
            let standing = offers.remove(&family).unwrap_or_default();
            market.replace(stage, standing, deltas);
        }
    }

    /// What is offered now, by market.
    fn offers(&mut self, event: &Event, now: TimeMs) -> BTreeMap<Family, Standing> {
        let mut all = BTreeMap::new();
        let Some(period) = &self.period else {
            return all;
        };
        let mut offers = Offers {
            book: BookName::new(BOOK),
            all: &mut all,
        };
        if let Some((home, away, draw)) = period.moneyline {
            let has_draw = *self
                .draw
                .get_or_insert(event.sport_id == "1" || draw.is_some());
            // Odds for a draw that returns the stake are odds for something else.
            if has_draw == draw.is_some() {
                let family = Family::MatchOdds { draw: has_draw };
                let at = period.moneyline_at.unwrap_or(now);
                let sides = [
                    (Pick::Home, Some(home)),
                    (Pick::Away, Some(away)),
                    (Pick::Draw, draw),
                ];
                for (pick, odds) in sides {
                    offers.add(family, pick, odds, period.max_moneyline, at);
                }
            }
        }
        for spread in &period.spreads {
            let at = period.spreads_at.unwrap_or(now);
            let (home, away) = (Pick::HomeWith(spread.line), Pick::AwayWith(-spread.line));
            for (pick, odds) in [(home, spread.home), (away, spread.away)] {
                offers.add(Family::AsianHandicap, pick, Some(odds), spread.max, at);
            }
        }
        for total in &period.totals {
            let at = period.totals_at.unwrap_or(now);
            let (family, over, under) = match u32::try_from(total.line) {
                Ok(line) if line % 100 == 50 => {
                    (Family::OverUnder { line }, Pick::Over, Pick::Under)
                }
                _ => (
                    Family::TotalGoals,
                    Pick::OverLine(total.line),
                    Pick::UnderLine(total.line),
                ),
            };
            for (pick, odds) in [(over, total.over), (under, total.under)] {
                offers.add(family, pick, Some(odds), total.max, at);
            }
        }
        all
    }
}

/// Nobody wins a tie that could not be backed.
fn told_to(family: Family, stage: Stage) -> Stage {
    match stage {
        Stage::Over(Some(score))
            if score.home == score.away && family == (Family::MatchOdds { draw: false }) =>
        {
            Stage::Over(None)
        }
        stage => stage,
    }
}

struct Offers<'a> {
    book: BookName,
    all: &'a mut BTreeMap<Family, Standing>,
}

impl Offers<'_> {
    fn add(&mut self, family: Family, pick: Pick, odds: Option<f64>, max: Option<f64>, at: TimeMs) {
        let Some(price) = odds.and_then(Price::nearest) else {
            return;
        };
        let offer = Offer {
            pick,
            book: self.book.clone(),
            price: Some(price),
            limit: max.and_then(|volume| most_at_risk(volume, price)),
            updated_at: at,
        };
        let standing = self.all.entry(family).or_default();
        standing.insert((self.book.clone(), pick.runner()), offer);
    }
}

/// The most that may be lost at a price, of the volume that the venue names: at odds on the volume is what may be won.
fn most_at_risk(volume: f64, price: Price) -> Option<Money> {
    let odds = price.to_f64();
    match odds > 2.0 {
        true => Money::floor(volume),
        false => Money::floor(volume / (odds - 1.0)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::market::{Books, Market, MarketId, MarketStatus, RunnerStatus};

    struct Player {
        board: PinnacleBoard,
        books: Books,
    }

    const STARTS: &str = "1970-01-01T01:00:00Z";
    const CHANGED: &str = "1970-01-01T00:00:02Z";

    fn fixture(id: i64, more: &Value) -> Value {
        let mut fixture = json!({ "id": id, "starts": STARTS, "home": "Ham", "away": "Egg" });
        fixture
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "last": 10, "league": [{ "id": 5, "events": [fixture] }] })
    }

    fn period(home: f64) -> Value {
        json!({
            "number": 0, "lineId": 3, "status": 1, "cutoff": STARTS, "maxMoneyline": 500.0,
            "moneylineUpdatedAt": CHANGED, "spreadUpdatedAt": CHANGED, "totalUpdatedAt": CHANGED,
            "moneyline": { "home": home, "away": 4.0, "draw": 3.5 },
            "totals": [{ "points": 2.5, "over": 1.8, "under": 2.1 }, { "points": 2.25, "over": 1.6, "under": 2.4 }],
            "spreads": [{ "hdp": -0.25, "home": 1.9, "away": 2.0 }],
        })
    }

    fn odds(periods: &Value) -> Value {
        json!({ "last": 20, "leagues": [{ "id": 5, "events": [{ "id": 1, "periods": periods }] }] })
    }

    fn settled(status: i64, settlement: i64, scores: (u32, u32)) -> Value {
        let period = json!({ "number": 0, "status": status, "settlementId": settlement, "team1Score": scores.0, "team2Score": scores.1 });
        json!({ "last": 30, "leagues": [{ "id": 5, "events": [{ "id": 1, "periods": [period] }] }] })
    }

    impl Player {
        fn new() -> Self {
            Self {
                board: PinnacleBoard::default(),
                books: Books::default(),
            }
        }

        fn take(&mut self, seconds: i64, path: &str, more: &str, body: &Value) -> usize {
            let answer = Answer {
                at: TimeMs(seconds * 1_000),
                path: path.to_owned(),
                query: format!("sportId=29{more}"),
                status: 200,
                body: body.to_string().into_bytes(),
            };
            let (at, deltas) = self.board.take(&answer.line()).unwrap();
            for delta in deltas {
                self.books.apply(at, delta);
            }
            deltas.len()
        }

        fn begin(home_team: &str) -> Self {
            let mut player = Self::new();
            let leagues =
                json!({ "leagues": [{ "id": 5, "name": "EPL", "homeTeamType": home_team }] });
            player.take(1, "/v2/leagues", "", &leagues);
            player.take(2, "/v1/fixtures", "", &fixture(1, &json!({})));
            player.take(3, "/v2/odds", "", &odds(&json!([period(2.0)])));
            player
        }

        fn market(&self, kind: &str) -> &Market {
            self.books
                .market(&MarketId::new(&format!("1:{kind}")))
                .unwrap()
        }

        fn home(&self) -> Option<(f64, Option<Money>)> {
            let runner = self
                .market("MATCH_ODDS")
                .runner(Pick::Home.runner())
                .unwrap();
            let quote = runner.quotes.of(&BookName::new(BOOK))?;
            Some((quote.price.to_f64(), quote.limit))
        }
    }

    #[test]
    fn a_period_replaces_what_stood_and_silence_is_no_change() {
        let mut player = Player::begin("Team1");
        // At evens and below, the volume is what may be won.
        assert_eq!(player.home(), Some((2.0, Some(Money::from_major(500)))));
        for kind in [
            "MATCH_ODDS",
            "OVER_UNDER_25",
            "ALT_TOTAL_GOALS",
            "ASIAN_HANDICAP",
        ] {
            assert_eq!(player.market(kind).status(), MarketStatus::Open, "{kind}");
        }
        let since = "&since=20";
        assert_eq!(
            player.take(4, "/v2/odds", since, &odds(&json!([period(2.0)]))),
            0
        );
        assert_eq!(
            player.take(5, "/v2/odds", since, &odds(&json!([{ "number": 1 }]))),
            0
        );
        assert_eq!(player.take(6, "/v2/odds", since, &json!(null)), 0);
        let mut less = period(1.5);
        less.as_object_mut().unwrap().remove("totals");
        assert_eq!(player.take(7, "/v2/odds", since, &odds(&json!([less]))), 3);
        assert_eq!(player.home(), Some((1.5, Some(Money::from_major(1_000)))));
        let over = player
            .market("OVER_UNDER_25")
            .runner(Pick::Over.runner())
            .unwrap();
        assert!(over.quotes.is_empty());
        // Whoever asks for all is told what is not there any more by silence.
        player.take(8, "/v2/odds", "", &json!({ "last": 21, "leagues": [] }));
        assert_eq!(player.home(), None);
        assert_eq!(
            player.market("MATCH_ODDS").status(),
            MarketStatus::Suspended
        );
    }

    #[test]
    fn odds_may_come_before_their_fixture_and_never_without_its_league() {
        let mut player = Player::new();
        player.take(1, "/v2/odds", "", &odds(&json!([period(2.0)])));
        assert_eq!(
            player.take(2, "/v1/fixtures", "", &fixture(1, &json!({}))),
            0
        );
        let leagues = json!({ "leagues": [{ "id": 5, "name": "EPL", "homeTeamType": "Team1" }] });
        assert_eq!(player.take(3, "/v2/leagues", "", &leagues), 4);
        assert!(player.home().is_some());
    }

    #[test]
    fn events_begin_are_put_off_and_come_to_a_score_of_their_sides() {
        for (home_team, winner) in [("Team1", Pick::Home), ("Team2", Pick::Away)] {
            let mut player = Player::begin(home_team);
            let later = fixture(1, &json!({ "starts": "1970-01-01T02:00:00Z" }));
            player.take(10, "/v1/fixtures", "&since=10", &later);
            assert_eq!(
                player.market("MATCH_ODDS").definition.market_time,
                TimeMs(7_200_000)
            );
            player.take(7_201, "/v2/odds", "&since=20", &json!(null));
            assert!(player.market("MATCH_ODDS").definition.in_play);
            assert_eq!(
                player.market("MATCH_ODDS").status(),
                MarketStatus::Suspended
            );
            player.take(13_000, "/v1/fixtures/settled", "", &settled(1, 7, (2, 0)));
            let market = player.market("MATCH_ODDS");
            assert_eq!(market.status(), MarketStatus::Closed);
            assert_eq!(
                market.runner(winner.runner()).unwrap().status,
                RunnerStatus::Winner
            );
            assert_eq!(
                player.take(13_001, "/v1/fixtures/settled", "", &settled(1, 7, (2, 0))),
                0
            );
        }
    }

    #[test]
    fn what_is_settled_anew_is_opened_in_between() {
        let mut player = Player::begin("Team1");
        player.take(9_000, "/v1/fixtures/settled", "", &settled(1, 7, (2, 0)));
        // Each of four markets is opened, and closed with the new score.
        assert_eq!(
            player.take(
                9_100,
                "/v1/fixtures/settled",
                "&since=30",
                &settled(2, 8, (0, 2))
            ),
            8
        );
        let market = player.market("MATCH_ODDS");
        assert_eq!(
            market.runner(Pick::Away.runner()).unwrap().status,
            RunnerStatus::Winner
        );
        player.take(
            9_200,
            "/v1/fixtures/settled",
            "&since=30",
            &settled(5, 9, (0, 0)),
        );
        let market = player.market("MATCH_ODDS");
        assert_eq!(
            market.runner(Pick::Away.runner()).unwrap().status,
            RunnerStatus::Removed
        );
    }

    #[test]
    fn an_event_under_way_has_markets_of_its_own_and_ends_with_its_parent() {
        let mut player = Player::begin("Team1");
        let live = fixture(2, &json!({ "parentId": 1, "liveStatus": 1 }));
        player.take(3_700, "/v1/fixtures", "&since=10", &live);
        let mut open = period(1.7);
        open["cutoff"] = json!("1970-01-02T00:00:00Z");
        let priced = json!({ "last": 22, "leagues": [{ "id": 5, "events": [{ "id": 2, "periods": [open] }] }] });
        player.take(3_701, "/v2/odds", "&since=20", &priced);
        let id = MarketId::new("2:MATCH_ODDS");
        let market = player.books.market(&id).unwrap();
        assert!(market.definition.in_play && market.status() == MarketStatus::Open);
        player.take(9_000, "/v1/fixtures/settled", "", &settled(1, 7, (2, 0)));
        assert_eq!(
            player.books.market(&id).unwrap().status(),
            MarketStatus::Closed
        );
    }

    #[test]
    fn without_a_result_in_three_days_all_is_void() {
        let mut player = Player::begin("Team1");
        player.take(
            3_600 + 3 * 86_400 + 1,
            "/v2/odds",
            "&since=20",
            &json!(null),
        );
        let home = player
            .market("MATCH_ODDS")
            .runner(Pick::Home.runner())
            .unwrap();
        assert_eq!(home.status, RunnerStatus::Removed);
    }

    proptest::proptest! {
        #[test]
        fn no_change_of_good_answers_makes_it_panic(at in 0..600_usize, with: u8, which in 0..4_usize, seconds in 0..400_000_i64) {
            let leagues = json!({ "leagues": [{ "id": 5, "name": "EPL", "homeTeamType": "Team2" }] });
            let answers = [
                ("/v2/leagues", leagues),
                ("/v1/fixtures", fixture(1, &json!({ "parentId": 9 }))),
                ("/v2/odds", odds(&json!([period(2.0)]))),
                ("/v1/fixtures/settled", settled(1, 7, (2, 0))),
            ];
            let mut player = Player::new();
            for (nth, (path, body)) in answers.iter().enumerate() {
                let mut body = body.to_string().into_bytes();
                if nth == which {
                    let at = at % body.len();
                    body[at] = with;
                }
                let answer = Answer {
                    at: TimeMs(seconds * 1_000),
                    path: (*path).to_owned(),
                    query: "sportId=29".to_owned(),
                    status: 200,
                    body,
                };
                let (at, deltas) = player.board.take(&answer.line()).unwrap();
                for delta in deltas {
                    player.books.apply(at, delta);
                }
            }
        }
    }
}
