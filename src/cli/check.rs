//! `bea check`: compiles strategies and validates the configuration.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{Failure, Shared, exit, output, pair, prepare};
use crate::engine::Strategy;
use crate::strategy::{Script, ScriptError, find};

/// Compile strategies and validate the configuration, without running anything
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea check                     every strategy in the strategies folder, and the configuration
  bea check value_back
  bea check strategies/mine.rhai --param edge=0.08")]
pub(super) struct Check {
    /// Strategies: a file, a name in the strategies folder, or a folder [default: the strategies folder]
    #[arg(value_name = "STRATEGY")]
    strategies: Vec<String>,
    /// Override a parameter of every strategy given (repeatable)
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    param: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    configuration: &'static str,
    strategies: Vec<Checked>,
}

/// One strategy, checked.
#[derive(Debug, Serialize)]
struct Checked {
    name: String,
    path: String,
    hash: Option<String>,
    params: Vec<Value>,
    error: Option<String>,
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
        let config = loaded.config;
        let arguments = named_or_all(&self.strategies, &config);
        let paths = find(&arguments, &config.run.strategies)?;
        let checked: Vec<Checked> = prepare::with_script_stack(|| {
            paths
                .iter()
                .map(|path| {
                    let name = prepare::name_of(path);
                    let script =
                        Script::read(path, &prepare::overrides(&config, &name, &self.param));
                    check(name, path.display().to_string(), script)
                })
                .collect()
        })?;
        let failed = checked.iter().any(|strategy| strategy.error.is_some());
        let document = Document {
            schema: "bea.check/1",
            configuration: "valid",
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
        },
        Err(error) => Checked {
            name,
            path,
            hash: None,
            params: Vec::new(),
            error: Some(error.to_string()),
        },
    }
}

fn text(document: &Document) -> String {
    let mut lines = vec!["configuration: valid".to_owned()];
    for strategy in &document.strategies {
        match (&strategy.error, &strategy.hash) {
            (Some(error), _) => lines.push(format!("{}: FAILED\n{error}", strategy.name)),
            (None, hash) => {
                let hash = hash.as_deref().unwrap_or_default();
                let params: Vec<String> = strategy
                    .params
                    .iter()
                    .map(|p| format!("{} = {}", p.name, p.value))
                    .collect();
                let params = if params.is_empty() {
                    String::new()
                } else {
                    format!("   {}", params.join(", "))
                };
                lines.push(format!(
                    "{}: ok   {}{params}",
                    strategy.name,
                    &hash[..hash.len().min(12)]
                ));
            }
        }
    }
    lines.join("\n")
}
