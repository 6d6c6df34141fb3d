//! What a venue reports: changes of orders, where they stand, how a market was settled.

use std::sync::Arc;

use super::{MarketId, Money, OrderChange, OrderId, OrderKind, Ratio, RunnerId, Side, TimeMs};

/// What a venue says of an order, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderEvent {
    /// Which market.
    pub market: MarketId,
    /// Which order.
    pub order: OrderId,
    /// When it happened at the venue.
    pub at: TimeMs,
    /// What happened.
    pub change: OrderChange,
}

/// A market's result for every order in it, before commission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Which market.
    pub market: MarketId,
    /// When.
    pub at: TimeMs,
    /// 1, and one more each time that the market is settled again after a reversal.
    pub version: u32,
    /// Commission on net winnings.
    pub commission_rate: Ratio,
    /// Profit (or loss) of each order of which something is matched.
    pub profits: Vec<(OrderId, Money)>,
}

impl Settlement {
    /// What an order brought; `None` if nothing of it was matched.
    #[must_use]
    pub fn profit(&self, order: OrderId) -> Option<Money> {
        let mut profits = self.profits.iter();
        profits
            .find(|(id, _)| *id == order)
            .map(|(_, profit)| *profit)
    }
}

/// A market's settlement does not hold any more: it was opened again, or is about to be settled with other results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// Which market.
    pub market: MarketId,
    /// When.
    pub at: TimeMs,
    /// Which of its settlements.
    pub version: u32,
}

/// Where a venue says an order stands, in full. Sizes are totals, so a word that comes twice or late does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderStatement {
    /// Which market.
    pub market: MarketId,
    /// Which order: the id it was sent with. `None` if the venue's order carries none of ours.
    pub order: Option<OrderId>,
    /// The venue's own name of it.
    pub venue_id: Arc<str>,
    /// On which runner.
    pub runner: RunnerId,
    /// For or against.
    pub side: Side,
    /// The terms.
    pub kind: OrderKind,
    /// When the venue took it.
    pub placed_at: TimeMs,
    /// Size matched.
    pub matched: Money,
    /// Σ price × size of what was matched, in billionths × minor units.
    pub matched_value: i128,
    /// Size cancelled.
    pub cancelled: Money,
    /// Size lapsed.
    pub lapsed: Money,
    /// Size voided.
    pub voided: Money,
    /// Whether nothing of it can be matched any more.
    pub is_complete: bool,
}

/// A venue's whole list of orders, as it answered one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// When it was asked for. What was sent later need not be in it.
    pub asked_at: TimeMs,
    /// Every order that the venue has or had of us, in markets that are not settled for long; to the last page.
    pub orders: Vec<OrderStatement>,
}

/// What a venue tells the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VenueEvent {
    /// An order changed.
    Order(OrderEvent),
    /// Where an order stands.
    Statement(TimeMs, OrderStatement),
    /// All orders.
    Listing(TimeMs, Listing),
    /// Its reports cannot be trusted until the next listing: the stream is gone, or a question failed.
    Deaf(TimeMs),
    /// What it has of our money, free to bet with.
    Funds(TimeMs, Money),
    /// A market was settled.
    Settled(Settlement),
    /// A market's last settlement was taken back.
    Reversed(Reversal),
}
