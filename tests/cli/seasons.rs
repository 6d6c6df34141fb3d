//! Season files, on the real binary: backtests of a league that never was, and what is told when.

use serde_json::Value;

use crate::bea::{Bench, EAGER, minor, project};

const SEASON: &str = "examples/seasons/X0-2425.csv";

fn both() -> String {
    project("examples/seasons")
}

fn strategy(name: &str) -> String {
    project(&format!("strategies/{name}.rhai"))
}

/// A bench with a strategy that backs the first runner of every market once, for a stake that never changes.
fn eager() -> Bench {
    let bench = Bench::new();
    bench.write("strategies/eager.rhai", EAGER);
    bench
}

#[test]
fn seasons_are_played_alike_on_one_thread_and_on_two() {
    let bench = Bench::new();
    for name in ["value_vs_sharp", "cross_book_arb", "dixon_coles"] {
        let run = |threads: u8| {
            let (script, data) = (strategy(name), both());
            bench.json(&format!(
                "backtest {script} --data {data} --threads {threads} --json"
            ))
        };
        let (one, two) = (run(1), run(2));
        assert_eq!(one["trace_hash"], two["trace_hash"], "{name}");
        assert_eq!(one["strategies"], two["strategies"], "{name}");
        assert_eq!(
            (&one["recordings"], &one["markets"]),
            (&2.into(), &792.into())
        );
        let found = &one["strategies"][0];
        assert!(found["bets"].as_u64().unwrap() > 0, "{name}");
        assert_eq!(
            found["statistics"]["clv"]["sources"]
                .as_object()
                .unwrap()
                .len(),
            1,
            "{name}"
        );
        assert_eq!(found["unsettled"], 0.0, "{name}");
        assert_eq!(one["warnings"], Value::Array(Vec::new()));
    }
}

#[test]
fn nothing_of_the_end_moves_a_bet() {
    let bench = eager();
    let text = std::fs::read_to_string(project(SEASON)).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    // Another result, and other closing odds, for every match.
    let changed: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(at, line)| {
            let cells = line
                .split(',')
                .zip(&header)
                .map(|(cell, column)| match *column {
                    _ if at == 0 => cell.to_owned(),
                    "FTHG" => "7".to_owned(),
                    "FTAG" => "1".to_owned(),
                    "FTR" => "H".to_owned(),
                    "B365CH" | "PSCH" | "BWCH" | "WHCH" => "3.33".to_owned(),
                    "B365CD" | "PSCD" | "BWCD" | "WHCD" => "3.1".to_owned(),
                    "B365CA" | "PSCA" | "BWCA" | "WHCA" => "2.9".to_owned(),
                    _ => cell.to_owned(),
                });
            cells.collect::<Vec<_>>().join(",")
        })
        .collect();
    bench.write("a.csv", &text);
    bench.write("b.csv", changed.join("\n"));
    let orders = |file: &str| -> Vec<Value> {
        let run = format!(
            "backtest eager --data {file} --orders {file}.jsonl --set risk.max_open_orders=500 --set risk.daily_loss_limit=100000 --set risk.max_drawdown_ratio=1.0"
        );
        bench.run(&run).succeeded();
        let lines = bench.read(&format!("{file}.jsonl"));
        lines
            .lines()
            .map(|line| {
                let mut order: Value = serde_json::from_str(line).unwrap();
                let order = order.as_object_mut().unwrap();
                order.remove("profit");
                order.remove("recording");
                Value::from(order.clone())
            })
            .collect()
    };
    let (a, b) = (orders("a.csv"), orders("b.csv"));
    assert!(a.len() > 300, "{}", a.len());
    assert_eq!(a, b);
}

#[test]
fn a_bank_lasts_a_season_and_each_file_has_its_own() {
    let bench = Bench::new();
    bench.write(
        "strategies/bank.rhai",
        "fn markets() { #{ type: \"MATCH_ODDS\", status: \"CLOSED\" } }\n\
         fn on_odds(market, ctx) { this.n = (this.get(\"n\") ?? 0) + 1; if this.n == 132 { ctx.log(`seen ${this.n}`); } }\n",
    );
    let outcome = bench
        .run(&format!("backtest bank --data {}", both()))
        .succeeded();
    assert_eq!(
        outcome.err.matches("seen 132").count(),
        2,
        "{}",
        outcome.err
    );
}

