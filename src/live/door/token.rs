//! The arming token: a file that says until when, and for which strategies, a person has allowed bets with money.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::durable;
use crate::market::TimeMs;

/// The longest file that is read.
const LONGEST: u64 = 16 * 1024;

/// What a person allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// From when.
    pub from: TimeMs,
    /// Until when.
    pub until: TimeMs,
    /// For which strategies; for all if empty.
    pub strategies: Vec<String>,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Whether LIVE is armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Armed {
    /// It is.
    Yes(Token),
    /// It was until this time.
    RanOut(TimeMs),
    /// It is not, or not so that it counts: why.
    No(String),
}

impl Token {
    /// Whether it holds for a strategy.
    #[must_use]
    pub fn covers(&self, strategy: &str) -> bool {
        self.strategies.is_empty() || self.strategies.iter().any(|name| name == strategy)
    }

    /// Writes it, for this user alone, in one step.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        durable::make_folder(durable::folder_of(file))?;
        let mut draft = file.as_os_str().to_owned();
        draft.push(".new");
        let draft = Path::new(&draft);
        let _ = fs::remove_file(draft);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(draft)?;
        out.write_all(&serde_json::to_vec_pretty(self)?)?;
        out.sync_all()?;
        durable::rename(draft, file)
    }

    /// Takes it away, so that it is not there after a power failure either; false if there was none.
    ///
    /// # Errors
    /// If it is there and cannot be taken away.
    pub fn remove(file: &Path) -> io::Result<bool> {
        durable::remove(file)
    }
}

impl Armed {
    /// What a token file says at a time. Whatever is not plainly right does not arm.
    #[must_use]
    pub fn read(file: &Path, now: TimeMs) -> Self {
        let shown = file.display();
        let no = |why: &str| Self::No(format!("{shown} {why}"));
        let about = match fs::symlink_metadata(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Self::No(format!("there is no arming token {shown}"));
            }
            Err(error) => return no(&format!("cannot be looked at: {error}")),
            Ok(about) => about,
        };
        if !about.is_file() || about.len() > LONGEST {
            return no("is no arming token");
        }
        #[cfg(unix)]
        if std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 != 0 {
            return no("can be read or written by others: only its owner may (mode 0600)");
        }
        let token = fs::read(file)
            .map_err(|error| error.to_string())
            .and_then(|text| serde_json::from_slice::<Token>(&text).map_err(|e| e.to_string()));
        match token {
            Err(error) => no(&format!("cannot be read: {error}")),
            Ok(token) if now < token.from => no("holds only later: has the clock been set back?"),
            Ok(token) if now >= token.until => Self::RanOut(token.until),
            Ok(token) => Self::Yes(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token {
            from: TimeMs(1_000),
            until: TimeMs(2_000),
            strategies: vec!["fav".to_owned()],
            by: "ann".to_owned(),
            reason: "Saturday".to_owned(),
        }
    }

    #[test]
    fn it_arms_from_its_beginning_to_its_end_and_for_its_strategies() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/ARMED");
        assert!(matches!(Armed::read(&file, TimeMs(1_500)), Armed::No(_)));
        token().write(&file).unwrap();
        assert_eq!(Armed::read(&file, TimeMs(1_500)), Armed::Yes(token()));
        assert!(matches!(Armed::read(&file, TimeMs(999)), Armed::No(_)));
        assert_eq!(
            Armed::read(&file, TimeMs(2_000)),
            Armed::RanOut(TimeMs(2_000))
        );
        assert!(token().covers("fav") && !token().covers("other"));
        let all = Token {
            strategies: Vec::new(),
            ..token()
        };
        assert!(all.covers("other"));
        assert!(Token::remove(&file).unwrap() && !Token::remove(&file).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn what_others_could_have_written_does_not_arm() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ARMED");
        token().write(&file).unwrap();
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Armed::read(&file, TimeMs(1_500)), Armed::No(_)));
        fs::remove_file(&file).unwrap();
        let real = folder.path().join("real");
        token().write(&real).unwrap();
        std::os::unix::fs::symlink(&real, &file).unwrap();
        assert!(matches!(Armed::read(&file, TimeMs(1_500)), Armed::No(_)));
        fs::remove_file(&file).unwrap();
        fs::write(&file, "{}").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(Armed::read(&file, TimeMs(1_500)), Armed::No(_)));
    }
}
