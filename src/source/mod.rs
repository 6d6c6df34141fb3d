//! Where odds come from: recordings and season files, in any packing, as market deltas; generated markets; and the
//! recorder of feeds.

mod error;
pub mod event;
pub mod generate;
mod lines;
pub mod matching;
mod odds_api;
mod paths;
mod pinnacle;
mod recognise;
mod recorder;
mod recording;
mod season;
mod session;
mod tracked;
mod unpack;

pub use error::{Cause, Problem, SourceError};
pub use lines::Lines;
pub use odds_api::OddsBoard;
pub use paths::expand;
pub use pinnacle::PinnacleBoard;
pub use recorder::{Recorder, RecorderHealth, Room, free, parts_of};
pub use recording::{Recording, Update};
pub use season::Warning;
pub use unpack::{Piece, pieces, visit};
