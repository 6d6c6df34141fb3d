//! The schema: which file is a ledger, which settings hold, and the numbered migrations.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::lock::vacant;
use super::{LedgerError, chain, copy, instance};
use crate::engine::ReasonCode;
use crate::planted::{self, Bug};

/// `BEAL` in the file's header says that it is ours.
pub(super) const APPLICATION_ID: i64 = 0x4245_414C;

/// One step of the schema. A step that was released is never edited: its checksum is in every ledger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

impl Migration {
    fn checksum(&self) -> String {
        blake3::hash(self.sql.as_bytes()).to_hex()[..16].to_owned()
    }
}

/// All steps; the first is number 1.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "records",
        sql: include_str!("../../migrations/0001_records.sql"),
    },
    Migration {
        name: "views",
        sql: include_str!("../../migrations/0002_views.sql"),
    },
    Migration {
        name: "resettlement",
        sql: include_str!("../../migrations/0003_resettlement.sql"),
    },
    Migration {
        name: "persistence",
        sql: include_str!("../../migrations/0004_persistence.sql"),
    },
    Migration {
        name: "strategies",
        sql: include_str!("../../migrations/0005_strategies.sql"),
    },
    Migration {
        name: "postings",
        sql: include_str!("../../migrations/0006_postings.sql"),
    },
    Migration {
        name: "chain",
        sql: include_str!("../../migrations/0007_chain.sql"),
    },
    Migration {
        name: "because",
        sql: include_str!("../../migrations/0008_because.sql"),
    },
    Migration {
        name: "order_life",
        sql: include_str!("../../migrations/0009_order_life.sql"),
    },
    Migration {
        name: "deaths",
        sql: include_str!("../../migrations/0010_deaths.sql"),
    },
    Migration {
        name: "recovery",
        sql: include_str!("../../migrations/0011_recovery.sql"),
    },
    Migration {
        name: "reports",
        sql: include_str!("../../migrations/0012_reports.sql"),
    },
    Migration {
        name: "configurations",
        sql: include_str!("../../migrations/0013_configurations.sql"),
    },
    Migration {
        name: "approvals",
        sql: include_str!("../../migrations/0014_approvals.sql"),
    },
    Migration {
        name: "resettlement_over_runs",
        sql: include_str!("../../migrations/0015_resettlement_over_runs.sql"),
    },
    Migration {
        name: "closings",
        sql: include_str!("../../migrations/0016_closings.sql"),
    },
    Migration {
        name: "asked_by",
        sql: include_str!("../../migrations/0017_asked_by.sql"),
    },
];

/// The number of the last step of a list.
pub(super) fn newest(migrations: &[Migration]) -> i64 {
    i64::try_from(migrations.len()).expect("a handful of migrations")
}

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An empty or new file.
    Nothing,
    /// A ledger with this schema.
    Ledger(i64),
}

/// Opens the file for writing, changing nothing yet.
pub(super) fn open_to_write(path: &Path) -> Result<Connection, LedgerError> {
    // A statement belongs to one thread at a time, and Rust sees to that.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(LedgerError::database(path, "open the ledger"))
}

/// Opens an existing ledger of the present schema for reading only.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, LedgerError> {
    let failed = || LedgerError::database(path, "open the ledger for reading");
    if path.is_dir() {
        return Err(LedgerError::NotALedger {
            path: path.to_owned(),
            found: "it is a folder".to_owned(),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed())?;
    connection
        .busy_timeout(Duration::from_secs(5))
        .map_err(failed())?;
    let known = newest(MIGRATIONS);
    match identify(&connection, path)? {
        Found::Nothing => Err(LedgerError::NotALedger {
            path: path.to_owned(),
            found: "it is empty".to_owned(),
        }),
        Found::Ledger(found) if found > known => Err(LedgerError::Newer {
            path: path.to_owned(),
            found,
            known,
        }),
        Found::Ledger(found) if found < known => Err(LedgerError::Older {
            path: path.to_owned(),
            found,
            known,
        }),
        Found::Ledger(_) => {
            set(&connection, path, "query_only", "ON", "1")?;
            set(&connection, path, "trusted_schema", "OFF", "0")?;
            Ok(connection)
        }
    }
}

/// Says whether a file is a ledger, is empty, or is somebody else's.
pub(super) fn identify(connection: &Connection, path: &Path) -> Result<Found, LedgerError> {
    let header =
        |pragma| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    let foreign = |found: String| LedgerError::NotALedger {
        path: path.to_owned(),
        found,
    };
    let read = || -> rusqlite::Result<(i64, i64, i64)> {
        let tables =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((header("application_id")?, header("user_version")?, tables))
    };
    match read() {
        Ok((APPLICATION_ID, version, _)) => Ok(Found::Ledger(version)),
        Ok((0, 0, 0)) => Ok(Found::Nothing),
        Ok((id, _, tables)) => Err(foreign(format!(
            "an SQLite database with application id {id} and {tables} tables, views and indexes"
        ))),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(foreign("it is no SQLite database".to_owned()))
        }
        Err(error) => Err(LedgerError::database(path, "read the ledger")(error)),
    }
}

