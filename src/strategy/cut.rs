//! A market as a fixture: the map that `t.market` takes, written out, so that a test can start from a real moment.

use serde_json::{Map, Value, json};

use super::snapshot::pretty;
use crate::market::{Depth, Level, Market, Money, Price, PriceLadder, Runner};

/// Where a fixture was cut.
#[derive(Clone, Debug)]
pub struct Cut<'c> {
    /// The recording.
    pub recording: &'c str,
    /// The line whose update was the last one applied.
    pub line: u64,
}

/// A fixture's text. [`super::fixture`] reads it back.
#[must_use]
pub fn fixture(market: &Market, cut: &Cut<'_>) -> String {
    let runners = market.runners.iter().map(runner);
    let definition = &market.definition;
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            map.insert(key.to_owned(), value);
        }
    };
    put("id", market.id.as_str().into());
    put("sport", definition.sport_id.clone().into());
    put("type", definition.market_type.clone().into());
    put("country", definition.country.clone().into());
    put("course", definition.course.clone().into());
    put("name", definition.name.clone().into());
    put("event", definition.event_name.clone().into());
    if definition.venue != "betfair" {
        put("venue", definition.venue.into());
        put("event_id", definition.event_id.clone().into());
    }
    put("competition", definition.competition.clone().into());
    if let Some(score) = definition.score {
        put("score", json!([score.home, score.away]));
    }
    put("status", definition.status.as_str().into());
    put("in_play", definition.in_play.into());
    put("bsp", definition.bsp_market.into());
    put("bsp_reconciled", definition.bsp_reconciled.into());
    put("start_ms", definition.market_time.0.into());
    put(
        "seconds_to_start",
        (market.ms_to_start() as f64 / 1000.0).into(),
    );
    put("number_of_winners", definition.number_of_winners.into());
    put("bet_delay", definition.bet_delay_seconds.into());
    put(
        "commission",
        (f64::from(definition.base_rate) / 10_000.0).into(),
    );
    if definition.ladder == PriceLadder::Finest {
        put("ladder", "FINEST".into());
    }
    put("total_matched", money(market.traded_volume));
    put("runners", runners.collect());
    pretty(&json!({
        "schema": "bea.fixture/1",
        "cut": { "recording": cut.recording, "line": cut.line, "at": market.published_at.to_string() },
        "market": map,
    }))
}

fn runner(runner: &Runner) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            map.insert(key.to_owned(), value);
        }
    };
    let id = runner.id();
    put(
        "id",
        match i64::try_from(id.selection) {
            Ok(selection) if id.handicap == 0 => selection.into(),
            _ => id.to_string().into(),
        },
    );
    put(
        "name",
        runner.name.as_deref().map_or(Value::Null, Value::from),
    );
    put("status", runner.status.as_str().into());
    put("back", levels(runner.to_back.levels().iter().rev()));
    put("lay", levels(runner.to_lay.levels().iter()));
    put("traded", depth(&runner.traded));
    put("quotes", quotes(runner));
    put("last_traded", price(runner.last_traded));
    put("total_matched", money(runner.traded_volume));
    put("sp_near", price(runner.sp_near));
    put("sp_far", price(runner.sp_far));
    put("bsp", price(runner.bsp));
    let factor = runner
        .adjustment_factor
        .map(|hundredths| f64::from(hundredths) / 100.0);
    put("adjustment_factor", factor.map_or(Value::Null, Value::from));
    Value::Object(map)
}

fn quotes(runner: &Runner) -> Value {
    let quotes = runner.quotes.iter().map(|quote| {
        let (book, price) = (quote.book.as_str(), quote.price.to_f64());
        match quote.limit {
            Some(limit) => json!([book, price, limit.to_f64()]),
            None => json!([book, price]),
        }
    });
    match quotes.collect::<Vec<_>>() {
        quotes if quotes.is_empty() => Value::Null,
        quotes => quotes.into(),
    }
}

fn depth(depth: &Depth) -> Value {
    levels(depth.levels().iter())
}

fn levels<'l>(levels: impl Iterator<Item = &'l Level>) -> Value {
    let pairs: Vec<Value> = levels
        .map(|level| json!([level.price.to_f64(), level.size.to_f64()]))
        .collect();
    if pairs.is_empty() {
        Value::Null
    } else {
        pairs.into()
    }
}

fn price(price: Option<Price>) -> Value {
    price.map_or(Value::Null, |price| price.to_f64().into())
}

fn money(money: Money) -> Value {
    if money.is_positive() {
        money.to_f64().into()
    } else {
        Value::Null
    }
}
