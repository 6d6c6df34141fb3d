//! Where a value came from.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A file, and the line where that is known.
    File(PathBuf, Option<usize>),
    /// An environment variable, by name.
    Environment(String),
    /// The command line.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.pad("default"),
            Self::File(path, None) => f.pad(&path.display().to_string()),
            Self::File(path, Some(line)) => f.pad(&format!("{}:{line}", path.display())),
            Self::Environment(name) => f.pad(&format!("environment {name}")),
            Self::CommandLine => f.pad("command line"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The line of a TOML text, from 1, that sets a dotted key; `None` where the text writes it in some other form
/// than `[section]` and `key = value`.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let mut section = String::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let full = if let Some(header) = line.strip_prefix('[') {
            section = plain(header.split(']').next()?);
            section.clone()
        } else if let Some((name, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let name = plain(name);
            if section.is_empty() {
                name
            } else {
                format!("{section}.{name}")
            }
        } else {
            continue;
        };
        if full == key {
            return Some(at + 1);
        }
    }
    None
}

/// A dotted key without quotes and spaces.
fn plain(key: &str) -> String {
    key.chars()
        .filter(|c| !c.is_whitespace() && *c != '"' && *c != '\'')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_on_its_line() {
        let text = "mode = \"DRY_RUN\"\n# [risk]\n\n[risk]\n# max_stake = 1\n  max_stake=5\n[params.'my one']\nedge = 2\n";
        assert_eq!(line_of(text, "mode"), Some(1));
        assert_eq!(line_of(text, "risk"), Some(4));
        assert_eq!(line_of(text, "risk.max_stake"), Some(6));
        assert_eq!(line_of(text, "max_stake"), None);
        assert_eq!(line_of(text, "params.myone.edge"), Some(8));
    }
}
