//! Was it skill? Statistics of a betting record: significance of a yield, closing line value, drawdown, commission.

use std::f64::consts::PI;

use super::check::{self, Checked, Wrong};
use super::devig::{Method, devig};
use super::solve::falling;

/// Bets in one call.
pub const MOST_BETS: usize = 1000;

/// Chance that a standard normal variable exceeds `z`.
#[must_use]
pub fn normal_tail(z: f64) -> f64 {
    let x = z.abs() / 2.0_f64.sqrt();
    let tail = 0.5
        * if x < 3.0 {
            1.0 - erf_series(x)
        } else {
            erfc_fraction(x)
        };
    if z < 0.0 { 1.0 - tail } else { tail }
}

/// erf by the series whose terms are all positive.
fn erf_series(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    let mut odd = 1.0;
    while term > 1e-17 * sum {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    2.0 / PI.sqrt() * (-x * x).exp() * sum
}

/// erfc by its continued fraction, for x of 3 and more.
fn erfc_fraction(x: f64) -> f64 {
    let below = (1..=80)
        .rev()
        .fold(x, |below, k| x + f64::from(k) / 2.0 / below);
    (-x * x).exp() / PI.sqrt() / below
}

/// The z that a standard normal variable stays below with this confidence.
fn normal_quantile(confidence: f64) -> f64 {
    falling(-40.0, 40.0, |z| normal_tail(z) - (1.0 - confidence))
}

/// How many standard errors a yield from `bets` level stakes at mean odds is above 0:
/// yield·√n / √((1 + yield)(odds − 1 − yield)).
///
/// # Errors
/// If an argument is out of range.
pub fn yield_t(bets: f64, yield_ratio: f64, mean_odds: f64) -> Checked<f64> {
    check::positive("a number of bets", bets)?;
    Ok(yield_ratio * bets.sqrt() / spread(yield_ratio, mean_odds)?.sqrt())
}

/// Variance of one bet's profit.
fn spread(yield_ratio: f64, mean_odds: f64) -> Checked<f64> {
    check::odds(mean_odds)?;
    let spread = (1.0 + yield_ratio) * (mean_odds - 1.0 - yield_ratio);
    if yield_ratio > -1.0 && spread > 0.0 {
        return Ok(spread);
    }
    Err(Wrong::new(format!(
        "a yield at odds {mean_odds} is between -1 and {}: {yield_ratio} is not",
        mean_odds - 1.0
    )))
}

/// Chance of such a yield or a better one without any edge.
///
/// # Errors
/// If an argument is out of range.
pub fn yield_p(bets: f64, yield_ratio: f64, mean_odds: f64) -> Checked<f64> {
    yield_t(bets, yield_ratio, mean_odds).map(normal_tail)
}

/// Bets after which a true yield shows with this one-sided confidence.
///
/// # Errors
/// If an argument is out of range, or the yield is not over 0.
pub fn bets_needed(yield_ratio: f64, mean_odds: f64, confidence: f64) -> Checked<f64> {
    check::positive("a yield", yield_ratio)?;
    check::within("a confidence", confidence, 0.5, 0.999_999)?;
    let z = normal_quantile(confidence) / yield_ratio;
    Ok((z * z * spread(yield_ratio, mean_odds)?).ceil())
}

/// Closing line value as it is quoted: taken/close − 1, the margin still in the close.
///
/// # Errors
/// If an argument is not decimal odds.
pub fn clv(taken: f64, close: f64) -> Checked<f64> {
    Ok(check::odds(taken)? / check::odds(close)? - 1.0)
}

/// Closing line value against the fair close: odds taken times the chance that the closing book gives outcome `at`
/// without its margin, less 1.
///
/// # Errors
/// If an argument is out of range, or the method fails on this book.
pub fn clv_fair(taken: f64, closing: &[f64], at: i64, method: Method) -> Checked<f64> {
    check::odds(taken)?;
    let fair = devig(method, closing, 1.0)?.probabilities;
    let chance = usize::try_from(at).ok().and_then(|at| fair.get(at));
    let chance = chance.ok_or_else(|| {
        Wrong::new(format!(
            "outcomes count from 0 to {}: there is no {at}",
            fair.len() - 1
        ))
    })?;
    Ok(taken * chance - 1.0)
}

/// Chance of at least `wins` among bets that win with these chances, each on its own: the exact distribution of a
/// record if the prices were fair.
///
/// # Errors
/// If an argument is out of range.
pub fn chance_of_wins(probabilities: &[f64], wins: i64) -> Checked<f64> {
    check::length("probabilities", probabilities.len(), 1, MOST_BETS)?;
    check::each("probabilities", probabilities, check::probability)?;
    let wins = usize::try_from(wins).unwrap_or(0);
    let mut chances = vec![0.0; probabilities.len() + 1];
    chances[0] = 1.0;
    for (bets, p) in probabilities.iter().enumerate() {
        for count in (0..=bets).rev() {
            chances[count + 1] += chances[count] * p;
            chances[count] *= 1.0 - p;
        }
    }
    Ok(chances.iter().skip(wins).sum::<f64>().min(1.0))
}

/// A market's result after commission.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetResult {
    /// Profit after commission.
    pub net: f64,
    /// What was taken.
    pub commission: f64,
}

