//! Answers from the published copy of the state.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::params;
use crate::engine::ReasonCode;
use crate::http::Standing;
use crate::http::app::App;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::view::{
    Alert, EquityPoint, FeedDocument, Intent, Live, Order, Position, Refusals, Risk, Strategy,
    Trading, View,
};

/// How much of each list the overview holds.
const ORDERS: usize = 100;
const ALERTS: usize = 20;

/// Which program this is.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct Info {
    name: &'static str,
    version: &'static str,
    mode: &'static str,
    /// Where the API is described.
    openapi: &'static str,
    /// Whether reading takes a token.
    tokens_required: bool,
    /// Whether there is a token with which betting can be let go on.
    can_control: bool,
}

pub(in crate::http) async fn info(State(app): State<App>) -> Response {
    let view = app.view();
    let info = Info {
        name: "bea",
        version: env!("CARGO_PKG_VERSION"),
        mode: view.mode,
        openapi: "/api/v1/openapi.json",
        tokens_required: app.tokens.are_required(),
        can_control: app.tokens.can_control(),
    };
    Reply::new("bea.info/1", &view, info).into_response()
}

/// All that the dashboard shows.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct Overview {
    version: &'static str,
    mode: &'static str,
    /// How LIVE stands, where it is the mode.
    live: Option<Arc<Live>>,
    /// pass, warn or fail.
    health: Standing,
    /// What is not well, in words.
    notes: Vec<String>,
    trading: Trading,
    feed: FeedDocument,
    strategies: Arc<[Strategy]>,
    /// At most 100 of them.
    orders: Vec<Order>,
    open_orders: usize,
    risk: Arc<Risk>,
    /// The latest, newest first.
    intents: Arc<[Arc<Intent>]>,
    refusals: Arc<[Refusals]>,
    equity: Arc<[EquityPoint]>,
    /// The latest, newest first.
    alerts: Vec<Alert>,
    tokens_required: bool,
    can_control: bool,
}

/// The overview of this moment.
pub(in crate::http) fn overview_of(app: &App, view: &View) -> Reply<Overview> {
    let health = (app.service.health)();
    let alerts = app.service.alerts.latest();
    let overview = Overview {
        version: env!("CARGO_PKG_VERSION"),
        mode: view.mode,
        live: view.live.clone(),
        health: health.status,
        notes: health.notes,
        trading: view.trading.clone(),
        feed: view.feed.document(Instant::now()),
        strategies: Arc::clone(&view.strategies),
        orders: view.orders.iter().take(ORDERS).cloned().collect(),
        open_orders: view.orders.len(),
        risk: Arc::clone(&view.risk),
        intents: Arc::clone(&view.intents),
        refusals: Arc::clone(&view.refusals),
        equity: Arc::clone(&view.equity),
        alerts: alerts.iter().take(ALERTS).map(Alert::from).collect(),
        tokens_required: app.tokens.are_required(),
        can_control: app.tokens.can_control(),
    };
    Reply::new("bea.state/1", view, overview)
}

pub(in crate::http) async fn overview(State(app): State<App>) -> Response {
    let view = app.view();
    overview_of(&app, &view).into_response()
}

pub(in crate::http) async fn strategies(State(app): State<App>) -> Response {
    let view = app.view();
    Reply::new("bea.strategies/1", &view, &view.strategies).into_response()
}

/// One strategy, if it is there.
pub(super) fn find<'v>(view: &'v View, name: &str) -> Result<&'v Strategy, Problem> {
    let found = view.strategies.iter().find(|one| one.name == name);
    found.ok_or_else(|| {
        Problem::not_found("there is no strategy of that name: /api/v1/strategies lists them")
    })
}

pub(in crate::http) async fn strategy(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let view = app.view();
    let one = find(&view, &name)?;
    Ok(Reply::new("bea.strategy/1", &view, one).into_response())
}

pub(in crate::http) async fn markets(State(app): State<App>) -> Response {
    let view = app.view();
    Reply::new("bea.markets/1", &view, &view.markets).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    strategy: Option<String>,
    market: Option<String>,
}

impl Whose {
    fn read(uri: &Uri) -> Result<Self, Problem> {
        let Self { strategy, market } = params::read(uri)?;
        Ok(Self {
            strategy: params::text("strategy", strategy, 64)?,
            market: params::text("market", market, 64)?,
        })
    }

    fn is(&self, strategy: &str, market: &str) -> bool {
        self.strategy.as_deref().is_none_or(|one| one == strategy)
            && self.market.as_deref().is_none_or(|one| one == market)
    }
}

pub(in crate::http) async fn orders(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let (view, whose) = (app.view(), Whose::read(&uri)?);
    let wanted = |order: &&Order| whose.is(&order.strategy, &order.market);
    let orders: Vec<&Order> = view.orders.iter().filter(wanted).collect();
    Ok(Reply::new("bea.orders/1", &view, orders).into_response())
}

pub(in crate::http) async fn positions(
    State(app): State<App>,
    uri: Uri,
) -> Result<Response, Problem> {
    let (view, whose) = (app.view(), Whose::read(&uri)?);
    let wanted = |held: &&Position| whose.is(&held.strategy, &held.market);
    let positions: Vec<&Position> = view.positions.iter().filter(wanted).collect();
    Ok(Reply::new("bea.positions/1", &view, positions).into_response())
}

/// Betting's state and every limit.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct RiskDocument {
    trading: Trading,
    #[serde(flatten)]
    risk: Arc<Risk>,
}

pub(in crate::http) async fn risk(State(app): State<App>) -> Response {
    let view = app.view();
    let document = RiskDocument {
        trading: view.trading.clone(),
        risk: Arc::clone(&view.risk),
    };
    Reply::new("bea.risk/1", &view, document).into_response()
}

pub(in crate::http) async fn equity(State(app): State<App>) -> Response {
    let view = app.view();
    Reply::new("bea.equity/1", &view, &view.equity).into_response()
}

pub(in crate::http) async fn alerts(State(app): State<App>) -> Response {
    let (view, latest) = (app.view(), app.service.alerts.latest());
    let alerts: Vec<Alert> = latest.iter().map(Alert::from).collect();
    Reply::new("bea.alerts/1", &view, alerts).into_response()
}

/// Why an intent can be refused.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct Reason {
    code: &'static str,
    /// What it means.
    meaning: &'static str,
}

pub(in crate::http) async fn reasons(State(app): State<App>) -> Response {
    let reasons: Vec<Reason> = ReasonCode::ALL
        .iter()
        .map(|code| Reason {
            code: code.as_str(),
            meaning: code.meaning(),
        })
        .collect();
    Reply::new("bea.reasons/1", &app.view(), reasons).into_response()
}
