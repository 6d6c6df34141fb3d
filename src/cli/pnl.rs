//! `bea pnl`: profit and loss of a run, by strategy.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::bets::Choice;
use super::{Failure, Shared, output};
use crate::ledger::PnlRow;
use crate::market::Money;

/// Profit and loss in the ledger, by strategy
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea pnl                       the latest run
  bea pnl --run 3 --json
  bea pnl --ledger data/demo/ledger.sqlite")]
pub(super) struct Pnl {
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    strategies: Vec<PnlRow>,
}

impl Pnl {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let (reader, filter) = self.choice.open(shared)?;
        let strategies = reader.pnl(&filter)?;
        let text = text(&strategies);
        output::print(
            shared,
            &Document {
                schema: "bea.pnl/1",
                strategies,
            },
            text,
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

fn text(rows: &[PnlRow]) -> String {
    let mut lines = vec![format!(
        "{:>4} {:<22} {:>6} {:>7} {:>11} {:>10} {:>10} {:>10} {:>8}",
        "run", "strategy", "bets", "matched", "turnover", "gross", "commission", "net", "refused"
    )];
    for row in rows {
        lines.push(format!(
            "{:>4} {:<22.22} {:>6} {:>7} {:>11} {:>10} {:>10} {:>10} {:>8}",
            row.run,
            row.strategy,
            row.bets,
            row.matched,
            row.turnover,
            row.gross,
            row.commission,
            row.net,
            row.rejections
        ));
    }
    let net: Money = rows.iter().map(|row| row.net).sum();
    lines.push(format!("net {net}"));
    lines.join("\n")
}
