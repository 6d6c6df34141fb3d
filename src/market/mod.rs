//! The words of the field: prices, money, ladders, markets, orders. Knows nobody else in the crate.

mod book;
mod definition;
mod delta;
mod depth;
mod ids;
mod ladder;
mod mode;
mod money;
mod order;
mod price;
mod quote;
mod report;
pub mod setting;
mod time;

pub use book::{Books, Market, MarketIndex, Runner, Seen};
pub use definition::{
    BettingType, LEAST_WIN_REDUCTION, MarketDefinition, MarketFilter, MarketKind, MarketStatus,
    RunnerDefinition, RunnerStatus, Score, sport_id,
};
pub use delta::{LadderKind, LevelChange, MarketDelta, RunnerDelta};
pub use depth::{Depth, Level};
pub use ids::{BookName, MarketId, OrderId, RunnerId, selection};
pub use ladder::PriceLadder;
pub use mode::Mode;
pub use money::{Currency, Money};
pub use order::{
    Doubt, FillOrKill, Instruction, Intent, Malformed, Order, OrderChange, OrderKind, OrderState,
    Persistence, Place, Side, VenueReason,
};
pub use price::Price;
pub use quote::{Quote, QuoteChange, Quotes};
pub use report::{
    Commission, Listing, OrderEvent, OrderStatement, Reversal, Settlement, VenueEvent,
};
pub use setting::{Bound, Ratio};
pub use time::TimeMs;
