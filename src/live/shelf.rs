//! The strategies folder: notices what was saved, reads it once, checks it, and hands on what is good.
//!
//! The system's notices of changed files only make it quick. Every half second the folder is looked at anyway, so
//! a change is found where there are no such notices, or where they are lost.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::config::{ConfigError, Instance, Loaded, stem};
use crate::engine::{Fault, FaultKind};
use crate::strategy::{Script, ScriptError, find};

/// How often the folder is looked at without being told.
const LOOK: Duration = Duration::from_millis(500);
/// An editor is done when it has left the files alone for this long …
const QUIET: Duration = Duration::from_millis(100);
/// … but nobody is waited for longer than this.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was found of a strategy.
#[derive(Clone, Debug)]
pub enum Finding {
    /// A version that compiles and passes its tests.
    Good(Script),
    /// A version that does not.
    Bad {
        /// Which strategy.
        name: String,
        /// The test that failed, if it compiles.
        test: Option<String>,
        /// What is wrong, and where.
        error: ScriptError,
        /// What was refused, as far as it could be read.
        draft: Option<Box<Script>>,
    },
    /// Its file is gone.
    Missing {
        /// Which strategy.
        name: String,
        /// Its file.
        file: String,
    },
}

impl Finding {
    /// A version that turned out not to compile.
    pub(super) fn bad(script: Script, error: ScriptError) -> Self {
        Self::Bad {
            name: script.name().to_owned(),
            test: None,
            error,
            draft: Some(Box::new(script)),
        }
    }

    /// A version that failed when it was to go on from what the one before it, or the ledger, remembers.
    pub(super) fn unfit(script: Script, fault: &Fault) -> Self {
        let error = ScriptError {
            file: script.name().to_owned(),
            position: None,
            message: format!(
                "version {} is not taken: {}",
                script.short_hash(),
                fault.summary
            ),
            source_line: None,
            hint: None,
            kind: fault.kind,
        };
        Self::bad(script, error)
    }

    /// Which strategy.
    #[must_use]
    pub fn strategy(&self) -> &str {
        match self {
            Self::Good(script) => script.name(),
            Self::Bad { name, .. } | Self::Missing { name, .. } => name,
        }
    }

    /// One line about what is wrong: file, place, message.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Good(script) => format!("{} is good", script.name()),
            Self::Bad {
                test: None, error, ..
            } => error.summary(),
            Self::Bad {
                test: Some(test),
                error,
                ..
            } => format!("{} (in {test})", error.summary()),
            Self::Missing { file, .. } => format!("the file {file} is gone"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad { test, error, .. } => {
                error.fmt(f)?;
                match test {
                    Some(test) => write!(f, "\nits own test {test} failed"),
                    None => Ok(()),
                }
            }
            other => f.write_str(&other.summary()),
        }
    }
}

/// The folder and what was found in it last.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    settings: Loaded,
    /// What each strategy was known by when it was judged last.
    judged: BTreeMap<String, (String, Known)>,
}

/// By what a version is known again.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// The hash of its content.
    Version(String),
    /// It could not be read: by the error.
    Unreadable(ScriptError),
    Missing,
}

impl Shelf {
    pub(super) fn new(settings: &Loaded) -> Self {
        Self {
            folder: settings.config.run.strategies.clone(),
            settings: settings.clone(),
            judged: BTreeMap::new(),
        }
    }

    /// Reads the folder and judges what is new since the last time. Runs scripts, so it needs a large stack.
    pub(super) fn look(&mut self) -> Vec<Finding> {
        let instances = self
            .settings
            .config
            .instances(&strategy_files(&self.folder));
        let mut findings = Vec::new();
        for instance in &instances {
            let (name, path) = (&instance.name, &instance.path);
            let read = read(instance);
            let known = match &read {
                Ok(script) => Known::Version(script.hash().to_owned()),
                Err(_) if !path.exists() => continue,
                Err(error) => Known::Unreadable(error.clone()),
            };
            let before = self.judged.get(name);
            if before.is_none_or(|(_, before)| *before != known) {
                self.judged.insert(name.clone(), (file_name(path), known));
                findings.push(self.judge(instance, read));
            }
        }
        for (name, (file, known)) in &mut self.judged {
            let is_there = |instance: &Instance| instance.name == *name && instance.path.exists();
            if !instances.iter().any(is_there) && *known != Known::Missing {
                *known = Known::Missing;
                let (name, file) = (name.clone(), file.clone());
                findings.push(Finding::Missing { name, file });
            }
        }
        findings
    }

