//! Which file is open: one that was moved, deleted or replaced still takes writes, which nobody would find again.

use std::path::Path;

use super::LedgerError;

/// A file as the system knows it, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl Identity {
    /// That of the file at a path.
    pub(super) fn of(path: &Path) -> Result<Self, LedgerError> {
        Self::read(path).map_err(|source| LedgerError::File {
            path: path.to_owned(),
            doing: "look at the ledger's file",
            source,
        })
    }

    #[cfg_attr(not(unix), allow(clippy::unnecessary_wraps, unused_variables))]
    fn read(path: &Path) -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let found = std::fs::metadata(path)?;
            Ok(Self {
                device_and_inode: (found.dev(), found.ino()),
            })
        }
        // Elsewhere an open file can be neither moved nor replaced.
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Fails if another file, or none, is at the path by now.
    pub(super) fn still_at(self, path: &Path) -> Result<(), String> {
        let gone = |what: &str| {
            Err(format!(
                "the ledger's file {what} while it was open: what was written since is not in {}. \
                 Put it back with its -wal file, and start again",
                path.display()
            ))
        };
        match Self::read(path) {
            Ok(found) if found == self => Ok(()),
            Ok(_) => gone("was replaced"),
            Err(_) => gone("was moved or deleted"),
        }
    }
}
