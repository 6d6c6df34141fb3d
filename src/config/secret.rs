//! Secrets: where they come from, and that they go nowhere else.
//!
//! A secret has no `Display` and no `Serialize`. Every one that was read is also known to [`redact`], through which
//! the log and the alerts pass what they say.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

/// A text that nobody may see.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Every secret that this process has read.
static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Shorter ones would tear holes into ordinary words; nothing that short protects anything.
const SHORTEST: usize = 6;

impl Secret {
    /// Takes a text for a secret from here on.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.len() >= SHORTEST {
            let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
            if !known.contains(&text) {
                known.push(text.clone());
            }
        }
        Self(text)
    }

    /// The text itself, for whom it is meant.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Looks for a secret: in `file`, where one is named; else in `$CREDENTIALS_DIRECTORY/NAME` (lower case too), in the
    /// file that `NAME_FILE` names, and in the variable `NAME`. `None` if none of them is there.
    ///
    /// # Errors
    /// If a file is there and cannot be read, or could be read by others, or says nothing, or more than a line.
    pub fn find(name: &str, file: &Path) -> Result<Option<Self>, SecretError> {
        let line = |file: &Path, secret: Self| match secret.0.chars().any(char::is_control) {
            true => Err(SecretError::Lines(file.to_owned())),
            false => Ok(Some(secret)),
        };
        if !file.as_os_str().is_empty() {
            return line(file, Self::read(file)?);
        }
        if let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") {
            for name in [name.to_owned(), name.to_lowercase()] {
                let file = Path::new(&folder).join(name);
                // The system that put it there guards the folder.
                if fs::symlink_metadata(&file).is_ok() {
                    return line(&file, Self::read_unguarded(&file)?);
                }
            }
        }
        if let Some(file) = std::env::var_os(format!("{name}_FILE")) {
            let file = Path::new(&file);
            return line(file, Self::read(file)?);
        }
        let text = std::env::var(name).unwrap_or_default();
        let text = text.trim();
        Ok((!text.is_empty()).then(|| Self::new(text)))
    }

    /// Reads one from a file that nobody else may read.
    ///
    /// # Errors
    /// If it cannot be read, could be read by others, or says nothing.
    pub fn read(file: &Path) -> Result<Self, SecretError> {
        let unreadable = |source| SecretError::Unreadable {
            path: file.to_owned(),
            source,
        };
        let found = fs::symlink_metadata(file).map_err(unreadable)?;
        if !found.is_file() {
            return Err(SecretError::NoFile(file.to_owned()));
        }
        #[cfg(unix)]
        guard(file, &found)?;
        Self::read_unguarded(file)
    }

    fn read_unguarded(file: &Path) -> Result<Self, SecretError> {
        let text = fs::read_to_string(file).map_err(|source| SecretError::Unreadable {
            path: file.to_owned(),
            source,
        })?;
        match text.trim() {
            "" => Err(SecretError::Empty(file.to_owned())),
            text => Ok(Self::new(text)),
        }
    }
}

/// Whether a file is ours and nobody else may read it.
#[cfg(unix)]
fn guard(file: &Path, found: &fs::Metadata) -> Result<(), SecretError> {
    use std::os::unix::fs::MetadataExt;
    let (us, owner) = (rustix::process::geteuid().as_raw(), found.uid());
    if owner != us && owner != 0 {
        return Err(SecretError::Owner {
            path: file.to_owned(),
            owner,
            us,
        });
    }
    let mode = found.mode() & 0o777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(SecretError::Mode {
            path: file.to_owned(),
            mode,
        }),
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
    /// Somebody else owns it.
    #[error("{}: this secret belongs to user {owner}, and this is user {us}: chown it", path.display())]
    Owner {
        /// Which file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// There is nothing in it.
    #[error("{}: the file of the secret is empty", .0.display())]
    Empty(PathBuf),
    /// There is more than one line in it, or what is no text.
    #[error("{}: a secret is one line of text, and this file has more", .0.display())]
    Lines(PathBuf),
}

/// A text with every secret that was ever read taken out.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut text = Cow::Borrowed(text);
    for secret in known.iter() {
        if text.contains(secret.as_str()) {
            text = Cow::Owned(text.replace(secret.as_str(), "***"));
        }
        // As it stands in a document or an address.
        for other in [in_json(secret), in_address(secret)].into_iter().flatten() {
            if text.contains(&other) {
                text = Cow::Owned(text.replace(&other, "***"));
            }
        }
    }
    text
}

/// A secret as JSON writes it, if that is different.
fn in_json(secret: &str) -> Option<String> {
    let quoted = serde_json::to_string(secret).ok()?;
    let inner = quoted[1..quoted.len() - 1].to_owned();
    (inner != secret).then_some(inner)
}

/// A secret as an address writes it, if that is different.
fn in_address(secret: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if secret.bytes().all(plain) {
        return None;
    }
    let written = secret.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    Some(written.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_taken_out_of_every_text() {
        let secret = Secret::new("abc/\"def\"-0001");
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        for text in [
            "at abc/\"def\"-0001 end",
            r#"at abc/\"def\"-0001 end"#,
            "at abc%2F%22def%22-0001 end",
        ] {
            assert_eq!(redact(text), "at *** end");
        }
        assert!(matches!(redact("nothing"), Cow::Borrowed("nothing")));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused_and_so_is_a_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "  s3cret-of-a-file\n").unwrap();
        for (mode, fits) in [(0o644, false), (0o640, false), (0o600, true), (0o400, true)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Secret::read(&file).is_ok(), fits, "{mode:o}");
        }
        assert_eq!(Secret::read(&file).unwrap().expose(), "s3cret-of-a-file");
        let link = folder.path().join("link");
        symlink(&file, &link).unwrap();
        assert!(matches!(Secret::read(&link), Err(SecretError::NoFile(_))));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, " \n").unwrap();
        assert!(matches!(Secret::read(&file), Err(SecretError::Empty(_))));
        for more in ["one-line\nand-another\n", "a\0b-c-d-e-f"] {
            fs::write(&file, more).unwrap();
            let found = Secret::find("BEA_NOBODY_SETS_THIS", &file);
            assert!(matches!(found, Err(SecretError::Lines(_))), "{more:?}");
        }
        let missing = Secret::read(&folder.path().join("none")).unwrap_err();
        assert!(missing.to_string().contains("cannot be read"), "{missing}");
    }
}