    /// Compiles a version, holds it against its parameters, and runs its own tests.
    fn judge(&self, instance: &Instance, read: Result<Script, ScriptError>) -> Finding {
        let bad = |draft: Option<Script>, test: Option<String>, error: ScriptError| Finding::Bad {
            name: instance.name.clone(),
            test,
            error,
            draft: draft.map(Box::new),
        };
        let script = match read {
            Ok(script) => script,
            Err(error) => {
                let params = instance.params.clone().into_iter().collect();
                let draft = Script::draft(&instance.name, &instance.path, &params);
                return bad(draft, None, error);
            }
        };
        let misfits = script.misfits().unwrap_or_default().into_iter();
        let misfits = misfits.map(|(param, problem)| {
            let value = script.overrides().get(param).cloned().unwrap_or_default();
            self.settings.misfit(&instance.name, param, &value, problem)
        });
        if let Some(error) = ConfigError::of(misfits.collect()) {
            return bad(Some(script.clone()), None, blame(&error));
        }
        match script.test() {
            Err(error) => bad(Some(script), None, error),
            Ok(report) => match report.failures().next() {
                None => Finding::Good(script),
                Some((test, error)) => bad(Some(script), Some(test.to_owned()), error.clone()),
            },
        }
    }

    /// Tells of changes, and who asked for the look that found them, until nobody listens or `ears` is told to stop.
    pub(super) fn watch(
        mut self,
        ears: &Ears,
        mut tell: impl FnMut(Finding, Option<&str>) -> bool,
    ) {
        // Dropping it ends the system's notices.
        let _watcher = ears.listen(&self.folder);
        let mut seen = None;
        let mut asked_by = None;
        loop {
            let present = fingerprint(&self.folder);
            if seen.as_ref() != Some(&present) {
                seen = Some(present);
                for finding in self.look() {
                    if !tell(finding, asked_by.as_deref()) {
                        return;
                    }
                }
            }
            asked_by = None;
            match ears.inbox.recv_timeout(LOOK) {
                Ok(Heard::Touched) => seen = None,
                Ok(Heard::Asked(by)) => (seen, asked_by) = (None, Some(by)),
                Ok(Heard::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    if seen.as_ref() == Some(&fingerprint(&self.folder)) {
                        continue;
                    }
                }
            }
            if !ears.wait_for_quiet(&mut asked_by) {
                return;
            }
        }
    }
}

/// What the watching thread hears.
#[derive(Debug)]
pub(super) enum Heard {
    /// Something in the folder changed.
    Touched,
    /// Somebody wants it looked at: who, and by which request.
    Asked(String),
    /// It is over.
    Stop,
}

/// Where the watching thread listens.
#[derive(Debug)]
pub(super) struct Ears {
    outside: Sender<Heard>,
    inbox: Receiver<Heard>,
}

impl Ears {
    /// The ears, and the way to tell them to stop.
    pub(super) fn new() -> (Self, Sender<Heard>) {
        let (outside, inbox) = channel();
        let stop = outside.clone();
        (Self { outside, inbox }, stop)
    }

