//! One writer at a time: an advisory lock on a file beside the ledger, freed by the system when its holder dies.
//!
//! It is not the ledger's own file because closing that would drop the locks SQLite holds on it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::LedgerError;

/// Held as long as the ledger may be written.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "dropping the file frees the lock")] File);

impl Lock {
    /// Takes the lock, or says who holds it.
    pub(super) fn take(ledger: &Path) -> Result<Self, LedgerError> {
        let path = beside(ledger, "lock");
        let failed = |doing| {
            let path = path.clone();
            move |source| LedgerError::File {
                path,
                doing,
                source,
            }
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed("open the lock file"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LedgerError::Locked {
                    path: ledger.to_owned(),
                    by: holder(&mut file),
                    lock: path,
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock the ledger")(source)),
        }
        // Only a courtesy to whoever comes second; the lock is what counts.
        let note = format!("process {}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(note.as_bytes()))
            .map_err(failed("write the lock file"))?;
        Ok(Self(file))
    }
}

/// Whether a process writes the ledger now.
///
/// # Errors
/// If the lock file cannot be opened.
pub fn is_held(ledger: &Path) -> Result<bool, LedgerError> {
    let path = beside(ledger, "lock");
    match File::open(&path) {
        Ok(file) => Ok(matches!(
            file.try_lock_shared(),
            Err(TryLockError::WouldBlock)
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(LedgerError::File {
            path,
            doing: "open the lock file",
            source,
        }),
    }
}

fn holder(file: &mut File) -> String {
    let mut note = String::new();
    match file.take(64).read_to_string(&mut note) {
        Ok(_) if !note.trim().is_empty() => note.trim().to_owned(),
        _ => "another process".to_owned(),
    }
}

/// `ledger.db` with another ending added: `ledger.db.lock`.
pub(super) fn beside(ledger: &Path, ending: &str) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// A name beside the ledger that is not taken: `ledger.db.schema2-1.bak`.
pub(super) fn vacant(ledger: &Path, what: &str, ending: &str) -> PathBuf {
    (1..)
        .map(|attempt| beside(ledger, &format!("{what}-{attempt}.{ending}")))
        .find(|path| !path.exists())
        .expect("numbers do not end")
}
