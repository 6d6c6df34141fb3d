//! What is played: recordings and generated markets, each read by a thread of its own, merged by time.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use serde_json::{Value, json};

use super::world::Played;
use crate::market::{MarketDelta, MarketId, TimeMs};
use crate::source::generate::{Spec, generate};
use crate::source::{Recording, visit};

/// Messages read ahead of each file.
const AHEAD: usize = 256;
/// Each file is open all the while.
pub(super) const MOST_FILES: usize = 256;

/// Something that can be played.
#[derive(Clone, Debug)]
pub enum Input {
    /// A file of one recording, or an archive of several that come one after the other.
    File(PathBuf),
    /// A market that is made up.
    Generated(Box<Spec>),
}

/// One input being read.
#[derive(Debug)]
struct Reader {
    messages: Receiver<Result<Played, String>>,
    next: Option<Played>,
}

/// All inputs, merged by time.
#[derive(Debug)]
pub(super) struct Feed {
    readers: Vec<Reader>,
    /// Added to every time.
    shift: i64,
    problems: VecDeque<String>,
}

impl Feed {
    /// Opens all inputs and reads the first message of each.
    ///
    /// # Errors
    /// If one has none, or cannot be read.
    pub(super) fn open(inputs: Vec<Input>, begin: Option<TimeMs>) -> Result<Self, String> {
        if inputs.len() > MOST_FILES {
            return Err(format!(
                "{} files: at most {MOST_FILES} are played at a time",
                inputs.len()
            ));
        }
        let mut readers = Vec::new();
        for input in inputs {
            let (send, messages) = sync_channel(AHEAD);
            thread::Builder::new()
                .name("reader".to_owned())
                .spawn(move || read(input, &send))
                .map_err(|error| format!("cannot start a thread: {error}"))?;
            readers.push(Reader {
                messages,
                next: None,
            });
        }
        for reader in &mut readers {
            reader.next = reader.messages.recv().ok().transpose()?;
        }
        let mut feed = Self {
            readers,
            shift: 0,
            problems: VecDeque::new(),
        };
        if let (Some(begin), Some(first)) = (begin, feed.due()) {
            feed.shift = begin - first;
        }
        Ok(feed)
    }

    /// When the next message is due; `None` at the end.
    pub(super) fn due(&self) -> Option<TimeMs> {
        let times = self
            .readers
            .iter()
            .filter_map(|reader| reader.next.as_ref());
        times.map(|next| next.at + self.shift).min()
    }

    /// Takes the next message.
    pub(super) fn take(&mut self) -> Option<Played> {
        let earliest = self
            .readers
            .iter_mut()
            .filter(|reader| reader.next.is_some())
            .min_by_key(|reader| reader.next.as_ref().map(|next| next.at))?;
        let taken = earliest.next.take();
        match earliest.messages.recv() {
            Ok(Ok(next)) => earliest.next = Some(next),
            Ok(Err(problem)) => self.problems.push_back(problem),
            Err(_) => {}
        }
        self.readers.retain(|reader| reader.next.is_some());
        taken.map(|played| shifted(played, self.shift))
    }

    /// What ended a recording before its time.
    pub(super) fn problem(&mut self) -> Option<String> {
        self.problems.pop_front()
    }
}

fn read(input: Input, send: &SyncSender<Result<Played, String>>) {
    let outcome = match input {
        Input::File(path) => {
            let mut first_error = None;
            let walked = visit(&path, &mut |recording| match play(recording, send) {
                Ok(flow) => flow,
                Err(error) => {
                    first_error = Some(error);
                    ControlFlow::Break(())
                }
            });
            walked
                .map_err(|error| error.to_string())
                .and(first_error.map_or(Ok(()), Err))
        }
        Input::Generated(spec) => {
            let mut bytes = Vec::new();
            let made = generate(&spec, &mut bytes).map_err(|error| error.to_string());
            made.and_then(|_| {
                play(&mut Recording::of(&spec.file_name(), &bytes[..]), send).map(drop)
            })
        }
    };
    if let Err(problem) = outcome {
        // Nobody hears it if the feed is gone.
        let _ = send.send(Err(problem));
    }
}

fn play(
    recording: &mut Recording<'_>,
    send: &SyncSender<Result<Played, String>>,
) -> Result<ControlFlow<()>, String> {
    if recording.is_season() {
        return Err(format!(
            "{}: a season file has no messages of an exchange; give a recording of a stream",
            recording.path()
        ));
    }
    loop {
        let update = match recording.next() {
            Ok(Some(update)) => update,
            Ok(None) => return Ok(ControlFlow::Continue(())),
            Err(error) => return Err(error.to_string()),
        };
        if update.deltas.is_empty() {
            continue;
        }
        let played = Played {
            at: update.published_at,
            deltas: update.deltas.to_vec(),
            definitions: definitions(update.deltas, update.raw),
        };
        if send.send(Ok(played)).is_err() {
            return Ok(ControlFlow::Break(()));
        }
    }
}

/// The definitions of a message as they were recorded.
fn definitions(deltas: &[MarketDelta], raw: &[u8]) -> Vec<(MarketId, Value)> {
    if deltas.iter().all(|delta| delta.definition.is_none()) {
        return Vec::new();
    }
    let mut message: Value = serde_json::from_slice(raw).unwrap_or_default();
    let changes = message["mc"].as_array_mut().map(std::mem::take);
    let named = |mut change: Value| {
        let definition = change["marketDefinition"].take();
        let id = MarketId::new(change["id"].as_str()?);
        (!definition.is_null()).then_some((id, definition))
    };
    changes.into_iter().flatten().filter_map(named).collect()
}

/// Members of a definition that are instants.
const INSTANTS: [&str; 4] = ["marketTime", "suspendTime", "openDate", "settledTime"];

/// The same message at another time.
fn shifted(mut played: Played, by: i64) -> Played {
    if by == 0 {
        return played;
    }
    played.at = played.at + by;
    for delta in &mut played.deltas {
        if let Some(definition) = &mut delta.definition {
            let definition = Arc::make_mut(definition);
            definition.market_time = definition.market_time + by;
        }
    }
    for (_, definition) in &mut played.definitions {
        for name in INSTANTS {
            let Some(instant) = definition.get_mut(name) else {
                continue;
            };
            if let Some(at) = instant.as_str().and_then(|text| TimeMs::parse(text).ok()) {
                *instant = json!((at + by).to_string());
            }
        }
    }
    played
}
