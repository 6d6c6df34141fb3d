//! Where the profit comes from: bets grouped by one of their properties at a time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::facts::Bet;
use super::interval::{Estimate, Part};
use super::{by_event, mean_by_event};
use crate::market::TimeMs;

/// Bets that share a property. Amounts are before commission, which is taken of whole markets.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What they share.
    pub of: String,
    /// Bets.
    pub n: u64,
    /// Σ backers' stakes.
    pub turnover: f64,
    /// Σ profit before commission.
    pub profit_gross: f64,
    /// Profit before commission / turnover.
    pub yield_gross: Option<Estimate>,
    /// Mean closing line value against the fair close, where it is known.
    pub clv: Option<f64>,
    /// Fewer than 30 bets: too few to say anything.
    pub few: bool,
}

/// Fewer bets than this say nothing.
const FEW: u64 = 30;

/// What a bet has in common with others: a place among its like, and a name.
type Property = fn(&Bet) -> Option<(usize, String)>;

const DIMENSIONS: [(&str, Property); 7] = [
    ("month", |bet| Some((0, month(bet.settled_at)))),
    ("price", |bet| Some(band(bet.price, &PRICES))),
    ("side", |bet| Some((0, bet.side.as_str().to_owned()))),
    ("market_type", |bet| Some((0, bet.market_type.to_string()))),
    ("book", |bet| Some((0, bet.book.to_string()))),
    ("competition", |bet| {
        bet.competition.as_ref().map(|name| (0, name.to_string()))
    }),
    ("stated_edge", |bet| {
        Some(band(bet.probability? * bet.price - 1.0, &EDGES))
    }),
];

/// Bands, each up to its end.
const PRICES: [(f64, &str); 6] = [
    (1.5, "under 1.5"),
    (2.0, "1.5 to 2"),
    (3.0, "2 to 3"),
    (5.0, "3 to 5"),
    (10.0, "5 to 10"),
    (f64::INFINITY, "10 and more"),
];
const EDGES: [(f64, &str); 5] = [
    (0.0, "below 0 %"),
    (0.02, "0 to 2 %"),
    (0.05, "2 to 5 %"),
    (0.10, "5 to 10 %"),
    (f64::INFINITY, "10 % and more"),
];

fn band(figure: f64, bands: &[(f64, &str)]) -> (usize, String) {
    let at = bands.iter().position(|(end, _)| figure < *end);
    let at = at.unwrap_or(bands.len() - 1);
    (at, bands[at].1.to_owned())
}

/// All groupings in which there is more than nothing.
pub(super) fn all(bets: &[&Bet]) -> BTreeMap<&'static str, Vec<Row>> {
    let rows = |property: Property| {
        let mut groups: BTreeMap<(usize, String), Vec<&Bet>> = BTreeMap::new();
        for bet in bets {
            if let Some(of) = property(bet) {
                groups.entry(of).or_default().push(bet);
            }
        }
        let rows = groups.into_iter();
        rows.map(|((_, of), bets)| row(of, &bets)).collect()
    };
    DIMENSIONS
        .into_iter()
        .map(|(name, property)| (name, rows(property)))
        .filter(|(_, rows): &(_, Vec<Row>)| !rows.is_empty())
        .collect()
}

fn row(of: String, bets: &[&Bet]) -> Row {
    let n = bets.len() as u64;
    let parts = by_event(bets.iter().map(|bet| {
        let part = Part {
            over: bet.profit.unwrap_or(0.0),
            under: bet.stake,
        };
        (&*bet.event, part)
    }));
    let worth = bets
        .iter()
        .filter_map(|bet| Some((*bet, bet.close.as_ref()?.chosen?)));
    Row {
        of,
        n,
        turnover: bets.iter().map(|bet| bet.stake).sum(),
        profit_gross: bets.iter().filter_map(|bet| bet.profit).sum(),
        yield_gross: Estimate::of(&parts, n),
        clv: mean_by_event(worth).map(|estimate| estimate.value),
        few: n < FEW,
    }
}

fn month(at: TimeMs) -> String {
    Timestamp::from_millisecond(at.0).map_or_else(
        |_| "not known".to_owned(),
        |at| at.to_string().chars().take(7).collect(),
    )
}
