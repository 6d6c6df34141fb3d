//! Where odds come from: recordings, in any packing, as market deltas; and generated markets.

mod error;
pub mod generate;
mod paths;
mod recognise;
mod recording;
mod unpack;

pub use error::{Cause, Problem, SourceError};
pub use paths::expand;
pub use recording::{Recording, Update};
pub use unpack::{Piece, pieces, visit};
