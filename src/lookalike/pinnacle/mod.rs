//! A local look-alike of Pinnacle: its routes, headers, errors and limits, lines that move, bets that are held back, settled
//! and settled anew; fed by season files or made-up matches on a clock of its own.

mod answers;
mod desk;
mod offers;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::{Fault, Faults};
use super::http::document;
use super::show::{self, Playbill, Show, Struck};
use super::wire::{CuttableListener, Scissors};
use super::{Addresses, LookalikeError};
use crate::market::TimeMs;
use answers::Told;
use desk::Desk;
use offers::Offers;

/// What a look-alike is made of.
#[derive(Clone, Debug)]
pub struct PinnaclePlan {
    /// Season files.
    pub files: Vec<PathBuf>,
    /// So many made-up matches.
    pub generate: u32,
    /// From which these are drawn, and the chances of faults.
    pub seed: u64,
    /// How many times as fast its clock runs.
    pub times: u32,
    /// The only name and password that it takes, with a colon between; any will do without one.
    pub login: Option<String>,
    /// Odds of a sport, and lines, are told once in so many seconds of its clock.
    pub fair_use_seconds: u32,
    /// What the account begins with.
    pub bankroll: f64,
    /// Where it is served.
    pub http: std::net::SocketAddr,
    /// What goes wrong from the start.
    pub faults: Vec<Fault>,
    /// Where the truth is logged.
    pub truth: Option<PathBuf>,
    /// Gives the wall clock, from which made-up matches start.
    pub wall_clock: fn() -> TimeMs,
}

/// All of it, behind one lock.
struct House {
    show: Show,
    offers: Offers,
    desk: Desk,
    faults: Faults,
    login: Option<String>,
    fair_use_ms: i64,
    /// When each question was answered last.
    asked: BTreeMap<(String, String), TimeMs>,
    truth: Option<File>,
}

/// Serves until `until` is done. `ready` hears the address once clients can come.
///
/// # Errors
/// If it cannot start.
pub async fn serve_pinnacle(
    plan: PinnaclePlan,
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
    let house = Arc::new(Mutex::new(House::open(plan)?));
    let routes = Router::new().fallback(respond).with_state(house);
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
    State(house): State<Arc<Mutex<House>>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request<axum::body::Body>,
) -> Response {
    if !crate::http::is_local(request.headers()) {
        let why = "the Host header must name this machine: localhost, 127.0.0.1 or [::1]";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 1 << 20).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path().trim_end_matches('/').to_owned();
    let open = || house.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(what) = path.strip_prefix("/control") {
        return open().control(&parts.method, what, &body);
    }
    let operation = path.rsplit('/').next().unwrap_or_default().to_owned();
    let before = open().faults.before(&operation);
    match show::before(before, &scissors).await {
        None => {}
        Some(Struck::Answered(response)) => return response,
        Some(Struck::Refused(fault)) => return open().answer(refused(&fault)),
    }
    let (response, after) = {
        let mut house = open();
        house.catch_up();
        let query = parts.uri.query().unwrap_or_default();
        let told = house.tell(&parts.method, &path, query, &parts.headers, &body);
        let after = house.faults.after(&operation);
        (house.answer(told), after)
    };
    show::after(after, &scissors, response).await
}

/// An error of the venue's own: of the request, or with status 200 of the bet.
fn refused(fault: &Fault) -> Told {
    let code = fault.code.as_deref().unwrap_or("UNEXPECTED_ERROR");
    match fault.status.unwrap_or(500) {
        200 => Told::document(json!({ "status": "PROCESSED_WITH_ERROR", "errorCode": code })),
        status => Told::error(status, code, "as the fault says"),
    }
}

/// What is to happen to an event.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum EventOrder {
    /// Its odds are so many times what they would be, under a new line.
    Move { event: i64, times: f64 },
    /// It is over with this score, whatever was said before.
    Settle { event: i64, home: u32, away: u32 },
    /// It is called off.
    Cancel { event: i64 },
    /// It is no more.
    Delete { event: i64 },
}

/// How the clock is to go on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockOrder {
    leap_seconds: u32,
}

/// How bets are held back.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldOrder {
    /// For so long; 0 is not at all.
    ms: u64,
    /// And then taken, or not.
    accept: bool,
}

impl House {
    fn open(plan: PinnaclePlan) -> Result<Self, LookalikeError> {
        let truth = match plan.truth {
            Some(path) => {
                let opened = File::create(&path);
                Some(opened.map_err(|source| LookalikeError::File { path, source })?)
            }
            None => None,
        };
        let bill = Playbill {
            files: plan.files,
            generate: plan.generate,
            seed: plan.seed,
            times: plan.times,
            wall_clock: plan.wall_clock,
        };
        let mut house = Self {
            show: Show::open(&bill)?,
            offers: Offers::default(),
            desk: Desk::new(plan.bankroll),
            faults: Faults::new(plan.faults, plan.seed),
            login: plan.login,
            fair_use_ms: i64::from(plan.fair_use_seconds) * 1_000,
            asked: BTreeMap::new(),
            truth,
        };
        house.catch_up();
        Ok(house)
    }

