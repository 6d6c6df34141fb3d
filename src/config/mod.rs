//! Layered settings: built-in defaults, then files, then the environment, then the command line; each value with
//! its origin.
//!
//! Later layers win, except that limits combine by the tightest. An unknown key, a wrong type and a value out of range
//! are errors that say where the value came from, what it is and what is permitted.

mod alert;
mod betfair;
mod certificate;
mod change;
mod error;
mod layers;
mod live;
mod odds_api;
mod origin;
mod pinnacle;
mod ratchet;
mod schema;
mod secret;
mod settings;
mod strategies;
mod telemetry;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use crate::market::Mode;
pub use alert::{AlertSettings, Severity, TelegramSettings, WebhookSettings, is_loopback};
pub use betfair::{Betfair, Breaker, Login, STREAM_FIELDS};
pub use certificate::{certificates, ends_at};
pub use change::{Change, Limits, When};
pub use error::{ConfigError, nearest};
pub use live::{Feed, FeedKind, Live, Ramp, Recorder};
pub use odds_api::OddsApi;
pub use origin::Origin;
pub use pinnacle::{FillType, OddsFormat, Pinnacle, WinRisk};
pub use schema::{Row, guide, schema, words_of};
pub use secret::{Secret, SecretError, redact};
pub use settings::{
    Account, Config, Fence, Http, Kill, Ledger, Level, Log, LogFormat, Params, Run, Speed,
    Treatment,
};
pub use strategies::{Instance, StrategySettings, stem};
pub use telemetry::TelemetrySettings;

/// The file that is read, where it exists, if none is named.
pub const DEFAULT_FILE: &str = "config/bea.toml";
/// The file beside it whose values win over it; meant for one machine and kept out of version control.
pub const LOCAL_FILE: &str = "bea.local.toml";
/// The folder beside it whose files come between the two, in the order of their names.
pub const FOLDER: &str = "conf.d";
/// The folder beside it with the profiles.
pub const PROFILES: &str = "profiles";
/// What the names of environment variables that set a key begin with: `BEA__RISK__MAX_STAKE`.
pub const ENV_PREFIX: &str = "BEA__";

/// What the command line says of where settings come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The first file, in place of [`DEFAULT_FILE`]; then files over all others, the last winning.
    pub files: Vec<PathBuf>,
    /// A file of the folder of profiles, by its name.
    pub profile: Option<String>,
    /// Values as (key, value).
    pub overrides: Vec<(String, String)>,
    /// Recordings, in place of `run.data`, if there are any.
    pub data: Vec<PathBuf>,
}

impl Sources {
    /// The first file, and whether it must be there.
    #[must_use]
    pub fn first(&self) -> (PathBuf, bool) {
        match self.files.first() {
            Some(file) => (file.clone(), true),
            None => (PathBuf::from(DEFAULT_FILE), false),
        }
    }

    /// The files over the first and those beside it: (file, whether it must be there).
    fn further(&self) -> Vec<(PathBuf, bool)> {
        let (first, _) = self.first();
        let profile = self.profile.as_ref().map(|name| {
            let file = format!("{name}.toml");
            (first.with_file_name(PROFILES).join(file), true)
        });
        let local = (first.with_file_name(LOCAL_FILE), false);
        let named = self.files.iter().skip(1).map(|file| (file.clone(), true));
        std::iter::once(local).chain(profile).chain(named).collect()
    }

    /// Every file that settings come from or would come from, and the folder of [`FOLDER`].
    #[must_use]
    pub fn paths(&self) -> BTreeSet<PathBuf> {
        let (first, _) = self.first();
        let folder = first.with_file_name(FOLDER);
        let further = self.further().into_iter().map(|(file, _)| file);
        further.chain([first, folder]).collect()
    }
}

/// Settings, checked, and where each came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Origin of every key, such as `risk.max_stake`.
    pub origins: BTreeMap<String, Origin>,
    /// What was written and changes nothing, for a person to know.
    pub notes: Vec<String>,
    /// Where they came from.
    pub sources: Sources,
}

impl Loaded {
    /// Reads all layers again.
    ///
    /// # Errors
    /// All that is wrong, each with its origin.
    pub fn again(&self) -> Result<Self, ConfigError> {
        Config::load(&self.sources)
    }
}

impl Config {
    /// Reads all layers: the first file, where it exists, the files beside it, the profile, further files, this
    /// process's environment, and the values of the command line.
    ///
    /// # Errors
    /// All that is wrong, each with its origin.
    pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
        // A value that is no Unicode is not passed over: made readable, it fails as what it is.
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let env = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        Self::load_with(sources, env)
    }

    /// As [`Config::load`], with the environment given.
    ///
    /// # Errors
    /// All that is wrong, each with its origin.
    pub fn load_with(
        sources: &Sources,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        if let Some(name) = sources.profile.as_ref().filter(|name| !is_name(name)) {
            return Err(ConfigError::Value {
                origin: Origin::CommandLine,
                key: "--profile".to_owned(),
                value: format!("{name:?}"),
                problem: "name a file of the folder profiles, without .toml".to_owned(),
            });
        }
        let (first, required) = sources.first();
        let mut layers = layers::Layers::default();
        layers.add_file(&first, required)?;
        layers.settle_limits();
        layers.add_folder(&first.with_file_name(FOLDER))?;
        for (file, required) in sources.further() {
            layers.add_file(&file, required)?;
        }
        layers.add_environment(env);
        layers.add_overrides(&sources.overrides);
        let mut loaded = layers.finish(sources)?;
        if !sources.data.is_empty() {
            loaded.config.run.data.clone_from(&sources.data);
            let key = "run.data".to_owned();
            loaded.origins.insert(key, Origin::CommandLine);
        }
        Ok(loaded)
    }

    /// What can be read of settings that are wrong, the rest as it is built in: enough to find a host that runs by them, and
    /// nothing to run by.
    #[must_use]
    pub fn guess(sources: &Sources) -> Self {
        let (first, required) = sources.first();
        let mut layers = layers::Layers::default();
        // What is wrong has been told by whoever tried to load it.
        let _ = layers.add_file(&first, required);
        let _ = layers.add_folder(&first.with_file_name(FOLDER));
        for (file, required) in sources.further() {
            let _ = layers.add_file(&file, required);
        }
        layers.add_environment(std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            Some((name, value.into_string().ok()?))
        }));
        layers.add_overrides(&sources.overrides);
        layers.extract(&mut Vec::new())
    }

    /// Hash over every value: the same configuration has the same.
    #[must_use]
    pub fn hash(&self) -> String {
        let values = serde_json::to_value(self.values()).unwrap_or_default();
        blake3::hash(values.to_string().as_bytes())
            .to_hex()
            .to_string()
    }
}

/// Whether a name may become a file's.
fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.chars().all(fits)
}

/// Where a file lies that a setting names; none if it names none.
#[must_use]
pub fn named(path: &Path) -> Option<&Path> {
    (!path.as_os_str().is_empty()).then_some(path)
}
