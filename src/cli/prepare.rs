//! From the command line to what a run starts from: configuration, scripts, set-up, ledger.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Failure, Shared, exit};
use crate::backtest::Setup;
use crate::config::Config;
use crate::engine::Strategy;
use crate::ledger::{Durability, Ledger, LedgerSettings, RunInfo, RunKind};
use crate::market::TimeMs;
use crate::strategy::{Overrides, Script, ScriptError, find};

/// Loads the configuration, all layers.
pub(super) fn config(shared: &Shared) -> Result<Config, Failure> {
    Ok(Config::load(shared.config.as_deref(), &shared.set)?.config)
}

/// What every session of a run starts from.
pub(super) fn setup(config: &Config) -> Setup {
    Setup {
        limits: config.risk.clone(),
        exchange: config.exchange.clone(),
        bank: config.account.bankroll,
        currency: config.account.currency,
    }
}

/// Reads the strategies named on the command line, with parameters from the configuration and from `params`.
pub(super) fn scripts(
    config: &Config,
    arguments: &[String],
    params: &[(String, String)],
) -> Result<Vec<Script>, Failure> {
    let paths = find(arguments, &config.run.strategies)?;
    let scripts = paths
        .iter()
        .map(|path| Script::read(path, &overrides(config, &name_of(path), params)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeMap::new();
    for script in &scripts {
        if let Some(first) = names.insert(script.name().to_owned(), script.path()) {
            let show =
                |path: Option<&Path>| path.map(|p| p.display().to_string()).unwrap_or_default();
            let both = format!("{} and {}", show(first), show(script.path()));
            return Err(Failure::new(
                exit::USAGE,
                format!("two strategies are called {}: {both}", script.name()),
            )
            .hint("orders and results are told apart by name: rename one of the files"));
        }
    }
    Ok(scripts)
}

/// What the strategy in a file is called.
pub(super) fn name_of(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Parameters of one strategy: from `[params.NAME]`, then from the command line.
pub(super) fn overrides(config: &Config, name: &str, params: &[(String, String)]) -> Overrides {
    let mut overrides: Overrides = config
        .params
        .get(name)
        .into_iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    for (key, text) in params {
        // A text that is no number, truth value or list is meant as a text.
        let value = serde_json::from_str(text).unwrap_or_else(|_| text.clone().into());
        overrides.insert(key.clone(), value);
    }
    overrides
}

/// Compiles all scripts anew, for a session.
pub(super) fn compile(scripts: &[Script]) -> Result<Vec<Box<dyn Strategy>>, ScriptError> {
    scripts
        .iter()
        .map(|script| {
            script
                .compile()
                .map(|ready| Box::new(ready) as Box<dyn Strategy>)
        })
        .collect()
}

/// Opens a ledger for a run.
pub(super) fn ledger(
    config: &Config,
    path: &Path,
    durability: Durability,
) -> Result<Ledger, Failure> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::io("make the folder", folder, &error))?;
    }
    let settings = LedgerSettings {
        durability,
        busy_timeout: Duration::from_secs(u64::from(config.ledger.busy_timeout_seconds)),
        attempts: u8::try_from(config.ledger.retry_attempts).unwrap_or(10),
    };
    Ok(Ledger::open(path, settings)?)
}

/// What the ledger keeps of a run.
pub(super) fn run_info(config: &Config, kind: RunKind) -> RunInfo {
    let config_values = serde_json::to_value(config.values()).unwrap_or_default();
    RunInfo {
        kind,
        started_at: wall_clock(),
        currency: config.account.currency,
        config: config_values,
    }
}

/// The wall clock. Only a run's start and end are stamped with it.
#[allow(clippy::disallowed_methods)]
pub(super) fn wall_clock() -> TimeMs {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    TimeMs(i64::try_from(since.as_millis()).unwrap_or_default())
}

/// Stack of a thread that runs scripts: a deep script must meet its limits before the stack's end.
pub(super) const SCRIPT_STACK: usize = 32 << 20;

/// Runs `work` on a thread with room for scripts.
pub(super) fn with_script_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    let broken = || Failure::new(exit::INTERNAL, "the script thread ended unexpectedly");
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("engine".to_owned())
            .stack_size(SCRIPT_STACK)
            .spawn_scoped(scope, work)
            .map_err(|error| {
                Failure::new(exit::INTERNAL, format!("no thread for scripts: {error}"))
            })?
            .join()
            .map_err(|_| broken())
    })
}

/// What a name that is none of the known was probably meant to be.
pub(super) fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let closest = known
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)))
        .filter(|closest| strsim::jaro_winkler(name, closest) > 0.8);
    match closest {
        Some(closest) => format!("did you mean \"{closest}\"?"),
        None => format!("known: {}", known.join(", ")),
    }
}
