//! What every handler may use: the service, the tokens, readers of the ledger.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{StatusCode, header};
use tokio::sync::Semaphore;

use super::api::Replays;
use super::auth::Guesses;
use super::events::Hub;
use super::problem::Problem;
use super::token::Tokens;
use super::{Service, view::View};
use crate::ledger::{LedgerError, Reader};

/// Questions to the ledger at one time. Others wait, so that whoever stops betting finds a thread.
const READERS: usize = 4;
/// How long a question waits for its turn.
const TURN: Duration = Duration::from_secs(3);

/// Shared by all requests; cloning it costs nothing.
#[derive(Clone)]
pub(super) struct App(Arc<Shared>);

pub(super) struct Shared {
    pub(super) service: Service,
    pub(super) tokens: Tokens,
    pub(super) guesses: Guesses,
    pub(super) replays: Replays,
    pub(super) hub: Hub,
    readers: Mutex<Vec<Reader>>,
    turns: Arc<Semaphore>,
}

impl std::ops::Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(super) fn new(service: Service, tokens: Tokens) -> Self {
        Self(Arc::new(Shared {
            hub: Hub::new(),
            service,
            tokens,
            guesses: Guesses::default(),
            replays: Replays::default(),
            readers: Mutex::default(),
            turns: Arc::new(Semaphore::new(READERS)),
        }))
    }

    /// What the host published last.
    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.service.view.borrow())
    }

    /// Asks the ledger, on a thread where that may take its time.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            let busy = "too many questions to the ledger at once: ask again";
            let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, busy);
            return Err(busy.with(header::RETRY_AFTER, "2"));
        };
        let app = self.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let reader = match app.readers().pop() {
                Some(reader) => reader,
                None => Reader::open(&app.service.ledger)?,
            };
            let answer = question(&reader);
            app.readers().push(reader);
            answer
        });
        match answer.await {
            Ok(answer) => answer.map_err(told),
            Err(_panic) => Err(Problem::inside()),
        }
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a client learns of what the ledger said: never where it lies.
fn told(error: LedgerError) -> Problem {
    match error {
        LedgerError::NoRun { run, latest, .. } => {
            Problem::not_found(format!("the ledger has no run {run}; {latest}"))
        }
        LedgerError::NoStrategy { run, known, .. } => Problem::not_found(format!(
            "run {run} has no strategy of that name; it has: {}",
            known.join(", ")
        )),
        other => {
            tracing::warn!(event = "http_ledger", "{other}");
            Problem::inside()
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! What handlers may use in a host that does nothing.

    use super::*;
    use crate::alert::{Alerts, Channels};
    use crate::config;
    use crate::http::Health;
    use crate::http::metrics::Metrics;
    use crate::market::TimeMs;

    /// Without tokens and without a ledger.
    pub(in crate::http) fn app() -> App {
        let folder = tempfile::tempdir().unwrap();
        let (alerts, _courier) = Alerts::new(Channels::default(), Duration::ZERO, || TimeMs(0));
        let view = Arc::new(crate::http::view::testing::view());
        let service = Service {
            settings: config::Http::default(),
            health: Arc::new(Health::default),
            view: tokio::sync::watch::channel(view).1,
            alerts,
            telemetry: Default::default(),
            metrics: Metrics::default(),
            operate: Arc::new(|_, _, _| Ok(())),
            reload: Arc::new(|_| {}),
            ledger: folder.path().join("none"),
        };
        App::new(service, Tokens::open(&folder.path().join("none")).unwrap())
    }
}
