//! `bea backtest`: strategies over recordings.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use clap::{Args, ValueEnum};

use super::gate::{self, Condition};
use super::progress::Watch;
use super::{Failure, Shared, exit, output, pair, prepare};
use crate::backtest::{self, Closing, Memory, Report, RunError, Setup, Sinks, Way};
use crate::config::Config;
use crate::engine::Notice;
use crate::exchange::Fill;
use crate::ledger::{Durability, Outcome, Reader, RunKind, RunWriter, Verdict};
use crate::market::BookName;
use crate::risk::RiskLimits;
use crate::source;
use crate::strategy::Script;
use crate::strategy::maths::devig::Method;

/// Run strategies over recordings and report what became of them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea backtest value_back --data examples/recordings
  bea backtest strategies/*.rhai --data 'recordings/**/*.bz2' --orders orders.jsonl
  bea backtest value_back --data 1.181223995.bz2 --param edge=0.08 --json
  bea backtest queue_joiner --data examples/recordings --fill band
  bea backtest value_vs_sharp --data examples/seasons --html report.html --fail-if 'yield_net<-0.5'

Each recording is a session of its own: full bank, empty state, new day. With --carry-state what
strategies remember goes on from one to the next, which are then played one at a time.")]
pub(super) struct Backtest {
    /// Strategies: a name of the configuration, a name in the strategies folder, a file, or a folder
    #[arg(required = true, value_name = "STRATEGY")]
    strategies: Vec<String>,
    /// Recordings: a file, a folder or a pattern; plain, .bz2, .gz, .zst, and tar or zip of those
    #[arg(short, long, required = true, num_args = 1.., value_name = "PATH")]
    data: Vec<String>,
    /// Override a parameter of every strategy given, as in edge=0.08, or of one, as in bold.edge=0.08 (repeatable)
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    param: Vec<(String, String)>,
    /// Let what strategies remember go on from recording to recording, as bea run does
    #[arg(long)]
    carry_state: bool,
    /// How many recordings are played at once; the results are the same [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// How orders are matched [default: exchange.fill of the configuration]
    #[arg(long, value_name = "MODEL")]
    fill: Option<FillChoice>,
    /// Write one JSON line for each order to this file
    #[arg(long, value_name = "FILE")]
    orders: Option<PathBuf>,
    /// Keep a ledger of the run in this file
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Write the report as a page with plots to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Bookmakers whose closing prices count as the close, the most trusted first [default: PS pinnacle]
    #[arg(long, value_name = "BOOK", num_args = 1..)]
    closing_book: Vec<String>,
    /// How the close's margin is taken off in summaries: multiplicative, additive, power, odds_ratio or shin
    #[arg(long, value_name = "METHOD", default_value = "power", value_parser = method)]
    devig: Method,
    /// End with code 6 if any strategy's result is so, as in 'yield_net<0' (repeatable)
    #[arg(long, value_name = "CONDITION", value_parser = Condition::parse)]
    fail_if: Vec<Condition>,
}

fn method(name: &str) -> Result<Method, String> {
    Method::parse(name).map_err(|wrong| wrong.to_string())
}

/// The models of matching, as asked for on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FillChoice {
    /// That of the field's open-source simulator, with the risk limits of its published orders
    Reference,
    /// Ours: what was taken is gone, queues shorten, nothing is met before it arrived
    Strict,
    /// Strict under a pessimistic, a neutral and an optimistic outlook, side by side
    Band,
}

impl FillChoice {
    /// Has the sessions of a run use the model. The reference comes with its own limits, or its orders would differ.
    fn apply(self, setup: &mut Setup, shared: &Shared) {
        match self {
            Self::Strict | Self::Band => setup.exchange.fill = Fill::Strict,
            Self::Reference => {
                setup.exchange.fill = Fill::Reference;
                setup.limits = RiskLimits::reference();
                for own in setup.own.values_mut() {
                    own.limits = RiskLimits::reference();
                }
                output::remark(
                    shared,
                    "the reference model, under the limits of its published orders instead of [risk]: \
                     1000 on an order, 105 and one open order on a runner, in play allowed\n",
                );
            }
        }
    }
}

