//! One event, many sources: which event of one is which of another, and how sure that is.
//!
//! Names, kick-offs and prices have their say. What is sure is joined; what is likely goes to a person
//! ([`Verdict::Review`]) and is never bet on across venues until that person has said so: only an accepted pair gives a
//! [`Joined`]. The same lists give the same pairs, in whatever order they come. What people decide is kept
//! ([`Decisions`]) and answers for the same names next time.

mod decisions;
mod names;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::Serialize;

pub use decisions::{Decisions, Waiting};

use super::event::Pick;
use crate::market::TimeMs;
use names::{Name, likeness};

/// An event as a source lists it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// The source's name of it.
    pub id: String,
    /// The sport, as markets call it: `football`.
    pub sport: String,
    /// The home side, or the one named first.
    pub home: String,
    /// The other side.
    pub away: String,
    /// When it is due to start.
    pub starts_at: TimeMs,
    /// What the source's prices say of the home side and of the other winning, if it has any.
    pub chances: Option<(f64, f64)>,
}

/// How the sides of two sources belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Orientation {
    /// Home is home.
    Straight,
    /// Home is away.
    Inverted,
}

/// What is to become of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is the same event.
    Accepted,
    /// It may be: a person must look.
    Review,
}

/// Two events that may be one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// Place in the first list.
    pub left: usize,
    /// Place in the second.
    pub right: usize,
    /// From 0 to 1.
    pub confidence: f64,
    /// How the sides belong together.
    pub orientation: Orientation,
    /// What is to become of it.
    pub verdict: Verdict,
    /// Why it is not sure, for a person.
    pub doubts: Vec<String>,
}

/// Two events that are one: made of an accepted pair only. Bets across venues ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    orientation: Orientation,
}

/// How sure is sure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// From here a pair is accepted.
    pub accept: f64,
    /// From here it is worth a look.
    pub review: f64,
    /// How far kick-offs may lie apart, in milliseconds.
    pub window_ms: i64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            accept: 0.85,
            review: 0.6,
            window_ms: 3 * 3_600_000,
        }
    }
}

/// Kick-offs this near are the same; beyond, the confidence falls towards the window's end.
const SAME_START_MS: i64 = 10 * 60_000;
/// What the confidence has lost at the window's end.
const START_WEIGHT: f64 = 0.15;
/// The next best pair must be this much less sure.
const CLEAR_BY: f64 = 0.05;
/// Chances of two sources this far apart, both sides added up, contradict each other.
const FAR_APART: f64 = 0.30;
/// Chances this near agree.
const NEAR: f64 = 0.12;

impl Pair {
    /// The two as one; `None` unless the pair is accepted.
    #[must_use]
    pub fn joined(&self) -> Option<Joined> {
        let orientation = self.orientation;
        (self.verdict == Verdict::Accepted).then_some(Joined { orientation })
    }
}

impl Joined {
    /// What a pick of the first source is called by the second.
    #[must_use]
    pub const fn pick(self, pick: Pick) -> Pick {
        match (self.orientation, pick) {
            (Orientation::Straight, pick) => pick,
            (Orientation::Inverted, Pick::Home) => Pick::Away,
            (Orientation::Inverted, Pick::Away) => Pick::Home,
            (Orientation::Inverted, Pick::HomeWith(line)) => Pick::AwayWith(line),
            (Orientation::Inverted, Pick::AwayWith(line)) => Pick::HomeWith(line),
            (Orientation::Inverted, pick) => pick,
        }
    }
}

/// Matches the events of two lists; each event is in one pair at most. Pairs come in the order of the first list.
#[must_use]
pub fn pairs(
    left: &[Listed],
    right: &[Listed],
    decisions: &Decisions,
    thresholds: &Thresholds,
) -> Vec<Pair> {
    let mut candidates = candidates(left, right, decisions, thresholds);
    // The surest first; among equals by name, so that the order of the lists does not matter.
    candidates.sort_by(|a, b| {
        let key = |pair: &Pair| (&left[pair.left].id, &right[pair.right].id);
        b.confidence
            .total_cmp(&a.confidence)
            .then_with(|| key(a).cmp(&key(b)))
            .then_with(|| (a.left, a.right).cmp(&(b.left, b.right)))
    });
    let rivals = |pair: &Pair| {
        candidates.iter().any(|other| {
            let shares_one = (other.left == pair.left) != (other.right == pair.right);
            shares_one && pair.confidence - other.confidence < CLEAR_BY
        })
    };
    let unclear: Vec<bool> = candidates.iter().map(rivals).collect();
    let (mut lefts, mut rights) = (BTreeSet::new(), BTreeSet::new());
    let mut chosen = Vec::new();
    for (mut pair, unclear) in candidates.clone().into_iter().zip(unclear) {
        if lefts.contains(&pair.left) || rights.contains(&pair.right) {
            continue;
        }
        lefts.insert(pair.left);
        rights.insert(pair.right);
        if unclear {
            pair.doubts
                .push("another event fits nearly as well".to_owned());
            pair.verdict = Verdict::Review;
        }
        chosen.push(pair);
    }
    chosen.sort_by_key(|pair| pair.left);
    chosen
}

