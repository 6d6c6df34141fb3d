//! Names that outlast a power failure: a file's name reaches the disk with its folder, not with the file.

use std::fs;
use std::io;
use std::path::Path;

/// Gives a file another name, in the place of what has it, and returns when that is durable. The file's content is synced
/// by whoever wrote it.
///
/// # Errors
/// If it cannot be renamed, or it is not known whether the new name is durable.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_folder_of(to)
}

/// Removes a file and returns when it is durably gone, whoever removed it; false if there was none.
///
/// # Errors
/// If it is there and cannot be removed, or it is not known whether that is durable.
pub fn remove(file: &Path) -> io::Result<bool> {
    let was_there = match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        removed => removed.map(|()| true)?,
    };
    match sync_folder_of(file) {
        Err(error) if !was_there && error.kind() == io::ErrorKind::NotFound => Ok(false),
        synced => synced.map(|()| was_there),
    }
}

/// Makes a folder and those above it that are missing, each durable before anything is put into it.
///
/// # Errors
/// If it cannot be made.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    match fs::create_dir(folder) {
        // Somebody else was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync_folder_of(folder)
}

/// Has the names in a file's folder, its own among them, reach the disk.
///
/// # Errors
/// If it is not known whether they did.
pub fn sync_folder_of(file: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and names are durable with their file.
    #[cfg(unix)]
    fs::File::open(folder_of(file))?.sync_all()?;
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// The folder that a file is in.
#[must_use]
pub fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_files_renamed_and_removed() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/b");
        make_folder(&folder).unwrap();
        make_folder(&folder).unwrap();
        let (one, two) = (folder.join("one"), folder.join("two"));
        fs::write(&one, "1").unwrap();
        rename(&one, &two).unwrap();
        assert_eq!(fs::read_to_string(&two).unwrap(), "1");
        assert!(remove(&two).unwrap());
        assert!(!remove(&two).unwrap());
        assert!(rename(&one, &two).is_err());
        assert!(make_folder(&two.join("c")).is_ok(), "a name that was freed");
        fs::write(folder.join("file"), "").unwrap();
        assert!(make_folder(&folder.join("file/c")).is_err());
        assert_eq!(folder_of(Path::new("KILL")), Path::new("."));
    }
}
