//! The Rhai host: reads a strategy script, checks it, runs it in a sandbox and runs its own tests.
//!
//! A [`Script`] is plain data and may go anywhere; [`Script::compile`] makes the [`RhaiStrategy`] on the thread
//! that runs it. Nothing here reads a clock; files are read only by [`Script::read`] and [`find`].

mod books;
mod budget;
mod context;
mod costs;
mod cut;
mod depth;
mod error;
mod filter;
mod fixture;
mod green_up;
mod habits;
mod host;
mod library;
mod lint;
pub mod maths;
mod names;
mod params;
mod propose;
mod sandbox;
mod script;
mod shortcut;
mod show;
mod snapshot;
mod sorting;
mod state;
mod table;
mod test_files;
mod testing;
#[cfg(test)]
mod tests;
mod view;

/// Stack of a thread that runs scripts, in bytes: a deep script must meet its limits before the stack's end.
pub const SCRIPT_STACK: usize = 32 << 20;

pub use cut::{Cut, fixture};
pub use error::ScriptError;
pub use host::RhaiStrategy;
pub use library::{Definition, definitions, reference};
pub use lint::{Code, Finding, Severity};
pub use params::{Overrides, Param};
pub use script::{Script, find, template};
pub use testing::{Snapshot, Snapshots, TestReport, TestResult};
