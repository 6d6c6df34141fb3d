//! What can go wrong with a ledger, each with what to do about it.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::chain::Break;

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
    /// Its pages are damaged.
    #[error(
        "{}: the ledger's file is damaged ({found}): restore a backup (bea ledger restore), or start a new ledger",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// The database's words.
        found: String,
    },
    /// A row is not as the hash chain says.
    #[error(
        "{}: the ledger was changed by something other than bea, or is damaged: {found}. \
         bea ledger verify shows all of it; restore a backup (bea ledger restore), or start a new ledger",
        path.display()
    )]
    Broken {
        /// Which file.
        path: PathBuf,
        /// The first break found.
        found: Box<Break>,
    },
    /// A copy cannot take that name.
    #[error("{}: there is a file of that name already: name another, nothing was written", .0.display())]
    Exists(PathBuf),
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
    /// A run had no such strategy.
    #[error("{}: run {run} has no strategy \"{strategy}\"", path.display())]
    NoStrategy {
        /// Which ledger.
        path: PathBuf,
        /// Which run.
        run: i64,
        /// The strategy asked for.
        strategy: String,
        /// Those that it has.
        known: Vec<String>,
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
    pub(super) fn broken(path: &Path, found: Break) -> Self {
        Self::Broken {
            path: path.to_owned(),
            found: Box::new(found),
        }
    }

    /// Says what was being done to which ledger when the database refused, or that the file is damaged.
    pub(super) fn database(
        path: &Path,
        doing: &'static str,
    ) -> impl FnOnce(rusqlite::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match tells_of_damage(&source) {
            true => Self::Damaged {
                path,
                found: source.to_string(),
            },
            false => Self::Database {
                path,
                doing,
                source,
            },
        }
    }
}

/// Whether the database found pages that are no pages, or lacks what every ledger has.
fn tells_of_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    ) || error.to_string().starts_with("no such table")
}
