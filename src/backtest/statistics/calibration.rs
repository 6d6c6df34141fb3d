//! Whether what a strategy thought came to pass: how often bets won that it gave such a chance.

use serde::Serialize;

use super::facts::Bet;

/// How a strategy's own probabilities compare with what happened. Bets on outcomes of yes and no count, each once.
#[derive(Clone, Debug, Serialize)]
pub struct Calibration {
    /// Bets with a probability.
    pub n: u64,
    /// Bets by the probability given, ten bins; empty ones are left out.
    pub bins: Vec<Bin>,
    /// Mean square of probability less outcome; 0 is perfect.
    pub brier: f64,
    /// Mean of −ln of the probability given to what happened, in nats.
    pub log_loss: f64,
    /// 1 − Brier / the close's Brier, on the bets whose close is known: over 0 it knew more than the close.
    pub skill_to_the_close: Option<f64>,
    /// Standard deviation of the probabilities: how far from "always the same" it dares to go.
    pub sharpness: f64,
}

/// Bets to which a strategy gave about the same chance.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Bin {
    /// Lower end of the bin.
    pub from: f64,
    /// Upper end.
    pub to: f64,
    /// Bets in it.
    pub n: u64,
    /// Mean probability given.
    pub thought: f64,
    /// Share that happened.
    pub happened: f64,
}

const BINS: usize = 10;
/// No probability counts as surer than this, or one wrong bet would be all that is seen.
const SUREST: f64 = 1e-9;

struct Forecast {
    probability: f64,
    happened: f64,
    by_the_close: Option<f64>,
}

impl Calibration {
    /// `None` if no bet has a probability.
    pub(super) fn of(bets: &[&Bet]) -> Option<Self> {
        let forecasts: Vec<Forecast> = bets
            .iter()
            .filter_map(|bet| {
                Some(Forecast {
                    probability: bet.probability?,
                    happened: f64::from(u8::from(bet.happened?)),
                    by_the_close: bet.close.as_ref().and_then(|close| close.chance),
                })
            })
            .collect();
        let n = forecasts.len() as f64;
        if forecasts.is_empty() {
            return None;
        }
        let mean = |of: &dyn Fn(&Forecast) -> f64| forecasts.iter().map(of).sum::<f64>() / n;
        let average = mean(&|f| f.probability);
        Some(Self {
            n: forecasts.len() as u64,
            bins: bins(&forecasts),
            brier: mean(&|f| (f.probability - f.happened).powi(2)),
            log_loss: mean(&|f| {
                let given = if f.happened > 0.5 {
                    f.probability
                } else {
                    1.0 - f.probability
                };
                -given.clamp(SUREST, 1.0).ln()
            }),
            skill_to_the_close: skill(&forecasts),
            sharpness: mean(&|f| (f.probability - average).powi(2)).sqrt(),
        })
    }
}

fn skill(forecasts: &[Forecast]) -> Option<f64> {
    let (mut own, mut close) = (0.0, 0.0);
    for forecast in forecasts {
        if let Some(chance) = forecast.by_the_close {
            own += (forecast.probability - forecast.happened).powi(2);
            close += (chance - forecast.happened).powi(2);
        }
    }
    (close > 0.0).then(|| 1.0 - own / close)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn bins(forecasts: &[Forecast]) -> Vec<Bin> {
    let place = |f: &Forecast| ((f.probability * BINS as f64) as usize).min(BINS - 1);
    (0..BINS)
        .filter_map(|at| {
            let own: Vec<&Forecast> = forecasts.iter().filter(|f| place(f) == at).collect();
            let n = own.len() as f64;
            (!own.is_empty()).then(|| Bin {
                from: at as f64 / BINS as f64,
                to: (at + 1) as f64 / BINS as f64,
                n: own.len() as u64,
                thought: own.iter().map(|f| f.probability).sum::<f64>() / n,
                happened: own.iter().map(|f| f.happened).sum::<f64>() / n,
            })
        })
        .collect()
}
