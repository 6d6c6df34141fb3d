//! Approvals on their way to a host that holds the ledger: a file that the command adds to and the host takes.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::durable;
use crate::ledger::Approval;

/// The longest file that is taken.
const LONGEST: u64 = 1 << 20;

/// Leaves an approval for the host.
///
/// # Errors
/// If the file cannot be written.
pub fn leave(file: &Path, approval: &Approval) -> io::Result<()> {
    durable::make_folder(durable::folder_of(file))?;
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut line = serde_json::to_vec(approval)?;
    line.push(b'\n');
    let mut out = options.open(file)?;
    out.write_all(&line)?;
    out.sync_all()?;
    durable::sync_folder_of(file)
}

/// Takes what was left; nothing if nothing was. A line that is none is an error, told once: the file is gone afterwards.
pub(super) fn take(file: &Path) -> io::Result<Vec<Result<Approval, String>>> {
    let about = match fs::symlink_metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        about => about?,
    };
    let is_ours = about.is_file() && about.len() <= LONGEST && is_private(&about);
    let mut taken = file.as_os_str().to_owned();
    taken.push(".taken");
    fs::rename(file, &taken)?;
    if !is_ours {
        let wrong = format!(
            "{} is no file of approvals that only its owner may write (mode 0600): it is put away as {}",
            file.display(),
            taken.to_string_lossy()
        );
        return Ok(vec![Err(wrong)]);
    }
    let text = fs::read_to_string(&taken)?;
    fs::remove_file(&taken)?;
    let read = |line: &str| {
        serde_json::from_str(line).map_err(|error| format!("an approval cannot be read: {error}"))
    };
    Ok(text.lines().map(read).collect())
}

#[cfg(unix)]
fn is_private(about: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 == 0
}

#[cfg(not(unix))]
fn is_private(_: &fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::TimeMs;

    #[test]
    fn what_is_left_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/approvals.jsonl");
        assert_eq!(take(&file).unwrap(), []);
        let approval = Approval {
            at_ms: TimeMs(1),
            strategy: "fav".to_owned(),
            script_hash: "a".repeat(64),
            approved_by: "ann".to_owned(),
            reason: "read it\nall".to_owned(),
        };
        leave(&file, &approval).unwrap();
        leave(&file, &approval).unwrap();
        assert_eq!(take(&file).unwrap(), [Ok(approval.clone()), Ok(approval)]);
        assert_eq!(take(&file).unwrap(), []);
        fs::write(&file, "{}\n").unwrap();
        assert!(
            take(&file).unwrap()[0].is_err(),
            "others could have written it"
        );
        assert!(!file.exists());
    }
}
