//! Stakes by rule: a share of the bank, a fixed win, a fixed liability, within bounds, less in a drawdown.

use super::check::{self, Checked, Wrong};

/// A share of the bank.
///
/// # Errors
/// If an argument is out of range.
pub fn percent(bank: f64, share: f64) -> Checked<f64> {
    check::not_negative("a bank", bank)?;
    Ok(bank * check::within("a share", share, 0.0, 1.0)?)
}

/// The stake that wins a fixed amount after commission.
///
/// # Errors
/// If an argument is out of range.
pub fn to_win(amount: f64, odds: f64, commission: f64) -> Checked<f64> {
    check::not_negative("an amount to win", amount)?;
    Ok(amount / ((check::odds(odds)? - 1.0) * (1.0 - check::commission(commission)?)))
}

/// The backer's stake at which a lay risks a fixed amount.
///
/// # Errors
/// If an argument is out of range.
pub fn for_liability(liability: f64, odds: f64) -> Checked<f64> {
    check::not_negative("a liability", liability)?;
    Ok(liability / (check::odds(odds)? - 1.0))
}

/// What a lay of this backer's stake risks.
///
/// # Errors
/// If an argument is out of range.
pub fn liability(stake: f64, odds: f64) -> Checked<f64> {
    check::not_negative("a stake", stake)?;
    Ok(stake * (check::odds(odds)? - 1.0))
}

/// No more than `most`; 0 where less than `least`, as a bet below a venue's minimum cannot be placed.
///
/// # Errors
/// If an argument is out of range.
pub fn capped(stake: f64, least: f64, most: f64) -> Checked<f64> {
    check::not_negative("a stake", stake)?;
    check::not_negative("the least stake", least)?;
    check::not_negative("the most stake", most)?;
    if least > most {
        return Err(Wrong::new(format!(
            "the least stake is at most the largest: {least} and {most} are not"
        )));
    }
    let capped = stake.min(most);
    Ok(if capped < least { 0.0 } else { capped })
}

/// A stake that shrinks evenly to 0 as the bank falls from its peak by the share `limit`.
///
/// # Errors
/// If an argument is out of range.
pub fn after_drawdown(stake: f64, bank: f64, peak: f64, limit: f64) -> Checked<f64> {
    check::not_negative("a stake", stake)?;
    check::finite("a bank", bank)?;
    check::positive("a peak", peak)?;
    check::within("a drawdown limit", limit, 1e-9, 1.0)?;
    let drawdown = 1.0 - bank / peak;
    Ok(stake * (1.0 - drawdown / limit).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stake_for_a_liability_risks_just_that(amount in 0.0_f64..1e6, odds in 1.01_f64..1000.0) {
            let stake = for_liability(amount, odds).unwrap();
            prop_assert!((liability(stake, odds).unwrap() - amount).abs() <= 1e-9 * amount.max(1.0));
        }

        #[test]
        fn a_capped_stake_can_be_placed_or_is_nothing(stake in 0.0_f64..100.0, least in 0.0_f64..10.0, more in 0.0_f64..10.0) {
            let capped = capped(stake, least, least + more).unwrap();
            prop_assert!(capped <= 0.0 || (least..=least + more).contains(&capped));
        }
    }

    #[test]
    fn a_drawdown_shrinks_the_stake() {
        let stake = |bank| after_drawdown(10.0, bank, 1000.0, 0.2).unwrap();
        assert_eq!(
            [stake(1100.0), stake(800.0), stake(-5.0)].map(|x| x as i64),
            [10, 0, 0]
        );
        assert!((stake(900.0) - 5.0).abs() < 1e-9);
        assert!(capped(1.0, 3.0, 2.0).is_err());
    }
}
