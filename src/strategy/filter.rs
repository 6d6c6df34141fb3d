//! Reads what `markets()` returned: which markets and moments a strategy wants.

use std::ops::RangeInclusive;

use rhai::{Dynamic, Map};

use super::names::{did_you_mean, known_key};
use super::propose::number;
use super::show::kind_of;
use crate::market::{MarketFilter, MarketStatus};

const KEYS: [&str; 9] = [
    "venue",
    "sport",
    "type",
    "country",
    "course",
    "bsp",
    "in_play",
    "status",
    "seconds_to_start",
];
const STATUSES: [MarketStatus; 4] = [
    MarketStatus::Inactive,
    MarketStatus::Open,
    MarketStatus::Suspended,
    MarketStatus::Closed,
];

/// Reads the map of `markets()`.
pub(super) fn read(value: Dynamic) -> Result<MarketFilter, String> {
    let kind = kind_of(&value);
    let Some(map) = value.try_cast::<Map>() else {
        return Err(format!(
            "markets() returns a map such as #{{ type: \"WIN\" }}, not a value of type {kind}"
        ));
    };
    let mut filter = MarketFilter::default();
    for (key, value) in &map {
        known_key("markets()", key, &KEYS)?;
        let texts = || texts(key, value);
        match key.as_str() {
            "venue" => filter.venues = texts()?,
            "sport" => filter.sports = texts()?,
            "type" => filter.types = texts()?,
            "country" => filter.countries = texts()?,
            "course" => filter.courses = texts()?,
            "bsp" => filter.bsp = Some(truth(key, value)?),
            "in_play" => filter.in_play = Some(truth(key, value)?),
            "status" => {
                filter.status = texts()?
                    .iter()
                    .map(|name| status(name))
                    .collect::<Result<_, _>>()?;
            }
            _ => filter.seconds_to_start = Some(window(value)?),
        }
    }
    Ok(filter)
}

fn texts(key: &str, value: &Dynamic) -> Result<Vec<String>, String> {
    let text = |value: &Dynamic| {
        value.clone().into_string().map_err(|_| {
            format!("markets(): \"{key}\" is a text or an array of texts: {value:?} is not")
        })
    };
    match value.as_array_ref() {
        Ok(items) => items.iter().map(text).collect(),
        Err(_) => Ok(vec![text(value)?]),
    }
}

fn truth(key: &str, value: &Dynamic) -> Result<bool, String> {
    value
        .as_bool()
        .map_err(|_| format!("markets(): \"{key}\" is true or false: {value:?} is not"))
}

/// A market status by name.
pub(super) fn status(name: &str) -> Result<MarketStatus, String> {
    let found = STATUSES
        .into_iter()
        .find(|status| status.as_str().eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let names = STATUSES.map(MarketStatus::as_str);
        let hint =
            did_you_mean(name, names).unwrap_or_else(|| format!("known: {}", names.join(", ")));
        format!("there is no market status \"{name}\"\n{hint}")
    })
}

/// `#{ min, max }` with either left out, or `[min, max]`.
#[allow(clippy::cast_possible_truncation)]
fn window(value: &Dynamic) -> Result<RangeInclusive<i64>, String> {
    let wrong = || {
        format!(
            "markets(): \"seconds_to_start\" is #{{ min: -60, max: 300 }} or [-60, 300]: {value:?} is not"
        )
    };
    let seconds = |value: &Dynamic| number(value).filter(|s| s.abs() <= 1e12).ok_or_else(wrong);
    let (mut min, mut max) = (None, None);
    if let Ok(pair) = value.as_array_ref() {
        let [first, second] = &pair[..] else {
            return Err(wrong());
        };
        (min, max) = (Some(seconds(first)?), Some(seconds(second)?));
    } else {
        let map = value.as_map_ref().map_err(|_| wrong())?;
        for (key, value) in map.iter() {
            known_key("seconds_to_start", key, &["min", "max"])?;
            let bound = if key == "min" { &mut min } else { &mut max };
            *bound = Some(seconds(value)?);
        }
    }
    let (min, max) = (
        min.map_or(i64::MIN, |s| s.ceil() as i64),
        max.map_or(i64::MAX, |s| s.floor() as i64),
    );
    if min > max {
        return Err(format!(
            "markets(): seconds_to_start ends ({max}) before it starts ({min})"
        ));
    }
    Ok(min..=max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Result<MarketFilter, String> {
        read(rhai::Engine::new_raw().eval(text).unwrap())
    }

    #[test]
    fn every_key_is_read() {
        let found = filter(
            r#"#{ venue: "betfair", sport: ["football", "7"], type: "WIN", country: "GB", course: "Warwick",
                  bsp: true, in_play: false, status: ["OPEN", "suspended"], seconds_to_start: #{ max: 300 } }"#,
        );
        let expected = MarketFilter {
            venues: vec!["betfair".into()],
            sports: vec!["football".into(), "7".into()],
            types: vec!["WIN".into()],
            countries: vec!["GB".into()],
            courses: vec!["Warwick".into()],
            bsp: Some(true),
            in_play: Some(false),
            status: vec![MarketStatus::Open, MarketStatus::Suspended],
            seconds_to_start: Some(i64::MIN..=300),
        };
        assert_eq!(found, Ok(expected));
        assert_eq!(
            filter("#{ seconds_to_start: [0, 60] }")
                .unwrap()
                .seconds_to_start,
            Some(0..=60)
        );
    }

    #[test]
    fn what_is_misspelt_is_refused() {
        insta::assert_snapshot!(filter("#{ tpye: \"WIN\" }").unwrap_err(), @r#"
        markets() has no key "tpye"
        did you mean "type"?
        "#);
        insta::assert_snapshot!(filter("#{ status: \"OPNE\" }").unwrap_err(), @r#"
        there is no market status "OPNE"
        did you mean "OPEN"?
        "#);
        insta::assert_snapshot!(filter("#{ in_play: 1 }").unwrap_err(), @r#"markets(): "in_play" is true or false: 1 is not"#);
        insta::assert_snapshot!(filter("#{ seconds_to_start: [60, 0] }").unwrap_err(), @"markets(): seconds_to_start ends (0) before it starts (60)");
    }
}
