//! betfairlightweight and flumine, as they come from PyPI, with nothing but addresses changed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::server::Server;

/// What is installed: fixed, so that a new release cannot break this project's tests.
const PACKAGES: [&str; 2] = ["betfairlightweight==2.24.0", "flumine==3.3.2"];

/// A Python with the clients; `None` if there is none to be had.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(installed).as_deref()
}

fn installed() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-clients");
    let python = folder.join("bin/python");
    let has_clients = |python: &Path| {
        let mut check = Command::new(python);
        check.args(["-c", "import betfairlightweight, flumine"]);
        succeeds(&mut check)
    };
    if has_clients(&python) {
        return Some(python);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&folder);
    let mut install = Command::new(&python);
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(PACKAGES);
    if succeeds(&mut make) && succeeds(&mut install) && has_clients(&python) {
        return Some(python);
    }
    eprintln!(
        "SKIPPED: the Python clients cannot be installed (python3 with venv, and PyPI, are needed)"
    );
    None
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn plays(script: &str, server: &Server) {
    let Some(python) = python() else { return };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lookalike");
    let output = Command::new(python)
        .arg("-B")
        .arg(scripts.join(script))
        .env("LOOKALIKE_HTTP", &server.http)
        .env("LOOKALIKE_STREAM", &server.stream)
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success() && out.ends_with("done\n"),
        "{script}:\n{out}\n{err}"
    );
}

#[test]
fn betfairlightweight_bets_from_login_to_settlement() {
    plays("client.py", &Server::start(&[]));
}

#[test]
fn flumine_runs_a_strategy() {
    plays("framework.py", &Server::start(&["--speed", "20"]));
}
