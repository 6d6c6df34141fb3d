//! Was it skill? What the bets of a run say, and how sure that is.

mod breakdown;
mod calibration;
mod facts;
mod interval;
mod paper;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

pub use breakdown::Row;
pub use calibration::{Bin, Calibration};
pub(super) use facts::{Facts, event_of, happened};
pub use interval::Estimate;
pub use paper::{Brier, Paper};

use super::closing::Closing;
use crate::strategy::maths::devig::Method;
use crate::strategy::maths::evaluation::{bets_needed, yield_p, yield_t};
use facts::{Bet, Settled};
use interval::{Draws, Part};

/// What the settled bets of a strategy say. Money is in major units; ratios are ratios: 0.05 is 5 %.
#[derive(Clone, Debug, Serialize)]
pub struct Statistics {
    /// Bets matched and settled.
    pub bets: u64,
    /// Markets and events they were in.
    pub markets: u64,
    /// Events they were in.
    pub events: u64,
    /// Net profit / turnover, the interval by drawing events anew.
    pub yield_net: Option<Estimate>,
    /// Net profit / the bank it starts with.
    pub roi: Option<f64>,
    /// Mean price taken.
    pub average_odds: Option<f64>,
    /// Mean price taken, weighted by stake.
    pub average_odds_by_stake: Option<f64>,
    /// How often it won, and how often it had to.
    pub strike: Option<Strike>,
    /// Bets lost in a row.
    pub losing_run: Option<LosingRun>,
    /// Closing line value, where the close is known.
    pub clv: Option<ClosingValue>,
    /// How likely it all is without an edge.
    pub significance: Option<Significance>,
    /// Whether what it thought came to pass, where it says what it thinks.
    pub calibration: Option<Calibration>,
    /// What became of its orders.
    pub execution: Execution,
    /// Profit before commission by month, price, market type and so on.
    pub breakdowns: BTreeMap<&'static str, Vec<Row>>,
    /// The bank's way, settled market by settled market; thinned out if there are many.
    pub equity: Vec<Point>,
}

/// How often bets won.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Strike {
    /// Bets won / bets won or lost.
    pub rate: f64,
    /// How often they have to win at the prices taken to break even.
    pub to_break_even: f64,
    /// How often they should have won if the close, without its margin, was right; where it is known.
    pub by_the_close: Option<f64>,
    /// Bets won or lost; the rest was returned.
    pub n: u64,
}

/// The longest run of bets lost one after another.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LosingRun {
    /// How many.
    pub longest: u64,
    /// How many are to be expected of so many bets with this strike rate: ln(n·s) / ln(1/(1 − s)).
    pub expected: f64,
}

/// Closing line value: each bet counts once, whatever its stake.
#[derive(Clone, Debug, Serialize)]
pub struct ClosingValue {
    /// Price taken / closing price − 1, margin and all.
    pub raw: Estimate,
    /// What bets win on average for each unit staked if the close without its margin is right, by method.
    pub fair: BTreeMap<&'static str, Estimate>,
    /// The method of the one figure in summaries.
    pub method: &'static str,
    /// Share of bets at a better price than the close.
    pub beat_close: Estimate,
    /// Whose close it is, with how many bets.
    pub sources: BTreeMap<String, u64>,
    /// Bets whose close is not known: they are in none of these figures.
    pub unknown: u64,
}

/// How likely the result is without an edge.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Significance {
    /// Standard errors above 0, as of level stakes at the mean price.
    pub t: f64,
    /// Chance of such a yield or a better one without an edge.
    pub p: f64,
    /// Share of draws of events without a gain; null with too few events.
    pub p_by_draws: Option<f64>,
    /// Bets after which a yield like this would show at 95 %; null without a gain.
    pub bets_needed: Option<f64>,
    /// Chance of ever losing the bank at this staking: exp(−2·mean·bank / variance); 1 without a gain.
    pub risk_of_ruin: f64,
}

/// What became of orders.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Execution {
    /// Orders.
    pub orders: u64,
    /// Of which something was matched / orders.
    pub fill_rate: Option<f64>,
    /// Of which a part was matched, but not all.
    pub partial: u64,
    /// The fill rate of orders that would have won.
    pub fill_rate_winners: Option<f64>,
    /// And of those that would have lost: if it is higher, what is matched is what nobody wants.
    pub fill_rate_losers: Option<f64>,
}

