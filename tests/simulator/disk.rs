//! The ledger of the simulated world: what is durable outlives a crash, and a commit that failed may or may not be.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use bea::engine::{Action, Journal, JournalError, Receipt, Record, Token, Verdict};
use bea::market::OrderId;

use crate::marks::{Mark, Marks};
use crate::random::Random;

/// What stands on the disk.
pub(crate) struct Disk {
    pub(crate) records: Vec<Record>,
    /// A batch whose commit failed: kept or gone, as the next start will tell.
    unsynced: Vec<Record>,
    /// Ids of orders whose intent is durable.
    pub(crate) intents: BTreeSet<OrderId>,
    pub(crate) violations: Vec<String>,
    pub(crate) fails: u32,
    random: Random,
}

impl Disk {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            records: Vec::new(),
            unsynced: Vec::new(),
            intents: BTreeSet::new(),
            violations: Vec::new(),
            fails: 0,
            random,
        }
    }

    fn keep(&mut self, records: Vec<Record>) {
        for record in &records {
            let Record::Intent(intent) = record else {
                continue;
            };
            let placed = matches!(
                (&intent.action, &intent.verdict),
                (Action::Place { .. }, Verdict::Approved)
            );
            if placed && !self.intents.insert(intent.id) {
                self.violations
                    .push(format!("I1: the intent {} was recorded twice", intent.id));
            }
        }
        self.records.extend(records);
    }

    /// The program starts again and sees what became of the last batch.
    pub(crate) fn reopen(&mut self, marks: &mut Marks) {
        let last = std::mem::take(&mut self.unsynced);
        if last.is_empty() {
            return;
        }
        if self.random.chance(500) {
            marks.hit(Mark::CommitFailedKept);
            self.keep(last);
        } else {
            marks.hit(Mark::CommitFailedGone);
        }
    }
}

/// The journal of one session. It fails once the program has "ended".
pub(crate) struct Pen {
    pub(crate) disk: Rc<RefCell<Disk>>,
    pub(crate) dead: Rc<Cell<bool>>,
}

impl Journal for Pen {
    fn commit(&mut self, token: Token, records: &[Record]) -> Result<Receipt, JournalError> {
        if self.dead.get() {
            return Err(JournalError("the program has ended".into()));
        }
        let mut disk = self.disk.borrow_mut();
        let fails = disk.fails;
        if disk.random.chance(fails) {
            disk.unsynced = records.to_vec();
            return Err(JournalError("the disk failed".into()));
        }
        disk.keep(records.to_vec());
        Ok(Receipt::committed(token))
    }
}
