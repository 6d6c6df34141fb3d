//! Orders from intent to settlement: what a strategy asks for, what the venue says, what stands.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BookName, MarketId, Money, OrderId, Price, RunnerId, TimeMs};

/// For or against a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Side {
    /// The runner wins.
    Back,
    /// The runner does not win.
    Lay,
}

impl Side {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Back, Self::Lay];

    /// The name as the venue writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Back => "BACK",
            Self::Lay => "LAY",
        }
    }
}

/// What becomes of the unmatched rest of a limit order when the market turns in play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Persistence {
    /// It lapses.
    #[default]
    Lapse,
    /// It stays.
    Persist,
    /// It goes to the starting price.
    MarketOnClose,
}

impl Persistence {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lapse, Self::Persist, Self::MarketOnClose];

    /// The name as the venue writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lapse => "LAPSE",
            Self::Persist => "PERSIST",
            Self::MarketOnClose => "MARKET_ON_CLOSE",
        }
    }
}

/// Fill at once or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FillOrKill {
    /// The least size that must be matched; the whole size if `None`.
    pub min_fill: Option<Money>,
}

/// The terms of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderKind {
    /// At a price or better.
    Limit {
        /// Worst price taken.
        price: Price,
        /// Backer's stake.
        size: Money,
        /// What becomes of the rest in play.
        persistence: Persistence,
        /// Fill at once or not at all.
        fill_or_kill: Option<FillOrKill>,
    },
    /// At the starting price, if that is no worse than the limit.
    LimitOnClose {
        /// Worst starting price taken.
        price: Price,
        /// Backer's stake, or layer's liability.
        liability: Money,
    },
    /// At the starting price, whatever it is.
    MarketOnClose {
        /// Backer's stake, or layer's liability.
        liability: Money,
    },
}

impl OrderKind {
    /// The name as the venue writes it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Limit { .. } => "LIMIT",
            Self::LimitOnClose { .. } => "LIMIT_ON_CLOSE",
            Self::MarketOnClose { .. } => "MARKET_ON_CLOSE",
        }
    }

    /// The price named, if any.
    #[must_use]
    pub const fn price(&self) -> Option<Price> {
        match self {
            Self::Limit { price, .. } | Self::LimitOnClose { price, .. } => Some(*price),
            Self::MarketOnClose { .. } => None,
        }
    }

    /// The amount named, whatever it means: a limit order's stake, or an on-close order's liability.
    #[must_use]
    pub const fn amount(&self) -> Money {
        match self {
            Self::Limit { size, .. } => *size,
            Self::LimitOnClose { liability, .. } | Self::MarketOnClose { liability } => *liability,
        }
    }

    /// The backer's stake of a limit order.
    #[must_use]
    pub const fn size(&self) -> Option<Money> {
        match self {
            Self::Limit { size, .. } => Some(*size),
            Self::LimitOnClose { .. } | Self::MarketOnClose { .. } => None,
        }
    }

    /// What becomes of the rest of a limit order when the market turns in play.
    #[must_use]
    pub const fn persistence(&self) -> Option<Persistence> {
        match self {
            Self::Limit { persistence, .. } => Some(*persistence),
            Self::LimitOnClose { .. } | Self::MarketOnClose { .. } => None,
        }
    }

    /// The same terms, for no money at all.
    #[must_use]
    pub const fn for_nothing(mut self) -> Self {
        match &mut self {
            Self::Limit { size: amount, .. }
            | Self::LimitOnClose {
                liability: amount, ..
            }
            | Self::MarketOnClose { liability: amount } => *amount = Money::ZERO,
        }
        self
    }

    /// The same terms with another persistence; orders at the starting price have none.
    #[must_use]
    pub const fn with_persistence(mut self, wanted: Persistence) -> Self {
        if let Self::Limit { persistence, .. } = &mut self {
            *persistence = wanted;
        }
        self
    }

    /// What the order can lose at most if matched whole at its own price.
    #[must_use]
    pub fn at_risk(&self, side: Side) -> Money {
        match (self, side) {
            (Self::Limit { size, .. }, Side::Back) => *size,
            (Self::Limit { size, price, .. }, Side::Lay) => size.liability_at(*price),
            (Self::LimitOnClose { liability, .. } | Self::MarketOnClose { liability }, _) => {
                *liability
            }
        }
    }
}

