//! The Betfair exchange: its stream's messages as values. No I/O.

mod codec;
mod definition;

pub use codec::{Decoder, Message, Op};