/// Every pair that is worth a look.
fn candidates(
    left: &[Listed],
    right: &[Listed],
    decisions: &Decisions,
    thresholds: &Thresholds,
) -> Vec<Pair> {
    let named = |events: &[Listed]| -> Vec<[Name; 2]> {
        let names = events.iter();
        names
            .map(|event| [Name::of(&event.home), Name::of(&event.away)])
            .collect()
    };
    let (left_names, right_names) = (named(left), named(right));
    let mut by_start: Vec<usize> = (0..right.len()).collect();
    by_start.sort_by_key(|&at| right[at].starts_at);
    let mut found = Vec::new();
    for (at, event) in left.iter().enumerate() {
        let earliest = event.starts_at + -thresholds.window_ms;
        let from = by_start.partition_point(|&other| right[other].starts_at < earliest);
        for &other_at in &by_start[from..] {
            let other = &right[other_at];
            let apart_ms = (other.starts_at - event.starts_at).abs();
            if apart_ms > thresholds.window_ms {
                break;
            }
            let names = (&left_names[at], &right_names[other_at]);
            if event.sport != other.sport {
                continue;
            }
            if let Some(weighed) = weigh(event, other, names, apart_ms, decisions, thresholds) {
                found.push(Pair {
                    left: at,
                    right: other_at,
                    ..weighed
                });
            }
        }
    }
    found
}

/// How likely two events are one; `None` if it is not worth a look.
fn weigh(
    left: &Listed,
    right: &Listed,
    names: (&[Name; 2], &[Name; 2]),
    apart_ms: i64,
    decisions: &Decisions,
    thresholds: &Thresholds,
) -> Option<Pair> {
    let ([home, away], [other_home, other_away]) = names;
    let alike = |a: &Name, b: &Name| decisions.known(a, b).unwrap_or_else(|| likeness(a, b));
    let both = |a: f64, b: f64| (a.min(b) + (a + b) / 2.0) / 2.0;
    let straight = both(alike(home, other_home), alike(away, other_away));
    let inverted = both(alike(home, other_away), alike(away, other_home));
    let (orientation, by_name) = if inverted > straight {
        (Orientation::Inverted, inverted)
    } else {
        (Orientation::Straight, straight)
    };
    let mut doubts = Vec::new();
    let mut confidence = by_name * by_start(apart_ms, thresholds.window_ms, &mut doubts);
    if by_name < thresholds.accept {
        doubts.push("the names are not alike enough".to_owned());
    }
    match by_price(left, right, orientation) {
        Prices::Agree => {}
        Prices::Unknown if orientation == Orientation::Inverted => {
            doubts.push(
                "home and away are the other way round, and no prices tell which is right"
                    .to_owned(),
            );
        }
        Prices::Unknown => {}
        Prices::Swapped => {
            doubts.push("the prices fit only when home and away are swapped".to_owned());
        }
        Prices::Contradict => {
            doubts.push("the prices are far apart".to_owned());
            confidence *= 0.8;
        }
    }
    (confidence >= thresholds.review).then_some(Pair {
        left: 0,
        right: 0,
        confidence,
        orientation,
        verdict: if doubts.is_empty() && confidence >= thresholds.accept {
            Verdict::Accepted
        } else {
            Verdict::Review
        },
        doubts,
    })
}

fn by_start(apart_ms: i64, window_ms: i64, doubts: &mut Vec<String>) -> f64 {
    let late = (apart_ms - SAME_START_MS).max(0) as f64;
    let share = late / ((window_ms - SAME_START_MS).max(1) as f64);
    if share > 0.5 {
        doubts.push(format!(
            "the starts are {} minutes apart",
            apart_ms / 60_000
        ));
    }
    1.0 - START_WEIGHT * share
}

/// What the prices of two sources say of each other.
enum Prices {
    Unknown,
    Agree,
    /// They would agree the other way round.
    Swapped,
    Contradict,
}

fn by_price(left: &Listed, right: &Listed, orientation: Orientation) -> Prices {
    let (Some((home, away)), Some((other_home, other_away))) = (left.chances, right.chances) else {
        return Prices::Unknown;
    };
    let (same, swapped) = match orientation {
        Orientation::Straight => ((other_home, other_away), (other_away, other_home)),
        Orientation::Inverted => ((other_away, other_home), (other_home, other_away)),
    };
    let apart = |(h, a): (f64, f64)| (home - h).abs() + (away - a).abs();
    match (apart(same), apart(swapped)) {
        (as_is, turned) if as_is > NEAR && turned <= NEAR && turned < as_is / 2.0 => {
            Prices::Swapped
        }
        (as_is, _) if as_is > FAR_APART => Prices::Contradict,
        _ => Prices::Agree,
    }
}

/// The pairs for a person, the least sure first.
#[must_use]
pub fn waiting(pairs: &[Pair], left: &[Listed], right: &[Listed]) -> Vec<Waiting> {
    let mut all: Vec<&Pair> = pairs
        .iter()
        .filter(|pair| pair.verdict == Verdict::Review)
        .collect();
    all.sort_by_key(|pair| Reverse(ordered(1.0 - pair.confidence)));
    let listed = |pair: &Pair| Waiting::new(&left[pair.left], &right[pair.right], pair);
    all.into_iter().map(listed).collect()
}

/// A share as a number that can be ordered.
#[allow(clippy::cast_possible_truncation)]
fn ordered(share: f64) -> i64 {
    (share * 1e9) as i64
}

#[cfg(test)]
mod tests;
