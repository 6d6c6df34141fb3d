//! The client of Betfair against a look-alike in this process, with faults in it and on the way to it: what the engine
//! believes in the end is what the exchange has, and no bet is there twice.
#![cfg(unix)]

mod bettor;
mod faults;
mod orders;
#[allow(dead_code)]
mod proxy;
mod recorded;
mod sessions;
mod settlement;
mod stage;
mod streams;
mod tls;
