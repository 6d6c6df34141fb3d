//! A recorded session: a folder of parts, read as one recording. A part alone does not stand: what a market is may be told in
//! an earlier one.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::parts_of;

/// Whether a folder is a recorded session.
pub(super) fn is_session(folder: &Path) -> bool {
    folder.is_dir() && parts_of(folder).is_ok_and(|parts| !parts.is_empty())
}

/// Bytes of all parts, as they are on disk.
pub(super) fn size(folder: &Path) -> u64 {
    let parts = parts_of(folder).unwrap_or_default();
    let sizes = parts
        .iter()
        .filter_map(|part| std::fs::metadata(part).ok())
        .map(|about| about.len());
    sizes.sum()
}

/// The lines of all parts, one after the other.
pub(super) struct Session {
    left: std::vec::IntoIter<PathBuf>,
    part: Option<Box<dyn Read>>,
    /// Bytes read from the disk.
    read: Rc<Cell<u64>>,
}

impl Session {
    pub(super) fn open(folder: &Path, read: Rc<Cell<u64>>) -> io::Result<Self> {
        Ok(Self {
            left: parts_of(folder)?.into_iter(),
            part: None,
            read,
        })
    }

    fn part(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let file = File::open(path)?;
        self.read.set(self.read.get() + file.metadata()?.len());
        Ok(match path.extension().is_some_and(|end| end == "zst") {
            true => Box::new(zstd::Decoder::new(file)?),
            false => Box::new(file),
        })
    }
}

impl Read for Session {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(part) = &mut self.part {
                let count = part.read(into)?;
                if count > 0 || into.is_empty() {
                    return Ok(count);
                }
            }
            let Some(path) = self.left.next() else {
                return Ok(0);
            };
            self.part = Some(self.part(&path)?);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::source::{expand, visit};

    #[test]
    fn a_session_in_parts_is_one_recording() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("20260101T000000-run-1");
        std::fs::create_dir(&place).unwrap();
        let line = |pt: i64, more: &str| {
            format!("{{\"op\":\"mcm\",\"pt\":{pt},\"mc\":[{{\"id\":\"1.1\"{more}}}]}}\n")
        };
        let definition = r#","marketDefinition":{"status":"OPEN","marketTime":"2026-01-01T14:10:00.000Z","eventTypeId":"7","version":1,"runners":[{"id":7,"status":"ACTIVE","sortPriority":1}]}"#;
        let first = line(1, definition);
        let packed = zstd::encode_all(first.as_bytes(), 1).unwrap();
        std::fs::write(place.join("part-000001.jsonl.zst"), packed).unwrap();
        let second = line(2, r#","rc":[{"id":7,"ltp":3.0}]"#);
        std::fs::write(place.join("part-000002.jsonl"), second).unwrap();
        assert_eq!(expand(&[folder.path()]).unwrap(), [&*place]);
        assert_eq!(
            size(&place),
            crate::source::pieces(&place)[0].as_ref().unwrap().size()
        );
        let mut times = Vec::new();
        visit(&place, &mut |recording| {
            while let Some(update) = recording.next().unwrap() {
                times.push(update.published_at.0);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(times, [1, 2]);
    }
}
