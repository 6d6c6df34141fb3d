//! Betting maths for scripts: probabilities without the book's margin, stakes after Kelly.
//!
//! Formulas take decimal odds as plain floats; money and prices become whole numbers when an intent is read.

use rhai::{Array, Dynamic, EvalAltResult};

use super::error::fail;
use super::names::Api;
use super::propose::number;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Registers the maths.
pub(super) fn register(api: &mut Api) {
    api.function("round(number, decimals)", |x: Dynamic, decimals: i64| {
        round(&x, decimals)
    });
    api.function("implied(odds)", |odds: Dynamic| implied(&odds));
    api.function("fair_odds(probability)", |p: Dynamic| fair_odds(&p));
    api.function("book_sum(odds_array)", |odds: Array| {
        Ok::<_, Box<EvalAltResult>>(raw(&odds)?.iter().sum::<f64>())
    });
    api.function("devig_multiplicative(odds_array)", |odds: Array| {
        to_array(multiplicative(&raw(&odds)?))
    });
    api.function("devig_power(odds_array)", |odds: Array| {
        to_array(power(&raw(&odds)?))
    });
    api.function(
        "kelly(probability, odds, fraction)",
        |p: Dynamic, odds: Dynamic, fraction: Dynamic| kelly(&p, &odds, &fraction, 0.0),
    );
    api.function(
        "kelly_back(probability, odds, commission, fraction)",
        |p: Dynamic, odds: Dynamic, commission: Dynamic, fraction: Dynamic| {
            let commission = finite("commission", &commission, 0.0, 1.0)?;
            kelly(&p, &odds, &fraction, commission)
        },
    );
    api.function(
        "kelly_lay(probability, odds, commission, fraction)",
        |p: Dynamic, odds: Dynamic, commission: Dynamic, fraction: Dynamic| {
            kelly_lay(&p, &odds, &commission, &fraction)
        },
    );
}

fn finite(what: &str, value: &Dynamic, least: f64, most: f64) -> Outcome<f64> {
    match number(value) {
        Some(x) if (least..=most).contains(&x) => Ok(x),
        Some(x) => Err(fail(format!(
            "{what} is from {least} to {most}: {x} is not"
        ))),
        None => Err(fail(format!(
            "{what} is a number, not a {}",
            value.type_name()
        ))),
    }
}

fn price(value: &Dynamic) -> Outcome<f64> {
    match number(value) {
        Some(odds) if odds.is_finite() && odds > 1.0 => Ok(odds),
        Some(odds) => Err(fail(format!("decimal odds are over 1: {odds} is not"))),
        None => Err(fail(format!(
            "odds are numbers, not a {}",
            value.type_name()
        ))),
    }
}

fn round(value: &Dynamic, decimals: i64) -> Outcome<f64> {
    let Some(x) = number(value) else {
        return Err(fail(format!(
            "round takes a number, not a {}",
            value.type_name()
        )));
    };
    match i32::try_from(decimals) {
        Ok(places @ 0..=12) => {
            let scale = 10_f64.powi(places);
            Ok((x * scale).round() / scale)
        }
        _ => Err(fail(format!("decimals are 0 to 12: {decimals} is not"))),
    }
}

fn implied(odds: &Dynamic) -> Outcome<f64> {
    Ok(1.0 / price(odds)?)
}

fn fair_odds(probability: &Dynamic) -> Outcome<f64> {
    let p = finite("a probability", probability, 0.0, 1.0)?;
    if p > 0.0 {
        Ok(1.0 / p)
    } else {
        Err(fail("a probability of 0 has no odds"))
    }
}

/// 1/odds of each, still with the margin.
fn raw(odds: &[Dynamic]) -> Outcome<Vec<f64>> {
    if odds.len() < 2 {
        return Err(fail(format!(
            "a book has at least two outcomes: this has {}",
            odds.len()
        )));
    }
    odds.iter().map(implied).collect()
}

fn to_array(probabilities: Vec<f64>) -> Outcome<Array> {
    Ok(probabilities.into_iter().map(Dynamic::from).collect())
}

/// Each share of the book: r / Σr.
fn multiplicative(raw: &[f64]) -> Vec<f64> {
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|r| r / sum).collect()
}

/// r^k with the k at which they add up to one, by bisection: Σ r^k falls as k rises, as every r is below one.
fn power(raw: &[f64]) -> Vec<f64> {
    let sum = |k: f64| raw.iter().map(|r| r.powf(k)).sum::<f64>();
    let (mut low, mut high) = (0.0, 1.0);
    while sum(high) > 1.0 && high < 1e6 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if sum(middle) > 1.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    let found: Vec<f64> = raw.iter().map(|r| r.powf(high)).collect();
    multiplicative(&found)
}

