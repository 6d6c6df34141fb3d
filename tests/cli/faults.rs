//! The disk fails under a running host: it stops with a message, and everything that was kept stays readable.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::bea::{Bench, Outcome, project};

/// Runs the host under a shell line that does something to it first.
fn host_under(bench: &Bench, shell: &str) -> Outcome {
    let data = project("examples/recordings/1.900000010");
    let strategies = project("strategies");
    let bea = env!("CARGO_BIN_EXE_bea");
    let line = format!(
        "{shell} {bea} run --data {data} --strategies {strategies} --speed max --ledger l.sqlite \
         --set http.enabled=false"
    );
    let mut command = Command::new("sh");
    command
        .args(["-c", &line])
        .current_dir(bench.path(""))
        .stdin(Stdio::null());
    Outcome::of(command)
}

fn still_sound(bench: &Bench) {
    bench.run("pnl --ledger l.sqlite").succeeded();
    let verdict = bench.json("ledger verify --ledger l.sqlite --json");
    assert_eq!(verdict["sound"], true, "{verdict}");
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_grow_stops_the_host_and_keeps_what_is_there() {
    let bench = Bench::new();
    host_under(&bench, "").succeeded();
    let size = std::fs::metadata(bench.path("l.sqlite")).unwrap().len();
    // In blocks of 512 bytes. The write-ahead log alone will pass it.
    let blocks = size / 512 + 40;
    let outcome = host_under(&bench, &format!("trap '' XFSZ; ulimit -f {blocks}; exec"));
    assert_ne!(outcome.code, 0, "{}", outcome.err);
    assert!(
        outcome.err.contains("the ledger takes nothing more")
            || outcome.err.contains("ledger could not be written"),
        "{}",
        outcome.err
    );
    still_sound(&bench);
}

#[test]
#[cfg(target_os = "linux")]
fn a_commit_whose_sync_fails_is_not_taken_for_written_nor_tried_again() {
    if !Path::new("/usr/bin/strace").exists() {
        eprintln!("SKIPPED: strace is not installed, so no sync can be made to fail");
        return;
    }
    let bench = Bench::new();
    host_under(&bench, "").succeeded();
    let inject = "exec strace -f -qq -o strace.txt -e trace=fsync,fdatasync -e inject=fsync,fdatasync:error=EIO:when=12+";
    let outcome = host_under(&bench, inject);
    if !bench.read("strace.txt").contains("INJECTED") {
        eprintln!("SKIPPED: strace may not trace here: {}", outcome.err);
        return;
    }
    assert_ne!(outcome.code, 0, "{}", outcome.err);
    assert!(
        outcome.err.contains("COMMIT failed") && outcome.err.contains("unknown"),
        "{}",
        outcome.err
    );
    still_sound(&bench);
    host_under(&bench, "").succeeded();
    still_sound(&bench);
}

#[test]
fn a_ledger_command_line_from_verify_to_restore() {
    let bench = Bench::new();
    host_under(&bench, "").succeeded();
    let verdict = bench.json("ledger verify --ledger l.sqlite --json");
    let head = format!(
        "{}:{}",
        verdict["chain"]["head"]["link"],
        verdict["chain"]["head"]["hash"].as_str().unwrap()
    );
    bench
        .run(&format!("ledger verify --ledger l.sqlite --head {head}"))
        .succeeded();
    bench
        .run("ledger backup b.sqlite --ledger l.sqlite")
        .succeeded();
    bench
        .run("ledger backup b.sqlite --ledger l.sqlite")
        .ended_with(2)
        .saying(&["there is a file of that name already"]);
    let restored = bench.json("ledger restore b.sqlite --ledger l.sqlite --json");
    assert_eq!(restored["instance"]["epoch"], 2);
    let kept = restored["kept"].as_str().unwrap();
    assert!(kept.ends_with("l.sqlite.before-restore-1.bak"), "{kept}");
    bench
        .run("ledger export --format csv --out frames --ledger l.sqlite")
        .succeeded();
    assert!(
        bench
            .read("frames/intents.csv")
            .starts_with("run_id,id,record,")
    );
    bench
        .run("ledger export --format csv --table order --out more --ledger l.sqlite")
        .ended_with(2)
        .saying(&["there is no table \"order\"", "did you mean \"orders\"?"]);
    bench
        .run("pnl --strategy value_bakc --ledger l.sqlite")
        .ended_with(5)
        .saying(&[
            "has no strategy \"value_bakc\"",
            "did you mean \"value_back\"?",
        ]);
}
