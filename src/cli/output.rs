//! Printing results. A reader that stops reading (`| head`) ends a command quietly.

use std::io::{self, Write};

use serde::Serialize;

use super::{Failure, Shared, exit};

/// Prints a result: as JSON if asked for, else as `text`.
pub(super) fn print(
    shared: &Shared,
    document: &impl Serialize,
    text: impl std::fmt::Display,
) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = if shared.json {
        serde_json::to_writer_pretty(&mut out, document)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        writeln!(out, "{text}")
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            exit::INTERNAL,
            format!("the result cannot be printed: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Says something on stderr unless told to be quiet.
pub(super) fn remark(shared: &Shared, text: impl std::fmt::Display) {
    if !shared.quiet {
        complain(text);
    }
}

/// Says something on stderr. That nobody listens is no reason to fail.
pub(super) fn complain(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
