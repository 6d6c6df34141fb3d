//! A ledger open for writing: the lock, the writer thread, and the runs it takes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::configurations::Configuration;
use super::deaths::Death;
use super::health::Health;
use super::lock::Lock;
use super::pen::Pen;
use super::run::{RunInfo, RunWriter, VisitRow};
use super::strategies::{State, Version};
use super::writer::{Entry, Job, Writer};
use super::{Instance, LedgerError, Reader, schema};

/// How many batches may wait for the writer before whoever brings the next one waits too.
const QUEUE: usize = 256;

/// When a batch of records counts as kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After its COMMIT reached the disk.
    #[default]
    Full,
    /// Once queued; many batches share a transaction. For backtests, which can be had again.
    Batched,
}

/// How a ledger is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// When a batch counts as kept.
    pub durability: Durability,
    /// How long one attempt to begin writing waits for another program that writes.
    pub busy_timeout: Duration,
    /// How many such attempts are made, 1 to 10.
    pub attempts: u8,
}

impl Default for LedgerSettings {
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            busy_timeout: Duration::from_secs(30),
            attempts: 3,
        }
    }
}

/// A ledger open for writing, by this process alone.
#[derive(Debug)]
pub struct Ledger {
    pen: Pen,
    next_run: AtomicI64,
    instance: Instance,
    backup: Option<PathBuf>,
    deaths: Vec<Death>,
    // The order matters: the writer ends, then the lock is freed.
    thread: Option<JoinHandle<()>>,
    _lock: Lock,
}

impl Ledger {
    /// Opens a ledger, making or migrating it as needed.
    ///
    /// # Errors
    /// If the file is no ledger, is of a newer or a changed schema, is being written by somebody else, or cannot
    /// be set up safely.
    pub fn open(path: &Path, settings: LedgerSettings) -> Result<Self, LedgerError> {
        if !(1..=10).contains(&settings.attempts) {
            return Err(LedgerError::Setting {
                name: "attempts",
                value: settings.attempts.to_string(),
                allowed: "1 to 10",
            });
        }
        let path = real_path(path)?;
        let mut connection = schema::open_to_write(&path)?;
        // Before the lock file appears beside it: a foreign file is left alone.
        schema::identify(&connection, &path)?;
        let lock = Lock::take(&path)?;
        schema::configure(&connection, &path, settings.busy_timeout)?;
        let backup = schema::migrate(&mut connection, &path, schema::MIGRATIONS)?;
        schema::check(&connection, &path)?;
        Self::start(connection, path, lock, settings, backup)
    }

