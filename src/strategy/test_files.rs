//! The files that a script's tests use: fixtures (moments cut from recordings) and snapshots (results accepted once).
//!
//! They lie beside the strategy, in `fixtures/` and `snapshots/STRATEGY/`, and are read with it: a script opens nothing.
//! They belong to no version of a strategy, so its hash does not know them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The extension of fixtures and snapshots.
const EXTENSION: &str = "json";
/// Bytes of one.
const MOST_BYTES: u64 = 1024 * 1024;
/// Bytes of a name.
const MOST_NAME: usize = 64;
/// Files of each kind that are read.
const MOST_FILES: usize = 500;

/// Texts of fixtures and snapshots by name.
#[derive(Clone, Debug, Default)]
pub(super) struct TestFiles {
    /// Fixtures there are, with the text of those the script names, or why it cannot be read.
    pub(super) fixtures: BTreeMap<String, Option<Result<String, String>>>,
    /// Accepted snapshots.
    pub(super) snapshots: BTreeMap<String, Result<String, String>>,
}

/// Where a fixture of this name lies.
pub(super) fn fixture_path(folder: &Path, name: &str) -> PathBuf {
    folder.join("fixtures").join(format!("{name}.{EXTENSION}"))
}

/// Where a snapshot of this name lies.
pub(super) fn snapshot_path(folder: &Path, strategy: &str, name: &str) -> PathBuf {
    let folder = folder.join("snapshots").join(strategy);
    folder.join(format!("{name}.{EXTENSION}"))
}

/// Whether a fixture or snapshot can be called so: no name leads out of its folder.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.len() <= MOST_NAME && name.chars().all(plain)
}

/// Reads what a script's tests name.
pub(super) fn read(folder: &Path, strategy: &str, text: &str) -> TestFiles {
    let mut files = TestFiles::default();
    if text.contains(".fixture(") {
        let home = folder.join("fixtures");
        for name in names_in(&home) {
            let is_named = ['"', '`']
                .iter()
                .any(|q| text.contains(&format!("{q}{name}{q}")));
            let read = is_named.then(|| read_inside(&home, &fixture_path(folder, &name)));
            files.fixtures.insert(name, read);
        }
    }
    if text.contains(".snapshot(") {
        let home = folder.join("snapshots").join(strategy);
        for name in names_in(&home) {
            let read = read_inside(&home, &snapshot_path(folder, strategy, &name));
            files.snapshots.insert(name, read);
        }
    }
    files
}

fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut names: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|e| e == EXTENSION))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| is_name(name))
        .collect();
    names.sort();
    names.truncate(MOST_FILES);
    names
}

/// A file of a folder; no link leads out of it.
fn read_inside(home: &Path, path: &Path) -> Result<String, String> {
    let wrong = |what: &str| format!("{}: {what}", path.display());
    let cannot = |error: std::io::Error| wrong(&format!("cannot be read: {error}"));
    let (home, real) = (
        home.canonicalize().map_err(cannot)?,
        path.canonicalize().map_err(cannot)?,
    );
    if !real.starts_with(home) || !real.is_file() {
        return Err(wrong("it is a link out of its folder"));
    }
    let mut bytes = Vec::new();
    let file = File::open(real).map_err(cannot)?;
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(wrong(&format!("it is over {} KiB", MOST_BYTES / 1024)));
    }
    String::from_utf8(bytes).map_err(|_| wrong("it is no UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder() {
        for name in ["../x", "a/b", "", ".", "..", "a.b", "/etc/passwd", "a\\b"] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_name("warwick_10s-before"));
    }

    #[test]
    fn only_what_is_named_is_read_and_no_link_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("fixtures")).unwrap();
        for name in ["one", "two"] {
            std::fs::write(fixture_path(folder.path(), name), name).unwrap();
        }
        let files = read(folder.path(), "x", "t.fixture(\"one\")");
        assert_eq!(files.fixtures["one"], Some(Ok("one".to_owned())));
        assert_eq!(files.fixtures["two"], None);
        assert!(read(folder.path(), "x", "").fixtures.is_empty());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/etc/passwd", fixture_path(folder.path(), "out")).unwrap();
            let files = read(folder.path(), "x", "t.fixture(\"out\")");
            let refused = files.fixtures["out"].clone().unwrap().unwrap_err();
            assert!(refused.contains("link out"), "{refused}");
        }
    }
}
