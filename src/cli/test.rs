//! `bea test`: runs the tests that strategies bring with them.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::check::named_or_all;
use super::{Failure, Shared, exit, output, prepare};
use crate::strategy::{Script, ScriptError, TestReport, find};

/// Run the tests that strategies bring with them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea test                      every strategy in the strategies folder
  bea test value_back --json")]
pub(super) struct Test {
    /// Strategies: a file, a name in the strategies folder, or a folder [default: the strategies folder]
    #[arg(value_name = "STRATEGY")]
    strategies: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    passed: usize,
    failed: usize,
    tests: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    strategy: String,
    test: String,
    passed: bool,
    error: Option<String>,
}

impl Test {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let config = prepare::config(shared)?;
        let paths = find(
            &named_or_all(&self.strategies, &config),
            &config.run.strategies,
        )?;
        let tests: Vec<Line> = prepare::with_script_stack(|| {
            paths
                .iter()
                .flat_map(|path| {
                    let name = prepare::name_of(path);
                    let overrides = prepare::overrides(&config, &name, &[]);
                    lines(
                        name,
                        Script::read(path, &overrides).and_then(|script| script.test()),
                    )
                })
                .collect()
        })?;
        let failed = tests.iter().filter(|test| !test.passed).count();
        let document = Document {
            schema: "bea.test/1",
            passed: tests.len() - failed,
            failed,
            tests,
        };
        output::print(shared, &document, text(&document))?;
        Ok(if failed > 0 {
            ExitCode::from(exit::STRATEGY)
        } else {
            ExitCode::SUCCESS
        })
    }
}

/// The results of one strategy. One that does not compile fails by itself and leaves the others their turn.
fn lines(strategy: String, result: Result<TestReport, ScriptError>) -> Vec<Line> {
    let line = |test: String, error: Option<&ScriptError>| Line {
        strategy: strategy.clone(),
        test,
        passed: error.is_none(),
        error: error.map(ToString::to_string),
    };
    match result {
        Ok(report) => report
            .tests
            .iter()
            .map(|test| line(test.name.clone(), test.error.as_ref()))
            .collect(),
        Err(error) => vec![line("compiles".to_owned(), Some(&error))],
    }
}

fn text(document: &Document) -> String {
    let mut lines = Vec::new();
    for line in &document.tests {
        let verdict = if line.passed { "ok" } else { "FAILED" };
        lines.push(format!("{:<20} {:<44} {verdict}", line.strategy, line.test));
        lines.extend(line.error.clone());
    }
    lines.push(format!(
        "{} passed, {} failed",
        document.passed, document.failed
    ));
    lines.join("\n")
}
