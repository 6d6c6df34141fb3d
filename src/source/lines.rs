//! Lines of feeds, whichever they are of: each is read by its own codec.

use super::OddsBoard;
use crate::market::MarketDelta;
use crate::venue::DecodeError;
use crate::venue::betfair::{Decoder, Message};
use crate::venue::odds_api::MARK;

/// Reads the lines of one feed. Keep one per feed: what a line means depends on those before it.
#[derive(Debug, Default)]
pub struct Lines {
    stream: Decoder,
    odds: OddsBoard,
    /// Whether the last line was an answer about odds.
    is_odds: bool,
}

impl Lines {
    /// Reads one line, with or without its ending.
    ///
    /// # Errors
    /// Says which byte cannot be read, and why. The next line can be read all the same.
    pub fn read(&mut self, line: &[u8]) -> Result<Message<'_>, DecodeError> {
        self.is_odds = line.starts_with(MARK);
        if !self.is_odds {
            return self.stream.decode(line);
        }
        let (published_at, deltas) = self.odds.take(line)?;
        Ok(Message::Markets {
            published_at,
            deltas,
        })
    }

    /// The changes in the line read last; none if it failed.
    #[must_use]
    pub fn deltas(&self) -> &[MarketDelta] {
        match self.is_odds {
            true => self.odds.deltas(),
            false => self.stream.deltas(),
        }
    }
}
