//! Real venues, one folder each. A codec turns bytes into values and does no I/O; clients are apart from it.

pub mod betfair;
mod json;
pub mod odds_api;
mod requests;
mod wire;

pub use json::DecodeError;
pub(crate) use json::excerpt;
pub use requests::{AskedAndCode, Requests};
