//! Script values as plain data: what may be kept in `this`, and how it becomes JSON and back.

use rhai::{Array, Dynamic, Map};
use serde_json::Value;

use super::show::kind_of;

/// Bytes of a strategy's whole state, as JSON.
pub(super) const MOST_STATE_BYTES: usize = 64 * 1024;
/// Nesting of a state.
const MOST_DEPTH: usize = 16;

/// Checks that a value is plain data and not too large, without making JSON of it.
pub(super) fn check(state: &Dynamic) -> Result<(), String> {
    if !state.is_map() {
        return Err(
            "`this` is a map and stays one\nset its entries, as in this.count = 1".to_owned(),
        );
    }
    let bytes = measure(state, "this", 0)?;
    if bytes > MOST_STATE_BYTES {
        return Err(format!(
            "`this` holds about {bytes} bytes: at most {MOST_STATE_BYTES}\nforget what is no longer needed, as in this.remove(key)"
        ));
    }
    Ok(())
}

/// About how many bytes the value takes as JSON; an error names what is no plain data.
fn measure(value: &Dynamic, path: &str, depth: usize) -> Result<usize, String> {
    if depth > MOST_DEPTH {
        return Err(format!("{path} is nested more than {MOST_DEPTH} deep"));
    }
    if value.is_shared() {
        return Err(format!(
            "{path} is shared with a closure and cannot be kept\nkeep a copy of it"
        ));
    }
    if let Ok(x) = value.as_float() {
        return if x.is_finite() {
            Ok(12)
        } else {
            Err(format!("{path} is {x}: a number to keep is finite"))
        };
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(text.len() + 3);
    }
    if let Ok(items) = value.as_array_ref() {
        let mut bytes = 2;
        for (at, item) in items.iter().enumerate() {
            bytes += 1 + measure_item(item, depth, || format!("{path}[{at}]"))?;
        }
        return Ok(bytes);
    }
    if let Ok(entries) = value.as_map_ref() {
        let mut bytes = 2;
        for (key, item) in entries.iter() {
            bytes += key.len() + 4 + measure_item(item, depth, || format!("{path}.{key}"))?;
        }
        return Ok(bytes);
    }
    if value.is_int() || value.is_bool() || value.is_unit() || value.is_char() {
        return Ok(8);
    }
    let kind = kind_of(value);
    Err(format!(
        "{path} is of type {kind}: only numbers, texts, true and false, arrays and maps can be kept\nkeep what you need of it, such as its id"
    ))
}

/// Measures an item, writing its path only if it is needed: a state is measured after every call.
fn measure_item(item: &Dynamic, depth: usize, path: impl Fn() -> String) -> Result<usize, String> {
    if item.is_shared() {
        return measure(item, &path(), depth + 1);
    }
    if item.is_int() || item.is_bool() || item.is_unit() {
        return Ok(8);
    }
    if let Ok(x) = item.as_float()
        && x.is_finite()
    {
        return Ok(12);
    }
    if let Ok(text) = item.as_immutable_string_ref() {
        return Ok(text.len() + 3);
    }
    measure(item, &path(), depth + 1)
}

/// Plain data as JSON.
pub(super) fn to_json(value: &Dynamic) -> Result<Value, String> {
    measure(value, "it", 0)?;
    Ok(json(value))
}

fn json(value: &Dynamic) -> Value {
    if let Ok(items) = value.as_array_ref() {
        return items.iter().map(json).collect();
    }
    if let Ok(entries) = value.as_map_ref() {
        return Value::Object(
            entries
                .iter()
                .map(|(key, item)| (key.to_string(), json(item)))
                .collect(),
        );
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Value::from(text.as_str());
    }
    let scalar = value.as_int().map(Value::from);
    scalar
        .or_else(|_| value.as_float().map(Value::from))
        .or_else(|_| value.as_bool().map(Value::from))
        .or_else(|_| value.as_char().map(|c| Value::from(c.to_string())))
        .unwrap_or(Value::Null)
}

/// JSON as script data. Whole numbers past the range become decimals.
pub(super) fn from_json(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(b) => (*b).into(),
        Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(decimal)) => decimal.into(),
            (None, None) => Dynamic::UNIT,
        },
        Value::String(text) => text.clone().into(),
        Value::Array(items) => items.iter().map(from_json).collect::<Array>().into(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, item)| (key.as_str().into(), from_json(item)))
            .collect::<Map>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e12_f64..1e12).prop_map(Value::from),
            "[a-zäöü\"\\\\]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map("[a-z]{1,6}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn state_survives_json(value in any_json()) {
            let value = serde_json::json!({ "x": value });
            let state = from_json(&value);
            prop_assert!(check(&state).is_ok());
            prop_assert_eq!(to_json(&state), Ok(value));
        }
    }

    #[test]
    fn only_plain_and_finite_data_is_kept() {
        let keep = |value: Dynamic| {
            let map = Map::from([("x".into(), value)]);
            check(&map.into())
        };
        assert!(keep(1.5.into()).is_ok());
        assert!(
            keep(f64::NAN.into())
                .unwrap_err()
                .starts_with("this.x is NaN")
        );
        assert!(keep(rhai::FnPtr::new("f").unwrap().into()).is_err());
        let mut deep = Dynamic::from(0_i64);
        for _ in 0..=MOST_DEPTH + 1 {
            deep = vec![deep].into();
        }
        assert!(keep(deep).unwrap_err().contains("nested"));
        assert!(keep("x".repeat(MOST_STATE_BYTES).into()).is_err());
    }
}
