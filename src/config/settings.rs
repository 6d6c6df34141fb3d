//! The settings themselves: plain structs with their defaults and ranges. Paths are relative to the working
//! directory.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::alert::AlertSettings;
use super::betfair::{Betfair, Breaker};
use super::live::{Feed, FeedKind, Live, Recorder};
use super::odds_api::OddsApi;
use super::pinnacle::Pinnacle;
use super::strategies::StrategySettings;
use super::telemetry::TelemetrySettings;
use crate::exchange::ExchangeSettings;
use crate::market::{Bound, Currency, Mode, Money, setting};
use crate::risk::RiskLimits;

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether real money may move.
    pub mode: Mode,
    /// What is run, and how.
    pub run: Run,
    /// The money.
    pub account: Account,
    /// What may be bet.
    pub risk: RiskLimits,
    /// How the simulated exchange behaves.
    pub exchange: ExchangeSettings,
    /// How the Betfair exchange is reached.
    pub betfair: Betfair,
    /// How The Odds API is asked.
    pub odds_api: OddsApi,
    /// How Pinnacle is asked, and bet with.
    pub pinnacle: Pinnacle,
    /// When a venue that fails is left alone for a while.
    pub breaker: Breaker,
    /// How a live feed is judged.
    pub feed: Feed,
    /// How it is recorded.
    pub recorder: Recorder,
    /// What LIVE asks for.
    pub live: Live,
    /// Where records are kept.
    pub ledger: Ledger,
    /// The HTTP server.
    pub http: Http,
    /// The kill switch.
    pub kill: Kill,
    /// When the state of the machine forbids orders.
    pub fence: Fence,
    /// What is logged.
    pub log: Log,
    /// Whom to tell of what needs somebody.
    pub alert: AlertSettings,
    /// Where traces go.
    pub telemetry: TelemetrySettings,
    /// How these settings themselves are treated.
    pub config: Treatment,
    /// What is said of single strategies, by name.
    pub strategies: BTreeMap<String, StrategySettings>,
}

/// Parameters of one strategy.
pub type Params = serde_json::Map<String, serde_json::Value>;

/// What is run, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Run {
    /// Where the odds come from.
    pub feed: FeedKind,
    /// Recordings: files, or folders of them.
    pub data: Vec<PathBuf>,
    /// How fast recordings are played.
    pub speed: Speed,
    /// Folder of the strategies.
    pub strategies: PathBuf,
    /// Whether the host keeps what strategies remember from one session to the next, and over restarts.
    pub keep_state: bool,
    /// For how many updates a changed script is watched beside the one that runs before it takes over.
    pub shadow_updates: u32,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            feed: FeedKind::default(),
            data: vec![PathBuf::from("examples/recordings")],
            speed: Speed::Max,
            strategies: PathBuf::from("strategies"),
            keep_state: true,
            shadow_updates: 0,
        }
    }
}

/// How fast a recording is played.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Speed {
    /// As fast as it can be handled.
    #[default]
    Max,
    /// So many times as fast as it happened.
    Times(f64),
}

impl Speed {
    /// The fastest pace by number; beyond it, `max` is meant.
    pub const FASTEST: f64 = 100_000.0;
    const HELP: &str =
        "use \"max\" or a number over 0 and up to 100000, as in 60 for a minute a second";
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.pad("max"),
            Self::Times(times) => times.fmt(f),
        }
    }
}

impl Serialize for Speed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Max => serializer.serialize_str("max"),
            Self::Times(times) => serializer.serialize_f64(*times),
        }
    }
}

impl<'de> Deserialize<'de> for Speed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Word(String),
        }
        match Written::deserialize(deserializer) {
            Ok(Written::Word(word)) if word == "max" => Ok(Self::Max),
            Ok(Written::Number(times)) if times > 0.0 && times <= Self::FASTEST => {
                Ok(Self::Times(times))
            }
            _ => Err(serde::de::Error::custom(Self::HELP)),
        }
    }
}

/// The money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    /// Currency of all amounts.
    pub currency: Currency,
    /// What each strategy starts with.
    #[serde(with = "setting::money")]
    pub bankroll: Money,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            currency: Currency::GBP,
            bankroll: Money::from_major(10_000),
        }
    }
}

/// Where records are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ledger {
    /// The database file.
    pub path: PathBuf,
    /// How often a write is tried before the session stops.
    pub retry_attempts: u32,
    /// How long a write waits for another program that holds the database.
    pub busy_timeout_seconds: u32,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            path: "data/ledger.sqlite".into(),
            retry_attempts: 3,
            busy_timeout_seconds: 30,
        }
    }
}

