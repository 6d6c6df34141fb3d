//! Kelly stakes where bets depend on each other through one bank: independent bets at the same time, and a market in
//! which something is already matched. Both maximise the expected logarithm of the bank, which is concave.

use super::check::{self, Checked, Wrong};
use super::solve::falling_in;

/// Bets at the same time: their 2ⁿ outcomes are all looked at.
pub const MOST_BETS: usize = 12;
/// Outcomes of a market with positions.
pub const MOST_OUTCOMES: usize = 50;
/// Newton steps; a handful are enough from the usual start.
const STEPS: usize = 40;
/// Halvings of each of two searches, one inside the other.
const HALVINGS: u32 = 60;

/// Shares of the bank for independent bets that are open at the same time, times `fraction`.
///
/// # Errors
/// If an argument is out of range, or there are more than [`MOST_BETS`].
pub fn independent(probabilities: &[f64], odds: &[f64], fraction: f64) -> Checked<Vec<f64>> {
    check::length("odds", odds.len(), 1, MOST_BETS)?;
    check::same_length(("probabilities", probabilities.len()), ("odds", odds.len()))?;
    check::each("odds", odds, check::odds)?;
    check::each("probabilities", probabilities, |p| {
        check::within("a probability", p, 0.0, 1.0 - 1e-9)
    })?;
    check::within("a Kelly fraction", fraction, 0.0, 1.0)?;
    let all = 0..odds.len();
    // What is no bet alone is none among independent others, so only the rest need be searched.
    let bets: Vec<Bet> = all
        .clone()
        .filter(|&at| probabilities[at] * odds[at] > 1.0)
        .map(|at| Bet {
            p: probabilities[at],
            won: odds[at] - 1.0,
            at,
        })
        .collect();
    let mut shares = vec![0.0; odds.len()];
    for (bet, share) in bets.iter().zip(maximise(&bets)) {
        shares[bet.at] = share * fraction;
    }
    Ok(shares)
}

/// Expected growth of the bank's logarithm from shares on independent bets.
///
/// # Errors
/// If an argument is out of range, or all may be lost.
pub fn growth_independent(probabilities: &[f64], odds: &[f64], shares: &[f64]) -> Checked<f64> {
    check::length("odds", odds.len(), 1, MOST_BETS)?;
    check::same_length(("probabilities", probabilities.len()), ("odds", odds.len()))?;
    check::same_length(("shares", shares.len()), ("odds", odds.len()))?;
    check::each("odds", odds, check::odds)?;
    check::each("probabilities", probabilities, check::probability)?;
    check::each("shares", shares, |x| check::within("a share", x, 0.0, 1.0))?;
    let bets: Vec<Bet> = (0..odds.len())
        .map(|at| Bet {
            p: probabilities[at],
            won: odds[at] - 1.0,
            at,
        })
        .collect();
    growth(&bets, shares).ok_or_else(|| Wrong::new("these shares may lose the whole bank"))
}

struct Bet {
    p: f64,
    won: f64,
    at: usize,
}

/// Calls `visit` with the probability of each of the 2ⁿ outcomes and what each bet pays for a unit in it.
fn each_outcome(bets: &[Bet], mut visit: impl FnMut(f64, &[f64])) {
    let mut pays = vec![0.0; bets.len()];
    for outcome in 0_u32..1 << bets.len() {
        let mut chance = 1.0;
        for (at, bet) in bets.iter().enumerate() {
            let wins = outcome >> at & 1 == 1;
            chance *= if wins { bet.p } else { 1.0 - bet.p };
            pays[at] = if wins { bet.won } else { -1.0 };
        }
        visit(chance, &pays);
    }
}

/// Expected logarithm of the bank; `None` if all may be lost.
fn growth(bets: &[Bet], shares: &[f64]) -> Option<f64> {
    let mut sum = Some(0.0);
    each_outcome(bets, |chance, pays| {
        let bank: f64 = 1.0
            + pays
                .iter()
                .zip(shares)
                .map(|(pay, share)| pay * share)
                .sum::<f64>();
        if chance > 0.0 {
            sum = sum
                .filter(|_| bank > 0.0)
                .map(|sum| sum + chance * bank.ln());
        }
    });
    sum
}

