//! Runs strategies over recordings and reports what became of them.
//!
//! Each recording is a session of its own: fresh books, fresh strategies, a full bank, a new day. So recordings can be
//! played in any number and the results add up, and a live host playing the same recording does the same.

mod band;
mod drawdown;
mod orders;
mod play;
mod report;
mod session;
mod version;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

pub use band::{BandLine, BandResult, run_band};
pub use orders::write_orders;
pub use play::{Driver, Playing, play};
pub use report::{Fault, Report, StrategyReport, Trouble};
pub use session::{Means, Memory, Session, Setup};
pub use version::version;

use crate::engine::{JournalError, Notice, Strategy};
use crate::ledger::{LedgerError, RunWriter};
use crate::market::Instruction;
use crate::source::Update;
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
    /// A strategy cannot go on from what it remembers.
    #[error("{strategy} cannot take over what was remembered of it: {fault}")]
    Memory {
        /// Which strategy.
        strategy: String,
        /// Why not.
        fault: crate::engine::Fault,
    },
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

/// Plays every recording in the files, in order, each as a session of its own, as fast as it goes.
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
    let (mut backtest, ledger) = Backtest::new(makers, sinks);
    play(setup, files, ledger, &mut backtest)
}

/// Drives sessions at full speed.
struct Backtest<'a> {
    makers: Makers<'a>,
    orders: Option<&'a mut dyn Write>,
    progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    notice: &'a mut dyn FnMut(Notice),
    /// Updates of the sessions that ended.
    updates_before: u64,
    /// At how many updates of the present session progress is told next.
    due: u64,
}

impl<'a> Backtest<'a> {
    /// A driver that fills all sinks but the ledger, which is handed back.
    fn new(makers: Makers<'a>, sinks: &'a mut Sinks<'_>) -> (Self, Option<&'a mut RunWriter>) {
        let backtest = Self {
            makers,
            orders: sinks.orders.as_deref_mut().map(|out| out as &mut dyn Write),
            progress: sinks.progress,
            notice: sinks.notice,
            updates_before: 0,
            due: 0,
        };
        (backtest, sinks.ledger.as_deref_mut())
    }
}

impl Driver for Backtest<'_> {
    fn strategies(&mut self) -> Result<Vec<Box<dyn Strategy>>, ScriptError> {
        (self.makers)()
    }

    fn begin(&mut self, _recording: &str) {
        self.due = UPDATES_BETWEEN_PROGRESS;
    }

    fn before(
        &mut self,
        session: &mut Playing<'_>,
        _update: &Update<'_>,
        bytes: u64,
    ) -> Result<ControlFlow<()>, RunError> {
        let updates = session.updates();
        if updates < self.due {
            return Ok(ControlFlow::Continue(()));
        }
        self.due = updates + UPDATES_BETWEEN_PROGRESS;
        let updates = self.updates_before + updates;
        Ok((self.progress)(Progress { bytes, updates }))
    }

    fn may_send(&mut self, _order: &Instruction) -> bool {
        true
    }

    fn notice(&mut self, notice: Notice) {
        (self.notice)(notice);
    }

    fn end(&mut self, session: &Playing<'_>, recording: &str) -> Result<(), RunError> {
        self.updates_before += session.updates();
        match &mut self.orders {
            Some(out) => write_orders(session, recording, *out).map_err(RunError::Orders),
            None => Ok(()),
        }
    }
}
