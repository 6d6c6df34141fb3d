//! Lines of feeds, whichever they are of: each is read by its own codec.

use super::{OddsBoard, PinnacleBoard};
use crate::market::MarketDelta;
use crate::venue::DecodeError;
use crate::venue::betfair::{Decoder, Message};
use crate::venue::{odds_api, pinnacle};

/// Reads the lines of one feed. Keep one per feed: what a line means depends on those before it.
#[derive(Debug, Default)]
pub struct Lines {
    stream: Decoder,
    odds: OddsBoard,
    pinnacle: PinnacleBoard,
    /// What the last line was of.
    last: Kind,
}

/// What a line is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Stream,
    OddsApi,
    Pinnacle,
}

impl Kind {
    fn of(line: &[u8]) -> Self {
        if line.starts_with(odds_api::MARK) {
            Self::OddsApi
        } else if line.starts_with(pinnacle::MARK) {
            Self::Pinnacle
        } else {
            Self::Stream
        }
    }
}

impl Lines {
    /// Reads one line, with or without its ending.
    ///
    /// # Errors
    /// Says which byte cannot be read, and why. The next line can be read all the same.
    pub fn read(&mut self, line: &[u8]) -> Result<Message<'_>, DecodeError> {
        self.last = Kind::of(line);
        let (published_at, deltas) = match self.last {
            Kind::Stream => return self.stream.decode(line),
            Kind::OddsApi => self.odds.take(line)?,
            Kind::Pinnacle => self.pinnacle.take(line)?,
        };
        Ok(Message::Markets {
            published_at,
            deltas,
        })
    }

    /// The changes in the line read last; none if it failed.
    #[must_use]
    pub fn deltas(&self) -> &[MarketDelta] {
        match self.last {
            Kind::Stream => self.stream.deltas(),
            Kind::OddsApi => self.odds.deltas(),
            Kind::Pinnacle => self.pinnacle.deltas(),
        }
    }
}
