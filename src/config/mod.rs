//! Layered settings: built-in defaults, then files, then the environment, then the command line; each value with
//! its origin.
//!
//! Later layers win. An unknown key, a wrong type and a value out of range are errors that say where the value
//! came from, what it is and what is permitted.

mod betfair;
mod error;
mod layers;
mod live;
mod odds_api;
mod origin;
mod settings;
mod strategies;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use crate::market::Mode;
pub use betfair::{Betfair, Breaker, Login, STREAM_FIELDS};
pub use error::{ConfigError, nearest};
pub use live::{Feed, FeedKind, Live, Ramp, Recorder};
pub use odds_api::OddsApi;
pub use origin::Origin;
pub use settings::{
    Account, Config, Http, Kill, Ledger, Level, Log, LogFormat, Params, Run, Speed,
};
pub use strategies::{Instance, StrategySettings, stem};

/// The file that is read, where it exists, if none is named.
pub const DEFAULT_FILE: &str = "config/bea.toml";
/// The file beside it whose values win over it; meant for one machine and kept out of version control.
pub const LOCAL_FILE: &str = "bea.local.toml";
/// What the names of environment variables that set a key begin with: `BEA__RISK__MAX_STAKE`.
pub const ENV_PREFIX: &str = "BEA__";

/// Settings, checked, and where each came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Origin of every key, such as `risk.max_stake`.
    pub origins: BTreeMap<String, Origin>,
}

impl Config {
    /// Reads all layers: `file` (or `config/bea.toml`, where it exists), `bea.local.toml` beside it, this
    /// process's environment, and `overrides` from the command line as (key, value).
    ///
    /// # Errors
    /// All that is wrong, each with its origin.
    pub fn load(
        file: Option<&Path>,
        overrides: &[(String, String)],
    ) -> Result<Loaded, ConfigError> {
        // A value that is no Unicode is not passed over: made readable, it fails as what it is.
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let env = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        Self::load_with(file, env, overrides)
    }

    /// As [`Config::load`], with the environment given.
    ///
    /// # Errors
    /// All that is wrong, each with its origin.
    pub fn load_with(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
        overrides: &[(String, String)],
    ) -> Result<Loaded, ConfigError> {
        let (first, required) = match file {
            Some(file) => (file.to_owned(), true),
            None => (PathBuf::from(DEFAULT_FILE), false),
        };
        let mut layers = layers::Layers::default();
        layers.add_file(&first, required)?;
        layers.add_file(&first.with_file_name(LOCAL_FILE), false)?;
        layers.add_environment(env);
        layers.add_overrides(overrides);
        layers.finish()
    }
}