#[test]
fn a_bet_on_a_season_is_explained_and_reported_again() {
    let bench = eager();
    let data = project(SEASON);
    let run = |edge: &str| {
        let script = strategy("value_vs_sharp");
        format!(
            "backtest {script} --data {data} --ledger l.sqlite --param edge={edge} --html r.html --json"
        )
    };
    // What is kept follows from the data and the strategy alone: how long it took is no part of it.
    let run = |edge: &str| {
        let mut report = bench.json(&run(edge));
        for clock in ["elapsed_seconds", "updates_per_second"] {
            report.as_object_mut().unwrap().remove(clock).unwrap();
        }
        report
    };
    let first = run("0.01");
    assert_eq!(first["honesty"]["variants"], 1);
    assert_eq!(
        run("0.01")["honesty"]["variants"],
        1,
        "the same again is no other variant"
    );
    let third = run("0.02");
    assert_eq!(third["honesty"]["variants"], 2);
    assert_eq!(bench.json("report --ledger l.sqlite --json"), third);
    assert_eq!(bench.json("report 1 --ledger l.sqlite --json"), first);
    bench
        .run("report 9 --ledger l.sqlite")
        .ended_with(5)
        .saying(&["run 9 has no report"]);
    let page = bench.read("r.html");
    assert!(page.contains("<svg") && page.contains("Closing line value"));
    let text = bench
        .run("report 3 --ledger l.sqlite --html again.html")
        .succeeded()
        .out;
    assert!(text.contains("of 2 variants"), "{text}");
    assert_eq!(bench.read("again.html"), page);
    let why = bench.json("why --last --ledger l.sqlite --json");
    assert_eq!(why["verdict"], "APPROVED");
    let bets = bench.json("bets --ledger l.sqlite --json");
    assert!(bets["bets"][0]["book"].is_string(), "{bets}");
}

#[test]
fn quarter_lines_are_settled_by_the_score() {
    let bench = Bench::new();
    bench.write(
        "strategies/home.rhai",
        "fn markets() { #{ type: \"ASIAN_HANDICAP\" } }\n\
         fn on_odds(market, ctx) {\n\
         if ctx.all_orders.len() > 0 { return; }\n\
         back(market.active[0], market.active[0].best_back.price, 10.0)\n\
         }\n",
    );
    // The line, the score, and what 10.00 on the home side at 1.9 brings.
    let cases = [
        ("-0.75", (2, 0), 900),
        ("-0.75", (1, 0), 450),
        ("-0.75", (0, 0), -1_000),
        ("-0.25", (1, 1), -500),
        ("0", (1, 1), 0),
        ("0.25", (0, 0), 450),
        ("0.25", (0, 1), -1_000),
        ("-1", (3, 2), 0),
        ("1.5", (0, 1), 900),
    ];
    let mut text = String::from(
        "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,AHh,B365AHH,B365AHA,AHCh,PCAHH,PCAHA\n",
    );
    for (at, (line, (home, away), _)) in cases.iter().enumerate() {
        text += &format!(
            "X0,{:02}/08/2024,15:00,H{at},A{at},{home},{away},{line},1.9,2.0,2.25,1.95,1.95\n",
            at + 1
        );
    }
    bench.write("s.csv", text);
    bench
        .run("backtest home --data s.csv --orders o.jsonl")
        .succeeded();
    let profits: Vec<i64> = bench
        .read("o.jsonl")
        .lines()
        .map(|line| minor(&serde_json::from_str::<Value>(line).unwrap()["profit"]))
        .collect();
    assert_eq!(profits, cases.map(|(.., profit)| profit));
}

#[test]
fn the_host_does_with_a_season_what_the_backtest_does() {
    let bench = eager();
    let data = project(SEASON);
    let played = bench.json(&format!("backtest eager --data {data} --json"));
    let hosted = bench.json(&format!(
        "run --data {data} --speed max --json --set http.enabled=false"
    ));
    assert_eq!(played["trace_hash"], hosted["trace_hash"]);
    assert_eq!(played["strategies"], hosted["strategies"]);
}

#[test]
fn a_moment_of_a_season_is_a_fixture() {
    let bench = Bench::new();
    let fixture = |at: &str| {
        let mut command = bench.command("fixture");
        command.args([
            &project(SEASON),
            "--market",
            "x0-20240817-ashby-marrick:MATCH_ODDS",
            "--at",
            at,
            "--json",
        ]);
        crate::bea::Outcome::of(command).succeeded().document()
    };
    let early = fixture("1h before off");
    let quotes = &early["market"]["runners"][0]["quotes"];
    assert_eq!(quotes[0], serde_json::json!(["B365", 1.36]));
    assert_eq!(early["market"]["score"], Value::Null);
    let late = fixture("end");
    assert_eq!(late["market"]["score"], serde_json::json!([4, 3]));
    assert_eq!(late["market"]["status"], "CLOSED");
    bench.write("strategies/fixtures/early.json", early.to_string());
    bench.write(
        "strategies/cut.rhai",
        "fn on_odds(market, ctx) { }\n\
         fn test_it_is_the_moment(t) {\n\
         let market = t.fixture(\"early\");\n\
         t.eq([market.venue, market.competition, market.event_id], [\"bookmakers\", \"X0\", \"x0-20240817-ashby-marrick\"]);\n\
         t.eq(market.runners[0].quote(\"B365\").price, 1.36);\n\
         t.eq(market.runners[0].quote(\"nobody\"), ());\n\
         t.eq(market.runners[0].best_back.book, \"WH\");\n\
         t.ok(market.books.contains(\"Max\"), \"prices to look at are there\");\n\
         t.near(market.overround(\"PS\"), 1.0 / 1.42 + 1.0 / 6.1 + 1.0 / 6.4, 1e-9);\n\
         t.eq(market.overround(\"nobody\"), ());\n\
         t.near(market.implied(\"B365\")[0], 1.0 / 1.36, 1e-9);\n\
         let fair = market.fair(\"PS\");\n\
         t.near(fair[0] + fair[1] + fair[2], 1.0, 1e-9);\n\
         t.ok(fair[0] < 1.0 / 1.42 && market.fair(\"PS\", \"multiplicative\")[0] < fair[0], \"favourites keep more\");\n\
         }\n",
    );
    bench.run("test cut").succeeded();
}

