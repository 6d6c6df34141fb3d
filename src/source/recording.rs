//! One recording: its lines, decoded in order.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use super::error::{Cause, EXPECTED, Problem, SourceError};
use super::lines::Lines;
use super::recognise::{HEAD, no_market};
use super::season::{self, Season, Warning};
use crate::market::{MarketDelta, TimeMs};
use crate::venue::betfair::{Message, Op};
use crate::venue::{DecodeError, excerpt};

/// The longest line read; a full image of a large event is well below.
const LONGEST_LINE: u64 = 32 << 20;
/// How many lines of one recording may be bad before it is given up.
const MOST_PROBLEMS: usize = 20;
/// More than a bzip2 block holds, which has the largest of blocks with a checksum.
const LONGEST_BLOCK: u64 = 4 << 20;
/// What some editors put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Characters of a bad line that are shown.
const EXCERPT: usize = 60;

/// One message of a market stream. A heartbeat has no deltas, but its time counts.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// The line it stands on, from 1.
    pub line: u64,
    /// When the venue published it.
    pub published_at: TimeMs,
    /// The changes, one a market, in the order sent.
    pub deltas: &'a [MarketDelta],
    /// The line as it was recorded, without its ending.
    pub raw: &'a [u8],
}

/// A recording being read. Get one from [`super::visit`].
pub struct Recording<'a> {
    name: String,
    path: String,
    input: BufReader<Box<dyn Read + 'a>>,
    read: Rc<Cell<u64>>,
    line: Vec<u8>,
    number: u64,
    lines: Lines,
    contents: Contents,
    problems: Vec<Problem>,
    ended: bool,
    pub(super) is_alone: bool,
    /// It is a season file, and not yet read.
    is_season: bool,
    season: Option<Season>,
}

impl<'a> Recording<'a> {
    /// A recording that is not in a file, such as a generated one.
    #[must_use]
    pub fn of(name: &str, input: impl Read + 'a) -> Self {
        let name = name.to_owned();
        Self::new(name.clone(), name, Box::new(input), Rc::default())
    }

    pub(super) fn new(
        name: String,
        path: String,
        input: Box<dyn Read + 'a>,
        read: Rc<Cell<u64>>,
    ) -> Self {
        Self {
            name,
            path,
            input: BufReader::with_capacity(64 << 10, input),
            read,
            line: Vec::new(),
            number: 0,
            lines: Lines::default(),
            contents: Contents::default(),
            problems: Vec::new(),
            ended: false,
            is_alone: true,
            is_season: false,
            season: None,
        }
    }

    /// The same, of a season file.
    pub(super) fn of_season(mut self) -> Self {
        self.is_season = true;
        self
    }

    /// The file's name; for a member of an archive `archive.tar/inner/path`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path as given; for a member of an archive with the path inside it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The lines skipped so far because they could not be decoded.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether it is a season file: it has no messages of an exchange.
    #[must_use]
    pub fn is_season(&self) -> bool {
        self.is_season || self.season.is_some()
    }

