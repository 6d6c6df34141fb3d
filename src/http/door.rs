//! What every request passes before a route and every answer after it: whom it is meant for, from where it comes, the
//! number it has in the log, how long it may take, and what browsers are told of the answer.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;

use super::app::App;
use super::auth::{self, Origin};
use super::problem::{self, Problem, REQUEST_ID};
use super::reply::Tag;
use super::{dashboard, host};
use crate::config::Severity;

/// The longest path and query.
const LONGEST_URI: usize = 2_048;
/// The longest that an answer may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);
/// The header without which nothing is changed: a page elsewhere cannot send it without being asked first.
pub(super) const BY_HAND: &str = "x-requested-with";

/// The number of a request, as its answer and the log have it.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

impl RequestId {
    fn new() -> Self {
        let mut bits = [0_u8; 8];
        // Without random bits all have the same number, and are answered all the same.
        let _ = getrandom::fill(&mut bits);
        let text = bits.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        Self(text)
    }
}

/// Answers one request.
pub(super) async fn answer(
    app: &App,
    routes: &Router,
    peer: IpAddr,
    mut request: Request<Body>,
) -> Response {
    let id = RequestId::new();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let wanted = request.headers().get(header::IF_NONE_MATCH).cloned();
    let began = Instant::now();
    let mut response = match admit(app, peer, &request) {
        Err(refused) => refused.into_response(),
        Ok((origin, caller)) => {
            let extensions = request.extensions_mut();
            extensions.insert(origin);
            extensions.insert(caller);
            extensions.insert(id.clone());
            handled(routes.clone(), request, &id).await
        }
    };
    if response.status() == StatusCode::OK && matches!(method, Method::GET | Method::HEAD) {
        not_changed(&mut response, wanted.as_ref());
    }
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        let text = format_args!(
            "a request failed inside ({method} {path:.200}, request {})",
            id.0
        );
        let alerts = &app.service.alerts;
        alerts.raise(Severity::Critical, "HTTP_FAILED", text);
    }
    problem::tell(&mut response, &id.0);
    protect(response.headers_mut(), &id);
    let code = response.status().as_u16();
    app.service.metrics.answered(code);
    let dur_ms = began.elapsed().as_millis();
    // Paths come from outside: the log escapes them, and this keeps them short.
    let shown: String = path.chars().take(200).collect();
    tracing::debug!(event = "http", request_id = %id.0, %method, path = ?shown, code, dur_ms, "answered");
    response
}

/// Whether the request may be routed at all, and who asks.
fn admit(
    app: &App,
    peer: IpAddr,
    request: &Request<Body>,
) -> Result<(Origin, Option<auth::Caller>), Problem> {
    let settings = &app.service.settings;
    let uri = request.uri();
    let length = uri.path_and_query().map_or(0, |text| text.as_str().len());
    if length > LONGEST_URI {
        let detail = "the path and query are longer than 2048 bytes";
        return Err(Problem::new(StatusCode::URI_TOO_LONG, detail));
    }
    let headers = request.headers();
    // A request line may name a host of its own; it must not differ from the header that is checked.
    if uri.authority().is_some() || !host::is_allowed(headers, settings) {
        let detail = "the Host header must name this machine (localhost, 127.0.0.1 or [::1]) or one of http.hosts";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    if !is_own_page(headers) {
        let detail = "requests from pages of other hosts are refused";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let origin = Origin::of(peer, settings.behind_proxy, headers);
    let caller = auth::identify(app, origin, headers)?;
    Ok((origin, caller))
}

/// Whether it comes from no page, or from one that this server gave.
fn is_own_page(headers: &HeaderMap) -> bool {
    let site = headers
        .get("sec-fetch-site")
        .is_none_or(|site| site == "same-origin" || site == "none");
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let own = match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => {
            let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
            let origin = origin.as_bytes();
            let after = |scheme: &[u8]| origin.strip_prefix(scheme);
            let named = after(b"http://").or_else(|| after(b"https://"));
            named.is_some() && named == host
        }
        _ => false,
    };
    site && own
}

/// Routes the request. Whatever goes wrong in there becomes an answer: a panic, or an answer that does not come.
async fn handled(routes: Router, request: Request<Body>, id: &RequestId) -> Response {
    let path = request.uri().path().to_owned();
    let working = tokio::spawn(routes.oneshot(request));
    let abort = working.abort_handle();
    match tokio::time::timeout(PATIENCE, working).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(_panic)) => {
            tracing::error!(event = "http_panic", request_id = %id.0, ?path, "a handler panicked");
            Problem::inside().into_response()
        }
        Err(_elapsed) => {
            abort.abort();
            let detail = "the answer took longer than ten seconds";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
        }
    }
}

