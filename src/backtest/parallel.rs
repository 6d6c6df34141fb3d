//! Plays recordings on several threads, with the results of one.
//!
//! Each thread plays a piece of the input and tells what comes of it, word by word, over a channel of its own; the
//! channels are heard in the order of the pieces, and what is heard goes where a run on one thread puts it at once. A
//! channel holds little, and only so many pieces are given out ahead of the one being heard: who is too far ahead
//! waits, so memory does not grow with the input.

use std::collections::VecDeque;
use std::io::Write;
use std::iter;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder};

use super::accounts::{Accounts, Played};
use super::play::play_one;
use super::{Backtest, Crew, Driver, Progress, Report, RunError, Session, Sinks};
use crate::engine::{Journal, JournalError, NoJournal, Notice, Receipt, Record, Token};
use crate::source::{self, Piece, Recording, SourceError};
use crate::strategy::SCRIPT_STACK;

/// Pieces given out for each thread, the one it plays among them: so many may wait to be heard.
const AHEAD: usize = 8;
/// Words that wait in a channel before its thread does.
const WORDS: usize = 64;
/// Records told in one word.
const RECORDS: usize = 128;

/// Plays the pieces of all files on so many threads.
pub(super) fn play(
    crew: Crew<'_>,
    files: &[PathBuf],
    threads: NonZeroUsize,
    accounts: Accounts<'_>,
    sinks: &mut Sinks<'_>,
) -> Result<Report, RunError> {
    let (give, take) = channel();
    let desk = Mutex::new(take);
    let stop = AtomicBool::new(false);
    let player = Player {
        crew,
        keeps_records: accounts.ledger.is_some(),
        writes_orders: sinks.orders.is_some(),
        stop: &stop,
    };
    let mut hearing = Hearing {
        accounts,
        sinks,
        bytes: 0,
        updates: 0,
        stopped: false,
        stop: &stop,
    };
    thread::scope(|scope| {
        let mut players = Vec::new();
        for number in 1..=threads.get() {
            let started = Builder::new()
                .name(format!("player {number}"))
                .stack_size(SCRIPT_STACK)
                .spawn_scoped(scope, || player.work(&desk));
            players.push(started.map_err(RunError::NoThread)?);
        }
        let pieces = files.iter().flat_map(|file| source::pieces(file));
        let heard = hearing.hear_all(pieces, threads.get() * AHEAD, give);
        // Whoever still plays plays what nobody will hear.
        stop.store(true, Ordering::Relaxed);
        // A panic was noticed by the silence it left.
        players.into_iter().for_each(|player| drop(player.join()));
        heard
    })?;
    Ok(hearing.accounts.close(hearing.stopped))
}

/// A piece to play.
struct Task {
    piece: Piece,
    /// Tells how many recordings the pieces before it hold; a recording's number is part of the ids of its orders.
    before: Receiver<u32>,
    /// Told the same for the next piece, as early as it is known.
    after: SyncSender<u32>,
    words: SyncSender<Word>,
}

/// What a thread tells of the piece it plays.
enum Word {
    Begin {
        ordinal: u32,
        name: String,
        path: String,
    },
    Records(Vec<Record>),
    Notice(Notice),
    Progress(Progress),
    /// A recording ended, with its lines of orders. Nothing more comes if the run was told to stop.
    End(Box<Played>, Vec<u8>),
    /// The piece cannot be read further.
    Trouble(SourceError),
    /// The run must end.
    Failed(RunError),
    /// The piece is done.
    Done,
}

/// Nobody listens any more.
struct Unheard;

/// What the threads have in common.
struct Player<'a> {
    crew: Crew<'a>,
    keeps_records: bool,
    writes_orders: bool,
    stop: &'a AtomicBool,
}