impl Backtest {
    /// Refuses to write over what is read.
    fn spare_inputs(&self, files: &[PathBuf], scripts: &[Script]) -> Result<(), Failure> {
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        let inputs: Vec<PathBuf> = files
            .iter()
            .map(PathBuf::as_path)
            .chain(scripts.iter().filter_map(Script::path))
            .filter_map(real)
            .collect();
        for output in [&self.orders, &self.ledger, &self.html]
            .into_iter()
            .flatten()
        {
            if real(output).is_some_and(|output| inputs.contains(&output)) {
                let message = format!(
                    "{} is read by this run: it would be overwritten",
                    output.display()
                );
                return Err(Failure::new(exit::USAGE, message).hint("name another file"));
            }
        }
        Ok(())
    }

    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let loaded = prepare::loaded(shared)?;
        let config = loaded.config.clone();
        let scripts = prepare::scripts(&loaded, &self.strategies, &self.param)?;
        let files = source::expand(&self.data)?;
        self.spare_inputs(&files, &scripts)?;
        let mut setup = prepare::setup(&config)?;
        if self.carry_state {
            if self.fill == Some(FillChoice::Band) {
                let message = "--carry-state does not go with --fill band: three outlooks remember different things";
                return Err(Failure::new(exit::USAGE, message));
            }
            setup.memory = Some(Memory::default());
        }
        setup.closing = self.closing();
        let band = self.fill == Some(FillChoice::Band);
        if let Some(fill) = self.fill {
            fill.apply(&mut setup, shared);
        }
        let played = Played {
            config: &config,
            setup: &setup,
            way: Way {
                threads: self.threads.unwrap_or_else(cores),
                band,
            },
            scripts: &scripts,
            files: &files,
        };
        let outputs = Outputs {
            orders: self.orders.as_deref(),
            ledger: self.ledger.as_deref(),
            kind: RunKind::Backtest,
        };
        let report = play(shared, &played, &outputs)?;
        if let Some(path) = &self.html {
            let document = serde_json::to_value(&report).unwrap_or_default();
            std::fs::write(path, backtest::page(&document))
                .map_err(|error| Failure::io("write the page to it", path, &error))?;
        }
        output::print(shared, &report, &report)?;
        let code = conclude(shared, &report);
        gate::judge(&self.fail_if, &report, shared).map(|passed| match passed {
            true => code,
            false => ExitCode::from(exit::GATE),
        })
    }

    fn closing(&self) -> Closing {
        let books: Vec<_> = self
            .closing_book
            .iter()
            .map(|name| BookName::new(name))
            .collect();
        let usual = Closing::default();
        Closing {
            books: if books.is_empty() { usual.books } else { books },
            method: self.devig,
        }
    }
}

/// As many threads as the machine has cores for this process.
pub(super) fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// What is played.
pub(super) struct Played<'a> {
    pub(super) config: &'a Config,
    pub(super) setup: &'a Setup,
    pub(super) way: Way,
    pub(super) scripts: &'a [Script],
    pub(super) files: &'a [PathBuf],
}

/// Where results go besides the report.
pub(super) struct Outputs<'a> {
    pub(super) orders: Option<&'a Path>,
    pub(super) ledger: Option<&'a Path>,
    pub(super) kind: RunKind,
}

/// Plays recordings with a progress bar.
pub(super) fn play(
    shared: &Shared,
    played: &Played<'_>,
    outputs: &Outputs<'_>,
) -> Result<Report, Failure> {
    let mut orders = outputs.orders.map(OrdersFile::create).transpose()?;
    let ledger = match outputs.ledger {
        Some(path) => Some(prepare::ledger(played.config, path, Durability::Batched)?),
        None => None,
    };
    if let (Some(ledger), false) = (&ledger, shared.quiet || shared.json) {
        for death in ledger.deaths() {
            output::complain(format_args!("warning: {death}"));
        }
    }
    let mut run = match &ledger {
        Some(ledger) => Some(ledger.begin_run(prepare::run_info(played.config, outputs.kind))?),
        None => None,
    };
    if let Some(run) = &mut run {
        for script in played.scripts {
            run.version(backtest::version(
                script,
                prepare::wall_clock(),
                Verdict::Accepted,
            ))?;
        }
    }
    let watch = Watch::over(played.files, shared);
    let result = prepare::with_script_stack(|| {
        run_all(
            played,
            run.as_mut(),
            orders
                .as_mut()
                .map(|file| &mut file.out as &mut (dyn Write + Send)),
            &watch,
            shared,
        )
    })?;
    drop(watch);
    let mut result = result;
    if let (Some(run), Some(ledger), Ok(report)) = (&mut run, &ledger, &mut result) {
        keep(run, &ledger.reader()?, report)?;
    }
    let trace = result.as_ref().ok().map(|report| report.trace_hash.clone());
    if let Some(run) = run {
        let outcome = match &result {
            Ok(report) if report.interrupted => Outcome::Interrupted,
            Ok(_) => Outcome::Completed,
            Err(_) => Outcome::Failed,
        };
        let finished = run.finish(prepare::wall_clock(), outcome, trace.as_deref());
        // A failed run's own error says more than the ledger's complaint about it.
        if result.is_ok() {
            finished?;
        }
    }
    if let Some(ledger) = ledger {
        let closed = ledger.close();
        if result.is_ok() {
            closed?;
        }
    }
    let report = result?;
    if let Some(file) = orders {
        file.finish()?;
    }
    Ok(report)
}

