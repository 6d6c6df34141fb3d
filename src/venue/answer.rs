//! Answers of polled feeds as they are recorded: one a line, each as it was received within a frame that says what was
//! asked and when it came.
//!
//! Line ends within an answer are the only thing that is changed: they mean nothing in JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::DecodeError;

/// An answer as it is recorded. `mark` is what lines of its feed begin with, an open brace and the first field.
pub(super) fn line(mark: &[u8], frame: &impl Serialize, body: &[u8]) -> Vec<u8> {
    let frame = serde_json::to_vec(frame).unwrap_or_default();
    let inside = frame
        .get(1..frame.len().saturating_sub(1))
        .unwrap_or_default();
    let line = |body: &[u8]| [mark, inside, b",\"body\":", body, b"}"].concat();
    // What reads it again decides whether it can be read: a value by itself, and in its line.
    let is_read = |text: &[u8]| serde_json::from_slice::<Value>(text).is_ok();
    if is_read(body) {
        let on_one_line = body.iter().map(|&byte| match byte {
            b'\n' | b'\r' => b' ',
            byte => byte,
        });
        let as_it_came = line(&on_one_line.collect::<Vec<u8>>());
        if is_read(&as_it_came) {
            return as_it_came;
        }
    }
    // A page of a proxy, or an answer cut short.
    let text = String::from_utf8_lossy(body);
    line(&serde_json::to_vec(&text).unwrap_or_default())
}

/// Reads a recorded answer: its frame and its body.
///
/// # Errors
/// If the line is not one.
pub(super) fn read<F: DeserializeOwned>(line: &[u8]) -> Result<(F, Value), DecodeError> {
    let wrong = |error: serde_json::Error| {
        DecodeError::new(error.column().saturating_sub(1), error.to_string())
    };
    let mut value: Value = serde_json::from_slice(line).map_err(wrong)?;
    let body = value.get_mut("body").map(Value::take).unwrap_or_default();
    let frame = serde_json::from_value(value)
        .map_err(|error| DecodeError::new(0, format!("no answer as it is recorded: {error}")))?;
    Ok((frame, body))
}

/// A parameter of what was asked.
pub(super) fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A line in hundredths of a goal or point; `None` if it is none that a market can have.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn hundredths(point: f64) -> Option<i32> {
    let scaled = point * 100.0;
    let whole = scaled.round();
    ((scaled - whole).abs() < 1e-6 && whole.abs() <= 100_000.0).then_some(whole as i32)
}
