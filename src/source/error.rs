//! What can be wrong with a source, said so that its owner can mend it.

use std::fmt;
use std::io;

use crate::venue::DecodeError;

/// A source that cannot be read, or not further. All before it has been delivered.
#[derive(Debug)]
pub struct SourceError {
    /// The file, with the member inside it if it is an archive; or the pattern as given.
    pub path: String,
    /// The line reached, from 1.
    pub line: Option<u64>,
    /// What is wrong.
    pub cause: Cause,
}

/// What is wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// No such file or folder.
    #[error("no such file or folder")]
    NotFound,
    /// A pattern that matches no file.
    #[error("no file matches this pattern")]
    NoMatch,
    /// A pattern that is none.
    #[error("not a file, and not a valid pattern: {0}")]
    BadPattern(String),
    /// A folder or archive without any file that is not hidden.
    #[error("it holds no files")]
    NoFiles,
    /// The operating system does not let us read it.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// Compressed data or an archive that stops in the middle.
    #[error("the data ends early: the file is truncated")]
    Truncated,
    /// Compressed data or an archive that is damaged.
    #[error("the data is damaged: {0}")]
    Damaged(String),
    /// Archives inside archives without end, or of a kind that can only be read alone.
    #[error("{0}")]
    Packing(&'static str),
    /// A line too long to be a message.
    #[error("a line longer than {} MiB", .0 >> 20)]
    LineTooLong(u64),
    /// A season file too large to be one.
    #[error("a season file larger than {} MiB", .0 >> 20)]
    SeasonTooLarge(u64),
    /// Too many lines that cannot be decoded; this is the first.
    #[error("{count} lines cannot be read; the first, line {}: {} in {}", first.line, first.error, first.excerpt)]
    TooManyProblems {
        /// How many there were.
        count: usize,
        /// The first of them.
        first: Problem,
    },
    /// No market in it.
    #[error("no market found: this is {found}")]
    NoMarket {
        /// What was found instead.
        found: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Changes of markets, but never a definition.
    #[error("changes of market {market}, but never its marketDefinition")]
    NoDefinition {
        /// The first of the markets.
        market: String,
    },
}

impl Cause {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the path; a pattern such as data/**/*.bz2 is allowed too.",
            Self::NoMatch => "Check the pattern: * stays in one folder, ** crosses folders.",
            Self::BadPattern(_) => "Use * ** ? and [abc], or the name of a file or folder.",
            Self::NoFiles => "Give a file or folder of recordings.",
            Self::Unreadable(_) => "Check that it is a file and its permissions.",
            Self::Truncated => "Download or copy it again.",
            Self::Damaged(_) => "Download or copy it again.",
            Self::Packing(_) => "Unpack it first.",
            Self::LineTooLong(_) | Self::TooManyProblems { .. } => EXPECTED,
            Self::SeasonTooLarge(_) => "Give a file for each league and season.",
            Self::NoMarket { hint, .. } => hint,
            Self::NoDefinition { .. } => {
                "The recording begins in the middle: record from the subscription's image on."
            }
        }
    }

    /// The cause behind a failed read of a file, a decompressor or an archive.
    pub(super) fn of(error: io::Error) -> Self {
        if error.raw_os_error().is_some() {
            Self::Unreadable(error)
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Truncated
        } else {
            Self::Damaged(error.to_string())
        }
    }
}

/// What a recording is.
pub(super) const EXPECTED: &str = "A recording has one JSON message per line with \"op\":\"mcm\", as the venue's stream sends them.";

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        let cause = self.cause.to_string();
        write!(
            f,
            ": {}. {}",
            cause.trim_end_matches('.'),
            self.cause.hint()
        )
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}

impl SourceError {
    pub(super) fn new(path: impl Into<String>, cause: Cause) -> Self {
        Self {
            path: path.into(),
            line: None,
            cause,
        }
    }
}

/// A line that could not be decoded and was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, with the member inside it if it is an archive.
    pub path: String,
    /// The line, from 1.
    pub line: u64,
    /// Where in the line, and why.
    pub error: DecodeError,
    /// What stands there, made safe to show.
    pub excerpt: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, line, column) = (&self.path, self.line, self.error.column());
        write!(
            f,
            "{path}:{line}:{column}: {} in {}",
            self.error, self.excerpt
        )
    }
}
