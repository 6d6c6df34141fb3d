//! Puts the layers over each other and turns figment's findings into ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

use super::error::nearest;
use super::origin::line_of;
use super::ratchet::{LOOSEN, Ratchet};
use super::strategies::{SECTION, SHORT};
use super::{Config, ConfigError, ENV_PREFIX, Loaded, Origin, Sources};

/// The layers so far, and the texts of the files among them.
pub(super) struct Layers {
    figment: Figment,
    known: BTreeSet<String>,
    texts: BTreeMap<PathBuf, String>,
    ratchet: Ratchet,
    notes: Vec<String>,
    problems: Vec<ConfigError>,
}

impl Default for Layers {
    fn default() -> Self {
        let defaults = Config::default();
        let known = defaults.values().into_keys().collect();
        let figment = Figment::from(Serialized::defaults(defaults));
        Self {
            figment,
            known,
            texts: BTreeMap::new(),
            ratchet: Ratchet::default(),
            notes: Vec::new(),
            problems: Vec::new(),
        }
    }
}

/// Names of figment's sources, by which an [`Origin`] is found again.
const FILE: &str = "file";
const ENVIRONMENT: &str = "environment";
const COMMAND_LINE: &str = "command line";

/// One source of values.
struct Layer {
    metadata: Metadata,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

impl Layers {
    /// Reads a file; one that is not required may be absent.
    pub(super) fn add_file(&mut self, path: &Path, required: bool) -> Result<(), ConfigError> {
        let text = match read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && !required => return Ok(()),
            Err(source) => {
                return Err(ConfigError::Unreadable {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let values = Toml::from_str::<Dict>(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let before = before.unwrap_or_default();
            ConfigError::Syntax {
                path: path.to_owned(),
                line: before.matches('\n').count() + 1,
                column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
                message: error.message().replace('\n', "; "),
            }
        })?;
        self.texts.insert(path.to_owned(), text);
        self.add(Metadata::from(FILE, Source::File(path.to_owned())), values);
        Ok(())
    }

    /// Reads the files of a folder that end in `.toml`, in the order of their names. There may be no such folder.
    pub(super) fn add_folder(&mut self, folder: &Path) -> Result<(), ConfigError> {
        let unreadable = |source| ConfigError::Unreadable {
            path: folder.to_owned(),
            source,
        };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut files = BTreeSet::new();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                files.insert(path);
            }
        }
        for file in files {
            self.add_file(&file, true)?;
        }
        Ok(())
    }

    /// The first file has been read, or there is none: what comes now may only tighten the limits that it states.
    pub(super) fn settle_limits(&mut self) {
        let loosen = self.figment.extract_inner("config.allow_loosen");
        self.ratchet.settle(loosen.unwrap_or(false));
    }

    /// Takes the variables whose names begin with the prefix, in the order of their names.
    pub(super) fn add_environment(&mut self, env: impl IntoIterator<Item = (String, String)>) {
        let variables: BTreeMap<String, String> = env.into_iter().collect();
        for (name, text) in variables {
            if !name.starts_with(ENV_PREFIX) {
                self.notes.extend(self.nearly_a_setting(&name));
                continue;
            }
            let key = name[ENV_PREFIX.len()..].to_lowercase().replace("__", ".");
            self.add_text(
                Metadata::from(ENVIRONMENT, Source::Custom(name)),
                &key,
                &text,
            );
        }
    }

    /// What to say of a variable that sets nothing for want of an underscore. (`_FILE` is where secrets are looked for.)
    fn nearly_a_setting(&self, name: &str) -> Option<String> {
        let single = name.strip_prefix("BEA_")?.to_lowercase();
        let alike = |key: &&String| key.replace('.', "_") == single.replace("__", "_");
        let key = self.known.iter().find(alike)?;
        let meant = key.to_uppercase().replace('.', "__");
        (!name.ends_with("_FILE")).then(|| {
            format!(
                "environment {name}: it changes nothing; a setting is written {ENV_PREFIX}{meant}"
            )
        })
    }

    /// Takes (key, value) pairs in their order.
    pub(super) fn add_overrides(&mut self, pairs: &[(String, String)]) {
        for (key, text) in pairs {
            self.add_text(Metadata::named(COMMAND_LINE), key, text);
        }
    }

    /// Takes one value written as text: a number, `true`, a `[list]`, or else a word.
    fn add_text(&mut self, metadata: Metadata, key: &str, text: &str) {
        let value = text.parse().unwrap_or_else(|never| match never {});
        let nested = figment::util::nest(key, value)
            .into_dict()
            .unwrap_or_default();
        self.add(metadata, nested);
    }

