//! Fences: what the state of the machine forbids. They go up at once, and down when all has been well for a while.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::config;
use crate::engine::{Command, Fence};
use crate::source;

/// How often the disk is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How long all must have been well for a fence to go down.
const WELL: Duration = Duration::from_secs(60);

/// Those that are up, and since when each would be well.
#[derive(Debug)]
pub(super) struct Fences {
    folder: PathBuf,
    free: fn(&Path) -> io::Result<u64>,
    looked_at: Option<Instant>,
    up: BTreeMap<Fence, Option<Instant>>,
}

impl Fences {
    /// Fences of a host that writes to this file's folder.
    pub(super) fn new(ledger: &Path) -> Self {
        Self::with(ledger, source::free)
    }

    fn with(ledger: &Path, free: fn(&Path) -> io::Result<u64>) -> Self {
        let folder = match ledger.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        Self {
            folder: folder.to_owned(),
            free,
            looked_at: None,
            up: BTreeMap::new(),
        }
    }

    /// What the engine is to be told, if anything.
    pub(super) fn tend(&mut self, settings: &config::Fence, now: Instant) -> Option<Command> {
        let is_due = |at| now.saturating_duration_since(at) >= LOOK;
        if !self.looked_at.is_none_or(is_due) {
            return None;
        }
        self.looked_at = Some(now);
        let found = self.look_at_disk(settings.disk_free_mib);
        self.set(Fence::DiskLow, found, now)
    }

    fn look_at_disk(&self, floor_mib: u32) -> Option<String> {
        if floor_mib == 0 {
            return None;
        }
        let folder = self.folder.display();
        match (self.free)(&self.folder) {
            Ok(free) if free >= u64::from(floor_mib) << 20 => None,
            Ok(free) => Some(format!(
                "{folder} has {} MiB free, {floor_mib} are asked for (fence.disk_free_mib)",
                free >> 20
            )),
            Err(error) => Some(format!(
                "how much of {folder} is free cannot be told: {error}"
            )),
        }
    }

    fn set(&mut self, fence: Fence, found: Option<String>, now: Instant) -> Option<Command> {
        match (found, self.up.get_mut(&fence)) {
            (Some(figures), None) => {
                self.up.insert(fence, None);
                Some(Command::Fence(fence, Some(figures)))
            }
            (Some(_), Some(well_since)) => {
                *well_since = None;
                None
            }
            (None, Some(well_since)) => {
                let since = *well_since.get_or_insert(now);
                if now.saturating_duration_since(since) < WELL {
                    return None;
                }
                self.up.remove(&fence);
                Some(Command::Fence(fence, None))
            }
            (None, None) => None,
        }
    }

    /// Every fence that is up, for a session that begins.
    pub(super) fn forget(&mut self) {
        self.up.clear();
        self.looked_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: config::Fence = config::Fence {
        disk_free_mib: 100,
        deaths: 3,
    };

    fn is_up(command: &Option<Command>) -> Option<bool> {
        match command {
            Some(Command::Fence(Fence::DiskLow, figures)) => Some(figures.is_some()),
            _ => None,
        }
    }

    #[test]
    fn a_full_disk_raises_a_fence_and_a_well_minute_takes_it_down() {
        let ledger = Path::new("data/ledger.sqlite");
        let mut fences = Fences::with(ledger, |_| Ok(99 << 20));
        let start = Instant::now();
        let up = fences.tend(&SETTINGS, start);
        let Some(Command::Fence(Fence::DiskLow, Some(figures))) = &up else {
            panic!("{up:?}");
        };
        assert!(figures.contains("data has 99 MiB free"), "{figures}");
        assert_eq!(fences.tend(&SETTINGS, start + LOOK), None);
        fences.free = |_| Ok(100 << 20);
        let well = start + 2 * LOOK;
        assert_eq!(fences.tend(&SETTINGS, well), None);
        let down = fences.tend(&SETTINGS, well + WELL);
        assert_eq!(is_up(&down), Some(false));
        fences.free = |_| Err(io::Error::other("gone"));
        let up = fences.tend(&SETTINGS, well + WELL + LOOK);
        assert_eq!(is_up(&up), Some(true), "what is not known forbids");
    }
}
