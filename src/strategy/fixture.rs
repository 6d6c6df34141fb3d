//! Markets and orders for a script's own tests, built from small maps through the same code as a feed's.

use std::sync::Arc;

use rhai::{Dynamic, Map};
use serde_json::Value;

use super::filter;
use super::names::{known_key, shown};
use super::propose::{MOST_SHOWN, number};
use super::show::Told;
use super::state::from_json;
use super::view::runner_id;
use crate::market::{
    BettingType, BookName, Books, LadderKind, LevelChange, Market, MarketDefinition, MarketDelta,
    MarketId, MarketStatus, Money, Order, OrderId, OrderKind, OrderState, Persistence, Place,
    Price, PriceLadder, Quote, QuoteChange, RunnerDefinition, RunnerId, RunnerStatus, Score, Side,
    TimeMs,
};

/// When a test's market starts: any fixed moment.
const START: TimeMs = TimeMs(1_700_000_000_000);
/// Size of a level given by its price alone.
const USUAL_SIZE: f64 = 1000.0;

const MARKET_KEYS: [&str; 23] = [
    "id",
    "sport",
    "type",
    "country",
    "course",
    "name",
    "event",
    "status",
    "in_play",
    "bsp",
    "bsp_reconciled",
    "seconds_to_start",
    "number_of_winners",
    "bet_delay",
    "total_matched",
    "commission",
    "start_ms",
    "ladder",
    "venue",
    "event_id",
    "competition",
    "score",
    "runners",
];
const RUNNER_KEYS: [&str; 13] = [
    "id",
    "name",
    "status",
    "back",
    "lay",
    "quotes",
    "traded",
    "last_traded",
    "total_matched",
    "bsp",
    "sp_near",
    "sp_far",
    "adjustment_factor",
];
const ORDER_KEYS: [&str; 14] = [
    "runner",
    "side",
    "type",
    "price",
    "size",
    "matched",
    "average_price",
    "state",
    "age_ms",
    "tag",
    "cancel_pending",
    "update_pending",
    "persistence",
    "book",
];

/// Reads entries of a map by key; each says what it should have been.
struct Reader<'m> {
    what: &'static str,
    map: &'m Map,
}

impl<'m> Reader<'m> {
    fn new(what: &'static str, map: &'m Map, known: &[&str]) -> Result<Self, String> {
        map.keys().try_for_each(|key| known_key(what, key, known))?;
        Ok(Self { what, map })
    }

