//! A Telegram server and a webhook of our own, which do as a test says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Nothing that is awaited takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How the server answers the next message.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// With this code and document.
    Say(u16, Value),
    /// Not at all.
    Hang,
}

/// What reached the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reached {
    /// A message: chat and text.
    Message(i64, String),
    /// A message that was not taken.
    Refused,
    /// A question for updates from this number on.
    Asked(i64),
    /// A post to the webhook: its body and its signature.
    Post(String, Option<String>),
}

#[derive(Clone)]
struct Shared {
    token: String,
    moods: Arc<Mutex<VecDeque<Mood>>>,
    updates: Arc<Mutex<Vec<Value>>>,
    news: Arc<Notify>,
    tell: Sender<Reached>,
}

/// The server.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    shared: Shared,
    reached: Receiver<Reached>,
    runtime: tokio::runtime::Runtime,
}

impl Fake {
    pub(crate) fn start(token: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (tell, reached) = channel();
        let shared = Shared {
            token: token.to_owned(),
            moods: Arc::default(),
            updates: Arc::default(),
            news: Arc::default(),
            tell,
        };
        let routes = Router::new()
            .route("/{bot}/{method}", post(telegram))
            .route("/hook", post(webhook))
            .with_state(shared.clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, routes).await.unwrap();
        });
        Self {
            address,
            shared,
            reached,
            runtime,
        }
    }

    pub(crate) fn api(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn runtime(&self) -> &tokio::runtime::Runtime {
        &self.runtime
    }

    /// The next messages are answered like this, then well again.
    pub(crate) fn be(&self, moods: impl IntoIterator<Item = Mood>) {
        self.shared.moods.lock().unwrap().extend(moods);
    }

    /// Somebody writes to the bot.
    pub(crate) fn write(&self, update: Value) {
        self.shared.updates.lock().unwrap().push(update);
        self.shared.news.notify_waiters();
    }

    /// Waits for the next thing that reaches it and is as wanted; what comes before is passed over.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, wanted: impl Fn(&Reached) -> Option<T>) -> T {
        let mut seen = Vec::new();
        loop {
            match self.reached.recv_timeout(PATIENCE) {
                Ok(reached) => match wanted(&reached) {
                    Some(found) => return found,
                    None => seen.push(reached),
                },
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("never {what}: {seen:#?}")
                }
            }
        }
    }

    #[track_caller]
    pub(crate) fn message(&self, part: &str) -> (i64, String) {
        self.until(part, |reached| match reached {
            Reached::Message(chat, text) if text.contains(part) => Some((*chat, text.clone())),
            _ => None,
        })
    }

    /// Waits for two messages, whichever comes first.
    #[track_caller]
    pub(crate) fn both(&self, parts: [&str; 2]) -> [(i64, String); 2] {
        let found = std::cell::RefCell::new([None, None]);
        self.until("both messages", |reached| {
            let Reached::Message(chat, text) = reached else {
                return None;
            };
            let mut found = found.borrow_mut();
            let place = parts.iter().position(|part| text.contains(part))?;
            found[place].get_or_insert((*chat, text.clone()));
            match &*found {
                [Some(one), Some(other)] => Some([one.clone(), other.clone()]),
                _ => None,
            }
        })
    }

    /// What has reached it and was not waited for.
    pub(crate) fn rest(&self) -> Vec<Reached> {
        self.reached.try_iter().collect()
    }
}

async fn telegram(
    State(shared): State<Shared>,
    Path((bot, method)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let answer = |code: u16, document: Value| {
        let code = StatusCode::from_u16(code).unwrap();
        (code, document.to_string()).into_response()
    };
    if bot != format!("bot{}", shared.token) {
        return answer(
            401,
            json!({"ok": false, "error_code": 401, "description": "Unauthorized"}),
        );
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    if method == "getUpdates" {
        let offset = body["offset"].as_i64().unwrap();
        let _ = shared.tell.send(Reached::Asked(offset));
        loop {
            let news = shared.news.notified();
            let updates: Vec<Value> = {
                let all = shared.updates.lock().unwrap();
                let is_new = |u: &&Value| u["update_id"].as_i64().is_none_or(|id| id >= offset);
                all.iter().filter(is_new).cloned().collect()
            };
            if !updates.is_empty() {
                return answer(200, json!({"ok": true, "result": updates}));
            }
            news.await;
        }
    }
    let mood = shared.moods.lock().unwrap().pop_front();
    match mood {
        Some(Mood::Hang) => std::future::pending().await,
        Some(Mood::Say(code, document)) => {
            let _ = shared.tell.send(Reached::Refused);
            answer(code, document)
        }
        None => {
            let chat = body["chat_id"].as_i64().unwrap();
            let text = body["text"].as_str().unwrap().to_owned();
            let _ = shared.tell.send(Reached::Message(chat, text));
            answer(200, json!({"ok": true, "result": {"message_id": 1}}))
        }
    }
}

async fn webhook(State(shared): State<Shared>, headers: HeaderMap, body: String) -> StatusCode {
    let signature = headers.get("x-bea-signature");
    let signature = signature.map(|value| value.to_str().unwrap().to_owned());
    let _ = shared.tell.send(Reached::Post(body, signature));
    StatusCode::OK
}