/// An order that a strategy would like to place.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// On which runner.
    pub runner: RunnerId,
    /// For or against.
    pub side: Side,
    /// The terms.
    pub kind: OrderKind,
    /// With which bookmaker; with the market's own exchange if `None`.
    pub book: Option<BookName>,
    /// Why, in the strategy's words.
    pub reason: Option<Arc<str>>,
    /// The strategy's own probability of the runner winning.
    pub probability: Option<f64>,
    /// The strategy's own label.
    pub tag: Option<Arc<str>>,
}

/// An order as a venue is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Its id, to be echoed by the venue.
    pub id: OrderId,
    /// Whose it is.
    pub strategy: Arc<str>,
    /// In which market.
    pub market: MarketId,
    /// On which runner.
    pub runner: RunnerId,
    /// For or against.
    pub side: Side,
    /// The terms.
    pub kind: OrderKind,
    /// With which bookmaker; with the market's own exchange if `None`.
    pub book: Option<BookName>,
}

/// What a strategy returns: it proposes, the risk gate decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// Place an order.
    Place(Place),
    /// Cancel what remains of an order, or part of it.
    Cancel {
        /// Which order.
        order: OrderId,
        /// How much; all that remains if `None`.
        size: Option<Money>,
    },
    /// Cancel what remains of an order and place it at another price.
    Replace {
        /// Which order.
        order: OrderId,
        /// The new price.
        price: Price,
        /// Why, in the strategy's words.
        reason: Option<Arc<str>>,
    },
    /// Change what becomes of the rest of an order when the market turns in play.
    Update {
        /// Which order.
        order: OrderId,
        /// What is to become of it.
        persistence: Persistence,
    },
    /// Something that is no intent: refused and recorded with what was wrong.
    Malformed(Malformed),
}

/// A value returned by a strategy that could not be read as an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The runner it named, if that could be read.
    pub runner: Option<RunnerId>,
    /// What is wrong, for a person.
    pub what: String,
    /// The value at fault.
    pub value: String,
}

/// Where an order stands. It only moves forward:
///
/// ```text
/// SENDING ─┬─► EXECUTABLE ─────► EXECUTION_COMPLETE
///          ├─► REJECTED, NOT_SENT
///          └─► UNKNOWN ─┬─► EXECUTABLE …, REJECTED
///                       ├─► NOT_PLACED
///                       └─► STUCK ─► (whatever is found out)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderState {
    /// Approved, recorded and on its way; counts at its worst.
    Sending,
    /// Nobody can say whether the venue has it: counts at its worst, is never sent again, and is asked after.
    Unknown,
    /// Unknown for too long: a person must look. Counts at its worst until then.
    Stuck,
    /// The venue has it and something remains.
    Working,
    /// Nothing remains: matched, cancelled, lapsed or voided.
    Complete,
    /// The venue refused it.
    Rejected,
    /// Proven not to have left.
    NotSent,
    /// It was unknown, and the venue was found not to have it.
    NotPlaced,
}

impl OrderState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Sending,
        Self::Unknown,
        Self::Stuck,
        Self::Working,
        Self::Complete,
        Self::Rejected,
        Self::NotSent,
        Self::NotPlaced,
    ];

    /// Whether the order can still change.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(
            self,
            Self::Sending | Self::Unknown | Self::Stuck | Self::Working
        )
    }

    /// Whether the venue has not yet been heard of it.
    #[must_use]
    pub const fn is_unheard(self) -> bool {
        matches!(self, Self::Sending | Self::Unknown | Self::Stuck)
    }

    /// Whether nobody can say if the venue has it.
    #[must_use]
    pub const fn is_doubtful(self) -> bool {
        matches!(self, Self::Unknown | Self::Stuck)
    }

    /// The name in records and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "SENDING",
            Self::Unknown => "UNKNOWN",
            Self::Stuck => "STUCK",
            Self::Working => "EXECUTABLE",
            Self::Complete => "EXECUTION_COMPLETE",
            Self::Rejected => "REJECTED",
            Self::NotSent => "NOT_SENT",
            Self::NotPlaced => "NOT_PLACED",
        }
    }
}