impl Player<'_> {
    /// Plays pieces until there are no more.
    fn work(&self, desk: &Mutex<Receiver<Task>>) {
        loop {
            let next = desk.lock().unwrap_or_else(PoisonError::into_inner).recv();
            match next {
                Ok(task) if !self.is_stopped() => drop(self.piece(&task)),
                _ => return,
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn piece(&self, task: &Task) -> Result<(), Unheard> {
        let tell = |word| task.words.send(word).map_err(|_| Unheard);
        // Awaited as late as can be, so that files are opened and unpacked at the same time.
        let mut ordinal = None;
        let mut told = false;
        let mut outcome = Ok(());
        let walked = task.piece.visit(&mut |recording| {
            let Some(before) = ordinal.or_else(|| task.before.recv().ok()) else {
                outcome = Err(Unheard);
                return ControlFlow::Break(());
            };
            ordinal = Some(before + 1);
            if recording.is_alone() {
                told = task.after.send(before + 1).is_ok();
            }
            match self.recording(before + 1, recording, task) {
                Ok(flow) => flow,
                Err(error) => {
                    outcome = tell(Word::Failed(error));
                    ControlFlow::Break(())
                }
            }
        });
        outcome?;
        if let Err(error) = walked {
            tell(Word::Trouble(error))?;
        }
        if !told {
            let count = match ordinal {
                Some(count) => count,
                None => task.before.recv().map_err(|_| Unheard)?,
            };
            task.after.send(count).map_err(|_| Unheard)?;
        }
        tell(Word::Done)
    }

    fn recording(
        &self,
        ordinal: u32,
        recording: &mut Recording<'_>,
        task: &Task,
    ) -> Result<ControlFlow<()>, RunError> {
        // Who is not heard plays on to the next report of progress, and ends there.
        let tell = |word| drop(task.words.send(word));
        tell(Word::Begin {
            ordinal,
            name: recording.name().to_owned(),
            path: recording.path().to_owned(),
        });
        let mut orders = Vec::new();
        let mut progress = |progress| match task.words.try_send(Word::Progress(progress)) {
            Err(TrySendError::Disconnected(_)) => ControlFlow::Break(()),
            // Progress is for a person: what waits already says enough.
            Ok(()) | Err(TrySendError::Full(_)) if !self.is_stopped() => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        let mut notice = |notice| tell(Word::Notice(notice));
        let out = self.writes_orders.then_some(&mut orders as &mut dyn Write);
        let mut driver = Backtest::new(self.crew, out, &mut progress, &mut notice);
        let mut relay = Relay {
            words: &task.words,
            records: Vec::new(),
        };
        let mut nothing_kept = NoJournal;
        let journal: &mut dyn Journal = match self.keeps_records {
            true => &mut relay,
            false => &mut nothing_kept,
        };
        let strategies = driver.strategies()?;
        driver.begin(recording.name());
        let mut session = Session::new(self.crew.setup, ordinal, strategies, journal);
        let (flow, played) = play_one(&mut session, recording, &mut driver, 0)?;
        drop(session);
        relay.pass_on();
        tell(Word::End(Box::new(played), orders));
        Ok(flow)
    }
}

/// Hands records on to the ledger, which is written by whoever hears them. Nothing is sent to a market in a backtest,
/// so nothing waits for them to be durable.
struct Relay<'a> {
    words: &'a SyncSender<Word>,
    records: Vec<Record>,
}

impl Relay<'_> {
    fn pass_on(&mut self) {
        if !self.records.is_empty() {
            let records = std::mem::take(&mut self.records);
            let _unheard = self.words.send(Word::Records(records));
        }
    }
}

impl Journal for Relay<'_> {
    fn commit(&mut self, token: Token, records: &[Record]) -> Result<Receipt, JournalError> {
        self.records.extend_from_slice(records);
        if self.records.len() >= RECORDS {
            self.pass_on();
        }
        Ok(Receipt::committed(token))
    }
}

/// Hears the pieces in their order.
struct Hearing<'a, 's> {
    accounts: Accounts<'a>,
    sinks: &'a mut Sinks<'s>,
    /// Bytes and updates of what was heard to its end.
    bytes: u64,
    updates: u64,
    stopped: bool,
    stop: &'a AtomicBool,
}

/// What is known of a piece that was given out.
type Awaited = Result<(u64, Receiver<Word>), SourceError>;

impl Hearing<'_, '_> {
    fn hear_all(
        &mut self,
        mut pieces: impl Iterator<Item = Result<Piece, SourceError>>,
        ahead: usize,
        give: Sender<Task>,
    ) -> Result<(), RunError> {
        let (none_before, mut before) = sync_channel(1);
        let _first = none_before.send(0);
        let mut given: VecDeque<Awaited> = VecDeque::new();
        let mut next = iter::from_fn(|| {
            Some(pieces.next()?.map(|piece| {
                let (words, heard) = sync_channel(WORDS);
                let (after, then) = sync_channel(1);
                let size = piece.size();
                let before = std::mem::replace(&mut before, then);
                let _players = give.send(Task {
                    piece,
                    before,
                    after,
                    words,
                });
                (size, heard)
            }))
        });
        loop {
            while given.len() < ahead
                && let Some(awaited) = next.next()
            {
                given.push_back(awaited);
            }
            match given.pop_front() {
                None => return Ok(()),
                Some(Err(error)) => self.accounts.trouble(&error),
                Some(Ok((size, words))) => {
                    self.hear(&words)?;
                    self.bytes += size;
                }
            }
            if self.stopped {
                return Ok(());
            }
        }
    }

    /// Hears one piece to its end. Told to stop, the recording being heard is ended and counts.
    fn hear(&mut self, words: &Receiver<Word>) -> Result<(), RunError> {
        for word in words {
            match word {
                Word::Begin {
                    ordinal,
                    name,
                    path,
                } => self.accounts.begin(ordinal, &name, &path)?,
                Word::Records(records) => self.accounts.records(records)?,
                Word::Notice(notice) => (self.sinks.notice)(notice),
                Word::Progress(Progress { bytes, updates }) => {
                    let progress = Progress {
                        bytes: self.bytes + bytes,
                        updates: self.updates + updates,
                    };
                    if (self.sinks.progress)(progress).is_break() {
                        self.stopped = true;
                        self.stop.store(true, Ordering::Relaxed);
                    }
                }
                Word::End(played, orders) => {
                    self.updates += played.summary.updates;
                    if let Some(out) = &mut self.sinks.orders {
                        out.write_all(&orders).map_err(RunError::Orders)?;
                    }
                    self.accounts.end(*played)?;
                    if self.stopped {
                        return Ok(());
                    }
                }
                Word::Trouble(error) => self.accounts.trouble(&error),
                Word::Failed(error) => return Err(error),
                Word::Done => return Ok(()),
            }
        }
        Err(RunError::LostThread)
    }
}
