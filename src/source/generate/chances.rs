//! Probabilities that tell a true story: a race whose order shows slowly, a football match decided by goals.
//!
//! Both are martingales: at every moment the probabilities are those of the outcome given what has shown so
//! far, so that prices made from them are fair and no simple rule beats them.

use super::random::Random;

/// Chances of each runner to win, and to be among the placed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chances {
    pub(super) win: Vec<f64>,
    pub(super) place: Vec<f64>,
}

/// What can be believed about the first finishers of a race: every possible order of them with its weight.
///
/// Before the off the order is as likely as drawing names with the runners' strengths as weights. In
/// running, good and bad news of each runner arrives, good news more often for those that finish well, and
/// each piece moves the weights by Bayes' rule.
#[derive(Clone, Debug)]
pub(super) struct Finish {
    orders: Vec<([u8; PLACES_MOST], f64)>,
    places: usize,
    runners: usize,
}

/// Most places a race pays.
pub(super) const PLACES_MOST: usize = 3;

/// How much more often good news comes, as a part of the news' strength, for the first, second, third.
const NEWS_BY_PLACE: [f64; PLACES_MOST] = [1.0, 0.5, 0.35];
/// The same for all others.
const NEWS_UNPLACED: f64 = -0.25;

impl Finish {
    /// All orders of the first `places` (1 to 3) with their weights. A strength of 0 takes no part.
    pub(super) fn new(strengths: &[f64], places: usize) -> Self {
        let mut orders = vec![([u8::MAX; PLACES_MOST], 1.0)];
        for place in 0..places {
            orders = orders
                .iter()
                .flat_map(|order| next_finisher(order, place, strengths))
                .collect();
        }
        Self {
            orders,
            places,
            runners: strengths.len(),
        }
    }

    /// Draws the true order.
    pub(super) fn draw(&self, random: &mut Random) -> Vec<usize> {
        let weights: Vec<f64> = self.orders.iter().map(|(_, weight)| *weight).collect();
        let (order, _) = self.orders[random.weighted(&weights)];
        order[..self.places]
            .iter()
            .map(|&runner| usize::from(runner))
            .collect()
    }

    /// Lets news of some runners arrive, given the true order, and learns from it. Every runner is in the
    /// news this often (`share`).
    pub(super) fn hear_news(
        &mut self,
        truth: &[usize],
        strength: f64,
        share: f64,
        random: &mut Random,
    ) {
        let odds_of_good = |place: Option<usize>| {
            1.0 + strength * place.map_or(NEWS_UNPLACED, |place| NEWS_BY_PLACE[place])
        };
        let good: Vec<Option<bool>> = (0..self.runners)
            .map(|runner| {
                let place = truth.iter().position(|&finisher| finisher == runner);
                let good = random.chance(odds_of_good(place) / 2.0);
                random.chance(share).then_some(good)
            })
            .collect();
        let likelihood = |runner: usize, place: Option<usize>| match good[runner] {
            Some(true) => odds_of_good(place),
            Some(false) => 2.0 - odds_of_good(place),
            None => 1.0,
        };
        // Relative to being unplaced, so that only the placed need be looked at.
        let mut total = 0.0;
        for (order, weight) in &mut self.orders {
            for (place, &runner) in order[..self.places].iter().enumerate() {
                let runner = usize::from(runner);
                *weight *= likelihood(runner, Some(place)) / likelihood(runner, None);
            }
            total += *weight;
        }
        for (_, weight) in &mut self.orders {
            *weight /= total;
        }
    }

    /// Takes a runner out of all that can happen.
    pub(super) fn withdraw(&mut self, runner: usize) {
        let gone = |&placed: &u8| usize::from(placed) == runner;
        self.orders.retain(|(order, _)| !order.iter().any(gone));
        let total: f64 = self.orders.iter().map(|(_, weight)| *weight).sum();
        for (_, weight) in &mut self.orders {
            *weight /= total;
        }
    }

    /// The chances of each runner now.
    pub(super) fn chances(&self) -> Chances {
        let mut chances = Chances {
            win: vec![0.0; self.runners],
            place: vec![0.0; self.runners],
        };
        for (order, weight) in &self.orders {
            chances.win[usize::from(order[0])] += weight;
            for &runner in &order[..self.places] {
                chances.place[usize::from(runner)] += weight;
            }
        }
        chances
    }
}

