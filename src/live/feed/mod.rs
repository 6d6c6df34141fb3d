//! Live feeds: what a feed says moves a session along, and is recorded so that it can be played again.

mod course;
mod note;
mod tape;

pub(super) use tape::Tape;
