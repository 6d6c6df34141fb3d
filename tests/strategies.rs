//! Every strategy that is shipped, every reference strategy and every example of the guide compiles and passes its
//! own tests.

use std::path::{Path, PathBuf};

use bea::strategy::{Overrides, Script, find};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Tests all strategies of a folder; gives how many there were.
fn all_pass(folder: &str) -> usize {
    let folder = root(folder);
    let paths = find(&[folder.display().to_string()], &folder).unwrap();
    for path in &paths {
        let script = Script::read(path, &Overrides::new()).unwrap_or_else(|e| panic!("{e}"));
        passes(&script, true);
    }
    paths.len()
}

fn passes(script: &Script, needs_tests: bool) {
    let report = script.test().unwrap_or_else(|error| panic!("{error}"));
    assert!(report.passed(), "{report}");
    assert!(
        !needs_tests || !report.tests.is_empty(),
        "{} has no test",
        script.name()
    );
}

#[test]
fn the_shipped_strategies_pass_their_tests() {
    assert!(all_pass("strategies") >= 3);
}

#[test]
fn the_reference_strategies_pass_their_tests() {
    assert_eq!(all_pass("tests/reference"), 6);
}

/// The guide's fenced `rhai` blocks with the line each starts on.
fn examples(guide: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, line) in guide.lines().enumerate() {
        match (&mut open, line) {
            (None, "```rhai") => open = Some((at + 1, String::new())),
            (Some(_), "```") => found.extend(open.take()),
            (Some((_, text)), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "a code block of the guide is not closed");
    found
}

#[test]
fn the_examples_of_the_guide_work() {
    let guide = std::fs::read_to_string(root("docs/strategies.md")).unwrap();
    let examples = examples(&guide);
    assert!(examples.len() >= 5, "the guide has lost its examples");
    for (line, text) in examples {
        let script = Script::from_text(&format!("guide_line_{line}"), &text, &Overrides::new())
            .unwrap_or_else(|error| panic!("docs/strategies.md, block at line {line}: {error}"));
        passes(&script, text.contains("fn test_"));
    }
}
