//! What a run writes: the engine's journal, and what frames it.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::LedgerError;
use super::pen::Pen;
use super::rows::Spot;
use super::strategies::Version;
use super::writer::Entry;
use crate::engine::{Journal, JournalError, Receipt, Record, Token};
use crate::market::{Currency, Mode, TimeMs};

/// What kind of run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// Over recordings, as fast as it goes.
    Backtest,
    /// On a feed, in its time.
    Run,
    /// The built-in demonstration.
    Demo,
}

impl RunKind {
    /// The name in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backtest => "backtest",
            Self::Run => "run",
            Self::Demo => "demo",
        }
    }
}

/// How a run ended. One without an outcome is running, or died: see [`super::Death`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It reached its end.
    Completed,
    /// An error ended it.
    Failed,
    /// The operator ended it.
    Interrupted,
}

impl Outcome {
    /// The name in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What is known of a run when it starts.
#[derive(Clone, Debug)]
pub struct RunInfo {
    /// What kind of run it is.
    pub kind: RunKind,
    /// Whether its bets are real.
    pub mode: Mode,
    /// When it started, by the wall clock.
    pub started_at: TimeMs,
    /// The currency of every amount in it.
    pub currency: Currency,
    /// Its whole configuration, without secrets.
    pub config: Value,
}

/// What a strategy was shown of a market in a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VisitRow {
    /// Which strategy.
    pub strategy: String,
    /// Which market.
    pub market: String,
    /// How often it was asked.
    pub calls: u64,
    /// Changes that came outside the moments that its `markets()` asks for.
    pub not_now: u64,
    /// What of its `markets()` the market does not meet.
    pub unwanted: Option<String>,
}

/// Is told of each batch of records when it is durable, and how long that took, on the thread that wrote it.
pub type Witness = Box<dyn FnMut(&[Record], Duration) + Send>;

/// Writes one run. Dropping it without [`RunWriter::finish`] leaves the run without an outcome.
pub struct RunWriter {
    run: i64,
    pen: Pen,
    recording: Option<u32>,
    next_record: i64,
    witness: Option<Witness>,
}

impl fmt::Debug for RunWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunWriter")
            .field("run", &self.run)
            .field("recording", &self.recording)
            .field("next_record", &self.next_record)
            .finish_non_exhaustive()
    }
}

impl RunWriter {
    pub(super) fn begin(
        run: i64,
        info: RunInfo,
        epoch: u32,
        pen: Pen,
    ) -> Result<Self, LedgerError> {
        let writer = Self {
            run,
            pen,
            recording: None,
            next_record: 1,
            witness: None,
        };
        let info = Box::new(info);
        writer
            .pen
            .write_and_wait(Entry::BeginRun { run, epoch, info })?;
        Ok(writer)
    }

    /// Has somebody told of what becomes durable from here on.
    pub fn watched_by(&mut self, witness: Witness) {
        self.witness = Some(witness);
    }

    /// The run's number in the ledger.
    #[must_use]
    pub const fn run(&self) -> i64 {
        self.run
    }

    /// Starts a recording or feed: the records that follow are of it. Ordinals count from 1.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn begin_recording(
        &mut self,
        ordinal: u32,
        name: &str,
        path: &str,
    ) -> Result<(), LedgerError> {
        self.pen.write(Entry::BeginRecording {
            run: self.run,
            ordinal,
            name: name.to_owned(),
            path: path.to_owned(),
        })?;
        self.recording = Some(ordinal);
        Ok(())
    }

    /// Keeps what each strategy was shown of each market of the present recording.
    ///
    /// # Errors
    /// If no recording was begun, or the ledger cannot be written.
    pub fn visits(&mut self, visits: Vec<VisitRow>) -> Result<(), LedgerError> {
        let recording = self.recording()?;
        self.pen.write(Entry::Visits {
            run: self.run,
            recording,
            visits,
        })
    }

    /// Ends the present recording: how many updates it had, how many of them could not be used, and the hash of
    /// what was done in it.
    ///
    /// # Errors
    /// If no recording was begun, or the ledger cannot be written.
    pub fn end_recording(
        &mut self,
        updates: u64,
        problems: u64,
        trace_hash: &str,
    ) -> Result<(), LedgerError> {
        let ordinal = self.recording()?;
        self.pen.write(Entry::EndRecording {
            run: self.run,
            ordinal,
            updates,
            problems,
            trace_hash: trace_hash.to_owned(),
        })?;
        self.recording = None;
        Ok(())
    }

    /// Keeps the source of a version of a script. One that is kept already is not written again.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn script(&mut self, hash: &str, name: &str, source: &str) -> Result<(), LedgerError> {
        self.pen.script(hash, name, source)
    }

    /// Keeps a version of a strategy that was offered to the run, and what became of it.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn version(&mut self, version: Version) -> Result<(), LedgerError> {
        let (run, version) = (Some(self.run), Box::new(version));
        self.pen.write(Entry::Version { run, version })
    }

    /// Keeps what a strategy remembers as the present recording begins.
    ///
    /// # Errors
    /// If no recording was begun, or the ledger cannot be written.
    pub fn starts_with(&mut self, strategy: &str, state: Value) -> Result<(), LedgerError> {
        let ordinal = self.recording()?;
        self.pen.write(Entry::StartState {
            run: self.run,
            ordinal,
            strategy: strategy.to_owned(),
            state,
        })
    }

    /// Keeps the run's report, and the hash of the data it is of.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn report(
        &mut self,
        data_set: &str,
        report: Value,
        text: String,
    ) -> Result<(), LedgerError> {
        self.pen.write(Entry::Report {
            run: self.run,
            data_set: data_set.to_owned(),
            report: Box::new(report),
            text,
        })
    }

    /// Ends the run when all of it is durable.
    ///
    /// # Errors
    /// If any of the run could not be written.
    pub fn finish(
        self,
        at: TimeMs,
        outcome: Outcome,
        trace_hash: Option<&str>,
    ) -> Result<(), LedgerError> {
        self.pen.write_and_wait(Entry::EndRun {
            run: self.run,
            at,
            outcome,
            trace_hash: trace_hash.map(str::to_owned),
        })
    }

    fn recording(&self) -> Result<u32, LedgerError> {
        self.recording.ok_or_else(|| {
            self.pen
                .failed("records came before a recording was begun".to_owned())
        })
    }

    /// Keeps records of the present recording, in order, without a receipt for what was to wait for them.
    ///
    /// # Errors
    /// If no recording was begun, or the ledger cannot be written.
    pub fn records(&mut self, records: Vec<Record>) -> Result<(), LedgerError> {
        self.pen.check()?;
        if records.is_empty() {
            return Ok(());
        }
        let first = Spot {
            run: self.run,
            recording: self.recording()?,
            record: self.next_record,
        };
        self.next_record += i64::try_from(records.len()).expect("a batch fits in memory");
        self.pen.write(Entry::Records { first, records })
    }
}

impl Journal for RunWriter {
    /// With [`Durability::Full`] the receipt follows the COMMIT. With [`Durability::Batched`] it follows the queue:
    /// for backtests, which send nothing and can be had again.
    fn commit(&mut self, token: Token, records: &[Record]) -> Result<Receipt, JournalError> {
        let began = Instant::now();
        match self.records(records.to_vec()) {
            Ok(()) => {
                if let Some(witness) = &mut self.witness {
                    witness(records, began.elapsed());
                }
                Ok(Receipt::committed(token))
            }
            Err(error) => Err(JournalError(error.to_string())),
        }
    }
}
