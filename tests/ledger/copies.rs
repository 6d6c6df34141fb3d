//! Backups, restoring, migrations of every past schema, and exports.

use std::path::{Path, PathBuf};

use bea::ledger::{
    Durability, Filter, Format, Ledger, LedgerError, Reader, TABLES, Wanted, restore,
};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use rusqlite::Connection;

use crate::story::*;

#[test]
fn a_backup_of_a_ledger_in_use_is_whole_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("l.db"), folder.path().join("copy.db"));
    let (ledger, mut run) = begin(&path, Durability::Full);
    commit(&mut run, &story()[..5]).unwrap();
    let reader = Reader::open(&path).unwrap();
    assert!(reader.back_up(&copy).unwrap().is_sound());
    commit(&mut run, &story()[5..]).unwrap();
    let bets = |path: &Path| Reader::open(path).unwrap().bets(&Filter::default());
    assert_eq!(bets(&copy).unwrap().len(), 1);
    assert_eq!(bets(&path).unwrap().len(), 3);
    assert!(matches!(reader.back_up(&copy), Err(LedgerError::Exists(_))));
    drop(ledger);
}

#[test]
fn a_restored_ledger_begins_another_life_and_keeps_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("l.db"), folder.path().join("copy.db"));
    ledger_with_story(&path);
    Reader::open(&path).unwrap().back_up(&copy).unwrap();
    let ledger = Ledger::open(&path, settings(Durability::Full)).unwrap();
    let first = ledger.instance().clone();
    ledger.begin_run(info()).unwrap();
    assert!(
        matches!(restore(&copy, &path), Err(LedgerError::Locked { .. })),
        "not while it is written"
    );
    ledger.close().unwrap();

    let restored = restore(&copy, &path).unwrap();
    let kept = restored.kept.unwrap();
    assert_eq!(Reader::open(&kept).unwrap().runs(9).unwrap().len(), 2);
    assert!(
        Reader::open(&path)
            .unwrap()
            .verify(None)
            .unwrap()
            .is_sound()
    );
    let ledger = Ledger::open(&path, settings(Durability::Full)).unwrap();
    let second = ledger.instance();
    assert_eq!((second.epoch, second.cause.as_str()), (2, "RESTORED"));
    assert_ne!(second.seed(2, 1), first.seed(2, 1));
    assert_eq!(ledger.begin_run(info()).unwrap().run(), 2);
}

#[test]
fn a_backup_that_does_not_verify_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("l.db"), folder.path().join("copy.db"));
    ledger_with_story(&path);
    Reader::open(&path).unwrap().back_up(&copy).unwrap();
    Connection::open(&copy)
        .unwrap()
        .execute_batch("DROP TRIGGER fills_keep; UPDATE fills SET size_minor = size_minor + 1")
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = restore(&copy, &path).unwrap_err();
    assert!(matches!(error, LedgerError::Broken { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_folder_is_no_ledger_and_is_not_put_aside_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, data) = (folder.path().join("l.db"), folder.path().join("data"));
    ledger_with_story(&path);
    std::fs::create_dir(&data).unwrap();
    for error in [
        restore(&path, &data).unwrap_err(),
        Reader::open(&data).unwrap_err(),
    ] {
        assert!(matches!(error, LedgerError::NotALedger { .. }), "{error}");
    }
    assert!(data.is_dir());
}

/// The numbered migrations, in order.
fn migrations() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// A ledger of an early schema with a settled run in it, as that bea would have left it.
fn old_ledger(path: &Path, version: usize) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE schema_migrations (
                 version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT",
        )
        .unwrap();
    for (number, file) in (1..).zip(&migrations()[..version]) {
        let sql = std::fs::read_to_string(file).unwrap();
        connection.execute_batch(&sql).unwrap();
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let name = stem.split_once('_').unwrap().1;
        let checksum = blake3::hash(sql.as_bytes()).to_hex()[..16].to_owned();
        connection
            .execute(
                "INSERT INTO schema_migrations VALUES (?1, ?2, ?3)",
                rusqlite::params![number, name, checksum],
            )
            .unwrap();
        connection
            .pragma_update(None, "user_version", number)
            .unwrap();
    }
    connection
        .pragma_update(None, "application_id", 0x4245_414C)
        .unwrap();
    let versioned = if version >= 3 { "1, NULL, " } else { "" };
    connection
        .execute_batch(&format!(
            "INSERT INTO runs (id, kind, mode, version, currency, config, config_hash, started_at_ms)
             VALUES (1, 'demo', 'DRY_RUN', '0.1.0', 'GBP', '{{}}', '', 0);
             INSERT INTO recordings (run_id, ordinal, name, path) VALUES (1, 1, 'm', 'm');
             INSERT INTO settlements VALUES (1, 1, 1, 0, 's', 'm', {versioned}0, 0, 0);"
        ))
        .unwrap();
}

