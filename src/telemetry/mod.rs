//! Traces for a collector: what a market change led to, as spans, sent by OTLP over HTTP.
//!
//! ```text
//!  engine's thread ──tell──► bounded queue ──► batches ──► collector
//! ```
//!
//! Off unless the settings switch it on. [`Telemetry::tell`] never waits: what does not fit into the queue, and what the
//! collector does not take, is counted as lost.

mod exporter;
mod span;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry_sdk::trace::SpanData;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

pub use exporter::Closed;
pub use opentelemetry::Value;
pub use span::{Id, Span};

use crate::config::TelemetrySettings;

/// How many spans may wait.
const QUEUE: usize = 4_096;
/// How many are sent at once.
const BATCH: usize = 512;
/// How long spans are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(500);

/// What the sender of spans is told.
enum Told {
    Span(Box<SpanData>),
    Flush(oneshot::Sender<()>),
}

/// What became of spans.
#[derive(Debug, Default)]
struct Tally {
    exported: AtomicU64,
    lost: AtomicU64,
}

/// Where spans are told; its clones are one. One that is off takes nothing.
#[derive(Clone, Default)]
pub struct Telemetry {
    queue: Option<mpsc::Sender<Told>>,
    tally: Arc<Tally>,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Begins to send to the collector of the settings; one that is off if they switch it off.
    ///
    /// # Errors
    /// If the secret for the collector cannot be used, or there is no client.
    pub fn start(settings: &TelemetrySettings, runtime: &Handle) -> Result<Self, Closed> {
        if !settings.enabled {
            return Ok(Self::default());
        }
        let (queue, told) = mpsc::channel(QUEUE);
        let telemetry = Self {
            queue: Some(queue),
            tally: Arc::default(),
        };
        let _within = runtime.enter();
        let exporter = exporter::open(settings)?;
        runtime.spawn(carry(exporter, told, Arc::clone(&telemetry.tally)));
        Ok(telemetry)
    }

    /// Whether anybody listens; where nobody does, spans need not be made.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Tells of a span; returns at once, whatever becomes of it.
    pub fn tell(&self, span: Span) {
        let Some(queue) = &self.queue else { return };
        let span = Told::Span(Box::new(span.into_data()));
        if queue.try_send(span).is_err() {
            self.tally.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many spans the collector took, and how many were lost.
    #[must_use]
    pub fn tally(&self) -> (u64, u64) {
        let Tally { exported, lost } = &*self.tally;
        (
            exported.load(Ordering::Relaxed),
            lost.load(Ordering::Relaxed),
        )
    }

    /// Waits until all that was told is sent or lost, but not for longer than this.
    pub async fn flush(&self, at_most: Duration) {
        let Some(queue) = &self.queue else { return };
        let (done, is_done) = oneshot::channel();
        let flushed = async {
            if queue.send(Told::Flush(done)).await.is_ok() {
                let _ = is_done.await;
            }
        };
        let _ = tokio::time::timeout(at_most, flushed).await;
    }
}

/// Sends spans in batches until nobody can tell of any more.
async fn carry(exporter: exporter::Exporter, mut told: mpsc::Receiver<Told>, tally: Arc<Tally>) {
    let mut heard = Vec::with_capacity(BATCH);
    while let Some(first) = told.recv().await {
        // Others are on their way with it, unless somebody waits already.
        if matches!(first, Told::Span(_)) {
            tokio::time::sleep(GATHER).await;
        }
        heard.push(first);
        while heard.len() < BATCH
            && let Ok(next) = told.try_recv()
        {
            heard.push(next);
        }
        let mut waiting = Vec::new();
        let mut batch = Vec::with_capacity(heard.len());
        for one in heard.drain(..) {
            match one {
                Told::Span(span) => batch.push(*span),
                Told::Flush(done) => waiting.push(done),
            }
        }
        let count = batch.len() as u64;
        let sent = match count {
            0 => Ok(()),
            _ => exporter::send(&exporter, batch).await,
        };
        match sent {
            Ok(()) => tally.exported.fetch_add(count, Ordering::Relaxed),
            Err(why) => {
                tracing::warn!(
                    event = "spans_lost",
                    count,
                    "the collector took no spans: {why}"
                );
                tally.lost.fetch_add(count, Ordering::Relaxed)
            }
        };
        for done in waiting {
            let _ = done.send(());
        }
    }
}
