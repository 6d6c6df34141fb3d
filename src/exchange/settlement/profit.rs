//! From an outcome to money: one formula for all markets, rounded once for each bet.

use super::outcome::{Outcome, Share};
use crate::market::{Money, Price, Side};

const SCALE: i128 = Price::SCALE as i128;

/// What a bet won (or lost) with these fills.
///
/// The backer's result is summed exactly over the fills and rounded once, to the nearest minor unit, halves away from
/// zero; the layer's is the same amount with the other sign. So the two sides of a bet always sum to nothing, and
/// however small its fills, a bet is never off by more than half a minor unit.
pub(super) fn profit(side: Side, fills: &[(Price, Money)], outcome: Outcome) -> Money {
    let (numerator, denominator) = backers_result(fills, outcome);
    let backed = Money::from_minor(nearest(numerator, denominator));
    match side {
        Side::Back => backed,
        Side::Lay => -backed,
    }
}

/// What the backer wins, exactly: numerator and denominator of minor units.
pub(super) fn backers_result(fills: &[(Price, Money)], outcome: Outcome) -> (i128, i128) {
    let sum = |part: &dyn Fn(Price) -> i128| -> i128 {
        fills
            .iter()
            .map(|&(price, size)| i128::from(size.minor()) * part(price))
            .sum()
    };
    match outcome {
        Outcome::Single(share) => (
            sum(&|price| result(share, odds(price), SCALE)),
            i128::from(share.of) * SCALE,
        ),
        // (price − 1) / divisor to be placed: Betfair, "Each Way markets" (published).
        Outcome::EachWay {
            win,
            place,
            divisor,
        } => {
            let divisor = i128::from(divisor);
            let (of_win, of_place) = (i128::from(win.of), i128::from(place.of));
            let both = |price| {
                of_place * result(win, odds(price) * divisor, SCALE * divisor)
                    + of_win * result(place, odds(price) * 100, SCALE * divisor)
            };
            (sum(&both), of_win * of_place * divisor * SCALE)
        }
        // Struck at 2.0: BACK sells the line and wins under it, LAY buys it and wins over it, on it stakes return.
        // Betfair, betting type LINE and enum Side (published API reference).
        Outcome::Line { result } => (
            sum(&|line| match result.cmp(&line) {
                std::cmp::Ordering::Less => 1,
                std::cmp::Ordering::Equal => 0,
                std::cmp::Ordering::Greater => -1,
            }),
            1,
        ),
    }
}

fn odds(price: Price) -> i128 {
    i128::from(price.minus_one())
}

/// Of one unit of stake worth `unit`, `of` times over: parts that win bring `odds`, parts that lose cost `unit`.
fn result(share: Share, odds: i128, unit: i128) -> i128 {
    i128::from(share.wins) * odds - i128::from(share.loses) * unit
}

fn nearest(numerator: i128, denominator: i128) -> i64 {
    let magnitude = (2 * numerator.abs() + denominator) / (2 * denominator);
    let magnitude = i64::try_from(magnitude).expect("an amount of money past 9e16 minor units");
    if numerator < 0 { -magnitude } else { magnitude }
}
