//! HTTP: login, JSON-RPC and REST as the venue serves them, with the faults that are asked for; and the control address.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::faults::Kind;
use super::wire::{CuttableListener, Scissors};
use super::{Hub, api, control};
use crate::venue::betfair::{ApiCode, Call, RpcError, Service, answer, without_nulls};

/// The longest body that is read.
pub(super) const LONGEST_BODY: usize = 4 << 20;

/// Answers until it is dropped.
pub(super) async fn serve(listener: tokio::net::TcpListener, hub: Arc<Hub>) -> io::Result<()> {
    let routes = Router::new()
        .fallback(respond)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(hub);
    let service = routes.into_make_service_with_connect_info::<Scissors>();
    axum::serve(CuttableListener(listener), service).await
}

/// Why a request is not answered as it should be.
#[derive(Debug)]
enum Broken {
    /// The connection is cut.
    Cut,
    /// Another page comes instead.
    Page(u16),
}

/// What every request is answered with.
struct Desk<'a> {
    hub: &'a Hub,
    headers: &'a HeaderMap,
}

async fn respond(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request<Body>,
) -> Response {
    if !crate::http::is_local(request.headers()) {
        let why = "the Host header must name this machine: localhost, 127.0.0.1 or [::1]";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LONGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path().trim_end_matches('/');
    if let Some(what) = path.strip_prefix("/control") {
        return control::respond(&hub, &parts.method, what, &parts.headers, &body).await;
    }
    if parts.method != Method::POST && !path.starts_with("/api/") {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let desk = Desk {
        hub: &hub,
        headers: &parts.headers,
    };
    let answered = match path.strip_prefix("/api/") {
        Some(operation) => desk.identify(operation, &body).await,
        None => desk.answer(path, &body).await,
    };
    match answered {
        Ok(response) => response,
        Err(Broken::Cut) => {
            scissors.cut();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(Broken::Page(status)) => page(status),
    }
}

pub(super) fn page(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let kind = [(header::CONTENT_TYPE, "text/html")];
    let text =
        "<html><head><title>Error</title></head><body><h1>The site is busy</h1></body></html>";
    (status, kind, text).into_response()
}

pub(super) fn document(status: u16, value: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, value.to_string()).into_response()
}

impl Desk<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        let text = self.headers.get(name)?.to_str().ok()?;
        Some(text).filter(|text| !text.is_empty())
    }

    /// Login and what belongs to it.
    async fn identify(&self, operation: &str, body: &[u8]) -> Result<Response, Broken> {
        self.strike_before(operation).await?;
        let product = self.header("X-Application").unwrap_or_default();
        let token = self.header("X-Authentication").unwrap_or_default();
        let now = Instant::now();
        let told = match operation {
            "login" | "certlogin" => {
                let form = form(body);
                let field = |name: &str| {
                    let found = form.iter().find(|(key, _)| key == name);
                    found.map_or("", |(_, value)| value.as_str())
                };
                let opened =
                    self.hub
                        .world()
                        .accounts
                        .log_in(field("username"), field("password"), now);
                match (operation, opened) {
                    ("login", Ok(token)) => {
                        json!({ "token": token, "product": product, "status": "SUCCESS", "error": "" })
                    }
                    ("login", Err(code)) => {
                        json!({ "token": "", "product": product, "status": "FAIL", "error": code })
                    }
                    (_, Ok(token)) => json!({ "sessionToken": token, "loginStatus": "SUCCESS" }),
                    (_, Err(code)) => json!({ "loginStatus": code }),
                }
            }
            "keepAlive" | "logout" => {
                let accounts = &mut self.hub.world().accounts;
                let lives = match operation {
                    "logout" => accounts.log_out(token),
                    _ => accounts.of_session(token, now).is_some(),
                };
                let (status, error) = match (lives, token) {
                    (true, _) => ("SUCCESS", ""),
                    (false, "") => ("FAIL", "INPUT_VALIDATION_ERROR"),
                    (false, _) => ("FAIL", "NO_SESSION"),
                };
                json!({ "token": token, "product": product, "status": status, "error": error })
            }
            _ => return Ok(StatusCode::NOT_FOUND.into_response()),
        };
        self.strike_after(operation).await?;
        Ok(document(200, &told))
    }

    /// JSON-RPC or REST, by the path.
    async fn answer(&self, path: &str, body: &[u8]) -> Result<Response, Broken> {
        let path = path.strip_prefix("/exchange/").unwrap_or_default();
        let (service, rest) = path.split_once('/').unwrap_or_default();
        let service = match service {
            "betting" => Service::Betting,
            "account" => Service::Account,
            "heartbeat" => Service::Heartbeat,
            _ => return Ok(StatusCode::NOT_FOUND.into_response()),
        };
        if rest == "json-rpc/v1" {
            return self.rpc(service, body).await;
        }
        let Some(operation) = rest.strip_prefix("rest/v1.0/") else {
            return Ok(StatusCode::NOT_FOUND.into_response());
        };
        let params = match body.trim_ascii() {
            [] => Ok(json!({})),
            body => serde_json::from_slice(body).map_err(|_| RpcError::Unreadable),
        };
        let result = match params {
            Ok(params) => self.carry_out(service, operation, params).await?,
            Err(error) => Err(error),
        };
        Ok(match result {
            Ok(result) => document(200, &without_nulls(result)),
            Err(error) => {
                let (status, fault) = error.to_rest(service);
                document(status, &fault)
            }
        })
    }

    /// One JSON-RPC request, or several.
    async fn rpc(&self, service: Service, body: &[u8]) -> Result<Response, Broken> {
        let Ok(request) = serde_json::from_slice::<Value>(body) else {
            let told = answer(service, &Value::Null, Err(RpcError::Unreadable));
            return Ok(document(200, &told));
        };
        let told = match request {
            Value::Array(batch) => {
                let mut answers = Vec::new();
                for one in batch {
                    answers.push(self.call(service, one).await?);
                }
                Value::Array(answers)
            }
            one => self.call(service, one).await?,
        };
        Ok(document(200, &told))
    }

    async fn call(&self, service: Service, request: Value) -> Result<Value, Broken> {
        let id = request.get("id").cloned().unwrap_or_default();
        let Ok(call) = serde_json::from_value::<Call>(request) else {
            return Ok(answer(service, &id, Err(RpcError::Unreadable)));
        };
        let operation = call.method.strip_prefix(service.method_prefix());
        let result = match operation {
            Some(operation) => self.carry_out(service, operation, call.params).await?,
            None => Err(RpcError::UnknownMethod),
        };
        Ok(answer(service, &id, result))
    }

    /// Carries out one operation, with the faults that befall it.
    async fn carry_out(
        &self,
        service: Service,
        operation: &str,
        params: Value,
    ) -> Result<Result<Value, RpcError>, Broken> {
        if let Some(code) = self.strike_before(operation).await? {
            return Ok(Err(RpcError::api(code, "")));
        }
        let account = match self.account() {
            Ok(account) => account,
            Err(code) => return Ok(Err(RpcError::api(code, ""))),
        };
        let mut result = api::operate(self.hub, account, service, operation, params).await;
        let timed_out = self.strike_after(operation).await?;
        if timed_out && let Ok(report) = &mut result {
            forget_outcome(report);
        }
        Ok(result)
    }

    /// Whose request this is.
    fn account(&self) -> Result<super::accounts::AccountId, ApiCode> {
        if self.header("X-Application").is_none() {
            return Err(ApiCode::NoAppKey);
        }
        let token = self.header("X-Authentication").ok_or(ApiCode::NoSession)?;
        let account = self.hub.world().accounts.of_session(token, Instant::now());
        account.ok_or(ApiCode::InvalidSession)
    }

    /// What befalls a request before it is carried out; a code if that is all the answer it gets.
    async fn strike_before(&self, operation: &str) -> Result<Option<ApiCode>, Broken> {
        let struck = self.hub.world().faults.before(operation);
        let mut code = None;
        for fault in struck {
            self.note(operation, fault.fault);
            match fault.fault {
                Kind::ExpireSessions => {
                    self.hub.world().accounts.expire_all();
                }
                Kind::DelayBefore => sleep(fault.pause()).await,
                Kind::DropBefore => return Err(Broken::Cut),
                Kind::HtmlBefore => return Err(Broken::Page(fault.status.unwrap_or(503))),
                Kind::ApiError => code = Some(fault.api_code()),
                _ => {}
            }
        }
        Ok(code)
    }

    /// What befalls its answer; whether that is to say that nobody knows.
    async fn strike_after(&self, operation: &str) -> Result<bool, Broken> {
        let struck = self.hub.world().faults.after(operation);
        let mut timed_out = false;
        for fault in struck {
            self.note(operation, fault.fault);
            match fault.fault {
                Kind::DelayAfter => sleep(fault.pause()).await,
                Kind::TimeoutReport => timed_out = true,
                Kind::DropAfter => return Err(Broken::Cut),
                Kind::HtmlAfter => return Err(Broken::Page(fault.status.unwrap_or(503))),
                _ => {}
            }
        }
        Ok(timed_out)
    }

    fn note(&self, operation: &str, fault: Kind) {
        let mut world = self.hub.world();
        let at = world.now();
        world.tell_truth(
            json!({ "event": "fault", "at": at, "fault": fault, "operation": operation }),
        );
    }
}

