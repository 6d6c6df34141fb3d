//! Kelly stakes for one bet, and for bets of which at most one wins: shares of the bank, never negative.

use super::check::{self, Checked, Wrong};

/// Outcomes of one market.
pub const MOST_OUTCOMES: usize = 200;

/// Share of the bank to back with: (p·b − (1 − p)) / b with b = (odds − 1)(1 − commission), times `fraction`.
///
/// # Errors
/// If an argument is out of range.
pub fn back(probability: f64, odds: f64, commission: f64, fraction: f64) -> Checked<f64> {
    let paid = (check::odds(odds)? - 1.0) * (1.0 - check::commission(commission)?);
    share(check::probability(probability)?, paid, fraction)
}

/// Share of the bank to risk as the liability of a lay: with b = (1 − commission) / (odds − 1) and w = 1 − p, it is
/// (w·b − p) / b, times `fraction`. The backer's stake is that / (odds − 1).
///
/// # Errors
/// If an argument is out of range.
pub fn lay(probability: f64, odds: f64, commission: f64, fraction: f64) -> Checked<f64> {
    let paid = (1.0 - check::commission(commission)?) / (check::odds(odds)? - 1.0);
    share(1.0 - check::probability(probability)?, paid, fraction)
}

/// Kelly's share for a bet that wins `paid` for each unit risked.
fn share(probability: f64, paid: f64, fraction: f64) -> Checked<f64> {
    check::within("a Kelly fraction", fraction, 0.0, 1.0)?;
    let edge = probability * paid - (1.0 - probability);
    Ok((edge / paid).clamp(0.0, 1.0) * fraction)
}

/// Expected growth of the bank's logarithm from one bet of a share of it.
///
/// # Errors
/// If an argument is out of range, or all is staked on what may lose.
pub fn growth(probability: f64, odds: f64, share: f64) -> Checked<f64> {
    check::odds(odds)?;
    check::probability(probability)?;
    growth_exclusive(&[probability], &[odds], &[share])
}

/// Shares of the bank for outcomes of which at most one happens (Smoczynski and Tomkins 2010): outcomes are taken by
/// falling p·odds while that exceeds the reserve R = (1 − Σp) / (1 − Σ1/odds); the share is p − R/odds.
///
/// # Errors
/// If an argument is out of range, or the probabilities add up to more than 1.
pub fn exclusive(probabilities: &[f64], odds: &[f64], fraction: f64) -> Checked<Vec<f64>> {
    check_market(probabilities, odds)?;
    check::within("a Kelly fraction", fraction, 0.0, 1.0)?;
    let mut order: Vec<usize> = (0..odds.len()).collect();
    let worth = |at: usize| probabilities[at] * odds[at];
    order.sort_by(|&a, &b| worth(b).total_cmp(&worth(a)));
    let (mut chance_left, mut book_left, mut reserve) = (1.0, 1.0, 1.0);
    for at in order {
        let book = book_left - odds[at].recip();
        if worth(at) <= reserve || book <= 0.0 {
            break;
        }
        chance_left = f64::max(0.0, chance_left - probabilities[at]);
        book_left = book;
        reserve = chance_left / book_left;
    }
    let shares = probabilities.iter().zip(odds);
    Ok(shares
        .map(|(p, o)| (p - reserve / o).max(0.0) * fraction)
        .collect())
}

/// Expected growth of the bank's logarithm from shares on outcomes of which at most one happens.
///
/// # Errors
/// If an argument is out of range, or an outcome that may happen takes the whole bank.
pub fn growth_exclusive(probabilities: &[f64], odds: &[f64], shares: &[f64]) -> Checked<f64> {
    check_market(probabilities, odds)?;
    check::same_length(("odds", odds.len()), ("shares", shares.len()))?;
    check::each("shares", shares, |x| check::within("a share", x, 0.0, 1.0))?;
    let kept = 1.0 - shares.iter().sum::<f64>();
    let term = |p: f64, wealth: f64| {
        if p <= 1e-12 {
            Ok(0.0)
        } else if wealth <= 0.0 {
            Err(Wrong::new(
                "these shares lose the whole bank in an outcome that may happen",
            ))
        } else {
            Ok(p * wealth.ln())
        }
    };
    let mut growth = term(1.0 - probabilities.iter().sum::<f64>(), kept)?;
    for ((p, o), share) in probabilities.iter().zip(odds).zip(shares) {
        growth += term(*p, kept + share * o)?;
    }
    Ok(growth)
}

fn check_market(probabilities: &[f64], odds: &[f64]) -> Checked<()> {
    check::length("odds", odds.len(), 1, MOST_OUTCOMES)?;
    check::same_length(("probabilities", probabilities.len()), ("odds", odds.len()))?;
    check::each("odds", odds, check::odds)?;
    check::exclusive(probabilities)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_outcome_is_plain_kelly(p in 0.0_f64..1.0, o in 1.01_f64..100.0) {
            let one = exclusive(&[p], &[o], 1.0).unwrap()[0];
            prop_assert!((one - back(p, o, 0.0, 1.0).unwrap()).abs() < 1e-9);
        }

        #[test]
        fn no_small_change_of_exclusive_shares_grows_faster(
            weights in proptest::collection::vec((0.05_f64..1.0, 0.7_f64..1.4), 2..8),
            idle in 0.01_f64..1.0,
            changed in 0_usize..8,
            by in -0.01_f64..0.01,
        ) {
            let sum: f64 = weights.iter().map(|w| w.0).sum::<f64>() + idle;
            let p: Vec<f64> = weights.iter().map(|w| w.0 / sum).collect();
            let odds: Vec<f64> = weights.iter().zip(&p).map(|(w, p)| (w.1 / p).max(1.02)).collect();
            let best = exclusive(&p, &odds, 1.0).unwrap();
            prop_assert!(best.iter().sum::<f64>() < 1.0 + 1e-9);
            let mut other = best.clone();
            let at = changed % other.len();
            other[at] = (other[at] + by).clamp(0.0, 1.0);
            if let (Ok(found), Ok(else_where)) = (growth_exclusive(&p, &odds, &best), growth_exclusive(&p, &odds, &other)) {
                prop_assert!(found >= else_where - 1e-12, "{best:?} {other:?}");
            }
        }

        #[test]
        fn a_lay_is_a_back_of_the_rest(p in 0.01_f64..0.99, o in 1.01_f64..100.0) {
            let against = o / (o - 1.0);
            let (lay, back) = (lay(p, o, 0.0, 1.0).unwrap(), back(1.0 - p, against, 0.0, 1.0).unwrap());
            prop_assert!((lay - back).abs() < 1e-9);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [f64::NAN, f64::INFINITY, 1.0, 0.0, -3.0] {
            assert!(back(0.5, wrong, 0.0, 1.0).is_err(), "{wrong}");
            assert!(exclusive(&[0.5], &[wrong], 1.0).is_err(), "{wrong}");
        }
        assert!(back(1.2, 2.0, 0.0, 1.0).is_err());
        assert!(back(0.5, 2.0, 1.0, 1.0).is_err());
        assert!(lay(0.5, 2.0, 0.0, f64::NAN).is_err());
        assert!(exclusive(&[0.6, 0.6], &[2.0, 2.0], 1.0).is_err());
        assert!(growth(0.5, 2.0, 1.0).is_err(), "half the time all is lost");
    }
}
