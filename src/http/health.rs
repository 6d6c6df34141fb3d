//! The health document, in the shape of the IETF draft "Health Check Response Format for HTTP APIs".

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// How something is doing, best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Well.
    #[default]
    Pass,
    /// It works, and somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

impl Standing {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// The whole document.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The worst of all checks.
    pub status: Standing,
    /// Of the program.
    pub version: &'static str,
    /// Which service.
    pub service_id: &'static str,
    /// Where bets go.
    pub mode: &'static str,
    /// What a person should know, in words: one line for each check that is not well.
    pub notes: Vec<String>,
    /// Each part with its checks.
    pub checks: BTreeMap<&'static str, Vec<Check>>,
    /// Whether the engine shows signs of life.
    #[serde(skip)]
    pub is_alive: bool,
    /// Whether it does its work.
    #[serde(skip)]
    pub is_ready: bool,
}

/// One check.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What was checked.
    pub component_id: String,
    /// How it is.
    pub status: Standing,
    /// When that was found out (RFC 3339, UTC).
    pub time: String,
    /// What is wrong, if anything is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Map<String, Value>,
}

impl Health {
    /// Adds a check of a part; the status of the whole follows the worst.
    pub fn add(&mut self, part: &'static str, check: Check) {
        self.status = self.status.max(check.status);
        if check.status != Standing::Pass
            && let Some(output) = &check.output
        {
            let first_line = output.lines().next().unwrap_or_default();
            self.notes
                .push(format!("{}: {first_line}", check.component_id));
        }
        self.checks.entry(part).or_default().push(check);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_as_well_as_its_worst_part() {
        let mut health = Health::default();
        health.add("feed", Check::default());
        assert_eq!(health.status, Standing::Pass);
        health.add(
            "strategies",
            Check {
                component_id: "fav".to_owned(),
                status: Standing::Warn,
                output: Some("fav.rhai:1:2: wrong\n  1 | source".to_owned()),
                ..Check::default()
            },
        );
        health.add("ledger", Check::default());
        assert_eq!(health.status, Standing::Warn);
        assert_eq!(health.notes, ["fav: fav.rhai:1:2: wrong"]);
    }
}