    fn entry(&self, key: &str) -> Option<&'m Dynamic> {
        self.map.get(key).filter(|value| !value.is_unit())
    }

    fn wrong(&self, key: &str, expected: &str) -> String {
        let value = self.map.get(key);
        let value = value.map(|value| shown(&Told(value), MOST_SHOWN));
        format!(
            "{}: \"{key}\" is {expected}: {} is not",
            self.what,
            value.unwrap_or_default()
        )
    }

    fn text(&self, key: &str) -> Result<Option<String>, String> {
        let Some(value) = self.entry(key) else {
            return Ok(None);
        };
        let text = value.clone().into_string();
        text.map(Some).map_err(|_| self.wrong(key, "a text"))
    }

    fn truth(&self, key: &str) -> Result<bool, String> {
        self.entry(key).map_or(Ok(false), |value| {
            value
                .as_bool()
                .map_err(|_| self.wrong(key, "true or false"))
        })
    }

    fn number(&self, key: &str) -> Result<Option<f64>, String> {
        let Some(value) = self.entry(key) else {
            return Ok(None);
        };
        let found = number(value).filter(|x| x.is_finite());
        found.map(Some).ok_or_else(|| self.wrong(key, "a number"))
    }

    fn price(&self, key: &str) -> Result<Option<Price>, String> {
        let Some(value) = self.number(key)? else {
            return Ok(None);
        };
        let price = Price::nearest(value);
        price.map(Some).ok_or_else(|| self.wrong(key, "a price"))
    }

    fn money(&self, key: &str) -> Result<Option<Money>, String> {
        let Some(value) = self.number(key)? else {
            return Ok(None);
        };
        let money = Money::nearest(value);
        money.map(Some).ok_or_else(|| self.wrong(key, "an amount"))
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn count(&self, key: &str, default: u32) -> Result<u32, String> {
        match self.number(key)? {
            None => Ok(default),
            Some(x) if (0.0..=1e6).contains(&x) => Ok(x as u32),
            Some(_) => Err(self.wrong(key, "a count")),
        }
    }

    /// Levels: `[[price, size], …]`, or one price.
    fn levels(&self, key: &str) -> Result<Vec<(Price, Money)>, String> {
        let wrong = || self.wrong(key, "a price or [[price, size], …]");
        let Some(value) = self.entry(key) else {
            return Ok(Vec::new());
        };
        let level = |price: f64, size: f64| {
            Price::nearest(price)
                .zip(Money::nearest(size))
                .ok_or_else(wrong)
        };
        if let Some(price) = number(value) {
            return Ok(vec![level(price, USUAL_SIZE)?]);
        }
        let levels = value.as_array_ref().map_err(|_| wrong())?;
        let pairs = levels.iter().map(|pair| {
            let pair = pair.as_array_ref().map_err(|_| wrong())?;
            match &pair[..] {
                [price, size] => level(
                    number(price).ok_or_else(wrong)?,
                    number(size).ok_or_else(wrong)?,
                ),
                _ => Err(wrong()),
            }
        });
        pairs.collect()
    }

    /// What bookmakers offer: `[[book, price], [book, price, limit], …]`.
    fn quotes(&self, key: &str) -> Result<Vec<Quote>, String> {
        let wrong = || self.wrong(key, "[[book, price], [book, price, limit], …]");
        let Some(value) = self.entry(key) else {
            return Ok(Vec::new());
        };
        let listed = value.as_array_ref().map_err(|_| wrong())?;
        let quotes = listed.iter().map(|quote| {
            let quote = quote.as_array_ref().map_err(|_| wrong())?;
            let (book, price, limit) = match &quote[..] {
                [book, price] => (book, price, None),
                [book, price, limit] => {
                    let limit = number(limit).and_then(Money::nearest);
                    (book, price, Some(limit.ok_or_else(wrong)?))
                }
                _ => return Err(wrong()),
            };
            let name = book.as_immutable_string_ref().map_err(|_| wrong())?;
            Ok(Quote {
                book: BookName::new(&name),
                price: number(price).and_then(Price::nearest).ok_or_else(wrong)?,
                limit,
                updated_at: START,
            })
        });
        quotes.collect()
    }

    fn persistence(&self) -> Result<Persistence, String> {
        let Some(name) = self.text("persistence")? else {
            return Ok(Persistence::Lapse);
        };
        let known = Persistence::ALL.into_iter().find(|p| p.as_str() == name);
        known.ok_or_else(|| self.wrong("persistence", "LAPSE, PERSIST or MARKET_ON_CLOSE"))
    }
}

/// The map of a fixture's text, for [`market`].
pub(super) fn read(text: &str) -> Result<Map, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    let schema = value.get("schema").and_then(Value::as_str);
    if schema != Some("bea.fixture/1") {
        return Err(
            "it has no \"schema\": \"bea.fixture/1\"\ncut it anew with bea fixture".to_owned(),
        );
    }
    let market = value.get("market").map(from_json);
    let map = market.and_then(Dynamic::try_cast::<Map>);
    map.ok_or_else(|| "it has no \"market\" with the entries of t.market".to_owned())
}

