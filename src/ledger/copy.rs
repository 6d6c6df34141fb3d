//! Copies of a ledger: made while it is written, verified, and put back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::chain::Scribe;
use super::lock::{Lock, beside, vacant};
use super::open::real_path;
use super::{Audit, Instance, LedgerError, Reader, instance, schema};
use crate::durable;

/// What became of a restoring.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The ledger as it is now.
    pub ledger: PathBuf,
    /// Where the file is that was in its place, if there was one.
    pub kept: Option<PathBuf>,
    /// The life that it begins.
    pub instance: Instance,
}

/// Copies the whole database as it stands at one moment. A writer goes on meanwhile.
pub(super) fn all(from: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(to)?;
    let backup = Backup::new(from, &mut copy)?;
    // All pages in one step: between steps a busy writer would make it begin again and again.
    match backup.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("another program keeps it locked".to_owned()),
        )),
    }
}

impl Reader {
    /// Makes a verified copy, also while a run writes.
    ///
    /// # Errors
    /// If the file exists, cannot be written, or the copy does not verify.
    pub fn back_up(&self, to: &Path) -> Result<Audit, LedgerError> {
        if to.exists() {
            return Err(LedgerError::Exists(to.to_owned()));
        }
        let part = beside(to, "part");
        let made = self.copy_and_verify(&part);
        if made.is_ok() {
            rename(&part, to)?;
        } else {
            remove(&part);
            remove_beside(&part);
        }
        made
    }

    fn copy_and_verify(&self, part: &Path) -> Result<Audit, LedgerError> {
        remove(part);
        all(&self.connection, part)
            .map_err(LedgerError::database(part, "copy the ledger to it"))?;
        let audit = verified(part)?;
        // A copy is one file: what verifying has put beside it is empty.
        remove_beside(part);
        Ok(audit)
    }
}

/// Verifies a copy; one that does not hold is no backup.
fn verified(path: &Path) -> Result<Audit, LedgerError> {
    let audit = Reader::open(path)?.verify(None)?;
    match audit.first_break() {
        Some(found) => Err(LedgerError::broken(path, found)),
        None => Ok(audit),
    }
}

/// Puts a backup in the place of a ledger that nobody writes. The file that was there is kept beside it.
///
/// # Errors
/// If the ledger is being written, the backup does not verify, or a file cannot be written.
pub fn restore(backup: &Path, ledger: &Path) -> Result<Restored, LedgerError> {
    let ledger = real_path(ledger)?;
    if ledger.is_dir() {
        return Err(LedgerError::NotALedger {
            path: ledger,
            found: "it is a folder".to_owned(),
        });
    }
    let _lock = Lock::take(&ledger)?;
    let source = Reader::open(backup)?;
    if real_path(backup)? == ledger {
        return Err(LedgerError::Exists(ledger));
    }
    verified(backup)?;
    let part = beside(&ledger, "restoring");
    remove(&part);
    remove_beside(&part);
    all(&source.connection, &part)
        .map_err(LedgerError::database(&part, "copy the backup to it"))?;
    let instance = begin_life(&part)?;
    let kept = ledger
        .exists()
        .then(|| vacant(&ledger, "before-restore", "bak"));
    if let Some(kept) = &kept {
        put_aside(&ledger, kept)?;
    }
    rename(&part, &ledger)?;
    Ok(Restored {
        ledger,
        kept,
        instance,
    })
}

/// Keeps a ledger under another name. Its log is part of it until it is written back, and a ledger that begins anew would take
/// a log that it finds for its own: so the log has both names before the ledger moves, and loses the old one after.
fn put_aside(ledger: &Path, kept: &Path) -> Result<(), LedgerError> {
    let log = with_ending(ledger, "-wal");
    if log.exists() {
        let to = with_ending(kept, "-wal");
        std::fs::hard_link(&log, &to).map_err(|source| LedgerError::File {
            path: to,
            doing: "keep the log of the ledger",
            source,
        })?;
        sync_folder_of(kept)?;
    }
    rename(ledger, kept)?;
    remove_beside(ledger);
    sync_folder_of(ledger)
}

/// What was done to the names in a folder reaches the disk before what is done next.
fn sync_folder_of(file: &Path) -> Result<(), LedgerError> {
    durable::sync_folder_of(file).map_err(|source| LedgerError::File {
        path: file.to_owned(),
        doing: "make sure of the names in its folder",
        source,
    })
}

/// Notes in a copy that it is a life of its own.
fn begin_life(path: &Path) -> Result<Instance, LedgerError> {
    let failed = || LedgerError::database(path, "begin another life of the ledger");
    let connection = schema::open_to_write(path)?;
    schema::configure(&connection, path, Duration::from_secs(5))?;
    let mut scribe = Scribe::attach(&connection).map_err(failed())?;
    let mut begin = || -> rusqlite::Result<Instance> {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        instance::begin(&connection, "RESTORED")?;
        scribe.seal(&connection)?;
        connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
        Instance::present(&connection)
    };
    let instance = begin().map_err(failed())?;
    drop(connection);
    remove_beside(path);
    Ok(instance)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn rename(from: &Path, to: &Path) -> Result<(), LedgerError> {
    durable::rename(from, to).map_err(|source| LedgerError::File {
        path: to.to_owned(),
        doing: "put the file in its place",
        source,
    })
}

/// Removes what an earlier attempt has left; that there is nothing is the usual case.
fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}

fn remove_beside(path: &Path) {
    for ending in ["-wal", "-shm"] {
        remove(&with_ending(path, ending));
    }
}
