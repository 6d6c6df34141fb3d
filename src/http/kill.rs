//! `POST /api/v1/kill`: halts betting. To be sure is one call; to bet again takes a person at the machine.
//!
//! A web page elsewhere must not be able to do it, nor by accident: the request needs a content type that a page may not
//! send to another host without being asked, and must not come from a page at all.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::{Kill, document, problem};

/// Where it is.
pub(super) const PATH: &str = "/api/v1/kill";
/// The longest body that is read, in bytes.
pub(super) const LONGEST_BODY: usize = 4_096;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    reason: String,
}

/// Answers a request to the kill switch.
pub(super) async fn answer(kill: &Kill, request: Request<Body>) -> Response {
    if *request.method() != Method::POST {
        let mut refused = problem(StatusCode::METHOD_NOT_ALLOWED, "use POST");
        refused
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
        return refused;
    }
    if request.headers().contains_key(header::ORIGIN) {
        return problem(
            StatusCode::FORBIDDEN,
            "requests from web pages are refused (they carry an Origin header)",
        );
    }
    let kind = request.headers().get(header::CONTENT_TYPE);
    let is_json = |kind: &HeaderValue| {
        let kind = kind.to_str().unwrap_or_default();
        kind.split(';').next().map(str::trim) == Some("application/json")
    };
    if !kind.is_some_and(is_json) {
        return problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send Content-Type: application/json",
        );
    }
    let Ok(body) = to_bytes(request.into_body(), LONGEST_BODY).await else {
        return problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is longer than 4096 bytes, or broke off",
        );
    };
    let asked: Asked = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => {
            let detail = format!("send {{\"reason\": \"...\"}}: {error}");
            return problem(StatusCode::BAD_REQUEST, &detail);
        }
    };
    let reason = asked.reason;
    if reason.trim().is_empty() {
        return problem(StatusCode::BAD_REQUEST, "the reason is empty");
    }
    match kill(&reason, "HTTP") {
        Ok(()) => {
            let body = json!({
                "state": "HALTED",
                "reason": reason,
                "notes": "no new order leaves; what rests is being cancelled: see /health. bea resume ends it",
            });
            document(StatusCode::OK, "application/json", &body)
        }
        Err(error) => problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!(
                "betting is halted until this process ends, but the kill file cannot be written: {error}"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn asked(change: impl FnOnce(&mut Request<Body>)) -> (u16, u32) {
        let kills = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&kills);
        let kill: Kill = Arc::new(move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(PATH)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(r#"{"reason":"drill"}"#))
            .unwrap();
        change(&mut request);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let answer = runtime.block_on(answer(&kill, request));
        (answer.status().as_u16(), kills.load(Ordering::SeqCst))
    }

    #[test]
    fn it_halts_when_asked_as_it_wants_to_be_asked_and_else_does_nothing() {
        assert_eq!(asked(|_| {}), (200, 1));
        assert_eq!(asked(|r| *r.method_mut() = Method::GET), (405, 0));
        let header = |name: header::HeaderName, value: &'static str| {
            move |r: &mut Request<Body>| {
                r.headers_mut()
                    .insert(name, HeaderValue::from_static(value));
            }
        };
        assert_eq!(
            asked(header(header::ORIGIN, "http://evil.example")),
            (403, 0)
        );
        assert_eq!(asked(header(header::CONTENT_TYPE, "text/plain")), (415, 0));
        for body in [
            "",
            "{}",
            "[]",
            r#"{"reason":" "}"#,
            r#"{"reason":"x","more":1}"#,
        ] {
            assert_eq!(
                asked(|r| *r.body_mut() = Body::from(body)),
                (400, 0),
                "{body}"
            );
        }
        let long = "x".repeat(LONGEST_BODY + 1);
        assert_eq!(asked(|r| *r.body_mut() = Body::from(long)), (413, 0));
    }
}
