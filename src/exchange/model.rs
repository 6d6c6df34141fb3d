//! The models of matching, and what the strict one assumes where a recording is silent.

use serde::{Deserialize, Serialize};

/// Which model matches orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fill {
    /// That of the field's open-source simulator, its faults included, to be compared with.
    Reference,
    /// Ours: what was taken is gone, queues shorten, nothing is met before it arrived.
    #[default]
    Strict,
}

impl Fill {
    /// The name in settings and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Strict => "strict",
        }
    }
}

/// How the strict model takes what a recording does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outlook {
    /// Against us.
    Pessimistic,
    /// As is most likely.
    #[default]
    Neutral,
    /// For us.
    Optimistic,
}

impl Outlook {
    /// All three, the darkest first.
    pub const ALL: [Self; 3] = [Self::Pessimistic, Self::Neutral, Self::Optimistic];

    /// The name in settings and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pessimistic => "pessimistic",
            Self::Neutral => "neutral",
            Self::Optimistic => "optimistic",
        }
    }

    pub(super) const fn assumptions(self, shared: bool) -> Assumptions {
        match self {
            Self::Pessimistic => Assumptions {
                cancellations: Cancellations::Behind,
                crossing: Crossing::Through,
                refill: Refill::Growth,
                arrival: Arrival::Last,
                shared,
            },
            Self::Neutral => Assumptions {
                cancellations: Cancellations::Even,
                crossing: Crossing::At,
                refill: Refill::Growth,
                arrival: Arrival::Between,
                shared,
            },
            Self::Optimistic => Assumptions {
                cancellations: Cancellations::Ahead,
                crossing: Crossing::At,
                refill: Refill::Change,
                arrival: Arrival::First,
                shared,
            },
        }
    }
}

/// What is assumed where a recording is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Assumptions {
    pub(super) cancellations: Cancellations,
    pub(super) crossing: Crossing,
    pub(super) refill: Refill,
    pub(super) arrival: Arrival,
    /// Whether strategies take offers and trades from each other.
    pub(super) shared: bool,
}

/// A level shrank by more than was traded there: where did the bets that were cancelled stand?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancellations {
    /// Behind the order, as long as there were any behind it.
    Behind,
    /// All along the queue: ahead in proportion to the part of the queue that is ahead.
    Even,
    /// Ahead of the order, as long as there were any ahead of it.
    Ahead,
}

/// The other side of the book came to a resting order's price. Had the order stood in the market it would have been
/// matched first; by how much can only be seen from what shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crossing {
    /// An offer fills it only if its price is better than the order's own.
    Through,
    /// An offer at the order's own price fills it too.
    At,
}

/// When what an order took from a level is there again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refill {
    /// As far as the level grows, or comes back after it was gone. A level that only shrinks, or is repeated, brings
    /// nothing back: what shows there may be the very bets that were taken.
    Growth,
    /// Whole, as soon as the level shows any other size: somebody moved, so the price is alive.
    Change,
}

/// An order took effect some time between two updates: what of the second came before it, what after?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// All of the update came before the order: it finds only what still shows after it, and queues behind that.
    Last,
    /// It finds what showed before the update, and nothing that the update tells meets it.
    Between,
    /// The order came before all of the update: it finds what showed before, and what the update tells meets it.
    First,
}