/// The HTTP server: health, metrics, API, dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Whether it runs.
    pub enabled: bool,
    /// Where it listens. Where others can reach it, it takes tokens, and TLS or a proxy before it.
    pub bind: SocketAddr,
    /// Hashes of access tokens; `bea token` writes it.
    pub token_file: PathBuf,
    /// Names (and ports) besides this machine's own by which it may be asked, as in `bea.example:8443`.
    pub hosts: Vec<String>,
    /// Addresses besides this machine from which control is taken.
    pub control_from: Vec<IpAddr>,
    /// A proxy stands before it that speaks TLS, and names its client last in X-Forwarded-For.
    pub behind_proxy: bool,
    /// The certificate chain, as PEM; no TLS if empty.
    pub tls_certificate: PathBuf,
    /// Its private key, as PEM.
    pub tls_key: PathBuf,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            enabled: true,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8_080)),
            token_file: "data/http.tokens".into(),
            hosts: Vec::new(),
            control_from: Vec::new(),
            behind_proxy: false,
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
        }
    }
}

impl Http {
    /// What is wrong with it, taken together: the key, the value, and what is permitted.
    fn contradiction(&self) -> Option<(&'static str, String, &'static str)> {
        let given = |path: &PathBuf| !path.as_os_str().is_empty();
        let (certificate, key) = (given(&self.tls_certificate), given(&self.tls_key));
        if certificate != key {
            let (name, path) = match certificate {
                true => ("tls_key", &self.tls_key),
                false => ("tls_certificate", &self.tls_certificate),
            };
            let problem = "a certificate and its key go together: set both, or none";
            return Some((name, format!("\"{}\"", path.display()), problem));
        }
        if !self.bind.ip().is_loopback() && !certificate && !self.behind_proxy {
            let problem = "others could read what is said there: use 127.0.0.1 or [::1], or set http.tls_certificate \
                 and http.tls_key, or http.behind_proxy = true where a proxy speaks TLS";
            return Some(("bind", self.bind.to_string(), problem));
        }
        None
    }
}

/// The kill switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kill {
    /// While this file exists, or cannot be looked for, nothing is bet.
    pub file: PathBuf,
}

impl Default for Kill {
    fn default() -> Self {
        Self {
            file: "data/KILL".into(),
        }
    }
}

/// When the state of the machine forbids orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fence {
    /// Least free space beside the ledger to place orders upon, in MiB; 0 asks for none.
    pub disk_free_mib: u32,
    /// After so many hosts that died within ten minutes, betting begins halted; 0 is never.
    pub deaths: u32,
}

impl Default for Fence {
    fn default() -> Self {
        Self {
            disk_free_mib: 256,
            deaths: 3,
        }
    }
}

/// How the settings themselves are treated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Treatment {
    /// Whether a host reads its files again when they change.
    pub watch: bool,
    /// Whether later layers may loosen a limit of `[risk]` that an earlier one states. Only the first file may say so.
    pub allow_loosen: bool,
    /// Whether a limit that is raised in the files of a running host holds at once.
    pub allow_raise: bool,
    /// The file by which a person confirms a raised limit.
    pub confirmed: PathBuf,
}

impl Default for Treatment {
    fn default() -> Self {
        Self {
            watch: true,
            allow_loosen: false,
            allow_raise: false,
            confirmed: "data/CONFIRMED".into(),
        }
    }
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least important level shown.
    pub level: Level,
    /// In which form.
    pub format: LogFormat,
    /// A file that gets every line too, as JSON; none if empty.
    pub file: PathBuf,
    /// At this size, in MiB, a new file is begun.
    pub file_max_mib: u32,
    /// How many of the earlier files are kept.
    pub file_keep: u32,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: Level::Info,
            format: LogFormat::Auto,
            file: PathBuf::new(),
            file_max_mib: 10,
            file_keep: 5,
        }
    }
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something failed.
    Error,
    /// Something needs a look.
    Warn,
    /// What happens.
    #[default]
    Info,
    /// How it happens.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// The name as it is written in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people on a terminal, else JSON.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON document a line.
    Json,
}