#[test]
fn what_is_half_broken_is_a_warning_and_no_failure() {
    let bench = eager();
    let text = std::fs::read_to_string(project(SEASON)).unwrap();
    let broken = text.replacen("Ashby,Marrick,4,3,H", "Ashby,Marrick,4,3,A", 1);
    bench.write("s.csv", broken.replacen("17/08/2024", "yesterday", 1));
    let outcome = bench.run("backtest eager --data s.csv").succeeded();
    outcome.saying(&["warning: s.csv:2: Date is a day", "\"yesterday\" is not"]);
    let report = bench.json("backtest eager --data s.csv --json");
    assert_eq!(report["warnings"][0]["line"], 2);
    assert_eq!(report["problems"], Value::Array(Vec::new()));
}

#[test]
fn a_condition_ends_it_with_code_6() {
    let bench = Bench::new();
    let run = |condition: &str| {
        let script = strategy("value_vs_sharp");
        format!(
            "backtest {script} --data {} --fail-if {condition}",
            project(SEASON)
        )
    };
    bench.run(&run("bets<1")).succeeded();
    bench
        .run(&run("bets>0"))
        .ended_with(6)
        .saying(&["bets is", "code 6"]);
    bench
        .run(&run("statistics.nothing>0"))
        .ended_with(6)
        .saying(&["is not known"]);
    bench
        .run(&run("yeild_net<0"))
        .ended_with(2)
        .saying(&["no figure", "yield_net"]);
}

#[test]
fn a_sweep_says_how_lucky_its_best_is_and_a_walk_tries_it_elsewhere() {
    let bench = Bench::new();
    let search = |command: &str| {
        let script = strategy("value_vs_sharp");
        format!(
            "{command} {script} --data {} --grid edge=0.0,0.02 --grid kelly_fraction=0.1,0.2 --least-bets 5 --json",
            both()
        )
    };
    let sweep = bench.json(&search("sweep"));
    assert_eq!(sweep["variants"], 4);
    let best = &sweep["best"];
    let (alone, of_many) = (
        best["p"].as_f64().unwrap(),
        sweep["best_chance_of_luck"].as_f64().unwrap(),
    );
    assert!((of_many - (1.0 - (1.0 - alone).powi(4))).abs() < 1e-12);
    let low = |row: &Value| row["yield_net"]["low"].as_f64().unwrap();
    let rows = sweep["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| low(row) <= low(best)));
    let walk = bench.json(&search("walkforward"));
    assert_eq!(walk["steps"].as_array().unwrap().len(), 1);
    let step = &walk["steps"][0];
    assert!(step["tried_on"].as_str().unwrap().ends_with("X0-2526.csv"));
    assert_eq!(walk["profit_net"], step["result"]["profit_net"]);
    bench
        .run(&search("walkforward").replace("--json", "--train 2"))
        .ended_with(2)
        .saying(&["one more to try on"]);
}

#[test]
fn events_are_matched_and_what_is_not_sure_waits_for_a_word() {
    let bench = Bench::new();
    let text = std::fs::read_to_string(project(SEASON)).unwrap();
    bench.write(
        "b.csv",
        text.replace("Calder Vale", "C Vale")
            .replace("Kestrel Park", "Kestrel Park United"),
    );
    let matched = format!("events match {} --with b.csv --json", project(SEASON));
    let verdicts = |document: &Value| {
        let pairs = document["pairs"].as_array().unwrap().clone();
        let sure = pairs
            .iter()
            .filter(|pair| pair["verdict"] == "accepted")
            .count();
        (sure, pairs.len() - sure)
    };
    let first = bench.json(&matched);
    let (sure, waiting) = verdicts(&first);
    assert_eq!(waiting, 22, "all matches of one club");
    assert_eq!(sure, 110);
    let review = bench.json("events review --json");
    assert_eq!(review["waiting"].as_array().unwrap().len(), 22);
    let text = bench.run("events review").succeeded().out;
    assert!(
        text.contains("Calder Vale") && text.contains("not alike enough"),
        "{text}"
    );
    bench
        .run("events accept 99")
        .ended_with(2)
        .saying(&["nothing waits at place 99"]);
    bench.run("events accept 1").succeeded();
    assert_eq!(
        verdicts(&bench.json(&matched)),
        (132, 0),
        "one word was enough"
    );
    bench.write("data/events.json", "{ \"what\": 1 }");
    bench
        .run("events review")
        .ended_with(5)
        .saying(&["events.json"]);
}
