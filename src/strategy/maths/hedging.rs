//! Stakes that share a profit or a loss out evenly: dutching, arbitrage, greening up, hedging a whole book.

use super::check::{self, Checked, Wrong};

/// Outcomes of one market.
pub const MOST_OUTCOMES: usize = 200;

/// Stakes on each of several outcomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Stakes {
    /// One for each outcome.
    pub stakes: Vec<f64>,
    /// Profit if any of them happens.
    pub profit: f64,
}

/// Shares a total out so that each outcome pays the same: s = T·(1/odds) / Σ(1/odds).
///
/// # Errors
/// If an argument is out of range.
pub fn dutch(total: f64, odds: &[f64]) -> Checked<Stakes> {
    check::not_negative("a total", total)?;
    check::length("odds", odds.len(), 1, MOST_OUTCOMES)?;
    check::each("odds", odds, check::odds)?;
    let book: f64 = odds.iter().map(|o| o.recip()).sum();
    Ok(Stakes {
        stakes: odds.iter().map(|o| total / (o * book)).collect(),
        profit: total / book - total,
    })
}

/// One bet that closes another, and what is then sure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GreenUp {
    /// The stake to lay or to back.
    pub stake: f64,
    /// Profit either way, after commission where it is a profit.
    pub profit: f64,
}

/// After backing `stake` at `back`: the lay at `lay` that wins or loses the same either way, stake·back/lay.
///
/// # Errors
/// If an argument is out of range.
pub fn back_then_lay(stake: f64, back: f64, lay: f64, commission: f64) -> Checked<GreenUp> {
    let closing = close(stake, back, lay)?;
    Ok(GreenUp {
        stake: closing,
        profit: net(closing - stake, commission)?,
    })
}

/// After laying `stake` at `lay`: the back at `back` that wins or loses the same either way, stake·lay/back.
///
/// # Errors
/// If an argument is out of range.
pub fn lay_then_back(stake: f64, lay: f64, back: f64, commission: f64) -> Checked<GreenUp> {
    let closing = close(stake, lay, back)?;
    Ok(GreenUp {
        stake: closing,
        profit: net(stake - closing, commission)?,
    })
}

fn close(stake: f64, opened: f64, closed: f64) -> Checked<f64> {
    check::not_negative("a stake", stake)?;
    Ok(stake * check::odds(opened)? / check::odds(closed)?)
}

/// A market's profit after commission, which is taken from profits only.
fn net(profit: f64, commission: f64) -> Checked<f64> {
    let kept = 1.0 - check::commission(commission)?;
    Ok(if profit > 0.0 { profit * kept } else { profit })
}

/// After backing with a bookmaker: the lay on an exchange that pays the same either way, stake·back/(lay − commission).
///
/// # Errors
/// If an argument is out of range.
pub fn back_book_lay_exchange(
    stake: f64,
    back: f64,
    lay: f64,
    commission: f64,
) -> Checked<GreenUp> {
    check::not_negative("a stake", stake)?;
    let kept = 1.0 - check::commission(commission)?;
    let laid = stake * check::odds(back)? / (check::odds(lay)? - commission);
    Ok(GreenUp {
        stake: laid,
        profit: laid * kept - stake,
    })
}

/// A market of which one outcome happens, and what is matched in it.
#[derive(Clone, Copy, Debug)]
pub struct Book<'a> {
    /// Profit so far if each outcome happens.
    pub position: &'a [f64],
    /// Odds at which each can be backed.
    pub back: &'a [f64],
    /// Odds at which each can be laid; empty if none can.
    pub lay: &'a [f64],
}

/// Bets that hedge a position.
#[derive(Clone, Debug, PartialEq)]
pub struct Hedge {
    /// Stakes to back; below 0, backer's stakes to lay.
    pub stakes: Vec<f64>,
    /// Profit if each outcome happens, before commission.
    pub outcomes: Vec<f64>,
    /// The least of them.
    pub worst: f64,
    /// How far they are apart.
    pub spread: f64,
}

/// The bets that raise the worst outcome as far as it goes, without betting more than evens the outcomes out: a true
/// arbitrage in the odds themselves is not taken further.
///
/// Bringing every outcome to a level L before the stakes' own cost takes backs of (L − position)/odds where it is
/// below, lays where it is above. The worst outcome is then concave in L, with its corners at the positions.
///
/// # Errors
/// If an argument is out of range.
pub fn equalise(book: Book<'_>) -> Checked<Hedge> {
    check_book(&book)?;
    let best = book
        .position
        .iter()
        .map(|&level| outcome_of(&book, stakes_to(&book, level)))
        .reduce(|best, next| if better(&next, &best) { next } else { best });
    best.ok_or_else(|| Wrong::new("a position has no outcomes"))
}

/// Whether the worst outcome is better, or as good with the others nearer to it.
fn better(a: &Hedge, b: &Hedge) -> bool {
    let rounding = 1e-12 * (1.0 + b.worst.abs());
    a.worst > b.worst + rounding || (a.worst >= b.worst - rounding && a.spread < b.spread)
}

/// The same in whole pennies, leaving out bets below the venue's least stake.
///
/// Rounding moves the outcome at odds o by up to o half pennies, so the outcomes end within a penny times the longest
/// odds of where they would be: `spread` says how far apart they are.
///
/// # Errors
/// If an argument is out of range.
pub fn green_up_book(book: Book<'_>, least_stake: f64) -> Checked<Hedge> {
    check::not_negative("a least stake", least_stake)?;
    let exact = equalise(book)?;
    let placed = exact.stakes.iter().map(|stake| {
        let pennies = (stake * 100.0).round() / 100.0;
        if pennies.abs() < least_stake {
            0.0
        } else {
            pennies
        }
    });
    Ok(outcome_of(&book, placed.collect()))
}

