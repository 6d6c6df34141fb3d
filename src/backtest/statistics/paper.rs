//! What the bets of DRY_RUN on a live feed say, all of them together.

use super::by_event;
use super::interval::{Estimate, Part};
use crate::ledger::ClosingRow;

/// The figures of settled bets. Each counts once, whatever its stake.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paper {
    /// What they win on average for each unit staked if the close without its margin is right, where that is known.
    pub clv: Option<Estimate>,
    /// How near the strategies' probabilities came, where they named one and the close is known.
    pub brier: Option<Brier>,
}

/// Mean squares of probability less outcome, on the same bets; 0 is perfect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brier {
    /// By the strategies.
    pub own: f64,
    /// By the close.
    pub close: f64,
    /// Of how many bets.
    pub n: u64,
}

impl Brier {
    /// How much worse the strategies' is; under 0 they knew more than the close.
    #[must_use]
    pub fn excess(&self) -> f64 {
        self.own - self.close
    }
}

impl Paper {
    /// What these bets say.
    #[must_use]
    pub fn of(bets: &[ClosingRow]) -> Self {
        let valued = bets.iter().filter_map(|bet| {
            let over = bet.close.as_ref()?.clv?;
            Some((bet.event.as_str(), Part { over, under: 1.0 }))
        });
        let n = valued.clone().count() as u64;
        Self {
            clv: Estimate::of(&by_event(valued), n),
            brier: brier(bets),
        }
    }
}

fn brier(bets: &[ClosingRow]) -> Option<Brier> {
    let (mut own, mut close, mut n) = (0.0, 0.0, 0);
    for bet in bets {
        let chance = bet.close.as_ref().and_then(|close| close.chance);
        if let (Some(probability), Some(chance), Some(happened)) =
            (bet.probability, chance, bet.happened)
        {
            let outcome = f64::from(u8::from(happened));
            own += (probability - outcome).powi(2);
            close += (chance - outcome).powi(2);
            n += 1;
        }
    }
    (n > 0).then(|| Brier {
        own: own / n as f64,
        close: close / n as f64,
        n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::CloseRow;
    use crate::market::TimeMs;

    fn bet(event: usize, clv: f64, chance: f64, happened: bool) -> ClosingRow {
        ClosingRow {
            order: format!("o{event}"),
            version: 1,
            at: TimeMs(0),
            strategy: "s".to_owned(),
            market: format!("m{event}"),
            event: format!("e{event}"),
            close: Some(CloseRow {
                source: "PS".to_owned(),
                raw: 0.5,
                clv: Some(clv),
                chance: Some(chance),
            }),
            probability: Some(0.6),
            happened: Some(happened),
        }
    }

    #[test]
    fn the_mean_has_an_interval_by_event_and_both_briers_are_of_the_same_bets() {
        let mut bets: Vec<_> = (0..20)
            .map(|n| bet(n, if n % 2 == 0 { 0.05 } else { -0.01 }, 0.5, n % 2 == 0))
            .collect();
        // Neither of these is in a figure that it has nothing to say of.
        bets.push(ClosingRow {
            close: None,
            ..bet(20, 0.0, 0.0, true)
        });
        bets.push(ClosingRow {
            probability: None,
            ..bet(21, 0.02, 0.9, true)
        });
        bets.push(ClosingRow {
            happened: None,
            ..bet(22, 0.02, 0.9, true)
        });
        let found = Paper::of(&bets);
        let clv = found.clv.unwrap();
        assert!((clv.value - 0.02).abs() < 1e-12, "{clv:?}");
        assert_eq!(clv.n, 22);
        assert!(clv.low.unwrap() < 0.02 && clv.high.unwrap() > 0.02);
        assert!(clv.low.unwrap() > -0.01 && clv.high.unwrap() < 0.05);
        let brier = found.brier.unwrap();
        assert_eq!(brier.n, 20);
        // Half of them at 0.4², half at 0.6²; the close's all at 0.5².
        assert!((brier.own - 0.26).abs() < 1e-12, "{brier:?}");
        assert!((brier.close - 0.25).abs() < 1e-12, "{brier:?}");
        assert!((brier.excess() - 0.01).abs() < 1e-12, "{brier:?}");
    }

    #[test]
    fn bets_without_a_close_have_no_figure_and_few_events_no_interval() {
        let unknown = ClosingRow {
            close: None,
            ..bet(0, 0.0, 0.0, true)
        };
        let nothing = Paper {
            clv: None,
            brier: None,
        };
        assert_eq!(Paper::of(&[unknown]), nothing);
        // Many bets on one event are one event.
        let same: Vec<_> = (0..30).map(|_| bet(1, 0.03, 0.5, true)).collect();
        let clv = Paper::of(&same).clv.unwrap();
        assert_eq!((clv.n, clv.low, clv.high), (30, None, None));
    }
}