/// A point of the bank's way.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// When the market was settled.
    pub at_ms: i64,
    /// Net profit so far.
    pub net: f64,
    /// What the bets so far were worth against the close, where it is known.
    pub expected: f64,
}

/// Points kept of the bank's way.
const MOST_POINTS: usize = 500;

impl Statistics {
    /// What the facts say.
    pub(super) fn of(facts: &Facts, closing: &Closing) -> Self {
        let matched = |bet: &&Bet| bet.stake > 0.0 && bet.profit.is_some();
        let mut bets: Vec<&Bet> = facts.bets.iter().filter(matched).collect();
        bets.sort_by_key(|bet| (bet.settled_at, bet.asked_at));
        let parts = by_event(facts.settled.iter().filter(|s| s.turnover > 0.0).map(|s| {
            let part = Part {
                over: s.net,
                under: s.turnover,
            };
            (&*s.event, part)
        }));
        let n = bets.len() as u64;
        let yield_net = Estimate::of(&parts, n);
        let stakes: f64 = bets.iter().map(|bet| bet.stake).sum();
        let mean = |sum: f64, of: f64| (of > 0.0).then(|| sum / of);
        let average_odds = mean(bets.iter().map(|bet| bet.price).sum(), n as f64);
        let weighted = bets.iter().map(|bet| bet.price * bet.stake).sum();
        let net: f64 = facts.settled.iter().map(|settled| settled.net).sum();
        let strike = strike(&bets);
        Self {
            bets: n,
            markets: facts.settled.len() as u64,
            events: parts.len() as u64,
            significance: significance(yield_net, average_odds, &parts, facts),
            yield_net,
            roi: mean(net, facts.bank),
            average_odds,
            average_odds_by_stake: mean(weighted, stakes),
            losing_run: strike.map(|strike| losing_run(&bets, strike)),
            strike,
            clv: closing_value(&bets, closing),
            calibration: Calibration::of(&bets),
            execution: Execution::of(&facts.bets),
            breakdowns: breakdown::all(&bets),
            equity: equity(&facts.settled),
        }
    }
}

/// Sums what belongs to the same event.
fn by_event<'f>(parts: impl Iterator<Item = (&'f str, Part)>) -> Vec<Part> {
    let mut sums: BTreeMap<&str, Part> = BTreeMap::new();
    for (event, part) in parts {
        let sum = sums.entry(event).or_default();
        sum.over += part.over;
        sum.under += part.under;
    }
    sums.into_values().collect()
}

/// The mean of a figure over bets, with the interval by event.
fn mean_by_event<'f>(figures: impl Iterator<Item = (&'f Bet, f64)>) -> Option<Estimate> {
    let mut n = 0;
    let parts = by_event(figures.map(|(bet, over)| {
        n += 1;
        (&*bet.event, Part { over, under: 1.0 })
    }));
    Estimate::of(&parts, n)
}

fn is_won(bet: &Bet) -> Option<bool> {
    let profit = bet.profit?;
    (profit != 0.0).then_some(profit > 0.0)
}

fn strike(bets: &[&Bet]) -> Option<Strike> {
    let decided: Vec<(&Bet, bool)> = bets
        .iter()
        .filter_map(|bet| Some((*bet, is_won(bet)?)))
        .collect();
    let n = decided.len() as f64;
    let of_side = |bet: &Bet, chance: f64| match bet.side {
        crate::market::Side::Back => chance,
        crate::market::Side::Lay => 1.0 - chance,
    };
    let by_price = decided
        .iter()
        .map(|(bet, _)| of_side(bet, bet.price.recip()));
    let by_the_close: Option<f64> = decided
        .iter()
        .map(|(bet, _)| Some(of_side(bet, bet.close.as_ref()?.chance?)))
        .sum();
    (n > 0.0).then(|| Strike {
        rate: decided.iter().filter(|(_, won)| *won).count() as f64 / n,
        to_break_even: by_price.sum::<f64>() / n,
        by_the_close: by_the_close.map(|sum| sum / n),
        n: decided.len() as u64,
    })
}

