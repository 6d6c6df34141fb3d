//! Secrets: a text that nobody may see, and where it is looked for.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A text that nobody may see: it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Secret {
    /// Takes a text for a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for whom it is meant.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Looks for a secret: in `file`, where one is named; else in `$CREDENTIALS_DIRECTORY/NAME`, in the file that
    /// `NAME_FILE` names, and in the variable `NAME`. `None` if none of them is there.
    ///
    /// # Errors
    /// If a file is there and cannot be read, or could be read by others, or says nothing.
    pub fn find(name: &str, file: &Path) -> Result<Option<Self>, SecretError> {
        if !file.as_os_str().is_empty() {
            return Self::read(file).map(Some);
        }
        if let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") {
            let file = Path::new(&folder).join(name);
            if file.exists() {
                return Self::read(&file).map(Some);
            }
        }
        if let Some(file) = std::env::var_os(format!("{name}_FILE")) {
            return Self::read(Path::new(&file)).map(Some);
        }
        let text = std::env::var(name).unwrap_or_default();
        Ok((!text.trim().is_empty()).then(|| Self::new(text.trim())))
    }

    /// Reads one from a file that nobody else may read.
    ///
    /// # Errors
    /// If it cannot be read, could be read by others, or says nothing.
    pub fn read(file: &Path) -> Result<Self, SecretError> {
        let path = || file.to_owned();
        let unreadable = |source| SecretError::Unreadable {
            path: path(),
            source,
        };
        let found = fs::symlink_metadata(file).map_err(unreadable)?;
        if !found.is_file() {
            return Err(SecretError::NoFile(path()));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let mode = found.mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(SecretError::Mode { path: path(), mode });
            }
        }
        let text = fs::read_to_string(file).map_err(unreadable)?;
        match text.trim() {
            "" => Err(SecretError::Empty(path())),
            text => Ok(Self::new(text)),
        }
    }
}

/// Why a secret cannot be used. None of it tells the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error("{}: the secret cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A link, a folder, a pipe.
    #[error("{}: a secret must be a plain file, and not a link", .0.display())]
    NoFile(PathBuf),
    /// Others may read it.
    #[error("{}: others may read this secret (mode {mode:04o}): chmod 600 {}", path.display(), path.display())]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is nothing in it.
    #[error("{}: the file of the secret is empty", .0.display())]
    Empty(PathBuf),
}
