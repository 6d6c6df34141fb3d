//! From the command line to what a run starts from: configuration, scripts, set-up, ledger.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Failure, Shared, exit, output};
use crate::backtest::{Closing, Means, Setup};
use crate::config::{Config, ConfigError, Instance, Loaded, Params, Sources, nearest, stem};
use crate::durable;
use crate::engine::Strategy;
use crate::ledger::{Durability, Ledger, LedgerSettings, RunInfo, RunKind};
use crate::logging;
use crate::market::{Mode, TimeMs};
use crate::strategy::{Overrides, SCRIPT_STACK, Script, ScriptError, find};

/// Loads the configuration, all layers.
pub(super) fn config(shared: &Shared) -> Result<Config, Failure> {
    Ok(loaded(shared)?.config)
}

/// As [`config`], with the origin of each value.
pub(super) fn loaded(shared: &Shared) -> Result<Loaded, Failure> {
    let loaded = Config::load(&sources(shared))?;
    for note in &loaded.notes {
        output::remark(shared, note);
    }
    Ok(loaded)
}

/// Starts the log.
pub(super) fn start_log(config: &Config) -> Result<(), Failure> {
    let path = &config.log.file;
    logging::start(&config.log).map_err(|error| Failure::io("open the log's file", path, &error))
}

/// Where settings come from, as the command line says.
pub(super) fn sources(shared: &Shared) -> Sources {
    let mut overrides = shared.set.clone();
    let format = shared.log_format.iter();
    overrides.extend(format.map(|format| ("log.format".to_owned(), format.clone())));
    if let Some(level) = ["debug", "trace"].get(usize::from(shared.verbose.min(2)).wrapping_sub(1))
    {
        overrides.push(("log.level".to_owned(), (*level).to_owned()));
    }
    Sources {
        files: shared.config.clone(),
        profile: shared.profile.clone(),
        overrides,
        data: Vec::new(),
    }
}

/// What every session of a run starts from.
pub(super) fn setup(config: &Config) -> Result<Setup, Failure> {
    let means = |name: &String| {
        let means = Means {
            bank: config.bankroll_of(name),
            limits: config.limits_of(name)?,
        };
        Ok((name.clone(), means))
    };
    Ok(Setup {
        limits: config.risk.clone(),
        exchange: config.exchange.clone(),
        bank: config.account.bankroll,
        currency: config.account.currency,
        own: config
            .strategies
            .keys()
            .map(means)
            .collect::<Result<_, ConfigError>>()?,
        memory: None,
        closing: Closing::default(),
    })
}

/// The strategies named on the command line: by a name of the configuration, a file, a name in the strategies folder,
/// or a folder, whose scripts run as the configuration says.
pub(super) fn instances(loaded: &Loaded, arguments: &[String]) -> Result<Vec<Instance>, Failure> {
    let config = &loaded.config;
    let mut instances = Vec::new();
    for argument in arguments {
        let path = Path::new(argument);
        if path.is_dir() {
            instances.extend(config.instances(&find(std::slice::from_ref(argument), path)?));
            continue;
        }
        match configured(config, argument)? {
            Some(instance) => instances.push(instance),
            None => {
                let found = find(std::slice::from_ref(argument), &config.run.strategies)?;
                instances.extend(found.iter().map(|path| config.instance(&stem(path), path)));
            }
        }
    }
    let mut named = files_of(&config.run.strategies);
    named.extend(instances.iter().map(|instance| stem(&instance.path)));
    loaded.check_strategies(named.iter().map(String::as_str))?;
    instances.sort_by(|a, b| a.name.cmp(&b.name));
    instances.dedup();
    if let Some(two) = instances.windows(2).find(|two| two[0].name == two[1].name) {
        let both = format!("{} and {}", two[0].path.display(), two[1].path.display());
        let message = format!("two strategies are called {}: {both}", two[0].name);
        return Err(Failure::new(exit::USAGE, message).hint(
            "orders and results are told apart by name: rename one of the files, or give it another name in the configuration",
        ));
    }
    Ok(instances)
}

/// The strategy of this name in the configuration, if it is one; a name that is nearly one is an error.
fn configured(config: &Config, argument: &String) -> Result<Option<Instance>, Failure> {
    let is_file = Path::new(argument).is_file();
    if let Some(script) = config.script_of(argument).filter(|_| !is_file) {
        return Ok(Some(config.instance(argument, &script)));
    }
    if find(std::slice::from_ref(argument), &config.run.strategies).is_err() {
        // A slip in a name of the configuration is told with the nearest of those too.
        let names = config.strategies.keys().map(String::as_str);
        if let Some(meant) = nearest(argument, names) {
            let message = format!("there is no strategy called {argument}");
            return Err(
                Failure::new(exit::STRATEGY, message).hint(format!("did you mean \"{meant}\"?"))
            );
        }
    }
    Ok(None)
}

