//! Configuration from outside: what is in force, and how a mistake is told.

use crate::bea::{Bench, EAGER, Outcome};

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("strategies/eager.rhai", EAGER);
    bench
}

#[test]
fn a_wrong_value_is_told_with_file_and_line() {
    let bench = bench();
    bench.write(
        "config/bea.toml",
        "mode = \"DRY_RUN\"\n\n[risk]\nmax_stake = \"lots\"\n",
    );
    for command in [
        "check",
        "config show",
        "backtest eager --data nowhere",
        "demo",
    ] {
        bench.run(command).ended_with(3).without_result().saying(&[
            "config/bea.toml:4",
            "risk.max_stake",
            "lots",
            "number",
        ]);
    }
}

#[test]
fn a_file_that_is_no_toml_is_told_with_line_and_column() {
    let bench = bench();
    bench.write("other.toml", "mode = \"DRY_RUN\"\n[risk\n");
    bench
        .run("check --config other.toml")
        .ended_with(3)
        .saying(&["other.toml:2:6", "TOML"]);
    let error = bench
        .run("check --config other.toml --json")
        .ended_with(3)
        .error();
    assert_eq!(error["path"], "other.toml");
    assert_eq!((&error["line"], &error["column"]), (&2.into(), &6.into()));
}

#[test]
fn an_unknown_setting_is_told_with_the_nearest_wherever_it_came_from() {
    let bench = bench();
    bench
        .run("check --set risk.max_stak=5")
        .ended_with(3)
        .saying(&[
            "command line",
            "risk.max_stak",
            "did you mean `risk.max_stake`",
        ]);
    let mut command = bench.command("check");
    command.env("BEA__RISK__MAX_STAK", "5");
    Outcome::of(command)
        .ended_with(3)
        .saying(&["BEA__RISK__MAX_STAK", "did you mean"]);
}

#[test]
fn live_is_refused_for_safety_with_what_is_missing() {
    let bench = bench();
    bench.write("config/bea.toml", "mode = \"LIVE\"\n");
    bench
        .run("run --set http.enabled=false")
        .ended_with(8)
        .without_result()
        .saying(&[
            "LIVE is refused",
            "armed",
            "bea arm --for",
            "credentials",
            "run.feed",
        ]);
    bench.run("demo").ended_with(0);
}

#[test]
fn each_setting_is_shown_with_where_it_came_from() {
    let bench = bench();
    bench.write("config/bea.toml", "[risk]\nmax_stake = 7.0\n");
    let mut command = bench.command("config show --json --set risk.min_stake=2");
    command.env("BEA__ACCOUNT__BANKROLL", "500");
    let document = Outcome::of(command).succeeded().document();
    assert_eq!(document["schema"], "bea.config/1");
    let setting = |key: &str| {
        let all = document["settings"].as_array().unwrap();
        all.iter().find(|line| line["key"] == key).unwrap().clone()
    };
    assert_eq!(setting("mode")["value"], "DRY_RUN");
    assert_eq!(setting("mode")["origin"], "default");
    assert_eq!(setting("risk.max_stake")["origin"], "config/bea.toml:2");
    assert_eq!(setting("risk.min_stake")["origin"], "command line");
    assert_eq!(
        setting("account.bankroll")["origin"],
        "environment BEA__ACCOUNT__BANKROLL"
    );
    assert_eq!(setting("account.bankroll")["value"], 500.0);
    let text = bench.run("config show").succeeded().out;
    assert!(
        text.contains("risk.max_stake") && text.contains("config/bea.toml:2"),
        "{text}"
    );
}
