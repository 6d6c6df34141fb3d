//! Parameters: what `params()` offers, and the checks on what overrides it.

use std::collections::BTreeMap;

use rhai::{Dynamic, Map};
use serde::Serialize;
use serde_json::Value;

use super::names::{bounded, did_you_mean, known_key};
use super::propose::number;
use super::show::kind_of;
use super::state::{from_json, to_json};

/// Values given from outside, by parameter name. A text is read as the parameter's own type.
pub type Overrides = BTreeMap<String, Value>;

/// One parameter of a script.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its value in this run.
    pub value: Value,
    /// Its value unless overridden.
    pub default: Value,
    /// The least value allowed.
    pub min: Option<f64>,
    /// The largest value allowed.
    pub max: Option<f64>,
    /// What it does.
    pub help: Option<String>,
}

/// What is wrong with a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Its name; empty if it is none of them in particular.
    pub(super) param: String,
    /// What is wrong; a second line is what to do.
    pub(super) problem: String,
}

/// Reads what `params()` returned and puts the overrides in. All that is wrong is told at once.
pub(super) fn read(declared: Dynamic, overrides: &Overrides) -> Result<Vec<Param>, Vec<Misfit>> {
    let kind = kind_of(&declared);
    let Some(declared) = declared.try_cast::<Map>() else {
        return Err(vec![Misfit {
            param: String::new(),
            problem: format!(
                "params() returns a map such as #{{ edge: 0.05 }}, not a value of type {kind}"
            ),
        }]);
    };
    let mut wrong = Vec::new();
    let mut misfit = |param: &str, problem| {
        let param = param.to_owned();
        wrong.push(Misfit { param, problem });
    };
    let mut params = Vec::new();
    for (name, value) in declared {
        match declare(&name, value) {
            Ok(param) => params.push(param),
            Err(problem) => misfit(&name, problem),
        }
    }
    for (name, value) in overrides {
        if let Err(problem) = set(&mut params, name, value) {
            misfit(name, problem);
        }
    }
    if wrong.is_empty() {
        Ok(params)
    } else {
        Err(wrong)
    }
}

/// Overrides one parameter.
pub(super) fn set(params: &mut [Param], name: &str, value: &Value) -> Result<(), String> {
    let Some(at) = params.iter().position(|param| param.name == name) else {
        let known: Vec<_> = params.iter().map(|param| param.name.as_str()).collect();
        let hint = did_you_mean(name, known.iter().copied())
            .unwrap_or_else(|| format!("known: {}", known.join(", ")));
        return Err(format!("there is no parameter \"{name}\"\n{hint}"));
    };
    let value = fit(&params[at], value)?;
    check_range(&params[at], &value)?;
    params[at].value = value;
    Ok(())
}

/// The values as scripts read them.
pub(super) fn values(params: &[Param]) -> BTreeMap<String, Dynamic> {
    params
        .iter()
        .map(|param| (param.name.clone(), from_json(&param.value)))
        .collect()
}

/// Letters of a parameter's name.
const MOST_NAME: usize = 64;

fn declare(name: &str, value: Dynamic) -> Result<Param, String> {
    let is_plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > MOST_NAME || !name.chars().all(is_plain) {
        return Err(format!(
            "\"{}\" is no name for a parameter\nuse at most {MOST_NAME} letters, digits and _",
            bounded(name, MOST_NAME)
        ));
    }
    let plain = |value: &Dynamic| {
        let json = to_json(value).map_err(|wrong| format!("parameter \"{name}\": {wrong}"))?;
        match json {
            Value::Null | Value::Object(_) => Err(format!(
                "parameter \"{name}\" needs a number, a text, true or false, or an array of those"
            )),
            plain => Ok(plain),
        }
    };
    let mut param = Param {
        name: name.to_owned(),
        value: Value::Null,
        default: Value::Null,
        min: None,
        max: None,
        help: None,
    };
    match value.clone().try_cast::<Map>() {
        None => param.default = plain(&value)?,
        Some(map) => {
            for (key, value) in &map {
                known_key(
                    &format!("parameter \"{name}\""),
                    key,
                    &["default", "min", "max", "help"],
                )?;
                let bound = || {
                    number(value).filter(|x| x.is_finite()).ok_or_else(|| {
                        format!("parameter \"{name}\": {key} is a number, not {value:?}")
                    })
                };
                match key.as_str() {
                    "default" => param.default = plain(value)?,
                    "min" => param.min = Some(bound()?),
                    "max" => param.max = Some(bound()?),
                    _ => param.help = Some(value.to_string()),
                }
            }
            if param.default.is_null() {
                return Err(format!("parameter \"{name}\" has no default"));
            }
        }
    }
    check_range(&param, &param.default)?;
    param.value = param.default.clone();
    Ok(param)
}

