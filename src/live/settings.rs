//! The settings of a running host: its files are read again when they change, and taken over whole or not at all.
//!
//! What tightens a limit holds at once. What loosens one waits until a person confirms it (`bea config apply`), unless
//! `config.allow_raise` is set; so a slip of the finger in a file costs nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::config::{Change, Config, ConfigError, Limits, Loaded, When};

/// How long files must have been left alone before they are read again: an editor writes in several steps.
const SETTLE: Duration = Duration::from_millis(200);

/// When a file was changed last, and how long it is; `None` if it is not there.
type Stamp = Option<(SystemTime, u64)>;

/// What a look at the files came to.
#[derive(Debug)]
pub(super) enum News {
    /// They cannot be used: what was in force stays.
    Refused(ConfigError),
    /// They say something else.
    Changed(Vec<Change>),
    /// What they say can be used again, and is what was in force all along.
    Mended,
    /// Somebody confirmed the limits that waited.
    Confirmed,
}

/// What is in force, and what the files say.
#[derive(Debug)]
pub(super) struct Settings {
    /// What the host began with.
    begun: Loaded,
    /// What the files say, as far as it can be used.
    loaded: Loaded,
    /// What the gate is held to.
    limits: Limits,
    /// Looser limits that nobody has confirmed.
    waiting: Option<Limits>,
    /// Why the files cannot be used, in a line.
    trouble: Option<String>,
    stamps: BTreeMap<PathBuf, Stamp>,
    moved_at: Option<Instant>,
}

impl Settings {
    /// Those that a host begins with. They were read a while ago, and the files may have changed before these stamps of
    /// them; so they are read once more as soon as they have been left alone.
    pub(super) fn new(loaded: &Loaded) -> Self {
        Self {
            limits: Limits::of(&loaded.config),
            stamps: stamps(loaded),
            begun: loaded.clone(),
            loaded: loaded.clone(),
            waiting: None,
            trouble: None,
            moved_at: Some(Instant::now()),
        }
    }

    /// The same, with the origins.
    pub(super) fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// What the files say, as far as it can be used.
    pub(super) fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// What orders are held to.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether looser limits wait for a person.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Keys that are not what the host began with, and wait for the next start.
    pub(super) fn awaiting_restart(&self) -> Vec<String> {
        let changes = self.begun.changes_to(&self.loaded).into_iter();
        let waits = changes.filter(|change| change.takes_effect == When::Restart);
        waits.map(|change| change.key).collect()
    }

    /// Why the files cannot be used.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Every value that is in force, as the ledger keeps it.
    pub(super) fn in_force(&self) -> Value {
        let config = Config {
            risk: self.limits.all.clone(),
            ..self.loaded.config.clone()
        };
        serde_json::to_value(config.values()).unwrap_or_default()
    }

    /// Looks whether the files have changed and been left alone since, or what waited was confirmed.
    pub(super) fn look(&mut self, now: Instant) -> Option<News> {
        if let Some(news) = self.look_for_a_word() {
            return Some(news);
        }
        if !self.loaded.config.config.watch {
            return None;
        }
        let stamps = stamps(&self.loaded);
        if stamps != self.stamps {
            self.stamps = stamps;
            self.moved_at = Some(now);
            return None;
        }
        let since = now.saturating_duration_since(self.moved_at?);
        (since >= SETTLE).then(|| self.read_again()).flatten()
    }

    /// Reads the files again, whether or not they seem to have changed.
    pub(super) fn read_again(&mut self) -> Option<News> {
        self.moved_at = None;
        let read = self.loaded.again();
        let read = read.and_then(|new| super::alerting::check(&new).map(|()| new));
        let new = match read {
            Ok(new) => new,
            Err(error) => {
                let text = error.to_string();
                let is_known = self.trouble.as_ref() == Some(&text);
                self.trouble = Some(text);
                return (!is_known).then_some(News::Refused(error));
            }
        };
        let changes = self.loaded.changes_to(&new);
        let was_wrong = self.trouble.take().is_some();
        if changes.is_empty() {
            return was_wrong.then_some(News::Mended);
        }
        let may_raise = self.loaded.config.config.allow_raise && new.config.config.allow_raise;
        self.loaded = new;
        self.hold(may_raise);
        Some(News::Changed(changes))
    }

    /// Takes over the limits of the files, the looser ones only if they may be.
    fn hold(&mut self, may_raise: bool) {
        let wanted = Limits::of(&self.loaded.config);
        let tight = self.limits.combined(&wanted);
        if may_raise || tight == wanted {
            self.limits = wanted;
            self.waiting = None;
        } else {
            self.limits = tight;
            self.waiting = Some(wanted);
        }
    }

    fn look_for_a_word(&mut self) -> Option<News> {
        let waiting = self.waiting.as_ref()?;
        let file = &self.loaded.config.config.confirmed;
        let word = fs::read_to_string(file).ok()?;
        if word.trim() != waiting.hash() {
            return None;
        }
        // It was for these limits and this once.
        let _ = fs::remove_file(file);
        self.limits = self.waiting.take()?;
        Some(News::Confirmed)
    }
}

/// Confirms limits: a host in which just these wait takes them over.
///
/// # Errors
/// If the file cannot be written.
pub fn confirm(file: &Path, limits: &Limits) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = file.with_file_name(name);
    let _ = fs::remove_file(&beside);
    let put = || {
        let mut new = File::options().write(true).create_new(true).open(&beside)?;
        writeln!(new, "{}", limits.hash())?;
        new.sync_all()?;
        fs::rename(&beside, file)
    };
    let done = put();
    let _ = fs::remove_file(&beside);
    done
}