/// A market from the map of `t.market(#{ … })`.
pub(super) fn market(map: &Map) -> Result<Arc<Market>, String> {
    let read = Reader::new("t.market", map, &MARKET_KEYS)?;
    let id = MarketId::new(&read.text("id")?.unwrap_or_else(|| "1.1".to_owned()));
    let mut delta = MarketDelta::new(id.clone());
    delta.image = true;
    delta.traded_volume = read.money("total_matched")?;
    let mut runners = Vec::new();
    if let Some(listed) = read.entry("runners") {
        let wrong = || read.wrong("runners", "an array of maps");
        let listed = listed.as_array_ref().map_err(|_| wrong())?;
        for (at, runner) in listed.iter().enumerate() {
            let runner = runner.as_map_ref().map_err(|_| wrong())?;
            runners.push(add_runner(&mut delta, at, &runner)?);
        }
    }
    delta.definition = Some(Arc::new(definition(&read, runners)?));
    let mut books = Books::default();
    books.apply(published_at(&read)?, &delta);
    let market = books.market(&id).map(Arc::clone);
    market.ok_or_else(|| "t.market: the market could not be built".to_owned())
}

#[allow(clippy::cast_possible_truncation)]
fn published_at(read: &Reader<'_>) -> Result<TimeMs, String> {
    let seconds = read.number("seconds_to_start")?.unwrap_or(60.0);
    let ms = (seconds.clamp(-1e9, 1e9) * 1000.0).round() as i64;
    Ok(start(read)? + -ms)
}

/// When the market starts.
#[allow(clippy::cast_possible_truncation)]
fn start(read: &Reader<'_>) -> Result<TimeMs, String> {
    match read.number("start_ms")? {
        None => Ok(START),
        Some(ms) if (0.0..=1e14).contains(&ms) => Ok(TimeMs(ms as i64)),
        Some(_) => Err(read.wrong("start_ms", "milliseconds since 1970 UTC")),
    }
}

/// Commission in hundredths of a percent.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn base_rate(read: &Reader<'_>) -> Result<u32, String> {
    match read.number("commission")? {
        None => Ok(500),
        Some(ratio) if (0.0..=1.0).contains(&ratio) => Ok((ratio * 10_000.0).round() as u32),
        Some(_) => Err(read.wrong("commission", "a ratio from 0 to 1")),
    }
}