/// Newton's method on a concave function, each step halved until it keeps within bounds and gains. Every bet here has
/// an edge alone, so at the best point all shares are positive and no bound holds one.
fn maximise(bets: &[Bet]) -> Vec<f64> {
    let n = bets.len();
    let mut shares: Vec<f64> = bets
        .iter()
        .map(|b| (b.p - (1.0 - b.p) / b.won) / (n as f64))
        .collect();
    let mut best = growth(bets, &shares);
    for _ in 0..STEPS {
        let (mut gradient, mut curvature) = (vec![0.0; n], vec![vec![0.0; n]; n]);
        each_outcome(bets, |chance, pays| {
            let bank = 1.0
                + pays
                    .iter()
                    .zip(&shares)
                    .map(|(pay, share)| pay * share)
                    .sum::<f64>();
            for i in 0..n {
                let slope = pays[i] / bank;
                gradient[i] += chance * slope;
                for j in 0..=i {
                    curvature[i][j] += chance * slope * pays[j] / bank;
                }
            }
        });
        let Some(step) = solve_symmetric(curvature, gradient) else {
            break;
        };
        let Some((next, value)) = gaining_step(bets, &shares, &step, best) else {
            break;
        };
        let moved = step.iter().fold(0.0_f64, |most, s| most.max(s.abs()));
        (shares, best) = (next, Some(value));
        if moved < 1e-13 {
            break;
        }
    }
    shares
}

fn gaining_step(
    bets: &[Bet],
    shares: &[f64],
    step: &[f64],
    best: Option<f64>,
) -> Option<(Vec<f64>, f64)> {
    let mut scale = 1.0;
    for _ in 0..40 {
        let next: Vec<f64> = shares
            .iter()
            .zip(step)
            .map(|(x, s)| x + scale * s)
            .collect();
        if next.iter().all(|x| *x >= 0.0)
            && let Some(value) = growth(bets, &next)
            && best.is_none_or(|best| value >= best)
        {
            return Some((next, value));
        }
        scale *= 0.5;
    }
    None
}

/// Solves A·x = b for a positive definite A, given by its lower half, by Cholesky's method.
fn solve_symmetric(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| a[i][k] * a[j][k]).sum();
            let rest = a[i][j] - dot;
            a[i][j] = if i == j {
                if rest <= 0.0 || !rest.is_finite() {
                    return None;
                }
                rest.sqrt()
            } else {
                rest / a[j][j]
            };
        }
        b[i] = (b[i] - (0..i).map(|k| a[i][k] * b[k]).sum::<f64>()) / a[i][i];
    }
    for i in (0..n).rev() {
        b[i] = (b[i] - (i + 1..n).map(|k| a[k][i] * b[k]).sum::<f64>()) / a[i][i];
    }
    Some(b)
}

/// A market of which exactly one outcome happens, with what is already matched in it.
#[derive(Clone, Copy, Debug)]
pub struct Market<'a> {
    /// Chance of each outcome; they add up to 1.
    pub probabilities: &'a [f64],
    /// Odds at which each can be backed.
    pub back: &'a [f64],
    /// Odds at which each can be laid; empty if none can.
    pub lay: &'a [f64],
    /// Profit so far if each happens.
    pub position: &'a [f64],
    /// Money that can be lost.
    pub bank: f64,
    /// Commission on the market's net winnings.
    pub commission: f64,
}

/// Amounts to back (or, below 0, the backer's stakes to lay) on each outcome, given what is matched already.
///
/// Maximises Σ p·ln(bank + net profit), with commission taken from each outcome's net profit over all bets together.
/// What is backed less what is laid stays within the bank either way.
///
/// # Errors
/// If an argument is out of range, or the position may lose the bank.
pub fn net_position(market: Market<'_>) -> Checked<Vec<f64>> {
    check_market(&market)?;
    let stakes_for = |net: f64| {
        let (mut low, mut high) = market.prices_of_money(net);
        // The more a unit of money is worth, the less is staked.
        (low, high) = (low.ln(), high.ln());
        let staked = |worth: f64| market.stakes(net, worth).sum::<f64>() - net;
        falling_in(HALVINGS, low, high, |log| staked(log.exp())).exp()
    };
    // One more unit staked is worth it while what it wins is worth more than what it takes from every outcome.
    let gain = |net: f64| {
        let worth = stakes_for(net);
        worth - market.cost_of_a_unit(net, worth)
    };
    let least = if market.lay.is_empty() {
        0.0
    } else {
        -market.bank
    };
    let net = falling_in(HALVINGS, least, market.bank, gain);
    Ok(market.stakes(net, stakes_for(net)).collect())
}

fn check_market(market: &Market<'_>) -> Checked<()> {
    let n = market.back.len();
    check::length("odds", n, 2, MOST_OUTCOMES)?;
    check::same_length(("probabilities", market.probabilities.len()), ("odds", n))?;
    check::same_length(("a position", market.position.len()), ("odds", n))?;
    check::each("odds", market.back, check::odds)?;
    if !market.lay.is_empty() {
        check::same_length(("odds to lay", market.lay.len()), ("odds to back", n))?;
        check::each("odds to lay", market.lay, check::odds)?;
    }
    check::distribution(market.probabilities)?;
    check::positive("a bank", market.bank)?;
    check::commission(market.commission)?;
    check::each("position", market.position, |x| {
        check::finite("a profit", x)?;
        if x > -market.bank {
            Ok(x)
        } else {
            Err(Wrong::new(format!(
                "a position loses less than the bank of {}: {x} does not",
                market.bank
            )))
        }
    })?;
    let crossed = market
        .back
        .iter()
        .zip(market.lay)
        .position(|(back, lay)| back > lay);
    match crossed {
        None => Ok(()),
        Some(at) => Err(Wrong::new(format!(
            "odds to back are at most those to lay: {} and {} of outcome {at} are not",
            market.back[at], market.lay[at]
        ))),
    }
}

