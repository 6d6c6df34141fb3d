//! The ledger from outside: what is written is read back, kept, and balanced, also after a kill.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bea::engine::{
    Action, Effects, Figure, IntentRecord, Journal, ReasonCode, Record, Refusal, StrategyChange,
    Verdict,
};
use bea::ledger::{
    Durability, Filter, Ledger, LedgerError, LedgerSettings, Outcome, Reader, RunInfo, RunKind,
    RunWriter,
};
use bea::market::{
    Currency, FillOrKill, Level, MarketId, Money, OrderChange, OrderId, OrderKind, OrderState,
    Persistence, Place, Price, RunnerId, Seen, Side, TimeMs, VenueReason,
};
use proptest::prelude::*;
use rusqlite::Connection;

const HASH: &str = "5c1f";

fn settings(durability: Durability) -> LedgerSettings {
    LedgerSettings {
        durability,
        busy_timeout: Duration::from_millis(20),
        attempts: 2,
    }
}

fn info() -> RunInfo {
    RunInfo {
        kind: RunKind::Backtest,
        started_at: TimeMs(1_700_000_000_000),
        currency: Currency::GBP,
        config: serde_json::json!({"bank": 1000}),
    }
}

/// A ledger with one run that has begun its only recording.
fn begin(path: &Path, durability: Durability) -> (Ledger, RunWriter) {
    let ledger = Ledger::open(path, settings(durability)).unwrap();
    let mut run = ledger.begin_run(info()).unwrap();
    run.script(HASH, "value_back", "fn on_odds(market, ctx) { [] }")
        .unwrap();
    run.begin_recording(1, "1.181223995", "recordings/1.181223995.bz2")
        .unwrap();
    (ledger, run)
}

fn commit(run: &mut RunWriter, records: &[Record]) -> Result<(), String> {
    let token = Effects::<()>::default().token();
    run.commit(token, records)
        .map(|_receipt| ())
        .map_err(|error| error.to_string())
}

fn id(number: u128) -> OrderId {
    OrderId::from_bits(number)
}

fn market() -> MarketId {
    MarketId::new("1.181223995")
}

fn pounds(amount: f64) -> Money {
    Money::nearest(amount).unwrap()
}

fn odds(decimal: f64) -> Price {
    Price::nearest(decimal).unwrap()
}

fn limit(price: f64, size: f64) -> OrderKind {
    OrderKind::Limit {
        price: odds(price),
        size: pounds(size),
        persistence: Persistence::Lapse,
        fill_or_kill: None,
    }
}

fn place(side: Side, kind: OrderKind) -> Action {
    Action::Place {
        place: Place {
            runner: RunnerId {
                selection: 7_424_945,
                handicap: -25,
            },
            side,
            kind,
            reason: Some(Arc::from("edge 4.1 % over the fair price")),
            probability: Some(0.515),
            tag: Some(Arc::from("steam")),
        },
        replaces: None,
    }
}

fn intent(number: u128, action: Action, verdict: Verdict) -> Record {
    Record::Intent(Box::new(IntentRecord {
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
    }))
}

fn order(number: u128, change: OrderChange, state: OrderState, matched: f64) -> Record {
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

fn matched(price: f64, size: f64) -> OrderChange {
    OrderChange::Matched {
        price: odds(price),
        size: pounds(size),
    }
}

fn settled(gross: f64, commission: f64, orders: &[(u128, f64)]) -> Record {
    Record::Settled {
        at: TimeMs(1_617_122_000_000),
        strategy: Arc::from("value_back"),
        market: market(),
        gross: pounds(gross),
        commission: pounds(commission),
        orders: orders
            .iter()
            .map(|&(number, profit)| (id(number), pounds(profit)))
            .collect(),
    }
}

/// One of everything: a bet matched twice, a lay that lapsed in part, a starting-price bet that was voided, a refusal of
/// each kind, a late word, a failure of the script, a halt, and the settlement.
fn story() -> Vec<Record> {
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
        Record::Halted {
            at: TimeMs(1_617_121_300_000),
            halted: true,
            reason: "the operator said so".to_owned(),
        },
        settled(6.14, 0.31, &[(1, 5.14), (3, 1.0), (7, 0.0)]),
    ]
}

