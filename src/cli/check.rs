//! `bea check`: finds in strategies what would fail or cannot be meant, and validates the configuration.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{Failure, Shared, exit, output, pair, prepare};
use crate::config::Instance;
use crate::engine::Strategy;
use crate::strategy::{Code, Finding, Script, ScriptError, Severity};

/// Look for mistakes in strategies and in the configuration, without running anything
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea check                     every strategy in the strategies folder, and the configuration
  bea check value_back
  bea check strategies/mine.rhai --param edge=0.08
  bea check careful             a strategy of the configuration, with its parameters
  bea check --strict            fail on warnings too, as in a build

A finding is silenced by a comment in the script, on its line or the line before:
  // check: allow unused-param")]
pub(super) struct Check {
    /// Strategies: a file, a name in the strategies folder or the configuration, or a folder [default: the strategies folder]
    #[arg(value_name = "STRATEGY")]
    strategies: Vec<String>,
    /// Override a parameter of every strategy given (repeatable)
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    param: Vec<(String, String)>,
    /// Fail on warnings too
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    configuration: &'static str,
    errors: usize,
    warnings: usize,
    strategies: Vec<Checked>,
}

/// One strategy, checked.
#[derive(Debug, Serialize)]
struct Checked {
    name: String,
    path: String,
    hash: Option<String>,
    params: Vec<Value>,
    /// Why it cannot be compiled, if it cannot.
    error: Option<String>,
    findings: Vec<Found>,
}

/// One finding.
#[derive(Debug, Serialize)]
struct Found {
    code: &'static str,
    severity: Severity,
    path: String,
    line: Option<usize>,
    column: Option<usize>,
    message: String,
    source: Option<String>,
    hint: Option<String>,
    /// As it is shown to people.
    #[serde(skip)]
    text: String,
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        let (line, column) = finding.error.position.unzip();
        Self {
            code: finding.code.as_str(),
            severity: finding.severity(),
            text: finding.to_string(),
            path: finding.error.file,
            line,
            column,
            message: finding.error.message,
            source: finding.error.source_line.map(String::from),
            hint: finding.error.hint,
        }
    }
}

#[derive(Debug, Serialize)]
struct Value {
    name: String,
    value: String,
}

impl Check {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let loaded = prepare::loaded(shared)?;
        if self.strategies.is_empty() {
            prepare::check_folder(&loaded)?;
        }
        let arguments = named_or_all(&self.strategies, &loaded.config);
        let instances = prepare::instances(&loaded, &arguments)?;
        let config = loaded.config;
        let checked: Vec<Checked> = prepare::with_script_stack(|| {
            let check = |instance: &Instance| {
                let Instance { name, path, .. } = instance;
                let overrides = prepare::overrides(&config, name, &self.param);
                let script = Script::read_as(name, path, &overrides);
                check(name.clone(), path.display().to_string(), script)
            };
            instances.iter().map(check).collect()
        })?;
        let count = |severity| {
            let findings = checked.iter().flat_map(|strategy| &strategy.findings);
            findings.filter(|found| found.severity == severity).count()
        };
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let broken = checked.iter().any(|strategy| strategy.error.is_some());
        let failed = broken || errors > 0 || (self.strict && warnings > 0);
        let document = Document {
            schema: "bea.check/1",
            configuration: "valid",
            errors,
            warnings,
            strategies: checked,
        };
        output::print(shared, &document, text(&document))?;
        Ok(if failed {
            ExitCode::from(exit::STRATEGY)
        } else {
            ExitCode::SUCCESS
        })
    }
}

/// The strategies named, or the strategies folder if none is.
pub(super) fn named_or_all(named: &[String], config: &crate::config::Config) -> Vec<String> {
    if named.is_empty() {
        vec![config.run.strategies.display().to_string()]
    } else {
        named.to_vec()
    }
}

fn check(name: String, path: String, script: Result<Script, ScriptError>) -> Checked {
    let findings = match &script {
        Ok(script) => script.check(),
        Err(error) => vec![Finding {
            code: Code::Compile,
            error: error.clone(),
        }],
    };
    let findings = findings.into_iter().map(Found::from).collect();
    match script.and_then(|script| script.compile()) {
        Ok(ready) => Checked {
            name,
            path,
            hash: Some(ready.hash().to_owned()),
            params: ready
                .params()
                .iter()
                .map(|param| Value {
                    name: param.name.clone(),
                    value: param.value.to_string(),
                })
                .collect(),
            error: None,
            findings,
        },
        Err(error) => Checked {
            name,
            path,
            hash: None,
            params: Vec::new(),
            error: Some(error.to_string()),
            findings,
        },
    }
}

fn text(document: &Document) -> String {
    let mut lines = vec!["configuration: valid".to_owned()];
    for strategy in &document.strategies {
        lines.push(headline(strategy));
        lines.extend(strategy.findings.iter().map(|found| found.text.clone()));
    }
    if document.errors + document.warnings > 0 {
        lines.push(format!(
            "{}, {}",
            counted(document.errors, "error"),
            counted(document.warnings, "warning")
        ));
    }
    lines.join("\n")
}

fn headline(strategy: &Checked) -> String {
    let has_error = strategy.error.is_some()
        || strategy
            .findings
            .iter()
            .any(|found| found.severity == Severity::Error);
    match &strategy.hash {
        Some(hash) if !has_error => {
            let params = strategy.params.iter();
            let params: Vec<String> = params
                .map(|p| format!("{} = {}", p.name, p.value))
                .collect();
            let params = if params.is_empty() {
                String::new()
            } else {
                format!("   {}", params.join(", "))
            };
            format!(
                "{}: ok   {}{params}",
                strategy.name,
                &hash[..hash.len().min(12)]
            )
        }
        _ => format!("{}: FAILED", strategy.name),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
