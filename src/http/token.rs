//! Access tokens: 256 random bits each, of which only a hash is kept, in a file that nobody else may read.
//!
//! A line of the file is `role name hash`; what follows a `#` at its beginning is for people.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use subtle::ConstantTimeEq;

use crate::durable;

/// What every token begins with, so that one that leaked is known for what it is.
const PREFIX: &str = "bea_";
/// The longest token file that is read, in bytes.
const LONGEST: u64 = 65_536;

/// What a token permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// To look.
    Read,
    /// To look, and to stop betting and let it go on.
    Control,
}

impl Role {
    /// The word in the file and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Control => "control",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Read, Self::Control]
            .into_iter()
            .find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it permits.
    pub role: Role,
    /// Whose it is; said in records of what was done with it.
    pub name: String,
    hash: blake3::Hash,
}

/// What is wrong with a token file, or with what is to be put into it.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read or written.
    #[error("the token file {} cannot be {doing}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Others than its owner may read or write it.
    #[error(
        "the token file {} is open to others (mode {mode:03o}): make it yours alone with chmod 600",
        path.display()
    )]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is no plain file.
    #[error("the token file {} is no plain file, or is longer than {LONGEST} bytes", .0.display())]
    NoFile(PathBuf),
    /// A line of it is not understood.
    #[error("{}:{line}: a line is `read` or `control`, a name, and a hash of 64 hexadecimal digits", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// A name that cannot be kept.
    #[error("\"{0}\" is no name for a token: use 1 to 40 letters, digits, - and _")]
    Name(String),
    /// There is a token of that name.
    #[error("there is a token called {0}: revoke it first, or choose another name")]
    Taken(String),
    /// There is none of that name.
    #[error("there is no token called {0}")]
    Unknown(String),
    /// The system has no random bits.
    #[error("no random bits can be had: {0}")]
    Random(getrandom::Error),
}

fn hash_of(token: &str) -> blake3::Hash {
    blake3::hash(token.as_bytes())
}

/// Reads a token file; one that is not there holds none.
///
/// # Errors
/// If it cannot be read, is open to others, or is not understood.
pub fn read(path: &Path) -> Result<Vec<Kept>, TokenError> {
    let failed = |source| TokenError::File {
        path: path.to_owned(),
        doing: "read",
        source,
    };
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(failed)?,
    };
    if !found.is_file() || found.len() > LONGEST {
        return Err(TokenError::NoFile(path.to_owned()));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(TokenError::Open { path, mode });
        }
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    let mut tokens = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        tokens.push(kept(line).ok_or_else(|| TokenError::Line {
            path: path.to_owned(),
            line: at + 1,
        })?);
    }
    Ok(tokens)
}

fn kept(line: &str) -> Option<Kept> {
    let mut words = line.split_whitespace();
    let (role, name, hash) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !is_name(name) {
        return None;
    }
    Some(Kept {
        role: Role::parse(role)?,
        name: name.to_owned(),
        hash: blake3::Hash::from_hex(hash).ok()?,
    })
}

fn is_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=40).contains(&name.len()) && name.bytes().all(letter)
}

/// Makes a token, keeps its hash in the file, and gives the token itself, which is kept nowhere.
///
/// # Errors
/// If the name is taken or no name, or the file cannot be read or written.
pub fn make(path: &Path, name: &str, role: Role) -> Result<String, TokenError> {
    if !is_name(name) {
        return Err(TokenError::Name(name.to_owned()));
    }
    let mut tokens = read(path)?;
    if tokens.iter().any(|kept| kept.name == name) {
        return Err(TokenError::Taken(name.to_owned()));
    }
    let mut bits = [0_u8; 32];
    getrandom::fill(&mut bits).map_err(TokenError::Random)?;
    let token = format!("{PREFIX}{}", blake3::Hash::from_bytes(bits).to_hex());
    tokens.push(Kept {
        role,
        name: name.to_owned(),
        hash: hash_of(&token),
    });
    write(path, &tokens)?;
    Ok(token)
}

/// Forgets a token: from then on it is none.
///
/// # Errors
/// If there is none of that name, or the file cannot be read or written.
pub fn revoke(path: &Path, name: &str) -> Result<(), TokenError> {
    let mut tokens = read(path)?;
    let before = tokens.len();
    tokens.retain(|kept| kept.name != name);
    if tokens.len() == before {
        return Err(TokenError::Unknown(name.to_owned()));
    }
    write(path, &tokens)
}

