//! Plays recordings, each as a session of its own, under a driver: a backtest at full speed, a host in time.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::accounts::{Accounts, Played};
use super::report::Summary;
use super::{Fault, Memory, Report, RunError, Session, Setup, Trouble};
use crate::engine::{Journal, NoJournal, Notice, Strategy, Venue};
use crate::exchange::Exchange;
use crate::ledger::{RunWriter, VisitRow};
use crate::market::Instruction;
use crate::risk::Approved;
use crate::source::{self, Recording, SourceError, Update};
use crate::strategy::ScriptError;

/// A session being played.
pub type Playing<'a, V = Exchange> = Session<&'a mut dyn Journal, V>;

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

    /// What sessions that were moved along beside this one gave, since it was asked last.
    fn beside(&mut self) -> Vec<Summary> {
        Vec::new()
    }
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
    let accounts = Accounts::open(setup, &[], ledger, driver.strategies()?);
    in_order(setup, files, accounts, driver)
}

/// As [`play`], into accounts that were opened before.
pub(super) fn in_order<D: Driver>(
    setup: &Setup,
    files: &[PathBuf],
    accounts: Accounts<'_>,
    driver: &mut D,
) -> Result<Report, RunError> {
    let mut run = Run {
        setup,
        accounts,
        driver,
        memory: setup.memory.clone(),
        ordinal: 0,
        bytes: 0,
    };
    let mut stopped = false;
    for piece in files.iter().flat_map(|file| source::pieces(file)) {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => {
                run.accounts.trouble(&error);
                continue;
            }
        };
        let mut failed = None;
        let walked = piece.visit(&mut |recording| match run.recording(recording) {
            Ok(flow) => {
                stopped = flow.is_break();
                flow
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
            run.accounts.trouble(&error);
        }
        run.bytes += piece.size();
        if stopped {
            break;
        }
    }
    Ok(run.accounts.close(stopped))
}

/// A run under way.
struct Run<'a, D> {
    setup: &'a Setup,
    accounts: Accounts<'a>,
    driver: &'a mut D,
    memory: Option<Memory>,
    ordinal: u32,
    /// Bytes of the pieces done.
    bytes: u64,
}

impl<D: Driver> Run<'_, D> {
    fn recording(&mut self, recording: &mut Recording<'_>) -> Result<ControlFlow<()>, RunError> {
        self.ordinal += 1;
        let mut strategies = self.driver.strategies()?;
        self.driver.begin(recording.name());
        self.accounts
            .begin(self.ordinal, recording.name(), recording.path())?;
        remind(self.memory.as_ref(), &mut self.accounts, &mut strategies)?;
        let mut nothing_kept = NoJournal;
        let journal: &mut dyn Journal = match &mut self.accounts.ledger {
            Some(ledger) => *ledger,
            None => &mut nothing_kept,
        };
        let mut session = Session::new(self.setup, self.ordinal, strategies, journal);
        let (flow, played) = play_one(&mut session, recording, self.driver, self.bytes)?;
        if let Some(memory) = &mut self.memory {
            memory.take_from(session.slots());
        }
        drop(session);
        self.accounts.end(played)?;
        Ok(flow)
    }
}

/// Gives strategies back what they remember, and records that as what the session started from.
pub(super) fn remind(
    memory: Option<&Memory>,
    accounts: &mut Accounts<'_>,
    strategies: &mut [Box<dyn Strategy>],
) -> Result<(), RunError> {
    let Some(memory) = memory else {
        return Ok(());
    };
    for strategy in strategies {
        memory
            .give_to(&mut **strategy)
            .map_err(|fault| RunError::Memory {
                strategy: strategy.name().to_owned(),
                fault,
            })?;
        let ledger = &mut accounts.ledger;
        if let (Some(ledger), Some(state)) = (ledger, memory.of(strategy.name())) {
            ledger.starts_with(strategy.name(), state.clone())?;
        }
    }
    Ok(())
}

/// Plays one recording to its end, to its damage, or until told to stop, and says what came of it.
pub(super) fn play_one<D: Driver>(
    session: &mut Playing<'_>,
    recording: &mut Recording<'_>,
    driver: &mut D,
    bytes_before: u64,
) -> Result<(ControlFlow<()>, Played), RunError> {
    let mut faults = Vec::new();
    let (flow, trouble) = messages(session, recording, driver, &mut faults, bytes_before)?;
    session.finish()?;
    tell(session, driver, &mut faults);
    driver.end(session, recording.name())?;
    let mut problems: Vec<Trouble> = recording.problems().iter().map(Trouble::from).collect();
    problems.extend(trouble.as_ref().map(Trouble::from));
    let played = Played {
        name: recording.name().to_owned(),
        summary: Summary::of(session),
        beside: driver.beside(),
        problems,
        warnings: recording.warnings().iter().map(Trouble::from).collect(),
        faults,
        visits: visits(session),
        trace_hash: session.trace_hash(),
    };
    Ok((flow, played))
}

/// What each strategy was shown of each market.
pub(super) fn visits<V: Venue<Approved>>(session: &Playing<'_, V>) -> Vec<VisitRow> {
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

fn messages<D: Driver>(
    session: &mut Playing<'_>,
    recording: &mut Recording<'_>,
    driver: &mut D,
    faults: &mut Vec<Fault>,
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
        tell(session, driver, faults);
    }
}

fn tell<D: Driver>(session: &mut Playing<'_>, driver: &mut D, faults: &mut Vec<Fault>) {
    for notice in session.notices() {
        Fault::count(faults, &notice);
        driver.notice(notice);
    }
}
