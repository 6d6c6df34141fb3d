//! Season files: seasons of football with results, and opening and closing odds of many bookmakers, as recordings.
//!
//! A file is one recording: its matches are markets side by side, so that a bank and limits last a season. What is told
//! when is in `docs/season-files.md`: opening odds on the Friday or Tuesday before, closing odds at the kick-off, when
//! betting has ended, and the result two hours later.

mod calendar;
mod columns;
mod row;
#[cfg(test)]
mod tests;
mod timeline;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use calendar::London;
use columns::{Header, Names};
use row::Match;
use timeline::Timeline;

use super::error::{Cause, SourceError};
use super::recording::Update;
use crate::venue::excerpt;

/// Something of a source that could not be used, while the rest was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The file, with the member inside it if it is an archive.
    pub path: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong and what was done about it.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// The largest season file that is read; a league with all its seasons is a few MiB.
pub(super) const LARGEST: u64 = 64 << 20;
/// More warnings than this are counted and not kept.
const MOST_WARNINGS: usize = 1_000;

/// Whether a file that starts so is a season file.
pub(super) fn is_season(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let first = text.trim_start().lines().next().unwrap_or_default();
    // Cheap to ask of every recording: those are JSON.
    (first.starts_with("Div") || first.starts_with("Country"))
        && Header::read(&Names::new(), cells(first).iter()).is_some()
}

/// A season file that was read.
pub(super) struct Season {
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    timeline: Timeline,
    warnings: Vec<Warning>,
}

impl Season {
    /// Reads a whole file.
    ///
    /// # Errors
    /// If there is no match in it.
    pub(super) fn read(path: &str, bytes: &[u8]) -> Result<Self, SourceError> {
        let text = decoded(bytes);
        let mut table = Table::default();
        for (line, number) in text.lines().zip(1..) {
            table.take(path, line, number);
        }
        let Table {
            matches, warnings, ..
        } = table;
        let matches: Vec<Match> = matches.into_iter().flatten().collect();
        if matches.is_empty() {
            let cause = Cause::NoMarket {
                found: "a season file without a match that can be used".to_owned(),
                hint: "Check that rows with a date and two sides follow its header.",
            };
            return Err(SourceError::new(path, cause));
        }
        let begins = |line: &str| line.as_ptr() as usize - text.as_ptr() as usize;
        Ok(Self {
            timeline: Timeline::new(matches),
            lines: text.lines().map(begins).collect(),
            text,
            warnings,
        })
    }

    /// The next moment at which something of the season is told.
    pub(super) fn next(&mut self) -> Option<Update<'_>> {
        let (line, published_at) = self.timeline.next()?;
        let begins = self
            .lines
            .get(usize::try_from(line).ok()?.checked_sub(1)?)?;
        let raw = self.text[*begins..].lines().next().unwrap_or_default();
        Some(Update {
            line,
            published_at,
            deltas: self.timeline.deltas(),
            raw: raw.as_bytes(),
        })
    }

    /// What could not be used.
    pub(super) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

/// Text in UTF-8, with or without a mark, or else in the alphabet of old Windows files.
fn decoded(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0.into_owned(),
    }
}

/// The cells of a line. A cell never holds a line's end, so a stray quotation mark spoils one line only.
fn cells(line: &str) -> csv::StringRecord {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(1 << 10)
        .from_reader(line.as_bytes());
    let mut record = csv::StringRecord::new();
    // A line of text can always be read.
    let _read = reader.read_record(&mut record);
    record
}

/// The rows of a file as they are read.
struct Table {
    names: Names,
    london: London,
    header: Option<Header>,
    matches: Vec<Option<Match>>,
    /// Where a match stands, by league, sides and day.
    places: BTreeMap<[String; 4], usize>,
    ids: BTreeSet<String>,
    warnings: Vec<Warning>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            names: Names::new(),
            london: London::new(),
            header: None,
            matches: Vec::new(),
            places: BTreeMap::new(),
            ids: BTreeSet::new(),
            warnings: Vec::new(),
        }
    }
}

impl Table {
    fn take(&mut self, path: &str, line: &str, number: u64) {
        if line.bytes().all(|b| b == b',' || b.is_ascii_whitespace()) {
            return;
        }
        let cells = cells(line);
        // Seasons put together in one file have several headers.
        if let Some(header) = Header::read(&self.names, cells.iter()) {
            self.header = Some(header);
            return;
        }
        let mut said = Vec::new();
        let header = self.header.take().unwrap_or_default();
        let found = row::read(&header, cells.iter(), number, &self.london, &mut |what| {
            said.push(what);
        });
        self.header = Some(header);
        if let Some(found) = found {
            self.place(found, &mut said);
        }
        for message in said {
            if self.warnings.len() < MOST_WARNINGS {
                self.warnings.push(Warning {
                    path: path.to_owned(),
                    line: number,
                    message: excerpt(message.as_bytes(), 0, 300),
                });
            }
        }
    }

    /// Puts a match in its place: a later row for the same one is a correction.
    fn place(&mut self, found: Match, said: &mut Vec<String>) {
        let event = &found.event;
        let league = event.competition.clone().unwrap_or_default();
        let key = [
            league,
            event.home.clone(),
            event.away.clone(),
            found.day.to_string(),
        ];
        self.drop_postponed(&key, &found, said);
        let Some(&at) = self.places.get(&key) else {
            self.places.insert(key, self.matches.len());
            let found = self.with_own_id(found);
            self.matches.push(Some(found));
            return;
        };
        let Some(known) = &mut self.matches[at] else {
            return;
        };
        let same = Match {
            line: known.line,
            event: Arc::clone(&known.event),
            ..found.clone()
        };
        if *known == same {
            said.push(format!(
                "the same match as in line {}; it counts once",
                known.line
            ));
        } else {
            said.push(format!(
                "the match of line {} again, with other figures; the later row counts",
                known.line
            ));
            *known = Match {
                line: found.line,
                ..same
            };
        }
    }

    /// A match that was not played on its day and stands in the file again, played on another.
    fn drop_postponed(&mut self, key: &[String; 4], found: &Match, said: &mut Vec<String>) {
        if found.score.is_none() {
            return;
        }
        let [league, home, away, _] = key;
        let from = [league.clone(), home.clone(), away.clone(), String::new()];
        let others = self
            .places
            .range(from..)
            .take_while(|(other, _)| other[..3] == key[..3]);
        for (other, &at) in others {
            let place = &mut self.matches[at];
            if other != key
                && let Some(postponed) = place.take_if(|known| known.score.is_none())
            {
                said.push(format!(
                    "the match of line {} on another day; the row without a result is left out",
                    postponed.line
                ));
            }
        }
    }

    /// Two sides whose names differ only in signs would have the same id.
    fn with_own_id(&mut self, found: Match) -> Match {
        if self.ids.insert(found.event.id.clone()) {
            return found;
        }
        let mut event = (*found.event).clone();
        event.id = format!("{}-{}", event.id, found.line);
        Match {
            event: Arc::new(event),
            ..found
        }
    }
}
