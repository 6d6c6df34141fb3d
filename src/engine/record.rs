//! What is written down: every intent with its verdict, every change of an order, every settlement.

use std::sync::Arc;

use serde::Serialize;

use super::{Fence, Refusal, Remedy, Scopes, TradingState, Unready, Weighed};
use crate::market::{
    MarketId, MarketStatus, Money, OrderChange, OrderId, OrderState, Persistence, Place, Price,
    Seen, TimeMs,
};

/// The gate's word on an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// It became an order with the intent's id.
    Approved,
    /// It did not.
    Refused(Refusal),
}

/// An intent: what was asked, by which version of which script, upon what it saw, and what the gate said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IntentRecord {
    /// Its id, and that of the order it became.
    pub id: OrderId,
    /// When.
    pub at: TimeMs,
    /// Which strategy.
    pub strategy: Arc<str>,
    /// Which version of it.
    pub hash: Arc<str>,
    /// In which market.
    pub market: MarketId,
    /// Number of the market change it answered, from 1 in this recording.
    pub sequence: u64,
    /// What was asked.
    pub action: Action,
    /// What the order could lose at most at its own price; nothing for what places none.
    pub liability: Money,
    /// Prices it could see of the runner.
    pub seen: Seen,
    /// The gate's word.
    pub verdict: Verdict,
    /// To what its market belongs. It follows from the market, and is no part of the trace.
    #[serde(skip)]
    pub scopes: Scopes,
    /// What explains it. It follows from the rest, and is no part of the trace.
    #[serde(skip)]
    pub because: Because,
}

/// What explains a decision to a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Because {
    /// Line of the script that made the intent.
    pub line: Option<u32>,
    /// State of the market.
    pub status: MarketStatus,
    /// Whether it was in play.
    pub in_play: bool,
    /// When it was due to start.
    pub starts_at: TimeMs,
    /// What each control weighed, in the order they were asked.
    pub controls: Vec<Weighed>,
    /// The smallest change with which it would have passed.
    pub remedy: Option<Remedy>,
}

/// What an intent asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Place an order.
    Place {
        /// The proposal.
        #[serde(flatten, serialize_with = "place_fields")]
        place: Place,
        /// The order it replaces, if it came from a replace.
        #[serde(skip_serializing_if = "Option::is_none")]
        replaces: Option<OrderId>,
    },
    /// Cancel an order.
    Cancel {
        /// Which.
        order: OrderId,
        /// How much; all if `None`.
        size: Option<Money>,
    },
    /// Change what becomes of an order when the market turns in play.
    Update {
        /// Which.
        order: OrderId,
        /// What is to become of it.
        persistence: Persistence,
    },
    /// Replace an order that is not open (an open one is recorded as the placing it leads to).
    Replace {
        /// Which.
        order: OrderId,
        /// The price asked for.
        price: Price,
    },
    /// Something that is no intent.
    Malformed {
        /// What is wrong.
        what: String,
        /// The value at fault.
        value: String,
    },
}

fn place_fields<S: serde::Serializer>(place: &Place, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeStruct;
    let mut fields = serializer.serialize_struct("Place", 7)?;
    fields.serialize_field("runner", &place.runner)?;
    fields.serialize_field("side", &place.side)?;
    fields.serialize_field("terms", &place.kind)?;
    match &place.book {
        Some(book) => fields.serialize_field("book", book)?,
        None => fields.skip_field("book")?,
    }
    fields.serialize_field("reason", &place.reason)?;
    fields.serialize_field("probability", &place.probability)?;
    fields.serialize_field("tag", &place.tag)?;
    fields.end()
}

/// What happened to a strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StrategyChange {
    /// It started with this version.
    Loaded,
    /// It goes on with this version, its state kept.
    Reloaded {
        /// The version before.
        from: Arc<str>,
    },
    /// A call failed.
    Failed {
        /// One line of what happened.
        summary: String,
    },
    /// It failed too often in a row and is stopped until its next version.
    Quarantined,
}

/// One fact to keep. Facts are only added, never changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A strategy started, changed, or failed.
    Strategy {
        /// When.
        at: TimeMs,
        /// Which strategy.
        strategy: Arc<str>,
        /// Which version of it.
        hash: Arc<str>,
        /// What happened.
        #[serde(flatten)]
        change: StrategyChange,
    },
    /// A strategy proposed, the gate decided.
    Intent(Box<IntentRecord>),
    /// An order changed.
    Order {
        /// When it happened at the venue.
        at: TimeMs,
        /// Which strategy.
        strategy: Arc<str>,
        /// Which market.
        market: MarketId,
        /// Which order.
        order: OrderId,
        /// What happened.
        #[serde(flatten)]
        change: OrderChange,
        /// Where it stands now.
        state: OrderState,
        /// Size matched in all.
        matched: Money,
    },
    /// A market was settled for one strategy, or a settlement was taken back: an entry with all signs turned.
    Settled {
        /// When.
        at: TimeMs,
        /// Which strategy.
        strategy: Arc<str>,
        /// Which market.
        market: MarketId,
        /// Which of its settlements, from 1.
        version: u32,
        /// Whether this takes that settlement back.
        reversal: bool,
        /// Profit before commission.
        gross: Money,
        /// Commission on the market's net winnings.
        commission: Money,
        /// Profit of each order, before commission.
        orders: Vec<(OrderId, Money)>,
    },
    /// Betting was switched on, off, or to reducing alone.
    Trading {
        /// When.
        at: TimeMs,
        /// The state now.
        state: TradingState,
        /// Why.
        reason: String,
    },
    /// Something about the host's health began to forbid orders, or ceased to.
    Fence {
        /// When.
        at: TimeMs,
        /// What.
        fence: Fence,
        /// Its figures while it stands; `None` once it does not.
        detail: Option<String>,
    },
    /// The venue became unready for orders, or ready again.
    Ready {
        /// When.
        at: TimeMs,
        /// Why it is not ready; `None` if it is.
        unready: Option<Unready>,
    },
    /// Resting orders were asked to be cancelled, because betting is halted or their strategy is stopped.
    Swept {
        /// When.
        at: TimeMs,
        /// Which orders, by market.
        orders: Vec<(MarketId, OrderId)>,
    },
    /// The venue has an order that is none of ours, or one that it was found not to have.
    External {
        /// When.
        at: TimeMs,
        /// In which market.
        market: MarketId,
        /// The venue's name of it.
        venue_id: Arc<str>,
        /// What it could lose at worst.
        at_risk: Money,
    },
}
