//! The host on a live feed, in DRY_RUN and LIVE, against the look-alike of the exchange in a process of its own.

mod bench;
mod drill;
#[allow(dead_code)]
#[path = "../run/fake.rs"]
mod fake;
mod feed;
#[allow(dead_code)]
#[path = "../run/host.rs"]
mod host;
mod latency;
mod money;
mod odds;
mod pinnacle;
#[allow(dead_code)]
#[path = "../betfair/proxy.rs"]
mod proxy;
#[allow(dead_code)]
#[path = "../lookalike/server.rs"]
mod server;
mod trouble;
