//! The log's file: at a size it becomes `NAME.1`, that one `NAME.2`, and the oldest goes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that is added to, and its forerunners.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    most: u64,
    keep: u32,
    file: File,
    length: u64,
}

impl LogFile {
    /// Opens it to add to it. Its folder is made.
    pub(super) fn open(path: &Path, most: u64, keep: u32) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let file = append_to(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            most,
            keep,
            file,
            length,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line, in one piece.
    pub(super) fn write(&mut self, line: &str) -> io::Result<()> {
        let bytes = format!("{line}\n").into_bytes();
        let more = bytes.len() as u64;
        if self.length > 0 && self.length + more > self.most {
            self.turn_over()?;
        }
        self.file.write_all(&bytes)?;
        self.length += more;
        Ok(())
    }

    /// Begins a file anew where the path points; the old one stays open if that does not work.
    pub(super) fn reopen(&mut self) {
        if let Ok(file) = append_to(&self.path) {
            self.length = file.metadata().map_or(0, |found| found.len());
            self.file = file;
        }
    }

    fn turn_over(&mut self) -> io::Result<()> {
        let numbered = |number: u32| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        if self.keep == 0 {
            fs::remove_file(&self.path)?;
        }
        for number in (1..self.keep).rev() {
            match fs::rename(numbered(number), numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.keep > 0 {
            fs::rename(&self.path, numbered(1))?;
        }
        self.file = append_to(&self.path)?;
        self.length = 0;
        Ok(())
    }
}

/// Opens a file to add to it; nobody else may read it.
fn append_to(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_its_size_a_new_one_is_begun_and_only_so_many_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/bea.log");
        let mut log = LogFile::open(&path, 20, 2).unwrap();
        for i in 0..10 {
            log.write(&format!("line {i} {}", "x".repeat(5))).unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(folder.path().join("logs"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["bea.log", "bea.log.1", "bea.log.2"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "line 9 xxxxx\n");
        let before = fs::read_to_string(folder.path().join("logs/bea.log.1")).unwrap();
        assert_eq!(before, "line 8 xxxxx\n");
        // What is there is added to, also after it was moved away.
        let mut log = LogFile::open(&path, 1_000, 2).unwrap();
        log.write("more").unwrap();
        fs::rename(&path, folder.path().join("away")).unwrap();
        log.reopen();
        log.write("anew").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "anew\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600);
        }
    }
}
