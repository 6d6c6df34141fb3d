//! What ends a host, in words for a person.

use std::path::PathBuf;

use super::door::{Preflight, Row};
use super::shelf::Finding;
use crate::backtest::RunError;
use crate::config::ConfigError;
use crate::http::ServerError;
use crate::ledger::LedgerError;
use crate::telemetry;
use crate::venue::betfair::client::{ConnectError, Missing, ReadError};
use crate::venue::{odds_api, pinnacle};

/// What ends a host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Strategies are not fit to start.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"))]
    Strategies(Vec<Finding>),
    /// The settings ask for what cannot be had.
    #[error("{0}")]
    Settings(#[from] ConfigError),
    /// There is no strategy.
    #[error(
        "{}: no strategy to run: the folder holds none (write one with bea new NAME), or the configuration has \
         them switched off (enabled = false)",
        .0.display()
    )]
    NoStrategy(PathBuf),
    /// The folder of the strategies cannot be read.
    #[error("{}: the folder of the strategies cannot be read: {source}", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The HTTP server cannot start.
    #[error("{0}")]
    Http(#[from] ServerError),
    /// The ledger cannot be written.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// The run failed.
    #[error("{0}")]
    Run(#[from] RunError),
    /// What the venue knows us by is missing, or cannot be used.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Credentials(Vec<Missing>),
    /// The venue did not answer a question.
    #[error("the venue cannot be asked: {0}")]
    Ask(#[from] ReadError),
    /// LIVE asks for more than is there.
    #[error("LIVE is refused, and nothing was placed. Missing:\n{}", missing(.0))]
    Shut(Box<Preflight>),
    /// Traces cannot be sent.
    #[error("telemetry.enabled = true, and no traces can be sent: {0}")]
    Telemetry(#[from] telemetry::Closed),
    /// No connection to the venue can be made.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// The Odds API cannot be asked.
    #[error("{0}")]
    OddsApi(#[from] odds_api::client::ConnectError),
    /// Pinnacle cannot be asked.
    #[error("{0}")]
    Pinnacle(#[from] pinnacle::client::ConnectError),
    /// The ledger holds orders at another venue that are not over.
    #[error(
        "the ledger holds {0} orders at another venue that are not over, of which this venue knows nothing: \
         run that venue until they are, or keep a ledger for each venue (ledger.path)"
    )]
    Elsewhere(usize),
    /// The system refused something that every host needs.
    #[error("the host cannot {0}: {1}")]
    System(&'static str, std::io::Error),
    /// The engine thread ended without a word.
    #[error("the engine thread failed unexpectedly; the ledger holds everything up to there")]
    Engine,
}

/// The gates that are shut, and what to do about each.
fn missing(found: &Preflight) -> String {
    let shut = found.rows.iter().filter(|row| !row.passed);
    let line = |row: &Row| {
        let remedy = row.remedy.as_deref().unwrap_or_default();
        format!("  {}: {} → {remedy}", row.gate, row.found)
    };
    shut.map(line).collect::<Vec<_>>().join("\n")
}
