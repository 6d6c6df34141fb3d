//! How long the real host in LIVE takes from a message of the stream to the request that it leads to: measured between
//! two sockets by another process, through decoder, script, gate, durable ledger and the client of the exchange.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bench::{Bench, KEEN};
use crate::money::{LIVE, approve, arm, compare, done, until_sure};
use crate::proxy::{Act, Way};

/// Orders that are measured; a few more go before them.
const ORDERS: usize = 200;
const WARM_UP: usize = 20;

/// Room for many orders.
const WIDE: &str = "
[risk]
max_open_orders = 500
max_open_orders_per_runner = 1000
max_orders_per_minute = 600
max_fills_per_minute = 10000
max_stake_to_median = 10000
";

/// When a message went to the host that no order has come of yet, and how long it took where one has.
#[derive(Default)]
struct Clock {
    said: Option<Instant>,
    took: Vec<Duration>,
}

#[test]
#[ignore = "a measurement: cargo test --release --test live -- --ignored --nocapture latency"]
fn latency_from_a_message_to_the_request() {
    let bench = Bench::new(&format!("{LIVE}{WIDE}"));
    bench.place.write("strategies/eager.rhai", KEEN);
    approve(&bench);
    arm(&bench);
    let mut host = bench
        .place
        .start_with(&["--set", "betfair.max_requests_per_second=100"]);
    bench.live(&mut host);
    let clock: Arc<Mutex<Clock>> = Arc::default();
    let (tell, ordered) = channel();
    let (begins, ends) = (Arc::clone(&clock), Arc::clone(&clock));
    bench.wire.rewrite(move |way, line| {
        if way == Way::ToClient && line.contains(r#""mc":"#) {
            begins.lock().unwrap().said = Some(Instant::now());
        }
        Some(vec![line.to_owned()])
    });
    bench.http.judge(move |request| {
        if request.contains("placeOrders") {
            let mut clock = ends.lock().unwrap();
            if let Some(said) = clock.said.take() {
                clock.took.push(said.elapsed());
                let _ = tell.send(());
            }
        }
        Act::Pass
    });
    for _ in 0..20 * ORDERS {
        if clock.lock().unwrap().took.len() == WARM_UP + ORDERS {
            break;
        }
        bench.server.control("clock", &json!({ "step": 1 }));
        // One at a time; not every message leads to an order.
        let _ = ordered.recv_timeout(Duration::from_millis(500));
    }
    let mut took = clock.lock().unwrap().took.split_off(WARM_UP);
    assert_eq!(took.len(), ORDERS, "{:#}", host.health());
    took.sort_unstable();
    let at = |thousandths: usize| took[(took.len() - 1) * thousandths / 1_000];
    println!(
        "{ORDERS} orders: median {:?}, 99 % {:?}, longest {:?}",
        at(500),
        at(990),
        at(1_000)
    );
    until_sure(&bench, &mut host);
    done(&bench, &["kill", "--reason", "measured"]);
    host.stop();
    compare(&bench);
}
