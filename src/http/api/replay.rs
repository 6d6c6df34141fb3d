//! `Idempotency-Key`: a request that is sent again because its answer was lost is answered again, not done again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::http::problem::Problem;

/// In which a client names a request.
const KEY: &str = "idempotency-key";
/// How long, and how many, are remembered.
const KEPT_FOR: Duration = Duration::from_secs(3_600);
const KEPT: usize = 512;

/// What was asked lately under a key, and the answer.
#[derive(Debug, Default)]
pub(in crate::http) struct Replays(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    at: Instant,
    /// Of who asks, the path and the key.
    name: blake3::Hash,
    /// Of what was sent.
    body: blake3::Hash,
    /// None while it is being done.
    answer: Option<(StatusCode, HeaderValue, Bytes)>,
}

/// What to do with a request.
#[derive(Debug)]
pub(super) enum Turn {
    /// It is to be done; the answer belongs to this name, if it has one.
    Do(Option<blake3::Hash>),
    /// It was done: this was the answer.
    Done(Response),
}

impl Replays {
    /// Whether the request is to be done.
    pub(super) fn begin(
        &self,
        who: &str,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Turn, Problem> {
        let mut keys = headers.get_all(KEY).iter();
        let Some(key) = keys.next() else {
            return Ok(Turn::Do(None));
        };
        let key = key.to_str().unwrap_or_default();
        let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        if key.is_empty() || key.len() > 128 || !is_visible || keys.next().is_some() {
            let detail = "Idempotency-Key is one text of 1 to 128 visible ASCII characters";
            return Err(Problem::bad(detail));
        }
        let name = blake3::hash(format!("{who}\n{path}\n{key}").as_bytes());
        let body = blake3::hash(body);
        let (now, mut kept) = (Instant::now(), self.lock());
        while kept
            .front()
            .is_some_and(|old| now.saturating_duration_since(old.at) > KEPT_FOR)
            || kept.len() >= KEPT
        {
            kept.pop_front();
        }
        match kept.iter().find(|one| one.name == name) {
            None => {
                kept.push_back(Kept {
                    at: now,
                    name,
                    body,
                    answer: None,
                });
                Ok(Turn::Do(Some(name)))
            }
            Some(known) if known.body != body => {
                let detail = "this Idempotency-Key was used for another request";
                Err(Problem::new(StatusCode::CONFLICT, detail))
            }
            Some(Kept { answer: None, .. }) => {
                let detail = "the first request with this Idempotency-Key is still being done";
                Err(Problem::new(StatusCode::CONFLICT, detail))
            }
            Some(Kept {
                answer: Some((code, kind, bytes)),
                ..
            }) => {
                let again = HeaderValue::from_static("true");
                let mut response = (*code, bytes.clone()).into_response();
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_TYPE, kind.clone());
                headers.insert("idempotency-replayed", again);
                Ok(Turn::Done(response))
            }
        }
    }

    /// Keeps the answer. What was refused is not kept: it may be asked again.
    pub(super) fn end(&self, name: blake3::Hash, answer: Option<(StatusCode, HeaderValue, Bytes)>) {
        let mut kept = self.lock();
        let Some(at) = kept.iter().position(|one| one.name == name) else {
            return;
        };
        match answer {
            Some(answer) => kept[at].answer = Some(answer),
            None => {
                kept.remove(at);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            header::HeaderName::from_static(KEY),
            HeaderValue::from_static(value),
        )])
    }

    fn answer() -> Option<(StatusCode, HeaderValue, Bytes)> {
        let kind = HeaderValue::from_static("application/json");
        Some((StatusCode::OK, kind, Bytes::from_static(b"{}")))
    }

    #[test]
    fn what_was_done_is_answered_again_and_not_done_again() {
        let replays = Replays::default();
        let begin = |who, key, body: &[u8]| replays.begin(who, "/kill", &key, body);
        let Ok(Turn::Do(Some(name))) = begin("ops", key("1"), b"a") else {
            panic!("the first is to be done");
        };
        let busy = begin("ops", key("1"), b"a").unwrap_err();
        assert_eq!(busy.status, StatusCode::CONFLICT);
        replays.end(name, answer());
        let again = begin("ops", key("1"), b"a").unwrap();
        let Turn::Done(again) = again else {
            panic!("it was done");
        };
        assert_eq!(again.headers()["idempotency-replayed"], "true");
        let other = begin("ops", key("1"), b"b").unwrap_err();
        assert_eq!(other.status, StatusCode::CONFLICT);
        assert_ne!(other.detail, busy.detail);
        for (who, key) in [("ops", key("2")), ("eve", key("1"))] {
            assert!(matches!(begin(who, key, b"a"), Ok(Turn::Do(Some(_)))));
        }
        assert!(matches!(
            begin("ops", HeaderMap::new(), b"a"),
            Ok(Turn::Do(None))
        ));
        for wrong in ["", "a b", "a\tb"] {
            assert!(begin("ops", key(wrong), b"a").is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_was_refused_may_be_asked_again_and_no_more_is_kept_than_fits() {
        let replays = Replays::default();
        let begin = |key| replays.begin("ops", "/kill", &key, b"");
        let Ok(Turn::Do(Some(name))) = begin(key("1")) else {
            panic!("the first is to be done");
        };
        replays.end(name, None);
        assert!(matches!(begin(key("1")), Ok(Turn::Do(Some(_)))));
        for n in 0..2 * KEPT {
            let value = HeaderValue::from_str(&format!("k{n}")).unwrap();
            let headers = HeaderMap::from_iter([(header::HeaderName::from_static(KEY), value)]);
            assert!(begin(headers).is_ok());
        }
        assert!(replays.lock().len() <= KEPT);
    }
}
