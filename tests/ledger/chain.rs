//! Whatever is changed behind bea's back is found, and named.

use std::path::Path;

use bea::ledger::{Durability, Head, Ledger, LedgerError, Outcome, Reader};
use bea::market::TimeMs;
use rusqlite::Connection;

use crate::story::*;

/// Edits a ledger as somebody would who knows SQL: its own guards first.
fn tamper(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("PRAGMA foreign_keys = OFF; PRAGMA recursive_triggers = OFF")
        .unwrap();
    let triggers: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for trigger in triggers {
        connection
            .execute_batch(&format!("DROP TRIGGER {trigger}"))
            .unwrap();
    }
    connection.execute_batch(sql).unwrap();
    assert!(connection.total_changes() > 0, "{sql} changed nothing");
}

#[test]
fn a_ledger_as_written_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    let audit = Reader::open(&path).unwrap().verify(None).unwrap();
    assert!(audit.is_sound(), "{audit:?}");
    assert!(audit.chain.links > 20 && audit.chain.rows > 40, "{audit:?}");
    assert_eq!(audit.chain.found, 0);
}

#[test]
fn every_kind_of_tampering_is_found_and_named() {
    for (sql, table, row, what) in [
        (
            "UPDATE settlements SET gross_minor = gross_minor + 100, net_minor = net_minor + 100",
            "settlements",
            "record 23",
            "the row was changed",
        ),
        (
            "UPDATE orders SET matched_minor = 600 WHERE matched_minor = 500",
            "orders",
            "id 00000000000000000000000001",
            "the row was changed",
        ),
        (
            "UPDATE scripts SET source = 'fn on_odds(market, ctx) { () }'",
            "scripts",
            "hash 5c1f",
            "the row was changed",
        ),
        (
            "UPDATE runs SET outcome = 'failed'",
            "runs",
            "id 1",
            "the row was changed",
        ),
        (
            "DELETE FROM fills WHERE record = 4",
            "fills",
            "record 4",
            "the row is gone",
        ),
        (
            "INSERT INTO halts VALUES (1, 24, 1, 0, 0, 'never happened')",
            "halts",
            "record 24",
            "the row was never written by bea",
        ),
        (
            "DELETE FROM chain WHERE link = 9",
            "chain",
            "link 9",
            "the link is missing",
        ),
        (
            "DELETE FROM chain WHERE link > 20",
            "orders",
            "",
            "the row was changed",
        ),
        (
            "UPDATE chain SET rows = zeroblob(length(rows)) WHERE link = 9",
            "chain",
            "link 9",
            "the link does not follow from the one before it",
        ),
        (
            "UPDATE chain SET link = -1 WHERE link = 8; UPDATE chain SET link = 8 WHERE link = 9;
             UPDATE chain SET link = 9 WHERE link = -1",
            "chain",
            "link 8",
            "the link does not follow from the one before it",
        ),
        (
            "DELETE FROM chain",
            "chain",
            "link 0",
            "there is no link at all",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        ledger_with_story(&path);
        let sql = match sql.contains("link = -1") {
            true => format!("PRAGMA ignore_check_constraints = ON; {sql}"),
            false => sql.to_owned(),
        };
        tamper(&path, &sql);
        let audit = Reader::open(&path).unwrap().verify(None).unwrap();
        let found = audit
            .chain
            .breaks
            .iter()
            .any(|found| found.table == table && found.row.contains(row) && found.what == what);
        assert!(found, "{sql}: {:?}", audit.chain.breaks);
        // What no link knows is found by the whole check alone.
        if what != "the row was never written by bea" {
            let error = Ledger::open(&path, settings(Durability::Full)).unwrap_err();
            assert!(
                matches!(error, LedgerError::Broken { .. }),
                "{sql}: {error}"
            );
        }
    }
}

#[test]
fn a_guard_or_a_view_that_was_taken_away_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "DROP TRIGGER fills_keep; DROP VIEW v_pnl; CREATE TABLE notes (of_mine TEXT)",
        )
        .unwrap();
    let audit = Reader::open(&path).unwrap().verify(None).unwrap();
    let gone: Vec<&str> = audit
        .findings
        .iter()
        .map(|found| found.at.as_str())
        .collect();
    assert_eq!(gone, ["trigger fills_keep", "view v_pnl"]);
}

#[test]
fn a_ledger_with_damaged_pages_or_without_a_table_says_to_restore_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("l.db"), folder.path().join("copy.db"));
    ledger_with_story(&path);
    Connection::open(&path)
        .unwrap()
        .execute_batch("DROP VIEW v_pnl; DROP TABLE postings")
        .unwrap();
    let error = Reader::open(&path).unwrap().verify(None).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");

    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let opened = Reader::open(&path);
    let error = opened.and_then(|reader| reader.verify(None)).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("bea ledger restore"), "{error}");
    let failed = Reader::open(&path).and_then(|reader| reader.back_up(&copy));
    assert!(failed.is_err());
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("copy.db"))
        .collect();
    assert!(left.is_empty(), "a failed backup leaves {left:?}");
}

#[test]
fn a_chain_that_was_cut_off_whole_is_shown_by_a_head_noted_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    let early = Reader::open(&path).unwrap().verify(None).unwrap();
    let early = early.chain.head.unwrap();
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let ledger = Ledger::open(&path, settings(Durability::Full)).unwrap();
    let run = ledger.begin_run(info()).unwrap();
    run.finish(TimeMs(1), Outcome::Completed, None).unwrap();
    ledger.close().unwrap();
    let reader = Reader::open(&path).unwrap();
    let late = reader.verify(Some(&early)).unwrap();
    assert!(late.is_sound(), "it goes on from there: {late:?}");
    let late = late.chain.head.unwrap();
    assert_eq!(late.to_string().parse::<Head>().unwrap(), late);

    let cut = Reader::open(&copy).unwrap();
    assert!(
        cut.verify(None).unwrap().is_sound(),
        "by itself it is sound"
    );
    let breaks = cut.verify(Some(&late)).unwrap().chain.breaks;
    assert_eq!(breaks[0].what, "the chain was cut off before it");
    let other = Head {
        hash: "0".repeat(64),
        ..early
    };
    let breaks = reader.verify(Some(&other)).unwrap().chain.breaks;
    assert_eq!(breaks[0].what, "it is not the link that was known");
}

#[test]
fn a_file_that_is_moved_or_replaced_takes_nothing_more() {
    for replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let (ledger, mut run) = begin(&path, Durability::Full);
        commit(&mut run, &story()[..2]).unwrap();
        std::fs::rename(&path, folder.path().join("elsewhere.db")).unwrap();
        if replaced {
            std::fs::write(&path, "").unwrap();
        }
        let error = commit(&mut run, &story()[2..3]).unwrap_err();
        let what = if replaced {
            "was replaced"
        } else {
            "was moved or deleted"
        };
        assert!(error.contains(what), "{error}");
        assert!(ledger.health().error().unwrap().contains(what));
        assert!(commit(&mut run, &story()[2..3]).is_err());
    }
}
