//! The ledger from outside: what is written is read back, kept, and balanced, also after a kill.

mod balance;
mod chain;
mod copies;
mod crash;
mod deaths;
mod opening;
mod rate;
mod reading;
mod recovery;
mod story;
mod writing;