fn ledger_with_story(path: &Path) {
    let (ledger, mut run) = begin(path, Durability::Full);
    for record in story() {
        commit(&mut run, &[record]).unwrap();
    }
    run.end_recording(21_922, 0, "aa11").unwrap();
    run.finish(TimeMs(1_700_000_001_000), Outcome::Completed, Some("bb22"))
        .unwrap();
    ledger.close().unwrap();
}

#[test]
fn what_was_written_is_read_back_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    let reader = Reader::open(&path).unwrap();

    let runs = reader.runs(10).unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(
        (runs[0].kind.as_str(), runs[0].mode.as_str()),
        ("backtest", "DRY_RUN")
    );
    assert_eq!((runs[0].bets, runs[0].recordings), (3, 1));
    assert_eq!(runs[0].outcome.as_deref(), Some("completed"));
    assert_eq!(runs[0].trace_hash.as_deref(), Some("bb22"));

    let bets = reader.bets(&Filter::default()).unwrap();
    let ids: Vec<_> = bets.iter().map(|bet| bet.bet.clone()).collect();
    assert_eq!(ids, [1, 3, 7].map(|number| id(number).to_string()));
    let back = &bets[0];
    assert_eq!(
        (back.matched, back.state.as_str()),
        (pounds(5.0), "EXECUTION_COMPLETE")
    );
    assert_eq!(back.average_price, Some(odds(2.028)));
    assert_eq!(back.profit, Some(pounds(5.14)));
    assert_eq!(
        back.reason.as_deref(),
        Some("edge 4.1 % over the fair price")
    );
    assert_eq!(back.seen_back.unwrap().price, odds(2.02));
    assert_eq!(back.seen_lay.unwrap().size, pounds(7.5));
    assert_eq!((back.runner.handicap, back.sequence), (-25, 41));
    let lay = &bets[1];
    assert_eq!((lay.matched, lay.liability), (pounds(1.0), pounds(8.0)));
    assert_eq!(
        lay.average_price,
        Some(odds(2.7)),
        "a reduction factor reprices it"
    );
    assert_eq!(lay.venue_reason.as_deref(), Some("TURNED_IN_PLAY"));
    let void = &bets[2];
    assert_eq!((void.matched, void.average_price), (Money::ZERO, None));
    assert_eq!(
        (void.price, void.size, void.liability),
        (None, None, pounds(10.0))
    );

    let pnl = reader.pnl(&Filter::default()).unwrap();
    assert_eq!(pnl.len(), 1);
    assert_eq!((pnl[0].bets, pnl[0].matched, pnl[0].rejections), (3, 2, 3));
    assert_eq!((pnl[0].turnover, pnl[0].gross), (pounds(6.0), pounds(6.14)));
    assert_eq!(
        (pnl[0].commission, pnl[0].net),
        (pounds(0.31), pounds(5.83))
    );

    let rejections = reader.rejections(&Filter::default()).unwrap();
    let codes: Vec<_> = rejections.iter().map(|row| row.code.as_str()).collect();
    assert_eq!(
        codes,
        ["STAKE_TOO_LARGE", "INTENT_MALFORMED", "ORDER_UNKNOWN"]
    );
    assert_eq!(rejections[0].limit.as_deref(), Some("50.00"));
    assert_eq!(rejections[1].reason.as_deref(), Some("a stake is missing"));

    assert_eq!(reader.audit().unwrap(), []);
}

#[test]
fn filters_choose_run_strategy_market_and_the_latest_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    let (ledger, run) = begin(&path, Durability::Full);
    drop(run);
    let reader = ledger.reader().unwrap();
    let of_first = Filter {
        run: Some(1),
        ..Filter::default()
    };
    assert_eq!(
        reader.bets(&Filter::default()).unwrap(),
        [],
        "the latest run has no bets"
    );
    assert_eq!(reader.bets(&of_first).unwrap().len(), 3);
    let latest = Filter {
        limit: 1,
        ..of_first.clone()
    };
    assert_eq!(reader.bets(&latest).unwrap()[0].bet, id(7).to_string());
    for (strategy, market, expected) in [
        (Some("value_back"), None, 3),
        (Some("other"), None, 0),
        (None, Some("1.181223995"), 3),
        (None, Some("1.1"), 0),
    ] {
        let filter = Filter {
            strategy: strategy.map(str::to_owned),
            market: market.map(str::to_owned),
            ..of_first.clone()
        };
        assert_eq!(reader.bets(&filter).unwrap().len(), expected);
        let bets: u64 = reader
            .pnl(&filter)
            .unwrap()
            .iter()
            .map(|row| row.bets)
            .sum();
        assert_eq!(bets, expected as u64);
    }
    let missing = Filter {
        run: Some(77),
        ..Filter::default()
    };
    assert!(matches!(
        reader.pnl(&missing),
        Err(LedgerError::NoRun { run: 77, .. })
    ));
    assert_eq!(
        reader.runs(10).unwrap()[1].outcome,
        None,
        "a run that did not finish says so"
    );
}

