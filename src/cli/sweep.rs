//! `bea sweep` and `bea walkforward`: many settings of a strategy over the same recordings, and what is left of the best
//! where it was not chosen.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::backtest::{self, Outputs, Played, cores};
use super::{Failure, Shared, exit, output, pair, prepare};
use crate::backtest::statistics::Estimate;
use crate::backtest::{Report, StrategyReport, Way};
use crate::ledger::RunKind;
use crate::source;

/// What both commands are told.
#[derive(Debug, Args)]
struct Search {
    /// The strategy: a name of the configuration, a name in the strategies folder, or a file
    #[arg(value_name = "STRATEGY")]
    strategy: String,
    /// Recordings or season files: a file, a folder or a pattern
    #[arg(short, long, required = true, num_args = 1.., value_name = "PATH")]
    data: Vec<String>,
    /// Values of a parameter to try, as in edge=0.01,0.02,0.05 (repeatable: all combinations are tried)
    #[arg(short, long, required = true, value_name = "NAME=VALUES", value_parser = pair)]
    grid: Vec<(String, String)>,
    /// A parameter that stays as it is (repeatable)
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    param: Vec<(String, String)>,
    /// Fewer settled bets than this are not compared
    #[arg(long, value_name = "N", default_value_t = 30)]
    least_bets: u64,
    /// Keep a ledger of every variant in this file, so that later runs know how many were tried
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

/// Try a strategy with many settings, and say how much of the best is luck
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea sweep value_vs_sharp --data examples/seasons --grid edge=0.0,0.01,0.02
  bea sweep dixon_coles --data examples/seasons --grid edge=0.05,0.1 --grid model_share=0.2,0.5 --json

The best of many looks good by luck: its chance of luck is told as the best of all that were tried.")]
pub(super) struct Sweep {
    #[command(flatten)]
    search: Search,
}

/// Choose settings on earlier recordings and try them on the next, again and again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea walkforward value_vs_sharp --data examples/recordings --grid edge=0.0,0.02 --train 2 --least-bets 1
  bea walkforward dixon_coles --data 'seasons/E0-*.csv' --grid edge=0.05,0.1 --train 3

Recordings are taken in the order of their names. Only results on recordings that were not chosen on are added up.")]
pub(super) struct Walkforward {
    #[command(flatten)]
    search: Search,
    /// Files on which settings are chosen, before each file on which they are tried
    #[arg(long, value_name = "N", default_value_t = 1)]
    train: usize,
}

/// One setting.
type Variant = Vec<(String, String)>;

/// What came of a setting.
#[derive(Clone, Debug, Serialize)]
struct Row {
    params: Vec<(String, String)>,
    hash: String,
    bets: u64,
    turnover: f64,
    profit_net: f64,
    yield_net: Option<Estimate>,
    clv: Option<f64>,
    p: Option<f64>,
}

impl Row {
    fn of(variant: &Variant, report: &StrategyReport) -> Self {
        let found = report.statistics.as_ref();
        let clv = found.and_then(|found| found.clv.as_ref());
        Self {
            params: variant.clone(),
            hash: report.hash.clone(),
            bets: found.map_or(0, |found| found.bets),
            turnover: report.turnover,
            profit_net: report.profit_net,
            yield_net: found.and_then(|found| found.yield_net),
            clv: clv.and_then(|clv| clv.fair.get(clv.method).map(|fair| fair.value)),
            p: found.and_then(|found| Some(found.significance?.p)),
        }
    }

    /// The chance of so good a best one of so many without an edge.
    fn deflated(&self, variants: usize) -> Option<f64> {
        Some(1.0 - (1.0 - self.p?).powf(variants as f64))
    }

