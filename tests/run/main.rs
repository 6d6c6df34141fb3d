//! `bea run` from outside: the real program, real files, real sockets, real signals.

mod alerts;
mod fake;
mod host;
mod instances;
mod memory;
mod reload;
mod settings;
mod telemetry;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use host::{Host, Place, strategy};
use serde_json::Value;

/// Counts its calls in its state, says each, and bets once in each version with the count as the reason.
fn counting(version: &str) -> String {
    format!(
        "fn on_odds(market, ctx) {{
    this.calls = (this.get(\"calls\") ?? 0) + 1;
    ctx.log(`{version} ${{this.calls}}`);
    if this.get(\"bet_by\") == \"{version}\" {{ return []; }}
    this.bet_by = \"{version}\";
    back(market.runner(7), 3.0, 2.0).reason(`{version} ${{this.calls}}`)
}}

fn test_it_bets_once(t) {{
    let market = t.market(#{{ runners: [#{{ id: 7, back: 3.0, lay: 3.05 }}] }});
    t.eq(t.odds(market).len(), 1);
    t.eq(t.odds(market), []);
}}
"
    )
}

const BROKEN: &str = "fn on_odds(market, ctx) {\n    let x = ;\n    []\n}\n";

/// A swap must be in force this soon after the save; a busy test machine is given somewhat more.
const SOON: Duration = Duration::from_millis(1_500);

fn kept(health: &Value) -> bool {
    health["status"] == "warn" && strategy(health, "fav")["status"] == "warn"
}

#[test]
fn a_host_is_well_and_says_what_it_does() {
    let place = Place::new(&[("fav", &counting("A"))]);
    let mut host = place.start();
    let (health, _) = host.until("playing", |health| {
        health["checks"]["feed"][0]["updates"].as_u64() > Some(2)
            && strategy(health, "fav")["bets"] == 1
    });
    assert_eq!(health["status"], "pass", "{health:#}");
    assert_eq!(health["mode"], "DRY_RUN");
    let feed = &health["checks"]["feed"][0];
    assert_eq!(feed["recording"], "long.jsonl");
    let position = feed["position"].as_str().unwrap();
    assert!(position.starts_with("2026-01-01T11:5"), "{position}");
    assert_eq!(strategy(&health, "fav")["standing"], "running");
    assert!(health["checks"]["ledger"][0]["batches"].as_u64() >= Some(1));
    let said = host.said().join("\n");
    for words in [
        "DRY_RUN",
        "strategy: fav ",
        "ledger: ",
        "kill switch: data/KILL",
    ] {
        assert!(said.contains(words), "{words} is missing in:\n{said}");
    }

    let answer = |method, path, at| host.request(method, path, at);
    let good = answer("GET", "/health", "127.0.0.1:8080");
    assert_eq!(good.code, 200);
    assert!(good.head.contains("content-type: application/health+json"));
    assert_eq!(answer("GET", "/livez", "localhost").code, 200);
    assert_eq!(answer("GET", "/readyz", "[::1]:80").code, 200);
    let head = answer("HEAD", "/health", "localhost");
    assert_eq!((head.code, head.body.as_str()), (200, ""));
    assert_eq!(answer("GET", "/", "localhost").code, 200);
    assert_eq!(answer("GET", "/nowhere", "localhost").code, 404);
    assert_eq!(answer("POST", "/health", "localhost").code, 405);
    let rebound = answer("GET", "/health", "evil.example");
    assert_eq!(rebound.code, 403);
    assert!(rebound.head.contains("application/problem+json"));
}

#[test]
fn a_good_edit_is_swapped_in_at_once_and_the_state_is_kept() {
    let place = Place::new(&[("fav", &counting("A"))]);
    let mut host = place.start();
    host.hear("\"A 3\"");
    let first = host.hash_of("fav");
    fs::write(place.strategy("fav"), counting("B")).unwrap();
    let took = host.until_swapped("fav", &first);
    assert!(took < SOON, "the swap took {took:?}");
    let second = host.hash_of("fav");
    let reloaded = host.hear("reloaded fav");
    let expected = format!(
        "reloaded fav {}→{}, state kept",
        &first[..12],
        &second[..12]
    );
    assert_eq!(reloaded, expected);
    host.hear("\"B ");
    host.until("betting", |health| strategy(health, "fav")["bets"] == 2);
    host.stop();

    let calls: Vec<u64> = host
        .said()
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["event"] == "strategy_log")
        .filter_map(|line| line["msg"].as_str()?[2..].parse().ok())
        .collect();
    let unbroken: Vec<u64> = (1..=calls.len() as u64).collect();
    assert_eq!(calls, unbroken, "no call was lost and no count begun anew");
    let bets = place.bets();
    let by: Vec<_> = bets.iter().map(|bet| bet.script_hash.as_str()).collect();
    assert_eq!(by, [first.as_str(), second.as_str()]);
    let reason = bets[1].reason.as_deref().unwrap();
    let count: u64 = reason.strip_prefix("B ").unwrap().parse().unwrap();
    assert!(count > 3, "{reason}");
    assert_eq!(place.reader().audit().unwrap(), []);
}

#[test]
fn a_broken_edit_keeps_the_last_good_version_until_it_is_mended() {
    let place = Place::new(&[("fav", &counting("A"))]);
    let mut host = place.start();
    host.hear("\"A 1\"");
    let first = host.hash_of("fav");

    fs::write(place.strategy("fav"), BROKEN).unwrap();
    let (health, _) = host.until("warned", kept);
    let check = strategy(&health, "fav");
    assert_eq!(check["hash"], first.as_str());
    assert!(
        check["output"]
            .as_str()
            .unwrap()
            .starts_with("strategies/fav.rhai:2:13: "),
        "{check}"
    );
    assert!(
        health["notes"]
            .to_string()
            .contains("fav: strategies/fav.rhai:2:13: ")
    );
    let line = host.hear("kept ");
    assert!(
        line.starts_with(&format!(
            "kept {}: strategies/fav.rhai:2:13: ",
            &first[..12]
        )),
        "{line}"
    );
    assert_eq!(host.hear("let x"), "  2 |     let x = ;");
    assert_eq!(host.hear("^"), "    |             ^");
    host.hear("\"A ");

    // Its own test fails: that is no better.
    let untrue = counting("B").replace("t.eq(t.odds(market), []);", "t.eq(t.odds(market), [1]);");
    fs::write(place.strategy("fav"), untrue).unwrap();
    host.until("warned of the test", |health| {
        strategy(health, "fav")["output"]
            .to_string()
            .contains("test_it_bets_once")
    });
    assert_eq!(host.hash_of("fav"), first);

    // What runs is put back: nothing to load, and the warning goes.
    fs::write(place.strategy("fav"), counting("A")).unwrap();
    host.until("well again", |health| health["status"] == "pass");
    assert_eq!(host.hash_of("fav"), first);
    assert!(!host.said().iter().any(|line| line.starts_with("reloaded")));

    fs::write(place.strategy("fav"), BROKEN).unwrap();
    host.until("warned again", kept);
    fs::write(place.strategy("fav"), counting("C")).unwrap();
    host.until_swapped("fav", &first);
    host.stop();
    let errors = host
        .said()
        .iter()
        .filter(|l| l.contains("fav.rhai:2:13"))
        .count();
    assert_eq!(errors, 2, "each broken save is told once");
}

/// The ways in which editors save.
const SAVES: [fn(&Path, &str); 5] = [
    |path, text| fs::write(path, text).unwrap(),
    |path, text| {
        let aside = path.with_extension("rhai.tmp");
        fs::write(&aside, text).unwrap();
        fs::rename(aside, path).unwrap();
    },
    |path, text| {
        for length in (0..text.len()).step_by(7) {
            fs::write(path, &text[..length]).unwrap();
        }
        fs::write(path, text).unwrap();
    },
    |path, text| {
        fs::remove_file(path).unwrap();
        fs::write(path, text).unwrap();
    },
    |path, text| {
        fs::rename(path, path.with_extension("rhai~")).unwrap();
        fs::write(path, text).unwrap();
    },
];

#[test]
fn however_an_editor_saves_it_is_noticed() {
    let place = Place::new(&[("fav", &counting("A"))]);
    let mut host = place.start();
    host.hear("\"A 1\"");
    for (at, save) in SAVES.iter().enumerate() {
        let before = host.hash_of("fav");
        save(&place.strategy("fav"), &counting(&format!("V{at}")));
        let took = host.until_swapped("fav", &before);
        assert!(took < SOON, "style {at} took {took:?}");
        host.hear(&format!("\"V{at} "));
    }
    host.stop();
    let reloads = host
        .said()
        .iter()
        .filter(|l| l.starts_with("reloaded"))
        .count();
    assert_eq!(reloads, SAVES.len());
    let versions: BTreeSet<_> = place
        .bets()
        .into_iter()
        .map(|bet| bet.script_hash)
        .collect();
    assert_eq!(versions.len(), 1 + SAVES.len());
}

#[test]
fn a_new_file_is_loaded_and_a_deleted_one_runs_on_with_a_warning() {
    let place = Place::new(&[("fav", &counting("A"))]);
    let mut host = place.start();
    fs::write(place.strategy("late"), counting("L")).unwrap();
    host.hear("loaded late ");
    host.hear("\"L 1\"");
    fs::remove_file(place.strategy("fav")).unwrap();
    let (health, _) = host.until("warned", kept);
    let check = strategy(&health, "fav");
    assert_eq!(check["output"], "the file fav.rhai is gone");
    assert_eq!(check["standing"], "running");
    host.pass_over();
    host.hear("\"A ");
    fs::write(place.strategy("fav"), counting("A")).unwrap();
    host.until("well again", |health| health["status"] == "pass");

    fs::write(place.strategy("bad"), BROKEN).unwrap();
    let (health, _) = host.until("warned of the new file", |h| h["status"] == "warn");
    assert_eq!(strategy(&health, "bad")["standing"], "not_loaded");
    fs::remove_file(place.strategy("bad")).unwrap();
    host.stop();
}

#[test]
fn a_changed_library_reloads_what_imports_it() {
    let importing =
        "import \"names\" as names;\nfn on_odds(market, ctx) { ctx.log(names::mine()); }\n";
    let place = Place::new(&[]);
    let library = place.path("strategies/lib/names.rhai");
    fs::create_dir(library.parent().unwrap()).unwrap();
    fs::write(&library, "fn mine() { \"one\" }").unwrap();
    fs::write(place.strategy("fav"), importing).unwrap();
    let mut host = place.start();
    host.hear("\"one\"");
    fs::write(&library, "fn mine() { \"two\" }").unwrap();
    host.hear("reloaded fav");
    host.hear("\"two\"");
}

#[test]
fn the_kill_file_halts_and_its_removal_resumes() {
    // Asks for a bet at every call.
    let eager = "fn on_odds(market, ctx) { back(market.runner(7), 3.0, 1.0) }\n";
    let place = Place::new(&[("fav", eager)]);
    let mut host = place.start_with(&[
        "--data",
        "long.jsonl",
        "--speed",
        "1",
        "--set",
        "kill.file=KILL",
        "--set",
        "risk.max_orders_per_minute=600",
    ]);
    let bets = |health: &Value| strategy(health, "fav")["bets"].as_u64().unwrap();
    host.until("betting", |health| bets(health) > 0);
    fs::write(place.path("KILL"), "").unwrap();
    let (health, _) = host.until("halted", |h| h["checks"]["mode"][0]["halted"] == true);
    assert_eq!(health["status"], "warn");
    host.hear("HALTED: the kill file KILL exists");
    let updates = |health: &Value| health["checks"]["feed"][0]["updates"].as_u64().unwrap();
    let (at_halt, played) = (bets(&health), updates(&health));
    let (later, _) = host.until("playing on", |health| updates(health) > played + 5);
    assert_eq!(bets(&later), at_halt, "nothing is bet while halted");
    fs::remove_file(place.path("KILL")).unwrap();
    host.until("betting again", |health| {
        health["status"] == "pass" && bets(health) > at_halt
    });
    host.stop();
    assert_eq!(place.reader().audit().unwrap(), []);
}

/// A host that bets as fast as it may, whose bets rest.
fn betting_host(place: &Place) -> Host {
    let mut host = place.start_with(&[
        "--data",
        "long.jsonl",
        "--speed",
        "1",
        "--set",
        "risk.max_orders_per_minute=600",
    ]);
    host.until("betting", |health| {
        strategy(health, "fav")["open_orders"].as_u64() > Some(0)
    });
    host
}

/// Asks at every call for a bet that nobody meets.
const RESTS: &str = "fn on_odds(market, ctx) { back(market.runner(7), 900.0, 1.0) }\n";

fn open_orders(health: &Value) -> u64 {
    strategy(health, "fav")["open_orders"].as_u64().unwrap()
}

#[test]
fn the_kill_command_halts_a_host_cancels_what_rests_and_says_so() {
    let place = Place::new(&[("fav", RESTS)]);
    let mut host = betting_host(&place);
    let output = place
        .command(&["kill", "--reason", "drill", "--json"])
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{answer:#}");
    assert_eq!(answer["state"], "HALTED");
    assert_eq!(answer["obeyed"], true);
    assert!(answer["host"]["swept"].as_u64().unwrap() > 0);
    assert_eq!(answer["host"]["working"], 0, "{answer:#}");
    assert_eq!(answer["host"]["unresolved"], 0, "{answer:#}");
    host.hear("HALTED: drill (by bea, data/KILL)");
    let (health, _) = host.until("swept", |health| open_orders(health) == 0);
    assert_eq!(health["status"], "warn");
    // It outlasts the host.
    host.stop();
    let mut next = place.start();
    let (health, _) = next.until("playing", |health| health["status"] == "warn");
    assert_eq!(health["checks"]["mode"][0]["trading"], "HALTED");
    let resumed = place
        .command(&["resume", "--reason", "drill over"])
        .output()
        .unwrap();
    assert_eq!(resumed.status.code(), Some(0));
    next.hear("resumed: drill over (by bea)");
    next.until("betting again", |health| {
        health["status"] == "pass" && open_orders(health) > 0
    });
}

#[test]
fn a_pause_leaves_what_rests_and_lets_nothing_new_out() {
    let place = Place::new(&[("fav", RESTS)]);
    let mut host = betting_host(&place);
    let paused = place.command(&["pause"]).output().unwrap();
    assert_eq!(paused.status.code(), Some(0));
    let (at_pause, _) = host.until("paused", |health| {
        health["checks"]["mode"][0]["trading"] == "PAUSED"
    });
    let updates = |health: &Value| health["checks"]["feed"][0]["updates"].as_u64().unwrap();
    let played = updates(&at_pause);
    let (later, _) = host.until("playing on", |health| updates(health) > played + 5);
    assert!(open_orders(&later) > 0);
    assert_eq!(
        strategy(&later, "fav")["bets"],
        strategy(&at_pause, "fav")["bets"]
    );
}

#[test]
fn a_signal_and_a_request_halt_it_as_well() {
    for trigger in ["signal", "http"] {
        let place = Place::new(&[("fav", RESTS)]);
        let mut host = betting_host(&place);
        match trigger {
            "signal" => host.signal("-USR1"),
            _ => {
                let body = r#"{"reason":"drill"}"#;
                let answer = host.ask(&format!(
                    "POST /api/v1/kill HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                     X-Requested-With: test\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                ));
                assert_eq!(answer.code, 200, "{}", answer.body);
            }
        }
        host.until("halted", |health| {
            health["checks"]["mode"][0]["halted"] == true && open_orders(health) == 0
        });
        assert!(place.path("data/KILL").exists(), "it outlasts the host");
    }
}

#[test]
fn a_kill_file_that_was_there_before_the_start_lets_nothing_out() {
    let place = Place::new(&[("fav", &counting("A"))]);
    fs::write(place.path("KILL"), "").unwrap();
    let mut host = place.start_with(&[
        "--data",
        "long.jsonl",
        "--speed",
        "max",
        "--set",
        "kill.file=KILL",
    ]);
    assert_eq!(host.end(), 0);
    assert_eq!(place.bets().len(), 0);
}

#[test]
fn a_signal_ends_it_in_order_also_within_a_long_gap() {
    for signal in ["-TERM", "-INT"] {
        let place = Place::new(&[("fav", &counting("A"))]);
        // The second message is due in a hundred seconds.
        let mut host = place.start_with(&["--data", "long.jsonl", "--speed", "0.001"]);
        host.until("playing", |h| h["checks"]["feed"][0]["updates"] == 1);
        host.signal(signal);
        assert_eq!(host.end(), 0);
        let run = place.last_run();
        assert_eq!(run.outcome.as_deref(), Some("interrupted"));
        assert_eq!((run.kind.as_str(), run.bets), ("run", 1));
        assert!(run.ended_at.is_some() && run.trace_hash.is_some());
        assert_eq!(place.reader().audit().unwrap(), []);
    }
}

#[test]
fn a_script_that_keeps_failing_is_stopped_and_a_mended_one_starts_again() {
    let failing = "fn on_odds(market, ctx) {\n    market.no_such_thing\n}\n";
    let place = Place::new(&[("fav", failing), ("other", &counting("O"))]);
    let mut host = place.start();
    let (health, _) = host.until("quarantined", |health| {
        strategy(health, "fav")["standing"] == "quarantined"
    });
    assert_eq!(health["status"], "warn");
    let error = strategy(&health, "fav")["last_error"].to_string();
    assert!(error.contains("fav.rhai:2:"), "{error}");
    assert_eq!(strategy(&health, "other")["standing"], "running");
    fs::write(place.strategy("fav"), counting("A")).unwrap();
    host.until("well", |health| health["status"] == "pass");
    host.hear("\"A 1\"");
}

#[test]
fn a_ledger_that_cannot_be_written_ends_it() {
    let place = Place::new(&[("fav", &counting("A"))]);
    let mut host = place.start_with(&[
        "--data",
        "long.jsonl",
        "--speed",
        "1",
        "--set",
        "ledger.busy_timeout_seconds=1",
        "--set",
        "ledger.retry_attempts=1",
    ]);
    host.until("betting", |h| strategy(h, "fav")["bets"] == 1);
    let other = rusqlite::Connection::open(place.path("data/ledger.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    fs::write(place.strategy("fav"), counting("B")).unwrap();
    assert_eq!(host.end(), 1);
    let said = host.said().join("\n");
    assert!(said.contains("ledger.sqlite"), "{said}");
    other.execute_batch("ROLLBACK").unwrap();
    // Nothing is known to have been done that is not in it.
    assert_eq!(place.bets().len(), 1);
    assert_eq!(place.reader().audit().unwrap(), []);
}

#[test]
fn nobody_needs_to_read_what_it_says() {
    let place = Place::new(&[("fav", &counting("A"))]);
    let mut child = place
        .command(&["run", "--data", "long.jsonl", "--speed", "max"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(place.last_run().outcome.as_deref(), Some("completed"));
}

#[test]
fn it_starts_with_what_is_good_and_tells_of_the_rest() {
    let place = Place::new(&[("fav", &counting("A")), ("bad", BROKEN)]);
    let mut host = place.start();
    let (health, _) = host.until("betting", |h| strategy(h, "fav")["bets"] == 1);
    assert_eq!(health["status"], "warn");
    let bad = strategy(&health, "bad");
    assert_eq!(bad["standing"], "not_loaded");
    for field in ["output", "last_error"] {
        let words = bad[field].as_str().unwrap();
        assert!(
            words.starts_with("strategies/bad.rhai:2:13: "),
            "{field}: {words}"
        );
    }
    let said = host.said().join("\n");
    assert!(
        said.contains("bad not loaded: strategies/bad.rhai:2:13: "),
        "{said}"
    );
    fs::write(place.strategy("bad"), counting("B")).unwrap();
    host.hear("loaded bad ");
    host.until("well", |health| health["status"] == "pass");
    host.stop();
}

#[test]
fn it_does_not_start_with_nothing_good_nor_beside_another_host() {
    let place = Place::new(&[("bad", BROKEN)]);
    let (code, said) = place.run(&["run", "--data", "long.jsonl"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("strategies/bad.rhai:2:13: "), "{said}");
    fs::write(place.strategy("bad"), counting("A")).unwrap();

    let host: Host = place.start();
    let (code, said) = place.run(&["run", "--data", "long.jsonl"]);
    assert_eq!(code, Some(9), "{said}");
    let beside = ["run", "--data", "long.jsonl", "--ledger", "other.sqlite"];
    let (code, said) = place.run(&[&beside[..], &["--set", &taken(&host)]].concat());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("http.bind"), "{said}");
}

fn taken(host: &Host) -> String {
    format!("http.bind={}", host.address())
}

#[test]
fn at_full_speed_it_does_what_a_backtest_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let strategies = root.join("strategies");
    let strategies = strategies.to_str().unwrap();
    let recordings = root.join("examples/recordings/1.*");
    let recordings = recordings.to_str().unwrap();
    let place = Place::new(&[]);
    let report = |arguments: &[&str]| -> Value {
        let output = place.command(arguments).arg("--json").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let data = ["--data", recordings];
    let run = report(
        &[
            &["run", "--strategies", strategies],
            &data[..],
            &["--speed", "max"],
        ]
        .concat(),
    );
    let backtest = report(&[&["backtest", strategies], &data[..]].concat());
    let paced = report(
        &[
            &["run", "--strategies", strategies],
            &data[..],
            &["--speed", "20000"],
        ]
        .concat(),
    );
    assert_eq!(run["trace_hash"], backtest["trace_hash"]);
    assert_eq!(run["strategies"], backtest["strategies"]);
    assert_eq!(
        run["trace_hash"], paced["trace_hash"],
        "the pace changes nothing"
    );
    assert!(run["strategies"].to_string().contains("\"bets\":"));
    assert_eq!(
        place.last_run().trace_hash.as_deref(),
        run["trace_hash"].as_str()
    );
    assert_eq!(place.reader().audit().unwrap(), []);
}
