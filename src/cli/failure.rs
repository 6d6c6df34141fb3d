//! What went wrong, as a person and as a program want to read it, and the exit code.

use std::io::ErrorKind;
use std::process::ExitCode;

use serde_json::json;

use super::{output, prepare};
use crate::backtest::RunError;
use crate::config::{ConfigError, Origin};
use crate::http::ServerError;
use crate::ledger::LedgerError;
use crate::live::{Finding, HostError};
use crate::source::SourceError;
use crate::strategy::ScriptError;

/// Exit codes. Every command keeps them.
pub mod exit {
    /// Something unexpected inside the program.
    pub const INTERNAL: u8 = 1;
    /// The command line is wrong.
    pub const USAGE: u8 = 2;
    /// The configuration is invalid.
    pub const CONFIG: u8 = 3;
    /// A strategy is invalid, or its tests failed.
    pub const STRATEGY: u8 = 4;
    /// Data is missing or corrupt, or a file cannot be read or written.
    pub const DATA: u8 = 5;
    /// A gate, a comparison or a limit said no.
    pub const GATE: u8 = 6;
    /// A venue, a login or the network.
    pub const VENUE: u8 = 7;
    /// Refused for safety.
    pub const SAFETY: u8 = 8;
    /// Another instance holds the lock.
    pub const LOCKED: u8 = 9;
    /// Interrupted from the keyboard.
    pub const INTERRUPTED: u8 = 130;
}

/// What went wrong.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
    place: Option<Place>,
    details: Option<Box<serde_json::Value>>,
    as_json: bool,
}

#[derive(Debug)]
struct Place {
    path: String,
    line: Option<u64>,
    column: Option<u64>,
}

impl Failure {
    /// A failure with its exit code.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            place: None,
            details: None,
            as_json: false,
        }
    }

    /// The exit code.
    #[must_use]
    pub(super) const fn code(&self) -> u8 {
        self.code
    }

    /// Has it be told as JSON, as all else on stderr is.
    #[must_use]
    pub(super) fn in_json(mut self, as_json: bool) -> Self {
        self.as_json = as_json;
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what a program may want to know of it.
    #[must_use]
    pub(super) fn with_details(mut self, details: serde_json::Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// Something that the operating system refused.
    pub fn io(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let code = match is_surprise(error.kind()) {
            true => exit::INTERNAL,
            false => exit::DATA,
        };
        let failure = Self::new(code, format!("{}: cannot {doing}: {error}", path.display()));
        match error.kind() {
            ErrorKind::NotFound => {
                failure.hint("the folder it would be in is not there: make it first")
            }
            ErrorKind::PermissionDenied => failure.hint("name a place that you may write to"),
            _ if code == exit::DATA => failure.hint("name another place"),
            _ => failure,
        }
    }

    /// Something wrong at a place in a file.
    pub(super) fn at(
        code: u8,
        message: impl Into<String>,
        path: impl Into<String>,
        line: Option<u64>,
        column: Option<u64>,
    ) -> Self {
        let place = Place {
            path: path.into(),
            line,
            column,
        };
        Self {
            place: Some(place),
            ..Self::new(code, message)
        }
    }

    /// Prints it on stderr and gives the exit code.
    #[must_use]
    pub fn report(&self, as_json: bool) -> ExitCode {
        if as_json || self.as_json {
            let place = self.place.as_ref();
            let error = json!({"error": {
                "code": self.code,
                "message": self.message,
                "hint": self.hint,
                "path": place.map(|p| &p.path),
                "line": place.and_then(|p| p.line),
                "column": place.and_then(|p| p.column),
                "details": self.details,
            }});
            output::complain(error);
        } else {
            output::complain(format_args!("error: {}", self.message));
            if let Some(hint) = &self.hint {
                output::complain(format_args!("hint: {hint}"));
            }
        }
        ExitCode::from(self.code)
    }
}

/// Whether an error of the system says more than that a place was named which cannot be used.
fn is_surprise(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::AlreadyExists
            | ErrorKind::AddrNotAvailable
    )
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let message = error.to_string();
        let error = match error {
            // The place is that of the first.
            ConfigError::Several(mut problems) => {
                let first = Self::from(problems.swap_remove(0));
                return Self { message, ..first };
            }
            one => one,
        };
        let number = |n: usize| u64::try_from(n).ok();
        let (code, origin) = match error {
            ConfigError::UnknownKey { origin, .. }
            | ConfigError::UnknownStrategy { origin, .. }
            | ConfigError::Value { origin, .. } => (exit::CONFIG, origin),
            ConfigError::Unreadable { path, .. } => (exit::CONFIG, Origin::File(path, None)),
            ConfigError::Several(_) => return Self::new(exit::CONFIG, message),
            ConfigError::Syntax {
                path, line, column, ..
            } => {
                let path = path.display().to_string();
                return Self::at(exit::CONFIG, message, path, number(line), number(column));
            }
        };
        match origin {
            Origin::File(path, line) => {
                let path = path.display().to_string();
                Self::at(code, message, path, line.and_then(number), None)
            }
            Origin::Default | Origin::Environment(_) | Origin::CommandLine => {
                Self::new(code, message)
            }
        }
    }
}

