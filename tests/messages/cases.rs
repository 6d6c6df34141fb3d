//! The mistakes people make.

use super::Case;

/// A strategy in the strategies folder, and a command.
fn script(name: &'static str, text: impl Into<String>, command: &'static str) -> Case {
    Case {
        name,
        files: vec![("strategies/mine.rhai", text.into())],
        command,
    }
}

/// A mistake in `on_odds` that its test comes upon.
fn run(name: &'static str, body: &str) -> Case {
    let text = format!(
        "fn on_odds(market, ctx) {{\n    {body}\n}}\n\nfn test_it(t) {{\n    t.odds(t.market(#{{ runners: [#{{ id: 7, name: \"Red\", back: 3.0 }}] }}));\n}}\n"
    );
    script(name, text, "test mine")
}

/// A bet that is none: its test shows what is said of it.
fn malformed(name: &'static str, bet: &str) -> Case {
    let text = format!(
        "fn on_odds(market, ctx) {{ {bet} }}\n\nfn test_it(t) {{\n    t.eq(t.odds(t.market(#{{ runners: [#{{ id: 7, back: 3.0 }}] }}))[0].wrong, ());\n}}\n"
    );
    script(name, text, "test mine")
}

/// A mistake in the callbacks around an empty `on_odds`.
fn around(name: &'static str, text: &str) -> Case {
    script(
        name,
        format!("{text}\nfn on_odds(market, ctx) {{ [] }}\n"),
        "check mine",
    )
}

/// A mistake in a test.
fn tested(name: &'static str, body: &str) -> Case {
    let text = format!(
        "fn params() {{ #{{ edge: 0.05 }} }}\nfn on_odds(market, ctx) {{ if ctx.params.edge > 1.0 {{ return; }} }}\nfn test_it(t) {{\n    {body}\n}}\n"
    );
    script(name, text, "test mine")
}

fn configured(name: &'static str, toml: &str, command: &'static str) -> Case {
    Case {
        name,
        files: vec![("config/bea.toml", toml.to_owned())],
        command,
    }
}

fn table(name: &'static str, csv: &str) -> Case {
    let text = "fn tables() { #{ ratings: \"ratings.csv\" } }\nfn on_odds(market, ctx) { if ctx.tables.ratings.get(\"Red\", \"elo\") == () { return; } }\n";
    Case {
        name,
        files: vec![
            ("strategies/mine.rhai", text.to_owned()),
            ("strategies/ratings.csv", csv.to_owned()),
        ],
        command: "check mine",
    }
}

fn plain(name: &'static str, command: &'static str) -> Case {
    Case {
        name,
        files: Vec::new(),
        command,
    }
}

/// All of them.
pub(super) fn all() -> Vec<Case> {
    let mut cases = compiling();
    cases.extend(habits());
    cases.extend(running());
    cases.extend(betting());
    cases.extend(setting_up());
    cases.extend(testing());
    cases.extend(outside());
    cases
}

