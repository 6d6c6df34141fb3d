//! Conditions on results that make a command end with code 6: for checks that run by themselves.

use serde_json::Value;

use super::{Failure, Shared, exit, output};
use crate::backtest::Report;

/// What must not be: a figure compared with a number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    figure: String,
    comparison: Comparison,
    number: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Under,
    AtMost,
    Over,
    AtLeast,
}

/// Figures with a name of their own; any other is a path into the report of a strategy, as in `statistics.clv.raw.value`.
const NAMED: [(&str, &str); 12] = [
    ("yield_net", "/statistics/yield_net/value"),
    ("yield_net_low", "/statistics/yield_net/low"),
    ("yield_net_high", "/statistics/yield_net/high"),
    ("roi", "/statistics/roi"),
    ("clv", "/statistics/clv/raw/value"),
    ("beat_close", "/statistics/clv/beat_close/value"),
    ("p", "/statistics/significance/p"),
    ("t", "/statistics/significance/t"),
    ("profit_net", "/profit_net"),
    ("bets", "/bets"),
    ("drawdown_ratio", "/max_drawdown/ratio"),
    ("faults", "/faults"),
];

impl Condition {
    /// Reads `figure<number`, with `<`, `<=`, `>` or `>=`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("\"{text}\" is no condition: write it as in yield_net<0 or bets<100");
        let at = text.find(['<', '>']).ok_or_else(wrong)?;
        let (figure, rest) = (text[..at].trim(), &text[at + 1..]);
        let (equal, rest) = match rest.strip_prefix('=') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let number: f64 = rest.trim().parse().map_err(|_| wrong())?;
        if figure.is_empty() || !number.is_finite() {
            return Err(wrong());
        }
        let is_path = figure.contains('.');
        if !is_path && !NAMED.iter().any(|(name, _)| *name == figure) {
            let names = NAMED.map(|(name, _)| name).join(", ");
            return Err(format!(
                "there is no figure \"{figure}\": known are {names}, and paths into a strategy's part of the report such as statistics.clv.raw.low"
            ));
        }
        Ok(Self {
            figure: figure.to_owned(),
            comparison: match (text.as_bytes()[at], equal) {
                (b'<', false) => Comparison::Under,
                (b'<', true) => Comparison::AtMost,
                (_, false) => Comparison::Over,
                (_, true) => Comparison::AtLeast,
            },
            number,
        })
    }

    /// The figure of a strategy; `None` if the report has none, as without bets.
    fn figure(&self, strategy: &Value) -> Option<f64> {
        let named = NAMED.iter().find(|(name, _)| *name == self.figure);
        let path = named.map_or_else(
            || format!("/{}", self.figure.replace('.', "/")),
            |(_, path)| (*path).to_owned(),
        );
        strategy.pointer(&path)?.as_f64()
    }

    fn holds(&self, figure: f64) -> bool {
        match self.comparison {
            Comparison::Under => figure < self.number,
            Comparison::AtMost => figure <= self.number,
            Comparison::Over => figure > self.number,
            Comparison::AtLeast => figure >= self.number,
        }
    }
}

/// Whether nothing is as it must not be. A figure that is not there cannot be said to be right.
pub(super) fn judge(
    conditions: &[Condition],
    report: &Report,
    shared: &Shared,
) -> Result<bool, Failure> {
    let mut passed = true;
    for strategy in &report.strategies {
        let document = serde_json::to_value(strategy)
            .map_err(|error| Failure::new(exit::INTERNAL, error.to_string()))?;
        for condition in conditions {
            let said = match condition.figure(&document) {
                None => "is not known".to_owned(),
                Some(figure) if condition.holds(figure) => format!("is {figure}"),
                Some(_) => continue,
            };
            passed = false;
            if !shared.json {
                output::complain(format_args!(
                    "{}: {} {said}: --fail-if ends this with code 6",
                    strategy.name, condition.figure
                ));
            }
        }
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_are_read_as_people_write_them() {
        for (text, figure, holds) in [
            ("yield_net<0", -0.1, true),
            ("yield_net < 0", 0.0, false),
            ("yield_net<=0", 0.0, true),
            ("drawdown_ratio>0.2", 0.3, true),
            ("bets>=10", 9.0, false),
            ("statistics.clv.raw.low>-1e-2", 0.0, true),
        ] {
            assert_eq!(
                Condition::parse(text).unwrap().holds(figure),
                holds,
                "{text}"
            );
        }
        for wrong in [
            "",
            "<0",
            "yield_net",
            "yield_net=0",
            "yield_net<x",
            "yield<0",
            "p<inf",
        ] {
            assert!(Condition::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_figure_is_found_by_its_name_or_its_path() {
        let strategy = json!({ "bets": 3, "statistics": { "clv": { "raw": { "value": 0.01, "low": null } } } });
        let figure = |text: &str| Condition::parse(text).unwrap().figure(&strategy);
        assert_eq!(figure("bets<1"), Some(3.0));
        assert_eq!(figure("clv<0"), Some(0.01));
        assert_eq!(figure("statistics.clv.raw.low<0"), None);
        assert_eq!(figure("yield_net<0"), None);
    }
}
