//! Pinnacle: fixtures, odds, results and bets with one bookmaker. Its answers as values and the plan of what to ask, without
//! I/O; and, apart from these, the client that asks and bets.

mod bets;
pub mod client;
mod codec;
mod plan;

pub use bets::{Balance, Bet, BetList, Line, Placed, State, Straight, Terms, name_of, order_of};
pub use codec::{
    Answer, ApiError, Fixture, League, Listing, MARK, Period, Priced, Result, Side, Spread, Total,
    sport_of,
};
pub use plan::{Intervals, Plan, Question};

/// What its quotes are under.
pub const BOOK: &str = "pinnacle";
