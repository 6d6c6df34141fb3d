//! Records made by hand, and a ledger that holds one of everything.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bea::engine::{
    Action, Because, Effects, Figure, IntentRecord, Journal, ReasonCode, Record, Refusal, Scopes,
    StrategyChange, TradingState, Verdict,
};
use bea::ledger::{Durability, Ledger, LedgerSettings, Outcome, RunInfo, RunKind, RunWriter};
use bea::market::{
    Currency, Level, MarketId, Mode, Money, OrderChange, OrderId, OrderKind, OrderState,
    Persistence, Place, Price, RunnerId, Seen, Side, TimeMs, VenueReason,
};

pub(crate) const HASH: &str = "5c1f";

pub(crate) fn settings(durability: Durability) -> LedgerSettings {
    LedgerSettings {
        durability,
        busy_timeout: Duration::from_millis(20),
        attempts: 2,
    }
}

pub(crate) fn info() -> RunInfo {
    RunInfo {
        kind: RunKind::Backtest,
        mode: Mode::DryRun,
        started_at: TimeMs(1_700_000_000_000),
        currency: Currency::GBP,
        config: serde_json::json!({"bank": 1000}),
    }
}

/// A ledger with one run that has begun its only recording.
pub(crate) fn begin(path: &Path, durability: Durability) -> (Ledger, RunWriter) {
    let ledger = Ledger::open(path, settings(durability)).unwrap();
    let mut run = ledger.begin_run(info()).unwrap();
    run.script(HASH, "value_back", "fn on_odds(market, ctx) { [] }")
        .unwrap();
    run.begin_recording(1, "1.181223995", "recordings/1.181223995.bz2")
        .unwrap();
    (ledger, run)
}

pub(crate) fn commit(run: &mut RunWriter, records: &[Record]) -> Result<(), String> {
    let token = Effects::<()>::default().token();
    run.commit(token, records)
        .map(|_receipt| ())
        .map_err(|error| error.to_string())
}

pub(crate) fn id(number: u128) -> OrderId {
    OrderId::from_bits(number)
}

pub(crate) fn market() -> MarketId {
    MarketId::new("1.181223995")
}

pub(crate) fn pounds(amount: f64) -> Money {
    Money::nearest(amount).unwrap()
}

pub(crate) fn odds(decimal: f64) -> Price {
    Price::nearest(decimal).unwrap()
}

pub(crate) fn limit(price: f64, size: f64) -> OrderKind {
    OrderKind::Limit {
        price: odds(price),
        size: pounds(size),
        persistence: Persistence::Lapse,
        fill_or_kill: None,
    }
}

pub(crate) fn place(side: Side, kind: OrderKind) -> Action {
    Action::Place {
        place: Place {
            runner: RunnerId {
                selection: 7_424_945,
                handicap: -25,
            },
            side,
            kind,
            book: None,
            reason: Some(Arc::from("edge 4.1 % over the fair price")),
            probability: Some(0.515),
            tag: Some(Arc::from("steam")),
        },
        replaces: None,
    }
}

pub(crate) fn intent(number: u128, action: Action, verdict: Verdict) -> Record {
    let liability = match &action {
        Action::Place { place, .. } => place.kind.at_risk(place.side),
        _ => Money::ZERO,
    };
    Record::Intent(Box::new(IntentRecord {
        liability,
        id: id(number),
        at: TimeMs(1_617_121_200_123),
        strategy: Arc::from("value_back"),
        hash: Arc::from(HASH),
        market: market(),
        sequence: 41,
        action,
        seen: Seen {
            best_back: Some(Level {
                price: odds(2.02),
                size: pounds(15.0),
            }),
            best_lay: Some(Level {
                price: odds(2.04),
                size: pounds(7.5),
            }),
            last_traded: Some(odds(2.0)),
        },
        verdict,
        scopes: Scopes::unknown(&market()),
        because: Because::default(),
    }))
}

pub(crate) fn order(number: u128, change: OrderChange, state: OrderState, matched: f64) -> Record {
    Record::Order {
        at: TimeMs(1_617_121_201_000),
        strategy: Arc::from("value_back"),
        market: market(),
        order: id(number),
        change,
        state,
        matched: pounds(matched),
    }
}

pub(crate) fn matched(price: f64, size: f64) -> OrderChange {
    OrderChange::Matched {
        price: odds(price),
        size: pounds(size),
    }
}

