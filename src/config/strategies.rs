//! Strategies by name: one script may run several times, each with its own parameters, money and limits.
//!
//! A script runs under its own name unless the configuration gives it others. A strategy's own limits can only be
//! tighter than those of `[risk]`: the tightest wins.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{ConfigError, nearest};
use super::origin::Origin;
use super::{Config, Loaded, Params};
use crate::market::{Money, setting};
use crate::risk::RiskLimits;

/// What a key of one strategy begins with.
pub(super) const SECTION: &str = "strategies";
/// The short form: `params.NAME.KEY` is `strategies.NAME.params.KEY`.
pub(super) const SHORT: &str = "params";

/// What the configuration says of one strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StrategySettings {
    /// Its script, a file of the strategies folder; the one with its own name if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Whether it runs without being asked for by name.
    pub enabled: bool,
    /// What it starts with; `account.bankroll` if `None`.
    #[serde(
        with = "setting::optional_money",
        skip_serializing_if = "Option::is_none"
    )]
    pub bankroll: Option<Money>,
    /// Its parameters, over the values its script states.
    pub params: Params,
    /// Its own limits by key of `[risk]`.
    pub risk: Params,
}

impl Default for StrategySettings {
    fn default() -> Self {
        Self {
            script: None,
            enabled: true,
            bankroll: None,
            params: Params::new(),
            risk: Params::new(),
        }
    }
}

/// A strategy to be run: a script under a name, with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// The script's file.
    pub path: PathBuf,
    /// Its parameters, over the values its script states.
    pub params: Params,
}

/// What is wrong with a value: the whole key, the value, and what is permitted.
pub(super) type Problem = (String, String, String);

impl Config {
    /// A script under a name, with what the configuration says of that name.
    #[must_use]
    pub fn instance(&self, name: &str, path: &Path) -> Instance {
        let settings = self.strategies.get(name);
        let is_its_script = self.stem_of(name) == Some(stem(path).as_str());
        Instance {
            name: name.to_owned(),
            path: path.to_owned(),
            params: settings
                .filter(|_| is_its_script)
                .map(|settings| settings.params.clone())
                .unwrap_or_default(),
        }
    }

    /// The strategies that these scripts run as, by name: under the names that the configuration gives a script (unless
    /// disabled), or else under its own.
    #[must_use]
    pub fn instances(&self, scripts: &[PathBuf]) -> Vec<Instance> {
        let mut instances = Vec::new();
        for path in scripts {
            let own = stem(path);
            let given: Vec<_> = self
                .strategies
                .iter()
                .filter(|(name, _)| self.stem_of(name) == Some(own.as_str()))
                .collect();
            if given.is_empty() {
                instances.push(self.instance(&own, path));
            }
            let enabled = given.iter().filter(|(_, settings)| settings.enabled);
            instances.extend(enabled.map(|(name, _)| self.instance(name, path)));
        }
        instances.sort_by(|a, b| a.name.cmp(&b.name));
        instances
    }

    /// The script of a strategy that the configuration knows, if it knows it.
    #[must_use]
    pub fn script_of(&self, name: &str) -> Option<PathBuf> {
        let stem = self.stem_of(name)?;
        Some(self.run.strategies.join(format!("{stem}.rhai")))
    }

    fn stem_of<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let script = self.strategies.get(name)?.script.as_deref();
        Some(script.map_or(name, |script| {
            script.strip_suffix(".rhai").unwrap_or(script)
        }))
    }

    /// What a strategy starts with.
    #[must_use]
    pub fn bankroll_of(&self, name: &str) -> Money {
        let own = self.strategies.get(name).and_then(|own| own.bankroll);
        own.unwrap_or(self.account.bankroll)
    }

    /// The limits that hold for a strategy: the tighter of its own and those of `[risk]`, each by itself.
    ///
    /// # Errors
    /// If one of its own limits is none; loading settings refuses those.
    pub fn limits_of(&self, name: &str) -> Result<RiskLimits, ConfigError> {
        let own = self.own_limits(name).map_err(|(key, value, problem)| {
            let origin = Origin::Default;
            ConfigError::Value {
                origin,
                key,
                value,
                problem,
            }
        })?;
        Ok(self.risk.tightest(&own))
    }

    /// Limits of a strategy's own that change nothing, because `[risk]` is tighter: by their whole keys.
    #[must_use]
    pub fn idle_limits(&self, name: &str) -> Vec<String> {
        let (Ok(own), Some(settings)) = (self.own_limits(name), self.strategies.get(name)) else {
            return Vec::new();
        };
        let holds = json(&self.risk.tightest(&own));
        let own = json(&own);
        let idle = settings.risk.keys().filter(|key| own[*key] != holds[*key]);
        idle.map(|key| format!("{SECTION}.{name}.risk.{key}"))
            .collect()
    }

    /// `[risk]` with a strategy's own limits put over it.
    fn own_limits(&self, name: &str) -> Result<RiskLimits, Problem> {
        let mut limits = self.risk.clone();
        let own = self.strategies.get(name).map(|settings| &settings.risk);
        for (key, value) in own.into_iter().flatten() {
            let mut all = json(&limits);
            let wanted = match &all[key.as_str()] {
                Value::Bool(_) if !value.is_boolean() => Some("use true or false".to_owned()),
                Value::Number(_) if !value.is_number() => Some("use a number".to_owned()),
                _ => None,
            };
            all[key.as_str()] = value.clone();
            let read = match wanted {
                Some(wanted) => Err(wanted),
                None => serde_json::from_value(all).map_err(|error| error.to_string()),
            };
            let wrong = |problem| (whole(name, key), value.to_string(), problem);
            limits = read.map_err(wrong)?;
        }
        Ok(limits)
    }

    /// What is wrong with what is said of the strategies.
    pub(super) fn strategy_problems(&self) -> impl Iterator<Item = Problem> + '_ {
        self.strategies
            .iter()
            .filter_map(|(name, settings)| self.problem_of(name, settings).err())
    }

    fn problem_of(&self, name: &str, settings: &StrategySettings) -> Result<(), Problem> {
        let key = |key: &str| format!("{SECTION}.{name}.{key}");
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            let problem = "a strategy's name has 1 to 64 letters, digits, - and _";
            return Err((
                format!("{SECTION}.{name}"),
                "a table".to_owned(),
                problem.to_owned(),
            ));
        }
        if let Some(script) = &settings.script
            && (script.contains(['/', '\\']) || script.starts_with('.') || script.is_empty())
        {
            let problem =
                "name a file of the strategies folder (run.strategies), as in \"value_back.rhai\"";
            return Err((key("script"), format!("\"{script}\""), problem.to_owned()));
        }
        if let Some(bankroll) = settings.bankroll {
            let bound = Config::bankroll_bound(bankroll);
            if !bound.holds {
                let range = format!("it must lie between {} and {}", bound.lowest, bound.highest);
                return Err((key("bankroll"), bound.value, range));
            }
        }
        let own = self.own_limits(name)?;
        if let Err(bound) = own.validate() {
            let range = format!("it must lie between {} and {}", bound.lowest, bound.highest);
            return Err((whole(name, bound.key), bound.value, range));
        }
        let limits = self.risk.tightest(&own);
        match limits.contradiction() {
            Some((limit, value, problem)) => {
                let problem = format!("with [risk], {limit} is {value}: {problem}");
                Err((key("risk"), "this".to_owned(), problem))
            }
            None => Ok(()),
        }
    }
}