    /// Plays what has happened meanwhile, and tells the truth of it.
    fn catch_up(&mut self) {
        self.show.catch_up();
        let now = self.show.now();
        self.offers.look_at(&self.show.books, now);
        self.desk.catch_up(&self.offers, now);
        self.tell_truth();
    }

    /// Writes what became of bets. A log that cannot be written must not be taken for a whole one.
    fn tell_truth(&mut self) {
        for line in self.desk.told() {
            let Some(file) = &mut self.truth else {
                continue;
            };
            if let Err(error) = writeln!(file, "{line}") {
                tracing::error!("the log of the truth ends here: {error}");
                self.truth = None;
            }
        }
    }

    fn control(&mut self, method: &Method, what: &str, body: &[u8]) -> Response {
        let wrong = |error: &dyn ToString| document(400, &json!({ "error": error.to_string() }));
        match (method.as_str(), what) {
            (_, "/faults") => return show::control(&mut self.faults, method, body),
            ("GET", "") => {}
            ("POST", "/clock") => match serde_json::from_slice::<ClockOrder>(body) {
                Ok(order) => self.show.leap(i64::from(order.leap_seconds) * 1_000),
                Err(error) => return wrong(&error),
            },
            ("POST", "/hold") => match serde_json::from_slice::<HoldOrder>(body) {
                Ok(order) => {
                    let hold = Duration::from_millis(order.ms);
                    self.desk.hold = (order.ms > 0).then_some((hold, order.accept));
                }
                Err(error) => return wrong(&error),
            },
            ("POST", "/event") => match serde_json::from_slice(body) {
                Ok(order) => {
                    self.catch_up();
                    if !self.offers.obey(&order) {
                        return document(
                            404,
                            &json!({ "error": "there is no such event: see GET /control" }),
                        );
                    }
                }
                Err(error) => return wrong(&error),
            },
            _ => {
                let routes = "there are GET /control, POST /control/clock, /control/hold and /control/event, and /control/faults";
                return document(404, &json!({ "error": routes }));
            }
        }
        self.catch_up();
        let standing = json!({
            "now": self.show.now().to_string(),
            "balance": self.desk.balance(),
            "bets": self.desk.count(),
            "events": self.offers.standing(),
        });
        document(200, &standing)
    }

    fn tell(
        &mut self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Told {
        if let Err(told) = self.admit(headers) {
            return told;
        }
        let query = answers::Query::read(query);
        let now = self.show.now();
        let limited = ["/v2/odds", "/v1/line"].contains(&path);
        if limited && let Err(told) = self.is_fair(path, &query, now) {
            return told;
        }
        let told = match (method.as_str(), path) {
            ("POST", "/v4/bets/straight") => self.desk.place(&self.offers, body, now),
            ("GET", "/v4/bets") => self.desk.list(&query, now),
            ("GET", "/v4/bets/betting-status") => {
                Told::document(json!({ "status": "ALL_BETTING_ENABLED" }))
            }
            ("GET", "/v1/client/balance") => Told::document(json!({
                "availableBalance": self.desk.balance(),
                "outstandingTransactions": self.desk.outstanding(),
                "givenCredit": 0.0,
                "currency": "GBP",
            })),
            ("GET", path) => self.offers.tell(path, &query, now),
            _ => Told::error(405, "INVALID_REQUEST_DATA", "no such method"),
        };
        self.tell_truth();
        told
    }

    /// Whether somebody who is known asks.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Told> {
        let given = headers.get(header::AUTHORIZATION);
        let given = given.and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
        let Some(given) = given.and_then(answers::from_base64) else {
            let message = "Authorization header is missing or not valid";
            return Err(Told::error(401, "INVALID_AUTHORIZATION_HEADER", message));
        };
        match &self.login {
            Some(only) if *only != given => Err(Told::error(
                401,
                "INVALID_CREDENTIALS",
                "Invalid credentials",
            )),
            _ => Ok(()),
        }
    }

    /// Whether a question is not asked too soon after the last of its kind.
    fn is_fair(&mut self, path: &str, query: &answers::Query, now: TimeMs) -> Result<(), Told> {
        let sport = query.get("sportId").unwrap_or_default().to_owned();
        let key = (path.to_owned(), sport);
        let last = self.asked.get(&key);
        if last.is_some_and(|last| now - *last < self.fair_use_ms) {
            let message = "Too many requests: see the fair use policy";
            return Err(Told::error(429, "TOO_MANY_REQUESTS", message));
        }
        self.asked.insert(key, now);
        Ok(())
    }

    fn answer(&self, told: Told) -> Response {
        let mut response = match told.body {
            // No change is an empty body.
            Value::Null => StatusCode::OK.into_response(),
            body => document(told.status, &body),
        };
        self.show.date(&mut response);
        response
    }
}
