//! Made-up matches: chances that drift until the start, bookmakers that follow them at their own pace, and a result.

use std::sync::Arc;

use crate::market::{BookName, MarketDelta, MarketId, Price, Score, TimeMs};
use crate::source::event::{Event, Family, Offer, Pick, PricedMarket, Stage};
use crate::source::generate::Random;

const MINUTE: i64 = 60_000;
/// The first match starts so long after the beginning, and each so long after the one before.
const FIRST: i64 = 20 * MINUTE;
const APART: i64 = 15 * MINUTE;
/// How long a match lasts, with its break.
const LASTS: i64 = 110 * MINUTE;
/// Bookmakers, how much they keep, and how often in a minute they look at their odds.
const BOOKS: [(&str, f64, f64); 4] = [
    ("pinnacle", 1.025, 0.9),
    ("williamhill", 1.06, 0.3),
    ("unibet_uk", 1.055, 0.4),
    ("skybet", 1.065, 0.25),
];
const GOALS: usize = 9;

/// So many matches, and all that happens in them.
pub(super) fn make_up(count: u32, seed: u64, begins_at: TimeMs) -> Vec<(TimeMs, Vec<MarketDelta>)> {
    let mut all = Vec::new();
    for nth in 0..count {
        let starts_at = begins_at + (FIRST + i64::from(nth) * APART);
        // On a whole minute, as matches are.
        let starts_at = TimeMs(starts_at.0.div_euclid(MINUTE) * MINUTE);
        let event = Arc::new(Event {
            id: format!("made-up-{seed}-{nth}"),
            sport_id: "1".to_owned(),
            competition: Some("soccer_epl".to_owned()),
            country: None,
            home: format!("Upper Town {}", nth + 1),
            away: format!("Lower Town {}", nth + 1),
            starts_at,
        });
        let random = Random::new(seed, u64::from(nth) + 1);
        play(&event, begins_at, random, &mut all);
    }
    all
}

fn play(
    event: &Arc<Event>,
    begins_at: TimeMs,
    mut random: Random,
    all: &mut Vec<(TimeMs, Vec<MarketDelta>)>,
) {
    let families = [
        Family::MatchOdds { draw: true },
        Family::OverUnder { line: 250 },
        Family::BothToScore,
    ];
    let mut markets = families.map(|family| PricedMarket::new(event, family));
    let mut goals = [1.0 + random.unit(), 0.7 + random.unit()];
    let mut at = begins_at;
    while at < event.starts_at {
        for goals in &mut goals {
            *goals = (*goals * (0.985 + 0.03 * random.unit())).clamp(0.3, 3.5);
        }
        let due: Vec<_> = BOOKS
            .iter()
            .filter(|(.., often)| random.chance(*often) || at == begins_at)
            .collect();
        let chances = chances(goals);
        let deltas = markets
            .iter_mut()
            .zip(&chances)
            .filter(|_| !due.is_empty())
            .map(|(market, chances)| {
                let offers = due.iter().flat_map(|(book, margin, _)| {
                    chances.iter().map(move |&(pick, chance)| Offer {
                        pick,
                        book: BookName::new(book),
                        price: price(chance * margin),
                        limit: None,
                        updated_at: at,
                    })
                });
                told(market, Stage::Open, &offers.collect::<Vec<_>>())
            })
            .collect();
        all.push((at, deltas));
        at = at + MINUTE;
    }
    let under_way = markets
        .iter_mut()
        .map(|market| told(market, Stage::UnderWay, &[]));
    all.push((event.starts_at, under_way.collect()));
    let scored = |random: &mut Random, mean: f64| {
        // A chance to score in every minute.
        let minutes = (0..90).filter(|_| random.chance(mean / 90.0));
        u32::try_from(minutes.count()).unwrap_or(0)
    };
    let score = Score {
        home: scored(&mut random, goals[0]),
        away: scored(&mut random, goals[1]),
    };
    let over = markets
        .iter_mut()
        .map(|market| told(market, Stage::Over(Some(score)), &[]));
    all.push((event.starts_at + LASTS, over.collect()));
}

fn told(market: &mut PricedMarket, stage: Stage, offers: &[Offer]) -> MarketDelta {
    let mut delta = MarketDelta::new(MarketId::new(""));
    market.change(stage, offers, &mut delta);
    delta
}

/// Odds in hundredths that a bookmaker gives for what it takes to be this likely.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn price(chance: f64) -> Option<Price> {
    let hundredths = (100.0 / chance.clamp(0.002, 0.99)).floor() as u64;
    Some(Price::from_hundredths(hundredths.max(101)))
}

/// Chances of the three markets, with goals by Poisson.
fn chances(means: [f64; 2]) -> [Vec<(Pick, f64)>; 3] {
    let of = means.map(|mean| {
        let mut chance = (-mean).exp();
        let mut all = [0.0; GOALS];
        for (count, slot) in all.iter_mut().enumerate() {
            *slot = chance;
            chance *= mean / (count + 1) as f64;
        }
        all
    });
    let sum = |holds: fn(usize, usize) -> bool| {
        let pairs = (0..GOALS).flat_map(|home| (0..GOALS).map(move |away| (home, away)));
        pairs
            .filter(|&(home, away)| holds(home, away))
            .map(|(home, away)| of[0][home] * of[1][away])
            .sum::<f64>()
    };
    [
        vec![
            (Pick::Home, sum(|home, away| home > away)),
            (Pick::Away, sum(|home, away| home < away)),
            (Pick::Draw, sum(|home, away| home == away)),
        ],
        vec![
            (Pick::Over, sum(|home, away| home + away > 2)),
            (Pick::Under, sum(|home, away| home + away <= 2)),
        ],
        vec![
            (Pick::Yes, sum(|home, away| home > 0 && away > 0)),
            (Pick::No, sum(|home, away| home == 0 || away == 0)),
        ],
    ]
}
