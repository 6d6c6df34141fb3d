//! The one thread that writes: takes batches from a bounded queue and commits them in groups.
//!
//! The first failure is the last thing it does. A COMMIT that failed may or may not be in the file, and writing on
//! would decide that by accident; so the connection is dropped untouched, and every later batch is refused.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, params};

use super::LedgerError;
use super::approvals::{self, Approval};
use super::chain::Scribe;
use super::closings::{self, ClosingRow};
use super::columns::whole;
use super::configurations::{self, Configuration};
use super::deaths::{self, Death};
use super::health::Health;
use super::identity::Identity;
use super::rows::{self, RowError, Spot};
use super::run::{Outcome, RunInfo, VisitRow};
use super::strategies::{self, State, Version};
use crate::engine::Record;
use crate::market::TimeMs;

/// A group is committed at the latest with this many records …
const GROUP_RECORDS: u64 = 10_000;
/// … or after this long.
const GROUP_TIME: Duration = Duration::from_millis(200);
/// How often the file is looked at while nothing is written.
const LOOK: Duration = Duration::from_secs(1);

/// Something to write.
#[derive(Debug)]
pub(super) enum Entry {
    BeginRun {
        run: i64,
        epoch: u32,
        info: Box<RunInfo>,
    },
    BeginRecording {
        run: i64,
        ordinal: u32,
        name: String,
        path: String,
    },
    EndRecording {
        run: i64,
        ordinal: u32,
        updates: u64,
        problems: u64,
        trace_hash: String,
    },
    Visits {
        run: i64,
        recording: u32,
        visits: Vec<VisitRow>,
    },
    Closings {
        run: i64,
        recording: u32,
        rows: Vec<ClosingRow>,
    },
    Script {
        hash: String,
        name: String,
        source: String,
    },
    Version {
        run: Option<i64>,
        version: Box<Version>,
    },
    Configuration {
        run: i64,
        configuration: Box<Configuration>,
    },
    State {
        run: i64,
        state: State,
    },
    Approval {
        approval: Box<Approval>,
    },
    ClearState {
        strategy: String,
    },
    /// What a strategy remembers as a recording begins.
    StartState {
        run: i64,
        ordinal: u32,
        strategy: String,
        state: serde_json::Value,
    },
    /// Records in order; the spot is that of the first.
    Records {
        first: Spot,
        records: Vec<Record>,
    },
    Report {
        run: i64,
        data_set: String,
        report: Box<serde_json::Value>,
        text: String,
    },
    EndRun {
        run: i64,
        at: TimeMs,
        outcome: Outcome,
        trace_hash: Option<String>,
    },
}

/// How a waiting caller learns what became of its batch.
pub(super) type Ack = SyncSender<Result<(), String>>;

/// One piece of work for the writer.
#[derive(Debug)]
pub(super) enum Job {
    /// Write it; whoever waits hears when it is durable.
    Write { entry: Entry, ack: Option<Ack> },
    /// Finish what is queued before this, then end.
    Stop,
}