/// Counts what was tried on the same data before, and keeps the report.
fn keep(run: &mut RunWriter, reader: &Reader, report: &mut Report) -> Result<(), Failure> {
    let mut tried = reader.variants(&report.data_set)?;
    tried.extend(report.strategies.iter().map(|s| s.hash.clone()));
    report.honesty.variants = Some(tried.len() as u64);
    let kept = report.without_clock();
    let mut document = serde_json::to_value(&kept).unwrap_or_default();
    if let Some(document) = document.as_object_mut() {
        document.remove("elapsed_seconds");
        document.remove("updates_per_second");
    }
    Ok(run.report(&report.data_set, document, kept.to_string())?)
}

fn run_all(
    played: &Played<'_>,
    ledger: Option<&mut RunWriter>,
    orders: Option<&mut (dyn Write + Send)>,
    watch: &Watch,
    shared: &Shared,
) -> Result<Report, RunError> {
    let mut logged: u64 = 0;
    let report = backtest::run(
        played.setup,
        &|| prepare::compile(played.scripts),
        played.files,
        played.way,
        &mut Sinks {
            ledger,
            orders: orders.map(|out| out as &mut dyn Write),
            progress: &mut |progress| watch.take(progress),
            notice: &mut |notice| match notice {
                // The report counts them.
                Notice::Fault { .. } => {}
                Notice::Alarm { code, detail } => {
                    output::remark(shared, format_args!("{code}: {detail}"));
                }
                Notice::Log { strategy, line } => {
                    logged += 1;
                    if logged <= MOST_LOGGED {
                        output::remark(shared, format_args!("{strategy}: {line}"));
                    }
                }
            },
        },
    )?;
    if logged > MOST_LOGGED {
        output::remark(
            shared,
            format_args!("({} more lines logged)", logged - MOST_LOGGED),
        );
    }
    Ok(report)
}

/// Lines of strategies' logs shown of a backtest.
const MOST_LOGGED: u64 = 200;

/// Warnings shown of a backtest.
const MOST_WARNINGS: usize = 20;

/// Tells what was wrong with the data and gives the exit code.
pub(super) fn conclude(shared: &Shared, report: &Report) -> ExitCode {
    if shared.json {
        // One document; the whole list is in the report.
        if let Some(first) = report.problems.first() {
            let (path, line) = (first.path.as_str(), first.line);
            let _ = Failure::at(exit::DATA, &first.message, path, line, None).report(true);
        }
    } else {
        for warning in report.warnings.iter().take(MOST_WARNINGS) {
            output::remark(shared, format_args!("warning: {}", warning.message));
        }
        if let Some(more) = report.warnings.len().checked_sub(MOST_WARNINGS + 1) {
            output::remark(
                shared,
                format_args!("({} more warnings; --json has them)", more + 1),
            );
        }
        for problem in &report.problems {
            output::complain(format_args!("error: {}", problem.message));
        }
    }
    if report.interrupted {
        ExitCode::from(exit::INTERRUPTED)
    } else if report.has_problems() {
        ExitCode::from(exit::DATA)
    } else if report.strategies.iter().any(|s| s.faults > 0) {
        ExitCode::from(exit::STRATEGY)
    } else {
        ExitCode::SUCCESS
    }
}

/// The file of orders.
struct OrdersFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl OrdersFile {
    fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path)
            .map_err(|error| Failure::io("write the orders to it", path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            out: BufWriter::new(file),
        })
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.out
            .flush()
            .map_err(|error| Failure::io("write the orders to it", &self.path, &error))
    }
}
