//! A folder on a disk whose power fails: what was synced is there; of what was not, anything may be, in any order.
//!
//! Each sector of a file holds what it held at its last sync or after any later write to it, whatever its neighbours hold;
//! the length of a file and the names in a folder likewise. So writes are torn, reordered and lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::random::Random;
use crate::trace::Step;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A change that was not synced yet, with the number of its step.
type Waiting<T> = Vec<(usize, T)>;

#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: Vec<Node>,
    /// Names as the program sees them.
    seen: BTreeMap<PathBuf, usize>,
    /// Names that are durable.
    kept: BTreeMap<PathBuf, usize>,
    names: Waiting<Name>,
}

/// A file, or a folder, which has no content.
#[derive(Debug, Default)]
struct Node {
    is_folder: bool,
    kept: Vec<u8>,
    changes: Waiting<Change>,
}

#[derive(Debug)]
enum Change {
    Bytes { at: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone, Debug)]
enum Name {
    Put(PathBuf, usize),
    Take(PathBuf),
    Move(PathBuf, PathBuf, usize),
}

/// What is found when the power is back: each name with its content, folders first; a folder has none.
pub(crate) type Image = Vec<(PathBuf, Option<Vec<u8>>)>;

impl Disk {
    /// A folder in which everything is durable.
    pub(crate) fn of(present: &[(PathBuf, Option<Vec<u8>>)]) -> Self {
        let mut disk = Self::default();
        for (name, content) in present {
            disk.files.push(Node {
                is_folder: content.is_none(),
                kept: content.clone().unwrap_or_default(),
                changes: Vec::new(),
            });
            disk.kept.insert(name.clone(), disk.files.len() - 1);
        }
        disk.seen = disk.kept.clone();
        disk
    }

    /// Takes the step of this number.
    pub(crate) fn take(&mut self, number: usize, step: &Step) {
        match step {
            Step::Write { file, at, bytes } => {
                let (at, bytes) = (*at, bytes.clone());
                self.change(number, file, Change::Bytes { at, bytes });
            }
            Step::Length { file, length } => self.change(number, file, Change::Length(*length)),
            Step::Made(name) => self.make(number, name, false),
            Step::MadeFolder(name) => self.make(number, name, true),
            Step::Linked(from, to) => {
                if let Some(&node) = self.seen.get(from) {
                    self.name(number, Name::Put(to.clone(), node));
                }
            }
            Step::Renamed(from, to) => {
                if let Some(&node) = self.seen.get(from) {
                    self.name(number, Name::Move(from.clone(), to.clone(), node));
                }
            }
            Step::Removed(name) => self.name(number, Name::Take(name.clone())),
            Step::Synced { name, before } => self.sync(name, *before),
            Step::Told(_) => {}
        }
    }

    fn make(&mut self, number: usize, name: &Path, is_folder: bool) {
        self.files.push(Node {
            is_folder,
            ..Node::default()
        });
        self.name(number, Name::Put(name.to_owned(), self.files.len() - 1));
    }

    fn change(&mut self, number: usize, file: &Path, change: Change) {
        if let Some(&node) = self.seen.get(file) {
            self.files[node].changes.push((number, change));
        }
    }

    fn name(&mut self, number: usize, name: Name) {
        name.done(&mut self.seen);
        self.names.push((number, name));
    }

    fn sync(&mut self, of: &Path, before: usize) {
        if let Some(&node) = self
            .seen
            .get(of)
            .filter(|node| !self.files[**node].is_folder)
        {
            let node = &mut self.files[node];
            let synced = node.changes.partition_point(|(number, _)| *number < before);
            for (_, change) in node.changes.drain(..synced) {
                change.done(&mut node.kept);
            }
            return;
        }
        let kept = &mut self.kept;
        self.names.retain(|(number, name)| {
            let is_synced = *number < before && name.is_in(of);
            if is_synced {
                name.done(kept);
            }
            !is_synced
        });
    }

    /// The files as the program sees them.
    pub(crate) fn seen(&self) -> Image {
        self.list(&self.seen, |node| {
            let mut content = node.kept.clone();
            node.changes
                .iter()
                .for_each(|(_, change)| change.done(&mut content));
            content
        })
    }

