//! How fast records are kept: `cargo test --release --test ledger rate -- --ignored --nocapture`.

use std::time::Instant;

use bea::engine::Verdict;
use bea::ledger::{Durability, Outcome};
use bea::market::{OrderChange, OrderState, Side, TimeMs};

use crate::story::*;

/// An order from intent to match: three records.
fn life(number: u128) -> [bea::engine::Record; 3] {
    [
        intent(
            number,
            place(Side::Back, limit(2.0, 2.0)),
            Verdict::Approved,
        ),
        order(number, OrderChange::Accepted, OrderState::Working, 0.0),
        order(number, matched(2.0, 2.0), OrderState::Complete, 2.0),
    ]
}

#[test]
#[ignore = "measures"]
fn rate_of_writing() {
    for (durability, orders) in [(Durability::Full, 5_000), (Durability::Batched, 50_000)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let (ledger, mut run) = begin(&path, durability);
        let started = Instant::now();
        for number in 0..orders {
            commit(&mut run, &life(number)).unwrap();
        }
        run.finish(TimeMs(1), Outcome::Completed, None).unwrap();
        let took = started.elapsed().as_secs_f64();
        ledger.close().unwrap();
        let bytes = std::fs::metadata(&path).unwrap().len();
        #[allow(clippy::cast_precision_loss)]
        let (orders, bytes) = (orders as f64, bytes as f64);
        eprintln!(
            "{durability:?}: {:.0} orders/s, {:.0} records/s, {:.0} bytes an order",
            orders / took,
            3.0 * orders / took,
            bytes / orders
        );
    }
}
