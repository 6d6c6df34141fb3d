//! Columns whose text or number has a form of its own, written and read back.

use super::rows::RowError;
use crate::market::{OrderState, Price};

/// A count as SQLite's signed number.
pub(super) fn whole(what: &str, number: u64) -> Result<i64, RowError> {
    i64::try_from(number)
        .map_err(|_| RowError::Contradiction(format!("{what} {number} is past {}", i64::MAX)))
}

/// Which of these has the name.
pub(super) fn named<T: Copy>(
    all: &[T],
    name_of: impl Fn(&T) -> &'static str,
    name: &str,
) -> Option<T> {
    all.iter().find(|one| name_of(one) == name).copied()
}

pub(super) fn state_from(name: &str) -> Option<OrderState> {
    named(&OrderState::ALL, |state| state.as_str(), name)
}

/// Reads a price as it was written.
pub(super) fn price_from(text: &str) -> Option<Price> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(rest) || rest.len() > 9 {
        return None;
    }
    let nanos = format!("{rest:0<9}").parse::<u64>().ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(Price::SCALE)?;
    Some(Price::from_nanos(whole.checked_add(nanos)?))
}

/// Reads a column whose text has a form of its own.
pub(super) fn parsed<T>(
    row: &rusqlite::Row<'_>,
    column: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            format!("\"{text}\" cannot be read").into(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_price_reads_back_as_it_was_written(nanos: u64) {
            let price = Price::from_nanos(nanos);
            prop_assert_eq!(price_from(&price.to_string()), Some(price));
        }

        #[test]
        fn any_other_text_is_no_price_or_the_same_number(text in "[0-9.+-]{0,24}") {
            if let Some(price) = price_from(&text) {
                let number: f64 = text.parse().unwrap();
                prop_assert!((price.to_f64() - number).abs() <= number * 1e-9);
            }
        }
    }
}
