//! `bea test`: runs the tests that strategies bring with them, once or at every save.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::check::named_or_all;
use super::{Failure, Shared, exit, output, prepare, watch};
use crate::config::{Config, Instance};
use crate::strategy::{Overrides, Script, ScriptError, Snapshots, TestReport};

/// Run the tests that strategies bring with them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea test                      every strategy in the strategies folder
  bea test value_back --json
  bea test value_back --watch   again at every save, until Ctrl-C
  bea test value_back --bless   accept what t.snapshot(name, value) found
  bea test careful              a strategy of the configuration, with its parameters

A script is tested with the values its params() states, a strategy of the configuration with its own.
Snapshots are kept in snapshots/STRATEGY/ beside the strategy, fixtures in fixtures/.")]
pub(super) struct Test {
    /// Strategies: a file, a name in the strategies folder or the configuration, or a folder [default: the strategies folder]
    #[arg(value_name = "STRATEGY")]
    strategies: Vec<String>,
    /// Run them again whenever a file is saved, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
    /// Accept snapshots that are new or differ
    #[arg(long)]
    bless: bool,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    passed: usize,
    failed: usize,
    elapsed_ms: f64,
    tests: Vec<Line>,
    /// Files of snapshots written.
    blessed: Vec<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Line {
    strategy: String,
    test: String,
    passed: bool,
    error: Option<String>,
    path: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
}

impl Test {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        if !self.watch {
            let document = self.once(shared)?;
            output::print(shared, &document, text(&document))?;
            return Ok(if document.failed > 0 {
                ExitCode::from(exit::STRATEGY)
            } else {
                ExitCode::SUCCESS
            });
        }
        let config = prepare::config(shared)?;
        let folders = self.folders(&config);
        watch::at_every_save(&folders, || {
            // A strategy that is renamed or half written is told, and looked at again.
            match self.once(shared) {
                Ok(document) => {
                    watch::clear(shared);
                    output::print(shared, &document, text(&document))?;
                    let took = format!("{:.0} ms", document.elapsed_ms);
                    output::remark(
                        shared,
                        format_args!("in {took}; waiting for changes, Ctrl-C ends"),
                    );
                }
                Err(failure) => {
                    let _code = failure.report(shared.json);
                }
            }
            Ok(())
        })?;
        Ok(ExitCode::SUCCESS)
    }

    /// The folders whose files matter.
    fn folders(&self, config: &Config) -> Vec<PathBuf> {
        let found = prepare::to_test(config, &named_or_all(&self.strategies, config));
        let found = found.unwrap_or_default();
        let parents = found.iter().filter_map(|instance| instance.path.parent());
        let here = |folder: &Path| {
            if folder.as_os_str().is_empty() {
                ".".into()
            } else {
                folder.to_owned()
            }
        };
        let mut folders: Vec<PathBuf> = parents.map(here).collect();
        folders.push(config.run.strategies.clone());
        folders.sort();
        folders.dedup();
        folders
    }

    fn once(&self, shared: &Shared) -> Result<Document, Failure> {
        let started = Instant::now();
        let config = prepare::config(shared)?;
        let instances = prepare::to_test(&config, &named_or_all(&self.strategies, &config))?;
        let snapshots = if self.bless {
            Snapshots::Accept
        } else {
            Snapshots::Compare
        };
        let runs = prepare::with_script_stack(|| {
            let run = |instance: &Instance| {
                let overrides: Overrides = instance.params.clone().into_iter().collect();
                // Snapshots belong to the script, under whatever name it runs.
                let read = Script::read(&instance.path, &overrides);
                let tested = read.and_then(|script| {
                    let report = script.test_with(snapshots)?;
                    Ok((written(&script, &report, self.bless), report))
                });
                (instance.name.clone(), tested)
            };
            instances.iter().map(run).collect::<Vec<_>>()
        })?;
        let (mut tests, mut blessed) = (Vec::new(), Vec::new());
        for (name, tested) in runs {
            let (files, report) = tested.map_or_else(
                |error| (Vec::new(), Err(error)),
                |(files, report)| (files, Ok(report)),
            );
            tests.extend(lines(name, report));
            for (path, text) in files {
                write(&path, &text)?;
                blessed.push(path);
            }
        }
        let failed = tests.iter().filter(|test| !test.passed).count();
        Ok(Document {
            schema: "bea.test/1",
            passed: tests.len() - failed,
            failed,
            elapsed_ms: started.elapsed().as_secs_f64() * 1000.0,
            tests,
            blessed,
        })
    }
}

/// The snapshots to write down: those accepted now.
fn written(script: &Script, report: &TestReport, bless: bool) -> Vec<(PathBuf, String)> {
    let changed = report
        .snapshots
        .iter()
        .filter(|snapshot| bless && snapshot.accepted.as_ref() != Some(&snapshot.found));
    let files = changed.filter_map(|snapshot| {
        let path = script.snapshot_path(&snapshot.name)?;
        Some((path, snapshot.found.clone()))
    });
    files.collect()
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::io("make the folder", folder, &error))?;
    }
    std::fs::write(path, text).map_err(|error| Failure::io("write it", path, &error))
}

/// The results of one strategy. One that does not compile fails by itself and leaves the others their turn.
fn lines(strategy: String, result: Result<TestReport, ScriptError>) -> Vec<Line> {
    let line = |test: String, error: Option<&ScriptError>| Line {
        strategy: strategy.clone(),
        test,
        passed: error.is_none(),
        error: error.map(ToString::to_string),
        path: error.map(|error| error.file.clone()),
        line: error.and_then(|error| error.position).map(|(line, _)| line),
        column: error
            .and_then(|error| error.position)
            .map(|(_, column)| column),
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
    let blessed = document.blessed.iter();
    lines.extend(blessed.map(|path| format!("accepted {}", path.display())));
    lines.push(format!(
        "{} passed, {} failed",
        document.passed, document.failed
    ));
    lines.join("\n")
}