/// Owned by the writer thread.
pub(super) struct Writer {
    /// `None` once a batch failed.
    connection: Option<Connection>,
    path: PathBuf,
    jobs: Receiver<Job>,
    health: Arc<Health>,
    attempts: u8,
    /// Which file was opened: a ledger that is moved away or replaced takes nothing more.
    file: Identity,
    scribe: Scribe,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        path: PathBuf,
        jobs: Receiver<Job>,
        health: Arc<Health>,
        attempts: u8,
    ) -> Result<Self, LedgerError> {
        let scribe = Scribe::attach(&connection)
            .map_err(LedgerError::database(&path, "attach its hash chain"))?;
        Ok(Self {
            connection: Some(connection),
            file: Identity::of(&path)?,
            path,
            jobs,
            health,
            attempts,
            scribe,
        })
    }

    /// Keeps which runs died, before anything else is written.
    pub(super) fn register_deaths(&mut self) -> Result<Vec<Death>, LedgerError> {
        let Some(connection) = &self.connection else {
            return Ok(Vec::new());
        };
        deaths::register(connection, &mut self.scribe).map_err(LedgerError::database(
            &self.path,
            "record which runs have died",
        ))
    }

    /// Works until told to stop.
    pub(super) fn run(mut self) {
        while let Some((entry, ack)) = self.next_entry() {
            let mut group = Group::default();
            let written = match self.connection.take() {
                Some(connection) => {
                    let written = self.write_group(&connection, &mut group, entry, ack);
                    match written {
                        Ok(()) => self.connection = Some(connection),
                        Err(_) => abandon(connection),
                    }
                    written
                }
                None => {
                    group.acks.extend(ack);
                    Err(self
                        .health
                        .error()
                        .unwrap_or("the ledger is closed")
                        .to_owned())
                }
            };
            if let Err(cause) = &written {
                if self.health.error().is_none() {
                    tracing::error!(ledger = %self.path.display(), "{cause}");
                }
                self.health.failed(cause);
            }
            for ack in group.acks {
                // Who stopped waiting reads the health instead.
                let _ = ack.send(written.clone());
            }
            if group.stop {
                return;
            }
        }
    }

    /// The next thing to write; `None` when there will be none. While there is none, the file is watched.
    fn next_entry(&mut self) -> Option<(Entry, Option<Ack>)> {
        loop {
            match self.jobs.recv_timeout(LOOK) {
                Ok(Job::Write { entry, ack }) => return Some((entry, ack)),
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    if let (Some(_), Err(cause)) =
                        (&self.connection, self.file.still_at(&self.path))
                    {
                        tracing::error!(ledger = %self.path.display(), "{cause}");
                        self.health.failed(&cause);
                        if let Some(connection) = self.connection.take() {
                            abandon(connection);
                        }
                    }
                }
            }
        }
    }

    fn write_group(
        &mut self,
        connection: &Connection,
        group: &mut Group,
        entry: Entry,
        ack: Option<Ack>,
    ) -> Result<(), String> {
        group.acks.extend(ack);
        self.begin(connection)?;
        self.add(connection, group, &entry)?;
        let deadline = Instant::now() + GROUP_TIME;
        while group.records < GROUP_RECORDS {
            // Nobody is kept waiting for company.
            let wait = match group.acks.is_empty() {
                true => deadline.saturating_duration_since(Instant::now()),
                false => Duration::ZERO,
            };
            match self.jobs.recv_timeout(wait) {
                Ok(Job::Write { entry, ack }) => {
                    group.acks.extend(ack);
                    self.add(connection, group, &entry)?;
                }
                Ok(Job::Stop) => {
                    group.stop = true;
                    break;
                }
                Err(_) => break,
            }
        }
        self.scribe
            .seal(connection)
            .map_err(|error| format!("cannot add to the hash chain, rolled back: {error}"))?;
        let started = Instant::now();
        connection.execute_batch("COMMIT").map_err(|error| {
            format!(
                "COMMIT failed, and whether the last {} records are in the ledger is unknown: {error}",
                group.records
            )
        })?;
        // Nothing counts as kept if the file it is in is no longer the ledger.
        self.file.still_at(&self.path)?;
        self.health
            .committed(group.batches, group.records, started.elapsed());
        Ok(())
    }

    /// Takes the write lock. Nothing was written yet, so this alone may be tried again.
    fn begin(&self, connection: &Connection) -> Result<(), String> {
        let mut tried = 0;
        loop {
            tried += 1;
            match connection.execute_batch("BEGIN IMMEDIATE") {
                Ok(()) => return Ok(()),
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && tried < self.attempts => {}
                Err(error) => {
                    return Err(format!(
                        "cannot begin to write after {tried} attempts: {error} \
                         (is another program, such as sqlite3, writing to the ledger?)"
                    ));
                }
            }
        }
    }

    fn add(&self, connection: &Connection, group: &mut Group, entry: &Entry) -> Result<(), String> {
        group.batches += 1;
        if let Entry::Records { first, records } = entry {
            for (record, number) in records.iter().zip(first.record..) {
                let spot = Spot {
                    record: number,
                    ..*first
                };
                rows::write(connection, spot, record).map_err(|error| {
                    format!(
                        "cannot write record {number} of run {}, rolled back: {error}",
                        first.run
                    )
                })?;
                group.records += 1;
            }
            return Ok(());
        }
        write_frame(connection, entry)
            .map_err(|error| format!("cannot write {entry}, rolled back: {error}"))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.health.failed("the ledger's writer panicked");
        }
    }
}

/// What is committed together.
#[derive(Default)]
struct Group {
    batches: u64,
    records: u64,
    acks: Vec<Ack>,
    stop: bool,
}

/// Closes the connection so that the file stays as the failure left it: the next start recovers from that.
fn abandon(connection: Connection) {
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    drop(connection);
}