pub(crate) fn settled(gross: f64, commission: f64, orders: &[(u128, f64)]) -> Record {
    Record::Settled {
        at: TimeMs(1_617_122_000_000),
        strategy: Arc::from("value_back"),
        market: market(),
        version: 1,
        reversal: false,
        gross: pounds(gross),
        commission: pounds(commission),
        orders: orders
            .iter()
            .map(|&(number, profit)| (id(number), pounds(profit)))
            .collect(),
    }
}

/// A settlement as another version of it, or as the reversal of that version.
pub(crate) fn as_version(mut record: Record, number: u32, takes_back: bool) -> Record {
    if let Record::Settled {
        version, reversal, ..
    } = &mut record
    {
        (*version, *reversal) = (number, takes_back);
    }
    record
}

/// One of everything: a bet matched twice, a lay that lapsed in part, a starting-price bet that was voided, a refusal of
/// each kind, a late word, a failure of the script, a halt, and the settlement.
pub(crate) fn story() -> Vec<Record> {
    use OrderState::{Complete, Working};
    let strategy = |change| Record::Strategy {
        at: TimeMs(1_617_121_000_000),
        strategy: Arc::from("value_back"),
        hash: Arc::from(HASH),
        change,
    };
    let refused = |code, value, limit| Verdict::Refused(Refusal::of(code, value, limit));
    let starting = OrderKind::MarketOnClose {
        liability: pounds(10.0),
    };
    let removed = VenueReason::RunnerRemoved;
    vec![
        strategy(StrategyChange::Loaded),
        intent(1, place(Side::Back, limit(2.02, 5.0)), Verdict::Approved),
        order(1, OrderChange::Accepted, Working, 0.0),
        order(1, matched(2.02, 3.0), Working, 3.0),
        order(1, matched(2.04, 2.0), Complete, 5.0),
        order(
            1,
            OrderChange::Cancelled { size: pounds(1.0) },
            Complete,
            5.0,
        ),
        intent(
            2,
            place(Side::Back, limit(2.02, 500.0)),
            refused(
                ReasonCode::StakeTooLarge,
                Figure::Money(pounds(500.0)),
                Figure::Money(pounds(50.0)),
            ),
        ),
        intent(3, place(Side::Lay, limit(3.0, 4.0)), Verdict::Approved),
        order(3, OrderChange::Accepted, Working, 0.0),
        order(3, matched(3.0, 1.0), Working, 1.0),
        intent(
            4,
            Action::Cancel {
                order: id(3),
                size: Some(pounds(1.0)),
            },
            Verdict::Approved,
        ),
        order(
            3,
            OrderChange::Cancelled { size: pounds(1.0) },
            Working,
            1.0,
        ),
        order(
            3,
            OrderChange::Lapsed {
                size: pounds(2.0),
                reason: VenueReason::TurnedInPlay,
            },
            Complete,
            1.0,
        ),
        order(
            3,
            OrderChange::Repriced {
                matched_value: 270_000_000_000,
            },
            Complete,
            1.0,
        ),
        intent(
            5,
            Action::Malformed {
                what: "a stake is missing".to_owned(),
                value: "#{price: 2.0}".to_owned(),
            },
            refused(ReasonCode::IntentMalformed, Figure::None, Figure::None),
        ),
        intent(
            6,
            Action::Replace {
                order: id(99),
                price: odds(2.5),
            },
            refused(ReasonCode::OrderUnknown, Figure::None, Figure::None),
        ),
        intent(7, place(Side::Lay, starting), Verdict::Approved),
        order(7, OrderChange::Accepted, Working, 0.0),
        order(7, matched(6.0, 2.0), Complete, 2.0),
        order(7, OrderChange::Voided { reason: removed }, Complete, 0.0),
        strategy(StrategyChange::Failed {
            summary: "value_back.rhai:12:9: Variable not found: best_bak".to_owned(),
        }),
        Record::Trading {
            at: TimeMs(1_617_121_300_000),
            state: TradingState::Halted,
            reason: "the operator said so".to_owned(),
        },
        settled(6.14, 0.31, &[(1, 5.14), (3, 1.0), (7, 0.0)]),
    ]
}

pub(crate) fn ledger_with_story(path: &Path) {
    let (ledger, mut run) = begin(path, Durability::Full);
    for record in story() {
        commit(&mut run, &[record]).unwrap();
    }
    run.end_recording(21_922, 0, "aa11").unwrap();
    run.finish(TimeMs(1_700_000_001_000), Outcome::Completed, Some("bb22"))
        .unwrap();
    ledger.close().unwrap();
}
