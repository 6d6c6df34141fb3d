//! `/api/v1`: the published state, the records, and what an operator may do.

pub(super) mod control;
mod params;
pub(super) mod records;
mod replay;
pub(super) mod state;

pub(super) use replay::Replays;
