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

use crate::config::Severity;
use crate::durable;
use crate::engine::TradingState;
use crate::logging;
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

    /// How much it matters that betting is there.
    pub(super) const fn severity(&self) -> Severity {
        match self.state {
            TradingState::Active => Severity::Info,
            TradingState::Reduce | TradingState::Paused => Severity::Warning,
            TradingState::Halted => Severity::Critical,
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

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// Words as they may be shown on a terminal and kept in the file: without control characters, and not without end.
fn plain(words: &str) -> String {
    let shown = words.chars().filter(|&c| !logging::is_control(c));
    shown.take(LONGEST_REASON).collect()
}

/// The switch. Its clones are one.
#[derive(Clone, Debug)]
pub struct Switch {
    file: PathBuf,
    /// A stop that was asked for here and is not in the file (yet).
    asked: Arc<Mutex<Option<Position>>>,
    /// Why it was released here last, and who did.
    released: Arc<Mutex<Option<String>>>,
    /// Held while this process changes the file: two at once would take each other's new file away.
    changing: Arc<Mutex<()>>,
}

impl Switch {
    /// The switch whose file this is. Nothing is read or written.
    #[must_use]
    pub fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            asked: Arc::default(),
            released: Arc::default(),
            changing: Arc::default(),
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
        durable::make_folder(self.folder())
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

    /// Whether nobody can say where it stands.
    pub(super) fn is_unreadable(&self) -> bool {
        match fs::symlink_metadata(&self.file) {
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::NotFound => !self.folder().is_dir(),
            Err(_) => true,
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
            // What is no plain file (a pipe, a device, a link) is not read: it might never end.
            Ok(found) if !found.is_file() || found.len() > LONGEST => {
                halted(format!("the kill file {shown} exists"))
            }
            Ok(_) => self
                .words()
                .unwrap_or_else(|| halted(format!("the kill file {shown} exists"))),
        }
    }

    /// What the file says; `None` if it says nothing that is understood.
    fn words(&self) -> Option<Position> {
        let words: Words = serde_json::from_slice(&fs::read(&self.file).ok()?).ok()?;
        let state = match words.state.as_str() {
            "REDUCE" => TradingState::Reduce,
            "PAUSED" => TradingState::Paused,
            // Only what is known to be less stops less.
            _ => TradingState::Halted,
        };
        let (reason, by) = (plain(&words.reason), plain(&words.by));
        Some(Position {
            state,
            reason: format!("{reason} (by {by}, {})", self.file.display()),
        })
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
        let reason = plain(reason);
        {
            let mut held = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if held.as_ref().is_none_or(|held| state > held.state) {
                *held = Some(Position {
                    state,
                    reason: reason.clone(),
                });
            }
        }
        let words = Words {
            state: state.as_str().to_owned(),
            reason,
            by: plain(by),
            at: at.to_string(),
        };
        let _changing = self.changing.lock();
        loop {
            // What only cannot be read now may be readable as less later, so it is written over.
            let is_there = fs::symlink_metadata(&self.file).is_ok();
            if is_there && self.read_file().state >= state {
                // Whoever put it there (a person with `touch`) need not have had it reach the disk.
                durable::sync_folder_of(&self.file)?;
                break;
            }
            // Somebody else may speak at this moment: a file that comes in between is looked at again.
            match self.write(&words, !is_there) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                done => {
                    done?;
                    break;
                }
            }
        }
        // From here on the file holds it, and whoever removes the file ends it.
        let mut held = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|held| held.state <= state) {
            *held = None;
        }
        Ok(())
    }

    /// Lets betting go on: takes the file away. Says whether there was one. Why, and who asks, is left beside it for hosts
    /// that are other processes, and said where betting goes on.
    ///
    /// # Errors
    /// If it cannot be taken away.
    pub fn release_for(&self, reason: &str, by: &str) -> io::Result<bool> {
        let words = format!("{} (by {})", plain(reason), plain(by));
        let _changing = self.changing.lock();
        // A reason that the disk does not take keeps nobody from betting again.
        let _ = self.write_farewell(&words);
        *self.released.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
        let released = durable::remove(&self.file)?;
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(released)
    }

    /// Why betting goes on: what was said here or left beside the file, or that somebody took the file away.
    #[must_use]
    pub fn why_released(&self) -> String {
        let mut released = self.released.lock().unwrap_or_else(PoisonError::into_inner);
        let words = released.take().or_else(|| self.read_farewell());
        words.unwrap_or_else(|| "the kill file is gone".to_owned())
    }

    /// What was said at the last release is of no account any more: betting is restrained anew.
    pub(super) fn forget_release(&self) {
        *self.released.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = fs::remove_file(self.farewell());
    }

    /// Where whoever releases the switch leaves the reason.
    fn farewell(&self) -> PathBuf {
        let mut name = self.file.file_name().unwrap_or_default().to_owned();
        name.push(".released");
        self.file.with_file_name(name)
    }

    fn write_farewell(&self, words: &str) -> io::Result<()> {
        let path = self.farewell();
        // A link planted here is removed, never followed.
        let _ = fs::remove_file(&path);
        let mut file = File::options().write(true).create_new(true).open(path)?;
        file.write_all(words.as_bytes())
    }

    fn read_farewell(&self) -> Option<String> {
        let path = self.farewell();
        let found = fs::symlink_metadata(&path).ok()?;
        let is_words = found.is_file() && found.len() <= LONGEST;
        let words = is_words.then(|| fs::read_to_string(path).ok()).flatten()?;
        Some(plain(&words))
    }

    /// Writes beside it, then puts it in its place: the file is there whole or not at all, and durable before this
    /// returns. As the first, it takes nobody's place: if there is one by then, that is an error of its own kind.
    fn write(&self, words: &Words, is_first: bool) -> io::Result<()> {
        let mut name = self.file.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let beside = self.file.with_file_name(name);
        // One that a process of this number left behind; a link planted here is removed, never followed.
        let _ = fs::remove_file(&beside);
        let put = || {
            let mut file = File::options().write(true).create_new(true).open(&beside)?;
            file.write_all(serde_json::to_string_pretty(words)?.as_bytes())?;
            file.sync_all()?;
            match is_first {
                true => fs::hard_link(&beside, &self.file),
                false => fs::rename(&beside, &self.file),
            }
        };
        let done = put();
        let _ = fs::remove_file(&beside);
        done?;
        durable::sync_folder_of(&self.file)
    }

    fn folder(&self) -> &Path {
        durable::folder_of(&self.file)
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
        assert!(nowhere.is_unreadable() && !switch.is_unreadable());
        assert_eq!(nowhere.read().state, TradingState::Halted);
        assert!(nowhere.read().reason.contains("is missing"));
        // A file where a folder should be: nobody can say whether the switch is on.
        let beyond = Switch::new(&switch.file().join("KILL")).read();
        assert_eq!(beyond.state, TradingState::Halted);
        assert!(switch.release_for("over", "test").unwrap());
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
        assert!(other_process.release_for("checked", "other").unwrap());
        assert_eq!(switch.read(), Position::on());
        assert!(!other_process.release_for("again", "other").unwrap());
    }

    #[test]
    fn another_process_says_why_it_released_until_betting_is_restrained_anew() {
        let (_folder, switch) = switch();
        let other_process = Switch::new(switch.file());
        fs::write(switch.file(), "").unwrap();
        other_process
            .release_for("the feed\nis fresh", "other")
            .unwrap();
        assert_eq!(switch.why_released(), "the feedis fresh (by other)");
        fs::write(switch.file(), "").unwrap();
        switch.forget_release();
        fs::remove_file(switch.file()).unwrap();
        assert_eq!(switch.why_released(), "the kill file is gone");
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

    #[test]
    fn words_without_end_or_with_control_characters_do_not_turn_a_pause_into_a_halt() {
        let (_folder, switch) = switch();
        let reason = format!("\u{1b}[2J\u{202e}{}", "x".repeat(10_000));
        switch
            .restrain(TradingState::Paused, &reason, "test", TimeMs(0))
            .unwrap();
        let position = Switch::new(switch.file()).read();
        assert_eq!(position.state, TradingState::Paused);
        assert!(!position.reason.contains(['\u{1b}', '\u{202e}']));
    }

    #[test]
    fn many_may_stop_at_once_and_none_fails() {
        let (_folder, switch) = switch();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let switch = switch.clone();
                let state = [TradingState::Reduce, TradingState::Halted][n % 2];
                scope.spawn(move || {
                    for _ in 0..20 {
                        switch.restrain(state, "drill", "test", TimeMs(0)).unwrap();
                    }
                });
            }
        });
        assert_eq!(switch.read().state, TradingState::Halted);
        assert!(switch.release_for("over", "test").unwrap());
        assert_eq!(switch.why_released(), "over (by test)");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_as_kill_file_means_halted_and_is_not_read() {
        let (_folder, switch) = switch();
        std::os::unix::fs::symlink("/dev/zero", switch.file()).unwrap();
        assert_eq!(switch.read().state, TradingState::Halted);
    }
}