/// Sets what makes a ledger safe, and reads it back: a library or a file system may silently say no.
pub(super) fn configure(
    connection: &Connection,
    path: &Path,
    busy_timeout: Duration,
) -> Result<(), LedgerError> {
    let failed = || LedgerError::database(path, "set up the ledger");
    connection.busy_timeout(busy_timeout).map_err(failed())?;
    let millis = busy_timeout.as_millis().to_string();
    let synced = match planted::is(Bug::CommitsNotSynced) {
        true => ("synchronous", "NORMAL", "1"),
        false => ("synchronous", "FULL", "2"),
    };
    for (pragma, value, reads) in [
        ("journal_mode", "WAL", "wal"),
        synced,
        ("fullfsync", "ON", "1"),
        ("foreign_keys", "ON", "1"),
        ("recursive_triggers", "ON", "1"),
        ("busy_timeout", millis.as_str(), millis.as_str()),
        ("trusted_schema", "OFF", "0"),
        ("cell_size_check", "ON", "1"),
        ("temp_store", "MEMORY", "2"),
        ("wal_autocheckpoint", "1000", "1000"),
        // 32 MiB: ids are spread evenly, so writing touches pages all over.
        ("cache_size", "-32768", "-32768"),
    ] {
        set(connection, path, pragma, value, reads)?;
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn set(
    connection: &Connection,
    path: &Path,
    pragma: &'static str,
    value: &str,
    reads: &str,
) -> Result<(), LedgerError> {
    let failed = || LedgerError::database(path, "set up the ledger");
    connection
        .execute_batch(&format!("PRAGMA {pragma} = {value}"))
        .map_err(failed())?;
    let found: rusqlite::types::Value = connection
        .query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
        .map_err(failed())?;
    let found = match found {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    if found == reads {
        return Ok(());
    }
    Err(LedgerError::Pragma {
        path: path.to_owned(),
        pragma,
        wanted: value.to_owned(),
        found,
    })
}

/// Brings a ledger to the last of `migrations`, in one transaction; an existing one is copied first.
/// Returns where the copy is, if one was made.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[Migration],
) -> Result<Option<PathBuf>, LedgerError> {
    let known = newest(migrations);
    let version = match identify(connection, path)? {
        Found::Nothing => 0,
        Found::Ledger(version) => version,
    };
    if version > known {
        return Err(LedgerError::Newer {
            path: path.to_owned(),
            found: version,
            known,
        });
    }
    let applied = usize::try_from(version).unwrap_or(0);
    verify_checksums(connection, path, &migrations[..applied])?;
    let copy = match version {
        1.. if version < known => {
            // The rows are taken as found afterwards, so what is wrong with them is to be said now.
            verify_chain(connection, path)?;
            Some(back_up(connection, path, version)?)
        }
        _ => None,
    };
    if version < known {
        apply(connection, version, &migrations[applied..])
            .map_err(LedgerError::database(path, "migrate the ledger"))?;
    }
    register_reason_codes(connection)
        .map_err(LedgerError::database(path, "register the reason codes"))?;
    Ok(copy)
}

fn verify_checksums(
    connection: &Connection,
    path: &Path,
    applied: &[Migration],
) -> Result<(), LedgerError> {
    for (version, migration) in (1..).zip(applied) {
        let found: Option<String> = connection
            .query_row(
                "SELECT checksum FROM schema_migrations WHERE version = ?1",
                [version],
                |row| row.get(0),
            )
            .optional()
            .map_err(LedgerError::database(path, "read its migrations"))?;
        let known = migration.checksum();
        if found.as_deref() != Some(known.as_str()) {
            return Err(LedgerError::Changed {
                path: path.to_owned(),
                version,
                name: migration.name,
                found: found.unwrap_or_else(|| "none".to_owned()),
                known,
            });
        }
    }
    Ok(())
}

/// Whether the ledger has a hash chain: one of an early schema has none.
fn is_chained(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = 'chain')",
        [],
        |row| row.get(0),
    )
}