fn losing_run(bets: &[&Bet], strike: Strike) -> LosingRun {
    let (mut run, mut longest) = (0, 0);
    for won in bets.iter().filter_map(|bet| is_won(bet)) {
        run = if won { 0 } else { run + 1 };
        longest = longest.max(run);
    }
    let (n, rate) = (strike.n as f64, strike.rate);
    let expected = match rate {
        rate if rate <= 0.0 => n,
        rate if rate >= 1.0 => 0.0,
        rate => ((n * rate).ln() / (1.0 - rate).recip().ln()).max(0.0),
    };
    LosingRun { longest, expected }
}

fn closing_value(bets: &[&Bet], closing: &Closing) -> Option<ClosingValue> {
    let known = || {
        let known = bets.iter().copied();
        known.filter_map(|bet| Some((bet, bet.close.as_ref()?)))
    };
    let raw = mean_by_event(known().map(|(bet, close)| (bet, close.raw)))?;
    let beats = known().map(|(bet, close)| (bet, f64::from(u8::from(close.raw > 0.0))));
    let fair = Method::ALL.iter().enumerate().filter_map(|(at, method)| {
        let figures = known().filter_map(|(bet, close)| Some((bet, close.fair[at]?)));
        Some((method.as_str(), mean_by_event(figures)?))
    });
    let mut sources = BTreeMap::new();
    for (_, close) in known() {
        *sources.entry(close.source.clone()).or_default() += 1;
    }
    Some(ClosingValue {
        fair: fair.collect(),
        method: closing.method.as_str(),
        beat_close: mean_by_event(beats)?,
        unknown: bets.len() as u64 - raw.n,
        raw,
        sources,
    })
}

fn significance(
    yield_net: Option<Estimate>,
    average_odds: Option<f64>,
    parts: &[Part],
    facts: &Facts,
) -> Option<Significance> {
    let (yield_net, odds) = (yield_net?, average_odds?);
    let n = yield_net.n as f64;
    let results: Vec<f64> = facts.settled.iter().map(|settled| settled.net).collect();
    let count = results.len() as f64;
    let mean = results.iter().sum::<f64>() / count;
    let variance = results.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    let ruin = if mean > 0.0 && variance > 0.0 {
        (-2.0 * mean * facts.bank / variance).exp()
    } else {
        f64::from(u8::from(mean <= 0.0))
    };
    Some(Significance {
        t: yield_t(n, yield_net.value, odds).ok()?,
        p: yield_p(n, yield_net.value, odds).ok()?,
        p_by_draws: Draws::of(parts).map(|draws| draws.share_without_gain()),
        bets_needed: bets_needed(yield_net.value, odds, 0.95).ok(),
        risk_of_ruin: ruin,
    })
}

impl Execution {
    fn of(bets: &[Bet]) -> Self {
        let rate = |of: &dyn Fn(&&Bet) -> bool| {
            let all = bets.iter().filter(of).count() as f64;
            let matched = bets.iter().filter(of).filter(|bet| bet.stake > 0.0);
            (all > 0.0).then(|| matched.count() as f64 / all)
        };
        let wins = |bet: &Bet, wanted: bool| {
            let happened = bet.happened?;
            Some((happened == (bet.side == crate::market::Side::Back)) == wanted)
        };
        let in_part = |bet: &&Bet| {
            let left = bet.asked.is_some_and(|asked| asked - bet.stake > 0.005);
            bet.stake > 0.0 && left
        };
        Self {
            orders: bets.len() as u64,
            fill_rate: rate(&|_| true),
            partial: bets.iter().filter(in_part).count() as u64,
            fill_rate_winners: rate(&|bet| wins(bet, true) == Some(true)),
            fill_rate_losers: rate(&|bet| wins(bet, false) == Some(true)),
        }
    }
}

fn equity(settled: &[Settled]) -> Vec<Point> {
    let (mut net, mut expected) = (0.0, 0.0);
    let mut points: Vec<Point> = Vec::new();
    let mut in_order: Vec<&Settled> = settled.iter().collect();
    in_order.sort_by_key(|settled| settled.at);
    for settled in in_order {
        net += settled.net;
        expected += settled.expected.unwrap_or(0.0);
        points.push(Point {
            at_ms: settled.at.0,
            net,
            expected,
        });
    }
    let every = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    let kept = points.into_iter().enumerate();
    kept.filter(|(at, _)| at % every == 0 || *at == last)
        .map(|(_, point)| point)
        .collect()
}
