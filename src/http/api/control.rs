//! What an operator may do: stop betting, let it go on, have strategies looked at.
//!
//! To stop is one call. To let go on takes a control token and a reason, and nothing may be unresolved.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::replay::Turn;
use super::state::find;
use crate::config::Severity;
use crate::engine::TradingState;
use crate::http::app::App;
use crate::http::auth::Caller;
use crate::http::door::{BY_HAND, RequestId};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::view::View;

/// The longest body that is read.
const LONGEST_BODY: usize = 64 * 1_024;
/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;
/// How long the engine is given to obey before that is told as it stands.
const OBEYED: Duration = Duration::from_secs(2);

/// Why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Because {
    /// Why; it is kept in the ledger and in the log.
    #[schemars(
        length(min = 1, max = 500),
        regex(
            pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\x00-\x1f\x7f-\x9f]*$"
        )
    )]
    reason: String,
}

/// An empty object.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Nothing {}

/// What became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct Done {
    /// ACTIVE, REDUCE, PAUSED or HALTED, as the engine has it now.
    state: &'static str,
    /// Where it stood before.
    before: &'static str,
    /// Why it stands there.
    reason: String,
    /// Whether the engine has obeyed yet.
    obeyed: bool,
    /// Orders that the venue has and that can still change.
    working: usize,
    /// Orders of which the venue has not been heard.
    unresolved: usize,
    notes: &'static str,
}

/// That the folder is being looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct Asked {
    /// Which strategy, if one was named.
    strategy: Option<String>,
    /// The version that runs now.
    hash: Option<String>,
    notes: &'static str,
}

/// A request to do something, past its checks.
struct Asking<T> {
    app: App,
    caller: Caller,
    id: RequestId,
    path: String,
    wanted: T,
    name: Option<blake3::Hash>,
}

/// Reads what is asked for, as it must be asked for.
async fn read<T: DeserializeOwned>(
    app: &App,
    caller: Caller,
    request: Request,
) -> Result<Result<Asking<T>, Response>, Problem> {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    if !is_json(headers) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send Content-Type: application/json",
        ));
    }
    let is_word = |value: &HeaderValue| {
        !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    if !headers.get(BY_HAND).is_some_and(is_word) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "send the header X-Requested-With, one word such as your name: a page elsewhere cannot",
        ));
    }
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > LONGEST_BODY) {
        return Err(too_long());
    }
    let body = to_bytes(body, LONGEST_BODY).await.map_err(|_| too_long())?;
    let wanted = serde_json::from_slice(&body)
        .map_err(|_| Problem::bad("the body is not the JSON object that this path takes"))?;
    let path = parts.uri.path().to_owned();
    let name = match app.replays.begin(&caller.name, &path, headers, &body)? {
        Turn::Do(name) => name,
        Turn::Done(response) => return Ok(Err(response)),
    };
    let id = parts.extensions.get::<RequestId>().cloned();
    Ok(Ok(Asking {
        app: app.clone(),
        caller,
        id: id.unwrap_or_else(|| RequestId(String::new())),
        path,
        wanted,
        name,
    }))
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return false;
    };
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn too_long() -> Problem {
    let detail = "the body is longer than 65536 bytes, or broke off";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

impl<T> Asking<T> {
    /// Keeps the answer under the request's key, if it has one.
    async fn kept(&self, answer: Result<Response, Problem>) -> Result<Response, Problem> {
        let Some(name) = self.name else {
            return answer;
        };
        let Ok(response) = answer else {
            self.app.replays.end(name, None);
            return answer;
        };
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX)
            .await
            .map_err(|_| Problem::inside())?;
        let kind = parts.headers.get(header::CONTENT_TYPE).cloned();
        let kind = kind.unwrap_or_else(|| HeaderValue::from_static("application/json"));
        let kept = (parts.status, kind, bytes.clone());
        self.app.replays.end(name, Some(kept));
        Ok(Response::from_parts(parts, Body::from(bytes)))
    }

    /// Who asks, and by which request: so it stands in the ledger.
    fn by(&self) -> String {
        format!("HTTP ({}, request {})", self.caller.name, self.id.0)
    }

    /// Tells who did what, in the log and to whoever looks.
    fn tell(&self, code: &'static str, before: &str, reason: &str) {
        let Self {
            app,
            caller,
            id,
            path,
            ..
        } = self;
        let by = &caller.name;
        tracing::warn!(event = "operator", request_id = %id.0, %path, by, before, reason = ?reason, "asked over HTTP");
        let text = format_args!("{reason} (by {by}, was {before}, request {})", id.0);
        app.service.alerts.raise(Severity::Info, code, text);
    }
}

impl Asking<Because> {
    fn reason(&self) -> Result<&str, Problem> {
        let reason = &self.wanted.reason;
        let fits = reason.chars().count() <= LONGEST_REASON;
        if !fits || reason.trim().is_empty() || reason.chars().any(char::is_control) {
            let detail = "`reason` is a text of 1 to 500 characters, not all of them space, without control characters";
            return Err(Problem::bad(detail));
        }
        Ok(reason.trim())
    }

