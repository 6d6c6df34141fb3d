//! What the core asks of a journal: make records durable, then say so.

use super::{Receipt, Record, Token};

/// Keeps records. The ledger is one; a run that keeps nothing uses [`NoJournal`].
pub trait Journal {
    /// Makes a batch durable.
    ///
    /// # Errors
    /// If it cannot be known that the batch is durable. Nothing of it may then be sent.
    fn commit(&mut self, token: Token, records: &[Record]) -> Result<Receipt, JournalError>;

    /// Whether what explains a decision is kept with it. Where nobody will read it, it is not worked out.
    fn keeps_reasons(&self) -> bool {
        true
    }
}

/// A batch whose fate is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger could not be written: {0}")]
pub struct JournalError(pub String);

/// Keeps nothing: for backtests and benchmarks, where a run can be had again.
#[derive(Debug, Default)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn commit(&mut self, token: Token, _records: &[Record]) -> Result<Receipt, JournalError> {
        Ok(Receipt::committed(token))
    }

    fn keeps_reasons(&self) -> bool {
        false
    }
}

impl<J: Journal + ?Sized> Journal for &mut J {
    fn commit(&mut self, token: Token, records: &[Record]) -> Result<Receipt, JournalError> {
        (**self).commit(token, records)
    }

    fn keeps_reasons(&self) -> bool {
        (**self).keeps_reasons()
    }
}
