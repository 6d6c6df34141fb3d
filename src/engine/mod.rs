//! The deterministic core: events in, effects out. No I/O, no clock, no randomness, no unordered map, no await.
//!
//! It reaches strategies, the risk gate, venues and the journal only through the traits below.

mod account;
mod core;
mod days;
mod decide;
mod desk;
mod doubts;
mod effect;
mod effort;
mod exposure;
mod forget;
#[cfg(test)]
mod found_tests;
mod gate;
mod holding;
mod house;
mod journal;
#[cfg(test)]
mod life_tests;
mod meaning;
mod record;
mod recovery;
mod reports;
mod shadow;
mod slot;
mod strategy;
mod strays;
mod sweep;
mod tally;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod trace;
mod venue;

pub use account::{Account, Totals};
pub use core::{Command, Engine, Event};
pub use desk::{Desk, DeskError, Sending};
pub use doubts::{DoubtRules, Finished};
pub use effect::{Effects, Held, Notice, Receipt, Request, Token};
pub use effort::{EFFORT_ENDS, Effort};
pub use exposure::{Exposure, Proposed, reduces, worst_case};
pub use forget::Forgotten;
pub use gate::{Ask, Figure, Gate, ReasonCode, Refusal, Remedy, Weighed};
pub use holding::{Holding, advance};
pub use house::{AtRisk, Burden, Fence, Funds, House, Scopes, TradingState, Unready};
pub use journal::{Journal, JournalError, NoJournal};
pub use record::{Action, Because, IntentRecord, Record, StrategyChange, Verdict};
pub use recovery::{Earlier, LISTED_FOR_MS, Pace, Recovered, Recovery};
pub use shadow::{Differences, Shadow};
pub use slot::{Slot, Standing, Visit};
pub use strategy::{Answer, Fault, FaultKind, Moment, Strategy};
pub use tally::Position;
pub use trace::Trace;
pub use venue::Venue;