    /// Takes a layer's values; what is no setting is noted and left out.
    fn add(&mut self, metadata: Metadata, values: Dict) {
        let mut values = written_out(values);
        for key in leaves(&values) {
            let is_section = || {
                let inside = format!("{key}.");
                self.known.iter().any(|known| known.starts_with(&inside))
            };
            let is_empty_section = key == SECTION || is_section();
            if !(self.known.contains(&key) || is_empty_section || self.is_of_strategy(&key)) {
                remove(&mut values, &key);
                self.problems.push(ConfigError::UnknownKey {
                    origin: self.origin(&metadata, &key),
                    nearest: self.meant_by(&key),
                    key,
                });
            }
        }
        let ignored = self.ratchet.pass(&mut values);
        for key in ignored {
            let origin = self.origin(&metadata, &key);
            match key.as_str() {
                LOOSEN => self.problems.push(ConfigError::Value {
                    origin,
                    key,
                    value: "set here".to_owned(),
                    problem: "only the first file may say that limits can be loosened".to_owned(),
                }),
                _ => {
                    let tighter = self.origin_of(&key);
                    self.notes.push(format!(
                        "{origin}: `{key}` changes nothing: {tighter} is tighter, and a later source cannot loosen a limit"
                    ));
                }
            }
        }
        let figment = std::mem::take(&mut self.figment);
        self.figment = figment.merge(Layer { metadata, values });
    }

    /// Whether a key is one of those that every strategy may have.
    fn is_of_strategy(&self, key: &str) -> bool {
        let Some((_, key)) = key
            .strip_prefix(SECTION)
            .and_then(|rest| rest.strip_prefix('.'))
            .map(|rest| rest.split_once('.').unwrap_or((rest, "")))
        else {
            return false;
        };
        match key.split_once('.') {
            None => matches!(
                key,
                "" | "script" | "enabled" | "bankroll" | "params" | "risk"
            ),
            Some(("params", _)) => true,
            // What holds for all strategies together is none of one strategy's business.
            Some(_) => {
                key.starts_with("risk.")
                    && !key.starts_with("risk.together.")
                    && self.known.contains(key)
            }
        }
    }

    /// The known key that was probably meant: by its own name first, for a section is seldom mistyped.
    fn meant_by(&self, key: &str) -> Option<String> {
        if let Some(name) = key.strip_prefix("strategies.") {
            return self.meant_of_strategy(name);
        }
        let known = || self.known.iter().map(String::as_str);
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let same_name = known()
            .find(|known| last(known) == last(key))
            .map(str::to_owned);
        same_name.or_else(|| nearest(key, known()))
    }

    /// The same among the keys of a strategy; `key` begins with its name.
    fn meant_of_strategy(&self, key: &str) -> Option<String> {
        let (name, own) = key.split_once('.')?;
        let keys = ["script", "enabled", "bankroll", "params", "risk"];
        let limits = self.known.iter().map(String::as_str);
        let limits = limits.filter(|known| known.starts_with("risk."));
        let last = |key: &'static str| key;
        let in_risk = format!("risk.{own}");
        let known: Vec<&str> = keys.into_iter().map(last).chain(limits).collect();
        let same = known.iter().find(|known| **known == in_risk).copied();
        let meant = same
            .map(str::to_owned)
            .or_else(|| nearest(own, known.into_iter()))?;
        Some(format!("{SECTION}.{name}.{meant}"))
    }

    /// Settles what holds, or tells all that is wrong.
    pub(super) fn finish(mut self, sources: &Sources) -> Result<Loaded, ConfigError> {
        let mut problems = std::mem::take(&mut self.problems);
        let config = self.extract(&mut problems);
        if let Some(problem) = ConfigError::of(problems) {
            return Err(problem);
        }
        let wrong = |(key, value, problem): (String, String, String)| ConfigError::Value {
            origin: self.origin_of(&key),
            key,
            value,
            problem,
        };
        let problems = config.problems().into_iter().map(wrong).collect();
        if let Some(problem) = ConfigError::of(problems) {
            return Err(problem);
        }
        let keys = config.values().into_keys();
        let origins = keys
            .map(|key| (key.clone(), self.origin_of(&key)))
            .collect();
        Ok(Loaded {
            config,
            origins,
            notes: self.notes,
            sources: sources.clone(),
        })
    }

    /// Reads the values. One of the wrong type is noted and put back to its default, to find the next.
    pub(super) fn extract(&self, problems: &mut Vec<ConfigError>) -> Config {
        let defaults = Figment::from(Serialized::defaults(Config::default()));
        let mut figment = self.figment.clone();
        let mut mended = BTreeSet::new();
        loop {
            let error = match figment.extract() {
                Ok(config) => return config,
                Err(error) => error,
            };
            problems.push(self.explain(&error));
            let key = self.setting_of(&error.path);
            let default = defaults.find_value(&key).ok();
            let (Some(default), true) = (default, mended.insert(key.clone())) else {
                return Config::default();
            };
            let values = figment::util::nest(&key, default)
                .into_dict()
                .unwrap_or_default();
            let metadata = Metadata::default();
            figment = figment.merge(Layer { metadata, values });
        }
    }

    /// The setting or section that a path lies in: an item of a list has no default of its own.
    fn setting_of(&self, path: &[String]) -> String {
        let whole = path.join(".");
        let inside = |key: &&String| whole.starts_with(&format!("{key}."));
        self.known.iter().find(inside).cloned().unwrap_or(whole)
    }

