//! The documents are true: every command in them is run, and where output is shown, that is what comes out.
//!
//! Of fenced `sh` and `console` blocks, lines that begin with `bea `, `cargo run --release -- ` or `rm strategies/` are
//! run, in a folder for each document with this project's strategies, examples and configuration. In a `console`
//! block a command stands after `$ `, and the lines after it are compared with its output, apart from how long it took;
//! a last line `…` stands for all that follows.
//! A `rhai` block whose first line is `// strategies/NAME.rhai` is saved there. `bea run` is played at full speed.
//!
//! After a wanted change: `BLESS=1 cargo test --test docs` writes the output that comes out into the documents.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A fenced block of a document.
struct Block {
    language: String,
    /// Index of its first line in the document.
    start: usize,
    lines: Vec<String>,
}

/// A command, and where it and the output shown after it stand.
struct Shown {
    command: String,
    /// Index of the command's (last) line in the document.
    at: usize,
    /// The output shown, if any is.
    output: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let mut files = vec![root().join("README.md")];
    let docs = std::fs::read_dir(root().join("docs")).unwrap();
    files.extend(
        docs.map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md")),
    );
    files.sort();
    files
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                open = Some(Block {
                    language: language.trim().to_owned(),
                    start: at + 1,
                    lines: Vec::new(),
                });
            }
            (None, Some(block)) => block.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// The commands of a block that are to be run.
fn commands(block: &Block) -> Vec<Shown> {
    let console = block.language == "console";
    if !console && block.language != "sh" {
        return Vec::new();
    }
    let mut all: Vec<Shown> = Vec::new();
    let mut continued = false;
    for (offset, line) in block.lines.iter().enumerate() {
        let at = block.start + offset;
        let prompt = if console {
            line.strip_prefix("$ ")
        } else {
            Some(line.as_str())
        };
        match (prompt, all.last_mut()) {
            _ if continued => {
                let last = all.last_mut().expect("a line is continued");
                last.command = format!("{} {}", last.command.trim_end_matches('\\'), line.trim());
                last.at = at;
            }
            (Some(command), _) => all.push(Shown {
                command: command.to_owned(),
                at,
                output: Vec::new(),
            }),
            (None, Some(last)) => last.output.push(line.clone()),
            // A prompt of some other program.
            (None, None) => {}
        }
        continued = line.ends_with('\\');
    }
    all.retain_mut(|shown| {
        if let Some(arguments) = shown.command.strip_prefix("cargo run --release -- ") {
            shown.command = format!("bea {arguments}");
        }
        ["bea ", "rm strategies/"]
            .iter()
            .any(|start| shown.command.starts_with(start))
    });
    all
}

/// A folder with what a checkout of the project has.
fn checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["strategies", "examples", "config"] {
        copy(&root().join(name), &folder.path().join(name));
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Runs a command in a folder and gives what it printed, as the documents show it.
fn run(command: &str, folder: &Path) -> Result<String, String> {
    let speed = speed_of(command);
    let played = match &speed {
        Some(speed) => command.replace(&format!("--speed {speed}"), "--speed max"),
        None => command.to_owned(),
    };
    let program = Path::new(env!("CARGO_BIN_EXE_bea")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("exec 2>&1\n{played}"))
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", program.display()))
        .env("BEA__HTTP__BIND", "127.0.0.1:0")
        // The documents show what a terminal shows.
        .env("BEA__LOG__FORMAT", "human")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // Two variables are of this test.
    let own = "from the environment: BEA__HTTP__BIND, BEA__LOG__FORMAT\n";
    let text = text.replace(own, "");
    if !output.status.success() {
        return Err(format!("`{command}` ended with {}:\n{text}", output.status));
    }
    let real = folder.canonicalize().unwrap();
    let mut text = text
        .replace(real.to_str().unwrap(), "/home/you/bea")
        .replace(folder.to_str().unwrap(), "/home/you/bea");
    if let Some(speed) = speed {
        text = text.replace("speed max", &format!("speed {speed}"));
    }
    Ok(without_port(&text))
}

/// The speed that a `bea run` is shown with.
fn speed_of(command: &str) -> Option<String> {
    let (_, rest) = command.split_once("bea run ")?.1.split_once("--speed ")?;
    rest.split_whitespace().next().map(str::to_owned)
}

/// The HTTP server's port as the configuration has it, wherever it is named.
fn without_port(text: &str) -> String {
    const HOST: &str = "http://127.0.0.1:";
    let mut parts = text.split(HOST);
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        all += &format!("{HOST}8080{rest}");
    }
    all
}

