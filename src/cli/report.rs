//! `bea report`: the report of a run that a ledger keeps, again, or as a page with plots.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Failure, Shared, exit, output, prepare};
use crate::backtest;
use crate::ledger::Reader;

/// Show the report of a run again, or write it as a page with plots
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea report                                  the latest run in the ledger that has one
  bea report 3 --html report.html             run 3 as a page; open it in any browser
  bea report --ledger tries.sqlite --json

A backtest that keeps a ledger (--ledger FILE) keeps its report there, and is told in it how many variants were tried on
the same data.")]
pub(super) struct Report {
    /// The run's number [default: the latest with a report]
    run: Option<i64>,
    /// The ledger [default: ledger.path of the configuration]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Write it as one page, plots and all, to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Report {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let path = match &self.ledger {
            Some(path) => path.clone(),
            None => prepare::loaded(shared)?.config.ledger.path.clone(),
        };
        let Some(kept) = Reader::open(&path)?.report(self.run)? else {
            let message = match self.run {
                Some(run) => format!("{}: run {run} has no report", path.display()),
                None => format!("{}: no run in it has a report", path.display()),
            };
            return Err(Failure::new(exit::DATA, message)
                .hint("a backtest keeps one in the ledger that --ledger names"));
        };
        if let Some(page) = &self.html {
            std::fs::write(page, backtest::page(&kept.report))
                .map_err(|error| Failure::io("write the page to it", page, &error))?;
            output::remark(shared, format_args!("wrote {}", page.display()));
        }
        let text = format!("run {}\n\n{}", kept.run, kept.text);
        output::print(shared, &kept.report, text)?;
        Ok(ExitCode::SUCCESS)
    }
}
