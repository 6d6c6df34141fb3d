//! The trading switch: a file that stops all betting by being there, or by its words only restrains it.
//!
//! Whoever stops betting (a command, a signal, HTTP, a person with `touch`) does it through this one file, so that it
//! outlasts a restart, and whatever cannot be read means halted. Within the process a stop holds from the moment it is
//! asked for, whether or not the disk takes the file.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::engine::TradingState;
use crate::market::TimeMs;

/// Where the switch stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Whether betting is on.
    pub state: TradingState,
    /// Why not, for a person; empty while it is on.
    pub reason: String,
}

impl Position {
    const fn on() -> Self {
        Self {
            state: TradingState::Active,
            reason: String::new(),
        }
    }
}

/// What a switch file says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    state: String,
    reason: String,
    by: String,
    at: String,
}

/// The longest switch file that is read: anything longer is no switch file, and means halted.
const LONGEST: u64 = 4_096;

/// The switch. Its clones are one.
#[derive(Clone, Debug)]
pub struct Switch {
    file: PathBuf,
    /// A stop that was asked for here and is not in the file (yet).
    asked: Arc<Mutex<Option<Position>>>,
}

impl Switch {
    /// The switch whose file this is. Nothing is read or written.
    #[must_use]
    pub fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            asked: Arc::default(),
        }
    }

    /// Its file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Makes the folder of the file, for nobody could stop betting there if it were missing.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(self.folder())
    }

    /// Where it stands now: at the tightest of what the file says and what was asked for in this process.
    #[must_use]
    pub fn read(&self) -> Position {
        let file = self.read_file();
        match &*self.asked.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(asked) if asked.state > file.state => asked.clone(),
            _ => file,
        }
    }

    fn read_file(&self) -> Position {
        let halted = |reason: String| Position {
            state: TradingState::Halted,
            reason,
        };
        let shown = self.file.display();
        // A link that points nowhere counts: somebody put it there.
        match fs::symlink_metadata(&self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if self.folder().is_dir() {
                    Position::on()
                } else {
                    let folder = self.folder().display().to_string();
                    halted(format!(
                        "the folder {folder} of the kill file {shown} is missing, so nobody could use it"
                    ))
                }
            }
            Err(error) => halted(format!(
                "the kill file {shown} cannot be looked for: {error}"
            )),
            Ok(found) if found.len() > LONGEST => halted(format!("the kill file {shown} exists")),
            Ok(_) => {
                match fs::read(&self.file).map(|text| serde_json::from_slice::<Words>(&text)) {
                    Ok(Ok(words)) => Position {
                        state: match words.state.as_str() {
                            "REDUCE" => TradingState::Reduce,
                            "PAUSED" => TradingState::Paused,
                            // Only what is known to be less stops less.
                            _ => TradingState::Halted,
                        },
                        reason: format!("{} (by {}, {shown})", words.reason, words.by),
                    },
                    _ => halted(format!("the kill file {shown} exists")),
                }
            }
        }
    }

    /// Restrains betting; what already restrains it more is left as it is. It holds in this process at once, and for
    /// everybody and after a restart when this returns without an error.
    ///
    /// # Errors
    /// If the file cannot be written. It then holds in this process alone, until it ends.
    pub fn restrain(
        &self,
        state: TradingState,
        reason: &str,
        by: &str,
        at: TimeMs,
    ) -> io::Result<()> {
        let asked = Position {
            state,
            reason: reason.to_owned(),
        };
        {
            let mut held = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if held.as_ref().is_none_or(|held| state > held.state) {
                *held = Some(asked);
            }
        }
        // What only cannot be read now may be readable as less later, so it is written over.
        let stands = fs::symlink_metadata(&self.file).is_ok() && self.read_file().state >= state;
        if !stands {
            self.write(&Words {
                state: state.as_str().to_owned(),
                reason: reason.to_owned(),
                by: by.to_owned(),
                at: at.to_string(),
            })?;
        }
        // From here on the file holds it, and whoever removes the file ends it.
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// Lets betting go on: takes the file away. Says whether there was one.
    ///
    /// # Errors
    /// If it cannot be taken away.
    pub fn release(&self) -> io::Result<bool> {
        match fs::remove_file(&self.file) {
            Ok(()) => {
                self.sync_folder()?;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes beside it, then renames: the file is there whole or not at all, and durable before this returns.
    fn write(&self, words: &Words) -> io::Result<()> {
        self.prepare()?;
        let mut name = self.file.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let beside = self.file.with_file_name(name);
        let mut file = File::create(&beside)?;
        file.write_all(serde_json::to_string_pretty(words)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &self.file)?;
        self.sync_folder()
    }

    fn folder(&self) -> &Path {
        match self.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    fn sync_folder(&self) -> io::Result<()> {
        #[cfg(unix)]
        File::open(self.folder())?.sync_all()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switch() -> (tempfile::TempDir, Switch) {
        let folder = tempfile::tempdir().unwrap();
        let switch = Switch::new(&folder.path().join("KILL"));
        (folder, switch)
    }

    #[test]
    fn only_a_file_that_is_certainly_absent_lets_bets_go() {
        let (folder, switch) = switch();
        assert_eq!(switch.read(), Position::on());
        for content in ["", "stop!", r#"{"state":"ACTIVE"}"#, "\0"] {
            fs::write(switch.file(), content).unwrap();
            let position = switch.read();
            assert_eq!(position.state, TradingState::Halted, "{content:?}");
            assert!(position.reason.ends_with("KILL exists"));
        }
        let nowhere = Switch::new(&folder.path().join("no/such/KILL"));
        assert_eq!(nowhere.read().state, TradingState::Halted);
        assert!(nowhere.read().reason.contains("is missing"));
        // A file where a folder should be: nobody can say whether the switch is on.
        let beyond = Switch::new(&switch.file().join("KILL")).read();
        assert_eq!(beyond.state, TradingState::Halted);
        assert!(switch.release().unwrap());
        assert_eq!(switch.read(), Position::on());
    }

    #[test]
    fn it_is_tightened_by_anybody_and_loosened_only_by_a_release() {
        let (_folder, switch) = switch();
        let other_process = Switch::new(switch.file());
        let set = |state| {
            switch.restrain(state, "drill", "test", TimeMs(0)).unwrap();
            (switch.read().state, other_process.read().state)
        };
        use TradingState::{Halted, Paused, Reduce};
        assert_eq!(set(Reduce), (Reduce, Reduce));
        assert_eq!(set(Halted), (Halted, Halted));
        assert_eq!(set(Paused), (Halted, Halted));
        assert!(other_process.release().unwrap());
        assert_eq!(switch.read(), Position::on());
        assert!(!other_process.release().unwrap());
    }

    #[test]
    fn a_stop_holds_in_the_process_though_the_disk_does_not_take_it() {
        let folder = tempfile::tempdir().unwrap();
        let kill = folder.path().join("data/KILL");
        let switch = Switch::new(&kill);
        switch.prepare().unwrap();
        fs::remove_dir(folder.path().join("data")).unwrap();
        // A file where the folder should be.
        fs::write(folder.path().join("data"), "").unwrap();
        assert!(
            switch
                .restrain(TradingState::Halted, "drill", "test", TimeMs(0))
                .is_err()
        );
        fs::remove_file(folder.path().join("data")).unwrap();
        switch.prepare().unwrap();
        assert_eq!(switch.read().state, TradingState::Halted);
        assert_eq!(switch.read().reason, "drill");
    }
}
