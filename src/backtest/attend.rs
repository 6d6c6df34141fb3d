//! A run of one session that is fed by hand: a live feed, or a live session that is played again.

use super::accounts::{Accounts, Played};
use super::play::{remind, visits};
use super::report::Summary;
use super::{Fault, Playing, Report, RunError, Session, Setup, Trouble};
use crate::engine::{Journal, NoJournal, Strategy, Venue};
use crate::ledger::{RunWriter, VisitRow};
use crate::risk::Approved;

/// The number of the only session of such a run.
pub const ORDINAL: u32 = 1;

/// How a session that was attended went.
#[derive(Debug, Default)]
pub struct Attended {
    /// Whether the operator ended it.
    pub interrupted: bool,
    /// What was wrong with the feed.
    pub problems: Vec<Trouble>,
    /// How strategies failed.
    pub faults: Vec<Fault>,
    /// What strategies were shown of markets that were forgotten on the way.
    pub forgotten: Vec<VisitRow>,
}

/// Strategies in any order.
type Strategies = Vec<Box<dyn Strategy>>;

/// Runs one session whose bets go to `venue`, as `through` moves it along, and reports what became of it. `name` and
/// `path` say what is attended; `epoch` is that of [`Session::at`]. The
/// strategies come twice: those that run, and those that the report lists.
///
/// # Errors
/// If the ledger cannot be written, a strategy cannot go on from what it remembers, or `through` fails.
pub fn attend<V: Venue<Approved>>(
    setup: &Setup,
    (name, path): (&str, &str),
    (epoch, venue): (u64, V),
    (mut strategies, listed): (Strategies, Strategies),
    ledger: Option<&mut RunWriter>,
    through: &mut dyn FnMut(&mut Playing<'_, V>) -> Result<Attended, RunError>,
) -> Result<Report, RunError> {
    let mut accounts = Accounts::open(setup, &[], ledger, listed);
    accounts.begin(ORDINAL, name, path)?;
    remind(setup.memory.as_ref(), &mut accounts, &mut strategies)?;
    let mut nothing_kept = NoJournal;
    let journal: &mut dyn Journal = match &mut accounts.ledger {
        Some(ledger) => *ledger,
        None => &mut nothing_kept,
    };
    let mut session = Session::at(setup, epoch, venue, strategies, journal);
    let attended = through(&mut session)?;
    let played = Played {
        name: name.to_owned(),
        summary: Summary::at_any_venue(&session),
        beside: Vec::new(),
        problems: attended.problems,
        warnings: Vec::new(),
        faults: attended.faults,
        visits: [attended.forgotten, visits(&session)].concat(),
        trace_hash: session.trace_hash(),
    };
    drop(session);
    accounts.end(played)?;
    Ok(accounts.close(attended.interrupted))
}
