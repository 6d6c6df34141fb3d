//! Entry: parse the command line, hand over, map what happened to an exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = bea::cli::Cli::parse();
    let json = cli.shared.json;
    match bea::cli::run(cli) {
        Ok(code) => code,
        Err(failure) => failure.report(json),
    }
}
