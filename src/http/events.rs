//! What happens, as it happens: Server-Sent Events and a WebSocket.
//!
//! Events are made of what the host publishes, once for all clients. A client that does not keep up is dropped: it
//! comes back and begins with the whole state.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{
    Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection,
};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::api::state::overview_of;
use super::app::App;
use super::metrics::Listening;
use super::problem::Problem;
use super::view::{Alert, View};

/// Clients that may listen at once: they hold connections that others need as well.
const CLIENTS: u64 = 16;
/// Events that a client may be behind.
const BEHIND: usize = 64;
/// How often there is something to say at most.
const EVERY: Duration = Duration::from_millis(500);
/// How often a client is told that nothing happened.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Intents in one event at most.
const INTENTS: usize = 50;

/// One event, written down once.
#[derive(Debug)]
pub(super) struct Happened {
    id: u64,
    kind: &'static str,
    data: String,
}

impl Happened {
    fn new(id: u64, kind: &'static str, data: &impl Serialize) -> Option<Arc<Self>> {
        let data = serde_json::to_string(data).ok()?;
        Some(Arc::new(Self { id, kind, data }))
    }

    /// As a WebSocket has it: one document.
    fn frame(&self) -> String {
        let Self { id, kind, data } = self;
        format!("{{\"event\":\"{kind}\",\"id\":{id},\"data\":{data}}}")
    }
}

/// Where events come from.
#[derive(Debug)]
pub(super) struct Hub(Sender<Arc<Happened>>);

impl Hub {
    pub(super) fn new() -> Self {
        Self(broadcast::channel(BEHIND).0)
    }
}

/// What was said last.
struct Said {
    id: u64,
    generation: u64,
    trading: &'static str,
    intents: u64,
    alerts: u64,
}

/// Makes events of what is published, as long as the server runs.
pub(super) async fn feed(app: App) {
    let view = app.view();
    let mut said = Said {
        id: 0,
        generation: view.generation,
        trading: view.trading.state,
        intents: view.intents_seen,
        alerts: app.service.alerts.raised(),
    };
    drop(view);
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (view, alerts) = (app.view(), app.service.alerts.raised());
        if app.hub.0.receiver_count() > 0 {
            for event in news(&app, &view, alerts, &mut said) {
                let _ = app.hub.0.send(event);
            }
        }
        said.generation = view.generation;
        said.trading = view.trading.state;
        said.intents = view.intents_seen;
        said.alerts = alerts;
    }
}

/// What is new since the last time.
fn news(app: &App, view: &View, alerts: u64, said: &mut Said) -> Vec<Arc<Happened>> {
    let mut events = Vec::new();
    let mut id = said.id;
    let mut number = || {
        id += 1;
        id
    };
    if view.trading.state != said.trading {
        events.extend(Happened::new(number(), "trading", &view.trading));
    }
    for alert in app.service.alerts.after(said.alerts) {
        let alert = Alert::from(&alert);
        events.extend(Happened::new(number(), "alert", &alert));
    }
    let new = usize::try_from(view.intents_seen.saturating_sub(said.intents)).unwrap_or(INTENTS);
    if new > 0 {
        let shown = new.min(INTENTS).min(view.intents.len());
        let intents = json!({ "intents": &view.intents[..shown], "left_out": new - shown });
        events.extend(Happened::new(number(), "intents", &intents));
    }
    if view.generation != said.generation || alerts != said.alerts {
        let overview = overview_of(app, view);
        events.extend(Happened::new(number(), "state", &overview));
    }
    said.id = id;
    events
}

/// A client's place among the listeners.
struct Client {
    heard: Receiver<Arc<Happened>>,
    /// The whole state, to begin with.
    first: Option<Arc<Happened>>,
    _place: Listening,
}

impl Client {
    fn new(app: &App) -> Result<Self, Problem> {
        let Some(place) = app.service.metrics.listen(CLIENTS) else {
            let detail = "as many clients as may listen to events do so already";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
        };
        // Listening begins before the state is taken, so nothing falls in between.
        let heard = app.hub.0.subscribe();
        let view = app.view();
        Ok(Self {
            heard,
            first: Happened::new(0, "state", &overview_of(app, &view)),
            _place: place,
        })
    }

    /// The next event; none if the client has fallen behind, or the server ends.
    async fn next(&mut self) -> Option<Arc<Happened>> {
        match self.first.take() {
            Some(first) => Some(first),
            None => self.heard.recv().await.ok(),
        }
    }
}

pub(super) async fn stream(State(app): State<App>) -> Result<Response, Problem> {
    let client = Client::new(&app)?;
    let events = stream::unfold(client, |mut client| async {
        let happened = client.next().await?;
        let event = Event::default()
            .id(happened.id.to_string())
            .event(happened.kind)
            .data(&happened.data);
        Some((Ok::<_, Infallible>(event), client))
    });
    let alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

pub(super) async fn socket(
    State(app): State<App>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|refused| {
        let detail = "this path takes a WebSocket handshake";
        Problem::new(refused.into_response().status(), detail)
    })?;
    let client = Client::new(&app)?;
    let upgrade = upgrade.max_message_size(4_096).max_frame_size(4_096);
    Ok(upgrade.on_upgrade(move |socket| converse(socket, client)))
}

/// Sends events until either end has had enough. What the client says is not listened to.
async fn converse(mut socket: WebSocket, mut client: Client) {
    let mut beats = interval(HEARTBEAT);
    let mut answered_at = Instant::now();
    loop {
        let message = tokio::select! {
            happened = client.next() => match happened {
                Some(happened) => Message::text(happened.frame()),
                None => return,
            },
            heard = socket.recv() => match heard {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {
                    answered_at = Instant::now();
                    continue;
                }
            },
            _ = beats.tick() => {
                if answered_at.elapsed() > 3 * HEARTBEAT {
                    return;
                }
                Message::Ping(Default::default())
            }
        };
        let sent = tokio::time::timeout(HEARTBEAT, socket.send(message)).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}
