//! What went wrong with a request, as RFC 9457 has it. Nothing of the inside is told, and nothing sent is repeated.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

/// In which each answer carries the number that its request has in the log.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Its content type.
pub(super) const KIND: &str = "application/problem+json";

/// What went wrong.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) detail: String,
    header: Option<(HeaderName, HeaderValue)>,
}

/// A problem as it is told.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ProblemDocument {
    /// What kind of problem: none is told apart beyond its status.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What to do otherwise.
    detail: String,
    /// The request's number in the log.
    request_id: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            header: None,
        }
    }

    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// Something failed inside; what, is in the log under the request's number.
    pub(super) fn inside() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "something failed inside; the log tells it under this request's id",
        )
    }

    pub(super) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, HeaderValue::from_static(value)));
        self
    }
}

impl IntoResponse for Problem {
    /// Without a body: [`tell`] writes it when the request's number is known.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some((name, value)) = &self.header {
            response.headers_mut().insert(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the problem of an answer into it. One that some library refused on its own becomes a problem too.
pub(super) fn tell(response: &mut Response, request_id: &str) {
    let known = response.extensions_mut().remove::<Problem>();
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_ours = kind.is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
    let detail = match known {
        Some(problem) => problem.detail,
        None if (status.is_client_error() || status.is_server_error()) && !is_ours => {
            default_detail(status).to_owned()
        }
        None => return,
    };
    let document = ProblemDocument {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail,
        request_id: request_id.to_owned(),
    };
    let bytes = serde_json::to_vec(&document).unwrap_or_default();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(KIND));
    *response.body_mut() = Body::from(bytes);
}

fn default_detail(status: StatusCode) -> &'static str {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => "the Allow header names the methods of this path",
        StatusCode::NOT_FOUND => "there is no such path: /api/v1/openapi.json lists them all",
        _ => "the request cannot be answered as it is",
    }
}