    fn params(&self) -> String {
        let written = self
            .params
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        written.collect::<Vec<_>>().join(" ")
    }
}

/// Most settings tried at once: more is a mistake in the grid.
const MOST_VARIANTS: usize = 10_000;

impl Search {
    /// Every combination, the first parameter changing slowest.
    fn variants(&self) -> Result<Vec<Variant>, Failure> {
        let mut variants: Vec<Variant> = vec![self.param.clone()];
        for (name, values) in &self.grid {
            let values: Vec<&str> = values.split(',').map(str::trim).collect();
            if variants.len() * values.len() > MOST_VARIANTS {
                let message = format!("the grid has more than {MOST_VARIANTS} combinations");
                return Err(Failure::new(exit::USAGE, message));
            }
            variants = variants
                .iter()
                .flat_map(|variant| {
                    values.iter().map(|value| {
                        let mut longer = variant.clone();
                        longer.push((name.clone(), (*value).to_owned()));
                        longer
                    })
                })
                .collect();
        }
        Ok(variants)
    }

    fn try_on(
        &self,
        shared: &Shared,
        variant: &Variant,
        files: &[PathBuf],
    ) -> Result<(Row, Report), Failure> {
        let loaded = prepare::loaded(shared)?;
        let config = loaded.config.clone();
        let scripts = prepare::scripts(&loaded, std::slice::from_ref(&self.strategy), variant)?;
        if scripts.len() != 1 {
            let message = format!("{} names {} strategies", self.strategy, scripts.len());
            return Err(Failure::new(exit::USAGE, message).hint("name one"));
        }
        let setup = prepare::setup(&config)?;
        let quiet = Shared {
            quiet: true,
            ..shared.clone()
        };
        let played = Played {
            config: &config,
            setup: &setup,
            way: Way {
                threads: cores(),
                band: false,
            },
            scripts: &scripts,
            files,
        };
        let outputs = Outputs {
            orders: None,
            ledger: self.ledger.as_deref(),
            kind: RunKind::Backtest,
        };
        let report = backtest::play(&quiet, &played, &outputs)?;
        Ok((Row::of(variant, &report.strategies[0]), report))
    }

    /// The best of those with enough bets: the highest lower end of the yield, so that few lucky bets do not win.
    fn best<'r>(&self, rows: &'r [Row]) -> Option<&'r Row> {
        let worth = |row: &Row| {
            let estimate = row.yield_net.filter(|_| row.bets >= self.least_bets)?;
            Some(estimate.low.unwrap_or(estimate.value))
        };
        let known = rows.iter().filter_map(|row| Some((row, worth(row)?)));
        known
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .map(|(row, _)| row)
    }
}

