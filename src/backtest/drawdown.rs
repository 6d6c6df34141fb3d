//! Drawdown: how far a bank fell from its highest point, and for how long.

use serde::Serialize;

use crate::market::{Money, TimeMs};

/// The deepest fall of a bank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Drawdown {
    /// In money, major units; zero or more.
    pub amount: f64,
    /// As a part of the highest point before it.
    pub ratio: f64,
    /// When the highest point before it was left; null without a fall.
    pub from_ms: Option<i64>,
    /// When the bottom was reached.
    pub bottom_ms: Option<i64>,
    /// When the highest point was reached again; null if it was not.
    pub recovered_ms: Option<i64>,
}

/// The deepest fall of a bank that starts at `start` and takes these results in order.
pub(super) fn deepest(
    start: Money,
    results: impl IntoIterator<Item = (TimeMs, Money)>,
) -> Drawdown {
    let (mut bank, mut peak) = (start, start);
    // When the bank first stood below its peak.
    let mut left: Option<TimeMs> = None;
    let mut deepest = (Money::ZERO, start);
    let mut found = Drawdown::default();
    for (at, result) in results {
        bank += result;
        if bank >= peak {
            peak = bank;
            if let (Some(from), None) = (found.from_ms, found.recovered_ms)
                && left.is_some_and(|left| left.0 == from)
            {
                found.recovered_ms = Some(at.0);
            }
            left = None;
            continue;
        }
        let left = *left.get_or_insert(at);
        if peak - bank > deepest.0 {
            deepest = (peak - bank, peak);
            found = Drawdown {
                from_ms: Some(left.0),
                bottom_ms: Some(at.0),
                recovered_ms: None,
                ..found
            };
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
        ..found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(banks: &[i64]) -> Vec<(TimeMs, Money)> {
        let steps = banks.windows(2).zip(1..);
        steps
            .map(|(pair, at)| (TimeMs(at), Money::from_major(pair[1] - pair[0])))
            .collect()
    }

    #[test]
    fn the_deepest_fall_is_measured_from_the_peak_before_it() {
        let banks = [1_000, 1_020, 1_010, 1_080, 990, 1_005, 940, 1_100];
        let fall = deepest(Money::from_major(1_000), results(&banks));
        assert!((fall.amount - 140.0).abs() < 1e-9);
        assert!((fall.ratio - 0.129_629_629_6).abs() < 1e-9);
        assert_eq!(
            (fall.from_ms, fall.bottom_ms, fall.recovered_ms),
            (Some(4), Some(6), Some(7))
        );
    }

    #[test]
    fn a_fall_that_lasts_has_no_recovery() {
        let fall = deepest(Money::from_major(100), results(&[100, 90, 95, 80]));
        assert_eq!(
            (fall.from_ms, fall.bottom_ms, fall.recovered_ms),
            (Some(1), Some(3), None)
        );
    }

    #[test]
    fn a_bank_that_only_rises_has_no_drawdown() {
        assert_eq!(
            deepest(Money::from_major(10), [(TimeMs(1), Money::from_major(1))]),
            Drawdown::default()
        );
    }
}
