//! The kill switch: a file that stops all betting by being there.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Looks for the kill file. It holds nothing between looks, so a look is always the truth of that moment.
#[derive(Clone, Debug)]
pub(super) struct KillSwitch {
    file: PathBuf,
}

impl KillSwitch {
    pub(super) fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
        }
    }

    /// Why betting is stopped; `None` only if it is certain that the file does not exist.
    pub(super) fn reason(&self) -> Option<String> {
        // A link that points nowhere counts: somebody put it there.
        match std::fs::symlink_metadata(&self.file) {
            Ok(_) => Some(format!("the kill file {} exists", self.file.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => Some(format!(
                "the kill file {} cannot be looked for: {error}",
                self.file.display()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_is_certainly_absent_lets_bets_go() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("KILL");
        let kill = KillSwitch::new(&file);
        assert_eq!(kill.reason(), None);
        assert_eq!(
            KillSwitch::new(&folder.path().join("no/such/folder")).reason(),
            None
        );
        std::fs::write(&file, "").unwrap();
        assert!(kill.reason().unwrap().ends_with("KILL exists"));
        // A file where a folder should be: nobody can say whether the switch is on.
        let beyond = KillSwitch::new(&file.join("KILL")).reason().unwrap();
        assert!(beyond.contains("cannot be looked for"), "{beyond}");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(kill.reason(), None);
    }
}