impl Sweep {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let search = &self.search;
        let files = source::expand(&search.data)?;
        let variants = search.variants()?;
        let mut rows = Vec::new();
        for (variant, number) in variants.iter().zip(1..) {
            output::remark(shared, format_args!("{number} of {}", variants.len()));
            rows.push(search.try_on(shared, variant, &files)?.0);
        }
        let best = search.best(&rows);
        let document = serde_json::json!({
            "schema": "bea.sweep/1",
            "rows": rows,
            "variants": rows.len(),
            "best": best,
            "best_chance_of_luck": best.and_then(|best| best.deflated(rows.len())),
        });
        let mut text = table(&rows);
        match best {
            None => text.push_str(&format!(
                "\nNo variant has {} settled bets: nothing can be said of the best.",
                search.least_bets
            )),
            Some(best) => {
                let luck = best
                    .deflated(rows.len())
                    .map_or("not known".to_owned(), percent);
                text.push_str(&format!(
                    "\nBest: {}. As the best of {} variants its chance of luck is {luck}.\n\
                     What was chosen on this data must be tried on other data: bea walkforward.",
                    best.params(),
                    rows.len()
                ));
            }
        }
        output::print(shared, &document, text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// One step of a walk: what was chosen, and what came of it.
#[derive(Clone, Debug, Serialize)]
struct Step {
    chosen_on: Vec<PathBuf>,
    tried_on: PathBuf,
    /// As it did where it was chosen.
    chosen: Row,
    /// As it did where it was not.
    result: Row,
}

impl Walkforward {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let search = &self.search;
        let files = source::expand(&search.data)?;
        if self.train == 0 || files.len() <= self.train {
            let message = format!(
                "{} files: at least one to choose on and one more to try on is needed, and --train is {}",
                files.len(),
                self.train
            );
            return Err(Failure::new(exit::USAGE, message));
        }
        let variants = search.variants()?;
        let mut steps = Vec::new();
        for window in files.windows(self.train + 1) {
            let (chosen_on, tried_on) = (&window[..self.train], &window[self.train]);
            output::remark(shared, format_args!("choosing for {}", tried_on.display()));
            let mut rows = Vec::new();
            for variant in &variants {
                rows.push(search.try_on(shared, variant, chosen_on)?.0);
            }
            let Some(chosen) = search.best(&rows) else {
                output::remark(
                    shared,
                    "no variant has enough bets: nothing is bet on the next file",
                );
                continue;
            };
            let (result, _) =
                search.try_on(shared, &chosen.params, std::slice::from_ref(tried_on))?;
            steps.push(Step {
                chosen_on: chosen_on.to_vec(),
                tried_on: tried_on.clone(),
                chosen: chosen.clone(),
                result,
            });
        }
        let sum = |of: fn(&Row) -> f64| steps.iter().map(|step| of(&step.result)).sum::<f64>();
        let (turnover, net) = (sum(|row| row.turnover), sum(|row| row.profit_net));
        let document = serde_json::json!({
            "schema": "bea.walkforward/1",
            "sample": "out of sample",
            "variants": variants.len(),
            "steps": steps,
            "bets": steps.iter().map(|step| step.result.bets).sum::<u64>(),
            "turnover": turnover,
            "profit_net": net,
            "yield_net": (turnover > 0.0).then(|| net / turnover),
        });
        output::print(shared, &document, walk(&steps, turnover, net))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn walk(steps: &[Step], turnover: f64, net: f64) -> String {
    let mut lines = vec![format!(
        "{:<30} {:<34} {:>10} {:>6} {:>10} {:>9}",
        "tried on", "chosen before", "yield then", "bets", "net", "yield"
    )];
    for step in steps {
        let name = step
            .tried_on
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let value = |row: &Row| row.yield_net.map_or("-".to_owned(), |e| percent(e.value));
        lines.push(format!(
            "{name:<30.30} {:<34.34} {:>10} {:>6} {:>10.2} {:>9}",
            step.chosen.params(),
            value(&step.chosen),
            step.result.bets,
            step.result.profit_net,
            value(&step.result),
        ));
    }
    let together = match turnover > 0.0 {
        true => format!(
            "{net:.2} on a turnover of {turnover:.2}: {}",
            percent(net / turnover)
        ),
        false => "nothing was bet".to_owned(),
    };
    lines.push(format!("\nOut of sample: {together}"));
    lines.join("\n")
}

fn table(rows: &[Row]) -> String {
    let mut lines = vec![format!(
        "{:<40} {:>6} {:>11} {:>10} {:>9} {:>22} {:>8} {:>8}",
        "variant", "bets", "turnover", "net", "yield", "95 %", "CLV", "p"
    )];
    for row in rows {
        let range = row.yield_net.and_then(|estimate| {
            let (low, high) = (estimate.low?, estimate.high?);
            Some(format!("{} to {}", percent(low), percent(high)))
        });
        lines.push(format!(
            "{:<40.40} {:>6} {:>11.2} {:>10.2} {:>9} {:>22} {:>8} {:>8}",
            row.params(),
            row.bets,
            row.turnover,
            row.profit_net,
            row.yield_net.map_or("-".to_owned(), |e| percent(e.value)),
            range.unwrap_or("-".to_owned()),
            row.clv.map_or("-".to_owned(), percent),
            row.p.map_or("-".to_owned(), |p| format!("{p:.3}")),
        ));
    }
    lines.join("\n")
}

fn percent(ratio: f64) -> String {
    format!("{:.2} %", ratio * 100.0)
}
