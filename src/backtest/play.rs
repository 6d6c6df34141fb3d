//! Plays recordings, each as a session of its own, under a driver: a backtest at full speed, a host in time.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use super::session::by_name;
use super::{Memory, Report, RunError, Session, Setup};
use crate::engine::{Journal, NoJournal, Notice, Strategy, Trace};
use crate::ledger::{RunWriter, VisitRow};
use crate::market::Instruction;
use crate::source::{self, Recording, SourceError, Update};
use crate::strategy::ScriptError;

/// A session being played.
pub type Playing<'a> = Session<&'a mut dyn Journal>;

/// Moves the sessions of a run along. What it does between messages is all in which backtest and host differ.
pub trait Driver {
    /// The strategies of the next session, made anew, in any order. Asked once more at the start, to list them.
    ///
    /// # Errors
    /// If one does not compile.
    fn strategies(&mut self) -> Result<Vec<Box<dyn Strategy>>, ScriptError>;

    /// A recording begins.
    fn begin(&mut self, recording: &str);

    /// The next message is there: returns when it is due. Breaking ends the run without it.
    /// `bytes` of the input have been read, as they are on disk.
    ///
    /// # Errors
    /// Whatever must end the run.
    fn before(
        &mut self,
        session: &mut Playing<'_>,
        update: &Update<'_>,
        bytes: u64,
    ) -> Result<ControlFlow<()>, RunError>;

    /// The last word on a new order before it leaves.
    fn may_send(&mut self, order: &Instruction) -> bool;

    /// A strategy logged something or failed.
    fn notice(&mut self, notice: Notice);

    /// The session has ended.
    ///
    /// # Errors
    /// Whatever must end the run.
    fn end(&mut self, session: &Playing<'_>, recording: &str) -> Result<(), RunError>;
}

/// Plays every recording in the files, in order, each as a session of its own.
///
/// What is wrong with a file is told in the report, and the other files are still done.
///
/// # Errors
/// If the ledger cannot be written, or the driver ends the run with an error.
pub fn play<D: Driver>(
    setup: &Setup,
    files: &[PathBuf],
    ledger: Option<&mut RunWriter>,
    driver: &mut D,
) -> Result<Report, RunError> {
    let started = Instant::now();
    let mut run = Run {
        setup,
        ledger,
        driver,
        report: Report::new(setup),
        trace: Trace::default(),
        memory: setup.memory.clone(),
        ordinal: 0,
        bytes: 0,
    };
    for strategy in by_name(run.driver.strategies()?) {
        run.report.list(strategy.name(), strategy.hash());
    }
    let mut stopped = false;
    for file in files {
        let size = std::fs::metadata(file).map_or(0, |meta| meta.len());
        let mut failed = None;
        let walked = source::visit(file, &mut |recording| match run.recording(recording) {
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
struct Run<'a, D> {
    setup: &'a Setup,
    ledger: Option<&'a mut RunWriter>,
    driver: &'a mut D,
    report: Report,
    trace: Trace,
    memory: Option<Memory>,
    ordinal: u32,
    /// Bytes of the files done.
    bytes: u64,
}

impl<D: Driver> Run<'_, D> {
    fn recording(&mut self, recording: &mut Recording<'_>) -> Result<ControlFlow<()>, RunError> {
        self.ordinal += 1;
        let name = recording.name().to_owned();
        let mut strategies = self.driver.strategies()?;
        self.driver.begin(&name);
        if let Some(ledger) = &mut self.ledger {
            ledger.begin_recording(self.ordinal, &name, recording.path())?;
        }
        self.remind(&mut strategies)?;
        let mut nothing_kept = NoJournal;
        let journal: &mut dyn Journal = match &mut self.ledger {
            Some(ledger) => *ledger,
            None => &mut nothing_kept,
        };
        let mut session = Session::new(self.setup, self.ordinal, strategies, journal);
        let (flow, trouble) = messages(
            &mut session,
            recording,
            self.driver,
            &mut self.report,
            self.bytes,
        )?;
        session.finish()?;
        tell(&mut session, self.driver, &mut self.report);
        self.driver.end(&session, &name)?;
        let (updates, hash) = (session.updates(), session.trace_hash());
        let problems = recording.problems().len() + usize::from(trouble.is_some());
        for problem in recording.problems() {
            self.report.problem(problem);
        }
        if let Some(error) = trouble {
            self.report.trouble(&error);
        }
        self.report.add_session(&session);
        if let Some(memory) = &mut self.memory {
            memory.take_from(session.slots());
        }
        let visits = visits(&session);
        drop(session);
        self.trace.add_part(&name, &hash);
        if let Some(ledger) = &mut self.ledger {
            ledger.visits(visits)?;
            ledger.end_recording(updates, problems as u64, &hash)?;
        }
        Ok(flow)
    }
}

impl<D> Run<'_, D> {
    /// Gives strategies back what they remember, and records that as what the session started from.
    fn remind(&mut self, strategies: &mut [Box<dyn Strategy>]) -> Result<(), RunError> {
        let Some(memory) = &self.memory else {
            return Ok(());
        };
        for strategy in strategies {
            memory
                .give_to(&mut **strategy)
                .map_err(|fault| RunError::Memory {
                    strategy: strategy.name().to_owned(),
                    fault,
                })?;
            if let (Some(ledger), Some(state)) = (&mut self.ledger, memory.of(strategy.name())) {
                ledger.starts_with(strategy.name(), state.clone())?;
            }
        }
        Ok(())
    }
}

/// What each strategy was shown of each market.
fn visits(session: &Playing<'_>) -> Vec<VisitRow> {
    let mut rows = Vec::new();
    for slot in session.slots() {
        for visit in slot.visits() {
            rows.push(VisitRow {
                strategy: slot.name.to_string(),
                market: session.books().get(visit.market).id.to_string(),
                calls: visit.calls,
                not_now: visit.not_now,
                unwanted: visit.unwanted,
            });
        }
    }
    rows
}

/// Plays a recording to its end, to its damage, or until told to stop.
fn messages<D: Driver>(
    session: &mut Playing<'_>,
    recording: &mut Recording<'_>,
    driver: &mut D,
    report: &mut Report,
    bytes_before: u64,
) -> Result<(ControlFlow<()>, Option<SourceError>), RunError> {
    loop {
        let bytes = bytes_before + recording.bytes_read();
        let update = match recording.next() {
            Ok(Some(update)) => update,
            Ok(None) => return Ok((ControlFlow::Continue(()), None)),
            Err(error) => return Ok((ControlFlow::Continue(()), Some(error))),
        };
        if driver.before(session, &update, bytes)?.is_break() {
            return Ok((ControlFlow::Break(()), None));
        }
        session.take(update.published_at, update.deltas, &mut |order| {
            driver.may_send(order)
        })?;
        tell(session, driver, report);
    }
}

fn tell<D: Driver>(session: &mut Playing<'_>, driver: &mut D, report: &mut Report) {
    for notice in session.notices() {
        if let Notice::Fault {
            strategy, detail, ..
        } = &notice
        {
            report.fault(strategy, detail);
        }
        driver.notice(notice);
    }
}