fn compiling() -> Vec<Case> {
    let odds = |name, body: &str| {
        let text = format!("fn on_odds(market, ctx) {{\n    {body}\n}}\n");
        script(name, text, "check mine --strict")
    };
    vec![
        odds("an expression is missing", "let x = ;"),
        odds("a brace is missing", "if market.in_play { return;"),
        odds(
            "a variable is misspelt",
            "let stake = 2.0; back(market.active[0], 3.0, steak)",
        ),
        odds("a value is set that was not declared", "count = 1;"),
        odds("a function is misspelt", "bakc(market.active[0], 3.0, 2.0)"),
        odds(
            "a property is misspelt",
            "for runner in market.active {\n        if runner.best_bak == () { return; }\n    }",
        ),
        odds(
            "a method is read as a property",
            "market.active[0].back_depth",
        ),
        odds(
            "a property is called as a method",
            "market.seconds_to_start()",
        ),
        odds("an argument is missing", "back(market.active[0], 3.0)"),
        odds(
            "price and stake are in the wrong order",
            "let quote = market.active[0].best_back;\n    back(market.active[0], quote.size, quote.price)",
        ),
        odds("a market is no runner", "back(market, 3.0, 2.0)"),
        odds(
            "a status is misspelt",
            "if market.status == \"open\" { return; }",
        ),
        odds(
            "a bet is dropped",
            "for runner in market.active {\n        back(runner, 3.0, 2.0);\n    }",
        ),
        odds(
            "bets are collected and not returned",
            "let bets = [];\n    for runner in market.active { bets.push(back(runner, 3.0, 2.0)); }",
        ),
        odds("a callback returns a truth", "return false;"),
        odds(
            "a loop never ends",
            "loop { this.n = (this.get(\"n\") ?? 0) + 1; }",
        ),
        odds("a runner is kept", "this.best = market.active[0];"),
        odds(
            "what follows a return",
            "return [];\n    ctx.log(\"never\");",
        ),
        odds("a word that is disabled", "eval(\"1\")"),
        script(
            "a callback is misspelt",
            "fn on_odd(market, ctx) { [] }\n",
            "check mine",
        ),
        script(
            "a callback lacks a parameter",
            "fn on_odds(market) { [] }\n",
            "check mine",
        ),
        script(
            "there is no callback at all",
            "fn helper() { [] }\n",
            "check mine",
        ),
        script(
            "a constant is read without global",
            "const LEAST = 2.0;\nfn on_odds(market, ctx) { back(7, LEAST, 2.0) }\n",
            "check mine",
        ),
        script(
            "code stands outside functions",
            "let stake = 2.0;\nfn on_odds(market, ctx) { [] }\n",
            "check mine",
        ),
        around("an import that is not there", "import \"stats\" as stats;"),
        around(
            "an import that leads out",
            "import \"../secrets\" as secrets;",
        ),
        script(
            "what is declared and not used",
            "fn params() { #{ edge: 0.05 } }\nfn on_odds(market, ctx) { let x = 1; }\nfn helper() { }\n",
            "check mine --strict",
        ),
    ]
}

