//! Where odds come from: recordings, generated markets.

pub mod generate;
