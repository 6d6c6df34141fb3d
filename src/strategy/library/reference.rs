//! The reference of the script API, written from what was registered, so that it cannot lag behind.

use std::fmt::Write as _;

use super::super::context::Log;
use super::super::names::{Entry, Vocabulary};
use super::super::sandbox::{self, Purpose};
use super::super::testing;
use super::examples::{self, SCENE};

const PREFACE: &str = "\
# The script API

Everything a strategy may call or read, in the order of a strategy's day: the market, the context, bets, the
library of betting maths, tests. [Writing a strategy](strategies.md) explains how to use it.

This page is written by the program from what it offers to scripts; don't edit it. Parameters with `= …` may be left
out. Odds are decimal; shares, probabilities, commission and yields are ratios. A function given nonsense (odds of 1, a
probability of 1.2, a NaN, arrays of different lengths) fails and says which value; it never gives a NaN. Each example
is run as a test, to six decimals, in the scene at the end of this page.
";

/// All that scripts can call and read, as a Markdown page.
#[must_use]
pub fn reference() -> String {
    let mut page = PREFACE.to_owned();
    let mut group = "";
    for entry in entries() {
        if entry.group != group {
            group = entry.group;
            let _infallible = write!(page, "\n## {group}\n\n| | | example |\n|---|---|---|\n");
        }
        let _infallible = writeln!(
            page,
            "| `{}` | {} | {} |",
            shown(&entry),
            entry.what.replace('|', "\\|"),
            code(entry.example)
        );
    }
    let _infallible = write!(
        page,
        "\n## The scene of the examples\n\nEach example is the end of a test that begins so:\n\n```rhai\n{SCENE}```\n"
    );
    page
}

/// All words of the script API, those for tests of scripts too.
pub(super) fn vocabulary() -> Vocabulary {
    let mut api = sandbox::engine(Purpose::Test, &Log::default());
    testing::register(&mut api);
    examples::fill(&mut api.names.entries, shown);
    api.names
}

/// All that is registered.
pub(super) fn entries() -> Vec<Entry> {
    vocabulary().entries
}

/// What an entry is called by a script.
pub(super) fn shown(entry: &Entry) -> String {
    if entry.of.is_empty() {
        entry.usage.to_owned()
    } else {
        format!("{}.{}", entry.of, entry.usage)
    }
}

fn code(example: &str) -> String {
    match example {
        "" => String::new(),
        example => format!("`{}`", example.replace('|', "\\|")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn page() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/strategy-api.md")
    }

    #[test]
    fn the_reference_is_up_to_date() {
        let written = std::fs::read_to_string(page()).unwrap_or_default();
        assert!(
            written == reference(),
            "docs/strategy-api.md is out of date; write it anew with: cargo test --lib write_the_reference -- --ignored"
        );
    }

    #[test]
    #[ignore = "writes docs/strategy-api.md"]
    fn write_the_reference() {
        std::fs::write(page(), reference()).unwrap();
    }
}