/// Slips of the first day, and habits from other languages.
fn habits() -> Vec<Case> {
    let odds = |name, body: &str| {
        let text = format!("fn on_odds(market, ctx) {{\n    {body}\n}}\n");
        script(name, text, "check mine --strict")
    };
    vec![
        around(
            "a function is not closed",
            "fn params() {\n    #{ edge: 0.05 }\n",
        ),
        odds(
            "a semicolon is missing",
            "let x = 1      // one\n    let y = 2;\n    ctx.log(x + y);",
        ),
        odds("a bracket is missing", "back(market.active[0], 3.0, 2.0"),
        odds("a quote is missing", "ctx.log(\"hello);"),
        odds("items without a comma", "let a = [1 2 3];\n    ctx.log(a);"),
        odds(
            "entries of a map with a semicolon",
            "let m = #{ a: 1; b: 2 };\n    ctx.log(m);",
        ),
        odds(
            "two bets with a comma",
            "return back(market.active[0], 3.0, 2.0), back(market.active[1], 3.0, 2.0);",
        ),
        odds("= for ==", "if market.status = \"OPEN\" { return; }"),
        odds("===", "if market.status === \"OPEN\" { return; }"),
        odds("null", "if market.active[0].best_back == null { return; }"),
        odds("None", "if market.active[0].best_back == None { return; }"),
        odds("and", "if market.in_play and market.bsp { return; }"),
        odds("not", "if not market.in_play { return; }"),
        odds(
            "elif",
            "if market.in_play { return; } elif market.bsp { return; }",
        ),
        odds("True", "if market.in_play == True { return; }"),
        odds(
            "a block with a colon",
            "for runner in market.active:\n        ctx.log(runner.name)",
        ),
        odds(
            "a green-up that is not returned",
            "let runner = market.active[0];\n    green_up(runner, ctx.position(runner));\n    ctx.log(\"closed\");",
        ),
        odds(
            "a for with brackets",
            "for (let i = 0; i < 3; i += 1) { ctx.log(i); }",
        ),
        odds(
            "a block that is not closed before a function",
            "for runner in market.active {\n        ctx.log(runner.name);\n}\n\nfn helper(x) { x",
        ),
        odds("++", "let n = 0;\n    n++;"),
        odds("an arrow", "let f = (x) => x + 1;\n    ctx.log(f.call(1));"),
        odds(
            "a choice by ?",
            "let x = market.in_play ? 1 : 2;\n    ctx.log(x);",
        ),
        odds("a map without #", "let x = { a: 1 };\n    ctx.log(x);"),
        odds(
            "a text in single quotes",
            "if market.status == 'OPEN' { return; }",
        ),
        odds("a text with f", "ctx.log(f\"at {market.id}\");"),
        odds("a comment with #", "# nothing to do\n    []"),
        odds("var", "var x = 1;"),
        script(
            "def",
            "def on_odds(market, ctx):\n    return []\n",
            "check mine",
        ),
        script(
            "let outside",
            "let edge = 0.05;\nfn on_odds(market, ctx) { [] }\n",
            "check mine",
        ),
        script(
            "a constant read by its name alone",
            "const EDGE = 0.05;\nfn on_odds(market, ctx) { if EDGE > 1.0 { return; } }\n",
            "check mine",
        ),
        script(
            "settings read from the function",
            "fn params() { #{ edge: 0.05 } }\nfn on_odds(market, ctx) { if params.edge > 1.0 { return; } }\n",
            "check mine",
        ),
        odds("limits", "if risk.max_stake > 2.0 { return; }"),
        odds("Math", "let x = Math.max(1, 2);\n    ctx.log(x);"),
        odds("the clock", "let now = timestamp();\n    ctx.log(now);"),
        odds(
            "a property without its owner",
            "if best_back == () { return; }",
        ),
        odds(
            "the price of a runner",
            "if market.active[0].price > 2.0 { return; }",
        ),
        odds(
            "the length of runners",
            "if market.runners.length > 3 { return; }",
        ),
        odds(
            "map over runners",
            "let keys = market.active.map(|runner| runner.key);\n    ctx.log(keys);",
        ),
        odds(
            "a runner without its number",
            "let runner = market.runner;\n    back(runner, 3.0, 2.0)",
        ),
        odds(
            "a quote for a number",
            "if market.active[0].best_back > 2.0 { return; }",
        ),
        odds(
            "a quote for a price",
            "back(market.active[0], market.active[0].best_back, 2.0)",
        ),
        odds("a text for a price", "back(market.active[0], \"3.0\", 2.0)"),
        odds(
            "whole numbers divided",
            "let half = 1 / 2;\n    ctx.log(half);",
        ),
        odds(
            "one too far",
            "for i in 0..=market.active.len() { ctx.log(market.active[i].name); }",
        ),
        odds(
            "a misspelt name in a closure",
            "let open = market.active.to_array().filter(|r| r.best_bak != ());\n    ctx.log(open.len());",
        ),
        run(
            "a runner that is not there",
            "market.active[5].name;\n    []",
        ),
        run(
            "runners by name",
            "let runner = market.runners[\"Red\"];\n    back(runner, 3.0, 2.0)",
        ),
        run(
            "a number in a quote",
            "let price = market.active[0].best_back[0];\n    back(market.active[0], price, 2.0)",
        ),
        run("an entry not yet there", "this.n += 1;"),
        run(
            "an entry read too early",
            "let n = this[\"count\"];\n    ctx.log(n);",
        ),
        run(
            "a text times a number",
            "let s = \"a\" * 3;\n    ctx.log(s);",
        ),
        run(
            "append for push",
            "let bets = [];\n    bets.append(back(market.active[0], 3.0, 2.0));\n    bets",
        ),
        run("a range by a function", "for i in range(3) { ctx.log(i); }"),
        run(
            "the price of a position",
            "ctx.log(ctx.position(market.active[0]).average_price);",
        ),
        run(
            "an if without else",
            "let x = if market.in_play { 1.0 };\n    ctx.log(x + 1.0);",
        ),
    ]
}

fn running() -> Vec<Case> {
    vec![
        run(
            "a price that is not there",
            "market.active[0].best_lay.price",
        ),
        run(
            "arithmetic with nothing",
            "market.active[0].last_traded + 1.0",
        ),
        run("a runner past the end", "market.active[3]"),
        run("an entry of memory that is not there", "this.count += 1;"),
        run("a function fed with nonsense", "kelly(1.5, 2.0, 1.0)"),
        run(
            "arrays of different lengths",
            "kelly_exclusive([0.5, 0.5], [2.0])",
        ),
        run("a text for a number", "market.ticks(\"three\", 1)"),
        run(
            "a division of whole numbers by nothing",
            "let n = 1 - 1;\n    1 / n",
        ),
        run("something thrown", "throw \"no good\";"),
        run(
            "operations without end",
            "let n = 0;\n    while n >= 0 { n += 1; }",
        ),
        run(
            "a text that grows",
            "let text = \"0123456789\";\n    for n in 0..20 { text += text; }",
        ),
        run(
            "a list that grows",
            "let all = [];\n    for n in 0..2000 { all.push(n); }",
        ),
        run(
            "memory that grows",
            "for n in 0..490 { this[`a rather long name for an entry of the memory, number ${n}`] = `with a rather long text, number ${n}, which goes on and on and on and on and on and on`; }",
        ),
        run("a number that is none, kept", "this.x = 0.0 / 0.0;"),
        run(
            "`this` where there is none",
            "helper()\n}\nfn helper() { this.x = 1;",
        ),
        run(
            "a function that calls itself",
            "deeper(1)\n}\nfn deeper(n) { deeper(n + 1)",
        ),
    ]
}

