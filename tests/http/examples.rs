//! The examples of the guide, run as they stand there.

use std::process::{Command, Stdio};

use crate::client::{Guarded, busy};
use crate::host::{Host, Place};

/// The commands of the guide that call curl, each in one line.
fn examples() -> Vec<String> {
    let guide = include_str!("../../docs/http.md");
    let joined = guide.replace("\\\n", " ");
    let commands = joined
        .lines()
        .filter_map(|line| line.strip_prefix("$ curl "));
    commands.map(|rest| format!("curl {rest}")).collect()
}

/// Runs one against a host; gives what it printed.
fn run(example: &str, host: &Host, token: &str) -> String {
    let command = example.replace("localhost:8080", host.address());
    // Events never end: two seconds of them are enough.
    let is_endless = example.contains(" -N ");
    let limit = if is_endless {
        "--max-time 2"
    } else {
        "--fail-with-body"
    };
    let command = command.replacen("curl", &format!("curl {limit}"), 1);
    let output = Command::new("sh")
        .args(["-c", &command])
        .env("TOKEN", token)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code();
    let wanted = if is_endless { Some(28) } else { Some(0) };
    assert_eq!(code, wanted, "{command}\n{printed}\n{said}");
    printed
}

#[test]
fn the_examples_of_the_guide_do_what_it_says() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("SKIPPED: curl is not installed, so the examples of docs/http.md were not run");
        return;
    }
    let examples = examples();
    let (with_token, open): (Vec<_>, Vec<_>) = examples
        .iter()
        .partition(|example| example.contains("$TOKEN"));
    assert!(with_token.len() >= 4 && open.len() >= 4, "{examples:#?}");
    // Without tokens this machine may look.
    let place = Place::new(&[("fav", crate::RESTS)]);
    let host = busy(&place);
    for example in open {
        let printed = run(example, &host, "");
        let is_there = match example {
            metrics if metrics.contains("/metrics") => "# TYPE bea_build_info gauge",
            health if health.contains("/health") => "\"serviceId\":\"bea\"",
            _ => "\"schema\":\"bea.",
        };
        assert!(printed.contains(is_there), "{example}: {printed}");
    }
    drop(host);
    let guarded = Guarded::start();
    for example in with_token {
        let printed = run(example, &guarded.host, &guarded.control);
        let is_there = match example {
            kill if kill.contains("/kill") => "\"state\":\"HALTED\"",
            resume if resume.contains("/resume") => "\"state\":\"ACTIVE\"",
            events if events.contains("/events") => "event: state",
            _ => "\"schema\":\"bea.risk/1\"",
        };
        assert!(printed.contains(is_there), "{example}: {printed}");
    }
}
