//! Which files are opened, and by how many.

use bea::ledger::{Durability, Ledger, LedgerError, LedgerSettings, Reader};
use rusqlite::Connection;

use crate::story::*;

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
#[cfg(unix)]
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
