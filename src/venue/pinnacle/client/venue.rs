//! Pinnacle as a venue of the engine: takes what the gate let through, and hands it to the sender.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::sender;
use super::trade::{Chore, Trade};
use crate::engine::{DoubtRules, Request, Venue};
use crate::market::{
    Books, MarketDelta, MarketStatus, OrderChange, TimeMs, VenueEvent, VenueReason,
};
use crate::risk::Approved;

/// Pinnacle as a venue of the engine. What becomes of a request is heard through the connection's channel.
pub struct Pinnacle {
    pub(super) trade: Arc<Trade>,
    pub(super) runtime: Handle,
}

impl std::fmt::Debug for Pinnacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pinnacle").finish_non_exhaustive()
    }
}

impl Venue<Approved> for Pinnacle {
    fn doubt_rules(&self) -> DoubtRules {
        DoubtRules {
            window_ms: i64::from(self.trade.settings.window_seconds) * 1_000,
            ..DoubtRules::default()
        }
    }

    /// Bets are told of by the venue; that a market closed is a reason to ask what they brought.
    fn observe(
        &mut self,
        _now: TimeMs,
        _before: &Books,
        delta: &MarketDelta,
        _out: &mut Vec<VenueEvent>,
    ) {
        let closes = delta
            .definition
            .as_ref()
            .is_some_and(|definition| definition.status == MarketStatus::Closed);
        if closes {
            self.trade.ask(Chore::List);
        }
    }

    fn submit(&mut self, now: TimeMs, _books: &Books, request: Request<Approved>) {
        let report = |market, order, change| self.trade.mouth.report(market, order, change);
        // What a bookmaker has taken stands.
        let reason = VenueReason::NotCancellable;
        match request {
            Request::Place(approved) => {
                let order = approved.as_ref().clone();
                self.runtime.spawn(sender::place(&self.trade, order, now));
            }
            Request::Cancel { market, order, .. } => {
                report(&market, order, OrderChange::CancelFailed { reason });
            }
            Request::Update { market, order, .. } => {
                let reason = VenueReason::NotUpdatable;
                report(&market, order, OrderChange::UpdateFailed { reason });
            }
            Request::Replace {
                market,
                order,
                with,
                ..
            } => {
                report(
                    &with.as_ref().market,
                    with.as_ref().id,
                    OrderChange::NotSent,
                );
                report(&market, order, OrderChange::CancelFailed { reason });
            }
        }
    }

    fn list(&mut self, _now: TimeMs, _out: &mut Vec<VenueEvent>) {
        self.trade.ask(Chore::List);
    }
}
