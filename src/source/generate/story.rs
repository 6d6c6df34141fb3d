//! What happens in an event, before any market is made of it: the chances of each runner from scene to scene.
//!
//! The WIN and the PLACE market of a race tell one story, so it is drawn from its own stream of numbers.

use super::chances::{Chances, Finish, match_odds};
use super::random::Random;
use super::{Kind, Spec};
use crate::market::TimeMs;

/// Something that a market shows.
#[derive(Clone, Debug)]
pub(super) enum Beat {
    /// Prices follow the chances. `heat` says how busy the market is: 0 early, 1 at the off.
    Trade { chances: Vec<f64>, heat: f64 },
    /// No bets for a while; unmatched bets stay.
    Suspend,
    /// A runner is withdrawn while the market is suspended.
    Withdraw { runner: usize, chances: Vec<f64> },
    /// Bets again.
    Reopen { chances: Vec<f64> },
    /// The start: suspended, unmatched bets lapse, the starting price is set where there is one.
    Off { chances: Vec<f64> },
    /// Bets in play.
    TurnInPlay { chances: Vec<f64> },
    /// Suspended in play: unmatched bets lapse.
    SuspendInPlay,
    /// The result.
    Settle { winners: Vec<usize> },
}

/// A moment and what happens then.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) at: TimeMs,
    pub(super) beat: Beat,
}

/// A whole event as one of its markets sees it.
#[derive(Debug)]
pub(super) struct Story {
    /// Chances when the recording starts.
    pub(super) opening: Vec<f64>,
    pub(super) begins: TimeMs,
    pub(super) scenes: Vec<Scene>,
}

/// Purpose of the stream of numbers that stories are drawn from.
const STORY: u64 = 1;
/// How much is learnt before the off, and in running: the sum of squared strengths of the news.
const NEWS_BEFORE: f64 = 0.05;
const NEWS_RUNNING: f64 = 14.0;
/// How often a runner is in the news, and so how few prices move at once.
const SHARE_BEFORE: f64 = 0.25;
const SHARE_RUNNING: f64 = 0.4;
/// Strength of the passing moods that move prices without meaning anything.
const MOOD: f64 = 0.006;
const MOOD_KEPT: f64 = 0.9;

/// Tells the story that a specification asks for.
pub(super) fn tell(spec: &Spec) -> Story {
    let mut random = Random::new(spec.seed, STORY);
    match spec.kind {
        Kind::Win | Kind::Place => race(spec, &mut random),
        Kind::MatchOdds => football(spec, &mut random),
    }
}

/// Moments of the updates before the off: denser the nearer it comes. With each, how far it is on the way.
fn before_the_off(spec: &Spec, random: &mut Random) -> Vec<(TimeMs, f64)> {
    let span = f64::from(spec.minutes_before) * 60_000.0;
    let count = spec.updates;
    (1..=count)
        .map(|number| {
            let done = (number as f64 - random.unit()) / count as f64;
            let left = (1.0 - done) * (1.0 - done);
            (spec.off + -whole(span * left), done)
        })
        .collect()
}

fn whole(ms: f64) -> i64 {
    #[allow(clippy::cast_possible_truncation)] // the times here are minutes
    let ms = ms as i64;
    ms
}

/// Passing moods: each runner's price wanders a little and comes back.
struct Moods(Vec<f64>);

impl Moods {
    fn shift(&mut self, random: &mut Random) {
        for mood in &mut self.0 {
            let change = MOOD * random.normal();
            if random.chance(SHARE_BEFORE) {
                *mood = *mood * MOOD_KEPT + change;
            }
        }
    }

    /// Chances as the market sees them, adding up as the true ones do.
    fn colour(&self, chances: &[f64]) -> Vec<f64> {
        let seen: Vec<f64> = chances
            .iter()
            .zip(&self.0)
            .map(|(p, mood)| p * (1.0 + mood))
            .collect();
        let scale = chances.iter().sum::<f64>() / seen.iter().sum::<f64>();
        // Before the off nobody is so sure to be placed that no price is left.
        seen.iter().map(|p| (p * scale).min(0.985)).collect()
    }
}