/// A line without what differs from run to run.
fn steady(line: &str) -> String {
    match (
        line.split_once("updates in "),
        line.split_once(" a second)"),
    ) {
        (Some((before, _)), Some((_, after))) => format!("{before}updates in a while{after}"),
        _ => line.trim_end().to_owned(),
    }
}

/// Runs the commands of a document. Gives the document as it should be, and what was wrong with it.
fn check(document: &Path) -> (String, Vec<String>, usize) {
    let name = document.strip_prefix(root()).unwrap().display().to_string();
    let text = std::fs::read_to_string(document).unwrap();
    let mut lines: Vec<Option<String>> = text.lines().map(|line| Some(line.to_owned())).collect();
    let mut wrong = Vec::new();
    let mut ran = 0;
    let folder = checkout();
    for block in blocks(&text) {
        let first = block.lines.first().filter(|_| block.language == "rhai");
        if let Some(path) = first.and_then(|line| line.strip_prefix("// strategies/")) {
            let target = folder.path().join("strategies").join(path);
            std::fs::write(target, block.lines.join("\n") + "\n").unwrap();
        }
        for shown in commands(&block) {
            ran += 1;
            let printed = match run(&shown.command, folder.path()) {
                Ok(printed) => printed,
                Err(failure) => {
                    wrong.push(format!("{name}:{}: {failure}", shown.at + 1));
                    continue;
                }
            };
            let mut printed: Vec<String> = printed.lines().map(str::to_owned).collect();
            // Where the last line shown is `…`, anything may follow.
            if shown.output.last().is_some_and(|line| line == "…") {
                printed.truncate(shown.output.len() - 1);
                printed.push("…".to_owned());
            }
            let steadied = |lines: &[String]| lines.iter().map(|l| steady(l)).collect::<Vec<_>>();
            if shown.output.is_empty() || steadied(&shown.output) == steadied(&printed) {
                continue;
            }
            wrong.push(format!(
                "{name}:{}: `{}` now prints\n{}",
                shown.at + 1,
                shown.command,
                printed.join("\n")
            ));
            for old in &mut lines[shown.at + 1..=shown.at + shown.output.len()] {
                *old = None;
            }
            lines[shown.at + 1] = Some(printed.join("\n"));
        }
    }
    let lines: Vec<String> = lines.into_iter().flatten().collect();
    (lines.join("\n") + "\n", wrong, ran)
}

#[test]
fn every_command_works_and_prints_what_is_shown() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for document in documents() {
        let (right, found, ran) = check(&document);
        if bless && !found.is_empty() {
            std::fs::write(&document, right).unwrap();
        }
        wrong.extend(found);
        let must_show = ["README.md", "getting-started.md"];
        if must_show.iter().any(|name| document.ends_with(name)) {
            assert!(ran > 3, "only {ran} commands were found in {document:?}");
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n\nIf that is as it should be: BLESS=1 cargo test --test docs",
        wrong.join("\n\n")
    );
}

#[test]
fn every_link_inside_the_project_leads_somewhere() {
    let mut broken = BTreeSet::new();
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for (_, rest) in text
            .match_indices("](")
            .map(|(at, _)| text.split_at(at + 2))
        {
            let target = rest.split([')', '#']).next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.is_empty();
            if !elsewhere && !document.parent().unwrap().join(target).exists() {
                broken.insert(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere: {broken:#?}");
}

#[test]
fn every_reason_for_a_refusal_is_explained() {
    let text = std::fs::read_to_string(root().join("docs/risk.md")).unwrap();
    let missing: Vec<&str> = bea::engine::ReasonCode::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| !text.contains(&format!("`{code}`")))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/risk.md says nothing of {missing:?}"
    );
}

#[test]
fn commands_are_found_as_they_are_written() {
    let text = "```sh\nls\nbea demo   # a word\n```\n```console\n$ bea new \\\n    x\nwrote x\n$ cargo run --release -- pnl\n```\n";
    let found: Vec<Shown> = blocks(text).iter().flat_map(commands).collect();
    let lines: Vec<&str> = found.iter().map(|shown| shown.command.as_str()).collect();
    assert_eq!(lines, ["bea demo   # a word", "bea new  x", "bea pnl"]);
    assert_eq!(
        (found[1].at, found[1].output.as_slice()),
        (6, &["wrote x".to_owned()][..])
    );
    assert_eq!(
        speed_of("bea run --data x --speed 60 --quiet").as_deref(),
        Some("60")
    );
    assert_eq!(
        steady("5 updates in 0.10 s (9 a second). Amounts"),
        "5 updates in a while. Amounts"
    );
}
