//! `bea arm`, `bea disarm`: whether bets may cost money, for a time.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{Failure, Shared, exit, output, prepare};
use crate::live::door::Token;
use crate::market::TimeMs;

/// Allow LIVE for a time: one of the things that LIVE asks for
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea arm --for 8h --by ann                          asks to be confirmed by typing
  bea arm --for 90m --by ann --strategy value_back   for one strategy alone
  bea arm --for 8h --by ann --yes --reason \"Saturday's racing\"

It writes live.arm_file, which only you can read. When the time is over nothing new is bet; what stands is followed.
`bea preflight` says what else LIVE asks for.")]
pub(super) struct Arm {
    /// For how long: 90m, 8h
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    span_ms: i64,
    /// Who you are
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Only for this strategy; may be given more than once
    #[arg(long, value_name = "NAME")]
    strategy: Vec<String>,
    /// Why
    #[arg(long, value_name = "WORDS")]
    reason: Option<String>,
    /// Do not ask to be confirmed; a reason must be given
    #[arg(long, requires = "reason")]
    yes: bool,
}

/// Take the arming token away: nothing new is bet with money
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  bea disarm")]
pub(super) struct Disarm {}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    armed: bool,
    until: Option<String>,
    strategies: Vec<String>,
    file: String,
}

/// What a person types to arm.
const WORD: &str = "LIVE";

/// Reads `90m` or `8h`.
fn span(text: &str) -> Result<i64, String> {
    let wrong = || format!("\"{text}\" is no time: write 90m or 8h");
    let (number, minutes) = match text.strip_suffix('h') {
        Some(hours) => (hours, 60),
        None => (text.strip_suffix('m').ok_or_else(wrong)?, 1),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    match i64::from(number) * minutes * 60_000 {
        0 => Err(wrong()),
        ms => Ok(ms),
    }
}

impl Arm {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let config = prepare::config(shared)?;
        let live = &config.live;
        let longest = i64::from(live.max_arm_hours) * 3_600_000;
        if self.span_ms > longest {
            let message = format!(
                "LIVE can be armed for {} hours at most (live.max_arm_hours)",
                live.max_arm_hours
            );
            return Err(Failure::new(exit::USAGE, message));
        }
        if self.by.trim().is_empty() {
            return Err(Failure::new(exit::USAGE, "--by names whoever arms it"));
        }
        let from = prepare::wall_clock();
        let token = Token {
            from,
            until: TimeMs(from.0 + self.span_ms),
            strategies: self.strategy.clone(),
            by: self.by.clone(),
            reason: self.reason.clone().unwrap_or_default(),
        };
        if !self.yes {
            confirm(&token, shared.no_input)?;
        }
        token
            .write(&live.arm_file)
            .map_err(|error| Failure::io("write the arming token", &live.arm_file, &error))?;
        let document = Document {
            schema: "bea.arm/1",
            armed: true,
            until: Some(token.until.to_string()),
            strategies: token.strategies,
            file: live.arm_file.display().to_string(),
        };
        let text = format!(
            "armed until {}; bea preflight says what else LIVE asks for",
            token.until
        );
        output::print(shared, &document, text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A person types a word. A program that runs this cannot.
fn confirm(token: &Token, no_input: bool) -> Result<(), Failure> {
    let refused = |why: &str| {
        Err(Failure::new(exit::SAFETY, format!("not armed: {why}"))
            .hint("without a terminal: --yes, with --reason"))
    };
    if no_input || !std::io::stdin().is_terminal() {
        return refused("nobody is there to confirm it");
    }
    let whom = match token.strategies.is_empty() {
        true => "all strategies".to_owned(),
        false => token.strategies.join(", "),
    };
    output::complain(format_args!(
        "Until {} {whom} may bet with money, as soon as everything else that LIVE asks for is there.",
        token.until
    ));
    let mut err = std::io::stderr();
    let _ = write!(err, "Type {WORD} to go on: ").and_then(|()| err.flush());
    let mut typed = String::new();
    match std::io::stdin().lock().read_line(&mut typed) {
        Ok(_) if typed.trim() == WORD => Ok(()),
        _ => refused("it was not confirmed"),
    }
}

impl Disarm {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let config = prepare::config(shared)?;
        let file = &config.live.arm_file;
        let was_there = Token::remove(file)
            .map_err(|error| Failure::io("take the arming token away", file, &error))?;
        let document = Document {
            schema: "bea.arm/1",
            armed: false,
            until: None,
            strategies: Vec::new(),
            file: file.display().to_string(),
        };
        let text = match was_there {
            true => "disarmed: nothing new is bet with money; what stands is followed",
            false => "it was not armed",
        };
        output::print(shared, &document, text)?;
        Ok(ExitCode::SUCCESS)
    }
}
