//! Help: every command says what it is for and shows how it is used.

use crate::bea::Bench;

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let (_, list) = help.split_once("Commands:\n").expect("a list of commands");
    list.lines()
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_has_a_help_with_an_example() {
    let bench = Bench::new();
    let names = commands(&bench.run("--help").succeeded().out);
    for known in [
        "demo", "backtest", "check", "test", "new", "generate", "bets", "pnl", "config",
    ] {
        assert!(
            names.iter().any(|name| name == known),
            "{known} is not in {names:?}"
        );
    }
    for name in names {
        let help = bench.run(&format!("{name} --help")).succeeded().out;
        let (_, examples) = help
            .split_once("Example")
            .unwrap_or_else(|| panic!("no example:\n{help}"));
        assert!(
            examples.contains(&format!("\n  bea {name}")),
            "the example of {name}:\n{help}"
        );
    }
}

#[test]
fn the_first_help_tells_the_exit_codes_and_where_to_start() {
    let help = Bench::new().run("--help").succeeded().out;
    for word in ["bea demo", "Exit codes", "5 data", "8 safety refusal"] {
        assert!(help.contains(word), "no {word:?}:\n{help}");
    }
    let widest = help.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "a line of {widest} columns");
}

#[test]
fn a_mistyped_command_is_a_usage_error_with_the_nearest() {
    let bench = Bench::new();
    bench
        .run("demoo")
        .ended_with(2)
        .without_result()
        .saying(&["demoo", "'demo'"]);
    bench
        .run("backtest")
        .ended_with(2)
        .without_result()
        .saying(&["--data", "Usage: bea backtest"]);
    bench
        .run("")
        .ended_with(2)
        .without_result()
        .saying(&["Usage: bea"]);
}
