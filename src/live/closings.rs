//! What bets in markets that were settled lately were worth against the close: counted and, on a live feed, kept.

use super::conductor::Conductor;
use crate::backtest::{ORDINAL, Playing, RunError};
use crate::engine::Venue;
use crate::risk::Approved;

impl Conductor<'_> {
    /// Looks at what was settled since the last time. It is kept long before its market is forgotten.
    pub(super) fn note_closings<V: Venue<Approved>>(
        &mut self,
        session: &Playing<'_, V>,
    ) -> Result<(), RunError> {
        let closings = self.publisher.closings(session);
        // What recordings say of themselves is in no paper record.
        if self.tape.is_some() && !closings.is_empty() {
            self.ledger.closings(self.status.run, ORDINAL, closings)?;
        }
        Ok(())
    }
}