/// Writes what frames the records: runs, recordings, scripts.
fn write_frame(connection: &Connection, entry: &Entry) -> Result<(), RowError> {
    let changed = match entry {
        Entry::BeginRun { run, epoch, info } => {
            let config = info.config.to_string();
            connection.execute(
                "INSERT INTO runs (id, kind, mode, version, currency, config, config_hash, started_at_ms,
                     epoch)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    run,
                    info.kind.as_str(),
                    info.mode.as_str(),
                    env!("CARGO_PKG_VERSION"),
                    info.currency.as_str(),
                    config,
                    blake3::hash(config.as_bytes()).to_hex().as_str(),
                    info.started_at.0,
                    epoch,
                ],
            )?
        }
        Entry::BeginRecording {
            run,
            ordinal,
            name,
            path,
        } => connection
            .prepare_cached(
                "INSERT INTO recordings (run_id, ordinal, name, path) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![run, ordinal, name, path])?,
        Entry::EndRecording {
            run,
            ordinal,
            updates,
            problems,
            trace_hash,
        } => connection
            .prepare_cached(
                "UPDATE recordings SET updates = ?3, problems = ?4, trace_hash = ?5
                  WHERE run_id = ?1 AND ordinal = ?2",
            )?
            .execute(params![
                run,
                ordinal,
                whole("updates", *updates)?,
                whole("problems", *problems)?,
                trace_hash
            ])?,
        Entry::Visits {
            run,
            recording,
            visits,
        } => {
            let mut insert = connection
                // A market that comes again after it was forgotten is told of once.
                .prepare_cached(
                    "INSERT INTO visits VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
                )?;
            for visit in visits {
                insert.execute(params![
                    run,
                    recording,
                    visit.strategy,
                    visit.market,
                    whole("calls", visit.calls)?,
                    whole("moments", visit.not_now)?,
                    visit.unwanted,
                ])?;
            }
            1
        }
        Entry::Closings {
            run,
            recording,
            rows,
        } => {
            closings::write(connection, *run, *recording, rows)?;
            1
        }
        Entry::Script { hash, name, source } => {
            connection
                .prepare_cached(
                    "INSERT INTO scripts VALUES (?1, ?2, ?3) ON CONFLICT (hash) DO NOTHING",
                )?
                .execute(params![hash, name, source])?;
            1
        }
        Entry::Version { run, version } => {
            strategies::write_version(connection, *run, version)?;
            1
        }
        Entry::Configuration { run, configuration } => {
            configurations::write(connection, *run, configuration)?;
            1
        }
        Entry::State { run, state } => {
            strategies::write_state(connection, *run, state)?;
            1
        }
        Entry::Approval { approval } => {
            approvals::write(connection, approval)?;
            1
        }
        Entry::ClearState { strategy } => {
            strategies::clear_state(connection, strategy)?;
            1
        }
        Entry::StartState {
            run,
            ordinal,
            strategy,
            state,
        } => {
            strategies::write_start(connection, *run, *ordinal, strategy, state)?;
            1
        }
        Entry::Report {
            run,
            data_set,
            report,
            text,
        } => connection.execute(
            "INSERT INTO reports VALUES (?1, ?2, ?3, ?4)",
            params![run, data_set, report.to_string(), text],
        )?,
        Entry::EndRun {
            run,
            at,
            outcome,
            trace_hash,
        } => connection.execute(
            "UPDATE runs SET ended_at_ms = ?2, outcome = ?3, trace_hash = ?4 WHERE id = ?1",
            params![run, at.0, outcome.as_str(), trace_hash],
        )?,
        Entry::Records { .. } => unreachable!("records are no frame"),
    };
    match changed {
        1 => Ok(()),
        _ => Err(RowError::Contradiction("it was never begun".to_owned())),
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeginRun { run, .. } => write!(f, "the start of run {run}"),
            Self::Report { run, .. } => write!(f, "the report of run {run}"),
            Self::EndRun { run, .. } => write!(f, "the end of run {run}"),
            Self::BeginRecording { run, ordinal, .. } => {
                write!(f, "the start of recording {ordinal} of run {run}")
            }
            Self::EndRecording { run, ordinal, .. } => {
                write!(f, "the end of recording {ordinal} of run {run}")
            }
            Self::Visits { run, recording, .. } => {
                write!(f, "the visits of recording {recording} of run {run}")
            }
            Self::Closings { run, recording, .. } => {
                write!(f, "the closings of recording {recording} of run {run}")
            }
            Self::Version { version, .. } => {
                write!(f, "version {} of {}", version.hash, version.strategy)
            }
            Self::Configuration { run, .. } => write!(f, "a configuration of run {run}"),
            Self::State { state, .. } => write!(f, "the state of {}", state.strategy),
            Self::Approval { approval } => {
                write!(f, "the approval of {}", approval.strategy)
            }
            Self::ClearState { strategy } => write!(f, "that {strategy} has no state"),
            Self::StartState { strategy, .. } => {
                write!(f, "the state that {strategy} starts with")
            }
            Self::Script { name, hash, .. } => write!(f, "script {name} ({hash})"),
            Self::Records { first, records } => {
                write!(f, "{} records of run {}", records.len(), first.run)
            }
        }
    }
}