/// The venue that runs the market: the names are those that the program knows.
fn venue(read: &Reader<'_>) -> Result<&'static str, String> {
    match read.text("venue")?.as_deref() {
        None | Some("betfair") => Ok("betfair"),
        Some("bookmakers") => Ok("bookmakers"),
        Some(_) => Err(read.wrong("venue", "\"betfair\" or \"bookmakers\"")),
    }
}

/// How the event ended: `[home, away]`.
fn score(read: &Reader<'_>) -> Result<Option<Score>, String> {
    let wrong = || read.wrong("score", "[home, away], as in [2, 1]");
    let Some(value) = read.entry("score") else {
        return Ok(None);
    };
    let sides = value.as_array_ref().map_err(|_| wrong())?;
    let side = |at: usize| {
        let goals = sides.get(at).and_then(number);
        goals
            .filter(|goals| goals.fract() == 0.0)
            .and_then(|goals| u32::try_from(goals as i64).ok())
            .ok_or_else(wrong)
    };
    match sides.len() {
        2 => Ok(Some(Score {
            home: side(0)?,
            away: side(1)?,
        })),
        _ => Err(wrong()),
    }
}

fn ladder(read: &Reader<'_>) -> Result<PriceLadder, String> {
    match read.text("ladder")?.as_deref() {
        None | Some("CLASSIC") => Ok(PriceLadder::Classic),
        Some("FINEST") => Ok(PriceLadder::Finest),
        Some(_) => Err(read.wrong("ladder", "\"CLASSIC\" or \"FINEST\"")),
    }
}

fn definition(
    read: &Reader<'_>,
    runners: Vec<RunnerDefinition>,
) -> Result<MarketDefinition, String> {
    let status = match read.text("status")? {
        Some(name) => filter::status(&name)?,
        None => MarketStatus::Open,
    };
    let in_play = read.truth("in_play")?;
    Ok(MarketDefinition {
        venue: venue(read)?,
        status,
        in_play,
        bet_delay_seconds: read.count("bet_delay", 0)?,
        bsp_market: read.truth("bsp")?,
        bsp_reconciled: read.truth("bsp_reconciled")?,
        turn_in_play: true,
        complete: true,
        cross_matching: true,
        number_of_winners: read.count("number_of_winners", 1)?,
        base_rate: base_rate(read)?,
        version: 1,
        market_time: start(read)?,
        event_id: read.text("event_id")?.unwrap_or_else(|| "1".to_owned()),
        event_name: read.text("event")?,
        name: read.text("name")?,
        sport_id: read.text("sport")?.unwrap_or_else(|| "7".to_owned()),
        market_type: read.text("type")?.unwrap_or_else(|| "WIN".to_owned()),
        betting_type: BettingType::Odds,
        country: read.text("country")?,
        course: read.text("course")?,
        each_way_divisor: None,
        line_result: None,
        competition: read.text("competition")?,
        score: score(read)?,
        ladder: ladder(read)?,
        runners,
    })
}

fn add_runner(delta: &mut MarketDelta, at: usize, map: &Map) -> Result<RunnerDefinition, String> {
    let read = Reader::new("a runner of t.market", map, &RUNNER_KEYS)?;
    let id = match read.entry("id") {
        Some(id) => runner_id(id)?,
        None => RunnerId::new(at as u64 + 1),
    };
    let change = delta.push_runner(id);
    change.last_traded = read.price("last_traded")?;
    change.traded_volume = read.money("total_matched")?;
    change.sp_near = read.price("sp_near")?;
    change.sp_far = read.price("sp_far")?;
    for (key, ladder) in [
        ("back", LadderKind::Back),
        ("lay", LadderKind::Lay),
        ("traded", LadderKind::Traded),
    ] {
        for (price, size) in read.levels(key)? {
            delta.push_level(LevelChange {
                ladder,
                position: 0,
                price,
                size,
            });
        }
    }
    for quote in read.quotes("quotes")? {
        delta.quotes.push((id, QuoteChange::Offers(quote)));
    }
    Ok(RunnerDefinition {
        id,
        status: runner_status(&read)?,
        sort_priority: u32::try_from(at + 1).unwrap_or(u32::MAX),
        name: read.text("name")?,
        adjustment_factor: adjustment_factor(&read)?,
        bsp: read.price("bsp")?,
    })
}

/// A reduction factor in percent, as hundredths.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn adjustment_factor(read: &Reader<'_>) -> Result<Option<u32>, String> {
    match read.number("adjustment_factor")? {
        None => Ok(None),
        Some(percent) if (0.0..=100.0).contains(&percent) => {
            Ok(Some((percent * 100.0).round() as u32))
        }
        Some(_) => Err(read.wrong("adjustment_factor", "a percentage from 0 to 100")),
    }
}

fn runner_status(read: &Reader<'_>) -> Result<RunnerStatus, String> {
    use RunnerStatus as S;
    let Some(name) = read.text("status")? else {
        return Ok(S::Active);
    };
    [
        S::Active,
        S::Winner,
        S::Loser,
        S::Placed,
        S::Removed,
        S::Hidden,
    ]
    .into_iter()
    .find(|status| status.as_str() == name)
    .ok_or_else(|| read.wrong("status", "ACTIVE, WINNER, LOSER, PLACED, REMOVED or HIDDEN"))
}

