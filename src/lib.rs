//! Betting Expert Advisor: runs betting strategies written as Rhai scripts, from backtest to the market.
//!
//! ```text
//! source ──► book ──► strategy ──► intent ──► risk gate ──► order ──► exchange ──► fill ──► settlement
//!    │                  (Rhai)                   │                  (simulated         │
//!    └─ recordings                               └──────► ledger ◄── or a venue) ◄─────┘
//! ```
//!
//! Start with [`engine`]: the deterministic core that backtest, DRY_RUN and LIVE share. Around it:
//!
//! | module | what it is |
//! |---|---|
//! | [`market`] | the words of the field: prices, money, ladders, books, orders |
//! | [`engine`] | events in, effects out; the one loop body of all modes |
//! | [`risk`] | the gate: one control a function |
//! | [`strategy`] | the Rhai host: sandbox, script API, parameters, reload, script tests |
//! | [`exchange`] | the simulated exchange: matching, starting price, settlement |
//! | [`venue`] | real venues; the wire codec apart from the client |
//! | [`source`] | where odds come from: recordings, generated markets |
//! | [`ledger`] | SQLite: one writer, queries, migrations |
//! | [`backtest`] | runs the engine over recordings; reports |
//! | [`live`] | the host: paces a feed, reloads scripts, obeys the operator |
//! | [`lookalike`] | a local exchange that real Betfair clients can bet at |
//! | [`http`] | health, metrics, API, events, dashboard |
//! | [`alert`] | telling people: Telegram, a webhook |
//! | [`telemetry`] | traces for a collector |
//! | [`logging`] | the log: what is shown, where, and what never is |
//! | [`planted`] | faults for the simulator to find; nothing in a release |
//! | [`config`] | layered settings with their origin |
//! | [`durable`] | names of files that outlast a power failure |
//! | [`memory`] | the allocator, and what a thread holds of it |
//! | [`cli`] | one file a command |
//!
//! `market` knows nobody; `engine`, `risk`, `strategy` and `exchange` know `market` and the traits of `engine`;
//! only `backtest` and `live` put parts together. `tests/architecture.rs` keeps it so.

pub mod alert;
pub mod backtest;
pub mod cli;
pub mod config;
pub mod durable;
pub mod engine;
pub mod exchange;
pub mod http;
pub mod ledger;
pub mod live;
pub mod logging;
pub mod lookalike;
pub mod market;
pub mod memory;
pub mod planted;
pub mod risk;
pub mod source;
pub mod strategy;
pub mod telemetry;
pub mod venue;
