//! Whether the files of the configuration are still as the host has read them: it does not read them again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::{Loaded, Origin};

/// When a file was changed last, and how long it is; `None` if it is not there.
type Stamp = Option<(SystemTime, u64)>;

/// The files that gave the settings, until they change.
#[derive(Debug)]
pub(super) struct SettingsFiles(Vec<(PathBuf, Stamp)>);

impl SettingsFiles {
    /// Those of a configuration that was just read.
    pub(super) fn of(settings: &Loaded) -> Self {
        let paths: BTreeSet<&PathBuf> = settings
            .origins
            .values()
            .filter_map(|origin| match origin {
                Origin::File(path, _) => Some(path),
                _ => None,
            })
            .collect();
        Self::at(paths)
    }

    fn at<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> Self {
        let stamped = paths.into_iter().map(|path| (path.clone(), stamp(path)));
        Self(stamped.collect())
    }

    /// Those that have changed. Each is given once: what is in it counts only after a restart, however often it changes.
    pub(super) fn changed(&mut self) -> Vec<PathBuf> {
        let changed = self.0.extract_if(.., |(path, was)| stamp(path) != *was);
        changed.map(|(path, _)| path).collect()
    }
}

fn stamp(path: &Path) -> Stamp {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_or_goes_is_told_of_once() {
        let folder = tempfile::tempdir().unwrap();
        let [edited, deleted, left] =
            ["bea.toml", "bea.local.toml", "other.toml"].map(|name| folder.path().join(name));
        for path in [&edited, &deleted, &left] {
            fs::write(path, "[risk]\n").unwrap();
        }
        let mut files = SettingsFiles::at([&edited, &deleted, &left]);
        assert_eq!(files.changed(), [] as [PathBuf; 0]);
        fs::write(&edited, "[risk]\nmax_stake = 1\n").unwrap();
        fs::remove_file(&deleted).unwrap();
        assert_eq!(files.changed(), [edited.clone(), deleted]);
        fs::write(&edited, "").unwrap();
        assert_eq!(files.changed(), [] as [PathBuf; 0]);
    }
}
