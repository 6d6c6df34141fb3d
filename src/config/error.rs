//! What can be wrong with settings, told so that it can be put right.

use std::path::PathBuf;

use super::Origin;

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was asked for cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not TOML.
    #[error("{}:{line}:{column}: not valid TOML: {message}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A key that does not exist.
    #[error("{origin}: there is no setting `{key}`{}", did_you_mean(nearest.as_deref()))]
    UnknownKey {
        /// Where it was set.
        origin: Origin,
        /// The whole key, such as `risk.max_stak`.
        key: String,
        /// The nearest key that exists, if one is near.
        nearest: Option<String>,
    },
    /// A value that is no value for its key.
    #[error("{origin}: `{key}` cannot be {value}: {problem}")]
    Value {
        /// Where it was set.
        origin: Origin,
        /// The whole key.
        key: String,
        /// The value, as it was written.
        value: String,
        /// What is wrong and what is permitted.
        problem: String,
    },
    /// A strategy that has no script.
    #[error(
        "{origin}: `strategies.{name}` has no script: there is no {}{}",
        script.display(), did_you_mean_script(nearest.as_deref())
    )]
    UnknownStrategy {
        /// Where it was set.
        origin: Origin,
        /// The strategy's name.
        name: String,
        /// The script that it would run.
        script: PathBuf,
        /// The nearest script that exists, if one is near.
        nearest: Option<String>,
    },
    /// More than one of the above.
    #[error("{} settings are wrong:\n{}", .0.len(), listed(.0))]
    Several(Vec<ConfigError>),
}

impl ConfigError {
    /// All that was found, as one error; `None` if nothing was.
    #[must_use]
    pub fn of(mut problems: Vec<Self>) -> Option<Self> {
        match problems.len() {
            0 | 1 => problems.pop(),
            _ => Some(Self::Several(problems)),
        }
    }
}

fn listed(problems: &[ConfigError]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("  {problem}"))
        .collect();
    lines.join("\n")
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "; `bea config show` lists all settings".to_owned(),
        |nearest| format!("; did you mean `{nearest}`?"),
    )
}

fn did_you_mean_script(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "; another file is named with `script = \"NAME.rhai\"`".to_owned(),
        |nearest| format!("; did you mean `{nearest}`?"),
    )
}

/// The one of some known names that was probably meant.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}