/// Share of the bank to stake: (p·b − (1 − p)) / b with b = (odds − 1)(1 − commission), never negative.
fn kelly(p: &Dynamic, odds: &Dynamic, fraction: &Dynamic, commission: f64) -> Outcome<f64> {
    let p = finite("a probability", p, 0.0, 1.0)?;
    let fraction = finite("a Kelly fraction", fraction, 0.0, 1.0)?;
    let won = (price(odds)? - 1.0) * (1.0 - commission);
    if won <= 0.0 {
        return Ok(0.0);
    }
    Ok(((p * won - (1.0 - p)) / won).max(0.0) * fraction)
}

/// Share of the bank to risk as a lay's liability: (w·b − p) / b with b = (1 − commission) / (odds − 1), w = 1 − p.
fn kelly_lay(
    p: &Dynamic,
    odds: &Dynamic,
    commission: &Dynamic,
    fraction: &Dynamic,
) -> Outcome<f64> {
    let p = finite("a probability", p, 0.0, 1.0)?;
    let commission = finite("commission", commission, 0.0, 1.0)?;
    let fraction = finite("a Kelly fraction", fraction, 0.0, 1.0)?;
    let won = (1.0 - commission) / (price(odds)? - 1.0);
    if won <= 0.0 {
        return Ok(0.0);
    }
    Ok((((1.0 - p) * won - p) / won).max(0.0) * fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    fn close(found: f64, expected: f64, within: f64) {
        assert!(
            (found - expected).abs() <= within,
            "{found} is not {expected}"
        );
    }

    fn odds(values: &[f64]) -> Vec<f64> {
        values.iter().map(|o| 1.0 / o).collect()
    }

    #[test]
    fn margins_come_off_as_published() {
        let raw = odds(&[2.7, 2.3, 4.4]);
        for (found, expected) in
            multiplicative(&raw)
                .iter()
                .zip([0.358_738_036_2, 0.421_127_259_8, 0.220_134_704_0])
        {
            close(*found, expected, 1e-9);
        }
        for (found, expected) in
            power(&raw)
                .iter()
                .zip([0.359_171_099_9, 0.423_730_753_0, 0.217_098_147_2])
        {
            close(*found, expected, 1e-9);
        }
    }

    #[test]
    fn margins_come_off_as_in_the_golden_file() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/golden_devig.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: {} is absent", path.display());
            return;
        };
        let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let mut compared = 0;
        for row in &rows {
            let method = match row["method"].as_str() {
                Some("multiplicative") => multiplicative,
                Some("power") => power,
                _ => continue,
            };
            let prices: Vec<f64> = row["odds"]
                .as_array()
                .unwrap()
                .iter()
                .map(|o| o.as_f64().unwrap())
                .collect();
            for (found, expected) in method(&odds(&prices))
                .iter()
                .zip(row["probs"].as_array().unwrap())
            {
                close(*found, expected.as_str().unwrap().parse().unwrap(), 1e-10);
                compared += 1;
            }
        }
        assert!(compared > 0, "the golden file has no rows we know");
    }

    #[test]
    fn kelly_stakes_as_published() {
        for (p, odds, fraction, expected) in [
            (0.55, 2.0, 1.0, 0.10),
            (0.5, 2.5, 1.0, 0.166_666_666_7),
            (0.25, 5.0, 1.0, 0.0625),
            (0.55, 2.1, 0.5, 0.070_454_545_5),
            (0.7, 1.5, 0.25, 0.025),
            (0.30, 3.0, 1.0, 0.0),
        ] {
            let found = kelly(&p.into(), &odds.into(), &fraction.into(), 0.0).unwrap();
            close(found, expected, 1e-9);
        }
        let after_commission = kelly(&0.55.into(), &2.1.into(), &1.0.into(), 0.05).unwrap();
        close(after_commission, 0.119_377_990_4, 1e-9);
        let lay = kelly_lay(&0.28.into(), &3.0.into(), &0.05.into(), &1.0.into()).unwrap();
        close(lay, 0.130_526_315_8, 1e-9);
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [f64::NAN, f64::INFINITY, 1.0, 0.0, -3.0] {
            assert!(implied(&wrong.into()).is_err(), "{wrong}");
        }
        assert!(kelly(&1.2.into(), &2.0.into(), &1.0.into(), 0.0).is_err());
        assert!(raw(&[2.0.into()]).is_err());
    }

    proptest! {
        #[test]
        fn fair_probabilities_add_up_to_one(prices in proptest::collection::vec(1.01_f64..200.0, 2..20)) {
            let raw = odds(&prices);
            for method in [multiplicative, power] {
                let fair = method(&raw);
                prop_assert!((fair.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                prop_assert!(fair.iter().all(|p| (0.0..=1.0).contains(p)));
            }
        }
    }
}