fn verify_chain(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let verify = || match is_chained(connection)? {
        true => chain::verify(connection, None).map(Some),
        false => Ok(None),
    };
    let verified = verify().map_err(LedgerError::database(path, "verify its hash chain"))?;
    match verified.and_then(|verified| verified.breaks.into_iter().next()) {
        Some(found) => Err(LedgerError::broken(path, found)),
        None => Ok(()),
    }
}

/// Looks for damage before anything is written: the pages of the file, and the newest links of the chain.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let failed = || LedgerError::database(path, "check the ledger");
    let pages: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(failed())?;
    if pages != "ok" {
        return Err(LedgerError::Damaged {
            path: path.to_owned(),
            found: pages,
        });
    }
    match chain::check_tail(connection).map_err(failed())? {
        Some(found) => Err(LedgerError::broken(path, found)),
        None => Ok(()),
    }
}

/// The tables, views, indexes and triggers of the present schema that a ledger lacks: a trigger that is gone guards nothing.
pub(super) fn missing(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut fresh = Connection::open_in_memory()?;
    apply(&mut fresh, 0, MIGRATIONS)?;
    let names = |connection: &Connection| -> rusqlite::Result<BTreeSet<String>> {
        connection
            .prepare(
                "SELECT type || ' ' || name FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite_%'",
            )?
            .query_map([], |row| row.get(0))?
            .collect()
    };
    let found = names(connection)?;
    let wanted = names(&fresh)?;
    Ok(wanted.difference(&found).cloned().collect())
}

/// Applies the steps after `version`, all or none.
fn apply(
    connection: &mut Connection,
    version: i64,
    migrations: &[Migration],
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
             version  INTEGER PRIMARY KEY,
             name     TEXT NOT NULL,
             checksum TEXT NOT NULL
         ) STRICT",
    )?;
    for (number, migration) in (version + 1..).zip(migrations) {
        transaction.execute_batch(migration.sql)?;
        transaction.execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES (?1, ?2, ?3)",
            params![number, migration.name, migration.checksum()],
        )?;
        // It lives in the file's header and belongs to the transaction.
        transaction.pragma_update(None, "user_version", number)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    if is_chained(&transaction)? {
        let cause = if version == 0 { "CREATED" } else { "MIGRATED" };
        instance::begin_first(&transaction, cause)?;
        chain::adopt(&transaction)?;
    }
    transaction.commit()
}

/// Copies the ledger beside itself, never over an earlier copy.
fn back_up(connection: &Connection, path: &Path, version: i64) -> Result<PathBuf, LedgerError> {
    let copy = vacant(path, &format!("schema{version}"), "bak");
    copy::all(connection, &copy).map_err(LedgerError::database(
        path,
        "copy the ledger before migrating it",
    ))?;
    Ok(copy)
}

