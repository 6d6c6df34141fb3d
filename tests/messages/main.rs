//! What people are told when something is wrong: every message as the real program prints it, kept in `messages.txt`.
//!
//! Read them aloud as somebody new would. After a wanted change: `BLESS=1 cargo test --test messages` writes them anew.

mod cases;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Files to write, and the command to run among them.
struct Case {
    name: &'static str,
    files: Vec<(&'static str, String)>,
    command: &'static str,
}

/// Runs a case in a folder of its own and gives what a person would see.
fn shown(case: &Case) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in &case.files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_bea"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BEA_") {
            command.env_remove(name);
        }
    }
    let output = command
        .args(arguments(case.command))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let mut text = format!("## {}\n$ bea {}\n", case.name, case.command);
    for line in printed.iter().flat_map(|text| text.lines()) {
        let _infallible = writeln!(text, "{}", untimed(line.trim_end()));
    }
    let code = output.status.code().expect("it ended by itself");
    let _infallible = writeln!(text, "[{code}]");
    text
}

/// A line without how long it took: that is not the program's to promise.
fn untimed(line: &str) -> String {
    let timed = line.split_once(" s (").and_then(|(before, tail)| {
        let (head, seconds) = before.rsplit_once(" in ")?;
        seconds.parse::<f64>().ok()?;
        Some(format!("{head} in 0.00 s ({tail}"))
    });
    timed.unwrap_or_else(|| line.to_owned())
}

/// Words of a command line; quotes hold words together.
fn arguments(command: &str) -> Vec<String> {
    let parts = command.split('"').enumerate();
    let words = parts.flat_map(|(at, part)| {
        let words: Vec<&str> = if at % 2 == 1 {
            vec![part]
        } else {
            part.split_whitespace().collect()
        };
        words.into_iter().map(str::to_owned).collect::<Vec<_>>()
    });
    words.collect()
}

#[test]
fn every_message_is_as_it_was_read_and_found_good() {
    let cases = cases::all();
    assert!(cases.len() >= 40, "only {} messages", cases.len());
    let all: Vec<String> = cases.iter().map(shown).collect();
    let found = all.join("\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages/messages.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    for (kept, found) in kept.split("\n## ").zip(found.split("\n## ")) {
        assert!(
            kept.trim_end() == found.trim_end(),
            "kept:\n{kept}\n\nfound:\n{found}\n\nif that is better: BLESS=1 cargo test --test messages"
        );
    }
    assert_eq!(kept, found);
}

#[test]
fn a_failure_has_a_code_and_says_something() {
    for case in cases::all() {
        let text = shown(&case);
        assert!(!text.ends_with("[0]\n"), "{text}");
        assert!(
            !text.ends_with("[1]\n"),
            "an internal error is no answer:\n{text}"
        );
        assert!(text.lines().count() > 3, "{text}");
    }
}