fn race(spec: &Spec, random: &mut Random) -> Story {
    let view = |chances: Chances| match spec.kind {
        Kind::Place => chances.place,
        Kind::Win | Kind::MatchOdds => chances.win,
    };
    let mut strengths: Vec<f64> = (0..spec.runners)
        .map(|_| random.between(0.15, 1.0))
        .map(|form| form * form * form)
        .collect();
    strengths.sort_by(|a, b| b.total_cmp(a));
    let withdrawn = withdrawal(spec, random);

    let mut belief = Finish::new(&strengths, spec.places());
    let truth = {
        let mut possible = belief.clone();
        if let Some((runner, _)) = withdrawn {
            possible.withdraw(runner);
        }
        possible.draw(random)
    };
    let opening = view(belief.chances());
    let mut moods = Moods(vec![0.0; spec.runners]);
    let mut scenes = Vec::new();
    let mut add = |at: TimeMs, beat: Beat| scenes.push(Scene { at, beat });

    let news = (NEWS_BEFORE / (SHARE_BEFORE * spec.updates.max(1) as f64))
        .sqrt()
        .min(0.9);
    let mut leaving = withdrawn;
    for (at, done) in before_the_off(spec, random) {
        if let Some((runner, _)) = leaving.take_if(|(_, when)| done > *when) {
            belief.withdraw(runner);
            let chances = moods.colour(&view(belief.chances()));
            add(at, Beat::Suspend);
            add(
                at + 900,
                Beat::Withdraw {
                    runner,
                    chances: chances.clone(),
                },
            );
            add(at + 4_000, Beat::Reopen { chances });
        }
        belief.hear_news(&truth, news, SHARE_BEFORE, random);
        moods.shift(random);
        add(
            at,
            Beat::Trade {
                chances: moods.colour(&view(belief.chances())),
                heat: done,
            },
        );
    }

    let off = spec.off + whole(random.between(5_000.0, 120_000.0));
    add(
        off,
        Beat::Off {
            chances: view(belief.chances()),
        },
    );
    add(
        off + 700,
        Beat::TurnInPlay {
            chances: view(belief.chances()),
        },
    );
    let running = random.between(75_000.0, 240_000.0);
    let updates = spec.in_play_updates as f64;
    // The mean of (0.3 + done)² is 0.72: news comes faster toward the line.
    let news = (NEWS_RUNNING / (0.72 * SHARE_RUNNING * updates.max(1.0))).sqrt();
    for number in 0..spec.in_play_updates {
        let done = (number as f64 + random.unit()) / updates;
        let strength = (news * (0.3 + done)).min(0.9);
        belief.hear_news(&truth, strength, SHARE_RUNNING, random);
        let chances = view(belief.chances());
        add(
            off + 1_500 + whole(running * done),
            Beat::Trade { chances, heat: 1.0 },
        );
    }
    let finish = off + 2_000 + whole(running);
    add(finish, Beat::SuspendInPlay);
    let settled = finish + whole(random.between(90_000.0, 300_000.0));
    let winners = match spec.kind {
        Kind::Place => truth,
        Kind::Win | Kind::MatchOdds => truth[..1].to_vec(),
    };
    add(settled, Beat::Settle { winners });
    Story {
        opening,
        begins: spec.begins(),
        scenes,
    }
}

/// Who is withdrawn, if anyone (never one of the first two in the market), and how far on the way to the off.
fn withdrawal(spec: &Spec, random: &mut Random) -> Option<(usize, f64)> {
    let by_itself = random.chance(0.2);
    let (runner, when) = (
        2 + random.below(spec.runners.saturating_sub(2)),
        random.between(0.3, 0.7),
    );
    (spec.withdrawal.unwrap_or(by_itself) && spec.runners > spec.places() + 2)
        .then_some((runner, when))
}

/// Half minutes of a match, stoppage time included, and where the break lies.
const STEPS: usize = 190;
const HALF: usize = 94;
const STEP_MS: i64 = 30_000;
const BREAK_MS: i64 = 15 * 60_000;

fn football(spec: &Spec, random: &mut Random) -> Story {
    // Goals that each side scores in a match on average, as chances per step.
    let mut home = random.between(0.7, 2.2) / STEPS as f64;
    let mut away = random.between(0.5, 1.9) / STEPS as f64;
    let opening = match_odds(0, STEPS, home, away).to_vec();
    let mut moods = Moods(vec![0.0; 3]);
    let mut scenes = Vec::new();
    let mut add = |at: TimeMs, beat: Beat| scenes.push(Scene { at, beat });

    let news = (NEWS_BEFORE / 4.0 / spec.updates.max(1) as f64).sqrt();
    for (at, done) in before_the_off(spec, random) {
        home *= 1.0 + news * random.normal();
        away *= 1.0 + news * random.normal();
        moods.shift(random);
        let chances = moods.colour(&match_odds(0, STEPS, home, away));
        add(
            at,
            Beat::Trade {
                chances,
                heat: done,
            },
        );
    }

    let kick_off = spec.off + whole(random.between(5_000.0, 90_000.0));
    let chances = match_odds(0, STEPS, home, away).to_vec();
    add(
        kick_off,
        Beat::Off {
            chances: chances.clone(),
        },
    );
    add(kick_off + 2_000, Beat::TurnInPlay { chances });
    let mut lead = 0;
    let mut suspended_until: Option<TimeMs> = None;
    for step in 0..STEPS {
        let pause = if step >= HALF { BREAK_MS } else { 0 };
        let begins = kick_off + 3_000 + step as i64 * STEP_MS + pause;
        let chances = match_odds(lead, STEPS - step, home, away).to_vec();
        if let Some(until) = suspended_until.take_if(|until| *until <= begins) {
            add(
                until,
                Beat::Reopen {
                    chances: chances.clone(),
                },
            );
        }
        let updates =
            (step + 1) * spec.in_play_updates / STEPS - step * spec.in_play_updates / STEPS;
        for number in 0..updates {
            let at = begins + STEP_MS * number as i64 / (updates as i64 + 1);
            if suspended_until.is_none() {
                add(
                    at,
                    Beat::Trade {
                        chances: chances.clone(),
                        heat: 1.0,
                    },
                );
            }
        }
        let shot = random.unit();
        if shot < home + away {
            lead += if shot < home { 1 } else { -1 };
            let scored = begins + (STEP_MS - 1_000);
            if suspended_until
                .replace(scored + whole(random.between(25_000.0, 55_000.0)))
                .is_none()
            {
                add(scored, Beat::SuspendInPlay);
            }
        }
    }
    let end = kick_off + 3_000 + STEPS as i64 * STEP_MS + BREAK_MS;
    if suspended_until.is_none() {
        add(end, Beat::SuspendInPlay);
    }
    let winner = match lead.signum() {
        1 => 0,
        -1 => 1,
        _ => 2,
    };
    add(
        end + 120_000,
        Beat::Settle {
            winners: vec![winner],
        },
    );
    Story {
        opening,
        begins: spec.begins(),
        scenes,
    }
}