fn check_book(book: &Book<'_>) -> Checked<()> {
    let n = book.position.len();
    check::length("a position", n, 2, MOST_OUTCOMES)?;
    check::each("position", book.position, |x| check::finite("a profit", x))?;
    check::same_length(("odds to back", book.back.len()), ("a position", n))?;
    check::each("odds to back", book.back, check::odds)?;
    if !book.lay.is_empty() {
        check::same_length(("odds to lay", book.lay.len()), ("a position", n))?;
        check::each("odds to lay", book.lay, check::odds)?;
    }
    Ok(())
}

fn stakes_to(book: &Book<'_>, level: f64) -> Vec<f64> {
    let stake = |at: usize| {
        let short = level - book.position[at];
        match book.lay.get(at) {
            _ if short >= 0.0 => short / book.back[at],
            Some(lay) => short / lay,
            None => 0.0,
        }
    };
    (0..book.position.len()).map(stake).collect()
}

fn outcome_of(book: &Book<'_>, stakes: Vec<f64>) -> Hedge {
    let staked: f64 = stakes.iter().sum();
    let outcomes: Vec<f64> = stakes
        .iter()
        .enumerate()
        .map(|(at, &stake)| {
            let odds = if stake < 0.0 {
                book.lay[at]
            } else {
                book.back[at]
            };
            book.position[at] - staked + stake * odds
        })
        .collect();
    let worst = outcomes.iter().copied().fold(f64::INFINITY, f64::min);
    let best = outcomes.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Hedge {
        spread: best - worst,
        stakes,
        outcomes,
        worst,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows() -> impl Strategy<Value = Vec<(f64, f64, f64)>> {
        proptest::collection::vec((-100.0_f64..100.0, 1.05_f64..30.0, 1.0_f64..1.2), 2..8)
    }

    fn columns(rows: &[(f64, f64, f64)]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        (
            rows.iter().map(|r| r.0).collect(),
            rows.iter().map(|r| r.1).collect(),
            rows.iter().map(|r| r.1 * r.2).collect(),
        )
    }

    proptest! {
        #[test]
        fn dutching_pays_the_same_whoever_wins(total in 0.0_f64..1e4, odds in proptest::collection::vec(1.01_f64..100.0, 1..10)) {
            let dutch = dutch(total, &odds).unwrap();
            prop_assert!((dutch.stakes.iter().sum::<f64>() - total).abs() < 1e-7);
            for (stake, o) in dutch.stakes.iter().zip(&odds) {
                prop_assert!((stake * o - total - dutch.profit).abs() < 1e-6);
            }
        }

        #[test]
        fn greening_up_wins_the_same_either_way(stake in 0.01_f64..1e3, back in 1.01_f64..100.0, lay in 1.01_f64..100.0) {
            let green = back_then_lay(stake, back, lay, 0.0).unwrap();
            let if_win = stake * (back - 1.0) - green.stake * (lay - 1.0);
            prop_assert!((if_win - green.profit).abs() < 1e-6 * (1.0 + stake * back));
            prop_assert!((green.stake - stake - green.profit).abs() < 1e-6 * (1.0 + stake * back));
        }

        #[test]
        fn with_lays_a_hedge_evens_everything_out(rows in rows()) {
            let (position, back, lay) = columns(&rows);
            let hedge = equalise(Book { position: &position, back: &back, lay: &lay }).unwrap();
            prop_assert!(hedge.spread < 1e-6, "{hedge:?}");
        }

        #[test]
        fn a_hedge_never_makes_the_worst_worse(rows in rows(), can_lay: bool) {
            let (position, back, lay) = columns(&rows);
            let lay = if can_lay { lay } else { Vec::new() };
            let hedge = equalise(Book { position: &position, back: &back, lay: &lay }).unwrap();
            let before = position.iter().copied().fold(f64::INFINITY, f64::min);
            // Evening out by lays as well may cost; by backs alone doing nothing is one of the choices.
            prop_assert!(can_lay || hedge.worst >= before - 1e-9);
            prop_assert!(can_lay || hedge.stakes.iter().all(|s| *s >= 0.0));
        }

        #[test]
        fn rounding_leaves_at_most_a_penny_times_the_longest_odds(rows in rows()) {
            let (position, back, lay) = columns(&rows);
            let book = Book { position: &position, back: &back, lay: &lay };
            let rounded = green_up_book(book, 0.0).unwrap();
            let longest = lay.iter().copied().fold(0.0, f64::max);
            prop_assert!(rounded.spread <= 0.01 * longest + 1e-6, "{rounded:?}");
            for stake in &rounded.stakes {
                prop_assert!((stake * 100.0 - (stake * 100.0).round()).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn small_bets_are_left_out() {
        let book = Book {
            position: &[5.0, -1.0],
            back: &[2.0, 2.0],
            lay: &[2.02, 2.02],
        };
        let hedge = green_up_book(book, 4.0).unwrap();
        assert_eq!(
            hedge.stakes.iter().filter(|s| s.abs() > 0.0).count(),
            0,
            "{hedge:?}"
        );
        assert!((hedge.spread - 6.0).abs() < 1e-9);
    }
}
