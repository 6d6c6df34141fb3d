//! Runs strategies over recordings and reports what became of them.
//!
//! Each recording is a session of its own: fresh books, fresh strategies, a full bank, a new day. So recordings can be
//! played in any number and the results add up, and a live host playing the same recording does the same.

mod accounts;
mod attend;
mod band;
mod closing;
mod drawdown;
mod orders;
mod page;
mod parallel;
mod play;
mod report;
mod session;
pub mod statistics;
mod version;

use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;

pub use attend::{Attended, ORDINAL, attend};
pub use band::{BandLine, BandResult};
pub use closing::Closing;
pub use orders::write_orders;
pub use page::page;
pub use play::{Driver, Playing, play};
pub use report::{Fault, Honesty, Report, StrategyReport, Summary, Trouble};
pub use session::{Means, Memory, Session, Setup};
pub use version::version;

use accounts::Accounts;
use band::Beside;
use play::in_order;

use crate::engine::{JournalError, Notice, Strategy};
use crate::ledger::{LedgerError, RunWriter};
use crate::market::Instruction;
use crate::source::Update;
use crate::strategy::ScriptError;

/// Makes the strategies of a session anew, on the thread that plays it.
pub type Makers<'a> = &'a (dyn Fn() -> Result<Vec<Box<dyn Strategy>>, ScriptError> + Sync);

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
    /// The system gives no thread to play on.
    #[error("no thread to play recordings on: {0}")]
    NoThread(std::io::Error),
    /// A thread that played a recording ended without a word.
    #[error("a thread that played recordings ended unexpectedly")]
    LostThread,
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

/// How a run is played.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// How many recordings are played at once. Whatever it is, the results are those of one after the other.
    pub threads: NonZeroUsize,
    /// Whether each is played under three outlooks side by side. The report, and what goes to the sinks, is then that
    /// of the neutral one, with the band in the report.
    pub band: bool,
}

/// Plays every recording in the files, each as a session of its own, as fast as it goes.
///
/// What is wrong with a file is told in the report, and the other files are still done.
///
/// # Errors
/// If a strategy does not compile, or the ledger or the orders cannot be written.
pub fn run(
    setup: &Setup,
    makers: Makers<'_>,
    files: &[PathBuf],
    way: Way,
    sinks: &mut Sinks<'_>,
) -> Result<Report, RunError> {
    let (setup, beside) = match way.band {
        true => band::setups(setup),
        false => (setup.clone(), Vec::new()),
    };
    let crew = Crew {
        setup: &setup,
        beside: &beside,
        makers,
    };
    let accounts = Accounts::open(&setup, &beside, sinks.ledger.take(), makers()?);
    // What strategies remember goes from one recording to the next.
    if way.threads.get() > 1 && setup.memory.is_none() {
        return parallel::play(crew, files, way.threads, accounts, sinks);
    }
    let orders = sinks.orders.as_deref_mut().map(|out| out as &mut dyn Write);
    let mut backtest = Backtest::new(crew, orders, sinks.progress, sinks.notice);
    in_order(&setup, files, accounts, &mut backtest)
}

/// What each session of a backtest is made of.
#[derive(Clone, Copy)]
struct Crew<'a> {
    setup: &'a Setup,
    /// Of the sessions moved along beside it.
    beside: &'a [Setup],
    makers: Makers<'a>,
}

/// Drives sessions at full speed.
struct Backtest<'a> {
    crew: Crew<'a>,
    beside: Vec<Beside>,
    ended: Vec<Summary>,
    orders: Option<&'a mut dyn Write>,
    progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    notice: &'a mut dyn FnMut(Notice),
    /// Updates of the sessions that ended.
    updates_before: u64,
    /// At how many updates of the present session progress is told next.
    due: u64,
}

impl<'a> Backtest<'a> {
    fn new(
        crew: Crew<'a>,
        orders: Option<&'a mut dyn Write>,
        progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
        notice: &'a mut dyn FnMut(Notice),
    ) -> Self {
        Self {
            crew,
            beside: Vec::new(),
            ended: Vec::new(),
            orders,
            progress,
            notice,
            updates_before: 0,
            due: 0,
        }
    }
}

impl Driver for Backtest<'_> {
    fn strategies(&mut self) -> Result<Vec<Box<dyn Strategy>>, ScriptError> {
        self.beside.clear();
        for setup in self.crew.beside {
            self.beside.push(Beside::new(setup, (self.crew.makers)()?));
        }
        (self.crew.makers)()
    }

    fn begin(&mut self, _recording: &str) {
        self.due = 0;
    }

    fn before(
        &mut self,
        session: &mut Playing<'_>,
        update: &Update<'_>,
        bytes: u64,
    ) -> Result<ControlFlow<()>, RunError> {
        let updates = session.updates();
        if updates >= self.due {
            self.due = updates + UPDATES_BETWEEN_PROGRESS;
            let updates = self.updates_before + updates;
            if (self.progress)(Progress { bytes, updates }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        for beside in &mut self.beside {
            beside.take(update)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn may_send(&mut self, _order: &Instruction) -> bool {
        true
    }

    fn notice(&mut self, notice: Notice) {
        (self.notice)(notice);
    }

    fn end(&mut self, session: &Playing<'_>, recording: &str) -> Result<(), RunError> {
        self.updates_before += session.updates();
        for beside in self.beside.drain(..) {
            self.ended.push(beside.end()?);
        }
        match &mut self.orders {
            Some(out) => write_orders(session, recording, *out).map_err(RunError::Orders),
            None => Ok(()),
        }
    }

    fn beside(&mut self) -> Vec<Summary> {
        std::mem::take(&mut self.ended)
    }
}
