//! `/health`, `/livez`, `/readyz` and `/metrics`: for supervisors and for Prometheus.

use std::time::Instant;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::app::App;
use super::auth::{Caller, Origin};
use super::health::Standing;
use super::{metrics, reply};

/// The content type of health documents.
pub(super) const HEALTH: &str = "application/health+json";
/// The content type of metrics.
pub(super) const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Nothing but how it is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Plain {
    /// pass, warn or fail.
    status: Standing,
}

pub(super) async fn live(State(app): State<App>) -> Response {
    plain((app.service.health)().is_alive)
}

pub(super) async fn ready(State(app): State<App>) -> Response {
    plain((app.service.health)().is_ready)
}

fn plain(holds: bool) -> Response {
    let (code, status) = match holds {
        true => (StatusCode::OK, Standing::Pass),
        false => (StatusCode::SERVICE_UNAVAILABLE, Standing::Fail),
    };
    reply::json(code, HEALTH, &Plain { status })
}

/// Whoever asks from this machine, or with a token, learns all of it; anybody else only how it is.
pub(super) async fn health(
    State(app): State<App>,
    Extension(origin): Extension<Origin>,
    Extension(caller): Extension<Caller>,
) -> Response {
    let health = (app.service.health)();
    let code = match health.status {
        Standing::Fail => StatusCode::SERVICE_UNAVAILABLE,
        Standing::Pass | Standing::Warn => StatusCode::OK,
    };
    if origin.is_this_machine() || caller.role.is_some() {
        return reply::json(code, HEALTH, &health);
    }
    let status = health.status;
    reply::json(code, HEALTH, &Plain { status })
}

pub(super) async fn metrics(State(app): State<App>) -> Response {
    let view = app.view();
    let facts = metrics::Facts {
        view: &view,
        health: (app.service.health)().status,
        alerts: &app.service.alerts,
        spans: app.service.telemetry.tally(),
        now: Instant::now(),
    };
    let text = metrics::encode(&app.service.metrics, &facts);
    reply::bytes_of(StatusCode::OK, METRICS, text)
}
