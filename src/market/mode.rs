//! Whether bets are real.

use serde::{Deserialize, Serialize};

/// Whether real money may move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// Orders go to the simulated exchange.
    #[default]
    DryRun,
    /// Orders go to a venue.
    Live,
}

impl Mode {
    /// The name in settings and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DryRun => "DRY_RUN",
            Self::Live => "LIVE",
        }
    }
}
