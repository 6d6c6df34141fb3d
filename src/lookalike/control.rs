//! The control address: faults, the clock, markets, sessions. For tests, and for this machine alone.

use std::time::Instant;

use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Hub;
use super::faults::read_faults;
use super::http::document;
use crate::config::Speed;
use crate::market::MarketId;
use crate::venue::betfair::runner_id;

/// How the clock is to go on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockOrder {
    /// Whether it runs.
    run: Option<bool>,
    /// So many messages, though it stands still.
    step: Option<u64>,
    /// At another pace.
    speed: Option<Speed>,
}

/// What is to be done to a market.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum MarketOrder {
    /// No bets are taken until it is resumed.
    Suspend { market: String },
    /// As recorded again.
    Resume { market: String },
    /// A runner is withdrawn.
    RemoveRunner {
        market: String,
        selection: u64,
        handicap: Option<f64>,
        /// Reduction factor in percent; its own if absent.
        factor: Option<f64>,
    },
}

impl MarketOrder {
    fn market(&self) -> &str {
        match self {
            Self::Suspend { market }
            | Self::Resume { market }
            | Self::RemoveRunner { market, .. } => market,
        }
    }
}

/// Answers a request to the control address.
pub(super) async fn respond(
    hub: &Hub,
    method: &Method,
    what: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    if headers.contains_key(header::ORIGIN) {
        return problem(403, "requests from web pages are refused");
    }
    match (method.as_str(), what) {
        ("GET", "") => document(200, &standing(hub)),
        ("GET", "/faults") => document(200, &json!(hub.world().faults.active())),
        ("DELETE", "/faults") => {
            hub.world().faults.clear();
            document(200, &json!([]))
        }
        ("POST", "/faults") => match read_faults(body) {
            Ok(faults) => {
                let mut world = hub.world();
                world.faults.add(faults);
                document(200, &json!(world.faults.active()))
            }
            Err(error) => problem(400, &error),
        },
        ("DELETE", "/sessions") => {
            let ended = hub.world().accounts.expire_all();
            document(200, &json!({ "ended": ended }))
        }
        ("POST", "/clock") => match serde_json::from_slice(body) {
            Ok(order) => {
                set_clock(hub, &order).await;
                document(200, &standing(hub))
            }
            Err(error) => problem(
                400,
                &format!("send {{\"run\": true}}, {{\"step\": 10}} or {{\"speed\": 5}}: {error}"),
            ),
        },
        ("POST", "/market") => match serde_json::from_slice(body) {
            Ok(order) => match tamper(hub, &order) {
                Ok(()) => document(200, &standing(hub)),
                Err(error) => problem(404, &error),
            },
            Err(error) => problem(
                400,
                &format!("send {{\"do\": \"suspend\", \"market\": \"1.1\"}}: {error}"),
            ),
        },
        _ => problem(
            404,
            "there are GET /control, GET, POST and DELETE /control/faults, POST /control/clock, \
             POST /control/market and DELETE /control/sessions",
        ),
    }
}

fn problem(status: u16, detail: &str) -> Response {
    document(status, &json!({ "status": status, "detail": detail }))
}

fn standing(hub: &Hub) -> Value {
    let world = hub.world();
    let markets: Vec<Value> = world
        .books
        .iter()
        .map(|market| {
            let definition = &market.definition;
            json!({
                "id": market.id,
                "name": definition.name,
                "status": definition.status,
                "in_play": definition.in_play,
                "starts": definition.market_time.to_string(),
            })
        })
        .collect();
    json!({
        "now": world.now().to_string(),
        "running": world.clock.is_running(),
        "speed": world.clock.speed(),
        "ended": world.has_ended,
        "markets": markets,
    })
}

/// Sets the clock; a step is waited for.
async fn set_clock(hub: &Hub, order: &ClockOrder) {
    let mut changes = {
        let mut world = hub.world();
        let now = Instant::now();
        if let Some(speed) = order.speed {
            world.clock.set_speed(speed, now);
        }
        if let Some(run) = order.run {
            world.clock.run(run, now);
        }
        if let Some(step) = order.step.filter(|_| !world.has_ended) {
            world.clock.step(step);
        }
        hub.wake.notify_all();
        world.listen()
    };
    while hub.world().clock.steps_left() > 0 {
        if changes.changed().await.is_err() {
            return;
        }
    }
}

fn tamper(hub: &Hub, order: &MarketOrder) -> Result<(), String> {
    let mut world = hub.world();
    let market = MarketId::new(order.market());
    let Some(book) = world.books.market(&market) else {
        return Err(format!("there is no market {market}: see GET /control"));
    };
    match order {
        MarketOrder::Suspend { .. } => world.tampering.suspend(&market, true),
        MarketOrder::Resume { .. } => world.tampering.suspend(&market, false),
        MarketOrder::RemoveRunner {
            selection,
            handicap,
            factor,
            ..
        } => {
            let runner = runner_id(*selection, *handicap);
            if book.runner(runner).is_none() {
                return Err(format!("market {market} has no runner {runner}"));
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            // clamped to its range
            let factor = factor.map(|percent| (percent.clamp(0.0, 99.99) * 100.0).round() as u32);
            let at = world.now();
            world.tampering.remove(&market, runner, factor, at);
        }
    }
    world.redefine(&market);
    Ok(())
}
