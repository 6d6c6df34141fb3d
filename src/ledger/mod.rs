//! The ledger: SQLite with one writer, read-only readers, and numbered migrations.
//!
//! ```text
//! RunWriter ──► bounded queue ──► writer thread ──► one transaction ──► COMMIT ──► receipt
//! ```
//!
//! [`Ledger::open`] takes the ledger for writing, [`Ledger::begin_run`] gives a [`RunWriter`], which is the engine's
//! journal. [`Reader`] answers questions, also while a run writes. The tables are in `migrations/`.

mod approvals;
mod audit;
mod chain;
mod closings;
mod columns;
mod configurations;
mod copy;
mod deaths;
mod error;
mod export;
mod health;
mod identity;
mod instance;
mod lock;
mod open;
mod order_rows;
mod pages;
mod pen;
mod reader;
mod recovery;
mod reports;
mod rows;
mod run;
mod schema;
mod settlement_rows;
mod standing;
mod strategies;
mod why;
mod writer;

pub use approvals::{Approval, LiveBet, PaperRecord};
pub use audit::{Audit, Finding};
pub use chain::{Break, Head, Verified};
pub use closings::{CloseRow, ClosingRow};
pub use configurations::{Configuration, ConfigurationRow};
pub use copy::{Restored, restore};
pub use deaths::Death;
pub use error::LedgerError;
pub use export::{Exported, Format, TABLES, Wanted};
pub use health::{Health, HealthReport};
pub use instance::Instance;
pub use lock::is_held;
pub use open::{Durability, Ledger, LedgerSettings};
pub use pages::{IntentRow, Page};
pub use reader::{BetRow, Filter, PnlRow, Reader, RejectionRow, RunRow};
pub use reports::KeptReport;
pub use run::{Outcome, RunInfo, RunKind, RunWriter, VisitRow, Witness};
pub use standing::Standing;
pub use strategies::{SourceRow, State, StateRow, Verdict, Version, VersionRow};
pub use why::{
    About, ControlRow, EventRow, IntentStory, LostRow, MarketStory, SeenThen, SettlementRow,
    StrategyInMarket, Why,
};
