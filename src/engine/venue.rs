//! What the core asks of a venue: the simulated exchange, a faulty one in tests, a real one.

use super::{DoubtRules, Request};
use crate::market::{Books, MarketDelta, TimeMs, VenueEvent};

/// Takes approved requests and reports what became of them.
///
/// `P` is the gate's pass: a venue is handed nothing that did not go through the gate.
pub trait Venue<P> {
    /// How it is dealt with when orders come into doubt.
    fn doubt_rules(&self) -> DoubtRules {
        DoubtRules::default()
    }

    /// Hears of a market change before the books and the strategies do, so that fills come before decisions.
    /// `before` are the books as they stood before the change.
    fn observe(
        &mut self,
        now: TimeMs,
        before: &Books,
        delta: &MarketDelta,
        out: &mut Vec<VenueEvent>,
    );

    /// Takes a request made upon `books`. What becomes of it is reported later.
    fn submit(&mut self, now: TimeMs, books: &Books, request: Request<P>);

    /// Is asked for a [`crate::market::Listing`]. It answers now or later, in full; an answer that failed is none.
    fn list(&mut self, now: TimeMs, out: &mut Vec<VenueEvent>);
}
