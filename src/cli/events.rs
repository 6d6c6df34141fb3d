//! `bea events`: which events of two sources are one, and what a person must decide.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Failure, Shared, exit, output};
use crate::market::{Books, Market};
use crate::source::matching::{self, Decisions, Listed, Pair, Thresholds, Verdict, Waiting};
use crate::source::{self, SourceError};

/// Match the events of two sources, and decide what is not sure
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea events match examples/seasons --with examples/seasons
  bea events review                      what is not sure, and why
  bea events accept 1                    it is the same event; its names are remembered
  bea events reject 2

What is not accepted is never bet on across venues.")]
pub(super) struct Events {
    /// What was decided, and what waits
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "data/events.json"
    )]
    decisions: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Match the events of recordings or season files with those of others
    Match {
        /// The first source: a file, a folder or a pattern
        #[arg(required = true, value_name = "PATH")]
        left: Vec<String>,
        /// The second
        #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
        with: Vec<String>,
        /// From this confidence a pair is taken for one event
        #[arg(long, value_name = "RATIO", default_value_t = Thresholds::default().accept)]
        accept: f64,
    },
    /// List what is not sure
    Review,
    /// Take a pair for one event
    Accept {
        /// Its place in the list
        place: usize,
    },
    /// Take a pair for two events
    Reject {
        /// Its place in the list
        place: usize,
    },
}

impl Events {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let mut decisions = Decisions::read(&self.decisions).map_err(|error| {
            let path = self.decisions.display();
            Failure::new(
                exit::DATA,
                format!("{path}: no decisions can be read from it: {error}"),
            )
            .hint("mend the file, or name another by --decisions")
        })?;
        match &self.action {
            Action::Match { left, with, accept } => {
                let (left, right) = (listed(left)?, listed(with)?);
                let thresholds = Thresholds {
                    accept: *accept,
                    ..Thresholds::default()
                };
                let pairs = matching::pairs(&left, &right, &decisions, &thresholds);
                decisions.put(matching::waiting(&pairs, &left, &right));
                self.keep(&decisions)?;
                let document = json!({
                    "schema": "bea.events.match/1",
                    "left": left, "right": right, "pairs": pairs,
                });
                output::print(shared, &document, summary(&left, &right, &pairs))?;
            }
            Action::Review => {
                let document =
                    json!({ "schema": "bea.events.review/1", "waiting": decisions.waiting() });
                output::print(shared, &document, review(decisions.waiting()))?;
            }
            Action::Accept { place } => {
                let decided = decisions.accept(*place);
                self.decided(shared, &decisions, decided, *place, "one event")?;
            }
            Action::Reject { place } => {
                let decided = decisions.reject(*place);
                self.decided(shared, &decisions, decided, *place, "two events")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn keep(&self, decisions: &Decisions) -> Result<(), Failure> {
        decisions
            .write(&self.decisions)
            .map_err(|error| Failure::io("write decisions to it", &self.decisions, &error))
    }

    fn decided(
        &self,
        shared: &Shared,
        decisions: &Decisions,
        decided: Option<Waiting>,
        place: usize,
        what: &str,
    ) -> Result<(), Failure> {
        let Some(decided) = decided else {
            let message = format!(
                "nothing waits at place {place}: there are {}",
                decisions.waiting().len()
            );
            return Err(Failure::new(exit::USAGE, message).hint("bea events review lists them"));
        };
        self.keep(decisions)?;
        let said = format!("{}: {what}", both(&decided));
        let document = json!({ "schema": "bea.events.decided/1", "decided": decided, "as": what });
        output::print(shared, &document, said)
    }
}

/// The events of a source: of each, the first market that names two sides.
fn listed(paths: &[String]) -> Result<Vec<Listed>, Failure> {
    let mut events: Vec<Listed> = Vec::new();
    for file in source::expand(paths)? {
        read(&file, &mut events)?;
    }
    events.sort_by(|a, b| (a.starts_at, &a.id).cmp(&(b.starts_at, &b.id)));
    Ok(events)
}

fn read(file: &Path, events: &mut Vec<Listed>) -> Result<(), SourceError> {
    let mut failed = None;
    source::visit(file, &mut |recording| {
        let mut books = Books::default();
        loop {
            match recording.next() {
                Ok(Some(update)) => {
                    for delta in update.deltas {
                        books.apply(update.published_at, delta);
                    }
                    for delta in update
                        .deltas
                        .iter()
                        .filter(|delta| delta.definition.is_some())
                    {
                        let known = books.market(&delta.market).and_then(|market| event(market));
                        if let Some(event) = known
                            && !events.iter().any(|listed| listed.id == event.id)
                        {
                            events.push(event);
                        }
                    }
                }
                Ok(None) => return ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
        }
    })?;
    failed.map_or(Ok(()), Err)
}

/// What a market tells of its event; `None` if it names no two sides.
fn event(market: &Market) -> Option<Listed> {
    let definition = &market.definition;
    let name = definition.event_name.as_deref()?;
    let (home, away) = name.split_once(" v ").or_else(|| name.split_once(" vs "))?;
    let side = |name: &str| {
        let runner = market
            .runners
            .iter()
            .find(|r| r.name.as_deref() == Some(name))?;
        let best = crate::market::Runner::best_back(runner).map(|level| level.price);
        let price = best.max(runner.quotes.best().map(|quote| quote.price))?;
        Some(price.to_f64().recip())
    };
    Some(Listed {
        id: definition.event_id.clone(),
        sport: definition.sport().to_owned(),
        home: home.trim().to_owned(),
        away: away.trim().to_owned(),
        starts_at: definition.market_time,
        chances: side(home).zip(side(away)),
    })
}

fn both(pair: &Waiting) -> String {
    format!(
        "{} v {} and {} v {}",
        pair.left.0, pair.left.1, pair.right.0, pair.right.1
    )
}

fn summary(left: &[Listed], right: &[Listed], pairs: &[Pair]) -> String {
    let sure = pairs
        .iter()
        .filter(|pair| pair.verdict == Verdict::Accepted)
        .count();
    let waiting = pairs.len() - sure;
    let mut text = format!(
        "{} and {} events: {sure} are the same, {waiting} may be.",
        left.len(),
        right.len()
    );
    if waiting > 0 {
        text.push_str("\nbea events review lists what is not sure.");
    }
    text
}

fn review(waiting: &[Waiting]) -> String {
    if waiting.is_empty() {
        return "Nothing waits for a decision.".to_owned();
    }
    let line = |(pair, place): (&Waiting, usize)| {
        let turned = if pair.inverted {
            ", home and away turned"
        } else {
            ""
        };
        format!(
            "{place:>4}  {:>4.0} %{turned}  {}\n            {}",
            pair.confidence * 100.0,
            both(pair),
            pair.doubts.join("; ")
        )
    };
    waiting
        .iter()
        .zip(1..)
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}
