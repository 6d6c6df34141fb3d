//! Every route, in one table: the router is made of it, and so is the OpenAPI document.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::api::{control, records, state};
use super::app::App;
use super::auth::{self, Need};
use super::{dashboard, events, openapi, probes, view};

/// Gives the schema of something.
pub(super) type Describe = fn(&mut SchemaGenerator) -> Schema;

/// A route.
pub(super) struct Route {
    pub(super) path: &'static str,
    /// get or post.
    pub(super) method: &'static str,
    pub(super) need: Need,
    /// One line of what it is for.
    pub(super) summary: &'static str,
    pub(super) params: &'static [Param],
    /// What is sent, of a POST.
    pub(super) body: Option<Describe>,
    pub(super) answer: Answer,
    /// Codes besides those that every route may answer with.
    pub(super) codes: &'static [u16],
    route: fn() -> MethodRouter<App>,
}

/// What a route answers with.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// A document with this schema's name, around such data.
    Data(&'static str, Describe),
    /// JSON of this kind, as it is.
    Json(&'static str, Describe),
    /// Something else of this kind.
    Other(&'static str),
    /// A WebSocket.
    Socket,
}

/// A parameter.
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

/// Where a parameter stands and what it may be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// In the path: a name.
    Path,
    /// In the query: a text of at most so many characters, at least one.
    Text(usize),
    /// In the query: a whole number between these.
    Number(i64, i64),
    /// In the query: a reason for a refusal.
    Code,
    /// In the query: one of these words.
    Choice(&'static [&'static str]),
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

const fn param(name: &'static str, kind: Kind, help: &'static str) -> Param {
    Param { name, kind, help }
}

const RUN: Param = param(
    "run",
    Kind::Number(1, i64::MAX),
    "Number of the run; the present one if absent.",
);
const STRATEGY: Param = param("strategy", Kind::Text(64), "Of this strategy alone.");
const MARKET: Param = param("market", Kind::Text(64), "In this market alone.");
const LIMIT: Param = param(
    "limit",
    Kind::Number(1, 500),
    "At most so many; 100 if absent.",
);
const CURSOR: Param = param(
    "cursor",
    Kind::Text(64),
    "Where to go on: `next` of the page before.",
);
const NAME: Param = param("name", Kind::Path, "The strategy's name.");

/// A route that is read.
const fn read(
    path: &'static str,
    summary: &'static str,
    params: &'static [Param],
    answer: Answer,
    route: fn() -> MethodRouter<App>,
) -> Route {
    Route {
        path,
        method: "get",
        need: Need::Read,
        summary,
        params,
        body: None,
        answer,
        codes: &[],
        route,
    }
}

/// A route with which something is done.
const fn act(
    path: &'static str,
    summary: &'static str,
    body: Describe,
    answer: Answer,
    route: fn() -> MethodRouter<App>,
) -> Route {
    Route {
        path,
        method: "post",
        need: Need::Control,
        summary,
        params: &[],
        body: Some(body),
        answer,
        codes: &[],
        route,
    }
}

/// All routes, but those of the dashboard's files.
pub(super) const ROUTES: &[Route] = &[
    Route {
        need: Need::Nothing,
        codes: &[503],
        ..read(
            "/livez",
            "Whether the engine shows signs of life.",
            &[],
            Answer::Json(probes::HEALTH, of::<probes::Plain>),
            || get(probes::live),
        )
    },
    Route {
        need: Need::Nothing,
        codes: &[503],
        ..read(
            "/readyz",
            "Whether it does its work.",
            &[],
            Answer::Json(probes::HEALTH, of::<probes::Plain>),
            || get(probes::ready),
        )
    },
    Route {
        need: Need::Nothing,
        codes: &[503],
        ..read(
            "/health",
            "How each part is; from elsewhere without a token only how the whole is.",
            &[],
            Answer::Json(probes::HEALTH, openapi::any_object),
            || get(probes::health),
        )
    },
    read(
        "/metrics",
        "Metrics for Prometheus.",
        &[],
        Answer::Other(probes::METRICS),
        || get(probes::metrics),
    ),
    read(
        "/api/info",
        "Which program this is, and where its documents are.",
        &[],
        Answer::Data("bea.info/1", of::<state::Info>),
        || get(state::info),
    ),
    read(
        "/api/v1/openapi.json",
        "This document.",
        &[],
        Answer::Json("application/json", openapi::any_object),
        || get(openapi::document),
    ),
    read(
        "/api/v1/state",
        "All that the dashboard shows.",
        &[],
        Answer::Data("bea.state/1", of::<state::Overview>),
        || get(state::overview),
    ),
    read(
        "/api/v1/strategies",
        "Every strategy.",
        &[],
        Answer::Data("bea.strategies/1", of::<Vec<view::Strategy>>),
        || get(state::strategies),
    ),
    Route {
        codes: &[404],
        ..read(
            "/api/v1/strategies/{name}",
            "One strategy.",
            &[NAME],
            Answer::Data("bea.strategy/1", of::<view::Strategy>),
            || get(state::strategy),
        )
    },
    read(
        "/api/v1/markets",
        "Every market of the session with its best prices.",
        &[],
        Answer::Data("bea.markets/1", of::<Vec<view::Market>>),
        || get(state::markets),
    ),
    read(
        "/api/v1/orders",
        "Orders that can still change.",
        &[STRATEGY, MARKET],
        Answer::Data("bea.orders/1", of::<Vec<view::Order>>),
        || get(state::orders),
    ),
    read(
        "/api/v1/positions",
        "What is held in each market.",
        &[STRATEGY, MARKET],
        Answer::Data("bea.positions/1", of::<Vec<view::Position>>),
        || get(state::positions),
    ),
    read(
        "/api/v1/risk",
        "Betting's state, every limit and how much of it is used.",
        &[],
        Answer::Data("bea.risk/1", of::<state::RiskDocument>),
        || get(state::risk),
    ),
    read(
        "/api/v1/equity",
        "Net result of the run after each settled market.",
        &[],
        Answer::Data("bea.equity/1", of::<Vec<view::EquityPoint>>),
        || get(state::equity),
    ),
    read(
        "/api/v1/alerts",
        "The latest alerts, newest first.",
        &[],
        Answer::Data("bea.alerts/1", of::<Vec<view::Alert>>),
        || get(state::alerts),
    ),
    read(
        "/api/v1/reasons",
        "Why an intent can be refused: every code and what it means.",
        &[],
        Answer::Data("bea.reasons/1", of::<Vec<state::Reason>>),
        || get(state::reasons),
    ),
    Route {
        codes: &[404],
        ..read(
            "/api/v1/pnl",
            "What each strategy made in a run.",
            &[RUN, STRATEGY, MARKET],
            Answer::Data("bea.pnl/1", of::<Vec<records::Pnl>>),
            || get(records::pnl),
        )
    },
    Route {
        codes: &[404],
        ..read(
            "/api/v1/intents",
            "Intents with verdict and reason, newest first.",
            &[
                RUN,
                STRATEGY,
                MARKET,
                param(
                    "verdict",
                    Kind::Choice(&["APPROVED", "REFUSED"]),
                    "With this verdict alone.",
                ),
                param("code", Kind::Code, "Refused for this reason alone."),
                LIMIT,
                CURSOR,
            ],
            Answer::Data("bea.intents/1", of::<Vec<view::Intent>>),
            || get(records::intents),
        )
    },
    Route {
        codes: &[404],
        ..read(
            "/api/v1/bets",
            "Bets and what became of them, newest first.",
            &[RUN, STRATEGY, MARKET, LIMIT, CURSOR],
            Answer::Data("bea.bets/1", of::<Vec<records::Bet>>),
            || get(records::bets),
        )
    },
    Route {
        codes: &[404],
        ..read(
            "/api/v1/why",
            "Why it bet, or why not.",
            &[
                param(
                    "about",
                    Kind::Text(64),
                    "An intent, an order or a market; the last bet if absent.",
                ),
                RUN,
            ],
            Answer::Data("bea.why/1", openapi::any_object),
            || get(records::why),
        )
    },
    Route {
        codes: &[503],
        ..read(
            "/api/v1/events",
            "What happens, as Server-Sent Events.",
            &[],
            Answer::Other("text/event-stream"),
            || get(events::stream),
        )
    },
    Route {
        codes: &[400, 426, 503],
        ..read(
            "/api/v1/ws",
            "What happens, over a WebSocket.",
            &[],
            Answer::Socket,
            || get(events::socket),
        )
    },
    Route {
        need: Need::Stop,
        ..act(
            "/api/v1/kill",
            "Halt betting: nothing leaves, what rests is cancelled.",
            of::<control::Because>,
            Answer::Data("bea.control/1", of::<control::Done>),
            || post(control::kill),
        )
    },
    act(
        "/api/v1/pause",
        "Pause betting: nothing new leaves, cancels still go.",
        of::<control::Because>,
        Answer::Data("bea.control/1", of::<control::Done>),
        || post(control::pause),
    ),
    act(
        "/api/v1/reduce",
        "Only orders that lower the risk leave.",
        of::<control::Because>,
        Answer::Data("bea.control/1", of::<control::Done>),
        || post(control::reduce),
    ),
    act(
        "/api/v1/resume",
        "Let betting go on.",
        of::<control::Because>,
        Answer::Data("bea.control/1", of::<control::Done>),
        || post(control::resume),
    ),
    act(
        "/api/v1/reload",
        "Look at the folder of the strategies now.",
        of::<control::Nothing>,
        Answer::Data("bea.reload/1", of::<control::Asked>),
        || post(control::reload),
    ),
    Route {
        params: &[NAME],
        codes: &[404],
        ..act(
            "/api/v1/strategies/{name}/reload",
            "Look at a strategy's file now.",
            of::<control::Nothing>,
            Answer::Data("bea.reload/1", of::<control::Asked>),
            || post(control::reload_one),
        )
    },
];

/// The router of all routes, each behind its check of tokens.
pub(super) fn router(app: &App) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let check = from_fn_with_state((app.clone(), route.need), auth::check);
        router = router.route(route.path, (route.route)().route_layer(check));
    }
    for (at, (path, ..)) in dashboard::FILES.iter().enumerate() {
        router = router.route(path, get(move || std::future::ready(dashboard::file(at))));
    }
    router.with_state(app.clone())
}
