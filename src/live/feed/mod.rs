//! Live feeds: what a feed says moves a session along, and is recorded so that it can be played again.

mod course;
mod inbox;
mod markets;
mod note;
mod replay;
mod supply;
mod tape;
#[cfg(test)]
mod tests;
mod watch;

pub(super) use inbox::Inbox;
pub use replay::{Replay, ReplayError, Replayed, replay};
pub(super) use supply::Supply;
pub(super) use tape::Tape;
pub(super) use watch::Watch;