/// An order from the map of `t.order(#{ … })`, as it stands at `now`.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn order(map: &Map, number: u128, now: TimeMs) -> Result<Order, String> {
    let read = Reader::new("t.order", map, &ORDER_KEYS)?;
    let runner = match read.entry("runner") {
        Some(runner) => runner_id(runner)?,
        None => RunnerId::new(1),
    };
    let side = match read.text("side")?.as_deref() {
        None | Some("BACK") => Side::Back,
        Some("LAY") => Side::Lay,
        Some(_) => return Err(read.wrong("side", "\"BACK\" or \"LAY\"")),
    };
    let size = read.money("size")?.unwrap_or(Money::from_major(2));
    let price = read.price("price")?;
    let kind = match read.text("type")?.as_deref() {
        None | Some("LIMIT") => OrderKind::Limit {
            price: price.unwrap_or(Price::from_hundredths(300)),
            size,
            persistence: read.persistence()?,
            fill_or_kill: None,
        },
        Some("LIMIT_ON_CLOSE") => OrderKind::LimitOnClose {
            price: price.unwrap_or(Price::from_hundredths(300)),
            liability: size,
        },
        Some("MARKET_ON_CLOSE") => OrderKind::MarketOnClose { liability: size },
        Some(_) => return Err(read.wrong("type", "LIMIT, LIMIT_ON_CLOSE or MARKET_ON_CLOSE")),
    };
    let place = Place {
        runner,
        side,
        kind,
        book: read.text("book")?.map(|name| BookName::new(&name)),
        reason: None,
        probability: None,
        tag: read.text("tag")?.map(Into::into),
    };
    let age_ms = read.number("age_ms")?.unwrap_or(0.0).clamp(0.0, 1e12) as i64;
    let at = now + -age_ms;
    let mut order = Order::new(OrderId::from_bits(number), &place, at);
    order.state = order_state(&read)?;
    if order.state != OrderState::Sending {
        order.placed_at = Some(at);
    }
    order.cancel_pending = read.truth("cancel_pending")?;
    // A test says only that a change is under way; to what, no script can ask.
    order.update_pending = read
        .truth("update_pending")?
        .then_some(Persistence::Persist);
    order.matched = read.money("matched")?.unwrap_or_default();
    let average = read.price("average_price")?.or(kind.price());
    let nanos = average.unwrap_or(Price::LOWEST).nanos();
    order.matched_value = i128::from(nanos) * i128::from(order.matched.minor());
    Ok(order)
}

fn order_state(read: &Reader<'_>) -> Result<OrderState, String> {
    use OrderState as S;
    let Some(name) = read.text("state")? else {
        return Ok(S::Working);
    };
    [S::Sending, S::Working, S::Complete, S::Rejected, S::NotSent]
        .into_iter()
        .find(|state| state.as_str() == name)
        .ok_or_else(|| {
            read.wrong(
                "state",
                "SENDING, EXECUTABLE, EXECUTION_COMPLETE, REJECTED or NOT_SENT",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::cut::{Cut, fixture};

    #[test]
    fn what_is_cut_is_read_back_as_it_was() {
        let map: Map = rhai::Engine::new_raw()
            .eval(
                r#"#{ id: "1.23", type: "PLACE", sport: "7", country: "GB", course: "Warwick", name: "3 places", event: "Race",
                      status: "SUSPENDED", in_play: true, bsp: true, bsp_reconciled: true, start_ms: 1600000000000,
                      seconds_to_start: -1.25, number_of_winners: 3, bet_delay: 1, commission: 0.02, ladder: "FINEST",
                      total_matched: 123.45, runners: [
                        #{ id: 7, name: "Red", back: [[3.0, 10.0], [2.9, 20.5]], lay: [[3.1, 5.0]], traded: [[3.0, 7.0]],
                           last_traded: 3.05, total_matched: 14.0, sp_near: 3.2, sp_far: 3.3, bsp: 3.17, adjustment_factor: 26.83 },
                        #{ id: "8@-0.5", status: "REMOVED" } ] }"#,
            )
            .unwrap();
        let first = market(&map).unwrap();
        let cut = Cut {
            recording: "r.bz2",
            line: 3,
        };
        let text = fixture(&first, &cut);
        let second = market(&read(&text).unwrap()).unwrap();
        assert_eq!(fixture(&second, &cut), text);
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
    }

    #[test]
    fn what_is_no_fixture_is_told() {
        assert!(read("x").unwrap_err().starts_with("no JSON"));
        assert!(read("{}").unwrap_err().contains("bea.fixture/1"));
        assert!(
            read(r#"{"schema": "bea.fixture/1"}"#)
                .unwrap_err()
                .contains("\"market\"")
        );
    }
}
