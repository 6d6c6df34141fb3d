//! The standard library of scripts: one registration of the maths, with what each function does and an example.

mod args;
mod betting;
mod definitions;
mod examples;
mod reference;
mod statistics;

pub use definitions::{Definition, definitions};
pub use reference::reference;

use super::names::Api;

/// Registers the standard library.
pub(super) fn register(api: &mut Api) {
    betting::register(api);
    statistics::register(api);
}

#[cfg(test)]
mod tests {
    use rhai::Dynamic;

    use super::reference::entries;
    use crate::strategy::context::Log;
    use crate::strategy::sandbox::{self, Purpose};
    use crate::strategy::{Overrides, Script};

    /// What a careless or hostile script may pass.
    const VALUES: [&str; 24] = [
        "0.0/0.0",
        "1.0/0.0",
        "-1",
        "0",
        "1",
        "3",
        "0.05",
        "0.5",
        "1.0000000001",
        "2.5",
        "1e15",
        "-1e300",
        "9223372036854775807",
        "\"power\"",
        "()",
        "#{}",
        "[]",
        "[2.0, 3.0]",
        "[0.5, 0.5]",
        "[1.0000000001, 1e15]",
        "[0.0/0.0, 2.0]",
        "[\"x\", ()]",
        "[[0.5, 0.5], [0.2, 0.8]]",
        "[-50.0, 70.0]",
    ];

    fn holds_only_numbers(value: &Dynamic) -> bool {
        if let Ok(x) = value.as_float() {
            return x.is_finite();
        }
        if let Ok(items) = value.as_array_ref() {
            return items.iter().all(holds_only_numbers);
        }
        value
            .as_map_ref()
            .map_or(true, |map| map.values().all(holds_only_numbers))
    }

    #[test]
    fn nonsense_is_answered_with_numbers_or_an_error_never_a_panic_or_a_nan() {
        let api = sandbox::engine(Purpose::Run, &Log::default());
        let (mut dice, mut answered, mut refused) = (1_u64, 0, 0);
        let mut roll = move |most: usize| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (dice >> 33) as usize % most
        };
        for entry in entries()
            .iter()
            .filter(|e| e.of.is_empty() && !e.example.is_empty())
        {
            let (name, parameters) = entry.usage.split_once('(').unwrap();
            if name.contains('.') || name.starts_with("push_") {
                continue;
            }
            let count = parameters.split(", ").count();
            for _ in 0..200 {
                let arguments: Vec<_> = (0..count).map(|_| VALUES[roll(VALUES.len())]).collect();
                let call = format!("{name}({})", arguments.join(", "));
                api.work.renew();
                api.memory.renew();
                match api.engine.eval::<Dynamic>(&call) {
                    Ok(value) => {
                        assert!(holds_only_numbers(&value), "{call} gave {value:?}");
                        answered += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(answered > 500 && refused > 5000, "{answered} {refused}");
    }

    #[test]
    fn a_call_that_calculates_too_much_is_stopped() {
        for heavy in [
            "kelly_independent([0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5], [2.2,2.2,2.2,2.2,2.2,2.2,2.2,2.2,2.2,2.2,2.2,2.2])",
            "dixon_coles_grid(1.5, 1.1, -0.1, 100).home",
            "devig_shin(odds)",
            "chance_of_wins(probabilities, 3)",
        ] {
            let text = format!(
                "fn on_odds(market, ctx) {{ }}\nfn test_it(t) {{
                    let odds = []; let probabilities = [];
                    for n in 0..200 {{ odds.push(2.0); }}
                    for n in 0..1000 {{ probabilities.push(0.5); }}
                    loop {{ {heavy}; }}
                }}"
            );
            let script = Script::from_text("x", &text, &Overrides::new()).unwrap();
            let report = script.test().unwrap();
            let (_, error) = report.failures().next().unwrap();
            assert!(
                error.message.contains("of the call took more than"),
                "{error}"
            );
        }
    }
}
