//! Plays a recorded session again: the same inputs at the same times, and so the same records.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::course::{Course, Input};
use super::note::{Beginning, FORM, MARK, Note, Noted};
use crate::backtest::{Attended, Memory, Playing, Report, RunError, Setup, Trouble, attend};
use crate::config::Config;
use crate::engine::Strategy;
use crate::exchange::Exchange;
use crate::ledger::RunWriter;
use crate::market::TimeMs;
use crate::source::parts_of;
use crate::strategy::{Script, ScriptError};

/// The longest line of a recording.
const LONGEST_LINE: u64 = 32 << 20;

/// Why a recorded session cannot be played again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is no recorded session, or not all of one.
    #[error("{}:{line}: {what}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// Which line of the session, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// A strategy does not compile.
    #[error("{0}")]
    Script(#[from] ScriptError),
    /// The run failed.
    #[error("{0}")]
    Run(#[from] RunError),
}

/// What came of playing a session again.
#[derive(Debug, Serialize)]
pub struct Replayed {
    /// `bea.replay/1`.
    pub schema: &'static str,
    /// The run that was recorded.
    pub run: i64,
    /// What the session did now, as a hash.
    pub trace_hash: String,
    /// What it did when it was recorded; `None` if the recording does not reach its end.
    pub recorded_trace_hash: Option<String>,
    /// Whether the two are one.
    pub same: Option<bool>,
    /// Market changes handled.
    pub updates: u64,
    /// What was lost while it was recorded, in lines. With any, nothing is the same.
    pub lost_lines: u64,
    /// The report of the run.
    pub report: Report,
}

/// A recorded session, opened.
pub struct Replay {
    lines: Lines,
    beginning: Beginning,
    scripts: Vec<Script>,
    next: Option<Item>,
}

/// Opens a recorded session: the folder of its parts, or a single part.
///
/// # Errors
/// If it is none.
pub fn replay(path: &Path) -> Result<Replay, ReplayError> {
    let failed = |source| ReplayError::File {
        path: path.to_owned(),
        source,
    };
    let parts = match path.is_dir() {
        true => parts_of(path).map_err(failed)?,
        false => vec![path.to_owned()],
    };
    let mut lines = Lines::new(path, parts);
    let Some(Item::Note(Noted {
        note: Note::Begin(beginning),
        ..
    })) = lines.item()?
    else {
        return Err(lines.wrong(
            "this is no recorded session, or its first part is gone: it begins with the note of its beginning",
        ));
    };
    if beginning.form != FORM {
        let what = format!(
            "its notes are of form {}, this program reads form {FORM}: play it with bea {}",
            beginning.form, beginning.version
        );
        return Err(lines.wrong(&what));
    }
    let mut scripts = Vec::new();
    let next = loop {
        match lines.item()? {
            Some(Item::Note(Noted {
                note: Note::Load(version),
                ..
            })) => scripts.push(lines.script(*version)?),
            next => break next,
        }
    };
    Ok(Replay {
        lines,
        beginning: *beginning,
        scripts,
        next,
    })
}

impl Replay {
    /// The configuration of the session.
    ///
    /// # Errors
    /// If this program does not understand it.
    pub fn config(&self) -> Result<Config, ReplayError> {
        serde_json::from_value(self.beginning.config.clone()).map_err(|error| {
            let what = format!(
                "its configuration is one of bea {}, which this program does not understand: {error}",
                self.beginning.version
            );
            self.lines.wrong(&what)
        })
    }

    /// Plays it, on a thread with room for scripts. `setup` is made of [`Self::config`].
    ///
    /// # Errors
    /// If the recording is damaged or a strategy does not run.
    pub fn run(
        mut self,
        setup: &Setup,
        ledger: Option<&mut RunWriter>,
    ) -> Result<Replayed, ReplayError> {
        if self.beginning.mode != "DRY_RUN" {
            return Err(self.lines.wrong(
                "it is a LIVE session, whose bets a venue took: only sessions of DRY_RUN can be played again",
            ));
        }
        let states = self.beginning.states.take();
        let setup = Setup {
            memory: states.map(Memory::new),
            ..setup.clone()
        };
        let strategies = || compile(&self.scripts);
        let (first, listed) = (strategies()?, strategies()?);
        let feed = self.beginning.feed.clone();
        let path = self.lines.path.display().to_string();
        let venue = Exchange::new(setup.exchange.clone());
        let mut ending = Ending::default();
        let mut failed = None;
        let report = attend(
            &setup,
            (&feed, &path),
            (1, venue),
            (first, listed),
            ledger,
            &mut |session| match self.play(session, &mut ending) {
                Ok(attended) => Ok(attended),
                Err(ReplayError::Run(error)) => Err(error),
                Err(error) => {
                    failed = Some(error);
                    Ok(Attended::default())
                }
            },
        )?;
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(Replayed {
            schema: "bea.replay/1",
            run: self.beginning.run,
            same: ending
                .recorded
                .as_ref()
                .map(|hash| *hash == ending.trace_hash),
            trace_hash: ending.trace_hash,
            recorded_trace_hash: ending.recorded,
            updates: ending.updates,
            lost_lines: ending.lost,
            report,
        })
    }

    fn play(
        &mut self,
        session: &mut Playing<'_>,
        ending: &mut Ending,
    ) -> Result<Attended, ReplayError> {
        let mut course = Course::default();
        let mut attended = Attended::default();
        while let Some(item) = self.next()? {
            let withheld = self.withheld()?;
            let mut may_send = |_: &_, number: u32| !withheld.contains(&number);
            let (at, input) = match &item {
                Item::Line { at, line } => (*at, Input::Line(line)),
                Item::Note(noted) => match &noted.note {
                    Note::Limits(limits) => (noted.at, Input::Limits(limits)),
                    Note::Tick => (noted.at, Input::Tick(&mut Vec::new())),
                    Note::Lost { lines } => {
                        ending.lost += lines;
                        continue;
                    }
                    Note::End { trace_hash, .. } => {
                        ending.recorded = Some(trace_hash.clone());
                        continue;
                    }
                    note => match note.command() {
                        Some(command) => (noted.at, Input::Command(command)),
                        None => {
                            self.load(session, &mut course, item)?;
                            continue;
                        }
                    },
                },
            };
            let wrong = course.take(session, at, input, &mut may_send)?;
            if let Some(wrong) = wrong {
                attended.problems.push(Trouble {
                    path: self.lines.path.display().to_string(),
                    line: Some(self.lines.number),
                    message: wrong.to_string(),
                });
            }
            hand_out(session, &mut attended);
        }
        session.finish().map_err(RunError::from)?;
        hand_out(session, &mut attended);
        attended.forgotten = course.forgotten();
        ending.trace_hash = session.trace_hash();
        ending.updates = session.updates();
        Ok(attended)
    }

    /// A version that was loaded on the way.
    fn load(
        &mut self,
        session: &mut Playing<'_>,
        course: &mut Course,
        item: Item,
    ) -> Result<(), ReplayError> {
        let Item::Note(Noted {
            at,
            note: Note::Load(version),
            ..
        }) = item
        else {
            return Err(self.lines.wrong("a note stands where it has no meaning"));
        };
        let state = version.state.clone();
        let mut ready = Box::new(self.lines.script(*version)?.compile()?);
        if let Some(state) = state {
            ready.restore(&state).map_err(|fault| {
                let what = format!("a strategy cannot go on from what it remembered: {fault}");
                self.lines.wrong(&what)
            })?;
        }
        course.take(session, at, Input::Load(ready), &mut |_, _| true)?;
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Item>, ReplayError> {
        match self.next.take() {
            Some(item) => Ok(Some(item)),
            None => self.lines.item(),
        }
    }

    /// The orders that were stopped of the input just read: their note comes after it.
    fn withheld(&mut self) -> Result<Vec<u32>, ReplayError> {
        match self.lines.item()? {
            Some(Item::Note(Noted {
                note: Note::Withheld { orders },
                ..
            })) => Ok(orders),
            next => {
                self.next = next;
                Ok(Vec::new())
            }
        }
    }
}

/// How it ended now, and how it did then.
#[derive(Default)]
struct Ending {
    trace_hash: String,
    recorded: Option<String>,
    updates: u64,
    lost: u64,
}

fn hand_out(session: &mut Playing<'_>, attended: &mut Attended) {
    for notice in session.notices() {
        crate::backtest::Fault::count(&mut attended.faults, &notice);
    }
}

fn compile(scripts: &[Script]) -> Result<Vec<Box<dyn Strategy>>, ScriptError> {
    let compiled = scripts.iter().map(|script| {
        let ready = script.compile()?;
        Ok(Box::new(ready) as Box<dyn Strategy>)
    });
    compiled.collect()
}

/// One input as it was recorded.
enum Item {
    Note(Noted),
    Line { at: TimeMs, line: Vec<u8> },
}

/// The lines of a session over all its parts.
struct Lines {
    path: PathBuf,
    parts: std::vec::IntoIter<PathBuf>,
    reader: Option<BufReader<Box<dyn Read>>>,
    number: u64,
}

impl Lines {
    fn new(path: &Path, parts: Vec<PathBuf>) -> Self {
        Self {
            path: path.to_owned(),
            parts: parts.into_iter(),
            reader: None,
            number: 0,
        }
    }

    fn wrong(&self, what: &str) -> ReplayError {
        ReplayError::Content {
            path: self.path.clone(),
            line: self.number,
            what: what.to_owned(),
        }
    }

    fn script(&self, version: super::note::Version) -> Result<Script, ReplayError> {
        version.script()?.ok_or_else(|| {
            self.wrong("the text of a strategy does not have the hash that it was loaded under")
        })
    }

    /// The next input; `None` at the end, also where the recording is cut short.
    fn item(&mut self) -> Result<Option<Item>, ReplayError> {
        let Some(line) = self.line()? else {
            return Ok(None);
        };
        if !line.starts_with(MARK) {
            return Err(
                self.wrong("a line stands where a note should, so this is no recorded session")
            );
        }
        let noted: Noted = serde_json::from_slice(&line)
            .map_err(|error| self.wrong(&format!("a note cannot be read: {error}")))?;
        if !matches!(noted.note, Note::Line) {
            return Ok(Some(Item::Note(noted)));
        }
        let at = noted.at;
        Ok(self.line()?.map(|line| Item::Line { at, line }))
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, ReplayError> {
        loop {
            let Some(reader) = &mut self.reader else {
                let Some(part) = self.parts.next() else {
                    return Ok(None);
                };
                self.reader = Some(open(&part)?);
                continue;
            };
            let mut line = Vec::new();
            // What was being written when the host died is cut short, and is the end.
            let read = reader.take(LONGEST_LINE).read_until(b'\n', &mut line);
            match read {
                Ok(0) => self.reader = None,
                Ok(_) if line.ends_with(b"\n") => {
                    line.pop();
                    self.number += 1;
                    return Ok(Some(line));
                }
                Ok(_) | Err(_) => {
                    self.reader = None;
                    self.parts = Vec::new().into_iter();
                    return Ok(None);
                }
            }
        }
    }
}

fn open(part: &Path) -> Result<BufReader<Box<dyn Read>>, ReplayError> {
    let failed = |source| ReplayError::File {
        path: part.to_owned(),
        source,
    };
    let file = File::open(part).map_err(failed)?;
    let is_packed = part.extension().is_some_and(|extension| extension == "zst");
    let input: Box<dyn Read> = match is_packed {
        true => Box::new(zstd::Decoder::new(file).map_err(failed)?),
        false => Box::new(file),
    };
    Ok(BufReader::new(input))
}
