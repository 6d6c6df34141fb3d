//! The reference of the script API, written from what was registered, so that it cannot lag behind.

use std::fmt::Write as _;

use super::super::context::Log;
use super::super::names::{Entry, Vocabulary};
use super::super::sandbox::{self, Purpose};
use super::super::testing;

const PREFACE: &str = "\
# The script API

Everything a strategy may call or read, in the order of a strategy's day: the market, the context, bets, the
library of betting maths, tests. [Writing a strategy](strategies.md) explains how to use it.

This page is written by the program from what it offers to scripts; don't edit it. Parameters with `= …` may be left
out. Odds are decimal; shares, probabilities, commission and yields are ratios. A function given nonsense (odds of 1, a
probability of 1.2, a NaN, arrays of different lengths) fails and says which value; it never gives a NaN. Each example
is run as a test, to six decimals.
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
    page
}

/// All words of the script API, those for tests of scripts too.
pub(super) fn vocabulary() -> Vocabulary {
    let mut api = sandbox::engine(Purpose::Test, &Log::default());
    testing::register(&mut api);
    api.names
}

/// All that is registered.
pub(super) fn entries() -> Vec<Entry> {
    vocabulary().entries
}

fn shown(entry: &Entry) -> String {
    if entry.of.is_empty() {
        entry.usage.to_owned()
    } else {
        format!("{}.{}", entry.of, entry.usage)
    }
}

fn code(example: &str) -> String {
    match example {
        "" => String::new(),
        example => format!("`{example}`"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::strategy::{Overrides, Script};

    /// What an example may name.
    const SCENE: &str = r#"
    t.order(#{ runner: 1, side: "BACK", price: 3.0, size: 10.0, matched: 10.0 });
    let market = t.market(#{ runners: [
        #{ id: 1, name: "Red", back: [[3.0, 10.0], [2.9, 20.0]], lay: [[3.1, 5.0], [3.2, 10.0]], traded: [[3.0, 30.0], [3.1, 10.0]] },
        #{ id: 2, name: "Blue", back: [[1.5, 30.0]], lay: [[1.52, 40.0]] } ] });
    let runner = market.runner(1);
    let ctx = t.ctx;
"#;

    /// Numbers to half a unit of the sixth decimal, arrays and maps by their items.
    const ALIKE: &str = r#"
fn alike(a, b) {
    if type_of(a) == "array" && type_of(b) == "array" {
        if a.len() != b.len() { return false; }
        for at in 0..a.len() { if !alike(a[at], b[at]) { return false; } }
        return true;
    }
    if type_of(a) == "map" && type_of(b) == "map" {
        if a.keys().len() != b.keys().len() { return false; }
        for key in a.keys() { if !(key in b) || !alike(a[key], b[key]) { return false; } }
        return true;
    }
    let numbers = ["i64", "f64"];
    if type_of(a) in numbers && type_of(b) in numbers { return abs(a + 0.0 - b) <= 0.00000051; }
    type_of(a) == type_of(b) && a == b
}
fn on_odds(market, ctx) { }
"#;

    #[test]
    fn each_example_gives_what_it_says() {
        let mut text = ALIKE.to_owned();
        let mut count = 0;
        for (at, entry) in entries()
            .iter()
            .enumerate()
            .filter(|(_, e)| !e.example.is_empty())
        {
            let (expression, value) = entry.example.split_once(" → ").expect(entry.example);
            let _infallible = writeln!(
                text,
                "fn test_{at}(t) {{ {SCENE} let found = {expression}; t.ok(alike(found, {value}), `{}: found ${{found}}`); }}",
                entry.example.replace('`', "'")
            );
            count += 1;
        }
        for part in text_parts(&text) {
            let script = Script::from_text("examples", &part, &Overrides::new()).unwrap();
            let report = script.test().unwrap_or_else(|error| panic!("{error}"));
            assert!(report.passed(), "{report}");
        }
        assert!(count > 80, "only {count} examples");
    }

    /// A script holds a limited number of functions.
    fn text_parts(text: &str) -> Vec<String> {
        let (shared, tests) = text.split_once("fn test_").unwrap_or((text, ""));
        let tests: Vec<&str> = tests.split("fn test_").collect();
        tests
            .chunks(40)
            .map(|chunk| format!("{shared}fn test_{}", chunk.join("fn test_")))
            .collect()
    }

    #[test]
    fn each_function_of_the_library_has_an_example() {
        let all = entries();
        let first = all
            .iter()
            .position(|e| e.usage.starts_with("implied("))
            .unwrap();
        let maths = all[first..]
            .iter()
            .take_while(|e| !e.usage.starts_with("t."));
        for entry in maths.filter(|e| e.of.is_empty()) {
            assert!(!entry.example.is_empty(), "{} has no example", entry.usage);
        }
        assert!(
            all.iter()
                .all(|e| !e.what.is_empty() && !e.group.is_empty())
        );
    }

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
