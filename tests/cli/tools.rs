//! The quant's tools: `bea check`, `bea test --bless` and `--watch`, `bea fixture`, `bea definitions`.

use crate::bea::{Bench, project};

const CLEAN: &str = "fn on_odds(market, ctx) { back(market.active[0], 3.0, 2.0) }\n";
const WARNS: &str = "fn on_odds(market, ctx) {\n    let x = 1;\n}\n";
const WRONG: &str = "fn on_odds(market, ctx) {\n    market.runers\n}\n";

#[test]
fn a_finding_has_a_code_a_place_and_a_hint_for_people_and_programs() {
    let bench = Bench::new();
    bench.write("strategies/wrong.rhai", WRONG);
    let text = bench.run("check wrong").ended_with(4).out;
    let expected = "\
wrong: FAILED
strategies/wrong.rhai:2:12: error[unknown-property]: a Market has no property \"runers\"
  2 |     market.runers
    |            ^
did you mean \"runners\"?
1 error, 0 warnings";
    assert!(text.contains(expected), "{text}");
    let document = bench.run("check wrong --json").ended_with(4).document();
    let finding = &document["strategies"][0]["findings"][0];
    assert_eq!(finding["code"], "unknown-property");
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["path"], "strategies/wrong.rhai");
    assert_eq!(
        (&finding["line"], &finding["column"]),
        (&2.into(), &12.into())
    );
    assert_eq!(finding["source"], "    market.runers");
    assert_eq!(finding["hint"], "did you mean \"runners\"?");
    assert_eq!(
        (&document["errors"], &document["warnings"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn a_warning_fails_only_if_strict_and_a_comment_silences_it() {
    let bench = Bench::new();
    bench.write("strategies/warns.rhai", WARNS);
    let shown = bench.run("check").succeeded().out;
    assert!(
        shown.contains("warning[unused-variable]") && shown.contains("warns: ok"),
        "{shown}"
    );
    bench.run("check --strict").ended_with(4);
    let allowed = WARNS.replace("let x", "// check: allow unused-variable\n    let x");
    bench.write("strategies/warns.rhai", allowed);
    let shown = bench.run("check --strict").succeeded().out;
    assert!(!shown.contains("warning"), "{shown}");
}

#[test]
fn a_snapshot_is_new_then_accepted_then_kept() {
    let bench = Bench::new();
    let test =
        "fn test_it(t) { t.snapshot(\"bets\", t.odds(t.market(#{ runners: [#{ id: 7 }] }))); }\n";
    bench.write("strategies/mine.rhai", format!("{CLEAN}{test}"));
    let shown = bench.run("test mine").ended_with(4).out;
    assert!(
        shown.contains("is new") && shown.contains("bea test --bless"),
        "{shown}"
    );
    let kept = "strategies/snapshots/mine/bets.json";
    assert!(!bench.path(kept).exists(), "nothing is accepted unasked");
    let blessed = bench.json("test mine --bless --json");
    assert_eq!(blessed["blessed"][0], kept);
    assert!(
        bench.read(kept).contains("\"runner\": \"7\""),
        "{}",
        bench.read(kept)
    );
    bench.run("test mine").succeeded();
    let other = CLEAN.replace("2.0", "5.0");
    bench.write("strategies/mine.rhai", format!("{other}{test}"));
    let shown = bench.run("test mine").ended_with(4).out;
    assert!(
        shown.contains("-     \"stake\": 2.0,") && shown.contains("+     \"stake\": 5.0,"),
        "{shown}"
    );
    bench.run("test mine --bless").succeeded();
    assert!(bench.read(kept).contains("\"stake\": 5.0"));
}

#[test]
fn a_moment_of_a_recording_becomes_a_test() {
    let bench = Bench::new();
    let recording = project("examples/recordings/1.900000010");
    let written = bench.json(&format!(
        "fixture {recording} --out strategies/fixtures/late.json --json"
    ));
    let seconds = written["seconds_to_start"].as_f64().unwrap();
    assert!((10.0..120.0).contains(&seconds), "{written}");
    assert_eq!(written["path"], "strategies/fixtures/late.json");
    bench.write(
        "strategies/mine.rhai",
        format!(
            "fn on_odds(market, ctx) {{ }}\nfn test_it(t) {{
                let market = t.fixture(\"late\");
                t.near(market.seconds_to_start, {seconds:?}, 0.0001);
                t.ok(market.active.len() > 1 && market.active[0].best_back != ());
                t.ok(t.fixture(\"late\", #{{ in_play: true }}).in_play);
                t.near(t.later(market, 5).seconds_to_start, {seconds:?} - 5.0, 0.0001);
            }}\n"
        ),
    );
    bench.run("test mine").succeeded();
    let printed = bench.json(&format!("fixture {recording}"));
    assert_eq!(printed["schema"], "bea.fixture/1");
    assert_eq!(
        bench.json(&format!("fixture {recording} --at end"))["market"]["status"],
        "CLOSED"
    );
}

#[test]
fn a_moment_that_is_not_there_is_told_with_what_is() {
    let bench = Bench::new();
    let recording = project("examples/recordings/1.900000010");
    bench
        .run(&format!("fixture {recording} --market 1.1"))
        .ended_with(5)
        .without_result()
        .saying(&["there is no market 1.1", "it has: "]);
    bench
        .run(&format!("fixture {recording} --at 1999-01-01T00:00:00Z"))
        .ended_with(5)
        .saying(&[
            "1999-01-01T00:00:00.000Z is not in it",
            "is recorded from",
            "its off is",
        ]);
    bench
        .run(&format!("fixture {recording} --at soon"))
        .ended_with(2)
        .saying(&["10s before off"]);
}

#[test]
fn definitions_are_written_where_editors_find_them() {
    let bench = Bench::new();
    bench.run("definitions").succeeded();
    let text = bench.read("strategies/.definitions/bea.d.rhai");
    assert!(
        text.contains("fn get best_back(this: Runner) -> Quote;"),
        "{text}"
    );
    let document = bench.json("definitions --out editor --json");
    assert_eq!(document["files"][0], "editor/bea.d.rhai");
    assert_eq!(bench.read("editor/bea.d.rhai"), text);
    bench.write("strategies/mine.rhai", CLEAN);
    bench.run("check").succeeded();
}

#[cfg(unix)]
mod watching {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::{Bench, CLEAN};

    /// Waits for a line; a minute without any is a failure.
    fn wait_for(lines: &Receiver<String>, part: &str) {
        loop {
            let line = lines.recv_timeout(Duration::from_secs(60));
            let line = line.unwrap_or_else(|_| panic!("no line with {part:?}"));
            if line.contains(part) {
                return;
            }
        }
    }

    #[test]
    fn tests_run_again_at_every_save_until_ctrl_c() {
        let bench = Bench::new();
        let test = |expected: u8| format!("{CLEAN}fn test_it(t) {{ t.eq(1, {expected}); }}\n");
        bench.write("strategies/mine.rhai", test(1));
        let mut child = bench
            .command("test mine --watch")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            out.lines()
                .map_while(Result::ok)
                .for_each(|line| drop(said.send(line)));
        });
        wait_for(&lines, "1 passed, 0 failed");
        bench.write("strategies/mine.rhai", test(2));
        wait_for(&lines, "expected 2, found 1");
        wait_for(&lines, "0 passed, 1 failed");
        bench.write("strategies/mine.rhai", test(1));
        wait_for(&lines, "1 passed, 0 failed");
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(child.wait().unwrap().code(), Some(0));
        reader.join().unwrap();
    }
}