    /// Asks the system for notices of changes. Without them the regular look finds changes a little later.
    fn listen(&self, folder: &Path) -> Option<RecommendedWatcher> {
        let outside = self.outside.clone();
        let notices = move |event: notify::Result<notify::Event>| {
            // Reading a file is noticed too, and we read them all.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = outside.send(Heard::Touched);
            }
        };
        let watching = notify::recommended_watcher(notices).and_then(|mut watcher| {
            watcher.watch(folder, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        watching
            .inspect_err(|error| tracing::warn!(%error, "no notices of changed files; looking twice a second"))
            .ok()
    }

    /// Waits until the editor is done, and notes who asks meanwhile. False if told to stop.
    fn wait_for_quiet(&self, asked_by: &mut Option<String>) -> bool {
        let patience = Instant::now() + PATIENCE;
        while let Some(left) = patience.checked_duration_since(Instant::now()) {
            match self.inbox.recv_timeout(QUIET.min(left)) {
                Ok(Heard::Touched) => {}
                Ok(Heard::Asked(by)) => *asked_by = Some(by),
                Ok(Heard::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        true
    }
}

fn read(instance: &Instance) -> Result<Script, ScriptError> {
    let params = instance.params.clone().into_iter().collect();
    Script::read_as(&instance.name, &instance.path, &params)
}

/// An error of the configuration in the form of one of a script.
fn blame(error: &ConfigError) -> ScriptError {
    let (file, message) = match error {
        ConfigError::Value {
            origin,
            key,
            value,
            problem,
        } => {
            let message = format!("`{key}` cannot be {value}: {problem}");
            (origin.to_string(), message)
        }
        other => ("configuration".to_owned(), other.to_string()),
    };
    let (message, hint) = match message.split_once('\n') {
        Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
        None => (message, None),
    };
    ScriptError {
        file,
        position: None,
        message,
        source_line: None,
        hint,
        kind: FaultKind::default(),
    }
}

/// The files of the strategies. A folder that is gone holds none; hidden files are editors' own.
fn strategy_files(folder: &Path) -> Vec<PathBuf> {
    if !folder.is_dir() {
        return Vec::new();
    }
    let mut paths = find(&[folder.display().to_string()], folder).unwrap_or_default();
    paths.retain(|path| !stem(path).starts_with('.'));
    paths
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

type Fingerprint = Vec<(PathBuf, Option<SystemTime>, u64)>;

/// How deep libraries and tables may lie below the strategies, to be watched.
const DEPTH: usize = 8;

/// Changes when anything in the folder is saved, made or removed, as far as names, times and sizes tell: strategies,
/// what they import and their tables.
fn fingerprint(folder: &Path) -> Fingerprint {
    let mut files = Fingerprint::new();
    gather(folder, DEPTH, &mut files);
    files.sort();
    files
}

fn gather(folder: &Path, depth: usize, files: &mut Fingerprint) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let Ok(meta) = path.metadata() else { continue };
        if stem(&path).starts_with('.') {
            continue;
        }
        if meta.is_file() {
            files.push((path, meta.modified().ok(), meta.len()));
        } else if meta.is_dir() && depth > 0 {
            gather(&path, depth - 1, files);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    const GOOD: &str = "fn on_odds(market, ctx) { [] }\n";

    fn shelf(files: &[(&str, &str)]) -> (tempfile::TempDir, Shelf) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let strategies = folder.path().display().to_string();
        let sources = Sources {
            overrides: vec![("run.strategies".to_owned(), strategies)],
            ..Sources::default()
        };
        let settings = Config::load_with(&sources, []).unwrap();
        let shelf = Shelf::new(&settings);
        (folder, shelf)
    }

    /// What was found, in short.
    fn look(shelf: &mut Shelf) -> Vec<String> {
        shelf.look().iter().map(Finding::summary).collect()
    }

    #[test]
    fn each_version_is_judged_once() {
        let (folder, mut shelf) = shelf(&[("a.rhai", GOOD), ("b.rhai", "fn on_odds(")]);
        let first = look(&mut shelf);
        assert_eq!(first[0], "a is good");
        assert!(first[1].contains("/b.rhai:1:"), "{first:?}");
        assert!(look(&mut shelf).is_empty(), "nothing is new");
        std::fs::write(folder.path().join("b.rhai"), GOOD).unwrap();
        assert_eq!(look(&mut shelf), ["b is good"]);
    }

    #[test]
    fn a_failing_test_is_named_with_its_place() {
        let test = "fn test_it(t) {\n    t.eq(1, 2);\n}\n";
        let (_folder, mut shelf) = shelf(&[("a.rhai", &format!("{GOOD}{test}"))]);
        let found = look(&mut shelf);
        assert!(
            found[0].contains("/a.rhai:3:") && found[0].ends_with("(in test_it)"),
            "{found:?}"
        );
    }

    #[test]
    fn a_file_that_is_gone_is_told_once_and_is_welcome_back() {
        let (folder, mut shelf) = shelf(&[("a.rhai", GOOD), (".a.rhai", "an editor's own")]);
        assert_eq!(look(&mut shelf), ["a is good"]);
        std::fs::remove_file(folder.path().join("a.rhai")).unwrap();
        assert_eq!(look(&mut shelf), ["the file a.rhai is gone"]);
        assert!(look(&mut shelf).is_empty());
        std::fs::write(folder.path().join("a.rhai"), GOOD).unwrap();
        assert_eq!(look(&mut shelf), ["a is good"]);
    }

    #[test]
    fn a_changed_library_is_a_new_version_of_all_that_import_it() {
        let importing = format!("import \"x\" as x;\n{GOOD}");
        let files = [
            ("a.rhai", importing.as_str()),
            ("b.rhai", GOOD),
            ("lib/x.rhai", ""),
        ];
        let (folder, mut shelf) = shelf(&files);
        assert_eq!(look(&mut shelf).len(), 2);
        let before = fingerprint(folder.path());
        std::fs::write(folder.path().join("lib/x.rhai"), "fn one() { 1 }").unwrap();
        assert_ne!(before, fingerprint(folder.path()));
        assert_eq!(look(&mut shelf), ["a is good"]);
    }

    #[test]
    fn a_changed_table_is_a_new_version_of_the_strategy_that_reads_it() {
        let reading = format!("fn tables() {{ #{{ elo: \"data/elo.csv\" }} }}\n{GOOD}");
        let files = [
            ("a.rhai", reading.as_str()),
            ("b.rhai", GOOD),
            ("data/elo.csv", "name,elo\nx,1\n"),
        ];
        let (folder, mut shelf) = shelf(&files);
        assert_eq!(look(&mut shelf).len(), 2);
        let before = fingerprint(folder.path());
        std::fs::write(folder.path().join("data/elo.csv"), "name,elo\nx,1000\n").unwrap();
        assert_ne!(before, fingerprint(folder.path()), "also without notices");
        assert_eq!(look(&mut shelf), ["a is good"]);
    }
}