    /// What could not be used while the rest was: of season files.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        self.season.as_ref().map_or(&[], Season::warnings)
    }

    /// Whether the piece of the file that it stands in holds no other.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Bytes of the piece of the file read so far, as they are on disk: for a progress bar.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.read.get()
    }

    /// The next message of a market stream; `None` at the end, and after an error.
    ///
    /// A line that cannot be decoded is noted in [`Self::problems`] and skipped.
    ///
    /// # Errors
    /// If the file cannot be read further, has too many bad lines, or ends without a market. Where it is damaged
    /// rather than cut short, lines before the one named may be wrong already.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Update<'_>>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        if self.is_season {
            self.is_season = false;
            self.season = Some(self.read_season().inspect_err(|_| self.ended = true)?);
        }
        if self.season.is_some() {
            return Ok(self.season.as_mut().and_then(Season::next));
        }
        match self.advance() {
            Ok(Some(published_at)) => Ok(Some(Update {
                line: self.number,
                published_at,
                deltas: self.lines.deltas(),
                raw: without_ending(&self.line),
            })),
            Ok(None) => {
                self.ended = true;
                self.contents
                    .verdict()
                    .map_or(Ok(None), |cause| Err(self.whole(cause)))
            }
            Err(error) => {
                self.ended = true;
                Err(error)
            }
        }
    }

    fn read_season(&mut self) -> Result<Season, SourceError> {
        let mut bytes = Vec::new();
        let mut input = (&mut self.input).take(season::LARGEST + 1);
        if let Err(error) = input.read_to_end(&mut bytes) {
            return Err(self.whole(Cause::of(error)));
        }
        if bytes.len() as u64 > season::LARGEST {
            return Err(self.whole(Cause::SeasonTooLarge(season::LARGEST)));
        }
        Season::read(&self.path, &bytes)
    }

    /// Goes to the next line that is a message of a market stream.
    fn advance(&mut self) -> Result<Option<TimeMs>, SourceError> {
        while self.read_line()? {
            let line = without_ending(&self.line);
            if line.trim_ascii().is_empty() {
                continue;
            }
            match self.lines.read(line) {
                Ok(Message::Markets {
                    published_at,
                    deltas,
                }) => {
                    self.contents.take(deltas);
                    return Ok(Some(published_at));
                }
                Ok(Message::Other(op)) => self.contents.take_other(op),
                Err(error) => self.skip(error)?,
            }
        }
        Ok(None)
    }

    fn read_line(&mut self) -> Result<bool, SourceError> {
        self.line.clear();
        if let Err(error) = read_line(&mut self.input, &mut self.line) {
            return Err(self.here(self.number + 1, Cause::of(error)));
        }
        let length = self.line.len() as u64;
        self.number += u64::from(length > 0);
        if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        if self.contents.head.trim_ascii().is_empty() {
            self.contents.head = self.line[..self.line.len().min(HEAD)].to_vec();
        }
        if length <= LONGEST_LINE {
            return Ok(length > 0);
        }
        Err(match self.contents.without_market() {
            Some(cause) => self.whole(cause),
            None => self.here(self.number, Cause::LineTooLong(LONGEST_LINE)),
        })
    }

    fn skip(&mut self, error: DecodeError) -> Result<(), SourceError> {
        self.problems.push(Problem {
            path: self.path.clone(),
            line: self.number,
            excerpt: excerpt(without_ending(&self.line), error.column() - 1, EXCERPT),
            error,
        });
        let count = self.problems.len();
        if count < MOST_PROBLEMS {
            return Ok(());
        }
        // Damage shows as bad lines before the decompressor comes to the checksum of its block.
        let mut block = (&mut self.input).take(LONGEST_BLOCK);
        if let Err(error) = io::copy(&mut block, &mut io::sink()) {
            return Err(self.here(self.problems[0].line, Cause::of(error)));
        }
        Err(match self.contents.without_market() {
            Some(cause) => self.whole(cause),
            None => self.here(
                self.number,
                Cause::TooManyProblems {
                    count,
                    first: self.problems[0].clone(),
                },
            ),
        })
    }

    fn here(&self, line: u64, cause: Cause) -> SourceError {
        SourceError {
            line: Some(line),
            ..self.whole(cause)
        }
    }

    fn whole(&self, cause: Cause) -> SourceError {
        SourceError::new(self.path.clone(), cause)
    }
}

/// Appends what comes up to and with the next line ending; a line that is too long only until that is plain. As
/// `read_until`, with a search that is several times as fast.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let ready = match input.fill_buf() {
            Ok(ready) => ready,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = memchr::memchr(b'\n', ready);
        let used = end.map_or(ready.len(), |at| at + 1);
        line.extend_from_slice(&ready[..used]);
        input.consume(used);
        if end.is_some() || used == 0 || line.len() as u64 > LONGEST_LINE {
            return Ok(());
        }
    }
}

/// What has been found in a recording, to say what it is if it is none.
#[derive(Default)]
struct Contents {
    head: Vec<u8>,
    heartbeats: u64,
    first_market: Option<String>,
    defined: bool,
    others: Vec<(Op, u64)>,
}

impl Contents {
    fn take(&mut self, deltas: &[MarketDelta]) {
        self.heartbeats += u64::from(deltas.is_empty());
        if !self.defined {
            self.defined = deltas.iter().any(|delta| delta.definition.is_some());
        }
        if self.first_market.is_none() {
            self.first_market = deltas.first().map(|delta| delta.market.to_string());
        }
    }

    fn take_other(&mut self, op: Op) {
        match self.others.iter_mut().find(|(seen, _)| *seen == op) {
            Some((_, count)) => *count += 1,
            None => self.others.push((op, 1)),
        }
    }

    /// What is wrong with a recording that has come to its end.
    fn verdict(&self) -> Option<Cause> {
        match &self.first_market {
            Some(_) if self.defined => None,
            Some(market) => Some(Cause::NoDefinition {
                market: market.clone(),
            }),
            None => self.without_market(),
        }
    }

    /// What it is, as long as it has shown no market.
    fn without_market(&self) -> Option<Cause> {
        if self.first_market.is_some() {
            return None;
        }
        // Greetings and answers come with every stream; what follows them says what it is.
        let named = |op| match op {
            Op::Orders => Some("an order stream (\"op\":\"ocm\")"),
            Op::Races => Some("a race stream (\"op\":\"rcm\")"),
            Op::Cricket => Some("a cricket stream (\"op\":\"ccm\")"),
            _ => None,
        };
        let stream = self.others.iter().find_map(|&(op, _)| named(op));
        let found = match stream {
            Some(stream) => stream.to_owned(),
            None if self.heartbeats > 0 => "a market stream of heartbeats only".to_owned(),
            None if self.others.iter().any(|(op, _)| *op != Op::Unknown) => {
                "a stream that never sent a market".to_owned()
            }
            None => return Some(no_market(&self.head)),
        };
        Some(Cause::NoMarket {
            found,
            hint: EXPECTED,
        })
    }
}