/// Writes beside the file, then puts it in its place.
fn write(path: &Path, tokens: &[Kept]) -> Result<(), TokenError> {
    let put = || -> io::Result<()> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let beside = path.with_file_name(name);
        let _ = fs::remove_file(&beside);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        writeln!(
            file,
            "# Hashes of access tokens, made by `bea token new`. The tokens themselves are kept nowhere."
        )?;
        for Kept { role, name, hash } in tokens {
            writeln!(file, "{role} {name} {}", hash.to_hex())?;
        }
        file.sync_all()?;
        durable::rename(&beside, path)
    };
    put().map_err(|source| TokenError::File {
        path: path.to_owned(),
        doing: "written",
        source,
    })
}

/// The tokens of a file, read again when it changes.
#[derive(Clone, Debug)]
pub struct Tokens(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// There were tokens at the start: one is asked for from then on, whatever becomes of the file.
    required: bool,
    present: Mutex<Present>,
}

#[derive(Debug)]
struct Present {
    stamp: Option<(SystemTime, u64)>,
    tokens: Vec<Kept>,
}

impl Tokens {
    /// Reads the file; with none in it, none is asked for.
    ///
    /// # Errors
    /// As [`read`].
    pub fn open(path: &Path) -> Result<Self, TokenError> {
        let stamp = stamp(path);
        let tokens = read(path)?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            required: !tokens.is_empty(),
            present: Mutex::new(Present { stamp, tokens }),
        })))
    }

    /// Whether one is asked for.
    #[must_use]
    pub fn are_required(&self) -> bool {
        self.0.required || !self.present().is_empty()
    }

    /// Whether there is one with which betting can be let go on.
    #[must_use]
    pub fn can_control(&self) -> bool {
        self.present().iter().any(|kept| kept.role == Role::Control)
    }

    /// Whose token this is, and what it permits. All are compared, each in the same time.
    #[must_use]
    pub fn holder(&self, presented: &str) -> Option<Kept> {
        let hash = hash_of(presented);
        let mut found = None;
        for kept in self.present() {
            if bool::from(kept.hash.as_bytes().ct_eq(hash.as_bytes())) {
                found = Some(kept);
            }
        }
        found
    }

    /// What the file holds now; nothing, and so nobody is let in, if it cannot be read.
    fn present(&self) -> Vec<Kept> {
        let stamp = stamp(&self.0.path);
        let mut present = self
            .0
            .present
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if present.stamp != stamp {
            present.stamp = stamp;
            present.tokens = read(&self.0.path).unwrap_or_else(|error| {
                tracing::warn!(event = "tokens_unreadable", "{error}");
                Vec::new()
            });
        }
        present.tokens.clone()
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets/http.tokens");
        (folder, path)
    }

    #[test]
    fn a_token_is_known_by_its_hash_alone_until_it_is_revoked() {
        let (_folder, path) = place();
        assert!(!Tokens::open(&path).unwrap().are_required());
        let look = make(&path, "grafana", Role::Read).unwrap();
        let steer = make(&path, "ops", Role::Control).unwrap();
        assert!(look.len() == 68 && look != steer);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&look[4..]) && text.contains("control ops "));
        let tokens = Tokens::open(&path).unwrap();
        assert!(tokens.are_required() && tokens.can_control());
        assert_eq!(tokens.holder(&steer).unwrap().name, "ops");
        assert_eq!(tokens.holder(&look).unwrap().role, Role::Read);
        for wrong in ["", "bea_", &look[..67], &format!("{look} "), &text] {
            assert_eq!(tokens.holder(wrong), None);
        }
        revoke(&path, "ops").unwrap();
        assert_eq!(tokens.holder(&steer), None, "the file is read again");
        fs::remove_file(&path).unwrap();
        assert_eq!(tokens.holder(&look), None);
        assert!(tokens.are_required(), "a lost file opens nothing");
    }

    #[test]
    fn names_and_lines_that_are_none_are_refused() {
        let (_folder, path) = place();
        for name in ["", "a b", "a\nb", &"x".repeat(41)] {
            assert!(matches!(
                make(&path, name, Role::Read),
                Err(TokenError::Name(_))
            ));
        }
        make(&path, "ops", Role::Read).unwrap();
        assert!(matches!(
            make(&path, "ops", Role::Control),
            Err(TokenError::Taken(_))
        ));
        assert!(matches!(revoke(&path, "x"), Err(TokenError::Unknown(_))));
        let old = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{old}\nadmin x 00\n")).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("http.tokens:4: "), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_or_a_link_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, path) = place();
        make(&path, "ops", Role::Read).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error, TokenError::Open { mode: 0o640, .. }));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        assert!(matches!(read(&link), Err(TokenError::NoFile(_))));
    }
}
