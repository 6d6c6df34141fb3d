//! Real venues, one folder each. A codec turns bytes into values and does no I/O; clients are apart from it.

mod answer;
pub mod betfair;
mod heard;
mod json;
pub mod odds_api;
mod pace;
pub mod pinnacle;
mod polling;
mod reach;
mod requests;
mod wire;

use heard::Mouth;
pub use heard::{Clock, FeedState, Guard, Heard};
pub use json::DecodeError;
pub(crate) use json::excerpt;
pub use reach::reach;
pub use requests::{AskedAndCode, Requests};