/// Leaves the body away if the client has it.
fn not_changed(response: &mut Response, wanted: Option<&HeaderValue>) {
    let Some(Tag(tag)) = response.extensions_mut().remove::<Tag>() else {
        return;
    };
    let Ok(value) = HeaderValue::from_str(&tag) else {
        return;
    };
    let has = wanted.and_then(|wanted| wanted.to_str().ok());
    let known = has.is_some_and(|has| has.split(',').any(|one| one.trim() == tag));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response.headers_mut().insert(header::ETAG, value);
}

/// What browsers and caches are told.
fn protect(headers: &mut HeaderMap, id: &RequestId) {
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, dashboard::POLICY),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;

    use super::super::app::testing;
    use super::*;

    #[test]
    fn what_fails_inside_is_told_as_such_and_raised_and_the_next_request_is_answered() {
        let app = testing::app();
        let routes = Router::new()
            .route("/panics", get(panics))
            .route("/fails", get(|| async { Problem::inside() }))
            .route("/well", get(|| async { "well" }));
        let within = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let ask = |path: &str| {
            let request = Request::get(path).header(header::HOST, "localhost");
            let request = request.body(Body::empty()).unwrap();
            let local = IpAddr::from([127, 0, 0, 1]);
            within.block_on(async {
                let response = answer(&app, &routes, local, request).await;
                let status = response.status().as_u16();
                let body = axum::body::to_bytes(response.into_body(), 10_000).await;
                (status, body.unwrap())
            })
        };
        for (number, path) in ["/panics", "/fails"].into_iter().enumerate() {
            let (status, body) = ask(path);
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((status, &problem["status"]), (500, &500.into()));
            assert!(!problem.to_string().contains("a drill"), "{problem}");
            let alerts = app.service.alerts.latest();
            assert_eq!(alerts.len(), number + 1);
            assert_eq!(alerts[0].code, "HTTP_FAILED");
            let id = problem["request_id"].as_str().unwrap();
            assert!(alerts[0].text.contains(path) && alerts[0].text.contains(id));
        }
        assert_eq!(ask("/well"), (200, "well".into()));
        assert_eq!(app.service.alerts.raised(), 2);
    }

    async fn panics() {
        panic!("a drill");
    }

    #[test]
    fn only_pages_of_this_server_are_its_own() {
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_static(value));
            }
            is_own_page(&headers)
        };
        let host = ("host", "localhost:8080");
        assert!(with(&[host]));
        assert!(with(&[host, ("origin", "http://localhost:8080")]));
        assert!(with(&[host, ("sec-fetch-site", "same-origin")]));
        for origin in [
            "http://localhost:8081",
            "http://evil.example",
            "null",
            "http://localhost:8080.evil.example",
            "ftp://localhost:8080",
            "",
        ] {
            assert!(!with(&[host, ("origin", origin)]), "{origin}");
        }
        assert!(!with(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(!with(&[host, ("sec-fetch-site", "same-site")]));
        let own = ("origin", "http://localhost:8080");
        assert!(!with(&[host, own, own]), "one is one too many");
    }
}