/// An order and all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Its id, that of its intent.
    pub id: OrderId,
    /// On which runner.
    pub runner: RunnerId,
    /// For or against.
    pub side: Side,
    /// The terms.
    pub kind: OrderKind,
    /// With which bookmaker; with the market's own exchange if `None`.
    pub book: Option<BookName>,
    /// Where it stands.
    pub state: OrderState,
    /// A cancel or replace is on its way.
    pub cancel_pending: bool,
    /// A change of persistence is on its way, to this.
    pub update_pending: Option<Persistence>,
    /// When the strategy asked for it.
    pub requested_at: TimeMs,
    /// When it took effect at the venue.
    pub placed_at: Option<TimeMs>,
    /// When it could change no more.
    pub ended_at: Option<TimeMs>,
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
    /// Profit at settlement, before commission.
    pub profit: Option<Money>,
    /// The strategy's own label.
    pub tag: Option<Arc<str>>,
    /// The strategy's own probability of the runner winning.
    pub probability: Option<f64>,
}

impl Order {
    /// An order on its way.
    #[must_use]
    pub fn new(id: OrderId, place: &Place, requested_at: TimeMs) -> Self {
        Self {
            id,
            runner: place.runner,
            side: place.side,
            kind: place.kind,
            book: place.book.clone(),
            state: OrderState::Sending,
            cancel_pending: false,
            update_pending: None,
            requested_at,
            placed_at: None,
            ended_at: None,
            matched: Money::ZERO,
            matched_value: 0,
            cancelled: Money::ZERO,
            lapsed: Money::ZERO,
            voided: Money::ZERO,
            profit: None,
            tag: place.tag.clone(),
            probability: place.probability,
        }
    }

    /// Size of a limit order that is neither matched nor gone. Zero for orders at the starting price, whose
    /// size is not known before it.
    #[must_use]
    pub fn remaining(&self) -> Money {
        match self.kind.size() {
            Some(size) if self.state.is_live() => {
                size - self.matched - self.cancelled - self.lapsed - self.voided
            }
            _ => Money::ZERO,
        }
    }

    /// What of a working order is neither matched nor gone: of a limit order its size, of one at the starting price its
    /// liability.
    #[must_use]
    pub fn outstanding(&self) -> Money {
        match self.kind.size() {
            Some(_) => self.remaining(),
            None => self.kind.at_risk(self.side),
        }
    }

    /// Whether it can still change, or waits for its settlement.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.state.is_live() || (self.matched.is_positive() && self.profit.is_none())
    }

    /// Average price matched; `None` if nothing was.
    #[must_use]
    pub fn average_price(&self) -> Option<Price> {
        Price::average(self.matched_value, self.matched.minor())
    }
}

/// Why a venue refused a request, or an order left the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VenueReason {
    /// The market takes no orders now.
    MarketNotOpen,
    /// The runner was withdrawn.
    RunnerRemoved,
    /// The market has no starting price, or it is past.
    NoStartingPrice,
    /// The price is not on the ladder.
    InvalidPrice,
    /// The size or liability is under the venue's minimum.
    BelowMinimum,
    /// There is nothing left to cancel or replace.
    NothingRemains,
    /// An order for the starting price cannot be cancelled.
    NotCancellable,
    /// The market already betters the price, and the account does not take better prices.
    PriceImprovementTooLarge,
    /// The market turned in play.
    TurnedInPlay,
    /// The market was suspended with a new version.
    Suspended,
    /// The starting price was worse than the limit.
    StartingPriceBeyondLimit,
    /// The market closed.
    MarketClosed,
    /// The request was stopped before it left.
    Withheld,
    /// The venue did not say.
    NotSaid,
    /// An order for the starting price has no persistence to change.
    NotUpdatable,
    /// The order has that persistence already.
    PersistenceUnchanged,
    /// The bookmaker offers nothing on the runner now.
    NoQuote,
    /// The bookmaker's price is another than the one asked for.
    PriceMoved,
    /// More than the bookmaker takes.
    StakeAboveLimit,
    /// A bookmaker takes backs at a price, and nothing else.
    NotOffered,
    /// The account has too little money.
    InsufficientFunds,
    /// The market had changed since the order was decided upon.
    MarketChanged,
}

