//! Facts stay as they were written, and the books balance.

use bea::engine::Verdict;
use bea::ledger::{Durability, Filter, Outcome, Reader};
use bea::market::{Money, OrderChange, OrderState, Price, Side, TimeMs, VenueReason};
use proptest::prelude::*;
use rusqlite::Connection;

use crate::story::*;

#[test]
fn facts_can_be_neither_changed_nor_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    let connection = Connection::open(&path).unwrap();
    for statement in [
        "UPDATE intents SET reason = 'a better one'",
        "DELETE FROM intents",
        "UPDATE order_events SET size_minor = 1",
        "DELETE FROM order_events",
        "UPDATE fills SET size_minor = 1",
        "DELETE FROM fills",
        "UPDATE settlements SET gross_minor = 1, net_minor = 1",
        "DELETE FROM settlements",
        "UPDATE settlement_orders SET profit_minor = 1",
        "DELETE FROM settlement_orders",
        "UPDATE strategy_events SET detail = ''",
        "DELETE FROM strategy_events",
        "UPDATE scripts SET source = ''",
        "DELETE FROM scripts",
        "UPDATE house_events SET detail = ''",
        "DELETE FROM house_events",
        "UPDATE orders SET side = 'LAY'",
        "DELETE FROM orders",
        "UPDATE runs SET outcome = 'failed'",
        "DELETE FROM runs",
        "UPDATE recordings SET problems = 0",
        "DELETE FROM recordings",
    ] {
        let error = connection.execute(statement, []).unwrap_err().to_string();
        assert!(
            ["append-only", "never", "has ended"]
                .iter()
                .any(|word| error.contains(word)),
            "{statement}: {error}"
        );
    }
}

#[test]
fn the_audit_sees_books_that_were_cooked() {
    for (cooking, rule) in [
        (
            "UPDATE orders SET matched_minor = 400 WHERE record = 2",
            "sum to what is matched",
        ),
        (
            "UPDATE orders SET cancelled_minor = 0",
            "as its events left it",
        ),
        (
            "DROP TRIGGER settlements_keep; UPDATE settlements SET gross_minor = 1, net_minor = -30",
            "sum to its gross",
        ),
        (
            "UPDATE orders SET profit_minor = 1",
            "that of its settlement",
        ),
        (
            "DROP TRIGGER house_events_stay; DELETE FROM house_events",
            "no record of a run is missing",
        ),
        (
            "DROP TRIGGER fills_stay; DELETE FROM fills WHERE record = 4",
            "is a fill",
        ),
        (
            "PRAGMA foreign_keys=OFF; DROP TRIGGER intents_stay; DELETE FROM intents WHERE record = 2",
            "leads somewhere",
        ),
        (
            "DROP TRIGGER intents_keep; UPDATE intents SET verdict='APPROVED', code=NULL WHERE record = 7",
            "approved placing",
        ),
        (
            "DROP TRIGGER scripts_stay; DELETE FROM scripts",
            "source of every script",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        ledger_with_story(&path);
        Connection::open(&path)
            .unwrap()
            .execute_batch(cooking)
            .unwrap();
        let findings = Reader::open(&path).unwrap().audit().unwrap();
        assert!(
            findings.iter().any(|finding| finding.rule.contains(rule)),
            "{cooking}: {findings:?}"
        );
    }
}

/// What may happen to an order of 10.00 at the venue, with amounts in pence.
#[derive(Clone, Copy, Debug)]
enum Step {
    Accept,
    Match(u64, i64),
    Cancel(i64),
    Lapse(i64),
    Void,
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        2 => Just(Step::Accept),
        6 => (101_u64..100_000, 1_i64..500).prop_map(|(price, size)| Step::Match(price, size)),
        2 => (1_i64..500).prop_map(Step::Cancel),
        1 => (1_i64..500).prop_map(Step::Lapse),
        1 => Just(Step::Void),
    ];
    proptest::collection::vec((0..4_usize, step), 0..60)
}

/// An order as this test understands it.
#[derive(Clone, Copy, Debug)]
struct Model {
    state: OrderState,
    matched: i64,
    value: i128,
    gone: i64,
}

impl Model {
    fn step(&mut self, step: Step) -> OrderChange {
        let remaining = 1_000 - self.matched - self.gone;
        let live = self.state.is_live();
        let clip = |size: i64| if live { size.min(remaining) } else { size };
        let change = match step {
            Step::Accept => {
                if self.state == OrderState::Sending {
                    self.state = OrderState::Working;
                }
                return OrderChange::Accepted;
            }
            Step::Void => {
                (self.state, self.matched, self.value) = (OrderState::Complete, 0, 0);
                let reason = VenueReason::RunnerRemoved;
                return OrderChange::Voided { reason };
            }
            Step::Match(price, size) => OrderChange::Matched {
                price: Price::from_hundredths(price),
                size: Money::from_minor(clip(size)),
            },
            Step::Cancel(size) => OrderChange::Cancelled {
                size: Money::from_minor(clip(size)),
            },
            Step::Lapse(size) => OrderChange::Lapsed {
                size: Money::from_minor(clip(size)),
                reason: VenueReason::TurnedInPlay,
            },
        };
        if live {
            match change {
                OrderChange::Matched { price, size } => {
                    self.matched += size.minor();
                    self.value += i128::from(price.nanos()) * i128::from(size.minor());
                }
                OrderChange::Cancelled { size } | OrderChange::Lapsed { size, .. } => {
                    self.gone += size.minor();
                }
                _ => unreachable!(),
            }
            if self.matched + self.gone == 1_000 {
                self.state = OrderState::Complete;
            }
        }
        change
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_books_balance_whatever_a_venue_says(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let (ledger, mut run) = begin(&path, Durability::Batched);
        let fresh = Model { state: OrderState::Sending, matched: 0, value: 0, gone: 0 };
        let mut models = [fresh; 4];
        for number in 0..4 {
            let record = intent(number, place(Side::Back, limit(2.0, 10.0)), Verdict::Approved);
            commit(&mut run, &[record]).unwrap();
        }
        for (which, step) in steps {
            let change = models[which].step(step);
            let Model { state, matched, .. } = models[which];
            let record = order(which as u128, change, state, matched as f64 / 100.0);
            commit(&mut run, &[record]).unwrap();
        }
        run.finish(TimeMs(1), Outcome::Completed, None).unwrap();
        let reader = ledger.reader().unwrap();
        prop_assert_eq!(reader.audit().unwrap(), []);
        for (bet, model) in reader.bets(&Filter::default()).unwrap().iter().zip(models) {
            prop_assert_eq!(bet.matched.minor(), model.matched);
            prop_assert_eq!(bet.average_price, Price::average(model.value, model.matched));
            prop_assert_eq!(bet.state.as_str(), model.state.as_str());
        }
    }
}
