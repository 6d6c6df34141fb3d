//! `bea reconcile`: the venue's books against the ledger.

use std::process::ExitCode;

use clap::Args;

use super::{Failure, Shared, exit, output, prepare};
use crate::ledger::Reader;
use crate::live::{self, Reconciled};
use crate::market::{Money, TimeMs};

/// Compare the venue's books with the ledger, LIVE bet by bet, to the penny
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea reconcile                  the last seven days
  bea reconcile --days 30 --json

The exit code is 6 if anything differs: a profit, an amount matched, a bet that only one of them knows, the commission of a
market, or more at risk at the venue than our open bets could lose. A market that was settled a moment ago may differ until
the host has heard of it.")]
pub(super) struct Reconcile {
    /// From how many days ago on
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=90))]
    days: u32,
}

impl Reconcile {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let config = prepare::config(shared)?;
        let reader = Reader::open(&config.ledger.path)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Failure::new(exit::INTERNAL, format!("no runtime: {error}")))?;
        let since = TimeMs(prepare::wall_clock().0 - i64::from(self.days) * 86_400_000);
        let clock = prepare::wall_clock;
        let found = live::reconcile(&config, &reader, since, runtime.handle(), clock)?;
        output::print(shared, &found, text(&found))?;
        Ok(match found.mismatches.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(exit::GATE),
        })
    }
}

fn text(found: &Reconciled) -> String {
    let mut lines = vec![format!(
        "since {}: {} LIVE bets in the ledger, {} at the venue",
        found.since, found.ledger_bets, found.venue_bets
    )];
    let shown = |amount: Option<Money>| amount.map_or("-".to_owned(), |amount| amount.to_string());
    lines.push(format!(
        "commission {}; at the venue {} are free, {} at risk",
        found.commission,
        shown(found.available),
        shown(found.exposure)
    ));
    for mismatch in &found.mismatches {
        lines.push(format!(
            "{:<10} {}  ledger {}  venue {}",
            mismatch.what,
            mismatch.bet,
            shown(mismatch.ledger),
            shown(mismatch.venue)
        ));
    }
    lines.push(match found.mismatches.len() {
        0 => "they agree".to_owned(),
        1 => "one thing differs".to_owned(),
        many => format!("{many} things differ"),
    });
    lines.join("\n")
}
