//! A local look-alike of The Odds API: its routes, headers, errors, and a counter of credits that runs down.
//!
//! It plays season files or made-up matches on a clock of its own, which may run faster than ours and is told in the
//! header `Date`. Every bookmaker is in every region.

mod answers;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::faults::{Fault, Faults};
use super::http::document;
use super::show::{self, Playbill, Show, Struck};
use super::wire::{CuttableListener, Scissors};
use super::{Addresses, LookalikeError};
use crate::market::TimeMs;

/// Calls that one key may make in a second.
const MOST_CALLS: usize = 30;

/// What a look-alike is made of.
#[derive(Clone, Debug)]
pub struct OddsPlan {
    /// Season files.
    pub files: Vec<PathBuf>,
    /// So many made-up matches.
    pub generate: u32,
    /// From which these are drawn, and the chances of faults.
    pub seed: u64,
    /// How many times as fast its clock runs.
    pub times: u32,
    /// Credits at the start.
    pub credits: u64,
    /// The only key that it takes; any will do without one.
    pub key: Option<String>,
    /// Where it is served.
    pub http: std::net::SocketAddr,
    /// What goes wrong from the start.
    pub faults: Vec<Fault>,
    /// Gives the wall clock, from which made-up matches start.
    pub wall_clock: fn() -> TimeMs,
}

struct Shop {
    show: Show,
    key: Option<String>,
    left: u64,
    used: u64,
    calls: VecDeque<Instant>,
    faults: Faults,
}

/// What an answer is made of: status, body, cost.
struct Told {
    status: u16,
    body: Value,
    cost: u64,
}

impl Told {
    fn error(status: u16, code: &str, message: &str) -> Self {
        let details = "https://the-odds-api.com/liveapi/guides/v4/api-error-codes.html";
        Self {
            status,
            body: json!({ "message": message, "error_code": code, "details_url": details }),
            cost: 0,
        }
    }
}

/// Serves until `until` is done. `ready` hears the address once clients can come.
///
/// # Errors
/// If it cannot start.
pub async fn serve_odds(
    plan: OddsPlan,
    ready: impl FnOnce(Addresses),
    until: impl Future<Output = ()>,
) -> Result<(), LookalikeError> {
    if !plan.http.ip().is_loopback() {
        return Err(LookalikeError::NotLocal(plan.http));
    }
    let listener = super::listen(plan.http).await?;
    let http = listener
        .local_addr()
        .map_err(|error| LookalikeError::System("tell its address", error))?;
    let shop = Arc::new(Mutex::new(Shop::open(plan)?));
    let routes = Router::new().fallback(respond).with_state(shop);
    let service = routes.into_make_service_with_connect_info::<Scissors>();
    ready(Addresses { http, stream: http });
    tokio::select! {
        () = until => Ok(()),
        ended = async { axum::serve(CuttableListener(listener), service).await } => {
            ended.map_err(|error| LookalikeError::System("serve HTTP", error))
        }
    }
}

async fn respond(
    State(shop): State<Arc<Mutex<Shop>>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request<axum::body::Body>,
) -> Response {
    if !crate::http::is_local(request.headers()) {
        let why = "the Host header must name this machine: localhost, 127.0.0.1 or [::1]";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_end_matches('/').to_owned();
    let open = || shop.lock().unwrap_or_else(PoisonError::into_inner);
    if path == "/control/faults" {
        let Ok(body) = axum::body::to_bytes(body, 1 << 20).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        return show::control(&mut open().faults, &parts.method, &body);
    }
    if path == "/control/credits" {
        let shop = open();
        return document(200, &json!({ "remaining": shop.left, "used": shop.used }));
    }
    if parts.method != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let operation = path.rsplit('/').next().unwrap_or_default().to_owned();
    let before = open().faults.before(&operation);
    match show::before(before, &scissors).await {
        None => {}
        Some(Struck::Answered(response)) => return response,
        Some(Struck::Refused(fault)) => {
            let code = fault.code.as_deref().unwrap_or("EXCEEDED_FREQ_LIMIT");
            let status = fault.status.unwrap_or(429);
            let told = Told::error(status, code, "as the fault says");
            return open().answer(told);
        }
    }
    let (response, after) = {
        let mut shop = open();
        let told = shop.tell(&path, parts.uri.query().unwrap_or_default());
        let after = shop.faults.after(&operation);
        (shop.answer(told), after)
    };
    show::after(after, &scissors, response).await
}

impl Shop {
    fn open(plan: OddsPlan) -> Result<Self, LookalikeError> {
        let bill = Playbill {
            files: plan.files,
            generate: plan.generate,
            seed: plan.seed,
            times: plan.times,
            wall_clock: plan.wall_clock,
        };
        Ok(Self {
            show: Show::open(&bill)?,
            key: plan.key,
            left: plan.credits,
            used: 0,
            calls: VecDeque::new(),
            faults: Faults::new(plan.faults, plan.seed),
        })
    }

    fn tell(&mut self, path: &str, query: &str) -> Told {
        self.show.catch_up();
        let query = answers::Query::read(query);
        let is_known = match (query.get("apiKey").or(query.get("api_key")), &self.key) {
            (None | Some(""), _) => {
                return Told::error(401, "MISSING_KEY", "API key is missing");
            }
            (Some(key), Some(only)) => key == only,
            (Some(_), None) => true,
        };
        if !is_known {
            return Told::error(401, "INVALID_KEY", "API key is not valid");
        }
        let instant = Instant::now();
        let second = Duration::from_secs(1);
        while self.calls.front().is_some_and(|at| instant - *at > second) {
            self.calls.pop_front();
        }
        if self.calls.len() >= MOST_CALLS {
            let message = "Requests are too frequent. Wait a few seconds";
            return Told::error(429, "EXCEEDED_FREQ_LIMIT", message);
        }
        self.calls.push_back(instant);
        let told = answers::tell(&self.show.books, path, &query, self.show.now());
        if told.cost > self.left {
            let message = "Usage quota has been reached";
            return Told::error(401, "OUT_OF_USAGE_CREDITS", message);
        }
        told
    }

    /// The answer with its headers; what it costs is taken.
    fn answer(&mut self, told: Told) -> Response {
        self.left = self.left.saturating_sub(told.cost);
        self.used += told.cost;
        let mut headers = HeaderMap::new();
        for (name, figure) in [
            ("x-requests-remaining", self.left),
            ("x-requests-used", self.used),
            ("x-requests-last", told.cost),
        ] {
            headers.insert(name, HeaderValue::from(figure));
        }
        let mut response = document(told.status, &told.body);
        response.headers_mut().extend(headers);
        self.show.date(&mut response);
        response
    }
}
