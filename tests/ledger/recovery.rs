//! What the ledger says that earlier runs left is what their records amount to.

use std::sync::Arc;

use bea::engine::{
    Because, IntentRecord, Record, Recovery, Scopes, TradingState, Verdict, advance,
};
use bea::ledger::{Durability, Ledger, Outcome, Reader, RunInfo, RunKind, RunWriter};
use bea::market::{
    BookName, Doubt, FillOrKill, MarketId, Mode, Money, Order, OrderChange, OrderId, OrderKind,
    Persistence, Place, Price, RunnerId, Seen, Side, TimeMs, VenueReason,
};
use proptest::prelude::*;

use crate::story::{HASH, commit, info, settings};

const BANK: Money = Money::from_major(1_000);
const HOUR_MS: i64 = 3_600_000;

/// Numbers that decide what happens next, one after the other.
struct Dice<'a>(std::slice::Iter<'a, u16>);

impl Dice<'_> {
    fn below(&mut self, most: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default()) % most
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// An order and whose it is.
struct Known {
    strategy: Arc<str>,
    market: MarketId,
    order: Order,
}

/// A settlement that stands.
struct Booked {
    version: u32,
    record: Record,
}

/// Sessions that never were, with records as an engine makes them.
#[derive(Default)]
struct Story {
    now: i64,
    number: u128,
    run: usize,
    orders: Vec<Known>,
    booked: Vec<Booked>,
    records: Vec<Record>,
}

impl Story {
    fn happen(&mut self, dice: &mut Dice<'_>) {
        self.now += [0, 250, 60_000, HOUR_MS, 30 * HOUR_MS][dice.below(5)];
        match dice.below(8) {
            0..=1 => self.place(dice),
            2..=5 => self.change(dice),
            6 if dice.below(3) == 0 => self.reverse(),
            6 => self.settle(dice),
            _ => self.records.push(Record::Trading {
                at: TimeMs(self.now),
                state: dice.pick(&TradingState::ALL),
                reason: format!("reason {}", self.now),
            }),
        }
    }

    fn place(&mut self, dice: &mut Dice<'_>) {
        self.number += 1;
        let id = OrderId::from_bits(self.number);
        let strategy: Arc<str> = dice.pick(&["one", "two"]).into();
        let market = MarketId::new(dice.pick(&["1.1", "1.2", "1.3"]));
        let amount = Money::from_minor(200 + dice.below(900) as i64);
        let price = Price::from_hundredths(150 + dice.below(50) as u64);
        let kind = match dice.below(5) {
            0 => OrderKind::MarketOnClose { liability: amount },
            1 => OrderKind::LimitOnClose {
                price,
                liability: amount,
            },
            terms => OrderKind::Limit {
                price,
                size: amount,
                persistence: dice.pick(&Persistence::ALL),
                fill_or_kill: (terms == 2).then(|| FillOrKill {
                    min_fill: dice.pick(&[None, Some(Money::from_minor(100))]),
                }),
            },
        };
        let place = Place {
            runner: RunnerId {
                selection: 1 + dice.below(3) as u64,
                handicap: dice.pick(&[0, -25]),
            },
            side: dice.pick(&Side::ALL),
            kind,
            book: dice.pick(&[None, Some(BookName::new("pinnacle"))]),
            reason: None,
            probability: None,
            tag: dice.pick(&[None, Some("steam".into())]),
        };
        let scopes = Scopes {
            market: market.clone(),
            event: dice.pick(&["", "31"]).into(),
            sport: "7".into(),
            venue: "betfair".into(),
        };
        let refused = dice.below(6) == 0;
        self.records.push(Record::Intent(Box::new(IntentRecord {
            id,
            at: TimeMs(self.now),
            strategy: Arc::clone(&strategy),
            hash: HASH.into(),
            market: market.clone(),
            sequence: 1,
            // As in an each-way market: more than the amount that is named.
            liability: place.kind.at_risk(place.side) + place.kind.at_risk(place.side),
            action: bea::engine::Action::Place {
                place: place.clone(),
                replaces: None,
            },
            seen: Seen::default(),
            verdict: match refused {
                true => Verdict::Refused(bea::engine::Refusal::plain(
                    bea::engine::ReasonCode::KillSwitchOn,
                )),
                false => Verdict::Approved,
            },
            scopes,
            because: Because::default(),
        })));
        if !refused {
            let order = Order::new(id, &place, TimeMs(self.now));
            self.orders.push(Known {
                strategy,
                market,
                order,
            });
        }
    }

