//! `bea backtest`: the same result each time, damaged data beside good data, and orders one by one.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::bea::{Bench, EAGER, minor, project, real};

const STRATEGIES: [&str; 3] = ["value_back", "drift_layer", "queue_joiner"];

fn all_strategies() -> String {
    STRATEGIES
        .map(|name| project(&format!("strategies/{name}.rhai")))
        .join(" ")
}

fn bundled() -> String {
    project("examples/recordings")
}

/// A bundled recording, its bytes.
fn recording() -> Vec<u8> {
    std::fs::read(project("examples/recordings/1.900000010")).unwrap()
}

fn with_eager() -> Bench {
    let bench = Bench::new();
    bench.write("strategies/eager.rhai", EAGER);
    bench
}

/// What a report says of its only strategy.
fn only(report: &Value) -> &Value {
    assert_eq!(report["strategies"].as_array().unwrap().len(), 1);
    &report["strategies"][0]
}

#[test]
fn two_runs_do_the_same() {
    let bench = Bench::new();
    let run = format!("backtest {} --data {} --json", all_strategies(), bundled());
    let (first, second) = (bench.json(&run), bench.json(&run));
    assert_eq!(first["trace_hash"], second["trace_hash"]);
    assert_eq!(first["strategies"], second["strategies"]);
    assert_eq!(first["recordings"], 5);
}

#[test]
fn the_host_does_what_the_backtest_does() {
    let bench = with_eager();
    let data = bundled();
    let played = bench.json(&format!("backtest eager --data {data} --json"));
    let hosted = bench.json(&format!(
        "run --data {data} --speed max --json --set http.enabled=false"
    ));
    assert_eq!(played["trace_hash"], hosted["trace_hash"]);
    assert_eq!(played["strategies"], hosted["strategies"]);
}

#[test]
fn real_recordings_are_played_and_do_the_same_each_time() {
    for (name, markets, least_updates) in [
        ("1.181223995.bz2", 1, 20_000),
        ("1.197931750", 1, 100),
        ("1.166564490.bz2", 1, 1_000),
        ("BASIC-1.132153978.gz", 1, 10),
    ] {
        let Some(path) = real(name) else { return };
        let bench = with_eager();
        let run = format!("backtest {} eager --data {path} --json", all_strategies());
        let (first, second) = (bench.json(&run), bench.json(&run));
        assert_eq!(first["trace_hash"], second["trace_hash"], "{name}");
        assert_eq!(first["markets"], markets, "{name}");
        assert!(
            first["updates"].as_u64().unwrap() >= least_updates,
            "{name}: {}",
            first["updates"]
        );
    }
}

#[test]
fn a_real_race_is_bet_on_and_settled() {
    let Some(path) = real("1.197931750") else {
        return;
    };
    let report = with_eager().json(&format!("backtest eager --data {path} --json"));
    let eager = only(&report);
    assert_eq!(eager["bets"], 1);
    assert_eq!(minor(&eager["turnover"]), 200);
    assert_ne!(
        minor(&eager["profit_gross"]),
        0,
        "it won or it lost: {eager}"
    );
}

#[test]
fn orders_are_written_one_by_one_and_sum_to_the_report() {
    let bench = Bench::new();
    let report = bench.json(&format!(
        "backtest {} --data {} --orders orders.jsonl --json",
        all_strategies(),
        bundled()
    ));
    let text = bench.read("orders.jsonl");
    let orders: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for order in &orders {
        for field in [
            "strategy",
            "market_id",
            "selection_id",
            "side",
            "type",
            "price",
            "size",
            "liability",
            "placed_at_ms",
            "size_matched",
            "average_price",
            "status",
            "profit",
        ] {
            assert!(order.get(field).is_some(), "no {field} in {order}");
        }
    }
    for strategy in report["strategies"].as_array().unwrap() {
        let mine = || {
            orders
                .iter()
                .filter(|order| order["strategy"] == strategy["name"])
        };
        let sum = |field: &str| -> i64 {
            mine()
                .filter(|order| !order[field].is_null())
                .map(|order| minor(&order[field]))
                .sum()
        };
        assert_eq!(mine().count() as u64, strategy["bets"].as_u64().unwrap());
        assert_eq!(sum("size_matched"), minor(&strategy["turnover"]));
        assert_eq!(sum("profit"), minor(&strategy["profit_gross"]));
    }
}

#[test]
fn a_parameter_changes_the_hash_and_what_is_done() {
    let bench = with_eager();
    let run = format!("backtest eager --data {} --json", bundled());
    let plain = bench.json(&run);
    let changed = bench.json(&format!("{run} --param stake=4"));
    assert_ne!(only(&plain)["hash"], only(&changed)["hash"]);
    assert_eq!(only(&plain)["bets"], only(&changed)["bets"]);
    assert_eq!(
        2 * minor(&only(&plain)["turnover"]),
        minor(&only(&changed)["turnover"])
    );
    assert_ne!(plain["trace_hash"], changed["trace_hash"]);
}

#[test]
fn what_the_risk_gate_refuses_is_counted_by_reason() {
    let bench = with_eager();
    let run = format!(
        "backtest eager --data {} --param stake=4000 --json",
        bundled()
    );
    let report = bench.json(&run);
    assert_eq!(only(&report)["bets"], 0);
    assert!(
        only(&report)["rejections"]["STAKE_TOO_LARGE"]
            .as_u64()
            .unwrap()
            > 0,
        "{report}"
    );
}