impl From<ScriptError> for Failure {
    fn from(error: ScriptError) -> Self {
        let message = error.to_string();
        let number = |n: usize| u64::try_from(n).ok();
        let (line, column) = error.position.unzip();
        let (line, column) = (line.and_then(number), column.and_then(number));
        Self::at(exit::STRATEGY, message, error.file, line, column)
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let message = error.to_string();
        let is_of_demo = error.path.starts_with("data/demo/");
        let failure = Self::at(exit::DATA, message, error.path, error.line, None);
        match is_of_demo {
            true => failure.hint("bea demo makes recordings there; run.data names others"),
            false => failure,
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let code = match error {
            LedgerError::Locked { .. } => exit::LOCKED,
            LedgerError::NotALedger { .. }
            | LedgerError::Newer { .. }
            | LedgerError::Older { .. }
            | LedgerError::Changed { .. }
            | LedgerError::Damaged { .. }
            | LedgerError::Broken { .. }
            | LedgerError::NoStrategy { .. }
            | LedgerError::NoRun { .. } => exit::DATA,
            LedgerError::Setting { .. } => exit::CONFIG,
            LedgerError::Exists(_) => exit::USAGE,
            LedgerError::File { ref source, .. } if !is_surprise(source.kind()) => exit::DATA,
            LedgerError::Database { ref source, .. } if cannot_be_opened(source) => exit::DATA,
            LedgerError::Pragma { .. }
            | LedgerError::File { .. }
            | LedgerError::Database { .. }
            | LedgerError::Write { .. } => exit::INTERNAL,
        };
        let failure = Self::new(code, error.to_string());
        match &error {
            LedgerError::NoStrategy {
                strategy, known, ..
            } => failure.hint(prepare::meant(strategy, known.iter().map(String::as_str))),
            LedgerError::File { .. } | LedgerError::Database { .. } if code == exit::DATA => {
                failure.hint(
                    "name a file that you may read and write, in a folder that you may write to",
                )
            }
            _ => failure,
        }
    }
}

/// Whether the database says that the file may not be opened or written at all.
fn cannot_be_opened(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, PermissionDenied, ReadOnly};
    let code = error.sqlite_error_code();
    code.is_some_and(|code| matches!(code, CannotOpen | PermissionDenied | ReadOnly))
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let message = error.to_string();
        match error {
            RunError::Script(error) => error.into(),
            RunError::Ledger(error) => error.into(),
            RunError::Memory { strategy, .. } => Self::new(exit::STRATEGY, message).hint(format!(
                "have it begin anew: bea strategies state {strategy} --clear"
            )),
            other => Self::new(exit::INTERNAL, other.to_string()),
        }
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        let code = match error {
            ServerError::Tokens(error) => return error.into(),
            ServerError::Address(_, ref source) if !is_surprise(source.kind()) => exit::CONFIG,
            ServerError::Tls(_) => exit::CONFIG,
            ServerError::Unguarded(_) => exit::SAFETY,
            ServerError::Address(..) | ServerError::Thread(_) => exit::INTERNAL,
        };
        Self::new(code, error.to_string())
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Strategies(findings) => match findings.as_slice() {
                [Finding::Bad { error, .. }] => Self {
                    message: findings[0].to_string(),
                    ..error.clone().into()
                },
                several => Self::new(
                    exit::STRATEGY,
                    HostError::Strategies(several.to_vec()).to_string(),
                ),
            },
            HostError::Settings(error) => error.into(),
            HostError::NoStrategy(_) | HostError::Folder { .. } => {
                Self::new(exit::STRATEGY, error.to_string())
            }
            HostError::Shut(ref found) => {
                let details = serde_json::to_value(found).unwrap_or_default();
                Self::new(exit::SAFETY, error.to_string())
                    .hint("bea preflight shows every gate; docs/live.md goes through them")
                    .with_details(details)
            }
            HostError::Credentials(_)
            | HostError::Connect(_)
            | HostError::OddsApi(_)
            | HostError::Pinnacle(_)
            | HostError::Ask(_) => Self::new(exit::VENUE, error.to_string()),
            HostError::Elsewhere(_) => Self::new(exit::SAFETY, error.to_string()),
            HostError::Ledger(error) => error.into(),
            HostError::Run(error) => error.into(),
            HostError::Http(error) => error.into(),
            HostError::Telemetry(_) => Self::new(exit::CONFIG, error.to_string()),
            HostError::System(..) | HostError::Engine => {
                Self::new(exit::INTERNAL, error.to_string())
            }
        }
    }
}