    /// What may be there if the power fails now.
    pub(crate) fn image(&self, random: &mut Random) -> Image {
        // Some failures lose all that may be lost, some nothing, most something.
        let kept_percent = match random.below(5) {
            0 => 0,
            1 => 100,
            _ => random.next() % 101,
        };
        let mut names = self.kept.clone();
        for (_, name) in &self.names {
            if random.chance(kept_percent) {
                name.done(&mut names);
            }
        }
        let random = std::cell::RefCell::new(random);
        self.list(&names, |node| {
            node.torn(kept_percent, &mut random.borrow_mut())
        })
    }

    fn list(&self, names: &BTreeMap<PathBuf, usize>, content: impl Fn(&Node) -> Vec<u8>) -> Image {
        let is_reached = |name: &Path| {
            let folders = name.ancestors().skip(1);
            let mut folders = folders.filter(|folder| *folder != Path::new(""));
            folders.all(|folder| names.contains_key(folder))
        };
        let reached = names.iter().filter(|(name, _)| is_reached(name));
        reached
            .map(|(name, &node)| {
                let node = &self.files[node];
                (name.clone(), (!node.is_folder).then(|| content(node)))
            })
            .collect()
    }
}

impl Name {
    fn done(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Put(name, node) => _ = names.insert(name.clone(), *node),
            Self::Take(name) => _ = names.remove(name),
            Self::Move(from, to, node) => {
                if names.get(from) == Some(node) {
                    names.remove(from);
                }
                names.insert(to.clone(), *node);
            }
        }
    }

    fn is_in(&self, folder: &Path) -> bool {
        match self {
            Self::Put(name, _) | Self::Take(name) | Self::Move(_, name, _) => {
                name.parent() == Some(folder)
            }
        }
    }
}

impl Change {
    fn done(&self, content: &mut Vec<u8>) {
        match self {
            Self::Bytes { at, bytes } => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*at..end].copy_from_slice(bytes);
            }
            Self::Length(length) => content.resize(*length, 0),
        }
    }

    /// What it makes of one sector that begins there.
    fn done_to_sector(&self, start: usize, sector: &mut [u8; SECTOR]) {
        match self {
            Self::Bytes { at, bytes } => {
                let from = start.max(*at);
                let to = (start + SECTOR).min(at + bytes.len());
                if from < to {
                    sector[from - start..to - start].copy_from_slice(&bytes[from - at..to - at]);
                }
            }
            Self::Length(length) => {
                if *length < start + SECTOR {
                    sector[length.saturating_sub(start)..].fill(0);
                }
            }
        }
    }

    /// The sectors that it changes in a file of at most this length.
    fn sectors(&self, longest: usize) -> std::ops::Range<usize> {
        match self {
            Self::Bytes { at, bytes } => at / SECTOR..(at + bytes.len()).div_ceil(SECTOR),
            Self::Length(length) => length / SECTOR..longest.div_ceil(SECTOR),
        }
    }
}

impl Node {
    /// Its content with a part of what was not synced.
    fn torn(&self, kept_percent: u64, random: &mut Random) -> Vec<u8> {
        if self.changes.is_empty() {
            return self.kept.clone();
        }
        let mut lengths = vec![self.kept.len()];
        for (_, change) in &self.changes {
            let last = lengths[lengths.len() - 1];
            lengths.push(match change {
                Change::Bytes { at, bytes } => last.max(at + bytes.len()),
                Change::Length(length) => *length,
            });
        }
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut content = self.kept.clone();
        content.resize(longest.div_ceil(SECTOR) * SECTOR, 0);
        let mut of_sector: BTreeMap<usize, Vec<&Change>> = BTreeMap::new();
        for (_, change) in &self.changes {
            for sector in change.sectors(longest) {
                of_sector.entry(sector).or_default().push(change);
            }
        }
        for (sector, changes) in of_sector {
            let reached = match random.chance(kept_percent) {
                true => changes.len(),
                false if kept_percent == 0 => 0,
                false => random.below(changes.len() + 1),
            };
            let start = sector * SECTOR;
            let mut bytes = [0; SECTOR];
            bytes.copy_from_slice(&content[start..start + SECTOR]);
            for change in &changes[..reached] {
                change.done_to_sector(start, &mut bytes);
            }
            content[start..start + SECTOR].copy_from_slice(&bytes);
        }
        let length = match random.chance(kept_percent) {
            true => lengths[lengths.len() - 1],
            false if kept_percent == 0 => lengths[0],
            false => lengths[random.below(lengths.len())],
        };
        content.truncate(length);
        content.resize(length, 0);
        content
    }
}