fn betting() -> Vec<Case> {
    vec![
        malformed("a bet of nothing", "back(7, 3.0, ())"),
        malformed("a negative stake", "back(7, 3.0, -2.0)"),
        malformed("a price that is a text", "back(7, \"3.0\", 2.0)"),
        malformed("a price that is no number", "back(7, 0.0 / 0.0, 2.0)"),
        malformed("a runner that is none", "back(\"Red\", 3.0, 2.0)"),
        malformed("a text for a bet", "let bet = \"back it\"; [bet]"),
        malformed(
            "a bet kept in play at the starting price",
            "back_on_close(7, 10.0).persist()",
        ),
        malformed("a limit on a limit order", "back(7, 3.0, 2.0).limit(2.0)"),
        malformed("a probability over 1", "back(7, 3.0, 2.0).probability(1.2)"),
        malformed("an order that is none", "cancel(\"first\")"),
        malformed(
            "a cancel with a tag",
            "cancel(\"00000000000000000000000001\").tag(\"x\")",
        ),
    ]
}

fn setting_up() -> Vec<Case> {
    let params = "fn params() { #{ edge: #{ default: 0.05, min: 0.0, max: 1.0 }, most: 5, on: true } }\nfn on_odds(market, ctx) { if ctx.params.on && ctx.params.most > ctx.params.edge { return; } }\n";
    vec![
        around(
            "markets() with a misspelt key",
            "fn markets() { #{ tpye: \"WIN\" } }",
        ),
        around(
            "markets() with a misspelt status",
            "fn markets() { #{ status: \"OPNE\" } }",
        ),
        around(
            "markets() with the window turned round",
            "fn markets() { #{ seconds_to_start: [300, 0] } }",
        ),
        around("markets() that returns a text", "fn markets() { \"WIN\" }"),
        around(
            "params() with a misspelt key",
            "fn params() { #{ edge: #{ defualt: 0.05 } } }",
        ),
        around(
            "params() with a default out of its range",
            "fn params() { #{ edge: #{ default: 2.0, max: 1.0 } } }",
        ),
        script(
            "a parameter that is not there",
            params,
            "check mine --param egde=0.1",
        ),
        script(
            "a parameter out of its range",
            params,
            "check mine --param edge=1.5",
        ),
        script(
            "a parameter of another type",
            params,
            "check mine --param most=0.5",
        ),
        script(
            "a parameter that is no truth",
            params,
            "check mine --param on=yes",
        ),
        script(
            "several parameters at once",
            params,
            "check mine --param edge=1.5 --param mots=7 --param on=maybe",
        ),
        around(
            "several parameters declared wrong",
            "fn params() {\n    #{\n        edge: #{ defualt: 0.05 },\n        stake: #{ default: 2.0, max: 1.0 },\n        runners: (),\n    }\n}",
        ),
        table("a table with a short line", "team,elo\nRed,1500\nBlue\n"),
        table("a table with a key twice", "team,elo\nRed,1500\nRed,1600\n"),
        table(
            "a table with a quote that does not end",
            "team,elo\n\"Red,1500\n",
        ),
        table("a table that is empty", ""),
        around(
            "a table that is not there",
            "fn tables() { #{ ratings: \"ratings.csv\" } }",
        ),
        around(
            "a table elsewhere",
            "fn tables() { #{ ratings: \"../ratings.csv\" } }",
        ),
        around(
            "tables() that returns a text",
            "fn tables() { \"ratings.csv\" }",
        ),
    ]
}

