//! Runs the program in an empty folder and looks at what came out.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder to run the program in; gone with the test.
pub(crate) struct Bench(TempDir);

/// What a run of the program came to.
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program with arguments separated by spaces, not yet started.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bea"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BEA_") {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Outcome {
        Outcome::of(self.command(arguments))
    }

    /// Runs it, expects success, and reads its one JSON document.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        self.run(arguments).succeeded().document()
    }
}

impl Outcome {
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code().expect("it ended by itself"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        self.ended_with(0)
    }

    #[track_caller]
    pub(crate) fn ended_with(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.out, self.err
        );
        self
    }

    /// Checks that stderr has each of these.
    #[track_caller]
    pub(crate) fn saying(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(
                self.err.contains(part),
                "no {part:?} in stderr:\n{}",
                self.err
            );
        }
        self
    }

    /// Checks that stdout, which is for results, is empty.
    #[track_caller]
    pub(crate) fn without_result(self) -> Self {
        assert_eq!(self.out, "", "a failed command has no result");
        self
    }

    /// The one JSON document on stdout.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| {
            panic!("stdout is not one JSON document: {error}\n{}", self.out)
        })
    }

    /// The one JSON document on stderr.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let document: Value = serde_json::from_str(&self.err).unwrap_or_else(|error| {
            panic!("stderr is not one JSON document: {error}\n{}", self.err)
        });
        document["error"].clone()
    }
}

/// A file or folder of the project.
pub(crate) fn project(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    path.to_str().unwrap().to_owned()
}

/// A real recording, or nothing, said aloud, where there are none.
pub(crate) fn real(name: &str) -> Option<String> {
    let path = project("../shared/data/betfair/recordings") + "/" + name;
    let there = Path::new(&path).exists();
    if !there {
        eprintln!("SKIPPED: no real recording at {path}");
    }
    there.then_some(path)
}

/// An amount of a report in minor units.
pub(crate) fn minor(amount: &Value) -> i64 {
    (amount.as_f64().expect("an amount") * 100.0).round() as i64
}

/// A strategy that backs the first runner of every open market once, for a parameter's stake.
pub(crate) const EAGER: &str = "\
fn params() { #{ stake: #{ default: 2.0, min: 0.0, max: 5000.0 } } }

fn on_odds(market, ctx) {
    if market.in_play || ctx.all_orders.len() > 0 { return; }
    let runner = market.active[0];
    if runner.best_back == () { return; }
    back(runner, runner.best_back.price, ctx.params.stake)
}
";
