//! The Betfair exchange: its stream's messages and its API's requests and answers as values, without I/O; and the client
//! that sends and hears them.

mod account;
mod betting;
pub mod client;
mod code;
mod codec;
mod definition;
mod head;
mod markets;
mod outcome;
mod rpc;
mod statement;
mod stream;

pub use account::{AccountDetails, AccountFunds, HeartbeatReport, read_identity};
pub use betting::{
    CancelInstruction, CancelOrders, CancelReport, ClearedOrder, ClearedOrders, CurrentOrder,
    CurrentOrders, ExecutionReport, Instant, LimitOrder, MarketVersion, OnCloseOrder, OrderStatus,
    OrderType, PlaceInstruction, PlaceOrders, PlaceReport, PriceSize, ReplaceInstruction,
    ReplaceOrders, ReplaceReport, ReportStatus, TimeInForce, UpdateInstruction, UpdateOrders,
    UpdateReport, runner_id,
};
pub use code::{ApiCode, BetCode, StreamCode};
pub use codec::{Decoder, Message, Op};
pub use head::Head;
pub use markets::{
    ApiFilter, BestOffers, BetStatus, BookOrder, Event, ExchangePrices, GroupBy, ListClearedOrders,
    ListCurrentOrders, ListMarketBook, ListMarketCatalogue, ListRunnerBook, MarketBook,
    MarketCatalogue, MarketDescription, MarketProjection, MarketSort, Named, OrderBy,
    OrderProjection, PriceData, PriceLadderDescription, PriceProjection, RunnerBook,
    RunnerCatalogue, SortDir, StartingPrices, TimeRange,
};
pub use outcome::{Changed, Placed, Reply, read_cancel, read_update};
pub use rpc::{Call, NoResult, RpcError, Service, answer, read_answer, without_nulls};
pub use statement::{Names, Nonsense, Told};
pub use stream::{
    ChangeMessage, ChangeType, DataFilter, Delivery, Field, LINE_END, MarketSubscription, Matched,
    OrderFilter, OrderMarketChange, OrderRunnerChange, OrderSubscription, Segment, StatusMessage,
    StrategyMatched, StreamFilter, StreamOrder, StreamRequest,
};