/// Commission on the net winnings of one market's bets together.
///
/// # Errors
/// If an argument is out of range.
pub fn market_commission(profits: &[f64], rate: f64) -> Checked<NetResult> {
    check::each("profits", profits, |x| check::finite("a profit", x))?;
    check::commission(rate)?;
    let gross: f64 = profits.iter().sum();
    let commission = gross.max(0.0) * rate;
    Ok(NetResult {
        net: gross - commission,
        commission,
    })
}

/// The deepest fall of a balance from an earlier peak.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drawdown {
    /// In money.
    pub amount: f64,
    /// As a share of that peak.
    pub ratio: f64,
}

/// The deepest fall of a row of balances; the ratio is that of the deepest fall in money.
///
/// # Errors
/// If there is no balance, or the first is not over 0.
pub fn max_drawdown(balances: &[f64]) -> Checked<Drawdown> {
    check::length("balances", balances.len(), 1, MOST_BETS)?;
    check::each("balances", balances, |x| check::finite("a balance", x))?;
    let mut peak = check::positive("the first balance", balances[0])?;
    let mut deepest = Drawdown::default();
    for &balance in balances {
        peak = peak.max(balance);
        let amount = peak - balance;
        if amount > deepest.amount {
            deepest = Drawdown {
                amount,
                ratio: amount / peak,
            };
        }
    }
    Ok(deepest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn normal_tails_fall_and_mirror(z in -8.0_f64..8.0, more in 0.001_f64..1.0) {
            prop_assert!(normal_tail(z) >= normal_tail(z + more));
            prop_assert!((normal_tail(z) + normal_tail(-z) - 1.0).abs() < 1e-14);
        }

        #[test]
        fn a_quantile_is_found_again(confidence in 0.5_f64..0.9999) {
            prop_assert!((1.0 - normal_tail(normal_quantile(confidence)) - confidence).abs() < 1e-12);
        }
    }

    #[test]
    fn normal_tails_are_those_of_the_tables() {
        // 1 − Φ(z), from any table; the last two are on either side of where the two formulas meet.
        for (z, tail) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457),
            (1.959_963_984_540_054, 0.025),
            (3.0, 0.001_349_898_031_630_1),
            (5.0, 2.866_515_718_791_94e-7),
        ] {
            assert!(
                (normal_tail(z) / tail - 1.0).abs() < 1e-11,
                "{z}: {}",
                normal_tail(z)
            );
        }
        let meet = 3.0 * 2.0_f64.sqrt();
        let (series, fraction) = (1.0 - erf_series(3.0), erfc_fraction(3.0));
        assert!(
            (series - fraction).abs() < 1e-15,
            "{meet}: {series} {fraction}"
        );
    }

    #[test]
    fn wins_of_fair_coins_are_binomial() {
        let chance = |wins| chance_of_wins(&[0.5; 4], wins).unwrap();
        let expected = [1.0, 15.0 / 16.0, 11.0 / 16.0, 5.0 / 16.0, 1.0 / 16.0, 0.0];
        for (wins, expected) in expected.iter().enumerate() {
            assert!((chance(wins as i64) - expected).abs() < 1e-12, "{wins}");
        }
        assert!((chance(-3) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(yield_t(100.0, 1.5, 2.0).is_err());
        assert!(yield_t(-1.0, 0.1, 2.0).is_err());
        assert!(bets_needed(0.0, 2.0, 0.95).is_err());
        assert!(clv_fair(2.0, &[2.0, 2.0], 2, Method::Power).is_err());
        assert!(max_drawdown(&[]).is_err());
        assert!(market_commission(&[f64::NAN], 0.05).is_err());
    }
}