fn testing() -> Vec<Case> {
    vec![
        tested("two values that differ", "t.eq(1 + 1, 3);"),
        tested(
            "two bets that differ",
            "let runner = t.market(#{ runners: [#{ id: 7 }] }).active[0];\n    t.eq([back(runner, 3.0, 2.0)], [back(7, 3.0, 2.5).persist()]);",
        ),
        tested(
            "a runner where a number is expected",
            "t.eq(t.market(#{ runners: [#{ id: 7, name: \"Red\" }] }).active[0], 7);",
        ),
        tested("a value that is not near", "t.near(1.0, 1.1, 0.01);"),
        tested("a condition that does not hold", "t.ok(1 > 2, \"one is not over two\");"),
        tested("a market with a misspelt key", "t.market(#{ inplay: true });"),
        tested("a runner with a misspelt key", "t.market(#{ runners: [#{ id: 1, bakc: 2.0 }] });"),
        tested("an order of no side", "t.order(#{ side: \"SELL\" });"),
        tested("a setting that a test misspells", "t.param(\"egde\", 0.1);"),
        tested("a callback that is not there", "t.settled(t.market(#{}));"),
        tested("a fixture that is not there", "t.fixture(\"race\");"),
        tested("a fixture that leads out", "t.fixture(\"../../secrets\");"),
        tested("a snapshot that is new", "t.snapshot(\"sum\", #{ sum: 1 + 1 });"),
        Case {
            name: "a snapshot that differs",
            files: vec![
                ("strategies/mine.rhai", "fn on_odds(market, ctx) { back(market.active[0], 3.0, 2.0) }\nfn test_it(t) {\n    t.snapshot(\"bets\", t.odds(t.market(#{ runners: [#{ id: 7 }] })));\n}\n".to_owned()),
                ("strategies/snapshots/mine/bets.json", "[\n  {\n    \"action\": \"PLACE\",\n    \"at_risk\": 4.0,\n    \"price\": 3.0,\n    \"runner\": \"7\",\n    \"side\": \"BACK\",\n    \"stake\": 4.0,\n    \"type\": \"LIMIT\"\n  }\n]\n".to_owned()),
            ],
            command: "test mine",
        },
        Case {
            name: "a fixture that is none",
            files: vec![
                ("strategies/mine.rhai", "fn on_odds(market, ctx) { }\nfn test_it(t) { t.fixture(\"race\"); }\n".to_owned()),
                ("strategies/fixtures/race.json", "{\"market\": {}}".to_owned()),
            ],
            command: "test mine",
        },
    ]
}

fn outside() -> Vec<Case> {
    let empty = |name, command| script(name, "fn on_odds(market, ctx) { }\n", command);
    vec![
        configured("an unknown setting", "[risk]\nmax_stak = 5\n", "check"),
        configured(
            "a setting of the wrong type",
            "[risk]\nmax_stake = \"lots\"\n",
            "check",
        ),
        configured(
            "a setting out of its range",
            "[account]\nbankroll = 0\n",
            "check",
        ),
        configured(
            "several settings at once",
            "mod = \"DRY_RUN\"\n\n[risk]\nmax_stake = \"lots\"\nmax_orders_per_markt = 3\n\n[http]\nenabled = \"yes\"\n",
            "check",
        ),
        configured(
            "several settings out of their ranges",
            "[account]\nbankroll = 0\n\n[ledger]\nretry_attempts = 99\n",
            "check",
        ),
        configured("a file that is no TOML", "[risk\n", "check"),
        configured("a mode that is none", "mode = \"LVE\"\n", "check"),
        plain(
            "a configuration that is not there",
            "check --config other.toml",
        ),
        plain("an unknown command", "tets"),
        plain("an unknown option", "test --wacth"),
        plain("an option without its value", "backtest mine --data"),
        plain("a setting without its value", "check --set risk.max_stake"),
        empty("a strategy that is not there", "check mien"),
        empty("a file that is not there", "check strategies/other.rhai"),
        plain("no strategy at all", "test mine"),
        plain("no strategies folder", "check"),
        empty(
            "a recording that is not there",
            "backtest mine --data nowhere.bz2",
        ),
        Case {
            name: "a recording that is none",
            files: vec![
                (
                    "strategies/mine.rhai",
                    "fn on_odds(market, ctx) { }\n".to_owned(),
                ),
                ("race.json", "hello\nworld\n".to_owned()),
            ],
            command: "backtest mine --data race.json",
        },
        plain("a fixture from nothing", "fixture nowhere.bz2"),
        plain(
            "a moment that is none",
            "fixture race.bz2 --at \"ten seconds\"",
        ),
    ]
}