impl Config {
    /// Every setting with a range, by its whole key.
    #[must_use]
    pub fn bounds(&self) -> Vec<(String, Bound)> {
        let account = vec![Self::bankroll_bound(self.account.bankroll)];
        let run = vec![Bound::new(
            "shadow_updates",
            &self.run.shadow_updates,
            &(0..=1_000_000),
        )];
        let ledger = vec![
            Bound::new("retry_attempts", &self.ledger.retry_attempts, &(1..=10)),
            Bound::new(
                "busy_timeout_seconds",
                &self.ledger.busy_timeout_seconds,
                &(1..=120),
            ),
        ];
        let number = |key, value: u32, range| Bound::new(key, &value, &range);
        let fence = vec![
            number("disk_free_mib", self.fence.disk_free_mib, 0..=1_000_000),
            number("deaths", self.fence.deaths, 0..=100),
        ];
        let log = vec![
            number("file_max_mib", self.log.file_max_mib, 1..=1_000),
            number("file_keep", self.log.file_keep, 0..=100),
        ];
        let sections = [
            ("fence", fence),
            ("log", log),
            ("alert", self.alert.bounds()),
            ("run", run),
            ("account", account),
            ("risk", self.risk.bounds()),
            ("exchange", self.exchange.bounds()),
            ("betfair", self.betfair.bounds()),
            ("odds_api", self.odds_api.bounds()),
            ("pinnacle", self.pinnacle.bounds()),
            ("breaker", self.breaker.bounds()),
            ("feed", self.feed.bounds()),
            ("recorder", self.recorder.bounds()),
            ("live", self.live.bounds()),
            ("ledger", ledger),
        ];
        let whole =
            |section: &'static str| move |bound: Bound| (format!("{section}.{}", bound.key), bound);
        sections
            .into_iter()
            .flat_map(|(section, list)| list.into_iter().map(whole(section)))
            .collect()
    }

    /// The range of a bankroll.
    pub(super) fn bankroll_bound(bankroll: Money) -> Bound {
        let range = Money::from_major(1)..=Money::from_major(10_000_000);
        Bound::new("bankroll", &bankroll, &range)
    }

    /// What is wrong with the values, alone and taken together: the whole key, the value, and what is permitted.
    pub(super) fn problems(&self) -> Vec<(String, String, String)> {
        let outside = self.bounds().into_iter().filter(|(_, bound)| !bound.holds);
        let outside = outside.map(|(key, bound)| {
            let problem = format!("it must lie between {} and {}", bound.lowest, bound.highest);
            (key, bound.value, problem)
        });
        let outside: Vec<_> = outside.collect();
        // Values that are wrong by themselves contradict others easily, and that says nothing.
        if !outside.is_empty() {
            return outside;
        }
        let mut found = self.file_problems();
        if let Some((limit, value, problem)) = self.risk.contradiction() {
            found.push((format!("risk.{limit}"), value, problem.to_owned()));
        }
        if let Some((key, value, problem)) = self.http.contradiction() {
            found.push((format!("http.{key}"), value, problem.to_owned()));
        }
        found.extend(self.betfair.problems());
        found.extend(self.odds_api.problems());
        found.extend(self.pinnacle.problems(self.mode));
        found.extend(self.alert.problems());
        found.extend(self.telemetry.problems());
        found.extend(self.strategy_problems());
        found
    }

    /// Files without which the host would be blind, and files that two settings claim: what one of them means by the file
    /// being there, or writes into it, the other would take for its own.
    fn file_problems(&self) -> Vec<(String, String, String)> {
        let (ledger, log) = (
            ("ledger.path", &self.ledger.path),
            ("log.file", &self.log.file),
        );
        let files = [
            ledger,
            ("kill.file", &self.kill.file),
            ("http.token_file", &self.http.token_file),
            ("live.arm_file", &self.live.arm_file),
            ("live.approvals_file", &self.live.approvals_file),
            ("config.confirmed", &self.config.confirmed),
            log,
        ];
        let mut found = Vec::new();
        for (place, (key, file)) in files.iter().enumerate() {
            let same = |(_, other): &&(&str, &PathBuf)| from_here(other) == from_here(file);
            let problem = match files[..place].iter().find(same) {
                _ if file.as_os_str().is_empty() && *key == log.0 => continue,
                _ if file.as_os_str().is_empty() => "name a file".to_owned(),
                None => continue,
                Some((other, _)) => format!("it is the file of `{other}`: name another"),
            };
            found.push((
                (*key).to_owned(),
                format!("{:?}", file.display().to_string()),
                problem,
            ));
        }
        found
    }

    /// Every value by its whole key, as `bea config show` prints it. Lists are one value; parameters are one each.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, serde_json::Value> {
        let mut values = BTreeMap::new();
        let whole = serde_json::to_value(self).unwrap_or_default();
        flatten(&whole, "", &mut values);
        values
    }
}

/// A path without what says nothing: `./a//b` is `a/b`.
fn from_here(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

fn flatten(value: &serde_json::Value, key: &str, into: &mut BTreeMap<String, serde_json::Value>) {
    match value.as_object() {
        Some(table) => {
            for (name, inner) in table {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                flatten(inner, &key, into);
            }
        }
        None => {
            into.insert(key.to_owned(), value.clone());
        }
    }
}