#[test]
fn every_past_schema_is_migrated_with_its_data_and_a_copy_is_kept() {
    // The chain and what comes after it is only ever written by bea itself.
    let chained = migrations()
        .iter()
        .position(|file| file.to_string_lossy().contains("_chain"))
        .unwrap();
    for version in 1..=chained {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        old_ledger(&path, version);
        if migrations()[..version]
            .iter()
            .any(|file| file.to_string_lossy().contains("_postings"))
        {
            Connection::open(&path)
                .unwrap()
                .execute_batch(
                    "INSERT INTO postings VALUES (1, 1, 'market', 'GBP', 0),
                         (1, 1, 'commission', 'GBP', 0), (1, 1, 'strategy', 'GBP', 0)",
                )
                .unwrap();
        }
        let ledger = Ledger::open(&path, settings(Durability::Full)).unwrap();
        let copy = ledger.backup().expect("a copy was made").to_owned();
        assert_eq!(ledger.instance().cause, "MIGRATED");
        let mut run = ledger.begin_run(info()).unwrap();
        assert_eq!(run.run(), 2);
        run.script(HASH, "value_back", "").unwrap();
        run.begin_recording(1, "m", "m").unwrap();
        commit(&mut run, &story()).unwrap();
        let audit = ledger.reader().unwrap().verify(None).unwrap();
        assert!(audit.is_sound(), "schema {version}: {audit:?}");
        assert!(audit.chain.found >= 3, "what was there is taken as found");
        let old = Connection::open(&copy).unwrap();
        let kept: i64 = old
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap();
        assert_eq!(usize::try_from(kept).unwrap(), version);
        drop(run);
    }
}

#[test]
fn every_table_is_exported_in_every_format_with_amounts_as_decimals() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    let reader = Reader::open(&path).unwrap();
    let export = |format: Format| {
        let out = folder.path().join(format.ending());
        let wanted = Wanted {
            tables: &TABLES,
            from: None,
            to: None,
            format,
        };
        let files = reader.export(&wanted, &out).unwrap();
        assert_eq!(files.len(), TABLES.len());
        assert!(matches!(
            reader.export(&wanted, &out),
            Err(LedgerError::Exists(_))
        ));
        (out, files)
    };
    let (csv, _) = export(Format::Csv);
    let fills = std::fs::read_to_string(csv.join("fills.csv")).unwrap();
    assert_eq!(
        fills.lines().take(2).collect::<Vec<_>>(),
        [
            "run_id,record,order_run_id,order_id,at,price,size,currency",
            "1,4,1,00000000000000000000000001,2021-03-30T16:20:01.000Z,2.02,3.00,GBP"
        ]
    );
    let (jsonl, _) = export(Format::JsonLines);
    let orders = std::fs::read_to_string(jsonl.join("orders.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(orders.lines().next().unwrap()).unwrap();
    assert_eq!(first["matched"], "5.00");
    assert_eq!(first["currency"], "GBP");
    let (frames, files) = export(Format::Parquet);
    for file in files {
        let sheet = SerializedFileReader::new(std::fs::File::open(&file.path).unwrap()).unwrap();
        let rows = sheet.metadata().file_metadata().num_rows();
        assert_eq!(u64::try_from(rows).unwrap(), file.rows, "{}", file.table);
    }
    let sheet =
        SerializedFileReader::new(std::fs::File::open(frames.join("fills.parquet")).unwrap())
            .unwrap();
    let row = sheet.get_row_iter(None).unwrap().next().unwrap().unwrap();
    let cells: Vec<(String, Field)> = row
        .get_column_iter()
        .map(|(n, f)| (n.clone(), f.clone()))
        .collect();
    assert_eq!(cells[4].1, Field::TimestampMillis(1_617_121_201_000));
    assert_eq!(
        (cells[6].0.as_str(), cells[6].1.to_string().as_str()),
        ("size", "3.00")
    );
    assert_eq!(cells[7].1, Field::Str("GBP".to_owned()));
}

#[test]
fn an_export_can_be_held_to_a_span_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    let reader = Reader::open(&path).unwrap();
    let rows = |from, to| {
        let out = tempfile::tempdir_in(folder.path()).unwrap();
        let wanted = Wanted {
            tables: &["settlements", "postings"],
            from,
            to,
            format: Format::Csv,
        };
        let files = reader.export(&wanted, out.path()).unwrap();
        (files[0].rows, files[1].rows)
    };
    let settled = bea::market::TimeMs(1_617_122_000_000);
    let after = bea::market::TimeMs(settled.0 + 1);
    assert_eq!(rows(Some(settled), None), (1, 3));
    assert_eq!(rows(None, Some(settled)), (0, 0));
    assert_eq!(rows(Some(after), None), (0, 0));
    assert_eq!(rows(None, Some(after)), (1, 3));
}
