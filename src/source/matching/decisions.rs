//! What people decided about names, and what waits for them; kept in one file that people can read.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::names::Name;
use super::{Listed, Orientation, Pair};

/// Names that are known to mean the same or not, and pairs that wait for a decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decisions {
    /// Names that mean the same, each pair in order.
    same: BTreeSet<(String, String)>,
    /// Names that do not.
    different: BTreeSet<(String, String)>,
    /// Pairs that wait.
    waiting: Vec<Waiting>,
}

/// A pair that waits for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// The names of the first source: home and away.
    pub left: (String, String),
    /// Those of the second.
    pub right: (String, String),
    /// The sources' ids of the event.
    pub ids: (String, String),
    /// From 0 to 1.
    pub confidence: f64,
    /// Home is away.
    pub inverted: bool,
    /// Why it is not sure.
    pub doubts: Vec<String>,
}

impl Waiting {
    pub(super) fn new(left: &Listed, right: &Listed, pair: &Pair) -> Self {
        Self {
            left: (left.home.clone(), left.away.clone()),
            right: (right.home.clone(), right.away.clone()),
            ids: (left.id.clone(), right.id.clone()),
            confidence: pair.confidence,
            inverted: pair.orientation == Orientation::Inverted,
            doubts: pair.doubts.clone(),
        }
    }

    /// The names that would mean the same.
    fn names(&self) -> [(Name, Name); 2] {
        let name = |text: &String| Name::of(text);
        let (home, away) = if self.inverted {
            (&self.right.1, &self.right.0)
        } else {
            (&self.right.0, &self.right.1)
        };
        [
            (name(&self.left.0), name(home)),
            (name(&self.left.1), name(away)),
        ]
    }
}

fn in_order(a: &Name, b: &Name) -> (String, String) {
    let (a, b) = (a.text(), b.text());
    if a <= b { (a, b) } else { (b, a) }
}

impl Decisions {
    /// Reads them; none if there is no such file.
    ///
    /// # Errors
    /// If the file cannot be read, or is not one of decisions.
    pub fn read(path: &Path) -> io::Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes them whole, beside the file and then in its place, so that a crash leaves the old or the new.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            fs::create_dir_all(folder)?;
        }
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        let beside = path.with_extension("new");
        fs::write(&beside, text + "\n")?;
        fs::rename(&beside, path)
    }

    /// What was decided about two names: 1 the same, 0 not; `None` if nothing was.
    pub(super) fn known(&self, a: &Name, b: &Name) -> Option<f64> {
        let pair = in_order(a, b);
        if self.different.contains(&pair) {
            return Some(0.0);
        }
        self.same.contains(&pair).then_some(1.0)
    }

    /// What waits, in order.
    #[must_use]
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// Puts pairs on the list, in place of what waited of the same events.
    pub fn put(&mut self, pairs: Vec<Waiting>) {
        self.waiting
            .retain(|known| !pairs.iter().any(|pair| pair.ids == known.ids));
        self.waiting.extend(pairs);
    }

    /// Takes what waits at a place, from 1, as one event: its names mean the same from now on. Gives what it was.
    pub fn accept(&mut self, place: usize) -> Option<Waiting> {
        self.decide(place, true)
    }

    /// Takes what waits at a place, from 1, as two events: those of its names that are not the same are known to
    /// differ. Gives what it was.
    pub fn reject(&mut self, place: usize) -> Option<Waiting> {
        self.decide(place, false)
    }

    fn decide(&mut self, place: usize, same: bool) -> Option<Waiting> {
        let at = place.checked_sub(1).filter(|at| *at < self.waiting.len())?;
        let decided = self.waiting.remove(at);
        for (a, b) in decided.names() {
            if a == b {
                continue;
            }
            let pair = in_order(&a, &b);
            let (to, from) = match same {
                true => (&mut self.same, &mut self.different),
                false => (&mut self.different, &mut self.same),
            };
            from.remove(&pair);
            to.insert(pair);
        }
        Some(decided)
    }
}