impl Market<'_> {
    /// The profit at which another unit in outcome `at` is worth `worth`: the inverse of the slope of
    /// p·ln(bank + net profit), which falls, with a jump at 0 where commission sets in.
    fn profit_worth(&self, at: usize, worth: f64) -> f64 {
        let p = self.probabilities[at];
        let kept = 1.0 - self.commission;
        if worth * self.bank >= p {
            p / worth - self.bank
        } else if worth * self.bank <= p * kept {
            p / worth - self.bank / kept
        } else {
            0.0
        }
    }

    /// What another unit in outcome `at` is worth at this profit.
    fn worth_at(&self, at: usize, profit: f64) -> f64 {
        let kept = if profit > 0.0 {
            1.0 - self.commission
        } else {
            1.0
        };
        self.probabilities[at] * kept / (self.bank + profit * kept).max(1e-300)
    }

    /// Stakes if `net` is staked in all and each unit staked is worth `worth`: an outcome is backed up to the profit
    /// where backing stops paying, laid down to where laying does, and left alone between.
    fn stakes(&self, net: f64, worth: f64) -> impl Iterator<Item = f64> + '_ {
        (0..self.back.len()).map(move |at| {
            let now = self.position[at] - net;
            let backed_to = self.profit_worth(at, worth / self.back[at]);
            if backed_to > now {
                return (backed_to - now) / self.back[at];
            }
            let Some(lay) = self.lay.get(at) else {
                return 0.0;
            };
            let laid_to = self.profit_worth(at, worth / lay);
            if laid_to < now {
                (laid_to - now) / lay
            } else {
                0.0
            }
        })
    }

    /// What a unit taken from every outcome costs.
    fn cost_of_a_unit(&self, net: f64, worth: f64) -> f64 {
        let stakes = self.stakes(net, worth).enumerate();
        let cost = stakes.map(|(at, stake)| {
            let now = self.position[at] - net;
            if stake > 0.0 {
                worth / self.back[at]
            } else if stake < 0.0 {
                worth / self.lay[at]
            } else {
                self.worth_at(at, now)
            }
        });
        cost.sum()
    }

    /// Between which values of a unit the stakes that add up to `net` are found.
    fn prices_of_money(&self, net: f64) -> (f64, f64) {
        let most = self
            .position
            .iter()
            .fold(self.bank, |most, x| most.max(x.abs()))
            + net.abs();
        let longest = self
            .back
            .iter()
            .chain(self.lay)
            .fold(1.0_f64, |a, b| a.max(*b));
        (1e-12 / (most * longest), longest * 1e9 / self.bank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::maths::kelly;
    use proptest::prelude::*;

    fn close(found: &[f64], expected: &[f64], within: f64) -> bool {
        found.len() == expected.len()
            && found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() <= within)
    }

    fn market<'a>(
        p: &'a [f64],
        back: &'a [f64],
        lay: &'a [f64],
        position: &'a [f64],
    ) -> Market<'a> {
        Market {
            probabilities: p,
            back,
            lay,
            position,
            bank: 1.0,
            commission: 0.0,
        }
    }

    /// Expected logarithm of the bank with these stakes.
    fn value(m: &Market<'_>, stakes: &[f64]) -> f64 {
        let odds = |at: usize, stake: f64| if stake < 0.0 { m.lay[at] } else { m.back[at] };
        let net: f64 = stakes.iter().sum();
        (0..stakes.len())
            .map(|at| {
                let profit = m.position[at] - net + stakes[at] * odds(at, stakes[at]);
                let kept = if profit > 0.0 {
                    1.0 - m.commission
                } else {
                    1.0
                };
                m.probabilities[at] * (m.bank + profit * kept).ln()
            })
            .sum()
    }

    fn any_market() -> impl Strategy<Value = Vec<(f64, f64, f64, f64)>> {
        proptest::collection::vec(
            (0.05_f64..1.0, 0.8_f64..1.3, 1.0_f64..1.2, -0.5_f64..1.0),
            2..7,
        )
    }

    proptest! {
        #[test]
        fn without_a_position_it_is_the_closed_form(rows in any_market()) {
            let sum: f64 = rows.iter().map(|r| r.0).sum();
            let p: Vec<f64> = rows.iter().map(|r| r.0 / sum).collect();
            let odds: Vec<f64> = rows.iter().zip(&p).map(|(r, p)| (r.1 / p).max(1.02)).collect();
            prop_assume!(odds.iter().map(|o| 1.0 / o).sum::<f64>() > 1.001);
            let found = net_position(market(&p, &odds, &[], &vec![0.0; p.len()])).unwrap();
            let expected = kelly::exclusive(&p, &odds, 1.0).unwrap();
            let (a, b) = (kelly::growth_exclusive(&p, &odds, &found), kelly::growth_exclusive(&p, &odds, &expected));
            prop_assert!(close(&found, &expected, 1e-6), "{found:?} {expected:?} {a:?} {b:?}");
        }

        #[test]
        fn no_small_change_is_better(rows in any_market(), commission in 0.0_f64..0.1, can_lay: bool, at in 0_usize..7, by in -0.02_f64..0.02) {
            let sum: f64 = rows.iter().map(|r| r.0).sum();
            let p: Vec<f64> = rows.iter().map(|r| r.0 / sum).collect();
            let back: Vec<f64> = rows.iter().zip(&p).map(|(r, p)| (r.1 / p).max(1.02)).collect();
            let lay: Vec<f64> = if can_lay { rows.iter().zip(&back).map(|(r, b)| b * r.2).collect() } else { Vec::new() };
            prop_assume!(back.iter().map(|o| 1.0 / o).sum::<f64>() > 1.001);
            prop_assume!(lay.is_empty() || lay.iter().map(|o| 1.0 / o).sum::<f64>() < 0.999);
            let position: Vec<f64> = rows.iter().map(|r| r.3).collect();
            let m = Market { commission, ..market(&p, &back, &lay, &position) };
            let found = net_position(m).unwrap();
            let mut other = found.clone();
            let at = at % other.len();
            other[at] += by;
            if !can_lay { other[at] = other[at].max(0.0); }
            prop_assume!(other.iter().sum::<f64>().abs() <= 1.0);
            let (best, changed) = (value(&m, &found), value(&m, &other));
            prop_assert!(best >= changed - 1e-9 || changed.is_nan(), "{found:?} {best} {changed}");
        }

        #[test]
        fn independent_bets_cannot_be_bettered(rows in proptest::collection::vec((0.1_f64..0.9, 0.9_f64..1.4), 1..6), at in 0_usize..6, by in -0.01_f64..0.01) {
            let p: Vec<f64> = rows.iter().map(|r| r.0).collect();
            let odds: Vec<f64> = rows.iter().map(|r| (r.1 / r.0).max(1.02)).collect();
            let best = independent(&p, &odds, 1.0).unwrap();
            let mut other = best.clone();
            let at = at % other.len();
            other[at] = (other[at] + by).clamp(0.0, 1.0);
            let value = |shares: &[f64]| growth_independent(&p, &odds, shares);
            if let Ok(changed) = value(&other) {
                prop_assert!(value(&best).unwrap() >= changed - 1e-10, "{best:?}");
            }
        }
    }

    #[test]
    fn once_placed_nothing_more_is_staked() {
        let (p, odds) = ([0.4, 0.4, 0.2], [2.7, 2.3, 4.4]);
        let first = net_position(market(&p, &odds, &[], &[0.0; 3])).unwrap();
        let net: f64 = first.iter().sum();
        let position: Vec<f64> = first.iter().zip(odds).map(|(x, o)| x * o - net).collect();
        let second = net_position(market(&p, &odds, &[], &position)).unwrap();
        assert!(close(&second, &[0.0; 3], 1e-6), "{second:?}");
    }

    #[test]
    fn a_position_too_long_is_laid_off() {
        let stakes = net_position(market(
            &[0.5, 0.5],
            &[1.98, 1.98],
            &[2.0, 2.0],
            &[0.5, -0.5],
        ))
        .unwrap();
        let after = [0.5 + stakes[0] - stakes[1], -0.5 - stakes[0] + stakes[1]];
        assert!(stakes[0] < 0.0 || stakes[1] > 0.0, "{stakes:?}");
        assert!((after[0] - after[1]).abs() < 0.05, "{stakes:?}");
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(independent(&[0.5; 13], &[2.1; 13], 1.0).is_err());
        assert!(independent(&[1.0], &[2.0], 1.0).is_err());
        assert!(net_position(market(&[0.5, 0.4], &[2.0, 2.0], &[], &[0.0; 2])).is_err());
        assert!(net_position(market(&[0.5, 0.5], &[2.0, 2.0], &[], &[0.0, -1.0])).is_err());
        assert!(net_position(market(&[0.5, 0.5], &[2.0, 2.2], &[1.9, 2.2], &[0.0; 2])).is_err());
    }
}
