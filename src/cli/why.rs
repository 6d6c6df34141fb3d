//! `bea why`: why it bet, or why it did not.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{Failure, Shared, exit, ledger, output, prepare};
use crate::ledger::{About, IntentStory, MarketStory, StrategyInMarket};

/// Say why it bet, or why it did not: an intent, an order, or a market
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea why --last                        the last bet of the latest run
  bea why 06AFVD5R1Z                    an id of bea bets, or the beginning of one
  bea why 1.181223995                   a market, also one without a bet
  bea why --last --ledger data/demo/ledger.sqlite --json")]
pub(super) struct Why {
    /// An intent or order (its id, or the first six letters or more of it), or a market
    #[arg(value_name = "INTENT|ORDER|MARKET", required_unless_present = "last")]
    about: Option<String>,
    /// The last bet; the last intent where there was no bet
    #[arg(long, conflicts_with = "about")]
    last: bool,
    /// Number of the run [default: the latest that knows of it]
    #[arg(long)]
    run: Option<i64>,
    /// The ledger [default: ledger.path of the configuration]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    #[serde(flatten)]
    why: crate::ledger::Why,
}

impl Why {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let path = match &self.ledger {
            Some(path) => path.clone(),
            None => prepare::config(shared)?.ledger.path,
        };
        let reader = ledger::open(&path)?;
        let about = match &self.about {
            Some(name) => About::Name(name.trim().to_owned()),
            None => About::Last,
        };
        let Some(why) = reader.why(self.run, &about)? else {
            let what = match &self.about {
                Some(name) => format!(
                    "{}: nothing is known of \"{name}\": it is no intent, order or market of this ledger",
                    path.display()
                ),
                None => format!("{}: no strategy asked for anything", path.display()),
            };
            return Err(Failure::new(exit::DATA, what)
                .hint("bea bets and bea bets --refused list the ids; bea why MARKET says why nothing was asked"));
        };
        let text = match &why {
            crate::ledger::Why::Intent(story) => intent_text(story),
            crate::ledger::Why::Market(story) => market_text(story),
        };
        let schema = "bea.why/1";
        output::print(shared, &Document { schema, why }, text.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Seconds with a sign, as a person says them: `4 min 12 s to the off`.
fn to_start(ms: i64) -> String {
    let seconds = ms.abs() / 1000;
    let span = match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    };
    match ms < 0 {
        true => format!("{span} after the scheduled start"),
        false => format!("{span} to the scheduled start"),
    }
}

fn intent_text(story: &IntentStory) -> String {
    let mut out = String::new();
    let dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let _ = writeln!(out, "{} {}: {}", story.intent, story.verdict, story.asked);
    let _ = writeln!(
        out,
        "  run {}, {}, market {}, amounts in {}",
        story.run, story.recording, story.market, story.currency
    );
    let _ = writeln!(
        out,
        "\nWhat it saw, at {} (change {})",
        story.at, story.sequence
    );
    let seen = &story.seen;
    let _ = writeln!(
        out,
        "  best to back {}, best to lay {}, last traded {}",
        dash(&seen.back),
        dash(&seen.lay),
        dash(&seen.last)
    );
    if let (Some(status), Some(ms)) = (&seen.status, seen.to_start_ms) {
        let in_play = if seen.in_play == Some(true) {
            ", in play"
        } else {
            ""
        };
        let _ = writeln!(out, "  market {status}{in_play}, {}", to_start(ms));
    }
    let short = story.script_hash.get(..12).unwrap_or(&story.script_hash);
    let _ = writeln!(out, "\nWho asked: {} {short}", story.strategy);
    if let Some(line) = story.line {
        let source = story.source.as_deref().unwrap_or("");
        let _ = writeln!(out, "  line {line}: {source}");
    }
    if let Some(reason) = &story.reason {
        let _ = writeln!(out, "  its reason: {reason}");
    }
    if let Some(probability) = story.probability {
        let _ = writeln!(out, "  its probability: {probability}");
    }
    if !story.controls.is_empty() {
        let _ = writeln!(out, "\nWhat the risk gate weighed, in order");
    }
    for control in &story.controls {
        let mark = if control.passed { "pass" } else { "REFUSED" };
        let _ = writeln!(
            out,
            "  {mark:<8} {:<26} {:>14}   limit {}",
            control.control, control.value, control.limit
        );
    }
    if let Some(code) = &story.code {
        if story.controls.is_empty() {
            let _ = writeln!(
                out,
                "\nRefused: {code}, {} (limit {})",
                dash(&story.value),
                dash(&story.limit)
            );
        }
        match &story.remedy {
            Some(remedy) => {
                let _ = writeln!(out, "\nIt would have passed with: {remedy}");
            }
            None => {
                let _ = writeln!(
                    out,
                    "\nNo single change of stake, price, persistence or time would have let it pass"
                );
            }
        }
        return out;
    }
    after_text(story, &mut out);
    out
}

/// What happened next.
fn after_text(story: &IntentStory, out: &mut String) {
    let _ = writeln!(out, "\nWhat happened next");
    if story.events.is_empty() {
        let _ = writeln!(out, "  nothing that the ledger knows of");
    }
    for event in &story.events {
        let mut words = vec![event.change.clone()];
        words.extend(event.size.clone());
        words.extend(event.price.as_ref().map(|price| format!("at {price}")));
        words.extend(event.reason.clone());
        if !event.applied {
            words.push("(too late to change anything)".to_owned());
        }
        let _ = writeln!(
            out,
            "  {} {:<40} {}",
            event.at,
            words.join(" "),
            event.state
        );
    }
    if let Some(lost) = &story.lost {
        let _ = writeln!(
            out,
            "  {} found that its run had died: {}, it is gone with the simulated exchange it was on",
            lost.found_at, lost.state
        );
    }
    for settlement in &story.settlements {
        let what = if settlement.reversal {
            "settlement taken back"
        } else {
            "settled"
        };
        let _ = writeln!(
            out,
            "  {} {what}: the market brought {} {} gross, {} commission, {} net",
            settlement.at, settlement.gross, story.currency, settlement.commission, settlement.net
        );
    }
    if let Some(profit) = &story.profit {
        let _ = writeln!(
            out,
            "  this bet: {profit} {} before commission",
            story.currency
        );
    }
}

fn market_text(story: &MarketStory) -> String {
    let mut out = format!("market {}, run {}\n", story.market, story.run);
    if story.strategies.is_empty() {
        out.push_str("  what strategies were shown of it is not in the ledger: the run died, or is under way\n");
    }
    for strategy in &story.strategies {
        let _ = writeln!(
            out,
            "\n{} ({})\n  {}",
            strategy.strategy,
            strategy.recording,
            in_market(strategy)
        );
        for (code, times) in &strategy.refused {
            let _ = writeln!(out, "  refused {times} times: {code}");
        }
        if let Some(last) = &strategy.last {
            let _ = writeln!(out, "  the last: bea why {last}");
        }
    }
    out
}

fn in_market(story: &StrategyInMarket) -> String {
    let moments = match story.not_now {
        0 => String::new(),
        times => format!("; {times} changes came outside the moments that markets() asks for"),
    };
    match (&story.unwanted, story.calls, story.intents) {
        (Some(unwanted), 0, _) => {
            format!("never asked: its markets() does not want this one, {unwanted}")
        }
        (_, 0, _) if story.not_now > 0 => format!("never asked{moments}"),
        (_, 0, _) => {
            "never asked: the market did not change while it ran, or it was stopped".to_owned()
        }
        (_, calls, 0) => format!("asked {calls} times, and returned nothing{moments}"),
        (_, calls, intents) => format!(
            "asked {calls} times, returned {intents} intents, {} of them became bets{moments}",
            story.bets
        ),
    }
}