/// Makes of a report one that says that nobody knows what came of the request.
fn forget_outcome(report: &mut Value) {
    let Some(members) = report.as_object_mut() else {
        return;
    };
    if !members.contains_key("status") {
        return;
    }
    members.insert("status".to_owned(), json!("TIMEOUT"));
    members.remove("errorCode");
    let reports = members
        .get_mut("instructionReports")
        .and_then(Value::as_array_mut);
    for report in reports.into_iter().flatten() {
        let instruction = report["instruction"].take();
        *report = json!({ "status": "TIMEOUT", "instruction": instruction });
    }
}

/// The fields of a form.
pub(super) fn form(body: &[u8]) -> Vec<(String, String)> {
    body.split(|&byte| byte == b'&')
        .map(|field| {
            let at = field.iter().position(|&byte| byte == b'=');
            let (name, value) = field.split_at(at.unwrap_or(field.len()));
            (decoded(name), decoded(value.get(1..).unwrap_or_default()))
        })
        .collect()
}

/// A text as forms write it: `+` for a space, `%41` for A.
fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let digit = |at: usize| {
            after
                .get(at)
                .and_then(|&byte| char::from(byte).to_digit(16))
        };
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = &after[2..];
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let fields = form(b"username=ann%40example.org&password=a+b%26c%zz&empty");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            fields,
            [
                pair("username", "ann@example.org"),
                pair("password", "a b&c%zz"),
                pair("empty", ""),
            ]
        );
    }

    #[test]
    fn a_report_that_timed_out_tells_nothing_of_its_bets() {
        let mut report = json!({"status": "SUCCESS", "marketId": "1.1", "instructionReports": [
            {"status": "SUCCESS", "betId": "1", "instruction": {"selectionId": 1}}]});
        forget_outcome(&mut report);
        assert_eq!(
            report,
            json!({"status": "TIMEOUT", "marketId": "1.1", "instructionReports": [
                {"status": "TIMEOUT", "instruction": {"selectionId": 1}}]})
        );
    }
}
