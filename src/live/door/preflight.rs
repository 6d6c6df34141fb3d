//! Everything that LIVE asks for, looked at without placing anything.

use std::fmt;

use serde::Serialize;
use tokio::runtime::Handle;

use super::{paper, rows};
use crate::config::Loaded;
use crate::ledger::Reader;
use crate::market::{Ratio, TimeMs};
use crate::strategy::Script;

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Preflight {
    /// `bea.preflight/1`.
    pub schema: &'static str,
    /// When.
    pub generated_at: String,
    /// Whether every gate is open.
    pub green: bool,
    /// The part of the configured limits that would hold.
    pub limits_ratio: Ratio,
    /// Gate by gate.
    pub rows: Vec<Row>,
}

/// One gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Which.
    pub gate: &'static str,
    /// Whether it is open.
    pub passed: bool,
    /// What was found.
    pub found: String,
    /// What to do about it; `None` if it is open.
    pub remedy: Option<String>,
}

impl Row {
    pub(super) fn open(gate: &'static str, found: impl Into<String>) -> Self {
        Self {
            gate,
            passed: true,
            found: found.into(),
            remedy: None,
        }
    }

    pub(super) fn shut(
        gate: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            gate,
            passed: false,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    pub(super) fn of(
        gate: &'static str,
        passed: bool,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        match passed {
            true => Self::open(gate, found),
            false => Self::shut(gate, found, remedy),
        }
    }
}

/// What a preflight looks at.
pub struct Checks<'a> {
    /// The settings, with their origins.
    pub loaded: &'a Loaded,
    /// The ledger; `None` if there is none yet.
    pub reader: Option<&'a Reader>,
    /// The strategies that would run, or why they cannot be read.
    pub scripts: Vec<Result<Script, String>>,
    /// The wall clock.
    pub clock: fn() -> TimeMs,
    /// Where the venue is asked.
    pub runtime: &'a Handle,
}

/// Looks at every gate. It runs the strategies' own tests, so it needs a thread with room for scripts.
#[must_use]
pub fn preflight(checks: &Checks<'_>) -> Preflight {
    let mut rows = vec![rows::mode(checks), rows::feed(checks), rows::armed(checks)];
    rows.push(rows::kill_switch(checks));
    rows.extend(rows::strategies(checks));
    let (ratio, limits) = rows::limits(checks);
    rows.push(limits);
    rows.push(rows::ledger(checks));
    rows.push(rows::disk(checks));
    rows.extend(paper::paper(checks));
    rows.extend(rows::venue(checks));
    Preflight {
        schema: "bea.preflight/1",
        generated_at: (checks.clock)().to_string(),
        green: rows.iter().all(|row| row.passed),
        limits_ratio: ratio,
        rows,
    }
}

impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let word = if row.passed { "ok" } else { "NO" };
            writeln!(f, "{word}  {:<18} {}", row.gate, row.found)?;
            if let Some(remedy) = &row.remedy {
                writeln!(f, "    {:<18} → {remedy}", "")?;
            }
        }
        match self.rows.iter().filter(|row| !row.passed).count() {
            0 => write!(f, "every gate is open: bea run is LIVE"),
            1 => write!(f, "one gate is shut: bea run is refused"),
            shut => write!(f, "{shut} gates are shut: bea run is refused"),
        }
    }
}
