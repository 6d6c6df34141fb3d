//! The HTTP side from outside: the real program, real sockets, and whoever means it no good.

mod attacks;
mod client;
mod crowd;
mod events;
mod examples;
#[path = "../run/host.rs"]
#[allow(dead_code)]
mod host;
mod use_of_it;

/// Asks at every call for a bet that nobody meets, and now and then for one that is refused.
const RESTS: &str = "\
fn on_odds(market, ctx) {
    let bet = back(market.runner(7), 900.0, 1.0).reason(\"rests\");
    let refused = back(market.runner(7), 3.0, 5000.0).reason(\"too much\");
    [bet, refused]
}
";
