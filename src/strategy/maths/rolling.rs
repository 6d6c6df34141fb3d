//! Statistics of rows of numbers, and averages that need only their last value: what a strategy keeps of the past.

use super::check::{self, Checked, Wrong};

/// Numbers in a row.
pub const MOST_VALUES: usize = 1000;

fn check_row(values: &[f64], least: usize) -> Checked<()> {
    check::length("a row", values.len(), least, MOST_VALUES)?;
    check::each("row", values, |x| check::finite("a value", x))
}

/// The mean.
///
/// # Errors
/// If there is no value.
pub fn mean(values: &[f64]) -> Checked<f64> {
    check_row(values, 1)?;
    Ok(values.iter().sum::<f64>() / values.len() as f64)
}

/// The mean of values that count by weight.
///
/// # Errors
/// If the weights are below 0, all 0, or not as many as the values.
pub fn weighted_mean(values: &[f64], weights: &[f64]) -> Checked<f64> {
    check_row(values, 1)?;
    check::same_length(("values", values.len()), ("weights", weights.len()))?;
    check::each("weights", weights, |x| check::not_negative("a weight", x))?;
    let sum = check::positive("the sum of weights", weights.iter().sum())?;
    Ok(values.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>() / sum)
}

/// The value at `x` of the line through points whose places ascend; level beyond both ends. A calibration table is read
/// so: forecasts as places, what came of them as values.
///
/// # Errors
/// If there is no point, places and values are not as many, or the places do not ascend.
pub fn interpolate(x: f64, places: &[f64], values: &[f64]) -> Checked<f64> {
    check::finite("a place", x)?;
    check_row(places, 1)?;
    check_row(values, 1)?;
    check::same_length(("places", places.len()), ("values", values.len()))?;
    if let Some(at) = places.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(Wrong::new(format!(
            "places ascend: {} after {} does not",
            places[at + 1],
            places[at]
        )));
    }
    let above = places.partition_point(|place| *place < x);
    if above == 0 {
        return Ok(values[0]);
    }
    if above == places.len() {
        return Ok(values[above - 1]);
    }
    let share = (x - places[above - 1]) / (places[above] - places[above - 1]);
    Ok(values[above - 1] + share * (values[above] - values[above - 1]))
}

/// Platt's calibration of a probability: 1/(1 + exp(−(slope·ln(p/(1 − p)) + shift))).
///
/// # Errors
/// If the probability is not from 0 to 1, or another argument is no number.
pub fn platt(probability: f64, slope: f64, shift: f64) -> Checked<f64> {
    check::probability(probability)?;
    check::finite("a slope", slope)?;
    check::finite("a shift", shift)?;
    // What is certain, or next to it, has no logit.
    let p = probability.clamp(1e-12, 1.0 - 1e-12);
    let logit = slope * (p / (1.0 - p)).ln() + shift;
    Ok(1.0 / (1.0 + (-logit).exp()))
}

/// The sample standard deviation.
///
/// # Errors
/// If there are fewer than two values.
pub fn stdev(values: &[f64]) -> Checked<f64> {
    check_row(values, 2)?;
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    Ok((squares / (values.len() - 1) as f64).sqrt())
}

/// The value that a share `q` of the values do not exceed, between two in proportion.
///
/// # Errors
/// If there is no value, or q is not from 0 to 1.
pub fn quantile(values: &[f64], q: f64) -> Checked<f64> {
    check_row(values, 1)?;
    check::within("a share", q, 0.0, 1.0)?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = q * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    Ok(below + (above - below) * place.fract())
}

/// How many standard deviations `value` is above the mean of the row; 0 if the row does not vary.
///
/// # Errors
/// If there are fewer than two values.
pub fn zscore(values: &[f64], value: f64) -> Checked<f64> {
    check::finite("a value", value)?;
    let (mean, stdev) = (mean(values)?, stdev(values)?);
    Ok(if stdev > 0.0 {
        (value - mean) / stdev
    } else {
        0.0
    })
}