fn register_reason_codes(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for code in ReasonCode::ALL {
        transaction.execute(
            "INSERT OR IGNORE INTO reason_codes (code) VALUES (?1)",
            [code.as_str()],
        )?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::lock::beside;

    const NOTE: Migration = Migration {
        name: "note",
        sql: "ALTER TABLE runs ADD COLUMN note TEXT",
    };
    const BROKEN: Migration = Migration {
        name: "broken",
        sql: "CREATE TABLE half (x INTEGER) STRICT; CREATE TABLE wrong (x NONSENSE) STRICT;",
    };

    fn with(migration: Migration) -> Vec<Migration> {
        let mut all = MIGRATIONS.to_vec();
        all.push(migration);
        all
    }

    fn ledger_with_a_run(path: &Path) -> Connection {
        let mut connection = open_to_write(path).unwrap();
        configure(&connection, path, Duration::from_secs(1)).unwrap();
        assert_eq!(migrate(&mut connection, path, MIGRATIONS).unwrap(), None);
        // As the writer does it: what the chain does not know would be taken for tampering.
        let mut scribe = chain::Scribe::attach(&connection).unwrap();
        connection
            .execute(
                "INSERT INTO runs (kind, mode, version, currency, config, config_hash, started_at_ms)
                 VALUES ('demo', 'DRY_RUN', '0.1.0', 'GBP', '{}', '', 0)",
                [],
            )
            .unwrap();
        scribe.seal(&connection).unwrap();
        drop(connection);
        open_to_write(path).unwrap()
    }

    fn runs(connection: &Connection) -> i64 {
        connection
            .query_row("SELECT count(*) FROM runs", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn an_existing_ledger_is_copied_before_it_is_migrated_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut connection = ledger_with_a_run(&path);
        assert_eq!(migrate(&mut connection, &path, MIGRATIONS).unwrap(), None);

        let newer = with(NOTE);
        let copy = migrate(&mut connection, &path, &newer).unwrap().unwrap();
        let found = identify(&connection, &path).unwrap();
        assert_eq!(found, Found::Ledger(newest(&newer)));
        assert_eq!(runs(&connection), 1);
        assert_eq!(migrate(&mut connection, &path, &newer).unwrap(), None);

        let old = open_to_read(&copy).unwrap();
        assert_eq!(runs(&old), 1);
        assert!(
            old.execute("DELETE FROM schema_migrations", []).is_err(),
            "a reader writes nothing"
        );
    }

    #[test]
    fn a_migration_that_fails_changes_nothing_and_leaves_the_copy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut connection = ledger_with_a_run(&path);
        for attempt in 1..=2 {
            let error = migrate(&mut connection, &path, &with(BROKEN)).unwrap_err();
            assert!(error.to_string().contains("cannot migrate"), "{error}");
            let copy = beside(
                &path,
                &format!("schema{}-{attempt}.bak", newest(MIGRATIONS)),
            );
            assert_eq!(runs(&open_to_read(&copy).unwrap()), 1);
        }
        assert_eq!(
            identify(&connection, &path).unwrap(),
            Found::Ledger(newest(MIGRATIONS))
        );
        assert!(connection.prepare("SELECT * FROM half").is_err());
    }

    #[test]
    fn an_older_ledger_is_not_read_as_if_it_were_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut connection = open_to_write(&path).unwrap();
        migrate(&mut connection, &path, &MIGRATIONS[..1]).unwrap();
        let error = open_to_read(&path).unwrap_err();
        assert!(
            matches!(error, LedgerError::Older { found: 1, .. }),
            "{error}"
        );
    }

    #[test]
    fn settlements_of_an_older_ledger_become_first_versions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut connection = open_to_write(&path).unwrap();
        configure(&connection, &path, Duration::from_secs(1)).unwrap();
        migrate(&mut connection, &path, &MIGRATIONS[..2]).unwrap();
        connection
            .execute_batch(
                "INSERT INTO runs (id, kind, mode, version, currency, config, config_hash, started_at_ms)
                 VALUES (1, 'demo', 'DRY_RUN', '0.1.0', 'GBP', '{}', '', 0);
                 INSERT INTO recordings (run_id, ordinal, name, path) VALUES (1, 1, 'm', 'm');
                 INSERT INTO settlements VALUES (1, 7, 1, 0, 's', 'm', 100, 5, 95);",
            )
            .unwrap();
        migrate(&mut connection, &path, MIGRATIONS).unwrap();
        let kept: (i64, i64, Option<i64>, i64) = connection
            .query_row(
                "SELECT record, version, reverses, net_minor FROM settlements",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .unwrap();
        assert_eq!(kept, (7, 1, None, 95));
        let sound: i64 = connection
            .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(sound, 0);
        assert!(connection.execute("DELETE FROM settlements", []).is_err());
    }

    #[test]
    fn orders_of_an_older_ledger_keep_all_they_had_and_learn_their_persistence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut connection = open_to_write(&path).unwrap();
        configure(&connection, &path, Duration::from_secs(1)).unwrap();
        migrate(&mut connection, &path, &MIGRATIONS[..3]).unwrap();
        connection
            .execute_batch(
                "INSERT INTO runs (id, kind, mode, version, currency, config, config_hash, started_at_ms)
                 VALUES (1, 'demo', 'DRY_RUN', '0.1.0', 'GBP', '{}', '', 0);
                 INSERT INTO recordings (run_id, ordinal, name, path) VALUES (1, 1, 'm', 'm');
                 INSERT INTO run_scripts VALUES (1, 's', 'h', 1);
                 INSERT INTO intents (run_id, id, record, recording, sequence, at_ms, strategy, script_hash, market,
                     action, selection, handicap_hundredths, side, type, price, size_minor, persistence, tag, verdict)
                 VALUES (1, '00000000000000000000000001', 2, 1, 1, 0, 's', 'h', 'm',
                     'PLACE', 7, 0, 'BACK', 'LIMIT', '2.0', 200, 'PERSIST', 'kept', 'APPROVED');
                 INSERT INTO orders (run_id, id, record, recording, strategy, market, selection,
                     handicap_hundredths, side, type, price, size_minor, liability_minor, requested_at_ms,
                     changed_at_ms, state, matched_minor, average_price, profit_minor)
                 VALUES (1, '00000000000000000000000001', 2, 1, 's', 'm', 7, 0, 'BACK', 'LIMIT', '2.0', 200, 200,
                     0, 0, 'EXECUTION_COMPLETE', 200, '2.0', 190);
                 INSERT INTO order_events VALUES
                     (1, 3, '00000000000000000000000001', 0, 'MATCHED', '2.0', 200, NULL, NULL, 1, 'x', 200);
                 INSERT INTO fills VALUES (1, 3, '00000000000000000000000001', 0, '2.0', 200);
                 INSERT INTO settlements VALUES (1, 4, 1, 0, 's', 'm', 1, NULL, 190, 0, 190);
                 INSERT INTO settlement_orders VALUES (1, 4, '00000000000000000000000001', 190);",
            )
            .unwrap();
        migrate(&mut connection, &path, MIGRATIONS).unwrap();
        let kept: (String, String, Option<String>, i64, i64) = connection
            .query_row(
                "SELECT i.tag, o.persistence, o.book, f.size_minor, s.profit_minor
                   FROM intents i JOIN orders o USING (run_id, id)
                   JOIN order_events e ON e.run_id = o.run_id AND e.order_id = o.id
                   JOIN fills f ON f.run_id = e.run_id AND f.record = e.record
                   JOIN settlement_orders s ON s.run_id = o.run_id AND s.order_id = o.id",
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
        assert_eq!(
            kept,
            ("kept".to_owned(), "PERSIST".to_owned(), None, 200, 190)
        );
        let sound: i64 = connection
            .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(sound, 0);
        for change in [
            "DELETE FROM intents",
            "DELETE FROM orders",
            "UPDATE orders SET book = 'x'",
            "UPDATE order_events SET state = 'y'",
            "DELETE FROM fills",
            "DELETE FROM settlement_orders",
        ] {
            assert!(connection.execute(change, []).is_err(), "{change}");
        }
        for view in ["v_bets", "v_rejections", "v_pnl"] {
            connection
                .prepare(&format!("SELECT * FROM {view}"))
                .unwrap();
        }
    }

    #[test]
    fn a_database_that_cannot_keep_a_write_ahead_log_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        let error = configure(&connection, Path::new(":memory:"), Duration::ZERO).unwrap_err();
        assert!(
            error.to_string().contains("journal_mode is memory"),
            "{error}"
        );
    }

    #[test]
    fn every_reason_code_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let connection = ledger_with_a_run(&folder.path().join("ledger.db"));
        let known: i64 = connection
            .query_row("SELECT count(*) FROM reason_codes", [], |row| row.get(0))
            .unwrap();
        assert_eq!(known, i64::try_from(ReasonCode::ALL.len()).unwrap());
    }
}
