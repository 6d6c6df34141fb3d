//! What is different between two configurations, when it takes effect, and whether it loosens a limit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{Config, Loaded, Origin};
use crate::risk::RiskLimits;

/// When a changed setting takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// At once, in a host that runs.
    Live,
    /// At the next start.
    Restart,
}

impl When {
    /// When a change of this key does. `docs/configuration.md` says the same, and a test compares them.
    #[must_use]
    pub fn of(key: &str) -> Self {
        const LIVE: [&str; 7] = [
            "mode",
            "log.level",
            "run.shadow_updates",
            "config.allow_raise",
            "config.watch",
            "fence.disk_free_mib",
            "fence.loop_lag_ms",
        ];
        let own_limit = key
            .strip_prefix("strategies.")
            .and_then(|rest| rest.split_once('.'))
            .is_some_and(|(_, key)| key.starts_with("risk."));
        let is_live = own_limit
            || LIVE.contains(&key)
            || key.starts_with("risk.")
            || key.starts_with("alert.");
        match is_live {
            true => Self::Live,
            false => Self::Restart,
        }
    }

    /// The word for it in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Restart => "restart",
        }
    }
}

/// One setting that is different.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Which.
    pub key: String,
    /// What it was; `None` if it was not there.
    pub old: Option<Value>,
    /// What it is; `None` if it is not there any more.
    pub new: Option<Value>,
    /// Where the new value comes from.
    pub origin: Origin,
    /// When it takes effect.
    pub takes_effect: When,
    /// Whether it loosens a limit.
    pub loosens: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| match value {
            Some(value) => value.to_string(),
            None => "(none)".to_owned(),
        };
        let Self { key, origin, .. } = self;
        let (old, new) = (shown(&self.old), shown(&self.new));
        write!(f, "{key} {old} -> {new} ({origin})")
    }
}

impl Loaded {
    /// What is different in `new`, by key.
    #[must_use]
    pub fn changes_to(&self, new: &Self) -> Vec<Change> {
        let (before, after) = (self.config.values(), new.config.values());
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differs = |key: &&&String| before.get(**key) != after.get(**key);
        keys.iter()
            .filter(differs)
            .map(|key| {
                let key = (*key).clone();
                Change {
                    old: before.get(&key).cloned(),
                    new: after.get(&key).cloned(),
                    origin: new.origins.get(&key).cloned().unwrap_or(Origin::Default),
                    takes_effect: When::of(&key),
                    loosens: loosens(&self.config, &new.config, &key),
                    key,
                }
            })
            .collect()
    }
}

/// Whether what `key` belongs to is looser in `new` than in `old`.
fn loosens(old: &Config, new: &Config, key: &str) -> bool {
    let looser = |old: &RiskLimits, new: &RiskLimits| old.combined(new) != *new;
    if let Some(inside) = key.strip_prefix("risk.") {
        let one = with(&old.risk, &new.risk, inside);
        return one.is_none_or(|one| looser(&old.risk, &one));
    }
    let Some((name, inside)) = key
        .strip_prefix("strategies.")
        .and_then(|rest| rest.split_once(".risk."))
    else {
        return false;
    };
    match (old.limits_of(name), new.limits_of(name)) {
        (Ok(old), Ok(new)) => with(&old, &new, inside).is_none_or(|one| looser(&old, &one)),
        _ => true,
    }
}

/// `old` with one limit as it is in `new`.
fn with(old: &RiskLimits, new: &RiskLimits, inside: &str) -> Option<RiskLimits> {
    let pointer = format!("/{}", inside.replace('.', "/"));
    let (mut all, new) = (
        serde_json::to_value(old).ok()?,
        serde_json::to_value(new).ok()?,
    );
    *all.pointer_mut(&pointer)? = new.pointer(&pointer)?.clone();
    serde_json::from_value(all).ok()
}

/// The limits of a configuration: those for all, and those of single strategies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// `[risk]`.
    pub all: RiskLimits,
    /// What single strategies are held to.
    pub own: BTreeMap<String, RiskLimits>,
}

impl Limits {
    /// Those that a configuration states.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let own = |name: &String| Some((name.clone(), config.limits_of(name).ok()?));
        Self {
            all: config.risk.clone(),
            own: config.strategies.keys().filter_map(own).collect(),
        }
    }

    /// Hash over all of them.
    #[must_use]
    pub fn hash(&self) -> String {
        let written = serde_json::to_string(self).unwrap_or_default();
        blake3::hash(written.as_bytes()).to_hex().to_string()
    }

    /// The tighter of two of each.
    #[must_use]
    pub fn combined(&self, other: &Self) -> Self {
        let names: BTreeSet<&String> = self.own.keys().chain(other.own.keys()).collect();
        let of = |limits: &Self, name: &String| limits.own.get(name).unwrap_or(&limits.all).clone();
        let both = |name: &String| (name.clone(), of(self, name).combined(&of(other, name)));
        Self {
            all: self.all.combined(&other.all),
            own: names.into_iter().map(both).collect(),
        }
    }
}
