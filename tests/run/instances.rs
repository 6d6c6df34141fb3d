//! Several strategies from one script.

use crate::host::Place;

/// Backs runner 7 once, with the stake it is given.
const STAKING: &str = "fn params() { #{ stake: #{ default: 2.0, min: 1.0, max: 50.0 } } }
fn on_odds(market, ctx) {
    if this.get(\"done\") == true { return []; }
    this.done = true;
    back(market.runner(7), 3.0, ctx.params.stake)
}
";

const TWO: &str = "[strategies.careful]
script = \"fav.rhai\"
bankroll = 60
params = { stake = 3.0 }

[strategies.bold]
script = \"fav\"
params.stake = 20.0
risk = { max_stake = 10, max_liability = 5000 }

[params.bold]
stake = 30.0
";

fn place(settings: &str) -> Place {
    let place = Place::new(&[("fav", STAKING)]);
    place.write("config/bea.toml", settings);
    place
}

const RUN: [&str; 6] = [
    "run",
    "--data",
    "long.jsonl",
    "--speed",
    "max",
    "--fresh-state",
];

#[test]
fn each_has_its_own_parameters_bank_and_limits_in_run_and_backtest_alike() {
    let place = place(TWO);
    let (code, said) = place.run(&RUN);
    assert_eq!(code, Some(0), "{said}");
    for words in ["strategy: bold ", "strategy: careful ", "(fav.rhai)"] {
        assert!(said.contains(words), "{words} is missing: {said}");
    }
    let idle = "strategies.bold.risk.max_liability changes nothing: [risk] is tighter";
    assert!(said.contains(idle), "{said}");
    let run = place.json(&RUN);
    let [bold, careful] = [0, 1].map(|at| run["strategies"][at].clone());
    assert_eq!(
        (&bold["name"], &careful["name"]),
        (&"bold".into(), &"careful".into())
    );
    assert_eq!((&bold["bets"], &careful["bets"]), (&0.into(), &1.into()));
    // 20 is over its own limit of 10, though not over the 100 of all; 3 is 5 % of 60.
    assert_eq!(bold["rejections"]["STAKE_TOO_LARGE"], 1, "{bold}");
    assert_eq!(
        (&bold["bank"], &careful["bank"]),
        (&10_000.0.into(), &60.0.into())
    );
    assert_eq!(careful["turnover"], 3.0);

    let data = ["--data", "long.jsonl"];
    for named in [["bold", "careful"], ["careful", "bold"]] {
        let backtest = place.json(&[&["backtest"], &named[..], &data[..]].concat());
        assert_eq!(backtest["trace_hash"], run["trace_hash"], "{named:?}");
    }
    let folder = place.json(&[&["backtest", "strategies"], &data[..]].concat());
    assert_eq!(folder["trace_hash"], run["trace_hash"]);
    let plain = place.json(&[&["backtest", "fav"], &data[..]].concat());
    assert_eq!(plain["strategies"][0]["turnover"], 2.0);
    let set = ["--param", "bold.stake=5", "--param", "careful.stake=2"];
    let other = place.json(&[&["backtest", "bold", "careful"], &data[..], &set[..]].concat());
    let turnover = [0, 1].map(|at| other["strategies"][at]["turnover"].clone());
    assert_eq!(turnover, [5.0, 2.0].map(serde_json::Value::from));
}

#[test]
fn what_does_not_fit_is_an_error_of_the_configuration() {
    let refused = |settings: &str, words: &[&str]| {
        let place = place(settings);
        for command in [&RUN[..], &["backtest", "fav", "--data", "long.jsonl"]] {
            let (code, said) = place.run(command);
            assert_eq!(code, Some(3), "{said}");
            for words in words {
                assert!(said.contains(words), "{words} is missing: {said}");
            }
        }
    };
    refused(
        "[params.favv]\nstake = 2.0\n",
        &["config/bea.toml:2: ", "favv.rhai", "did you mean `fav`?"],
    );
    refused(
        "[params.fav]\nstkae = 2.0\n",
        &[
            "config/bea.toml:2: ",
            "strategies.fav.params.stkae",
            "stake",
        ],
    );
    refused(
        "[strategies.fav]\nparams = { stake = 90 }\n",
        &[
            "config/bea.toml:2: ",
            "strategies.fav.params.stake",
            "from 1 to 50",
        ],
    );
}

#[test]
fn one_that_is_switched_off_runs_only_if_it_is_named() {
    let place = place("[strategies.fav]\nenabled = false\n");
    let (code, said) = place.run(&RUN);
    assert_eq!(code, Some(4), "{said}");
    let named = place.json(&["backtest", "fav", "--data", "long.jsonl"]);
    assert_eq!(named["strategies"][0]["bets"], 1);
}
