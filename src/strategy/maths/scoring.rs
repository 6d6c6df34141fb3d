//! Scoring rules: how far forecasts were from what happened. Less is better.

use super::check::{self, Checked, Wrong};

/// Outcomes of a forecast.
pub const MOST_OUTCOMES: usize = 200;

/// A rule that scores one forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Σ (p − happened)² over the outcomes.
    Brier,
    /// −ln p of what happened, in nats.
    LogLoss,
    /// −log₂ p of what happened, in bits.
    Ignorance,
    /// Ranked probability score: Σ (cumulated difference)² / (n − 1), for outcomes that have an order.
    Rps,
}

impl Rule {
    /// Scores one forecast: the chances of all outcomes, and the place of the one that happened, from 0.
    ///
    /// # Errors
    /// If the chances do not add up to 1, there is no such outcome, or it had no chance where that is infinitely bad.
    pub fn score(self, forecast: &[f64], outcome: i64) -> Checked<f64> {
        check::length("a forecast", forecast.len(), 2, MOST_OUTCOMES)?;
        check::distribution(forecast)?;
        let happened = usize::try_from(outcome)
            .ok()
            .filter(|at| *at < forecast.len());
        let happened = happened.ok_or_else(|| {
            Wrong::new(format!(
                "outcomes count from 0 to {}: there is no {outcome}",
                forecast.len() - 1
            ))
        })?;
        let p = forecast[happened];
        if p <= 0.0 && matches!(self, Self::LogLoss | Self::Ignorance) {
            return Err(Wrong::new(format!(
                "outcome {outcome} happened and had the probability 0: that is infinitely wrong"
            )));
        }
        Ok(match self {
            Self::Brier => 1.0 - 2.0 * p + forecast.iter().map(|q| q * q).sum::<f64>(),
            Self::LogLoss => -p.ln(),
            Self::Ignorance => -p.log2(),
            Self::Rps => {
                let mut ahead = 0.0;
                let squares = forecast.iter().enumerate().map(|(at, q)| {
                    ahead += q - if at == happened { 1.0 } else { 0.0 };
                    ahead * ahead
                });
                squares.sum::<f64>() / (forecast.len() - 1) as f64
            }
        })
    }

    /// The mean score of several forecasts.
    ///
    /// # Errors
    /// If one cannot be scored, or there is none.
    pub fn mean(self, forecasts: &[Vec<f64>], outcomes: &[i64]) -> Checked<f64> {
        check::same_length(("forecasts", forecasts.len()), ("outcomes", outcomes.len()))?;
        check::length("forecasts", forecasts.len(), 1, 1000)?;
        let mut sum = 0.0;
        for (at, (forecast, outcome)) in forecasts.iter().zip(outcomes).enumerate() {
            sum += self
                .score(forecast, *outcome)
                .map_err(|wrong| wrong.of(&format!("forecast {at}")))?;
        }
        Ok(sum / forecasts.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_true_chances_score_best_on_average(weights in proptest::collection::vec(0.05_f64..1.0, 2..6), others in proptest::collection::vec(0.05_f64..1.0, 6)) {
            let normal = |w: &[f64]| { let s: f64 = w.iter().sum(); w.iter().map(|x| x / s).collect::<Vec<_>>() };
            let (truth, other) = (normal(&weights), normal(&others[..weights.len()]));
            for rule in [Rule::Brier, Rule::LogLoss, Rule::Ignorance, Rule::Rps] {
                let expected = |forecast: &[f64]| -> f64 {
                    truth.iter().enumerate().map(|(at, p)| p * rule.score(forecast, at as i64).unwrap()).sum()
                };
                prop_assert!(expected(&truth) <= expected(&other) + 1e-12, "{rule:?}");
            }
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Rule::Brier.score(&[0.5, 0.6], 0).is_err());
        assert!(Rule::Brier.score(&[0.5, 0.5], 2).is_err());
        assert!(Rule::LogLoss.score(&[0.0, 1.0], 0).is_err());
        assert!(Rule::Rps.mean(&[], &[]).is_err());
    }
}