/// The value in the type of the parameter's default.
fn fit(param: &Param, value: &Value) -> Result<Value, String> {
    let wrong = |expected: &str| {
        Err(format!(
            "parameter \"{}\" is {expected} (default {}): {value} is not",
            param.name, param.default
        ))
    };
    // From the command line every value is a text.
    let parsed = match value {
        Value::String(text) if !param.default.is_string() => {
            serde_json::from_str(text.trim()).unwrap_or(Value::Null)
        }
        other => other.clone(),
    };
    match &param.default {
        Value::Bool(_) if !parsed.is_boolean() => wrong("true or false"),
        Value::String(_) if !parsed.is_string() => wrong("a text"),
        Value::Array(_) if !parsed.is_array() => wrong("an array"),
        Value::Number(default) => match parsed.as_f64() {
            None => wrong("a number"),
            Some(_) if !default.is_f64() && !parsed.is_i64() => wrong("a whole number"),
            Some(x) if default.is_f64() => Ok(Value::from(x)),
            Some(_) => Ok(parsed),
        },
        _ => Ok(parsed),
    }
}

fn check_range(param: &Param, value: &Value) -> Result<(), String> {
    let Some(x) = value.as_f64() else {
        return Ok(());
    };
    let inside = param.min.is_none_or(|min| x >= min) && param.max.is_none_or(|max| x <= max);
    if inside {
        return Ok(());
    }
    let range = match (param.min, param.max) {
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (_, max) => format!("at most {}", max.unwrap_or(f64::MAX)),
    };
    Err(format!(
        "parameter \"{}\" is {range}: {value} is not",
        param.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::context::Log;
    use crate::strategy::sandbox::Purpose;
    use serde_json::json;

    fn declared() -> Dynamic {
        crate::strategy::sandbox::engine(Purpose::Run, &Log::default())
            .engine
            .eval(
                r#"#{ edge: #{ default: 0.05, min: 0.0, max: 1.0, help: "least advantage" },
                      most: 5, side: "BACK", on: true, odds: [2.0, 3.0] }"#,
            )
            .unwrap()
    }

    fn overridden(name: &str, value: Value) -> Result<Value, String> {
        let overrides = Overrides::from([(name.to_owned(), value)]);
        let params = read(declared(), &overrides).map_err(|wrong| wrong[0].problem.clone())?;
        Ok(params.into_iter().find(|p| p.name == name).unwrap().value)
    }

    #[test]
    fn texts_are_read_as_the_type_of_the_default() {
        assert_eq!(overridden("edge", json!("0.1")), Ok(json!(0.1)));
        assert_eq!(overridden("edge", json!(1)), Ok(json!(1.0)));
        assert_eq!(overridden("most", json!("7")), Ok(json!(7)));
        assert_eq!(overridden("on", json!("false")), Ok(json!(false)));
        assert_eq!(overridden("side", json!("LAY")), Ok(json!("LAY")));
        assert_eq!(overridden("odds", json!("[4.0]")), Ok(json!([4.0])));
    }

    #[test]
    fn all_that_does_not_fit_is_told() {
        let overrides = Overrides::from([
            ("edge".to_owned(), json!(1.5)),
            ("most".to_owned(), json!("many")),
            ("on".to_owned(), json!(true)),
        ]);
        let wrong = read(declared(), &overrides).unwrap_err();
        let names: Vec<_> = wrong.iter().map(|wrong| wrong.param.as_str()).collect();
        assert_eq!(names, ["edge", "most"]);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let refused = |name, value| overridden(name, value).unwrap_err();
        insta::assert_snapshot!(refused("egde", json!(1)), @r#"
        there is no parameter "egde"
        did you mean "edge"?
        "#);
        insta::assert_snapshot!(refused("edge", json!(1.5)), @r#"parameter "edge" is from 0 to 1: 1.5 is not"#);
        insta::assert_snapshot!(refused("most", json!(0.5)), @r#"parameter "most" is a whole number (default 5): 0.5 is not"#);
        insta::assert_snapshot!(refused("edge", json!("much")), @r#"parameter "edge" is a number (default 0.05): "much" is not"#);
        insta::assert_snapshot!(refused("on", json!("yes")), @r#"parameter "on" is true or false (default true): "yes" is not"#);
    }
}
