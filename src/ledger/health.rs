//! How the writer is doing, readable from any thread without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

/// Kept by the writer, read by whoever asks.
#[derive(Debug, Default)]
pub struct Health {
    batches: AtomicU64,
    records: AtomicU64,
    last_commit_micros: AtomicU64,
    error: OnceLock<String>,
}

/// The writer's state at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// Why nothing more is written; `None` while all is well.
    pub error: Option<String>,
    /// Batches made durable since the ledger was opened.
    pub batches: u64,
    /// Records made durable since the ledger was opened.
    pub records: u64,
    /// How long the last COMMIT took, in microseconds.
    pub last_commit_micros: u64,
}

impl Health {
    /// The first error, after which nothing more is written.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.get().map(String::as_str)
    }

    /// All of it.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        HealthReport {
            error: self.error.get().cloned(),
            batches: self.batches.load(Relaxed),
            records: self.records.load(Relaxed),
            last_commit_micros: self.last_commit_micros.load(Relaxed),
        }
    }

    pub(super) fn committed(&self, batches: u64, records: u64, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.batches.fetch_add(batches, Relaxed);
        self.records.fetch_add(records, Relaxed);
        self.last_commit_micros.store(micros, Relaxed);
    }

    pub(super) fn failed(&self, cause: &str) {
        // The first cause is the one to know; what follows is its consequence.
        let _ = self.error.set(cause.to_owned());
    }
}