    fn change(&mut self, dice: &mut Dice<'_>) {
        if self.orders.is_empty() {
            return;
        }
        let at = dice.below(self.orders.len());
        let known = &mut self.orders[at];
        let reason = VenueReason::NotSaid;
        let size = match known.order.kind.size() {
            Some(_) if known.order.remaining().is_positive() => {
                let left = known.order.remaining().minor();
                Money::from_minor(dice.pick(&[left, (left / 2).max(1)]))
            }
            _ => Money::from_minor(150),
        };
        let price = Price::from_hundredths(160 + dice.below(40) as u64);
        let change = match dice.below(13) {
            0..=1 => OrderChange::Accepted,
            2 => OrderChange::Rejected { reason },
            3 => OrderChange::NotSent,
            4 => OrderChange::Doubted {
                doubt: Doubt::TimedOut,
            },
            5 => OrderChange::NotPlaced,
            6 => OrderChange::Stuck,
            7..=8 => OrderChange::Matched { price, size },
            9 => OrderChange::Cancelled { size },
            10 => OrderChange::Lapsed { size, reason },
            11 if dice.below(3) == 0 => OrderChange::Voided { reason },
            11 => OrderChange::Updated {
                persistence: dice.pick(&Persistence::ALL),
            },
            _ if known.order.matched.is_positive() => OrderChange::Repriced {
                matched_value: known.order.matched_value * 9 / 10,
            },
            _ => OrderChange::CancelFailed { reason },
        };
        // A word may be told late.
        let at = TimeMs(self.now - dice.pick(&[0, 0, 1_000]));
        advance(&mut known.order, at, change);
        self.records.push(Record::Order {
            at,
            strategy: Arc::clone(&known.strategy),
            market: known.market.clone(),
            order: known.order.id,
            change,
            state: known.order.state,
            matched: known.order.matched,
        });
    }

    fn settle(&mut self, dice: &mut Dice<'_>) {
        let open =
            |known: &Known| known.order.matched.is_positive() && known.order.profit.is_none();
        let Some(first) = self.orders.iter().find(|known| open(known)) else {
            return;
        };
        let (strategy, market) = (Arc::clone(&first.strategy), first.market.clone());
        let of = |record: &Record| matches!(record, Record::Settled { strategy: s, market: m, .. } if *s == strategy && *m == market);
        // One settlement of a market stands at a time.
        if self.booked.iter().any(|booked| of(&booked.record)) {
            return;
        }
        let mut orders = Vec::new();
        for known in &mut self.orders {
            if open(known) && known.strategy == strategy && known.market == market {
                let profit = Money::from_minor(dice.below(2_000) as i64 - 1_000);
                known.order.profit = Some(profit);
                orders.push((known.order.id, profit));
            }
        }
        let gross: Money = orders.iter().map(|(_, profit)| *profit).sum();
        let version = 1 + self.records.iter().filter(|record| of(record)).count() as u32;
        let record = Record::Settled {
            at: TimeMs(self.now),
            strategy: Arc::clone(&strategy),
            market: market.clone(),
            version,
            reversal: false,
            gross,
            commission: gross.max(Money::ZERO).scaled(5, 100),
            orders,
        };
        self.records.push(record.clone());
        self.booked.push(Booked { version, record });
    }