/// An order of the first `place` finishers, followed by each possible next one.
fn next_finisher<'a>(
    (order, weight): &'a ([u8; PLACES_MOST], f64),
    place: usize,
    strengths: &'a [f64],
) -> impl Iterator<Item = ([u8; PLACES_MOST], f64)> + 'a {
    let finished = move |runner: usize| order[..place].iter().any(|&f| usize::from(f) == runner);
    let left: f64 = (0..strengths.len())
        .filter(|&r| !finished(r))
        .map(|r| strengths[r])
        .sum();
    (0..strengths.len())
        .filter(move |&r| !finished(r) && strengths[r] > 0.0)
        .map(move |runner| {
            let mut longer = *order;
            longer[place] = u8::try_from(runner).unwrap_or(u8::MAX);
            (longer, weight * strengths[runner] / left)
        })
}

/// Chances of (home, away, draw) with this lead of the home side and this many steps to play, when in each
/// step either side scores with a fixed probability.
pub(super) fn match_odds(lead: i32, steps: usize, home: f64, away: f64) -> [f64; 3] {
    const REACH: usize = 14;
    let middle = REACH + 1;
    // Leads beyond the reach are decided; both ends absorb.
    let mut leads = [0.0; 2 * REACH + 3];
    let start = lead.clamp(-(REACH as i32), REACH as i32) + middle as i32;
    leads[usize::try_from(start).unwrap_or(middle)] = 1.0;
    for _ in 0..steps {
        let mut after = [0.0; 2 * REACH + 3];
        for (at, &chance) in leads.iter().enumerate() {
            if at == 0 || at == leads.len() - 1 {
                after[at] += chance;
            } else {
                after[at + 1] += chance * home;
                after[at - 1] += chance * away;
                after[at] += chance * (1.0 - home - away);
            }
        }
        leads = after;
    }
    [
        leads[middle + 1..].iter().sum(),
        leads[..middle].iter().sum(),
        leads[middle],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_places_follow_the_strengths() {
        let chances = Finish::new(&[0.5, 0.3, 0.2, 0.0], 2).chances();
        assert!((chances.win[0] - 0.5).abs() < 1e-12);
        // 0.3 + 0.5 × 0.3/0.5 + 0.2 × 0.3/0.8
        assert!((chances.place[1] - 0.675).abs() < 1e-12);
        assert!((chances.place.iter().sum::<f64>() - 2.0).abs() < 1e-12);
        assert!(
            chances.place[3].abs() < 1e-12,
            "a withdrawn runner takes no part"
        );
    }

    #[test]
    fn news_reveals_the_finish_and_deceives_nobody_on_average() {
        let prior = Finish::new(&[0.4, 0.3, 0.2, 0.1], 2);
        let (mut after_ten, mut sure) = (0.0, 0.0);
        let races: u32 = 2_000;
        for seed in 0..races {
            let mut random = Random::new(seed.into(), 1);
            let truth = prior.draw(&mut random);
            let mut belief = prior.clone();
            for _ in 0..10 {
                belief.hear_news(&truth, 0.4, 0.5, &mut random);
            }
            after_ten += belief.chances().win[0];
            for _ in 0..200 {
                belief.hear_news(&truth, 0.5, 1.0, &mut random);
            }
            sure += belief.chances().win[truth[0]];
        }
        let races = f64::from(races);
        assert!(
            (after_ten / races - 0.4).abs() < 0.02,
            "drifted to {}",
            after_ten / races
        );
        assert!(sure / races > 0.98, "the winner stood at {}", sure / races);
    }

    #[test]
    fn goals_decide_a_match() {
        let even = match_odds(0, 190, 0.007, 0.007);
        assert!((even[0] - even[1]).abs() < 1e-12 && (even.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((0.2..0.35).contains(&even[2]), "draw {}", even[2]);
        assert!(match_odds(1, 20, 0.007, 0.007)[0] > 0.85);
        assert_eq!(
            match_odds(-1, 0, 0.007, 0.007).map(|p| p > 0.5),
            [false, true, false]
        );
        assert!(match_odds(99, 5, 0.1, 0.1)[0] > 0.99);
    }
}
