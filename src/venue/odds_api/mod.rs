//! The Odds API: odds of many bookmakers, scores, and no bets. Its answers as values and the plan of what to ask, without
//! I/O; and, apart from these, the client that asks.

pub mod client;
mod codec;
mod plan;

pub use codec::{
    Answer, ApiError, Book, Event, Listing, MARK, Odds, Outcome, Priced, Score, Side, Usage,
};
pub use plan::{Credits, Pace, Plan, Question};
