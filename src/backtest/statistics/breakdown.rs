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

type Property = fn(&Bet) -> Option<String>;

const DIMENSIONS: [(&str, Property); 7] = [
    ("month", |bet| Some(month(bet.settled_at))),
    ("price", |bet| Some(band(bet.price).to_owned())),
    ("side", |bet| Some(bet.side.as_str().to_owned())),
    ("market_type", |bet| Some(bet.market_type.to_string())),
    ("book", |bet| Some(bet.book.to_string())),
    ("competition", |bet| {
        bet.competition.as_ref().map(ToString::to_string)
    }),
    ("stated_edge", |bet| {
        let edge = bet.probability? * bet.price - 1.0;
        Some(
            match edge {
                edge if edge < 0.0 => "a below 0 %",
                edge if edge < 0.02 => "b 0 to 2 %",
                edge if edge < 0.05 => "c 2 to 5 %",
                edge if edge < 0.10 => "d 5 to 10 %",
                _ => "e 10 % and more",
            }
            .to_owned(),
        )
    }),
];

/// All groupings in which there is more than nothing.
pub(super) fn all(bets: &[&Bet]) -> BTreeMap<&'static str, Vec<Row>> {
    let rows = |property: Property| {
        let mut groups: BTreeMap<String, Vec<&Bet>> = BTreeMap::new();
        for bet in bets {
            if let Some(of) = property(bet) {
                groups.entry(of).or_default().push(bet);
            }
        }
        groups
            .into_iter()
            .map(|(of, bets)| row(of, &bets))
            .collect()
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
        // The letter only keeps the order.
        of: of
            .strip_prefix(|c: char| c.is_ascii_lowercase())
            .and_then(|rest| rest.strip_prefix(' '))
            .map_or(of.clone(), str::to_owned),
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

fn band(price: f64) -> &'static str {
    match price {
        price if price < 1.5 => "a under 1.5",
        price if price < 2.0 => "b 1.5 to 2",
        price if price < 3.0 => "c 2 to 3",
        price if price < 5.0 => "d 3 to 5",
        price if price < 10.0 => "e 5 to 10",
        _ => "f 10 and more",
    }
}
