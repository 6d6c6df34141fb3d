//! The simulated exchange: matching, starting price, settlement.

mod settings;

pub use settings::ExchangeSettings;
