//! `bea token`: access tokens of the HTTP API.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::{Failure, Shared, exit, output, prepare};
use crate::http::token::{self, Role, TokenError};

/// Make, list and revoke access tokens of the HTTP API
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea token new grafana                  a token that may look
  bea token new alice --role control     one that may also stop betting and let it go on
  bea token list
  bea token revoke grafana

A token is shown once, when it is made: only its hash is kept, in http.token_file. A running host takes changes at once.
As soon as there is a token, one is asked for.")]
pub(super) struct Token {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    New(New),
    List(List),
    Revoke(Revoke),
}

/// Make a token and show it, once
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bea token new alice --role control")]
struct New {
    /// Whose it is: records of what is done with it say so
    name: String,
    /// What it permits
    #[arg(long, value_enum, default_value = "read")]
    role: Permits,
}

/// List the tokens: what they permit and whose they are
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bea token list --json")]
struct List {}

/// Have a token be none from now on
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bea token revoke alice")]
struct Revoke {
    /// Whose
    name: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Permits {
    /// To look
    Read,
    /// To look, to stop betting, and to let it go on
    Control,
}

#[derive(Debug, Serialize)]
struct Made<'a> {
    schema: &'static str,
    name: &'a str,
    role: &'static str,
    token: String,
}

#[derive(Debug, Serialize)]
struct Listed {
    schema: &'static str,
    tokens: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    role: &'static str,
}

#[derive(Debug, Serialize)]
struct Revoked<'a> {
    schema: &'static str,
    revoked: &'a str,
}

impl Token {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let path = prepare::config(shared)?.http.token_file;
        match &self.what {
            What::New(New { name, role }) => {
                let role = match role {
                    Permits::Read => Role::Read,
                    Permits::Control => Role::Control,
                };
                let token = token::make(&path, name, role)?;
                output::remark(
                    shared,
                    format_args!(
                        "kept as a hash in {}; the token itself is shown only now",
                        path.display()
                    ),
                );
                let text = token.clone();
                let made = Made {
                    schema: "bea.token/1",
                    name,
                    role: role.as_str(),
                    token,
                };
                output::print(shared, &made, text)?;
            }
            What::List(List {}) => {
                let tokens = token::read(&path)?;
                let rows: Vec<Row> = tokens
                    .into_iter()
                    .map(|kept| Row {
                        name: kept.name,
                        role: kept.role.as_str(),
                    })
                    .collect();
                let lines: Vec<String> = rows
                    .iter()
                    .map(|row| format!("{:<8} {}", row.role, row.name))
                    .collect();
                let text = match lines.is_empty() {
                    true => "there is no token: this machine may look without one".to_owned(),
                    false => lines.join("\n"),
                };
                let listed = Listed {
                    schema: "bea.tokens/1",
                    tokens: rows,
                };
                output::print(shared, &listed, text)?;
            }
            What::Revoke(Revoke { name }) => {
                token::revoke(&path, name)?;
                let revoked = Revoked {
                    schema: "bea.token_revoked/1",
                    revoked: name,
                };
                output::print(
                    shared,
                    &revoked,
                    format_args!("{name} is no token any more"),
                )?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        let code = match error {
            TokenError::Name(_) | TokenError::Taken(_) | TokenError::Unknown(_) => exit::USAGE,
            TokenError::Open { .. } | TokenError::NoFile(_) => exit::SAFETY,
            TokenError::File { .. } | TokenError::Line { .. } => exit::DATA,
            TokenError::Random(_) => exit::INTERNAL,
        };
        Self::new(code, error.to_string())
    }
}