#[test]
fn a_fill_or_kill_and_a_replacing_order_keep_their_terms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, mut run) = begin(&path, Durability::Full);
    let kind = OrderKind::Limit {
        price: odds(2.0),
        size: pounds(5.0),
        persistence: Persistence::MarketOnClose,
        fill_or_kill: Some(FillOrKill {
            min_fill: Some(pounds(2.0)),
        }),
    };
    let Action::Place { place, .. } = place(Side::Back, kind) else {
        unreachable!()
    };
    let replacing = Action::Place {
        place,
        replaces: Some(id(1)),
    };
    commit(&mut run, &[intent(2, replacing, Verdict::Approved)]).unwrap();
    let row: (String, bool, i64, String) = Connection::open(ledger.path())
        .unwrap()
        .query_row(
            "SELECT persistence, fill_or_kill, min_fill_minor, target FROM intents",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    assert_eq!(
        row,
        ("MARKET_ON_CLOSE".to_owned(), true, 200, id(1).to_string())
    );
}

#[test]
fn the_queries_in_the_manual_answer_on_a_real_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    let connection = Connection::open(&path).unwrap();
    let manual = include_str!("../docs/ledger.md");
    let queries: Vec<&str> = manual
        .split("```sql\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(queries.len() >= 10, "the manual shows how to follow a bet");
    for query in queries {
        let mut statement = connection
            .prepare(query)
            .unwrap_or_else(|error| panic!("{error}\n{query}"));
        if let Some(parameter) = statement.parameter_index(":bet").unwrap() {
            statement
                .raw_bind_parameter(parameter, id(1).to_string())
                .unwrap();
        }
        let mut rows = statement.raw_query();
        assert!(rows.next().unwrap().is_some(), "no answer to\n{query}");
    }
}

#[test]
fn the_views_show_decimals_and_leave_unknown_amounts_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, mut run) = begin(&path, Durability::Full);
    let approved = intent(1, place(Side::Back, limit(2.02, 5.0)), Verdict::Approved);
    commit(&mut run, &[approved]).unwrap();
    let shown: (String, String, String, Option<String>, String) = Connection::open(ledger.path())
        .unwrap()
        .query_row(
            "SELECT asked_at, runner, size, profit, seen_back FROM v_bets",
            [],
            |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            },
        )
        .unwrap();
    let expected = (
        "2021-03-30T16:20:00.123Z",
        "7424945@-0.25",
        "5.00",
        None,
        "2.02 x 15.00",
    );
    assert_eq!(
        (
            shown.0.as_str(),
            shown.1.as_str(),
            shown.2.as_str(),
            shown.3.as_deref(),
            shown.4.as_str()
        ),
        expected
    );
}

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
        "UPDATE halts SET reason = ''",
        "DELETE FROM halts",
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
            "DROP TRIGGER halts_stay; DELETE FROM halts",
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

#[test]
fn a_record_that_contradicts_the_ledger_is_refused_and_so_is_everything_after_it() {
    use OrderState::Working;
    let approved = intent(1, place(Side::Back, limit(2.02, 5.0)), Verdict::Approved);
    for (record, complaint) in [
        (
            order(9, OrderChange::Accepted, Working, 0.0),
            "is not in run 1",
        ),
        (order(1, matched(2.0, 2.0), Working, 3.0), "the record says"),
        (settled(5.0, 0.0, &[(1, 4.0)]), "its orders sum to 4.00"),
        (settled(5.0, 0.0, &[(9, 5.0)]), "is not in run 1"),
        (approved.clone(), "UNIQUE"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let (ledger, mut run) = begin(&path, Durability::Full);
        commit(&mut run, std::slice::from_ref(&approved)).unwrap();
        let error = commit(&mut run, &[record]).unwrap_err();
        assert!(error.contains(complaint), "{error}");
        let innocent = intent(5, place(Side::Back, limit(2.0, 2.0)), Verdict::Approved);
        assert!(
            commit(&mut run, &[innocent]).is_err(),
            "the ledger takes nothing more"
        );
        assert!(ledger.health().error().unwrap().contains(complaint));
        assert!(ledger.begin_run(info()).is_err());
        assert!(run.finish(TimeMs(0), Outcome::Completed, None).is_err());
        assert!(ledger.close().is_err());
        let bets = Reader::open(&path)
            .unwrap()
            .bets(&Filter::default())
            .unwrap();
        assert_eq!(
            bets.len(),
            1,
            "what was acknowledged is there, and nothing else"
        );
    }
}

#[test]
fn a_second_settlement_of_an_order_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_ledger, mut run) = begin(&folder.path().join("ledger.db"), Durability::Full);
    commit(&mut run, &story()).unwrap();
    let error = commit(&mut run, &[settled(1.0, 0.0, &[(1, 1.0)])]).unwrap_err();
    assert!(error.contains("settled a second time"), "{error}");
}

