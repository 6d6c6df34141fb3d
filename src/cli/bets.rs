//! `bea bets`: what is in the ledger, bet by bet; and what was refused.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{Failure, Shared, exit, output, prepare};
use crate::ledger::{BetRow, Filter, Reader, RejectionRow};
use crate::market::{Money, Price, TimeMs};

/// List the bets in the ledger, or with --refused what the risk gate refused
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea bets                              bets of the latest run
  bea bets --strategy value_back --limit 20
  bea bets --refused --json
  bea bets --ledger data/demo/ledger.sqlite")]
pub(super) struct Bets {
    #[command(flatten)]
    choice: Choice,
    /// List refused intents instead
    #[arg(long)]
    refused: bool,
    /// At most so many rows, the latest
    #[arg(long, default_value_t = 1000)]
    limit: u32,
}

/// Where `bea demo` leaves its ledger unless told otherwise.
const DEMO_LEDGER: &str = "data/demo/ledger.sqlite";

/// Which part of which ledger.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// The ledger [default: ledger.path of the configuration]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Number of the run [default: the latest]
    #[arg(long)]
    run: Option<i64>,
    /// Only this strategy
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
    /// Only this market
    #[arg(long, value_name = "ID")]
    market: Option<String>,
}

impl Choice {
    pub(super) fn open(&self, shared: &Shared) -> Result<(Reader, Filter), Failure> {
        let path = match &self.ledger {
            Some(path) => path.clone(),
            None => prepare::config(shared)?.ledger.path,
        };
        if !Path::exists(&path) {
            return Err(Failure::new(
                exit::DATA,
                format!("there is no ledger at {}", path.display()),
            )
            .hint(match DEMO_LEDGER {
                demo if Path::exists(Path::new(demo)) => {
                    format!("the demo's is here: --ledger {demo}")
                }
                _ => "bea demo leaves one, bea backtest with --ledger FILE too".to_owned(),
            }));
        }
        let filter = Filter {
            run: self.run,
            strategy: self.strategy.clone(),
            market: self.market.clone(),
            ..Filter::default()
        };
        Ok((Reader::open(&path)?, filter))
    }
}

#[derive(Debug, Serialize)]
struct Document<T> {
    schema: &'static str,
    #[serde(flatten)]
    rows: T,
}

#[derive(Debug, Serialize)]
struct BetList {
    bets: Vec<BetRow>,
}

#[derive(Debug, Serialize)]
struct Refusals {
    rejections: Vec<RejectionRow>,
}

impl Bets {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let (reader, filter) = self.choice.open(shared)?;
        let filter = Filter {
            limit: self.limit,
            ..filter
        };
        if self.refused {
            let rejections = reader.rejections(&filter)?;
            let text = refusals_text(&rejections, filter.limit);
            output::print(
                shared,
                &Document {
                    schema: "bea.rejections/1",
                    rows: Refusals { rejections },
                },
                text,
            )?;
        } else {
            let bets = reader.bets(&filter)?;
            let text = bets_text(&bets, filter.limit);
            output::print(
                shared,
                &Document {
                    schema: "bea.bets/1",
                    rows: BetList { bets },
                },
                text,
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A time without its milliseconds, to save width.
fn to_the_second(at: TimeMs) -> String {
    at.to_string().chars().take(19).collect::<String>()
}

fn bets_text(bets: &[BetRow], limit: u32) -> String {
    let mut lines = vec![format!(
        "{:<19} {:<14} {:<11} {:>9} {:<4} {:>6} {:>8} {:>8} {:>6} {:>8} bet",
        "asked (UTC)",
        "strategy",
        "market",
        "runner",
        "side",
        "price",
        "size",
        "matched",
        "avg",
        "profit"
    )];
    for bet in bets {
        lines.push(format!(
            "{:<19} {:<14.14} {:<11} {:>9} {:<4} {:>6} {:>8} {:>8} {:>6} {:>8} {:.10}{}",
            to_the_second(bet.asked_at),
            bet.strategy,
            bet.market,
            bet.runner.to_string(),
            bet.side,
            or_dash(bet.price),
            bet.size.unwrap_or(bet.liability),
            bet.matched,
            or_dash(bet.average_price.map(two_decimals)),
            or_dash(bet.profit),
            bet.bet,
            terms(bet),
        ));
    }
    let profit: Money = bets.iter().filter_map(|bet| bet.profit).sum();
    lines.push(format!(
        "{}, {profit} before commission",
        counted(bets.len(), "bet", "bets", limit)
    ));
    lines.join("\n")
}

/// What sets a bet apart: with which bookmaker it is, or what becomes of its rest in play, if that is not to lapse; and
/// that nothing more became of it.
fn terms(bet: &BetRow) -> String {
    let persists = bet.persistence.as_deref().filter(|terms| *terms != "LAPSE");
    let apart = bet.book.as_deref().or(persists);
    let lost = bet.lost.then_some("lost: its run died");
    let terms = apart.into_iter().chain(lost);
    terms.map(|words| format!(" {words}")).collect()
}

/// How many rows there are, and that there may be more.
fn counted(rows: usize, one: &str, many: &str, limit: u32) -> String {
    let noun = if rows == 1 { one } else { many };
    if rows == usize::try_from(limit).unwrap_or(usize::MAX) {
        format!("the latest {rows} {noun} (more with --limit)")
    } else {
        format!("{rows} {noun}")
    }
}

fn two_decimals(price: Price) -> String {
    format!("{:.2}", price.to_f64())
}

fn refusals_text(rejections: &[RejectionRow], limit: u32) -> String {
    let mut lines = vec![format!(
        "{:<19} {:<14} {:<11} {:<4} {:>6} {:>8} {:<10} refused",
        "asked (UTC)", "strategy", "market", "side", "price", "size", "intent"
    )];
    for row in rejections {
        let figures = match (or_dash(row.value.as_deref()), or_dash(row.limit.as_deref())) {
            (value, limit) if value == "-" && limit == "-" => String::new(),
            // What is no intent meets no limit: what was wrong with it is there instead.
            (value, what) if row.code == "INTENT_MALFORMED" => format!(": {what} (it was {value})"),
            (value, limit) => format!(": {value}, limit {limit}"),
        };
        lines.push(format!(
            "{:<19} {:<14.14} {:<11} {:<4} {:>6} {:>8} {:.10} {}{figures}",
            to_the_second(row.asked_at),
            row.strategy,
            row.market,
            or_dash(row.side.as_deref()),
            or_dash(row.price),
            or_dash(row.size),
            row.intent,
            row.code,
        ));
    }
    lines.push(counted(rejections.len(), "refused", "refused", limit));
    lines.join("\n")
}
