//! What clients of venues say to the engine's side, whichever venue it is, and who has the last word on orders.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::watch;

use crate::engine::Sending;
use crate::market::{
    Doubt, Instruction, MarketId, OrderChange, OrderEvent, OrderId, TimeMs, VenueEvent,
};

/// Reads the wall clock.
pub type Clock = fn() -> TimeMs;

/// The last word before an order leaves, asked by its sender: the kill switch and the mode.
pub type Guard = Arc<dyn Fn(&Instruction) -> Sending + Send + Sync>;

/// What is heard from a venue, in order.
#[derive(Debug)]
pub enum Heard {
    /// A line of the feed as it came, without its end.
    Line {
        /// When it came.
        at: TimeMs,
        /// The line.
        bytes: Vec<u8>,
    },
    /// Words on our orders and money, for [`crate::engine::Desk::tick`].
    Venue(Vec<VenueEvent>),
    /// How the feed is.
    Feed(FeedState),
    /// Something that a person must look at.
    Alarm {
        /// What, in a word that never changes.
        code: &'static str,
        /// The facts; no secrets.
        detail: String,
    },
}

/// How a feed is. Only what was heard while it is live may be bet upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedState {
    /// On its way: no books yet.
    Connecting,
    /// Every book is whole and fresh.
    Live,
    /// Connected, but the venue says that its data is not to be trusted for now.
    Stale {
        /// Why.
        why: String,
    },
    /// Not connected. It comes back by itself, unless a person is needed.
    Down {
        /// Why.
        why: String,
    },
}

/// How long after it was decided an order may still leave. Whatever held it up (a disk, a sleep of the machine, an answer
/// that was waited for), what it was decided upon is old by then.
const MOST_LATE_MS: i64 = 5_000;

/// The way to the engine. Nobody may be there any more; then nothing more is to be said.
#[derive(Clone)]
pub(super) struct Mouth {
    pub(super) out: Sender<Heard>,
    pub(super) clock: Clock,
}

impl Mouth {
    pub(super) fn now(&self) -> TimeMs {
        (self.clock)()
    }

    /// Whether an order that was decided at this time may still leave. If the clock went back meanwhile, nobody can say.
    pub(super) fn is_in_time(&self, order: &Instruction, decided_at: TimeMs) -> bool {
        let late = self.now() - decided_at;
        let in_time = (-MOST_LATE_MS..=MOST_LATE_MS).contains(&late);
        if !in_time {
            tracing::warn!(event = "order_too_late", intent_id = %order.id, "it was decided {late} ms ago");
        }
        in_time
    }

    pub(super) fn say(&self, heard: Heard) {
        let _ = self.out.send(heard);
    }

    pub(super) fn events(&self, events: Vec<VenueEvent>) {
        self.say(Heard::Venue(events));
    }

    pub(super) fn alarm(&self, code: &'static str, detail: String) {
        tracing::warn!(event = "venue_alarm", code, "{detail}");
        self.say(Heard::Alarm { code, detail });
    }

    /// Tells the engine what became of an order.
    pub(super) fn report(&self, market: &MarketId, order: OrderId, change: OrderChange) {
        self.events(vec![VenueEvent::Order(OrderEvent {
            market: market.clone(),
            order,
            at: self.now(),
            change,
        })]);
    }
}

/// An order or cancel on its way. If its task ends before it is answered, nobody can say what became of it.
pub(super) struct UnderWay {
    mouth: Mouth,
    count: Arc<watch::Sender<usize>>,
    /// A new order of which nothing was reported yet.
    open: Option<(MarketId, OrderId)>,
}

impl UnderWay {
    /// Counts among those under way until it is dropped.
    pub(super) fn new(
        mouth: &Mouth,
        count: &Arc<watch::Sender<usize>>,
        open: Option<(MarketId, OrderId)>,
    ) -> Self {
        count.send_modify(|count| *count += 1);
        Self {
            mouth: mouth.clone(),
            count: Arc::clone(count),
            open,
        }
    }

    /// Reports what became of the new order.
    pub(super) fn report(&mut self, change: OrderChange) {
        if let Some((market, order)) = self.open.take() {
            self.mouth.report(&market, order, change);
        }
    }

    /// What became of the new order is told in another way.
    pub(super) fn is_heard(&mut self) {
        self.open = None;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.report(OrderChange::Doubted {
            doubt: Doubt::ConnectionLost,
        });
        self.count.send_modify(|count| *count -= 1);
    }
}
