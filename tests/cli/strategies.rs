//! `bea new`, `bea check`, `bea test`: from the first line of a strategy to its tests.

use crate::bea::{Bench, project};

const BROKEN: &str = "fn on_odds(market, ctx) {\n    let x = ;\n}\n";

#[test]
fn a_new_strategy_checks_passes_its_own_test_and_can_be_run() {
    let bench = Bench::new();
    let written = bench.run("new my_first").succeeded();
    assert!(
        written.out.contains("strategies/my_first.rhai"),
        "{}",
        written.out
    );
    assert!(
        bench
            .run("check my_first")
            .succeeded()
            .out
            .contains("my_first: ok")
    );
    let tests = bench.json("test my_first --json");
    assert_eq!(tests["schema"], "bea.test/1");
    assert_eq!(tests["failed"], 0);
    assert!(tests["passed"].as_u64().unwrap() > 0);
    let data = project("examples/recordings");
    let report = bench.json(&format!("backtest my_first --data {data} --json"));
    assert!(
        report["strategies"][0]["bets"].as_u64().unwrap() > 0,
        "{report}"
    );
}

#[test]
fn what_it_says_comes_next_works() {
    let bench = Bench::new();
    let written = bench.run("new my_first").succeeded().out;
    let commands: Vec<&str> = written
        .lines()
        .filter_map(|line| Some(line.split_once("bea ")?.1))
        .collect();
    assert!(commands.len() >= 2, "{written}");
    for command in commands {
        bench.run(command).succeeded();
    }
}

#[test]
fn a_strategy_that_is_there_is_not_overwritten() {
    let bench = Bench::new();
    bench.write("strategies/mine.rhai", "// precious");
    bench
        .run("new mine")
        .ended_with(2)
        .without_result()
        .saying(&["strategies/mine.rhai", "nothing was changed"]);
    assert_eq!(bench.read("strategies/mine.rhai"), "// precious");
}

#[test]
fn a_name_that_is_no_name_is_refused() {
    let bench = Bench::new();
    for name in [
        "Mine",
        "../mine",
        "my-first",
        "1st",
        "my.rhai",
        &"x".repeat(65),
    ] {
        bench
            .run(&format!("new {name}"))
            .ended_with(2)
            .without_result()
            .saying(&[name, "hint: "]);
    }
    assert!(!bench.path("strategies").exists());
}

#[test]
fn a_syntax_error_is_shown_with_file_line_column_and_caret() {
    let bench = Bench::new();
    bench.write("strategies/broken.rhai", BROKEN);
    let caret = "  2 |     let x = ;\n    |             ^";
    let data = project("examples/recordings");
    let run = format!("backtest broken --data {data}");
    bench.run(&run).ended_with(4).without_result().saying(&[
        "broken.rhai:2:13",
        "syntax error",
        caret,
    ]);
    let check = bench.run("check").ended_with(4);
    assert!(
        check.out.contains("broken.rhai:2:13") && check.out.contains(caret),
        "{}",
        check.out
    );

    let error = bench.run(&format!("{run} --json")).ended_with(4).error();
    assert_eq!(error["code"], 4);
    assert!(error["path"].as_str().unwrap().ends_with("broken.rhai"));
    assert_eq!((&error["line"], &error["column"]), (&2.into(), &13.into()));
}

#[test]
fn one_broken_strategy_leaves_the_others_their_tests() {
    let bench = Bench::new();
    bench.write("strategies/broken.rhai", BROKEN);
    bench.run("new mine").succeeded();
    let tests = bench.run("test --json").ended_with(4).document();
    assert_eq!(tests["failed"], 1);
    assert!(tests["passed"].as_u64().unwrap() > 0, "{tests}");
}

#[test]
fn a_failing_test_is_shown_with_what_was_found_and_expected() {
    let bench = Bench::new();
    bench.write(
        "strategies/mine.rhai",
        "fn on_odds(market, ctx) { }\nfn test_sum(t) {\n    t.eq(1 + 1, 3);\n}\n",
    );
    let outcome = bench.run("test mine").ended_with(4);
    for part in [
        "test_sum",
        "FAILED",
        "mine.rhai:3:7",
        "expected 3, found 2",
        "0 passed, 1 failed",
    ] {
        assert!(outcome.out.contains(part), "no {part:?}:\n{}", outcome.out);
    }
}

#[test]
fn a_strategy_that_is_not_there_is_told_with_the_nearest() {
    let bench = Bench::new();
    bench.run("new my_first").succeeded();
    for command in [
        "check my_frst",
        "test my_frst",
        "backtest my_frst --data nowhere",
    ] {
        bench
            .run(command)
            .ended_with(4)
            .without_result()
            .saying(&["my_frst", "did you mean \"my_first\"?"]);
    }
}

#[test]
fn the_examples_of_the_project_have_nothing_to_find() {
    let bench = Bench::new();
    for folder in ["strategies", "tests/reference"] {
        bench
            .run(&format!("check --strict {}", project(folder)))
            .succeeded();
    }
    bench.run("new mine").succeeded();
    bench.run("check --strict mine").succeeded();
}

#[test]
fn the_examples_of_the_project_pass() {
    let bench = Bench::new();
    let folder = project("strategies");
    assert!(
        bench
            .run(&format!("check {folder}"))
            .succeeded()
            .out
            .contains("value_back: ok")
    );
    assert!(
        bench
            .run(&format!("test {folder}"))
            .succeeded()
            .out
            .contains(" 0 failed")
    );
}

/// A script whose test says with which parameter it runs.
const STAKING: &str = "fn params() { #{ stake: #{ default: 2.0, min: 1.0, max: 50.0 } } }
fn on_odds(market, ctx) { back(market.active[0], 3.0, ctx.params.stake) }
fn test_stake(t) { t.eq(t.odds(t.market(#{ runners: [#{ id: 7 }] })), [back(7, 3.0, 2.0)]); }
";

#[test]
fn a_strategy_of_the_configuration_is_checked_and_tested_with_its_own_parameters() {
    let bench = Bench::new();
    bench.write("strategies/fav.rhai", STAKING);
    bench.write(
        "config/bea.toml",
        "[strategies.careful]\nscript = \"fav.rhai\"\nparams = { stake = 3.0 }\n",
    );
    let checked = bench.json("check careful --json");
    let careful = &checked["strategies"][0];
    assert_eq!(careful["name"], "careful");
    let stake = careful["params"][0]["value"].as_str().unwrap();
    assert!(stake.starts_with('3'), "{stake}");
    assert_eq!(bench.json("test fav --json")["failed"], 0);
    let tested = bench.run("test careful --json").ended_with(4).document();
    assert_eq!(tested["tests"][0]["strategy"], "careful");
    let said = tested["tests"][0]["error"].as_str().unwrap();
    let found = "expected [back(7, 3.0, 2.0)], found [back(7, 3.0, 3.0)]";
    assert!(said.contains(found), "{said}");
    bench
        .run("test carefull")
        .ended_with(4)
        .saying(&["carefull", "did you mean \"careful\"?"]);
}

#[test]
fn a_parameter_of_the_configuration_that_does_not_fit_is_found_by_check() {
    let bench = Bench::new();
    bench.write("strategies/fav.rhai", STAKING);
    bench.write(
        "config/bea.toml",
        "[strategies.careful]\nscript = \"fav.rhai\"\nparams = { stake = 90.0 }\n",
    );
    let outcome = bench.run("check careful").ended_with(4);
    for part in ["careful: FAILED", "\"stake\" is from 1 to 50: 90.0 is not"] {
        assert!(outcome.out.contains(part), "no {part:?}:\n{}", outcome.out);
    }
}