impl Loaded {
    /// The first strategy of the configuration without a script among these names, as an error.
    ///
    /// # Errors
    /// That one.
    pub fn check_strategies<'a>(
        &self,
        scripts: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<(), ConfigError> {
        for name in self.config.strategies.keys() {
            let Some(stem) = self.config.stem_of(name) else {
                continue;
            };
            if scripts.clone().any(|script| script == stem) {
                continue;
            }
            return Err(ConfigError::UnknownStrategy {
                origin: self.origin_within(&format!("{SECTION}.{name}")),
                name: name.clone(),
                script: self.config.run.strategies.join(format!("{stem}.rhai")),
                nearest: nearest(stem, scripts.clone()),
            });
        }
        Ok(())
    }

    /// What the script says of a parameter that does not fit it, said of where the parameter was set.
    #[must_use]
    pub fn misfit(
        &self,
        strategy: &str,
        param: &str,
        value: &Value,
        problem: String,
    ) -> ConfigError {
        let key = format!("{SECTION}.{strategy}.params.{param}");
        ConfigError::Value {
            origin: self.origin_within(&key),
            key,
            value: value.to_string(),
            problem,
        }
    }

    /// Where a key, or the first of those below it, was set.
    fn origin_within(&self, key: &str) -> Origin {
        let below = format!("{key}.");
        let mut origins = self
            .origins
            .iter()
            .filter(|(known, _)| *known == key || known.starts_with(&below))
            .map(|(_, origin)| origin);
        let set = origins.find(|origin| **origin != Origin::Default);
        set.cloned().unwrap_or(Origin::Default)
    }
}

/// The name that a script's file gives it.
#[must_use]
pub fn stem(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn whole(name: &str, limit: &str) -> String {
    format!("{SECTION}.{name}.risk.{limit}")
}

fn json(limits: &RiskLimits) -> Value {
    serde_json::to_value(limits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(strategies: Value) -> Config {
        Config {
            strategies: serde_json::from_value(strategies).unwrap(),
            ..Config::default()
        }
    }

    fn names(config: &Config) -> Vec<String> {
        let scripts = [PathBuf::from("s/fav.rhai"), PathBuf::from("s/drift.rhai")];
        let instances = config.instances(&scripts);
        instances.into_iter().map(|i| i.name).collect()
    }

    #[test]
    fn a_script_runs_under_its_own_name_or_under_those_it_is_given() {
        assert_eq!(names(&Config::default()), ["drift", "fav"]);
        let two = configured(serde_json::json!({
            "bold": {"script": "fav.rhai"}, "careful": {"script": "fav"},
        }));
        assert_eq!(names(&two), ["bold", "careful", "drift"]);
        let off = configured(serde_json::json!({"fav": {"enabled": false}}));
        assert_eq!(names(&off), ["drift"]);
    }

    #[test]
    fn a_strategy_can_only_tighten_its_limits() {
        let config = configured(serde_json::json!({
            "bold": {"risk": {"max_stake": 5, "max_liability": 1e4, "min_stake": 2, "allow_in_play": true}},
        }));
        let limits = config.limits_of("bold").unwrap();
        assert_eq!(limits.max_stake, Money::from_major(5));
        assert_eq!(limits.min_stake, Money::from_major(2));
        assert_eq!(limits.max_liability, config.risk.max_liability);
        assert!(!limits.allow_in_play);
        assert_eq!(
            config.idle_limits("bold"),
            [
                "strategies.bold.risk.allow_in_play",
                "strategies.bold.risk.max_liability"
            ]
        );
        assert_eq!(config.limits_of("other").unwrap(), config.risk);
    }
}