fn without_ending(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = r#"{"op":"mcm","pt":1,"mc":[{"id":"1.1","marketDefinition":{"status":"OPEN","marketTime":"2021-03-30T16:20:00Z","runners":[]}}]}"#;
    const CHANGE: &str = r#"{"op":"mcm","pt":2,"mc":[{"id":"1.1","rc":[{"id":7,"ltp":3}]}]}"#;
    const HEARTBEAT: &str = r#"{"op":"mcm","pt":3,"ct":"HEARTBEAT"}"#;

    fn recording<'a>(input: impl Read + 'a) -> Recording<'a> {
        let name = "a.jsonl".to_owned();
        Recording::new(
            name,
            "data/a.jsonl".to_owned(),
            Box::new(input),
            Rc::default(),
        )
    }

    /// Line and time of each update, and the error at the end, if any.
    fn drain(recording: &mut Recording<'_>) -> (Vec<(u64, i64)>, Option<SourceError>) {
        let mut updates = Vec::new();
        loop {
            match recording.next() {
                Ok(Some(update)) => updates.push((update.line, update.published_at.0)),
                Ok(None) => return (updates, None),
                Err(error) => {
                    assert!(
                        recording.next().unwrap().is_none(),
                        "it ends with the error"
                    );
                    return (updates, Some(error));
                }
            }
        }
    }

    fn failing(text: &str) -> SourceError {
        drain(&mut recording(text.as_bytes())).1.expect("an error")
    }

    #[test]
    fn lines_may_end_either_way_and_the_last_not_at_all() {
        for ending in ["\n", "\r\n"] {
            let text = format!("\u{feff}{OPEN}{ending}{ending}{CHANGE}{ending}{HEARTBEAT}");
            let (updates, error) = drain(&mut recording(text.as_bytes()));
            assert_eq!(updates, [(1, 1), (3, 2), (4, 3)]);
            assert!(error.is_none());
            let mut again = recording(text.as_bytes());
            assert_eq!(again.next().unwrap().unwrap().raw, OPEN.as_bytes());
        }
    }

    #[test]
    fn a_bad_line_is_noted_and_skipped() {
        let text = format!("{OPEN}\n{{\"op\":\"mcm\",\"pt\":\x1b7}}\n{CHANGE}\n");
        let mut recording = recording(text.as_bytes());
        let (updates, error) = drain(&mut recording);
        assert_eq!(updates, [(1, 1), (3, 2)]);
        assert!(error.is_none());
        let [problem] = recording.problems() else {
            panic!("one problem")
        };
        let expected = "data/a.jsonl:2:18: pt: found \\u{1b}7 where milliseconds since 1970 was \
                        expected in {\"op\":\"mcm\",\"pt\":\\u{1b}7}";
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn too_many_bad_lines_end_it() {
        let text = format!("{OPEN}\n{}{CHANGE}\n", "bad\n".repeat(20));
        let mut recording = recording(text.as_bytes());
        let (updates, error) = drain(&mut recording);
        assert_eq!(updates, [(1, 1)]);
        let error = error.unwrap();
        assert!(
            matches!(error.cause, Cause::TooManyProblems { count: 20, .. }),
            "{error}"
        );
        assert_eq!((error.line, recording.problems().len()), (Some(21), 20));
    }

    #[test]
    fn other_streams_are_named() {
        let connection = r#"{"op":"connection","connectionId":"1"}"#;
        for (lines, expected) in [
            (
                format!("{connection}\n{{\"op\":\"ocm\",\"pt\":1}}"),
                "an order stream",
            ),
            (r#"{"op":"rcm","pt":1}"#.to_owned(), "a race stream"),
            (r#"{"op":"ccm"}"#.to_owned(), "a cricket stream"),
            (format!("{connection}\n{HEARTBEAT}"), "heartbeats only"),
            (connection.to_owned(), "never sent a market"),
            (r#"{"op":"tea"}"#.to_owned(), "other JSON"),
            (String::new(), "an empty file"),
            ("text\n".repeat(100), "other text: text"),
        ] {
            let error = failing(&lines).to_string();
            assert!(
                error.starts_with("data/a.jsonl: no market found: this is "),
                "{error}"
            );
            assert!(
                error.contains(expected) && error.contains("\"op\":\"mcm\""),
                "{error}"
            );
        }
    }

    #[test]
    fn a_recording_without_a_definition_says_so_at_its_end() {
        let error = failing(CHANGE);
        assert!(matches!(&error.cause, Cause::NoDefinition { market } if market == "1.1"));
        let text = format!("{CHANGE}\n{OPEN}");
        assert!(drain(&mut recording(text.as_bytes())).1.is_none());
    }

    #[test]
    fn a_line_without_end_is_an_error_and_not_memory() {
        let endless = || std::io::repeat(b'x').take(10 * LONGEST_LINE);
        let start = format!("{OPEN}\n");
        let mut recording = recording(start.as_bytes().chain(endless()));
        let (updates, error) = drain(&mut recording);
        assert_eq!(updates.len(), 1);
        let error = error.unwrap();
        assert!(matches!(error.cause, Cause::LineTooLong(_)), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("data/a.jsonl, line 2: a line longer than 32 MiB. ")
        );
        assert!(recording.line.capacity() as u64 <= 4 * LONGEST_LINE);
    }
}