#[test]
fn records_before_a_recording_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path, settings(Durability::Full)).unwrap();
    let mut run = ledger.begin_run(info()).unwrap();
    let error = commit(&mut run, &story()).unwrap_err();
    assert!(error.contains("before a recording"), "{error}");
}

#[test]
fn a_commit_that_fails_poisons_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, mut run) = begin(&path, Durability::Full);
    // A deferred reference that leads nowhere: every statement succeeds, and COMMIT itself fails.
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE trap (run INTEGER REFERENCES runs (id) DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER spring AFTER INSERT ON halts BEGIN INSERT INTO trap VALUES (-1); END;",
        )
        .unwrap();
    let halt = Record::Halted {
        at: TimeMs(0),
        halted: true,
        reason: "drill".to_owned(),
    };
    let error = commit(&mut run, &[halt]).unwrap_err();
    assert!(
        error.contains("COMMIT failed") && error.contains("unknown"),
        "{error}"
    );
    let harmless = intent(1, place(Side::Back, limit(2.0, 2.0)), Verdict::Approved);
    assert_eq!(commit(&mut run, &[harmless]).unwrap_err(), error);
    drop((ledger, run));
    let again = Ledger::open(&path, settings(Durability::Full)).unwrap();
    assert!(
        again.begin_run(info()).is_ok(),
        "opened again, it takes records again"
    );
}

#[test]
fn batched_writing_keeps_everything_once_finished_and_surfaces_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, mut run) = begin(&path, Durability::Batched);
    for number in 0..3_000 {
        let record = intent(
            number,
            place(Side::Back, limit(2.0, 2.0)),
            Verdict::Approved,
        );
        commit(&mut run, &[record]).unwrap();
    }
    run.finish(TimeMs(1), Outcome::Completed, None).unwrap();
    let health = ledger.health().report();
    assert_eq!((health.error, health.records), (None, 3_000));
    assert_eq!(ledger.reader().unwrap().runs(1).unwrap()[0].bets, 3_000);
    assert_eq!(ledger.reader().unwrap().audit().unwrap(), []);

    let mut second = ledger.begin_run(info()).unwrap();
    second.begin_recording(1, "m", "m").unwrap();
    let unknown = order(1, OrderChange::Accepted, OrderState::Working, 0.0);
    let _ = commit(&mut second, &[unknown]);
    let error = second
        .finish(TimeMs(1), Outcome::Completed, None)
        .unwrap_err();
    assert!(error.to_string().contains("is not in run 2"), "{error}");
}

#[test]
fn a_program_that_holds_the_write_lock_is_waited_for_and_then_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, mut run) = begin(&path, Durability::Full);
    let intruder = Connection::open(&path).unwrap();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = commit(&mut run, &story()).unwrap_err();
    assert!(error.contains("after 2 attempts"), "{error}");
    assert!(ledger.health().error().is_some());
}

#[test]
fn a_second_writer_is_refused_with_the_number_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, run) = begin(&path, Durability::Full);
    let error = Ledger::open(&path, settings(Durability::Full)).unwrap_err();
    assert!(matches!(error, LedgerError::Locked { .. }), "{error}");
    let process = format!("process {}", std::process::id());
    assert!(error.to_string().contains(&process), "{error}");
    drop((ledger, run));
    assert!(Ledger::open(&path, settings(Durability::Full)).is_ok());
}

