//! What can go wrong with a ledger, each with what to do about it.

use std::path::{Path, PathBuf};

/// Why a ledger cannot be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file is something else.
    #[error(
        "{}: this is not a bea ledger ({found}); nothing was changed. Name another file, or a new one",
        path.display()
    )]
    NotALedger {
        /// Which file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// A newer bea wrote it.
    #[error(
        "{}: the ledger has schema {found}, and this bea knows schemas up to {known}: use a newer bea",
        path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// It has yet to be migrated, which a reader does not do.
    #[error(
        "{}: the ledger has schema {found}, and this bea reads schema {known}: \
         run bea once so that it writes to this ledger, which migrates it (a copy is kept)",
        path.display()
    )]
    Older {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The schema needed.
        known: i64,
    },
    /// A migration that was applied is not the one known here.
    #[error(
        "{}: migration {version} ({name}) was applied with checksum {found}, but this bea has {known}: \
         it was written by another build of bea; use that one, or start a new ledger",
        path.display()
    )]
    Changed {
        /// Which file.
        path: PathBuf,
        /// Number of the migration.
        version: i64,
        /// Its name.
        name: &'static str,
        /// Checksum in the ledger.
        found: String,
        /// Checksum known here.
        known: String,
    },
    /// Another process, or another part of this one, writes to it.
    #[error(
        "{}: the ledger is being written by {by}: stop that one, or use another ledger (lock file {})",
        path.display(), lock.display()
    )]
    Locked {
        /// Which ledger.
        path: PathBuf,
        /// The lock file.
        lock: PathBuf,
        /// Who holds it.
        by: String,
    },
    /// A setting of the database did not take.
    #[error(
        "{}: {pragma} is {found} after it was set to {wanted}: this file system cannot keep a safe ledger; \
         use a local disk",
        path.display()
    )]
    Pragma {
        /// Which ledger.
        path: PathBuf,
        /// Which setting.
        pragma: &'static str,
        /// What was asked for.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// A setting is out of range.
    #[error("ledger.{name} is {value}: use {allowed}")]
    Setting {
        /// Which setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What may be used.
        allowed: &'static str,
    },
    /// A file could not be used.
    #[error("{}: cannot {doing}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("{}: cannot {doing}: {source}", path.display())]
    Database {
        /// Which ledger.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The database's words.
        source: rusqlite::Error,
    },
    /// A batch could not be written; nothing more is accepted until the ledger is opened anew.
    #[error("{}: {cause}; the ledger takes nothing more until it is opened again", path.display())]
    Write {
        /// Which ledger.
        path: PathBuf,
        /// What happened.
        cause: String,
    },
    /// No such run.
    #[error("{}: there is no run {run}; {latest}", path.display())]
    NoRun {
        /// Which ledger.
        path: PathBuf,
        /// The run asked for.
        run: i64,
        /// Which runs there are.
        latest: String,
    },
}

impl LedgerError {
    /// Says what was being done to which ledger when the database refused.
    pub(super) fn database(
        path: &Path,
        doing: &'static str,
    ) -> impl FnOnce(rusqlite::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Database {
            path,
            doing,
            source,
        }
    }
}
