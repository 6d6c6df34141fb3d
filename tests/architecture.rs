//! Who may know whom: reads the sources and keeps the rules that make the core deterministic and testable.
//!
//! Rules hold for product code: what stands under `#[cfg(test)]` may do as it likes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Each module of `src/` and the others it may use. `live`, `backtest` and `cli` put parts together.
const MAY_USE: &[(&str, &[&str])] = &[
    ("market", &[]),
    ("memory", &[]),
    ("durable", &[]),
    ("engine", &["market"]),
    ("risk", &["market", "engine"]),
    ("strategy", &["market", "engine", "memory"]),
    ("exchange", &["market", "engine"]),
    ("venue", &["market", "engine", "risk", "exchange", "config"]),
    ("source", &["market", "venue"]),
    ("ledger", &["market", "engine", "durable"]),
    ("config", &["market", "risk", "exchange"]),
    ("logging", &["config"]),
    ("alert", &["market", "config"]),
    ("telemetry", &["market", "config"]),
    (
        "http",
        &[
            "market",
            "engine",
            "ledger",
            "config",
            "alert",
            "telemetry",
            "durable",
        ],
    ),
    (
        "backtest",
        &[
            "market", "engine", "risk", "strategy", "exchange", "venue", "source", "ledger",
            "config",
        ],
    ),
    (
        "live",
        &[
            "market",
            "engine",
            "risk",
            "strategy",
            "exchange",
            "venue",
            "source",
            "ledger",
            "config",
            "backtest",
            "http",
            "alert",
            "logging",
            "telemetry",
            "durable",
        ],
    ),
    (
        "lookalike",
        &[
            "market", "engine", "exchange", "venue", "source", "config", "http",
        ],
    ),
    (
        "cli",
        &[
            "market",
            "engine",
            "risk",
            "strategy",
            "exchange",
            "venue",
            "source",
            "ledger",
            "config",
            "backtest",
            "live",
            "lookalike",
            "http",
            "alert",
            "logging",
            "durable",
        ],
    ),
];

/// The modules that must do the same whenever they are run.
const DETERMINISTIC: &[&str] = &["market", "engine", "risk", "strategy", "exchange"];

/// Words that have no place in them, and what to do instead.
const BANNED_WORDS: &[(&str, &str)] = &[
    ("tokio", "the core never awaits: drive it from `live`"),
    (
        "reqwest",
        "the core does no I/O: talk to the network in `venue`",
    ),
    ("axum", "the core does no I/O: serve from `http`"),
    (
        "rusqlite",
        "the core does no I/O: keep records through `Journal`",
    ),
    ("Instant", "the core reads no clock: take a `TimeMs`"),
    ("SystemTime", "the core reads no clock: take a `TimeMs`"),
    (
        "HashMap",
        "its order differs from run to run: use a `BTreeMap`",
    ),
    (
        "HashSet",
        "its order differs from run to run: use a `BTreeSet`",
    ),
];

/// Modules of `std` that have no place in them.
const BANNED_STD: &[&str] = &["env", "fs", "net", "process", "thread"];

/// The parts of the core that may open files: they read strategies, what they import, their tables and what their tests
/// use, before a run.
const MAY_READ_FILES: [&str; 3] = [
    "strategy/script.rs",
    "strategy/table.rs",
    "strategy/test_files.rs",
];

/// Where venues do I/O. All else of them is bytes in, values out.
const CLIENTS: [&str; 8] = [
    "venue/betfair/client/",
    "venue/odds_api/client/",
    "venue/pinnacle/client/",
    "venue/heard.rs",
    "venue/pace.rs",
    "venue/polling.rs",
    "venue/reach.rs",
    "venue/wire.rs",
];

/// What a codec has no business with.
const NO_CODEC: [&str; 6] = ["tokio", "reqwest", "failsafe", "rustls", "fs", "net"];

const MOST_LINES: usize = 700;

/// A file of `src/`.
struct Source {
    /// Its path under `src/`, with `/`.
    path: String,
    /// All of it.
    text: String,
    /// Product code: without comments and without what is compiled for tests only.
    code: String,
}

impl Source {
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many `super::` lead to the root of the crate.
    fn depth(&self) -> usize {
        let folders = self.path.matches('/').count();
        folders + usize::from(!self.path.ends_with("/mod.rs"))
    }
}