impl VenueReason {
    /// The code in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MarketNotOpen => "MARKET_NOT_OPEN",
            Self::RunnerRemoved => "RUNNER_REMOVED",
            Self::NoStartingPrice => "NO_STARTING_PRICE",
            Self::InvalidPrice => "INVALID_PRICE",
            Self::BelowMinimum => "BELOW_MINIMUM",
            Self::NothingRemains => "NOTHING_REMAINS",
            Self::NotCancellable => "NOT_CANCELLABLE",
            Self::PriceImprovementTooLarge => "PRICE_IMPROVEMENT_TOO_LARGE",
            Self::TurnedInPlay => "TURNED_IN_PLAY",
            Self::Suspended => "SUSPENDED",
            Self::StartingPriceBeyondLimit => "STARTING_PRICE_BEYOND_LIMIT",
            Self::MarketClosed => "MARKET_CLOSED",
            Self::Withheld => "WITHHELD",
            Self::NotSaid => "NOT_SAID",
            Self::NotUpdatable => "NOT_UPDATABLE",
            Self::PersistenceUnchanged => "PERSISTENCE_UNCHANGED",
            Self::NoQuote => "NO_QUOTE",
            Self::PriceMoved => "PRICE_MOVED",
            Self::StakeAboveLimit => "STAKE_ABOVE_LIMIT",
            Self::NotOffered => "NOT_OFFERED",
            Self::InsufficientFunds => "INSUFFICIENT_FUNDS",
            Self::MarketChanged => "MARKET_CHANGED",
        }
    }
}

impl fmt::Display for VenueReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why nobody can say whether a venue has an order. Only a refusal that is known for one is [`OrderChange::Rejected`];
/// everything else is a doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Doubt {
    /// No answer came in time.
    TimedOut,
    /// The connection broke after the request had begun to leave.
    ConnectionLost,
    /// The answer could not be read.
    Unreadable,
    /// The venue said that it does not know, or something that is not known to be a refusal.
    VenueUnsure,
    /// It was on its way when the program ended.
    Recovered,
}

impl Doubt {
    /// The code in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimedOut => "TIMED_OUT",
            Self::ConnectionLost => "CONNECTION_LOST",
            Self::Unreadable => "UNREADABLE",
            Self::VenueUnsure => "VENUE_UNSURE",
            Self::Recovered => "RECOVERED",
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a venue says of an order. Sizes are increments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderChange {
    /// The venue has it.
    Accepted,
    /// The venue refused it; nothing of it stands.
    Rejected {
        /// Why.
        reason: VenueReason,
    },
    /// It was proven not to have left.
    NotSent,
    /// Nobody can say whether the venue has it.
    Doubted {
        /// Why.
        doubt: Doubt,
    },
    /// It was in doubt, and the venue was found not to have it.
    NotPlaced,
    /// It was in doubt for too long; a person must look.
    Stuck,
    /// Some of it was matched.
    Matched {
        /// At which price.
        price: Price,
        /// How much, as backer's stake.
        size: Money,
    },
    /// Some of it was cancelled.
    Cancelled {
        /// How much.
        size: Money,
    },
    /// Some of it lapsed.
    Lapsed {
        /// How much (for an order at the starting price: its liability).
        size: Money,
        /// Why.
        reason: VenueReason,
    },
    /// It is void, matched or not.
    Voided {
        /// Why.
        reason: VenueReason,
    },
    /// What was matched now stands at another price (a reduction factor).
    Repriced {
        /// New Σ price × size, in billionths × minor units.
        matched_value: i128,
    },
    /// A cancel or replace did not take effect.
    CancelFailed {
        /// Why.
        reason: VenueReason,
    },
    /// What becomes of the rest when the market turns in play is another now.
    Updated {
        /// What it is now.
        persistence: Persistence,
    },
    /// A change of persistence did not take effect.
    UpdateFailed {
        /// Why.
        reason: VenueReason,
    },
}
