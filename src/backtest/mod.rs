//! Runs strategies over recordings and reports what became of them.
//!
//! Each recording is a session of its own: fresh books, fresh strategies, a full bank, a new day. So recordings can be
//! played in any number and the results add up, and a live host playing the same recording does the same.

mod band;
mod drawdown;
mod orders;
mod report;
mod session;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

pub use band::{BandLine, BandResult, run_band};
pub use orders::write_orders;
pub use report::{Fault, Report, StrategyReport, Trouble};
pub use session::{Session, Setup};

use crate::engine::{JournalError, NoJournal, Notice, Strategy, Trace};
use crate::ledger::{LedgerError, RunWriter};
use crate::source::{self, SourceError};
use crate::strategy::ScriptError;

/// Makes the strategies of a session anew.
pub type Makers<'a> = &'a dyn Fn() -> Result<Vec<Box<dyn Strategy>>, ScriptError>;

/// What stops a whole run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A strategy does not compile.
    #[error("{0}")]
    Script(#[from] ScriptError),
    /// The ledger cannot be written.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// The ledger failed during a session.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// The file of orders cannot be written.
    #[error("the orders cannot be written: {0}")]
    Orders(std::io::Error),
}

/// How far a run is, for a progress bar.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Bytes of the input read, as they are on disk.
    pub bytes: u64,
    /// Market changes handled.
    pub updates: u64,
}

/// Where a run's results go besides its report.
pub struct Sinks<'a> {
    /// The ledger, if one is kept.
    pub ledger: Option<&'a mut RunWriter>,
    /// One JSON line for each order, if asked for.
    pub orders: Option<&'a mut dyn Write>,
    /// Told how far the run is; breaking stops the run after the present update.
    pub progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    /// Told what strategies log and how they fail.
    pub notice: &'a mut dyn FnMut(Notice),
}

/// How many updates pass between two reports of progress.
const UPDATES_BETWEEN_PROGRESS: u64 = 4_096;

/// Plays every recording in the files, in order, each as a session of its own.
///
/// What is wrong with a file is told in the report, and the other files are still done.
///
/// # Errors
/// If a strategy does not compile, or the ledger or the orders cannot be written.
pub fn run(
    setup: &Setup,
    makers: Makers<'_>,
    files: &[PathBuf],
    sinks: &mut Sinks<'_>,
) -> Result<Report, RunError> {
    let started = Instant::now();
    let mut run = Run {
        setup,
        makers,
        sinks,
        report: Report::new(setup),
        trace: Trace::default(),
        ordinal: 0,
        bytes: 0,
    };
    for strategy in makers()? {
        run.report.add_strategy(strategy.name(), strategy.hash());
    }
    let mut stopped = false;
    for file in files {
        let size = std::fs::metadata(file).map_or(0, |meta| meta.len());
        let mut failed = None;
        let walked = source::visit(file, &mut |recording| match run.play(recording) {
            Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
            Ok(ControlFlow::Break(())) => {
                stopped = true;
                ControlFlow::Break(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if let Err(error) = walked {
            run.report.trouble(&error);
        }
        run.bytes += size;
        if stopped {
            break;
        }
    }
    let Run {
        mut report, trace, ..
    } = run;
    report.finish(trace.hash(), stopped, started.elapsed());
    Ok(report)
}

/// A run under way.
struct Run<'a, 's> {
    setup: &'a Setup,
    makers: Makers<'a>,
    sinks: &'a mut Sinks<'s>,
    report: Report,
    trace: Trace,
    ordinal: u32,
    /// Bytes of the files done.
    bytes: u64,
}

impl Run<'_, '_> {
    fn play(&mut self, recording: &mut source::Recording<'_>) -> Result<ControlFlow<()>, RunError> {
        self.ordinal += 1;
        let name = recording.name().to_owned();
        let strategies = (self.makers)()?;
        if let Some(ledger) = self.sinks.ledger.as_deref_mut() {
            ledger.begin_recording(self.ordinal, &name, recording.path())?;
            let (flow, updates, hash) = {
                let session = Session::new(self.setup, self.ordinal, strategies, &mut *ledger);
                play_session(
                    session,
                    recording,
                    &mut self.report,
                    self.bytes,
                    &mut Outputs {
                        orders: self
                            .sinks
                            .orders
                            .as_mut()
                            .map(|out| &mut **out as &mut dyn Write),
                        progress: self.sinks.progress,
                        notice: self.sinks.notice,
                    },
                )?
            };
            self.trace.add_part(&name, &hash);
            ledger.end_recording(updates, recording.problems().len() as u64, &hash)?;
            return Ok(flow);
        }
        let session = Session::new(self.setup, self.ordinal, strategies, NoJournal);
        let (flow, _, hash) = play_session(
            session,
            recording,
            &mut self.report,
            self.bytes,
            &mut Outputs {
                orders: self
                    .sinks
                    .orders
                    .as_mut()
                    .map(|out| &mut **out as &mut dyn Write),
                progress: self.sinks.progress,
                notice: self.sinks.notice,
            },
        )?;
        self.trace.add_part(&name, &hash);
        Ok(flow)
    }
}

/// The sinks of a session, without the ledger.
struct Outputs<'a> {
    orders: Option<&'a mut dyn Write>,
    progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    notice: &'a mut dyn FnMut(Notice),
}

/// Plays one recording to its end (or until told to stop) and adds it to the report.
fn play_session<J: crate::engine::Journal>(
    mut session: Session<J>,
    recording: &mut source::Recording<'_>,
    report: &mut Report,
    bytes_before: u64,
    outputs: &mut Outputs<'_>,
) -> Result<(ControlFlow<()>, u64, String), RunError> {
    let updates_before = report.updates;
    let mut flow = ControlFlow::Continue(());
    let mut due = UPDATES_BETWEEN_PROGRESS;
    let trouble: Option<SourceError> = loop {
        match recording.next() {
            Ok(Some(update)) => session.take(update.published_at, update.deltas, &mut |_| true)?,
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        session.notices().for_each(&mut *outputs.notice);
        if session.updates() >= due {
            due = session.updates() + UPDATES_BETWEEN_PROGRESS;
            let bytes = bytes_before + recording.bytes_read();
            flow = (outputs.progress)(Progress {
                bytes,
                updates: updates_before + session.updates(),
            });
            if flow.is_break() {
                break None;
            }
        }
    };
    session.finish()?;
    session.notices().for_each(&mut *outputs.notice);
    if let Some(out) = outputs.orders.as_mut() {
        write_orders(&session, recording.name(), *out).map_err(RunError::Orders)?;
    }
    for problem in recording.problems() {
        report.problem(problem);
    }
    if let Some(error) = trouble {
        report.trouble(&error);
    }
    report.add_session(&session);
    Ok((flow, session.updates(), session.trace_hash()))
}
