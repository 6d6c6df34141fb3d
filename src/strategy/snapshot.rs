//! Snapshots: results of tests written so that people can read them and compare them.

use std::fmt::Write as _;

use rhai::Dynamic;
use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

use super::propose::Draft;
use super::show::kind_of;
use super::state;
use crate::market::{FillOrKill, Intent, OrderKind, Persistence};

/// A line of JSON is broken up past this many characters.
const WIDTH: usize = 100;
/// Lines of a difference that are shown.
const MOST_LINES: usize = 40;

/// A value as plain data; intents become maps of what they ask for.
pub(super) fn plain(value: &Dynamic) -> Result<Value, String> {
    if let Some(draft) = value.read_lock::<Draft>() {
        return Ok(intent(&draft.intent));
    }
    if let Ok(items) = value.as_array_ref() {
        return items.iter().map(plain).collect();
    }
    if let Ok(entries) = value.as_map_ref() {
        let entries = entries
            .iter()
            .map(|(key, item)| Ok((key.to_string(), plain(item)?)));
        return entries.collect::<Result<Map<_, _>, _>>().map(Value::Object);
    }
    if let Ok(x) = value.as_float() {
        // The last digits of a calculation say nothing.
        let rounded = format!("{x:.9}").parse().unwrap_or(x);
        return Ok(Value::from(rounded));
    }
    state::to_json(value).map_err(|_| {
        format!(
            "a snapshot holds numbers, texts, true and false, arrays, maps and intents, not a {}",
            kind_of(value)
        )
    })
}

fn intent(intent: &Intent) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    match intent {
        Intent::Update { order, persistence } => {
            put("action", Some("UPDATE".into()));
            put("order", Some(order.to_string().into()));
            put("persistence", Some(persistence.as_str().into()));
        }
        Intent::Place(place) => {
            put("action", Some("PLACE".into()));
            put("book", place.book.as_ref().map(|book| book.as_str().into()));
            put("runner", Some(place.runner.to_string().into()));
            put("side", Some(place.side.as_str().into()));
            put("type", Some(place.kind.as_str().into()));
            put("price", place.kind.price().map(|p| p.to_f64().into()));
            put("stake", place.kind.size().map(|s| s.to_f64().into()));
            put(
                "at_risk",
                Some(place.kind.at_risk(place.side).to_f64().into()),
            );
            if let OrderKind::Limit {
                persistence,
                fill_or_kill,
                ..
            } = place.kind
            {
                let lapses = persistence == Persistence::Lapse;
                put(
                    "persistence",
                    (!lapses).then(|| persistence.as_str().into()),
                );
                put(
                    "fill_or_kill",
                    fill_or_kill.map(|FillOrKill { min_fill }| {
                        min_fill.map_or(Value::Bool(true), |size| size.to_f64().into())
                    }),
                );
            }
            put(
                "probability",
                place
                    .probability
                    .map(|p| format!("{p:.9}").parse().unwrap_or(p).into()),
            );
            put("reason", place.reason.as_deref().map(Value::from));
            put("tag", place.tag.as_deref().map(Value::from));
        }
        Intent::Cancel { order, size } => {
            put("action", Some("CANCEL".into()));
            put("order", Some(order.to_string().into()));
            put("size", size.map(|size| size.to_f64().into()));
        }
        Intent::Replace {
            order,
            price,
            reason,
        } => {
            put("action", Some("REPLACE".into()));
            put("order", Some(order.to_string().into()));
            put("price", Some(price.to_f64().into()));
            put("reason", reason.as_deref().map(Value::from));
        }
        Intent::Malformed(malformed) => {
            put("action", Some("MALFORMED".into()));
            put("wrong", Some(malformed.what.clone().into()));
            put("value", Some(malformed.value.clone().into()));
        }
    }
    Value::Object(map)
}

/// JSON for people: what fits on a line stands on one.
pub(super) fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out.push('\n');
    out
}

fn write(value: &Value, indent: usize, out: &mut String) {
    let flat = flat(value);
    let room = WIDTH.saturating_sub(indent * 2);
    // An entry that is a structure of its own reads better on its own lines.
    let is_deep = value.as_object().is_some_and(|map| {
        indent == 0
            && map
                .values()
                .any(|inner| inner.is_object() || inner.is_array())
    });
    if flat.chars().count() <= room && !is_deep {
        out.push_str(&flat);
        return;
    }
    let mut lines = |open: char, close: char, items: Vec<(Option<&String>, &Value)>| {
        out.push(open);
        for (at, (key, item)) in items.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let _infallible = write!(out, "{comma}\n{}", "  ".repeat(indent + 1));
            if let Some(key) = key {
                let _infallible = write!(out, "{}: ", Value::from(key.as_str()));
            }
            write(item, indent + 1, out);
        }
        let _infallible = write!(out, "\n{}{close}", "  ".repeat(indent));
    };
    match value {
        Value::Array(items) => lines('[', ']', items.iter().map(|item| (None, item)).collect()),
        Value::Object(map) => {
            lines(
                '{',
                '}',
                map.iter().map(|(key, item)| (Some(key), item)).collect(),
            );
        }
        _ => out.push_str(&flat),
    }
}

fn flat(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flat).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let entry = |(key, item): (&String, &Value)| {
                format!("{}: {}", Value::from(key.as_str()), flat(item))
            };
            let entries: Vec<String> = map.iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// What differs, line by line: `-` was accepted, `+` is what came out.
pub(super) fn difference(accepted: &str, found: &str) -> String {
    let diff = TextDiff::from_lines(accepted, found);
    let mut lines = Vec::new();
    for group in diff.grouped_ops(2) {
        if !lines.is_empty() {
            lines.push("  …".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("{sign} {}", change.value().trim_end_matches('\n')));
        }
    }
    if lines.len() > MOST_LINES {
        let more = lines.len() - MOST_LINES;
        lines.truncate(MOST_LINES);
        lines.push(format!("… and {more} more lines"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_fits_on_a_line_stands_on_one() {
        let value =
            json!({ "id": "1.1", "runners": [{ "id": 1, "back": [[2.0, 10.0], [1.9, 5.0]] }] });
        insta::assert_snapshot!(pretty(&value), @r#"
        {
          "id": "1.1",
          "runners": [{ "back": [[2.0, 10.0], [1.9, 5.0]], "id": 1 }]
        }
        "#);
    }

    #[test]
    fn a_difference_shows_what_was_and_what_is() {
        let found = difference(
            "{\n  \"a\": 1,\n  \"b\": 2\n}\n",
            "{\n  \"a\": 1,\n  \"b\": 3\n}\n",
        );
        insta::assert_snapshot!(found, @r#"
          {
            "a": 1,
        -   "b": 2
        +   "b": 3
          }
        "#);
        assert_eq!(difference("x\n", "x\n"), "");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in "[a-z\"\\\\\n]{0,30}", pennies in proptest::collection::vec(-100_000_i32..100_000, 0..40)) {
            let numbers: Vec<f64> = pennies.into_iter().map(|n| f64::from(n) / 100.0).collect();
            let value = json!({ "t": text, "n": numbers, "m": { "deep": [{ "x": 1 }, null, true] } });
            prop_assert_eq!(serde_json::from_str::<Value>(&pretty(&value)).unwrap(), value);
        }
    }
}