    /// Brings betting to a state, and waits a little for the engine to obey.
    async fn operate(&self, state: TradingState, code: &'static str) -> Result<Response, Problem> {
        let reason = self.reason()?.to_owned();
        let before = self.app.view().trading.state;
        if state == TradingState::Active {
            self.nothing_unresolved().await?;
        }
        self.tell(code, before, &reason);
        let operate = self.app.service.operate.clone();
        let (said, by) = (reason.clone(), self.by());
        // The file is made durable: that takes as long as the disk takes.
        let done = tokio::task::spawn_blocking(move || operate(state, &said, &by)).await;
        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(event = "kill_file", request_id = %self.id.0, %error, "the kill file cannot be changed");
                let detail = match state {
                    TradingState::Active => {
                        "the kill file cannot be taken away: betting stays as it was"
                    }
                    _ => "it holds until this process ends, but the kill file cannot be written",
                };
                return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail));
            }
            Err(_panic) => return Err(Problem::inside()),
        }
        let view = self.obeyed(state).await;
        let unresolved = view.risk.unresolved;
        let done = Done {
            state: view.trading.state,
            before,
            reason: match view.trading.reason.is_empty() {
                true => reason,
                false => view.trading.reason.clone(),
            },
            obeyed: has_obeyed(&view, state),
            working: view.orders.len().saturating_sub(unresolved),
            unresolved,
            notes: match state {
                TradingState::Active => "bets may leave again",
                _ => {
                    "it outlasts a restart; `bea resume`, or /api/v1/resume with a control token, ends it"
                }
            },
        };
        Ok(Reply::new("bea.control/1", &view, done).into_response())
    }

    /// Betting that was stopped goes on only when it is known where every order stands.
    async fn nothing_unresolved(&self) -> Result<(), Problem> {
        let mut views = self.app.service.view.clone();
        let wait = views.wait_for(|view| {
            let was_stopped = ["PAUSED", "HALTED"].contains(&view.trading.state);
            !was_stopped || view.risk.unready.is_none() && view.risk.unresolved == 0
        });
        if let Ok(Ok(_)) = tokio::time::timeout(OBEYED, wait).await {
            return Ok(());
        }
        let view = self.app.view();
        let detail = match view.risk.unready {
            Some(why) => format!("betting does not go on while the venue takes no orders ({why})"),
            None => format!(
                "betting does not go on while {} orders are unresolved: /api/v1/orders shows them",
                view.risk.unresolved
            ),
        };
        Err(Problem::new(StatusCode::CONFLICT, detail))
    }

    /// What is published once the engine has obeyed, or when the time for that is over.
    async fn obeyed(&self, state: TradingState) -> std::sync::Arc<View> {
        let mut views = self.app.service.view.clone();
        let wait = views.wait_for(|view| {
            let swept = state != TradingState::Halted || view.orders.is_empty();
            has_obeyed(view, state) && swept
        });
        let _ = tokio::time::timeout(OBEYED, wait).await;
        self.app.view()
    }
}

/// Betting is where it was brought, or restrained more than that by somebody else.
fn has_obeyed(view: &View, state: TradingState) -> bool {
    let restrained = |name: &str| {
        ["ACTIVE", "REDUCE", "PAUSED", "HALTED"]
            .iter()
            .position(|s| *s == name)
    };
    match state {
        TradingState::Active => view.trading.state == state.as_str(),
        state => restrained(view.trading.state) >= restrained(state.as_str()),
    }
}

type Answered = Result<Response, Problem>;

async fn operate(
    app: App,
    caller: Caller,
    request: Request,
    state: TradingState,
    code: &'static str,
) -> Answered {
    match read::<Because>(&app, caller, request).await? {
        Ok(asking) => {
            let answer = asking.operate(state, code).await;
            asking.kept(answer).await
        }
        Err(again) => Ok(again),
    }
}

pub(in crate::http) async fn kill(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answered {
    operate(app, caller, request, TradingState::Halted, "KILL_ASKED").await
}

pub(in crate::http) async fn pause(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answered {
    operate(app, caller, request, TradingState::Paused, "PAUSE_ASKED").await
}

pub(in crate::http) async fn reduce(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answered {
    operate(app, caller, request, TradingState::Reduce, "REDUCE_ASKED").await
}

pub(in crate::http) async fn resume(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answered {
    operate(app, caller, request, TradingState::Active, "RESUME_ASKED").await
}

async fn look(app: App, caller: Caller, request: Request, strategy: Option<String>) -> Answered {
    let asking = match read::<Nothing>(&app, caller, request).await? {
        Ok(asking) => asking,
        Err(again) => return Ok(again),
    };
    let view = app.view();
    let hash = match &strategy {
        Some(name) => find(&view, name)?.hash.clone(),
        None => None,
    };
    asking.tell("RELOAD_ASKED", view.trading.state, "look at the strategies");
    (app.service.reload)(asking.by());
    let done = Asked {
        strategy,
        hash,
        notes: "a changed file that is good takes over between two messages; see /api/v1/strategies",
    };
    let answer = Reply::new("bea.reload/1", &view, done).into_response();
    asking.kept(Ok(answer)).await
}

pub(in crate::http) async fn reload(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answered {
    look(app, caller, request, None).await
}

pub(in crate::http) async fn reload_one(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answered {
    find(&app.view(), &name)?;
    look(app, caller, request, Some(name)).await
}
