//! Where a function crosses zero.

/// Halvings of an interval; at 100 the ends of any sensible bracket are neighbours.
const HALVINGS: u32 = 100;

/// Where a falling function crosses zero between `low` and `high`; the nearer end if it does not cross.
pub(super) fn falling(low: f64, high: f64, value: impl Fn(f64) -> f64) -> f64 {
    falling_in(HALVINGS, low, high, value)
}

/// The same with fewer halvings, for where one search is inside another.
pub(super) fn falling_in(
    halvings: u32,
    mut low: f64,
    mut high: f64,
    value: impl Fn(f64) -> f64,
) -> f64 {
    for _ in 0..halvings {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if value(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crossing_is_found_to_the_last_digit_and_an_end_if_there_is_none() {
        assert!((falling(0.0, 10.0, |x| 2.0 - x * x) - 2.0_f64.sqrt()).abs() < 1e-15);
        assert!((falling(0.0, 10.0, |_| 1.0) - 10.0).abs() < 1e-12);
        assert!(falling(0.0, 10.0, |_| -1.0).abs() < 1e-12);
    }
}