/// The same by median and median absolute deviation, which a few outliers do not move.
///
/// # Errors
/// If there are fewer than two values.
pub fn robust_zscore(values: &[f64], value: f64) -> Checked<f64> {
    check_row(values, 2)?;
    check::finite("a value", value)?;
    let middle = quantile(values, 0.5)?;
    let off: Vec<f64> = values.iter().map(|x| (x - middle).abs()).collect();
    // As a standard deviation, if the values are normal.
    let spread = 1.482_602_218_505_602 * quantile(&off, 0.5)?;
    Ok(if spread > 0.0 {
        (value - middle) / spread
    } else {
        0.0
    })
}

/// How much a value rises from one to the next, by least squares.
///
/// # Errors
/// If there are fewer than two values.
pub fn slope(values: &[f64]) -> Checked<f64> {
    check_row(values, 2)?;
    let middle = (values.len() - 1) as f64 / 2.0;
    let mean = mean(values)?;
    let (mut rise, mut run) = (0.0, 0.0);
    for (at, x) in values.iter().enumerate() {
        let from_middle = at as f64 - middle;
        rise += from_middle * (x - mean);
        run += from_middle * from_middle;
    }
    Ok(rise / run)
}

/// An exponentially weighted average: alpha of the value, the rest of what it was.
///
/// # Errors
/// If an argument is out of range.
pub fn ewma(old: f64, value: f64, alpha: f64) -> Checked<f64> {
    check::finite("the old average", old)?;
    check::finite("a value", value)?;
    Ok(old + check::within("alpha", alpha, 0.0, 1.0)? * (value - old))
}

/// The alpha with which an average forgets half in `half_life` when `elapsed` has passed, for updates that do not come
/// evenly: 1 − 2^(−elapsed/half_life).
///
/// # Errors
/// If an argument is out of range.
pub fn alpha(elapsed: f64, half_life: f64) -> Checked<f64> {
    Ok(1.0 - super::ratings::half_life_decay(elapsed, half_life)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row() -> impl Strategy<Value = Vec<f64>> {
        proptest::collection::vec(-1e3_f64..1e3, 2..50)
    }

    proptest! {
        #[test]
        fn a_row_moved_has_its_mean_moved_and_its_spread_kept(row in row(), by in -1e3_f64..1e3) {
            let moved: Vec<f64> = row.iter().map(|x| x + by).collect();
            prop_assert!((mean(&moved).unwrap() - mean(&row).unwrap() - by).abs() < 1e-8);
            prop_assert!((stdev(&moved).unwrap() - stdev(&row).unwrap()).abs() < 1e-8);
            prop_assert!((slope(&moved).unwrap() - slope(&row).unwrap()).abs() < 1e-8);
        }

        #[test]
        fn quantiles_rise_between_the_ends(row in row(), a in 0.0_f64..1.0, b in 0.0_f64..1.0) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(quantile(&row, low).unwrap() <= quantile(&row, high).unwrap() + 1e-9);
            let least = row.iter().copied().fold(f64::INFINITY, f64::min);
            prop_assert!((quantile(&row, 0.0).unwrap() - least).abs() < 1e-12);
        }

        #[test]
        fn an_average_by_half_life_forgets_alike_in_one_step_or_two(old in -10.0_f64..10.0, value in -10.0_f64..10.0, a in 0.0_f64..5.0, b in 0.0_f64..5.0) {
            let step = |old, elapsed| ewma(old, value, alpha(elapsed, 2.0).unwrap()).unwrap();
            prop_assert!((step(step(old, a), b) - step(old, a + b)).abs() < 1e-9);
        }
    }

    #[test]
    fn what_does_not_vary_has_no_score_and_what_is_empty_no_mean() {
        assert!(zscore(&[2.0, 2.0, 2.0], 3.0).unwrap().abs() < 1e-12);
        assert!(robust_zscore(&[1.0, 2.0, 3.0, 4.0, 100.0], 4.0).unwrap() < 1.0);
        assert!(mean(&[]).is_err());
        assert!(stdev(&[1.0]).is_err());
        assert!(mean(&[f64::NAN]).is_err());
        assert!(weighted_mean(&[1.0], &[0.0]).is_err());
        assert!(ewma(1.0, 2.0, 1.5).is_err());
    }
}
