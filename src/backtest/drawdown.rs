//! Drawdown: how far a bank fell from its highest point.

use serde::Serialize;

use crate::market::Money;

/// The deepest fall of a bank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Drawdown {
    /// In money, major units; zero or more.
    pub amount: f64,
    /// As a part of the highest point before it.
    pub ratio: f64,
}

/// The deepest fall of a bank that starts at `start` and takes these results in order.
pub(super) fn deepest(start: Money, results: impl IntoIterator<Item = Money>) -> Drawdown {
    let (mut bank, mut peak) = (start, start);
    let mut deepest = (Money::ZERO, start);
    for result in results {
        bank += result;
        peak = peak.max(bank);
        if peak - bank > deepest.0 {
            deepest = (peak - bank, peak);
        }
    }
    let (fall, from) = deepest;
    let ratio = if from.is_positive() {
        fall.to_f64() / from.to_f64()
    } else {
        0.0
    };
    Drawdown {
        amount: fall.to_f64(),
        ratio,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_fall_is_measured_from_the_peak_before_it() {
        let banks = [1_000, 1_020, 1_010, 1_080, 990, 1_005, 940, 1_100];
        let results = banks
            .windows(2)
            .map(|pair| Money::from_major(pair[1] - pair[0]));
        let fall = deepest(Money::from_major(1_000), results);
        assert!((fall.amount - 140.0).abs() < 1e-9);
        assert!((fall.ratio - 0.129_629_629_6).abs() < 1e-9);
    }

    #[test]
    fn a_bank_that_only_rises_has_no_drawdown() {
        assert_eq!(
            deepest(Money::from_major(10), [Money::from_major(1)]),
            Drawdown::default()
        );
    }
}
