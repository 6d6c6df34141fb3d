//! What stands in the query: read at once, and nothing that is not known is passed over.

use axum::extract::Query;
use axum::http::Uri;
use serde::de::DeserializeOwned;

use crate::http::problem::Problem;

/// Reads the query.
pub(super) fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    match Query::<T>::try_from_uri(uri) {
        Ok(Query(params)) => Ok(params),
        Err(_) => Err(Problem::bad(
            "the query has a parameter that this path does not know, has one twice, or has a value that is none: \
             /api/v1/openapi.json lists them",
        )),
    }
}

/// A text of 1 to so many characters, none of them a control character.
pub(super) fn text(
    name: &str,
    value: Option<String>,
    most: usize,
) -> Result<Option<String>, Problem> {
    match value {
        Some(value)
            if value.is_empty()
                || value.chars().count() > most
                || value.chars().any(char::is_control) =>
        {
            Err(Problem::bad(format!(
                "`{name}` is a text of 1 to {most} characters without control characters"
            )))
        }
        value => Ok(value),
    }
}

/// A whole number within a range.
pub(super) fn number(
    name: &str,
    value: Option<i64>,
    range: std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>, Problem> {
    match value {
        Some(value) if !range.contains(&value) => Err(Problem::bad(format!(
            "`{name}` must lie between {} and {}",
            range.start(),
            range.end()
        ))),
        value => Ok(value),
    }
}
