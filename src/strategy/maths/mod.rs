//! Betting mathematics: plain functions of plain numbers, for scripts and for whoever embeds the library.
//!
//! Every function is total: what makes no sense is [`Wrong`] and says which value, never a NaN. Odds are decimal,
//! shares and rates are ratios (0.05 is 5 %), and the work is bounded by the length of what is given.

mod check;
pub mod devig;
pub mod evaluation;
pub mod hedging;
pub mod kelly;
pub mod kelly_many;
pub mod odds_formats;
pub mod ratings;
pub mod rolling;
pub mod scores;
pub mod scoring;
pub mod settlement;
mod solve;
pub mod staking;
pub mod tennis;

pub use check::{Checked, Wrong};
