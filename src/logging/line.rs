//! One line of the log: its fields, cut to a length, as JSON or as text.

use std::fmt::{self, Write as _};
use std::sync::PoisonError;

use serde_json::{Map, Value};
use tracing::Level;
use tracing::field::{Field, Visit};

/// The longest field, in bytes.
pub(super) const LONGEST: usize = 2_048;
/// The longest text of the host's own words, which show lines of scripts.
const LONGEST_WORDS: usize = 4 * LONGEST;

/// The fields of an event or span, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields(Vec<(String, Value)>);

impl Fields {
    fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Adds those of what encloses it, where it has none of that name itself.
    pub(super) fn add_outer(&mut self, outer: &Self) {
        for (name, value) in &outer.0 {
            if !self.0.iter().any(|(known, _)| known == name) {
                self.0.push((name.clone(), value.clone()));
            }
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        value.as_str()
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), Value::from(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), Value::from(format!("{value:?}")));
    }
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) at: String,
    pub(super) level: Level,
    pub(super) message: String,
    pub(super) fields: Vec<(String, Value)>,
}

/// What the message of a line is called, and its time.
const MESSAGE: &str = "msg";
const TIME: &str = "ts";

impl Line {
    pub(super) fn new(level: Level, mut fields: Fields) -> Self {
        let longest = match fields.text("event") {
            Some("host") => LONGEST_WORDS,
            _ => LONGEST,
        };
        let message = match fields.take("message") {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        };
        for (_, value) in &mut fields.0 {
            if let Value::String(text) = value {
                *text = cut(text, LONGEST);
            }
        }
        Self {
            at: now(),
            level,
            message: cut(&message, longest),
            fields: fields.0,
        }
    }

    /// The host's own words.
    pub(super) fn of_host(level: Level, text: String) -> Self {
        let fields = vec![
            ("message".to_owned(), Value::from(text)),
            ("event".to_owned(), Value::from("host")),
        ];
        Self::new(level, Fields(fields))
    }

    /// The priority that the journal of the system knows.
    pub(super) fn priority(&self) -> u8 {
        match self.level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        }
    }

    pub(super) fn as_json(&self) -> String {
        let mut document = Map::new();
        document.insert(TIME.to_owned(), Value::from(self.at.as_str()));
        document.insert("level".to_owned(), Value::from(self.level.as_str()));
        document.insert(MESSAGE.to_owned(), Value::from(self.message.as_str()));
        if let Some((run, mode)) = *super::RUN.read().unwrap_or_else(PoisonError::into_inner) {
            document.insert("run_id".to_owned(), Value::from(run));
            document.insert("mode".to_owned(), Value::from(mode));
        }
        for (name, value) in &self.fields {
            // A field cannot take the place of what every line has.
            document
                .entry(name.clone())
                .or_insert_with(|| value.clone());
        }
        Value::Object(document).to_string()
    }

    pub(super) fn as_text(&self, coloured: bool) -> String {
        let level = match (coloured, self.level) {
            (false, level) => format!("{level:>5}"),
            (true, Level::ERROR) => "\x1b[31mERROR\x1b[0m".to_owned(),
            (true, Level::WARN) => "\x1b[33m WARN\x1b[0m".to_owned(),
            (true, level) => format!("\x1b[2m{level:>5}\x1b[0m"),
        };
        let mut text = format!("{} {level} {}", self.at, written_out(&self.message, false));
        for (name, value) in &self.fields {
            let value = match value {
                Value::String(text) => written_out(text, false),
                other => other.to_string(),
            };
            let _ = write!(text, " {name}={value}");
        }
        text
    }
}

fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// A text of at most so many bytes, saying what is missing.
fn cut(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let is_boundary = |end: &usize| text.is_char_boundary(*end);
    let end = (0..=longest).rev().find(is_boundary).unwrap_or(0);
    format!("{}… ({} bytes more)", &text[..end], text.len() - end)
}

/// A text whose control characters are written out; line ends too, unless lines are wanted.
pub(super) fn written_out(text: &str, with_lines: bool) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' if with_lines => written.push(c),
            c if is_control(c) => written.extend(c.escape_default()),
            c => written.push(c),
        }
    }
    written
}

/// Control characters, and those that turn the direction of writing.
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str, name: &str, value: &str) -> Line {
        let fields = vec![
            ("message".to_owned(), Value::from(message)),
            (name.to_owned(), Value::from(value)),
        ];
        Line::new(Level::WARN, Fields(fields))
    }

    #[test]
    fn what_comes_from_outside_cannot_break_a_line_or_paint() {
        let hostile = "Red Rum\n{\"level\":\"INFO\"}\u{1b}[2J\u{202e}\r\u{7}";
        let line = line(hostile, "runner", hostile);
        for written in [line.as_json(), line.as_text(false)] {
            assert_eq!(written.lines().count(), 1, "{written}");
            assert!(!written.contains(['\u{1b}', '\r', '\u{7}']), "{written}");
        }
        let text = line.as_text(false);
        assert!(text.contains("Red Rum\\n{\"level\""), "{text}");
        let read: Value = serde_json::from_str(&line.as_json()).unwrap();
        assert_eq!(
            (&read["level"], &read["runner"]),
            (&"WARN".into(), &hostile.into())
        );
    }

    #[test]
    fn a_field_has_an_end_and_cannot_take_the_place_of_the_level() {
        let long = "é".repeat(LONGEST);
        let line = line("x", "level", &long);
        assert!(line.fields[0].1.as_str().unwrap().len() < LONGEST + 40);
        let read: Value = serde_json::from_str(&line.as_json()).unwrap();
        assert_eq!(read["level"], "WARN");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcdef", 3), "abc… (3 bytes more)");
    }

    #[test]
    fn the_time_is_utc_to_the_millisecond() {
        let at = now();
        assert_eq!((at.len(), &at[10..11], &at[23..]), (24, "T", "Z"), "{at}");
    }

    #[test]
    fn the_fields_of_a_span_are_added_and_the_events_own_win() {
        let outer = Fields(vec![("a".into(), 1.into()), ("b".into(), 2.into())]);
        let mut inner = Fields(vec![("a".into(), 3.into())]);
        inner.add_outer(&outer);
        assert_eq!(inner.0, [("a".into(), 3.into()), ("b".into(), 2.into())]);
    }
}
