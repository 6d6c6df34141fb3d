//! The JSON schema of the settings (2020-12), for editors and for checks before a start.
//!
//! Keys, types and defaults are those of [`Config`], ranges those that loading checks, and what a key means is what
//! the guide says of it: there is no second list that could be forgotten.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Config, When};

/// The guide; its table has a row for every key.
const GUIDE: &str = include_str!("../../docs/configuration.md");

/// What the guide says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What values there may be.
    pub range: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// The guide's table by key.
#[must_use]
pub fn guide() -> BTreeMap<&'static str, Row> {
    let row = |line: &'static str| {
        let line = line.strip_prefix("| `")?.strip_suffix(" |")?;
        let (key, rest) = line.split_once("` | ")?;
        let (rest, _takes_effect) = rest.rsplit_once(" | ")?;
        let (rest, meaning) = rest.rsplit_once(" | ")?;
        let (_default, range) = rest.split_once(" | ")?;
        Some((key, Row { range, meaning }))
    };
    GUIDE.lines().filter_map(row).collect()
}

/// The schema of every setting.
#[must_use]
pub fn schema() -> Value {
    let config = Config::default();
    let guide = guide();
    let mut whole = object();
    for (key, value) in config.values() {
        place(&mut whole, &key, of_key(&config, &guide, &key, &value));
    }
    let limits = whole["properties"]["risk"].clone();
    place(&mut whole, "strategies", strategies(limits));
    let params = json!({ "type": "object", "additionalProperties": { "type": "object" },
        "description": "short for strategies.NAME.params" });
    place(&mut whole, "params", params);
    whole["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    whole["title"] = json!("Settings of bea");
    whole
}

fn object() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {} })
}

/// Puts a schema where a dotted key lies.
fn place(whole: &mut Value, key: &str, schema: Value) {
    let properties = &mut whole["properties"];
    match key.split_once('.') {
        None => properties[key] = schema,
        Some((section, rest)) => {
            if properties.get(section).is_none() {
                properties[section] = object();
            }
            place(&mut properties[section], rest, schema);
        }
    }
}

fn of_key(config: &Config, guide: &BTreeMap<&str, Row>, key: &str, value: &Value) -> Value {
    let row = guide.get(key);
    let range = row.map_or("", |row| row.range);
    let mut schema = Map::new();
    match value {
        Value::Bool(_) => drop(schema.insert("type".to_owned(), json!("boolean"))),
        Value::Number(number) => {
            let kind = if number.is_f64() { "number" } else { "integer" };
            schema.insert("type".to_owned(), json!(kind));
            if let Some((_, bound)) = config.bounds().into_iter().find(|(known, _)| known == key) {
                let number = |text: &str| text.parse::<f64>().map_or(Value::Null, |n| json!(n));
                schema.insert("minimum".to_owned(), number(&bound.lowest));
                schema.insert("maximum".to_owned(), number(&bound.highest));
            }
        }
        Value::Array(_) => {
            let items = match range.contains("numbers") {
                true => "integer",
                false => "string",
            };
            schema.insert("type".to_owned(), json!("array"));
            schema.insert("items".to_owned(), json!({ "type": items }));
        }
        // The pace of recordings: a word or a number.
        _ if key == "run.speed" => {
            let times = json!({ "type": "number", "exclusiveMinimum": 0,
                "maximum": super::Speed::FASTEST });
            schema.insert("anyOf".to_owned(), json!([{ "const": "max" }, times]));
        }
        _ => {
            schema.insert("type".to_owned(), json!("string"));
            let words = words_of(range);
            if words.len() > 1 {
                schema.insert("enum".to_owned(), json!(words));
            }
        }
    }
    schema.insert("default".to_owned(), value.clone());
    if let Some(row) = row {
        schema.insert("description".to_owned(), json!(row.meaning));
    }
    schema.insert("x-takes-effect".to_owned(), json!(When::of(key)));
    Value::Object(schema)
}

/// The words that a range lists, if it is nothing but a list of words.
#[must_use]
pub fn words_of(range: &str) -> Vec<&str> {
    let word = |part| str::strip_prefix(part, '`')?.strip_suffix('`');
    let words: Option<Vec<&str>> = range.split(", ").map(word).collect();
    let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    words
        .filter(|words| words.iter().all(|w| is_word(w)))
        .unwrap_or_default()
}

/// What may be said of single strategies; their limits are those of `[risk]`.
fn strategies(mut limits: Value) -> Value {
    if let Some(properties) = limits["properties"].as_object_mut() {
        properties.remove("together");
        for limit in properties.values_mut() {
            if let Some(limit) = limit.as_object_mut() {
                limit.remove("default");
            }
        }
    }
    let bankroll = Config::bankroll_bound(Config::default().account.bankroll);
    let number = |text: &str| text.parse::<f64>().map_or(Value::Null, |n| json!(n));
    let one = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "script": { "type": "string" },
            "enabled": { "type": "boolean", "default": true },
            "bankroll": { "type": "number", "minimum": number(&bankroll.lowest),
                "maximum": number(&bankroll.highest) },
            "params": { "type": "object" },
            "risk": limits,
        },
    });
    json!({
        "type": "object",
        "propertyNames": { "pattern": "^[A-Za-z0-9_-]{1,64}$" },
        "additionalProperties": one,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_words_is_told_from_other_ranges() {
        assert_eq!(words_of("`error`, `warn`"), ["error", "warn"]);
        for other in [
            "path",
            "`\"max\"`, or over 0",
            "list, as in `[\"WIN\"]`",
            "",
        ] {
            assert_eq!(words_of(other), [""; 0], "{other}");
        }
    }

    #[test]
    fn every_key_has_a_meaning_from_the_guide() {
        let guide = guide();
        for key in Config::default().values().keys() {
            assert!(
                guide
                    .get(key.as_str())
                    .is_some_and(|row| !row.meaning.is_empty()),
                "{key}"
            );
        }
    }
}