/// The strategies to test: scripts with the parameters they state, strategies of the configuration with their own.
pub(super) fn to_test(config: &Config, arguments: &[String]) -> Result<Vec<Instance>, Failure> {
    let mut all = Vec::new();
    for argument in arguments {
        if !Path::new(argument).is_dir()
            && let Some(instance) = configured(config, argument)?
        {
            all.push(instance);
            continue;
        }
        let found = find(std::slice::from_ref(argument), &config.run.strategies)?;
        all.extend(found.into_iter().map(|path| Instance {
            name: stem(&path),
            path,
            params: Params::new(),
        }));
    }
    all.dedup();
    Ok(all)
}

/// Names of the scripts in a folder; none if there is no such folder.
pub(super) fn files_of(folder: &Path) -> Vec<String> {
    files(folder).iter().map(|path| stem(path)).collect()
}

/// The scripts in a folder; none if there is no such folder.
pub(super) fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    find(&[folder.display().to_string()], folder).unwrap_or_default()
}

/// Reads the strategies named on the command line, with parameters from the configuration and from `params`.
pub(super) fn scripts(
    loaded: &Loaded,
    arguments: &[String],
    params: &[(String, String)],
) -> Result<Vec<Script>, Failure> {
    let instances = instances(loaded, arguments)?;
    check_params(&instances, params)?;
    instances
        .iter()
        .map(|instance| {
            let overrides = overrides(&loaded.config, &instance.name, params);
            let script = Script::read_as(&instance.name, &instance.path, &overrides)?;
            check_fit(loaded, &script, params)?;
            Ok(script)
        })
        .collect()
}

/// What the configuration says of strategies must fit those of the folder.
pub(super) fn check_folder(loaded: &Loaded) -> Result<(), Failure> {
    let config = &loaded.config;
    let folder = &config.run.strategies;
    let scripts = find(&[folder.display().to_string()], folder).unwrap_or_default();
    let names: Vec<String> = scripts.iter().map(|path| stem(path)).collect();
    loaded.check_strategies(names.iter().map(String::as_str))?;
    with_script_stack(|| {
        for instance in config.instances(&scripts) {
            let overrides = overrides(config, &instance.name, &[]);
            if let Ok(script) = Script::read_as(&instance.name, &instance.path, &overrides) {
                check_fit(loaded, &script, &[])?;
            }
        }
        Ok(())
    })?
}

/// A parameter meant for one strategy names one that is there.
fn check_params(instances: &[Instance], params: &[(String, String)]) -> Result<(), Failure> {
    let wrong = params.iter().find_map(|(key, _)| {
        let (name, _) = key.split_once('.')?;
        (!instances.iter().any(|instance| instance.name == name)).then_some((key, name))
    });
    let Some((key, name)) = wrong else {
        return Ok(());
    };
    let known: Vec<&str> = instances.iter().map(|i| i.name.as_str()).collect();
    let message = format!("--param {key}: there is no strategy {name} in this run");
    Err(Failure::new(exit::USAGE, message).hint(format!("there is: {}", known.join(", "))))
}

/// Parameters of the configuration must fit the script; what does not is an error of the configuration.
pub(super) fn check_fit(
    loaded: &Loaded,
    script: &Script,
    params: &[(String, String)],
) -> Result<(), Failure> {
    // What is wrong with the script itself is told when it is compiled.
    let Ok(misfits) = script.misfits() else {
        return Ok(());
    };
    let given = |param: &str| {
        params.iter().any(|(key, _)| match key.split_once('.') {
            Some((name, key)) => name == script.name() && key == param,
            None => key == param,
        })
    };
    let wrong = misfits.into_iter().filter(|(param, _)| !given(param));
    let wrong = wrong.filter_map(|(param, problem)| {
        let value = script.overrides().get(param)?;
        Some(loaded.misfit(script.name(), param, value, problem))
    });
    ConfigError::of(wrong.collect()).map_or(Ok(()), |error| Err(error.into()))
}

/// Parameters of one strategy: from the configuration, then from the command line, where `NAME.key` is meant for one
/// strategy and `key` for all.
pub(super) fn overrides(config: &Config, name: &str, params: &[(String, String)]) -> Overrides {
    let mut overrides: Overrides = config
        .strategies
        .get(name)
        .into_iter()
        .flat_map(|settings| &settings.params)
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    for (key, text) in params {
        let key = match key.split_once('.') {
            Some((meant, key)) if meant == name => key,
            Some(_) => continue,
            None => key,
        };
        // A text that is no number, truth value or list is meant as a text.
        let value = serde_json::from_str(text).unwrap_or_else(|_| text.clone().into());
        overrides.insert(key.to_owned(), value);
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
    let folder = durable::folder_of(path);
    durable::make_folder(folder).map_err(|error| Failure::io("make the folder", folder, &error))?;
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
        // Only the host ever bets with money: whatever else runs is DRY_RUN, whatever the configuration says.
        mode: match kind {
            RunKind::Run => config.mode,
            RunKind::Backtest | RunKind::Demo => Mode::DryRun,
        },
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