    fn explain(&self, error: &figment::Error) -> ConfigError {
        let key = error.path.join(".");
        let value = self.figment.find_value(&key).ok();
        let problem = match &error.kind {
            Kind::Message(message) => message.clone(),
            Kind::InvalidType(_, wanted) | Kind::InvalidValue(_, wanted) => {
                format!("use {}", in_words(wanted))
            }

            Kind::UnknownVariant(_, permitted) => format!("use {}", one_of(permitted)),
            other => other.to_string(),
        };
        ConfigError::Value {
            origin: self.origin_of(&key),
            value: value.map_or_else(|| "this".to_owned(), |value| written(&value)),
            key,
            problem,
        }
    }

    fn origin_of(&self, key: &str) -> Origin {
        let metadata = self.figment.find_metadata(key);
        metadata.map_or(Origin::Default, |metadata| self.origin(metadata, key))
    }

    fn origin(&self, metadata: &Metadata, key: &str) -> Origin {
        match (metadata.name.as_ref(), &metadata.source) {
            (FILE, Some(Source::File(path))) => {
                let text = self.texts.get(path);
                let line = text.and_then(|text| line_of_or_table(text, key));
                Origin::File(path.clone(), line)
            }
            (ENVIRONMENT, Some(Source::Custom(name))) => Origin::Environment(name.clone()),
            (COMMAND_LINE, _) => Origin::CommandLine,
            _ => Origin::Default,
        }
    }
}

/// More bytes are no settings: a device or a file of something else.
const LARGEST_FILE: u64 = 1 << 20;

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = fs::File::open(path)?;
    if file.take(LARGEST_FILE + 1).read_to_string(&mut text)? as u64 > LARGEST_FILE {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}

/// Whole keys of all values in a table; an empty table counts as one.
pub(super) fn leaves(table: &Dict) -> Vec<String> {
    let mut keys = Vec::new();
    for (name, value) in table {
        match value {
            Value::Dict(_, inner) if !inner.is_empty() => {
                keys.extend(leaves(inner).into_iter().map(|key| format!("{name}.{key}")));
            }
            _ => keys.push(name.clone()),
        }
    }
    keys
}

/// The line that sets a key, also in its short form, or else that of the table that it stands in.
fn line_of_or_table(text: &str, key: &str) -> Option<usize> {
    let short = key
        .strip_prefix(SECTION)
        .and_then(|rest| rest.strip_prefix('.')?.split_once(".params"))
        .map(|(name, rest)| format!("{SHORT}.{name}{rest}"));
    let table = || key.rsplit_once('.').map(|(table, _)| table);
    line_of(text, key)
        .or_else(|| line_of(text, &short?))
        .or_else(|| line_of_or_table(text, table()?))
}

/// The values with `params.NAME` written out as `strategies.NAME.params`, where that does not say otherwise.
fn written_out(mut values: Dict) -> Dict {
    let (tag, short) = match values.remove(SHORT) {
        Some(Value::Dict(tag, short)) => (tag, short),
        Some(wrong) => {
            values.insert(SHORT.to_owned(), wrong);
            return values;
        }
        None => return values,
    };
    let table = |into: &mut Dict, key: &str| {
        let entry = into.entry(key.to_owned());
        entry.or_insert_with(|| Value::Dict(tag, Dict::new()));
    };
    table(&mut values, SECTION);
    for (name, given) in short {
        let Some(Value::Dict(_, strategies)) = values.get_mut(SECTION) else {
            break;
        };
        table(strategies, &name);
        let Some(Value::Dict(_, strategy)) = strategies.get_mut(&name) else {
            continue;
        };
        match (strategy.get_mut(SHORT), given) {
            (Some(Value::Dict(_, params)), Value::Dict(_, given)) => {
                for (key, value) in given {
                    params.entry(key).or_insert(value);
                }
            }
            (Some(_), _) => {}
            (None, given) => {
                strategy.insert(SHORT.to_owned(), given);
            }
        }
    }
    values
}

/// Takes a value out of a table by its whole key.
pub(super) fn remove(table: &mut Dict, key: &str) {
    match key.split_once('.') {
        None => drop(table.remove(key)),
        Some((section, rest)) => {
            let Some(Value::Dict(_, inner)) = table.get_mut(section) else {
                return;
            };
            remove(inner, rest);
            // Nothing is left of a section that may itself be none.
            if inner.is_empty() {
                table.remove(section);
            }
        }
    }
}

fn written(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| format!("{value:?}"))
}

fn one_of(permitted: &[&str]) -> String {
    let quoted: Vec<String> = permitted.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(" or ")
}

/// What serde wanted, in words for people.
fn in_words(wanted: &str) -> &str {
    match wanted {
        "f32" | "f64" => "a number",
        "u8" | "u16" | "u32" | "u64" => "a whole number, not below 0",
        "a boolean" => "true or false",
        "a sequence" => "a list, as in [\"one\", \"two\"]",
        "a string" | "path string" => "a text in quotes",
        "socket address" => "an address and port, as in 127.0.0.1:8080",
        wanted if wanted.starts_with("struct") || wanted == "a map" => {
            "a table with keys of its own"
        }
        wanted => wanted,
    }
}
