//! The accounts of a run: what its recordings gave, entered in their order, whoever played them and when.

use std::time::Instant;

use super::band::lines;
use super::report::Summary;
use super::session::by_name;
use super::{Fault, Report, RunError, Setup, Trouble};
use crate::engine::{Record, Strategy, Trace};
use crate::ledger::{RunWriter, VisitRow};
use crate::source::SourceError;

/// What came of one recording.
pub(super) struct Played {
    pub(super) name: String,
    pub(super) summary: Summary,
    /// Of the sessions that were moved along beside it.
    pub(super) beside: Vec<Summary>,
    pub(super) problems: Vec<Trouble>,
    pub(super) warnings: Vec<Trouble>,
    pub(super) faults: Vec<Fault>,
    pub(super) visits: Vec<VisitRow>,
    pub(super) trace_hash: String,
}

/// Report, trace and ledger of a run.
pub(super) struct Accounts<'a> {
    pub(super) ledger: Option<&'a mut RunWriter>,
    report: Report,
    /// Reports of the sessions beside, if there are such.
    beside: Vec<Report>,
    trace: Trace,
    /// Over the names and lengths of the recordings.
    data: blake3::Hasher,
    started: Instant,
}

impl<'a> Accounts<'a> {
    /// Accounts in which these strategies did nothing yet. Each recording comes with as many sessions beside it as
    /// there are further set-ups.
    pub(super) fn open(
        setup: &Setup,
        beside: &[Setup],
        ledger: Option<&'a mut RunWriter>,
        strategies: Vec<Box<dyn Strategy>>,
    ) -> Self {
        let strategies = by_name(strategies);
        let blank = |setup| {
            let mut report = Report::new(setup);
            for strategy in &strategies {
                report.list(strategy.name(), strategy.hash());
            }
            report
        };
        Self {
            ledger,
            report: blank(setup),
            beside: beside.iter().map(blank).collect(),
            trace: Trace::default(),
            data: blake3::Hasher::new(),
            started: Instant::now(),
        }
    }

    /// A recording begins.
    pub(super) fn begin(&mut self, ordinal: u32, name: &str, path: &str) -> Result<(), RunError> {
        if let Some(ledger) = &mut self.ledger {
            ledger.begin_recording(ordinal, name, path)?;
        }
        Ok(())
    }

    /// What the recording that began last adds to the ledger.
    pub(super) fn records(&mut self, records: Vec<Record>) -> Result<(), RunError> {
        if let Some(ledger) = &mut self.ledger {
            ledger.records(records)?;
        }
        Ok(())
    }

    /// It ended so.
    pub(super) fn end(&mut self, played: Played) -> Result<(), RunError> {
        self.trace.add_part(&played.name, &played.trace_hash);
        self.report.add(&played.summary);
        for (report, summary) in self.beside.iter_mut().zip(&played.beside) {
            report.add(summary);
        }
        for fault in &played.faults {
            let faults = &mut self.report.faults;
            Fault::add(faults, &fault.strategy, &fault.message, fault.count);
        }
        let problems = played.problems.len() as u64;
        self.report.problems.extend(played.problems);
        self.report.warnings.extend(played.warnings);
        self.data.update(played.name.as_bytes());
        self.data.update(&[0]);
        self.data.update(&played.summary.updates.to_le_bytes());
        if let Some(ledger) = &mut self.ledger {
            ledger.visits(played.visits)?;
            ledger.end_recording(played.summary.updates, problems, &played.trace_hash)?;
        }
        Ok(())
    }

    /// Something could not be read at all.
    pub(super) fn trouble(&mut self, error: &SourceError) {
        self.report.problems.push(error.into());
    }

    /// The report of all that was entered.
    pub(super) fn close(self, interrupted: bool) -> Report {
        let Self {
            mut report,
            mut beside,
            trace,
            data,
            started,
            ..
        } = self;
        report.data_set = data.finalize().to_hex()[..16].to_owned();
        report.finish(trace.hash(), interrupted, started.elapsed());
        beside.iter_mut().for_each(Report::sum_up);
        if let [pessimistic, optimistic] = &beside[..] {
            report.band = lines(pessimistic, &report, optimistic);
        }
        report
    }
}
