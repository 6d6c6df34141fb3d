//! What decided in a live session besides the feed's own lines, written between these so that it can be played again.
//!
//! A note is a line of JSON with `"op":"bea"`, which readers of recordings pass over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::{Command, Fence, TradingState};
use crate::market::TimeMs;
use crate::strategy::{Script, ScriptError};

/// The form of the notes. A reader of another one does not guess.
pub(super) const FORM: u32 = 1;

/// What every note begins with.
pub(super) const MARK: &[u8] = br#"{"op":"bea","#;

/// A note and its time, which is the session's from there on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Noted {
    op: String,
    pub(super) at: TimeMs,
    #[serde(flatten)]
    pub(super) note: Note,
}

/// What happened.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum Note {
    /// The session is about to begin.
    Begin(Box<Beginning>),
    /// The next line came now.
    Line,
    /// A version of a strategy was loaded. Those before the first other input are what the session began with.
    Load(Box<Version>),
    /// The operator, or the host for the operator, changed whether betting is on.
    Trade {
        /// To what.
        state: String,
        /// Why.
        reason: String,
    },
    /// Something about the host's health began or ceased to forbid orders.
    Fence {
        /// What.
        fence: String,
        /// With which figures; `None` if it ceased.
        detail: Option<String>,
    },
    /// A strategy was forbidden to place orders, or was let again.
    Bar {
        /// Which.
        strategy: String,
        /// Whether it is forbidden.
        barred: bool,
    },
    /// Nothing happened but time.
    Tick,
    /// Of the orders that the input before this asked for, these were stopped at the last moment, counted from 0.
    Withheld {
        /// Which.
        orders: Vec<u32>,
    },
    /// What came here is not in the recording.
    Lost {
        /// How many lines.
        lines: u64,
    },
    /// The session ended in order.
    End {
        /// What it did, as a hash.
        trace_hash: String,
        /// How many market changes it handled.
        updates: u64,
    },
}

/// What a session begins with.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Beginning {
    /// [`FORM`].
    pub(super) form: u32,
    /// The program that ran it.
    pub(super) version: String,
    /// DRY_RUN or LIVE.
    pub(super) mode: String,
    /// The run in the ledger.
    pub(super) run: i64,
    /// What is fed, as in the ledger.
    pub(super) feed: String,
    /// The configuration, without secrets.
    pub(super) config: Value,
    /// What strategies remembered; `None` if nothing is kept.
    pub(super) states: Option<BTreeMap<String, Value>>,
}

/// A version of a strategy with all that it reads.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Version {
    strategy: String,
    hash: String,
    file: String,
    source: String,
    files: Vec<(String, String)>,
    params: BTreeMap<String, Value>,
    /// What it was given to remember, where it did not go on from the version before it.
    pub(super) state: Option<Value>,
}

impl Version {
    pub(super) fn of(script: &Script, state: Option<Value>) -> Self {
        let own = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        let name = script.path().and_then(|path| path.file_name());
        Self {
            strategy: script.name().to_owned(),
            hash: script.hash().to_owned(),
            file: name.map_or_else(
                || format!("{}.rhai", script.name()),
                |name| name.to_string_lossy().into_owned(),
            ),
            source: script.text().to_owned(),
            files: script.files().map(own).collect(),
            params: script
                .overrides()
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            state,
        }
    }

    /// The script again; `Ok(None)` if what was kept does not amount to that version.
    pub(super) fn script(self) -> Result<Option<Script>, ScriptError> {
        let params = self.params.into_iter().collect();
        let script = Script::kept(
            &self.strategy,
            &self.file,
            self.source,
            &self.files,
            &params,
        )?;
        Ok((script.hash() == self.hash).then_some(script))
    }
}

impl Note {
    /// As it is recorded.
    pub(super) fn line(self, at: TimeMs) -> Vec<u8> {
        // The one that stands before every line, and is no more than its time.
        if matches!(self, Self::Line) {
            return format!("{{\"op\":\"bea\",\"at\":{},\"do\":\"line\"}}", at.0).into_bytes();
        }
        let op = "bea".to_owned();
        serde_json::to_vec(&Noted { op, at, note: self }).unwrap_or_default()
    }

    /// What a command is noted as.
    pub(super) fn of(command: &Command) -> Self {
        match command {
            Command::Trade(state, reason) => Self::Trade {
                state: state.as_str().to_owned(),
                reason: reason.clone(),
            },
            Command::Bar(strategy, barred) => Self::Bar {
                strategy: strategy.clone(),
                barred: *barred,
            },
            Command::Fence(fence, detail) => Self::Fence {
                fence: fence.as_str().to_owned(),
                detail: detail.clone(),
            },
        }
    }

    /// The command that this tells of, if it tells of one that is known.
    pub(super) fn command(&self) -> Option<Command> {
        match self {
            Self::Trade { state, reason } => {
                let state = STATES.into_iter().find(|known| known.as_str() == state)?;
                Some(Command::Trade(state, reason.clone()))
            }
            Self::Fence { fence, detail } => {
                let fence = FENCES.into_iter().find(|known| known.as_str() == fence)?;
                Some(Command::Fence(fence, detail.clone()))
            }
            Self::Bar { strategy, barred } => Some(Command::Bar(strategy.clone(), *barred)),
            _ => None,
        }
    }
}

const STATES: [TradingState; 4] = [
    TradingState::Active,
    TradingState::Reduce,
    TradingState::Paused,
    TradingState::Halted,
];

const FENCES: [Fence; 5] = [
    Fence::ClockSkew,
    Fence::FeedUnreliable,
    Fence::DiskLow,
    Fence::LedgerDrift,
    Fence::LoopLag,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn again(note: Note) -> Noted {
        let line = note.line(TimeMs(17));
        assert!(line.starts_with(MARK), "{}", String::from_utf8_lossy(&line));
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let read = again(Note::Line);
        assert!(matches!((read.at, read.note), (TimeMs(17), Note::Line)));
        for state in STATES {
            let command = Command::Trade(state, "\"why\"\n".to_owned());
            assert_eq!(again(Note::of(&command)).note.command(), Some(command));
        }
        for fence in FENCES {
            for detail in [None, Some("7 s".to_owned())] {
                let command = Command::Fence(fence, detail);
                assert_eq!(again(Note::of(&command)).note.command(), Some(command));
            }
        }
        let orders = vec![0, 2];
        let read = again(Note::Withheld { orders }).note;
        assert!(matches!(read, Note::Withheld { orders } if orders == [0, 2]));
    }

    #[test]
    fn a_version_comes_back_whole_or_not_at_all() {
        let params = [("edge".to_owned(), serde_json::json!(0.25))].into();
        let text = "fn params() { #{ edge: 0.1 } }\nfn on_odds(market, ctx) { [] }\n";
        let script = Script::from_text("fav", text, &params).unwrap();
        let Note::Load(version) = again(Note::Load(Box::new(Version::of(&script, None)))).note
        else {
            panic!("another note");
        };
        let back = version.script().unwrap().unwrap();
        assert_eq!((back.name(), back.hash()), ("fav", script.hash()));
        let mut other = Version::of(&script, None);
        other.source.push(' ');
        assert!(other.script().unwrap().is_none());
    }
}
