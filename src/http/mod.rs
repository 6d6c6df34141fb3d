//! The HTTP side of a host: health, metrics, the API, live events and the dashboard.
//!
//! ```text
//!  socket ─► limits ─► whom it is meant for, from where ─► route ─► token ─► handler
//!                                                                     published copy ┘ └ read-only ledger
//! ```
//!
//! It runs on a thread of its own and answers from copies that the host publishes and from read-only readers of the
//! ledger, so a question delays no bet, and a slow strategy or disk delays no answer.

mod api;
mod app;
mod auth;
mod dashboard;
mod door;
mod events;
mod health;
mod host;
pub mod metrics;
mod openapi;
mod patience;
mod probes;
mod problem;
mod reply;
mod routes;
mod server;
pub mod token;
pub mod view;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

pub use health::{Check, Health, Standing};
pub use host::{is_local, is_local_name};
pub use server::{Server, ServerError, Serving};

use crate::alert::Alerts;
use crate::config;
use crate::engine::TradingState;
use crate::telemetry::Telemetry;

/// Gives the present state of health; called for every request that asks for it.
pub type Ask = Arc<dyn Fn() -> Health + Send + Sync>;

/// Brings betting to a state: which, why, and who asks. A stop holds in the process even if it fails.
pub type Operate = Arc<dyn Fn(TradingState, &str, &str) -> io::Result<()> + Send + Sync>;

/// Has the folder of the strategies looked at: on whose behalf.
pub type Reload = Arc<dyn Fn(String) + Send + Sync>;

/// What the server serves.
#[derive(Clone)]
pub struct Service {
    /// The settings of the server.
    pub settings: config::Http,
    /// Gives the present state of health.
    pub health: Ask,
    /// What the host published last.
    pub view: watch::Receiver<Arc<view::View>>,
    /// What a person should know.
    pub alerts: Alerts,
    /// Where traces go.
    pub telemetry: Telemetry,
    /// What is counted.
    pub metrics: metrics::Metrics,
    /// Stops betting, and lets it go on.
    pub operate: Operate,
    /// Has the folder of the strategies looked at.
    pub reload: Reload,
    /// The ledger, to be read.
    pub ledger: PathBuf,
}