#[test]
fn another_name_of_the_same_ledger_meets_the_same_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let _ledger = Ledger::open(&path, settings(Durability::Full)).unwrap();
    let alias = folder.path().join("alias.db");
    std::os::unix::fs::symlink(&path, &alias).unwrap();
    let error = Ledger::open(&alias, settings(Durability::Full)).unwrap_err();
    assert!(matches!(error, LedgerError::Locked { .. }), "{error}");
}

#[test]
fn a_file_that_is_no_ledger_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "buy milk, and then some more of it").unwrap();
    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    for path in [text, foreign] {
        let before = std::fs::read(&path).unwrap();
        let error = Ledger::open(&path, settings(Durability::Full)).unwrap_err();
        assert!(
            error.to_string().contains("this is not a bea ledger"),
            "{error}"
        );
        assert!(matches!(
            Reader::open(&path),
            Err(LedgerError::NotALedger { .. })
        ));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        2,
        "nothing was put beside it"
    );
}

#[test]
fn a_ledger_of_a_newer_bea_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = Ledger::open(&path, settings(Durability::Full)).unwrap_err();
    assert!(error.to_string().contains("use a newer bea"), "{error}");
    assert!(matches!(
        Reader::open(&path),
        Err(LedgerError::Newer { found: 99, .. })
    ));
}

#[test]
fn a_ledger_with_a_changed_migration_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    Connection::open(&path)
        .unwrap()
        .execute(
            "UPDATE schema_migrations SET checksum = 'tampered' WHERE version = 2",
            [],
        )
        .unwrap();
    let error = Ledger::open(&path, settings(Durability::Full)).unwrap_err();
    assert!(
        matches!(error, LedgerError::Changed { version: 2, .. }),
        "{error}"
    );
}

#[test]
fn settings_out_of_range_and_missing_folders_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = LedgerSettings {
        attempts: 11,
        ..LedgerSettings::default()
    };
    let error = Ledger::open(&folder.path().join("l.db"), wrong).unwrap_err();
    assert_eq!(error.to_string(), "ledger.attempts is 11: use 1 to 10");
    let nowhere = folder.path().join("missing/l.db");
    let error = Ledger::open(&nowhere, LedgerSettings::default()).unwrap_err();
    assert!(error.to_string().contains("make it first"), "{error}");
}

const CHILD: &str = "BEA_TEST_LEDGER_OF_CHILD";

/// Not a test: the process that `nothing_acknowledged_is_lost_to_a_kill` kills.
#[test]
#[ignore = "run as a child process by another test"]
fn child_that_writes_until_it_is_killed() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let (ledger, mut run) = begin(Path::new(&path), Durability::Full);
    for number in 0.. {
        let action = place(Side::Back, limit(2.0, 2.0));
        let records = [
            intent(number, action, Verdict::Approved),
            order(number, OrderChange::Accepted, OrderState::Working, 0.0),
            order(number, matched(2.0, 2.0), OrderState::Complete, 2.0),
        ];
        commit(&mut run, &records).unwrap();
        println!("acknowledged {} {number}", run.run());
        assert!(ledger.health().error().is_none());
    }
}

#[test]
fn nothing_acknowledged_is_lost_to_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut acknowledged = BTreeMap::new();
    for kill in 0..10 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "child_that_writes_until_it_is_killed",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed at a different point each time: during the first commits, or long after a checkpoint.
        let wanted = 1 + kill * kill * 9;
        let mut heard = 0;
        while let Some(Ok(line)) = lines.next() {
            let Some(rest) = line.strip_prefix("acknowledged ") else {
                continue;
            };
            let (run, number) = rest.split_once(' ').unwrap();
            acknowledged.insert(
                run.parse::<i64>().unwrap(),
                number.parse::<u64>().unwrap() + 1,
            );
            heard += 1;
            if heard == wanted {
                child.kill().unwrap();
            }
        }
        assert!(
            heard >= wanted,
            "the child ended by itself after {heard} commits"
        );
        child.wait().unwrap();
    }
    let ledger = Ledger::open(&path, settings(Durability::Full)).unwrap();
    let reader = ledger.reader().unwrap();
    assert_eq!(reader.audit().unwrap(), []);
    let runs = reader.runs(100).unwrap();
    assert_eq!((runs.len(), acknowledged.len()), (10, 10));
    for run in runs {
        let least = acknowledged[&run.run];
        assert!(
            run.bets >= least,
            "run {}: {} of {least} bets",
            run.run,
            run.bets
        );
        assert!(
            run.bets <= least + 1,
            "more was kept than was ever asked for"
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
