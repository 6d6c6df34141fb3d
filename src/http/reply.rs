//! Answers as JSON documents, each with its schema, its run and a tag by which it is known again.

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;
use super::view::View;

/// By which an answer is known again; it becomes the ETag.
#[derive(Clone, Debug)]
pub(super) struct Tag(pub(super) String);

/// An answer with data.
#[derive(Debug, Serialize)]
pub(super) struct Reply<T> {
    schema: &'static str,
    run: i64,
    currency: String,
    generated_at: String,
    data: T,
    /// Where the next page begins.
    next: Option<String>,
}

impl<T: Serialize> Reply<T> {
    pub(super) fn new(schema: &'static str, view: &View, data: T) -> Self {
        Self {
            schema,
            run: view.run,
            currency: view.currency.clone(),
            generated_at: view.published_at.clone(),
            data,
            next: None,
        }
    }

    pub(super) fn page(mut self, next: Option<String>) -> Self {
        self.next = next;
        self
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let Ok(data) = serde_json::to_vec(&self.data) else {
            return Problem::inside().into_response();
        };
        // Not when it was told, but what.
        let tag = format!("\"{}\"", &blake3::hash(&data).to_hex()[..32]);
        let mut response = json(StatusCode::OK, "application/json", &self);
        response.extensions_mut().insert(Tag(tag));
        response
    }
}

/// A JSON document of some kind.
pub(super) fn json(code: StatusCode, kind: &'static str, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => bytes_of(code, kind, bytes),
        Err(_) => Problem::inside().into_response(),
    }
}

pub(super) fn bytes_of(code: StatusCode, kind: &'static str, bytes: impl Into<Bytes>) -> Response {
    let bytes: Bytes = bytes.into();
    (code, [(header::CONTENT_TYPE, kind)], bytes).into_response()
}
