//! What the writer refuses, and what a failure does to it.

use bea::engine::{Record, TradingState, Verdict};
use bea::ledger::{
    CloseRow, ClosingRow, Durability, Filter, Ledger, Outcome, Reader, RunInfo, RunKind,
};
use bea::market::{Mode, OrderChange, OrderState, Side, TimeMs};
use rusqlite::Connection;

use crate::story::*;

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
    assert!(
        error.contains("is settled with 5.14; the record needs it not settled"),
        "{error}"
    );
}

#[test]
fn a_settlement_is_taken_back_by_turning_its_signs_and_booked_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, mut run) = begin(&folder.path().join("ledger.db"), Durability::Full);
    commit(&mut run, &story()).unwrap();
    let first = [(1, -5.14), (3, -1.0), (7, 0.0)];
    let back = as_version(settled(-6.14, -0.31, &first), 1, true);
    commit(&mut run, &[back]).unwrap();
    let reader = ledger.reader().unwrap();
    assert_eq!(reader.audit().unwrap(), []);
    assert_eq!(reader.pnl(&Filter::default()).unwrap()[0].net, pounds(0.0));
    let again = [(1, -5.0), (3, -2.0), (7, 0.0)];
    commit(
        &mut run,
        &[as_version(settled(-7.0, 0.0, &again), 2, false)],
    )
    .unwrap();
    assert_eq!(reader.audit().unwrap(), []);
    assert_eq!(reader.pnl(&Filter::default()).unwrap()[0].net, pounds(-7.0));
    let bets = reader.bets(&Filter::default()).unwrap();
    assert_eq!(bets[0].profit, Some(pounds(-5.0)));
}

#[test]
fn what_a_bet_was_worth_is_kept_and_the_last_settlement_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path, settings(Durability::Full)).unwrap();
    let on_feed = RunInfo {
        kind: RunKind::Run,
        config: serde_json::json!({ "run.feed": "betfair" }),
        ..info()
    };
    let mut run = ledger.begin_run(on_feed).unwrap();
    run.script(HASH, "value_back", "").unwrap();
    run.begin_recording(1, "betfair", "here").unwrap();
    commit(&mut run, &story()).unwrap();
    let of = |number, version, happened| ClosingRow {
        order: id(number).to_string(),
        version,
        at: TimeMs(1_617_122_000_000),
        strategy: "value_back".to_owned(),
        market: market().to_string(),
        event: "30359506".to_owned(),
        close: (number == 1).then(|| CloseRow {
            source: "BSP".to_owned(),
            raw: 0.02,
            clv: Some(0.01),
            chance: Some(0.5),
        }),
        probability: Some(0.515),
        happened: Some(happened),
    };
    // Of the third nothing was matched in the end: it is no bet.
    let first = vec![of(1, 1, true), of(3, 1, false), of(7, 1, false)];
    ledger.closings(run.run(), 1, first.clone()).unwrap();
    // A settlement is told of once.
    ledger
        .closings(run.run(), 1, vec![of(1, 1, false)])
        .unwrap();
    let reader = ledger.reader().unwrap();
    assert_eq!(reader.paper_closings("here").unwrap(), first[..2]);
    assert_eq!(reader.paper_closings("there").unwrap(), []);

    // Taken back there is nothing to say, until it is settled anew.
    let taken = [(1, -5.14), (3, -1.0), (7, 0.0)];
    let back = as_version(settled(-6.14, -0.31, &taken), 1, true);
    commit(&mut run, &[back]).unwrap();
    assert_eq!(reader.paper_closings("here").unwrap(), []);
    let again = [(1, -5.0), (3, -2.0), (7, 0.0)];
    let again = as_version(settled(-7.0, 0.0, &again), 2, false);
    commit(&mut run, &[again]).unwrap();
    let second = vec![of(1, 2, false), of(3, 2, true)];
    ledger.closings(run.run(), 1, second.clone()).unwrap();
    assert_eq!(reader.paper_closings("here").unwrap(), second);
    assert_eq!(reader.closings(Mode::Live).unwrap(), []);
    let kept = reader.closings(Mode::DryRun).unwrap();
    assert!(second.iter().all(|row| kept.contains(row)), "{kept:?}");
    assert!(reader.verify(None).unwrap().is_sound());

    let connection = Connection::open(&path).unwrap();
    for change in ["UPDATE closings SET clv = 1", "DELETE FROM closings"] {
        let error = connection.execute(change, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{change}: {error}");
    }
}

#[test]
fn a_reversal_of_what_was_not_booked_is_refused() {
    for (version, gross, commission, orders, complaint) in [
        (
            2,
            -6.14,
            -0.31,
            vec![(1, -5.14), (3, -1.0), (7, 0.0)],
            "it is not in run 1",
        ),
        (
            1,
            -6.14,
            -0.30,
            vec![(1, -5.14), (3, -1.0), (7, 0.0)],
            "it booked 6.14 and 0.31",
        ),
        (1, -6.14, -0.31, vec![(1, -5.14), (3, -1.0)], "of 2 orders"),
        (
            1,
            -6.14,
            -0.31,
            vec![(1, -5.0), (3, -1.14), (7, 0.0)],
            "is settled with 5.14",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (_ledger, mut run) = begin(&folder.path().join("ledger.db"), Durability::Full);
        commit(&mut run, &story()).unwrap();
        let record = as_version(settled(gross, commission, &orders), version, true);
        let error = commit(&mut run, &[record]).unwrap_err();
        assert!(error.contains(complaint), "{error}");
    }
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
             CREATE TRIGGER spring AFTER INSERT ON house_events BEGIN INSERT INTO trap VALUES (-1); END;",
        )
        .unwrap();
    let halt = Record::Trading {
        at: TimeMs(0),
        state: TradingState::Halted,
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
fn a_run_that_outlives_its_ledger_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    for durability in [Durability::Full, Durability::Batched] {
        let (ledger, mut run) = begin(&folder.path().join("ledger.db"), durability);
        ledger.close().unwrap();
        let error = commit(&mut run, &story()).unwrap_err();
        assert!(error.contains("the ledger was closed"), "{error}");
    }
}

#[test]
fn two_runs_write_side_by_side_without_mixing() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, mut first) = begin(&folder.path().join("ledger.db"), Durability::Batched);
    let mut second = ledger.begin_run(info()).unwrap();
    second.begin_recording(1, "other", "other").unwrap();
    for record in story() {
        commit(&mut first, std::slice::from_ref(&record)).unwrap();
        commit(&mut second, &[record]).unwrap();
    }
    first.finish(TimeMs(1), Outcome::Completed, None).unwrap();
    second.finish(TimeMs(1), Outcome::Completed, None).unwrap();
    let reader = ledger.reader().unwrap();
    assert_eq!(reader.audit().unwrap(), []);
    let bets: Vec<u64> = reader.runs(2).unwrap().iter().map(|run| run.bets).collect();
    assert_eq!(bets, [3, 3]);
}
