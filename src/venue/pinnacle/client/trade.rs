//! What sender and clerk share of betting: the bets, the lines that were checked, the way to the engine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::bets::Bets;
use super::catalogue::Catalogue;
use super::reads::Reads;
use crate::config;
use crate::market::{Instruction, VenueEvent};
use crate::venue::heard::UnderWay;
use crate::venue::pinnacle::Bet;
use crate::venue::{Guard, Mouth};

/// What the clerk is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chore {
    /// Ask for all bets.
    List,
    /// Look for those that nobody is sure of, in a while.
    Look,
}

/// What sender and clerk share.
pub(super) struct Trade {
    pub(super) mouth: Mouth,
    pub(super) settings: config::Pinnacle,
    pub(super) reads: Reads,
    /// For bets, and for nothing else.
    pub(super) orders: Reads,
    pub(super) guard: Guard,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) bets: Mutex<Bets>,
    /// When a line of each sport was checked last.
    pub(super) lines: Mutex<BTreeMap<u32, Instant>>,
    pub(super) chores: mpsc::UnboundedSender<Chore>,
    /// How many orders are on their way.
    pub(super) under_way: Arc<watch::Sender<usize>>,
}

impl Trade {
    pub(super) fn bets(&self) -> MutexGuard<'_, Bets> {
        // Nothing in there fails half-way.
        self.bets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ask(&self, chore: Chore) {
        // Without a clerk everything ends.
        let _ = self.chores.send(chore);
    }

    /// An order sets out.
    pub(super) fn set_out(&self, order: &Instruction) -> UnderWay {
        self.bets().send(order, self.mouth.now());
        let named = Some((order.market.clone(), order.id));
        UnderWay::new(&self.mouth, &self.under_way, named)
    }

    /// Whether a line of a sport may be checked now, as far as fair use goes; it counts as checked from here on.
    pub(super) fn may_check(&self, sport: u32, now: Instant) -> bool {
        let apart = Duration::from_secs(u64::from(self.settings.line_seconds));
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let may = lines
            .get(&sport)
            .is_none_or(|last| now.saturating_duration_since(*last) >= apart);
        if may {
            lines.insert(sport, now);
        }
        may
    }

    /// Takes what was said of a bet, and tells the engine if that is news.
    pub(super) fn hear(&self, bet: &Bet) {
        // Held until it is said: what is known later is said later.
        let mut bets = self.bets();
        let now = self.mouth.now();
        if let Some((statement, true)) = bets.hear(bet, now) {
            self.mouth
                .events(vec![VenueEvent::Statement(now, statement)]);
        }
    }
}