/// The files that settings come from, and those of a folder among them.
fn stamps(loaded: &Loaded) -> BTreeMap<PathBuf, Stamp> {
    let mut stamps = BTreeMap::new();
    for path in loaded.sources.paths() {
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            stamps.insert(entry.path(), stamp(&entry.path()));
        }
        let stamp = stamp(&path);
        stamps.insert(path, stamp);
    }
    stamps
}

fn stamp(path: &Path) -> Stamp {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::market::Money;

    struct Files {
        folder: tempfile::TempDir,
        settings: Settings,
        now: Instant,
    }

    impl Files {
        fn new(text: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("bea.toml");
            let confirmed = folder.path().join("CONFIRMED");
            let key = "config.confirmed".to_owned();
            fs::write(&file, text).unwrap();
            let sources = Sources {
                files: vec![file],
                overrides: vec![(key, confirmed.display().to_string())],
                ..Sources::default()
            };
            let loaded = Config::load_with(&sources, []).unwrap();
            let settings = Settings::new(&loaded);
            let now = Instant::now();
            Self {
                folder,
                settings,
                now,
            }
        }

        /// Writes a file and lets it settle.
        fn write(&mut self, text: &str) -> Option<News> {
            // The length tells a change even where the clock of the file system is coarse.
            fs::write(self.folder.path().join("bea.toml"), text).unwrap();
            assert!(self.settings.look(self.now).is_none(), "it is not waited");
            self.now += SETTLE;
            self.settings.look(self.now)
        }

        fn max_stake(&self) -> Money {
            self.settings.limits().all.max_stake
        }
    }

    #[test]
    fn lower_holds_at_once_and_higher_waits_for_a_person() {
        let mut files = Files::new("[risk]\nmax_stake = 20\n");
        let Some(News::Changed(changes)) = files.write("[risk]\nmax_stake = 5\n") else {
            panic!("no change was found");
        };
        assert_eq!(changes.len(), 1);
        assert!(
            changes[0]
                .to_string()
                .starts_with("risk.max_stake 20.0 -> 5.0 (")
        );
        assert!(!changes[0].loosens);
        assert_eq!(files.max_stake(), Money::from_major(5));

        let Some(News::Changed(changes)) =
            files.write("[risk]\nmax_stake = 10.00\nmin_stake = 2\n")
        else {
            panic!("no change was found");
        };
        let loosens: Vec<bool> = changes.iter().map(|change| change.loosens).collect();
        assert_eq!(loosens, [true, false], "the stake, and the least stake");
        assert_eq!(files.max_stake(), Money::from_major(5));
        assert_eq!(files.settings.limits().all.min_stake, Money::from_major(2));
        assert!(files.settings.is_waiting());

        let file = files.settings.config().config.confirmed.clone();
        fs::write(&file, "something else").unwrap();
        assert!(files.settings.look(files.now).is_none());
        confirm(&file, &Limits::of(files.settings.config())).unwrap();
        assert!(matches!(
            files.settings.look(files.now),
            Some(News::Confirmed)
        ));
        assert_eq!(files.max_stake(), Money::from_major(10));
        assert!(!file.exists() && !files.settings.is_waiting());
    }

    #[test]
    fn what_changed_while_the_host_started_is_found() {
        let mut files = Files::new("[risk]\nmax_stake = 20\n");
        fs::write(
            files.folder.path().join("bea.toml"),
            "[risk]\nmax_stake = 5\n",
        )
        .unwrap();
        let loaded = files.settings.loaded().clone();
        files.settings = Settings::new(&loaded);
        assert!(files.settings.look(Instant::now()).is_none());
        let later = Instant::now() + SETTLE;
        let Some(News::Changed(changes)) = files.settings.look(later) else {
            panic!("no change was found");
        };
        assert_eq!(changes.len(), 1);
        assert_eq!(files.max_stake(), Money::from_major(5));
        let later = later + SETTLE;
        assert!(files.settings.look(later).is_none(), "it is told once");
    }

    #[test]
    fn what_is_wrong_changes_nothing_and_is_told_once() {
        let mut files = Files::new("[risk]\nmax_stake = 20\n");
        let wrong = "[risk]\nmax_stake = 5\nmax_stak = 1\n";
        assert!(matches!(files.write(wrong), Some(News::Refused(_))));
        assert_eq!(files.max_stake(), Money::from_major(20));
        assert!(files.settings.trouble().unwrap().contains("max_stak"));
        assert!(files.settings.read_again().is_none(), "it was told");
        let mended = files.write("[risk]\nmax_stake = 20.00\n");
        assert!(matches!(mended, Some(News::Mended)), "{mended:?}");
        assert!(files.settings.trouble().is_none());
    }

    #[test]
    fn a_raise_holds_at_once_where_that_was_permitted_before() {
        let allow = "[config]\nallow_raise = true\n";
        let mut files = Files::new(&format!("{allow}[risk]\nmax_stake = 20\n"));
        files.write(&format!("{allow}[risk]\nmax_stake = 50.00\n"));
        assert_eq!(files.max_stake(), Money::from_major(50));
        let mut files = Files::new("[risk]\nmax_stake = 20\n");
        files.write(&format!("{allow}[risk]\nmax_stake = 50\n"));
        assert_eq!(files.max_stake(), Money::from_major(20));
    }
}
