//! A script as the ledger keeps it.

use crate::ledger::{Verdict, Version};
use crate::market::TimeMs;
use crate::strategy::Script;

/// A version of a strategy with all it reads, and what became of it at this time.
#[must_use]
pub fn version(script: &Script, at: TimeMs, verdict: Verdict) -> Version {
    let path = script.path();
    let file = path.map_or_else(
        || format!("{}.rhai", script.name()),
        |path| path.display().to_string(),
    );
    let own = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    Version {
        strategy: script.name().to_owned(),
        at,
        hash: script.hash().to_owned(),
        script: path.map_or_else(|| script.name().to_owned(), crate::config::stem),
        file,
        source: script.text().to_owned(),
        files: script.files().map(own).collect(),
        params: serde_json::to_value(script.overrides()).unwrap_or_default(),
        verdict,
        asked_by: None,
    }
}