/// Every file of `src/` that is not compiled for tests only.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    assert!(files.len() > 50, "the sources were not found in {root:?}");
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        let path = file.strip_prefix(&root).unwrap();
        Source {
            path: path.to_string_lossy().replace('\\', "/"),
            code: product_code(&text),
            text,
        }
    };
    let all: Vec<Source> = files.iter().map(read).collect();
    let for_tests: BTreeSet<String> = all.iter().flat_map(test_files).collect();
    all.into_iter()
        .filter(|source| !for_tests.contains(&source.path))
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Files that a `mod.rs` includes under `#[cfg(test)]`.
fn test_files(source: &Source) -> Vec<String> {
    let Some(folder) = source.path.strip_suffix("mod.rs") else {
        return Vec::new();
    };
    let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
    lines
        .windows(2)
        .filter(|pair| pair[0] == "#[cfg(test)]")
        .filter_map(|pair| pair[1].strip_suffix(';')?.rsplit_once("mod "))
        .map(|(_, name)| format!("{folder}{name}.rs"))
        .collect()
}

/// A text up to its `mod tests`, which stands last in a file, without comments.
fn product_code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end]
        .lines()
        .map(|line| match line.trim_start().strip_prefix("//") {
            Some(_) => "",
            None => line.split(" // ").next().unwrap_or(line),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The names of a text, in order, and everything between them.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

/// The names that follow `path` directly: of `crate::{a::b, c}` after `crate::` they are a and c.
fn names_after(code: &str, path: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(path) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            None => names.extend(words(rest).next().map(str::to_owned)),
            Some(group) => names.extend(first_names(group)),
        }
    }
    names
}

/// The first name of each path in a group, up to the brace that closes it.
fn first_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => parts.push(String::new()),
            _ if depth == 0 => parts.last_mut().unwrap().push(c),
            _ => {}
        }
    }
    parts
        .iter()
        .filter_map(|part| words(part).next().map(str::to_owned))
        .collect()
}

/// The modules of the crate that a file names, however it writes the path.
fn modules_used(source: &Source) -> BTreeSet<String> {
    let mut names = names_after(&source.code, "crate::");
    names.extend(names_after(&source.code, &"super::".repeat(source.depth())));
    names.remove(source.module());
    names
}

/// Fails with every breach, or passes.
fn must_be_empty(breaches: &[String]) {
    let mut list = String::new();
    for breach in breaches {
        write!(list, "\n  src/{breach}").unwrap();
    }
    assert!(
        breaches.is_empty(),
        "the rules of docs/ARCHITECTURE.md are broken:{list}"
    );
}

#[test]
fn modules_know_only_those_they_may_know() {
    let mut breaches = Vec::new();
    for source in sources() {
        // Faults planted for the simulator are no part of the program.
        if ["lib", "main", "planted"].contains(&source.module()) {
            continue;
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == source.module()) else {
            breaches.push(format!(
                "{}: add the module {} and what it may use to tests/architecture.rs",
                source.path,
                source.module()
            ));
            continue;
        };
        for used in modules_used(&source) {
            if !allowed.contains(&used.as_str()) && used != "planted" {
                breaches.push(format!(
                    "{} uses `{used}`: {} may use only {allowed:?}. Put the parts together in live, backtest or cli, \
                     or own a small trait here",
                    source.path,
                    source.module()
                ));
            }
        }
    }
    must_be_empty(&breaches);
}

#[test]
fn the_core_reads_no_clock_does_no_io_and_has_no_unordered_map() {
    let mut breaches = Vec::new();
    for source in sources() {
        if !DETERMINISTIC.contains(&source.module()) {
            continue;
        }
        let found: BTreeSet<&str> = words(&source.code).collect();
        for (word, remedy) in BANNED_WORDS {
            if found.contains(word) {
                breaches.push(format!("{} names `{word}`: {remedy}", source.path));
            }
        }
        let std = names_after(&source.code, "std::");
        for module in BANNED_STD {
            let excused = *module == "fs" && MAY_READ_FILES.contains(&source.path.as_str());
            if std.contains(*module) && !excused {
                breaches.push(format!(
                    "{} uses `std::{module}`: the core has no outside world",
                    source.path
                ));
            }
        }
    }
    must_be_empty(&breaches);
}

