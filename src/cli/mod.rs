//! The command line: one file a command. Results go to stdout, everything else to stderr.

mod alert;
mod approve;
mod arm;
mod backtest;
mod bets;
mod bookmaker;
mod check;
mod definitions;
mod demo;
mod doctor;
mod events;
mod exchange;
mod failure;
mod fixture;
mod gate;
mod generate;
mod health;
mod init;
mod ledger;
mod new;
mod output;
mod pages;
mod pnl;
mod preflight;
mod prepare;
mod progress;
mod reconcile;
mod replay;
mod report;
mod run;
mod settings;
mod strategies;
mod sweep;
mod switch;
mod test;
mod token;
mod watch;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::logging;

pub use failure::{Failure, exit};

/// Betting Expert Advisor: runs betting strategies written as Rhai scripts, from backtest to the market.
#[derive(Debug, Parser)]
#[command(name = "bea", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub shared: Shared,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Start here:
  bea demo                                        watch a strategy bet on bundled markets
  bea new my_first                                write a strategy with a test
  bea backtest my_first --data examples/recordings
  bea run --data examples/recordings --speed 10   play markets as if live, edit scripts meanwhile

Exit codes: 0 done, 1 internal error, 2 usage, 3 configuration, 4 strategy, 5 data,
6 a gate said no, 7 venue or network, 8 safety refusal, 9 another instance holds the lock,
130 interrupted.";

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Shared {
    /// Configuration file [default: config/bea.toml, where it exists]; further ones win over all others
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// A file of the folder profiles beside it, by name
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Override a setting, as in risk.max_stake=20 (repeatable)
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// Print one JSON document on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress and no remarks on stderr, errors excepted
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Ask nothing: what a person would have to confirm is refused
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Log as auto, human or json says: short for --set log.format=…
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Log more: -v for how it happens, -vv for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Colours on a terminal; NO_COLOR switches them off too
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = false
    )]
    pub color: Colour,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Backtest(backtest::Backtest),
    Run(run::Run),
    Replay(replay::Replay),
    Preflight(preflight::Preflight),
    Reconcile(reconcile::Reconcile),
    Approve(approve::Approve),
    Arm(arm::Arm),
    Disarm(arm::Disarm),
    Check(check::Check),
    Test(test::Test),
    New(new::New),
    Fixture(fixture::Fixture),
    Definitions(definitions::Definitions),
    Generate(generate::Generate),
    Exchange(exchange::Exchange),
    Bookmaker(bookmaker::Bookmaker),
    Events(events::Events),
    Bets(bets::Bets),
    Pnl(pnl::Pnl),
    Report(report::Report),
    Sweep(sweep::Sweep),
    Walkforward(sweep::Walkforward),
    Kill(switch::Kill),
    Pause(switch::Pause),
    Reduce(switch::Reduce),
    Resume(switch::Resume),
    Strategies(strategies::Strategies),
    Why(why::Why),
    Ledger(ledger::Ledger),
    Token(token::Token),
    Config(settings::Settings),
    Alert(alert::AlertCommand),
    Health(health::Health),
    Init(init::Init),
    Doctor(doctor::Doctor),
    Completions(pages::Completions),
    Man(pages::Man),
}

/// Runs a command.
///
/// # Errors
/// What went wrong, with its exit code.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let shared = cli.shared;
    logging::colour(match shared.color {
        Colour::Auto => None,
        Colour::Always => Some(true),
        Colour::Never => Some(false),
    });
    match cli.command {
        Command::Demo(command) => command.run(&shared),
        Command::Backtest(command) => command.run(&shared),
        Command::Run(command) => command.run(&shared),
        Command::Replay(command) => command.run(&shared),
        Command::Preflight(command) => command.run(&shared),
        Command::Reconcile(command) => command.run(&shared),
        Command::Approve(command) => command.run(&shared),
        Command::Arm(command) => command.run(&shared),
        Command::Disarm(command) => command.run(&shared),
        Command::Check(command) => command.run(&shared),
        Command::Test(command) => command.run(&shared),
        Command::New(command) => command.run(&shared),
        Command::Fixture(command) => command.run(&shared),
        Command::Definitions(command) => command.run(&shared),
        Command::Generate(command) => command.run(&shared),
        Command::Exchange(command) => command.run(&shared),
        Command::Bookmaker(command) => command.run(&shared),
        Command::Events(command) => command.run(&shared),
        Command::Bets(command) => command.run(&shared),
        Command::Pnl(command) => command.run(&shared),
        Command::Report(command) => command.run(&shared),
        Command::Sweep(command) => command.run(&shared),
        Command::Walkforward(command) => command.run(&shared),
        Command::Kill(command) => command.run(&shared),
        Command::Pause(command) => command.run(&shared),
        Command::Reduce(command) => command.run(&shared),
        Command::Resume(command) => command.run(&shared),
        Command::Strategies(command) => command.run(&shared),
        Command::Why(command) => command.run(&shared),
        Command::Ledger(command) => command.run(&shared),
        Command::Token(command) => command.run(&shared),
        Command::Config(command) => command.run(&shared),
        Command::Alert(command) => command.run(&shared),
        Command::Health(command) => command.run(&shared),
        Command::Init(command) => command.run(&shared),
        Command::Doctor(command) => command.run(&shared),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(&shared),
    }
}

/// Reads `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!("\"{text}\" is not NAME=VALUE")),
    }
}
