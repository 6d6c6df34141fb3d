//! What is wrong with a number, and the checks that every formula shares.

/// A value that makes no sense where it was given; the text names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(String);

/// A result, or what is wrong with an argument.
pub type Checked<T> = Result<T, Wrong>;

/// Numbers larger than this are mistakes, and would overflow in products.
const LARGEST: f64 = 1e15;

impl Wrong {
    /// Says what is wrong.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// Puts the function's name in front.
    pub(crate) fn of(self, function: &str) -> Self {
        Self(format!("{function}: {}", self.0))
    }
}

/// A number that can be calculated with.
pub(super) fn finite(what: &str, x: f64) -> Checked<f64> {
    within(what, x, -LARGEST, LARGEST)
}

/// A number from `least` to `most`.
pub(super) fn within(what: &str, x: f64, least: f64, most: f64) -> Checked<f64> {
    if (least..=most).contains(&x) {
        return Ok(x);
    }
    Err(Wrong::new(format!(
        "{what} is from {least} to {most}: {x} is not"
    )))
}

/// A number over 0.
pub(super) fn positive(what: &str, x: f64) -> Checked<f64> {
    if x > 0.0 && x <= LARGEST {
        return Ok(x);
    }
    Err(Wrong::new(format!("{what} is over 0: {x} is not")))
}

/// A number of at least 0.
pub(super) fn not_negative(what: &str, x: f64) -> Checked<f64> {
    if (0.0..=LARGEST).contains(&x) {
        return Ok(x);
    }
    Err(Wrong::new(format!("{what} is at least 0: {x} is not")))
}

/// Decimal odds: over 1.
pub(super) fn odds(x: f64) -> Checked<f64> {
    if x > 1.0 && x <= LARGEST {
        return Ok(x);
    }
    Err(Wrong::new(format!("decimal odds are over 1: {x} is not")))
}

/// A probability: 0 to 1.
pub(super) fn probability(x: f64) -> Checked<f64> {
    within("a probability", x, 0.0, 1.0)
}

/// A commission: a ratio of net winnings, at least 0 and less than 1.
pub(super) fn commission(x: f64) -> Checked<f64> {
    if (0.0..1.0).contains(&x) {
        return Ok(x);
    }
    Err(Wrong::new(format!(
        "commission is a ratio from 0 to less than 1: {x} is not"
    )))
}

/// Checks each item; the error says which is wrong.
pub(super) fn each(what: &str, items: &[f64], check: impl Fn(f64) -> Checked<f64>) -> Checked<()> {
    for (at, &x) in items.iter().enumerate() {
        check(x).map_err(|wrong| wrong.of(&format!("{what}[{at}]")))?;
    }
    Ok(())
}

/// Two lists that belong together, item by item.
pub(super) fn same_length(a: (&str, usize), b: (&str, usize)) -> Checked<()> {
    if a.1 == b.1 {
        return Ok(());
    }
    Err(Wrong::new(format!(
        "{} and {} are of one length: {} and {} are not",
        a.0, b.0, a.1, b.1
    )))
}

/// A list of `least` to `most` items.
pub(super) fn length(what: &str, found: usize, least: usize, most: usize) -> Checked<()> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(Wrong::new(format!(
        "{what} has {least} to {most} items: this has {found}"
    )))
}

/// Probabilities of outcomes of which at most one happens: they add up to at most 1.
pub(super) fn exclusive(probabilities: &[f64]) -> Checked<()> {
    each("probabilities", probabilities, probability)?;
    let sum: f64 = probabilities.iter().sum();
    if sum <= 1.0 + 1e-9 {
        return Ok(());
    }
    Err(Wrong::new(format!(
        "probabilities of outcomes that exclude each other add up to at most 1: these to {sum}"
    )))
}

/// Probabilities of all outcomes, of which exactly one happens: they add up to 1.
pub(super) fn distribution(probabilities: &[f64]) -> Checked<()> {
    each("probabilities", probabilities, probability)?;
    let sum: f64 = probabilities.iter().sum();
    if (sum - 1.0).abs() <= 1e-6 {
        return Ok(());
    }
    Err(Wrong::new(format!(
        "probabilities of all outcomes add up to 1: these to {sum}"
    )))
}