#[test]
fn codecs_of_venues_know_the_words_of_the_field_and_nothing_else() {
    let mut breaches = Vec::new();
    for source in sources() {
        let is_client = CLIENTS.iter().any(|client| source.path.starts_with(client));
        if source.module() != "venue" || is_client {
            continue;
        }
        let found: BTreeSet<&str> = words(&source.code).collect();
        for word in NO_CODEC {
            if found.contains(word) {
                breaches.push(format!(
                    "{} names `{word}`: a codec does no I/O; put it into the client",
                    source.path
                ));
            }
        }
        for used in modules_used(&source) {
            if used != "market" {
                breaches.push(format!(
                    "{} uses `{used}`: a codec may use only market; put it into the client",
                    source.path
                ));
            }
        }
    }
    must_be_empty(&breaches);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let breaches: Vec<String> = sources()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| format!("{}: begin it with a line `//! what it is for`", source.path))
        .collect();
    must_be_empty(&breaches);
}

#[test]
fn no_file_is_too_long_to_hold_in_the_head() {
    let lines = |source: &Source| source.code.lines().count();
    let breaches: Vec<String> = sources()
        .iter()
        .filter(|source| lines(source) > MOST_LINES)
        .map(|source| {
            format!(
                "{} has {} lines without its tests: over {MOST_LINES} it is two ideas; give each its file",
                source.path,
                lines(source)
            )
        })
        .collect();
    must_be_empty(&breaches);
}

#[test]
fn only_a_journal_says_that_records_are_durable() {
    let breaches: Vec<String> = sources()
        .iter()
        .filter(|source| source.code.contains("Receipt::committed"))
        .filter(|source| !source.code.contains("Journal for "))
        .map(|source| {
            format!(
                "{} makes a `Receipt`: only a `Journal` may, after its commit returned; pass that one on",
                source.path
            )
        })
        .collect();
    must_be_empty(&breaches);
}

#[test]
fn nothing_is_left_to_be_done() {
    let breaches: Vec<String> = sources()
        .iter()
        .flat_map(|source| {
            ["todo!", "unimplemented!", "dbg!"]
                .into_iter()
                .filter(|mark| source.code.contains(mark))
                .map(|mark| {
                    format!(
                        "{} has a `{mark}`: finish it or return an error",
                        source.path
                    )
                })
        })
        .collect();
    must_be_empty(&breaches);
}

/// The rules above are only as good as the reading of the sources.
mod reading {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
            code: product_code(text),
        }
    }

    fn used(path: &str, text: &str) -> Vec<String> {
        modules_used(&source(path, text)).into_iter().collect()
    }

    #[test]
    fn a_module_is_found_however_its_path_is_written() {
        assert_eq!(used("engine/core.rs", "use crate::risk::Gate;"), ["risk"]);
        assert_eq!(
            used("engine/core.rs", "let x = crate::ledger::open();"),
            ["ledger"]
        );
        assert_eq!(
            used(
                "engine/core.rs",
                "use crate::{market::{Money, Side}, risk, engine::Gate};"
            ),
            ["market", "risk"]
        );
        assert_eq!(
            used("engine/core.rs", "use super::super::risk::Gate;"),
            ["risk"]
        );
        assert_eq!(used("engine/mod.rs", "use super::risk::Gate;"), ["risk"]);
        assert_eq!(
            used("venue/betfair/codec.rs", "use super::super::json::Json;"),
            [""; 0]
        );
    }

    #[test]
    fn comments_and_tests_are_not_product_code() {
        let text = "// crate::risk\nlet x = 1; // crate::live\n#[cfg(test)]\nmod tests {\n    use crate::cli;\n}\n";
        assert_eq!(used("engine/core.rs", text), [""; 0]);
        let parent = source(
            "engine/mod.rs",
            "#[cfg(test)]\npub(crate) mod testing;\nmod core;\n",
        );
        assert_eq!(test_files(&parent), ["engine/testing.rs"]);
    }

    #[test]
    fn modules_of_std_are_found_in_a_group() {
        let names = names_after("use std::{fs::File, time::{Duration, Instant}};", "std::");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["fs", "time"]);
    }
}
