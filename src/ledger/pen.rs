//! What writes go through: the way into the writer's queue, for the ledger and for its runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use super::health::Health;
use super::writer::{Ack, Entry, Job};
use super::{Durability, LedgerError};

/// Hands entries to the writer.
#[derive(Clone, Debug)]
pub(super) struct Pen {
    pub(super) path: PathBuf,
    pub(super) queue: SyncSender<Job>,
    pub(super) health: Arc<Health>,
    pub(super) durability: Durability,
}

impl Pen {
    /// Keeps the source of a version of a script.
    pub(super) fn script(&self, hash: &str, name: &str, source: &str) -> Result<(), LedgerError> {
        self.write(Entry::Script {
            hash: hash.to_owned(),
            name: name.to_owned(),
            source: source.to_owned(),
        })
    }

    /// Writes without waiting for it to be durable.
    pub(super) fn note(&self, entry: Entry) -> Result<(), LedgerError> {
        self.queue(entry, None)
    }

    pub(super) fn write(&self, entry: Entry) -> Result<(), LedgerError> {
        match self.durability {
            Durability::Full => self.write_and_wait(entry),
            Durability::Batched => self.queue(entry, None),
        }
    }

    pub(super) fn write_and_wait(&self, entry: Entry) -> Result<(), LedgerError> {
        let (ack, answer) = sync_channel(1);
        self.queue(entry, Some(ack))?;
        match answer.recv() {
            Ok(written) => written.map_err(|cause| self.failed(cause)),
            Err(_) => Err(self.gone()),
        }
    }

    /// Fails if anything failed before.
    pub(super) fn check(&self) -> Result<(), LedgerError> {
        match self.health.error() {
            Some(cause) => Err(self.failed(cause.to_owned())),
            None => Ok(()),
        }
    }

    pub(super) fn failed(&self, cause: String) -> LedgerError {
        LedgerError::Write {
            path: self.path.clone(),
            cause,
        }
    }

    fn queue(&self, entry: Entry, ack: Option<Ack>) -> Result<(), LedgerError> {
        self.check()?;
        self.queue
            .send(Job::Write { entry, ack })
            .map_err(|_| self.gone())
    }

    fn gone(&self) -> LedgerError {
        let cause = self.health.error().unwrap_or("the ledger was closed");
        self.failed(cause.to_owned())
    }
}