    fn start(
        connection: Connection,
        path: PathBuf,
        lock: Lock,
        settings: LedgerSettings,
        backup: Option<PathBuf>,
    ) -> Result<Self, LedgerError> {
        let last_run: i64 = connection
            .query_row("SELECT coalesce(max(id), 0) FROM runs", [], |row| {
                row.get(0)
            })
            .map_err(LedgerError::database(&path, "read its runs"))?;
        let (queue, jobs) = sync_channel(QUEUE);
        let health = Arc::new(Health::default());
        let instance = Instance::present(&connection)
            .map_err(LedgerError::database(&path, "read its instance"))?;
        let mut writer = Writer::new(
            connection,
            path.clone(),
            jobs,
            Arc::clone(&health),
            settings.attempts,
        )?;
        let deaths = writer.register_deaths()?;
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| LedgerError::File {
                path: path.clone(),
                doing: "start a thread to write the ledger",
                source,
            })?;
        Ok(Self {
            pen: Pen {
                path,
                queue,
                health,
                durability: settings.durability,
            },
            next_run: AtomicI64::new(last_run + 1),
            instance,
            backup,
            deaths,
            thread: Some(thread),
            _lock: lock,
        })
    }

    pub(super) const fn pen(&self) -> &Pen {
        &self.pen
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.pen.path
    }

    /// Where the copy is that was made before this ledger was migrated, if it was.
    #[must_use]
    pub fn backup(&self) -> Option<&Path> {
        self.backup.as_deref()
    }

    /// Runs that were found to have died when this ledger was opened, for the first time.
    #[must_use]
    pub fn deaths(&self) -> &[Death] {
        &self.deaths
    }

    /// Which life of the ledger this is.
    #[must_use]
    pub const fn instance(&self) -> &Instance {
        &self.instance
    }

    /// How the writer is doing; may be kept and read from any thread.
    #[must_use]
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.pen.health)
    }

    /// Starts a run.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn begin_run(&self, info: RunInfo) -> Result<RunWriter, LedgerError> {
        let run = self.next_run.fetch_add(1, Ordering::Relaxed);
        RunWriter::begin(run, info, self.instance.epoch, self.pen.clone())
    }

    /// Keeps the source of a version of a script, also while a run writes: what is written after this returned comes
    /// after it. One that is kept already is not written again.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn script(&self, hash: &str, name: &str, source: &str) -> Result<(), LedgerError> {
        self.pen.script(hash, name, source)
    }

    /// Keeps a version of a strategy that was offered, to a run or outside one, also while a run writes: what is written
    /// after this returned comes after it.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn version(&self, run: Option<i64>, version: Version) -> Result<(), LedgerError> {
        let version = Box::new(version);
        self.pen.write(Entry::Version { run, version })
    }

    /// Keeps what strategies were shown of markets that a session without end forgets, while it writes: `recording` is its
    /// number in the run.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn visits(
        &self,
        run: i64,
        recording: u32,
        visits: Vec<VisitRow>,
    ) -> Result<(), LedgerError> {
        self.pen.write(Entry::Visits {
            run,
            recording,
            visits,
        })
    }

    /// Keeps a configuration that comes into force in a run that writes: what is written after this returned comes
    /// after it.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn configured(&self, run: i64, configuration: Configuration) -> Result<(), LedgerError> {
        let configuration = Box::new(configuration);
        self.pen.write(Entry::Configuration { run, configuration })
    }

    /// Keeps what a strategy remembers, in place of what was kept before. It is durable a moment later, or with the next
    /// thing that is waited for.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn keep_state(&self, run: i64, state: State) -> Result<(), LedgerError> {
        self.pen.note(Entry::State { run, state })
    }

    /// Forgets what a strategy remembers.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn clear_state(&self, strategy: &str) -> Result<(), LedgerError> {
        let strategy = strategy.to_owned();
        self.pen.write_and_wait(Entry::ClearState { strategy })
    }

    /// Opens it for reading, beside the writing.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn reader(&self) -> Result<Reader, LedgerError> {
        Reader::open(&self.pen.path)
    }

    /// Writes what is queued, and closes.
    ///
    /// # Errors
    /// If anything since the ledger was opened could not be written.
    pub fn close(mut self) -> Result<(), LedgerError> {
        self.stop();
        self.pen.check()
    }

    fn stop(&mut self) {
        let _ = self.pen.queue.send(Job::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic there is in the health already.
            let _ = thread.join();
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The one name of a file, so that two names of it meet at one lock.
pub(super) fn real_path(path: &Path) -> Result<PathBuf, LedgerError> {
    let failed = |doing| {
        move |source| LedgerError::File {
            path: path.to_owned(),
            doing,
            source,
        }
    };
    if path.exists() {
        return path.canonicalize().map_err(failed("find the ledger"));
    }
    let name = path.file_name().ok_or_else(|| {
        failed("open the ledger")(std::io::Error::other("the path names no file"))
    })?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = folder
        .canonicalize()
        .map_err(failed("find the folder of the ledger (make it first)"))?;
    Ok(folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Effects, Journal, Record, TradingState};
    use crate::ledger::RunKind;
    use crate::market::{Currency, Mode, TimeMs};

    #[test]
    fn a_full_disk_ends_the_writing_and_loses_nothing_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        drop(Ledger::open(&path, LedgerSettings::default()).unwrap());

        // The same writer, on a database that may grow by a few pages only.
        let connection = schema::open_to_write(&path).unwrap();
        schema::configure(&connection, &path, Duration::from_secs(1)).unwrap();
        let pages: i64 = connection
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .unwrap();
        connection
            .query_row(
                &format!("PRAGMA max_page_count = {}", pages + 8),
                [],
                |_| Ok(()),
            )
            .unwrap();
        let lock = Lock::take(&path).unwrap();
        let settings = LedgerSettings::default();
        let ledger = Ledger::start(connection, path.clone(), lock, settings, None).unwrap();
        let info = RunInfo {
            kind: RunKind::Run,
            mode: Mode::DryRun,
            started_at: TimeMs(0),
            currency: Currency::GBP,
            config: serde_json::Value::Null,
        };
        let mut run = ledger.begin_run(info).unwrap();
        run.begin_recording(1, "feed", "feed").unwrap();
        let halt = [Record::Trading {
            at: TimeMs(0),
            state: TradingState::Halted,
            reason: "x".repeat(1_000),
        }];
        let token = Effects::<()>::default().token();
        let mut acknowledged = 0;
        let error = loop {
            match run.commit(token, &halt) {
                Ok(_) => acknowledged += 1,
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("full"), "{error}");
        assert!(acknowledged > 0);
        assert!(run.commit(token, &[]).is_err(), "not even an empty batch");
        let report = ledger.health().report();
        assert!(report.error.unwrap().contains("full"));
        assert_eq!(report.records, acknowledged);
        drop(ledger);

        let reader = Reader::open(&path).unwrap();
        let kept: i64 = reader
            .connection
            .query_row("SELECT count(*) FROM house_events", [], |row| row.get(0))
            .unwrap();
        assert_eq!(kept, i64::try_from(acknowledged).unwrap());
        assert_eq!(reader.audit().unwrap(), []);
    }
}
