//! The ledger: SQLite with one writer, read-only readers, and numbered migrations.
//!
//! ```text
//! RunWriter ──► bounded queue ──► writer thread ──► one transaction ──► COMMIT ──► receipt
//! ```
//!
//! [`Ledger::open`] takes the ledger for writing, [`Ledger::begin_run`] gives a [`RunWriter`], which is the engine's
//! journal. [`Reader`] answers questions, also while a run writes. The tables are in `migrations/`.

mod audit;
mod columns;
mod error;
mod health;
mod lock;
mod open;
mod order_rows;
mod pen;
mod reader;
mod rows;
mod run;
mod schema;
mod settlement_rows;
mod standing;
mod strategies;
mod writer;

pub use audit::Finding;
pub use error::LedgerError;
pub use health::{Health, HealthReport};
pub use lock::is_held;
pub use open::{Durability, Ledger, LedgerSettings};
pub use reader::{BetRow, Filter, PnlRow, Reader, RejectionRow, RunRow};
pub use run::{Outcome, RunInfo, RunKind, RunWriter};
pub use standing::Standing;
pub use strategies::{SourceRow, State, StateRow, Verdict, Version, VersionRow};