#[test]
fn a_parameter_that_is_not_there_is_refused_with_the_nearest() {
    with_eager()
        .run(&format!(
            "backtest eager --data {} --param stke=4",
            bundled()
        ))
        .ended_with(4)
        .without_result()
        .saying(&["eager.rhai:1:4", "stke", "did you mean \"stake\"?"]);
}

#[test]
fn a_missing_recording_is_an_error_of_data() {
    let missing = with_eager()
        .run("backtest eager --data nowhere/1.1")
        .ended_with(5);
    missing
        .without_result()
        .saying(&["nowhere/1.1", "no such file"]);
    let pattern = with_eager()
        .run("backtest eager --data nowhere/*.bz2")
        .ended_with(5);
    pattern
        .without_result()
        .saying(&["nowhere/*.bz2", "no file matches"]);
}

#[test]
fn damaged_data_leaves_the_good_file_its_result_and_is_told_with_place_and_cause() {
    let bench = with_eager();
    let good = recording();
    bench.write("good", &good);
    let mut bad: Vec<&[u8]> = good.split(|byte| *byte == b'\n').collect();
    bad.insert(2, b"what is this?");
    bench.write("bad", bad.join(&b'\n'));
    bench
        .run("generate --out long --updates 5000 --json")
        .succeeded();
    let long = std::fs::read_dir(bench.path("long"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    bench.write("cut.bz2", cut_short(&std::fs::read(long.path()).unwrap()));

    let alone = bench.json("backtest eager --data good --json");
    let outcome = bench
        .run("backtest eager --data good bad cut.bz2 --json")
        .ended_with(5);
    let report = outcome.document();
    assert_eq!(report["markets"], 3);
    assert!(report["updates"].as_u64() > alone["updates"].as_u64());
    let problems = report["problems"].as_array().unwrap();
    let of = |file: &str| {
        let found = problems
            .iter()
            .find(|p| p["path"].as_str().unwrap().ends_with(file));
        found.unwrap_or_else(|| panic!("nothing is said of {file}: {problems:?}"))
    };
    assert!(
        problems
            .iter()
            .all(|p| !p["path"].as_str().unwrap().ends_with("good")),
        "{problems:?}"
    );
    assert_eq!(of("bad")["line"], 3);
    assert!(of("bad")["message"].as_str().unwrap().contains("bad:3:"));
    assert!(
        of("cut.bz2")["message"]
            .as_str()
            .unwrap()
            .contains("cut.bz2")
    );

    // The person at the terminal reads the same, after the report.
    let told = bench
        .run("backtest eager --data good bad cut.bz2")
        .ended_with(5);
    assert!(told.out.contains("3 markets"), "{}", told.out);
    told.saying(&["error: ", "bad:3:", "cut.bz2"]);
}

/// Compressed, and cut off as an interrupted download would be.
fn cut_short(bytes: &[u8]) -> Vec<u8> {
    let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(1));
    packer.write_all(bytes).unwrap();
    let mut packed = packer.finish().unwrap();
    packed.truncate(packed.len() * 3 / 4);
    packed
}

#[test]
fn another_recorders_own_format_is_named_with_file_line_and_cause() {
    let Some(bad) = real("badly_formatted.txt") else {
        return;
    };
    let bench = with_eager();
    bench.write("good", recording());
    let outcome = bench
        .run(&format!("backtest eager --data {bad} good"))
        .ended_with(5);
    assert!(outcome.out.contains("1 market "), "{}", outcome.out);
    outcome.saying(&["badly_formatted.txt:1:", "no market found", "Python"]);
}

#[test]
fn with_json_damaged_data_also_leaves_an_error_document() {
    let bench = with_eager();
    bench.write("bad", "{\"op\":\"mcm\",");
    let outcome = bench.run("backtest eager --data bad --json").ended_with(5);
    let error = outcome.error();
    assert_eq!((&error["code"], &error["line"]), (&5.into(), &1.into()));
    assert_eq!(outcome.document()["markets"], 0);
}

#[test]
fn a_strategy_that_keeps_failing_is_told_once_with_its_place() {
    let bench = Bench::new();
    bench.write(
        "strategies/wrong.rhai",
        "fn on_odds(market, ctx) {\n    market.runers;\n}\n",
    );
    let run = format!("backtest wrong --data {}", bundled());
    let outcome = bench.run(&run).ended_with(4);
    assert_eq!(
        outcome.out.matches("wrong.rhai:2:12").count(),
        1,
        "{}",
        outcome.out
    );
    assert!(
        outcome.out.contains("did you mean \"runners\"?"),
        "{}",
        outcome.out
    );
}

#[test]
fn two_files_of_one_name_are_refused() {
    let bench = Bench::new();
    bench.write("a/eager.rhai", EAGER);
    bench.write("b/eager.rhai", EAGER);
    bench
        .run(&format!(
            "backtest a/eager.rhai b/eager.rhai --data {}",
            bundled()
        ))
        .ended_with(2)
        .without_result()
        .saying(&["a/eager.rhai", "b/eager.rhai", "hint: "]);
}

#[test]
fn a_reader_that_stops_reading_is_no_reason_to_panic() {
    let bench = Bench::new();
    for arguments in ["demo", "demo --json", "config show", "--help"] {
        let mut command = bench.command(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{arguments}: {said}");
        assert!(!said.contains("panicked"), "{arguments}: {said}");
    }
}

#[test]
fn a_closed_stderr_does_not_change_the_exit_code() {
    let bench = with_eager();
    let mut child = bench
        .command("backtest eager --data nowhere")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(5));
}
