//! A season in the order of time: what is told of each match, and when.

use std::collections::BTreeMap;

use super::row::{GOALS, Match, ODDS, Quoted};
use crate::market::{MarketDelta, MarketId, TimeMs};
use crate::source::event::{Family, Offer, PricedMarket, Stage};

/// From the opening odds to the next word: by then a bet made on them has been taken or refused.
const OPENING_MS: i64 = 60_000;

/// What is told of a match, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// The opening odds.
    Opens,
    /// The opening odds still stand.
    Stands,
    /// Betting ends, the kick-off not being known.
    Ends,
    /// The closing odds; no bets are taken any more.
    Closing,
    /// It is under way.
    UnderWay,
    /// The result.
    Over,
}

/// A season being told.
pub(super) struct Timeline {
    matches: Vec<Match>,
    markets: BTreeMap<usize, Vec<(Family, PricedMarket)>>,
    steps: Vec<(TimeMs, usize, Step)>,
    next: usize,
    deltas: Vec<MarketDelta>,
}

impl Timeline {
    pub(super) fn new(matches: Vec<Match>) -> Self {
        let mut steps = Vec::new();
        for (at, found) in matches.iter().enumerate() {
            let mut step = |time, step| steps.push((time, at, step));
            step(found.opens_at, Step::Opens);
            if !found.opening.is_empty() {
                step(found.opens_at + OPENING_MS, Step::Stands);
            }
            if found.closing_at > found.ends_at {
                step(found.ends_at, Step::Ends);
            }
            step(found.closing_at, Step::Closing);
            step(found.closing_at, Step::UnderWay);
            if found.score.is_some() {
                step(found.over_at, Step::Over);
            }
        }
        steps.sort_unstable();
        Self {
            matches,
            markets: BTreeMap::new(),
            steps,
            next: 0,
            deltas: Vec::new(),
        }
    }

    /// Goes to the next moment: the line of its match, and the time.
    pub(super) fn next(&mut self) -> Option<(u64, TimeMs)> {
        let &(time, at, step) = self.steps.get(self.next)?;
        self.next += 1;
        let found = &self.matches[at];
        let markets = self.markets.entry(at).or_insert_with(|| markets(found));
        self.deltas
            .resize_with(markets.len(), || MarketDelta::new(MarketId::new("")));
        for ((family, market), delta) in markets.iter_mut().zip(&mut self.deltas) {
            let (stage, offers) = told(found, *family, step, time);
            market.change(stage, &offers, delta);
        }
        if step == Step::Over {
            self.markets.remove(&at);
        }
        Some((found.line, time))
    }

    #[cfg(test)]
    pub(super) fn matches(&self) -> &[Match] {
        &self.matches
    }

    /// What changed at the present moment.
    pub(super) fn deltas(&self) -> &[MarketDelta] {
        &self.deltas
    }
}

/// The match odds, from which results are learnt, and whatever else is quoted.
fn markets(found: &Match) -> Vec<(Family, PricedMarket)> {
    let quoted = |family: Family| {
        let mut all = found.opening.iter().chain(&found.closing);
        all.any(|quote| quote.family == family)
    };
    [ODDS, GOALS, Family::AsianHandicap]
        .into_iter()
        .filter(|family| *family == ODDS || quoted(*family))
        .map(|family| (family, PricedMarket::new(&found.event, family)))
        .collect()
}

/// Where a market of a match stands at a step, and what is offered then.
fn told(found: &Match, family: Family, step: Step, time: TimeMs) -> (Stage, Vec<Offer>) {
    let of = |quotes: &'_ [Quoted]| {
        let own = quotes.iter().filter(|quote| quote.family == family);
        own.map(|quote| quote.offer(time)).collect::<Vec<_>>()
    };
    match step {
        Step::Opens | Step::Stands => (Stage::Open, of(&found.opening)),
        Step::Ends => (Stage::Suspended, Vec::new()),
        Step::Closing => {
            let mut offers = of(&found.closing);
            let gone = of(&found.opening).into_iter().filter(|opening| {
                !offers
                    .iter()
                    .any(|offer| offer.pick == opening.pick && offer.book == opening.book)
            });
            // What a book that gives no closing price last offered days ago is no closing price.
            let gone: Vec<Offer> = gone
                .map(|offer| Offer {
                    price: None,
                    ..offer
                })
                .collect();
            offers.extend(gone);
            (Stage::Suspended, offers)
        }
        Step::UnderWay => (Stage::UnderWay, Vec::new()),
        Step::Over => (Stage::Over(found.score), Vec::new()),
    }
}
