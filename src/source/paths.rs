//! From what a user names (files, folders, patterns) to the files meant, in a fixed order.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{Cause, SourceError};
use super::session::is_session;

/// The files meant by a list of files, folders (read recursively) and patterns, each once.
///
/// They come in the order given, those of one folder or pattern sorted by path. Hidden files and folders, and ledgers, are
/// skipped unless named themselves, and links to folders inside a folder are not followed.
///
/// # Errors
/// If one of them names nothing, or a folder cannot be read.
pub fn expand<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<PathBuf>, SourceError> {
    let mut files = Vec::new();
    for path in paths {
        let found = files_of(path.as_ref())
            .map_err(|cause| SourceError::new(path.as_ref().display().to_string(), cause))?;
        files.extend(found);
    }
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())));
    Ok(files)
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, Cause> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let files = files_in(path)?;
            if files.is_empty() {
                return Err(Cause::NoFiles);
            }
            Ok(files)
        }
        Ok(_) => Ok(vec![path.to_owned()]),
        // Some systems call a pattern an invalid name rather than a missing one.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(Cause::Unreadable(error))
        }
        Err(_) => matching(path),
    }
}

/// All files in a folder and the folders in it, sorted; recorded sessions, which are folders of parts, as one each.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Cause> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if is_session(&folder) {
            files.push(folder);
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(Cause::Unreadable)? {
            let entry = entry.map_err(Cause::Unreadable)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // A ledger may lie among recordings, with what belongs to it.
            if name.starts_with('.') || name.contains(".sqlite") {
                continue;
            }
            if entry.file_type().map_err(Cause::Unreadable)?.is_dir() {
                folders.push(entry.path());
            } else if entry.path().is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn matching(path: &Path) -> Result<Vec<PathBuf>, Cause> {
    let Some(pattern) = path.to_str().filter(|text| text.contains(['*', '?', '['])) else {
        return Err(Cause::NotFound);
    };
    let options = glob::MatchOptions {
        require_literal_leading_dot: true,
        require_literal_separator: true,
        ..glob::MatchOptions::new()
    };
    let matches =
        glob::glob_with(pattern, options).map_err(|error| Cause::BadPattern(error.to_string()))?;
    let mut files = Vec::new();
    for found in matches {
        let found = found.map_err(|error| Cause::Unreadable(error.into()))?;
        if found.is_dir() {
            files.extend(files_in(&found)?);
        } else {
            files.push(found);
        }
    }
    if files.is_empty() {
        return Err(Cause::NoMatch);
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files in it.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    fn expanded(root: &Path, paths: &[&str]) -> Vec<String> {
        let paths: Vec<_> = paths.iter().map(|path| root.join(path)).collect();
        let inside = |file: PathBuf| file.strip_prefix(root).unwrap().display().to_string();
        expand(&paths).unwrap().into_iter().map(inside).collect()
    }

    #[test]
    fn folders_are_read_recursively_and_sorted_without_hidden_files() {
        let root = folder(&["b/2", "b/1", "a/x/9", "a/y", ".hidden", ".git/objects", "c"]);
        assert_eq!(
            expanded(root.path(), &[""]),
            ["a/x/9", "a/y", "b/1", "b/2", "c"]
        );
        assert_eq!(expanded(root.path(), &[".hidden"]), [".hidden"]);
    }

    #[test]
    fn patterns_match_files_and_folders() {
        let root = folder(&["a/1.bz2", "a/2.txt", "a/b/3.bz2", "a/.4.bz2", "a/[5]"]);
        assert_eq!(expanded(root.path(), &["a/*.bz2"]), ["a/1.bz2"]);
        assert_eq!(
            expanded(root.path(), &["**/*.bz2"]),
            ["a/1.bz2", "a/b/3.bz2"]
        );
        assert_eq!(expanded(root.path(), &["a/?"]), ["a/b/3.bz2"]);
        assert_eq!(
            expanded(root.path(), &["a/[5]"]),
            ["a/[5]"],
            "a file's own name comes first"
        );
    }

    #[test]
    fn the_order_given_is_kept_and_each_file_comes_once() {
        let root = folder(&["a/1", "a/2", "b"]);
        assert_eq!(
            expanded(root.path(), &["b", "a/2", "a", "a/../b"]),
            ["b", "a/2", "a/1"]
        );
    }

    #[test]
    fn what_names_nothing_is_an_error() {
        let root = folder(&["empty/.hidden"]);
        let error = |path: &str| expand(&[root.path().join(path)]).unwrap_err();
        assert!(matches!(error("missing").cause, Cause::NotFound));
        assert!(matches!(error("*.bz2").cause, Cause::NoMatch));
        assert!(matches!(error("a***").cause, Cause::BadPattern(_)));
        assert!(matches!(error("empty").cause, Cause::NoFiles));
        let text = error("missing").to_string();
        assert!(
            text.contains("missing: no such file or folder. Check the path"),
            "{text}"
        );
    }
}
