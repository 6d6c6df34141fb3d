//! `bea health`: asks the host on this machine how it is.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::{Failure, Shared, exit, output, prepare};

/// Ask the host on this machine how it is
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea health
  bea health --ready && echo at work

Exit code 0 if it is well or only needs a look, 6 if it is not, 7 if no host answers.")]
pub(super) struct Health {
    /// Ask whether it does its work, not only whether it lives
    #[arg(long)]
    ready: bool,
}

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// The longest answer that is read.
const LONGEST: u64 = 1 << 20;

impl Health {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let bind = prepare::config(shared)?.http.bind;
        let nobody = |error: std::io::Error| {
            Failure::new(exit::VENUE, format!("no host answers at {bind}: {error}"))
                .hint("bea run starts one; http.bind says where it listens")
        };
        let path = if self.ready { "/readyz" } else { "/livez" };
        let (is_well, _) = ask(bind, path).map_err(nobody)?;
        let (_, health) = ask(bind, "/health").map_err(nobody)?;
        let status = match is_well {
            true => health["status"].as_str().unwrap_or("pass"),
            false => "fail",
        };
        let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let trading = &health["checks"]["mode"][0]["trading"];
        let mut lines = vec![format!(
            "{status}  {}, betting is {}",
            word(&health["mode"]),
            word(trading)
        )];
        let notes = health["notes"].as_array();
        lines.extend(
            notes
                .into_iter()
                .flatten()
                .map(|note| format!("      {}", word(note))),
        );
        output::print(shared, &health, lines.join("\n"))?;
        Ok(match is_well {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(exit::GATE),
        })
    }
}

/// Whether a question was answered with 200, and the document.
fn ask(bind: std::net::SocketAddr, path: &str) -> std::io::Result<(bool, Value)> {
    let mut stream = TcpStream::connect_timeout(&bind, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or((answer.as_str(), ""));
    let is_well = head.split(' ').nth(1) == Some("200");
    Ok((is_well, serde_json::from_str(body).unwrap_or_default()))
}
