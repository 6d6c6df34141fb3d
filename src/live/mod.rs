//! The host: follows a live feed, or plays recordings in time as if they were live; reloads scripts on save, obeys the
//! operator, tells health.
//!
//! ```text
//!  strategies folder ──► shelf (reads, compiles, tests) ──┐
//!  SIGINT, SIGTERM ───────────────────────────────────────┼──► engine thread ──► ledger thread
//!  recordings, or a live feed ─────────────────────────────┘         │
//!                                              GET /health ◄── published status
//! ```
//!
//! The engine thread owns the sessions and everything in them. It is told things through a channel on which it waits
//! for the next message to become due, so it hears them at once and acts between messages. The clock serves pacing
//! and health only: sessions know no time but that of the recording.

mod alerting;
mod approvals;
mod closings;
mod conductor;
pub mod door;
mod failure;
mod feed;
mod fences;
mod first_look;
mod follow;
mod health;
mod host;
pub mod log;
mod memory;
mod operation;
mod pace;
mod published;
mod pulse;
mod reconcile;
mod settings;
mod shelf;
mod signals;
mod status;
pub mod switch;
mod watchdog;
mod watched;

pub use failure::HostError;
pub use feed::{Replay, ReplayError, Replayed, replay};
pub use host::{Ended, Plan, run};
pub use reconcile::{Mismatch, Reconciled, reconcile};
pub use settings::confirm;
pub use shelf::Finding;
pub use signals::Signals;