    fn reverse(&mut self) {
        // Of this run or an earlier one.
        let Some(booked) = self.booked.pop() else {
            return;
        };
        let Record::Settled {
            strategy,
            market,
            gross,
            commission,
            orders,
            ..
        } = booked.record
        else {
            return;
        };
        for known in &mut self.orders {
            if orders.iter().any(|(id, _)| *id == known.order.id) {
                known.order.profit = None;
            }
        }
        self.records.push(Record::Settled {
            at: TimeMs(self.now),
            strategy,
            market,
            version: booked.version,
            reversal: true,
            gross: -gross,
            commission: -commission,
            orders: orders
                .into_iter()
                .map(|(id, profit)| (id, -profit))
                .collect(),
        });
    }
}

fn begin(ledger: &Ledger, mode: Mode) -> RunWriter {
    let mut run = ledger
        .begin_run(RunInfo {
            kind: RunKind::Run,
            mode,
            ..info()
        })
        .unwrap();
    run.script(HASH, "one", "").unwrap();
    run.begin_recording(1, "feed", "feed").unwrap();
    run
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_live_runs_left_is_what_their_records_amount_to(
        runs in prop::collection::vec(prop::collection::vec(any::<u16>(), 0..500), 1..4),
        after in prop::sample::select(vec![0, 30_000, 2 * HOUR_MS, 150 * HOUR_MS, 400 * HOUR_MS]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut story = Story { now: 1_700_000_000_000, ..Story::default() };
        for numbers in &runs {
            let ledger = Ledger::open(&path, settings(Durability::Full)).unwrap();
            // The same records in a mode without money, which nobody may take for the others.
            let mut dry = begin(&ledger, Mode::DryRun);
            let mut live = begin(&ledger, Mode::Live);
            let mut dice = Dice(numbers.iter());
            let from = story.records.len();
            while dice.0.len() > 0 {
                story.happen(&mut dice);
            }
            for record in &story.records[from..] {
                commit(&mut live, std::slice::from_ref(record)).unwrap();
                if matches!(record, Record::Intent(_) | Record::Trading { .. }) {
                    commit(&mut dry, std::slice::from_ref(record)).unwrap();
                }
            }
            dry.finish(TimeMs(story.now), Outcome::Completed, None).unwrap();
            if story.run.is_multiple_of(2) {
                live.finish(TimeMs(story.now), Outcome::Completed, None).unwrap();
            }
            ledger.close().unwrap();
            story.run += 1;
        }
        let now = TimeMs(story.now + after);
        let mut expected = Recovery::from_records(&story.records, BANK);
        expected.cut(now);
        let reader = Reader::open(&path).unwrap();
        prop_assert_eq!(reader.recovery(now, BANK).unwrap(), expected);
        prop_assert_eq!(reader.audit().unwrap(), []);
    }
}

#[test]
fn no_two_sessions_derive_their_ids_from_one_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut epochs = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let ledger = Ledger::open(&path, settings(Durability::Full)).unwrap();
        let run = begin(&ledger, Mode::Live);
        for session in 1..=2 {
            let recovery = ledger.recovery(&run, session, TimeMs(0), BANK).unwrap();
            epochs.insert(recovery.epoch.unwrap());
        }
        ledger.close().unwrap();
    }
    assert_eq!(epochs.len(), 6);
}

#[test]
fn a_simulated_run_takes_no_order_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path, settings(Durability::Full)).unwrap();
    let mut story = Story::default();
    story.place(&mut Dice([1; 20].iter()));
    story.change(&mut Dice([0].iter()));
    let mut first = begin(&ledger, Mode::Live);
    commit(&mut first, &story.records[..1]).unwrap();
    let mut second = begin(&ledger, Mode::DryRun);
    let refused = commit(&mut second, &story.records[1..]).unwrap_err();
    assert!(refused.contains("is not in run 2"), "{refused}");
}
