//! Scripts as the engine meets them: what they see and say, how they fail, what they cannot do.

use std::sync::Arc;

use rhai::Map;
use serde_json::json;

use super::fixture;
use super::{Overrides, RhaiStrategy, Script, ScriptError};
use crate::engine::{Account, Answer, Fault, FaultKind, Holding, Moment, Strategy};
use crate::market::{Intent, Market, Money, OrderKind, Persistence, Settlement};

fn script(text: &str) -> Result<Script, ScriptError> {
    Script::from_text("x", text, &Overrides::new())
}

fn compiled(text: &str) -> RhaiStrategy {
    script(text)
        .and_then(|script| script.compile())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The error of a script that does not get as far as running.
fn refused(text: &str) -> String {
    let compiled = script(text).and_then(|script| script.compile());
    compiled.unwrap_err().to_string()
}

/// A market of two runners, sixty seconds before the off.
fn market() -> Arc<Market> {
    let engine = rhai::Engine::new_raw();
    let map: Map = engine
        .eval(
            r#"#{ runners: [#{ id: 1, name: "Red", back: [[3.0, 10.0], [2.9, 20.0]], lay: [[3.1, 5.0]], last_traded: 3.05 },
                            #{ id: 2, name: "Blue", back: [[1.5, 30.0]], lay: [[1.52, 40.0]] },
                            #{ id: 3, name: "Gone", status: "REMOVED" }] }"#,
        )
        .unwrap();
    fixture::market(&map).unwrap()
}

fn odds(strategy: &mut RhaiStrategy) -> Result<Answer, Fault> {
    let (market, holding) = (market(), Arc::new(Holding::default()));
    let moment = Moment {
        now: market.published_at,
        market: &market,
        holding: &holding,
        account: &Account::new(Money::from_major(500)),
    };
    let mut answer = Answer::default();
    let outcome = strategy.on_odds(&moment, &mut answer);
    assert_eq!(Arc::strong_count(&market), 1, "a call kept the snapshot");
    outcome.map(|()| answer)
}

/// The fault of `on_odds` with this body.
fn fault(body: &str) -> String {
    failure(&format!("fn on_odds(market, ctx) {{\n    {body}\n}}")).detail
}

/// How a script's `on_odds` fails.
fn failure(text: &str) -> Fault {
    match odds(&mut compiled(text)) {
        Ok(answer) => panic!("{text} did not fail: {answer:?}"),
        Err(fault) => fault,
    }
}

/// What `on_odds` with this body logs.
fn logs(body: &str) -> Vec<String> {
    let mut strategy = compiled(&format!("fn on_odds(market, ctx) {{\n    {body}\n}}"));
    odds(&mut strategy).unwrap_or_else(|f| panic!("{f}")).log
}

#[test]
fn a_snapshot_is_read_through_getters() {
    let lines = logs(
        r"
        for runner in market.runners { ctx.log(`${runner.id} ${runner.name} ${runner.is_active}`); }
        ctx.log([market.runners.len(), market.active.len, market.runners[1].name]);
        ctx.log([market.status, market.type, market.sport, market.seconds_to_start, ctx.bankroll]);
        let red = market.runner(1);
        ctx.log([red.best_back.price, red.best_back.size, red.best_back.book, red.last_traded]);
        ctx.log([red.back_depth(5).len(), red.lay_depth(1)[0].price, red.size_at(`BACK`, 2.9)]);
        ctx.log(market.runner(3).best_back?.price == ());
        ctx.log(market.runner(99) == ());
        ctx.log([market.ticks(3, 1), market.ticks_between(2.0, 3.0), market.nearest_price(3.01)]);
        ctx.log(round(market.overround, 4));
        ctx.log([market.best_backs(), market.best_lays()]);
        ",
    );
    insta::assert_debug_snapshot!(lines, @r#"
    [
        "1 Red true",
        "2 Blue true",
        "3 Gone false",
        "[3, 2, \"Blue\"]",
        "[\"OPEN\", \"WIN\", \"horse_racing\", 60.0, 500.0]",
        "[3.0, 10.0, \"betfair\", 3.05]",
        "[2, 3.1, 20.0]",
        "true",
        "true",
        "[3.05, 50, 3.0]",
        "1.0",
        "[[3.0, 1.5], [3.1, 1.52]]",
    ]
    "#);
}

#[test]
fn intents_come_out_as_they_were_put() {
    let mut strategy = compiled(
        r#"fn on_odds(market, ctx) {
            [ back(market.runners[0], 3, 2.509).persist().reason("cheap").probability(0.4).tag("a"),
              lay(2, 1.52, 4).fill_or_kill(1),
              lay_on_close("2", 10).limit(1.6) ]
        }"#,
    );
    let answer = odds(&mut strategy).unwrap();
    let [
        Intent::Place(first),
        Intent::Place(second),
        Intent::Place(third),
    ] = &answer.intents[..]
    else {
        panic!("{:?}", answer.intents);
    };
    assert!(
        matches!(first.kind, OrderKind::Limit { size, persistence: Persistence::Persist, .. } if size == Money::from_minor(250))
    );
    assert_eq!(first.reason.as_deref(), Some("cheap"));
    assert_eq!(
        (first.probability, first.tag.as_deref()),
        (Some(0.4), Some("a"))
    );
    assert!(matches!(
        second.kind,
        OrderKind::Limit {
            fill_or_kill: Some(_),
            ..
        }
    ));
    assert_eq!(third.kind.as_str(), "LIMIT_ON_CLOSE");
}

#[test]
fn a_change_of_persistence_comes_out_as_it_was_put() {
    let id = "00000000000000000000000001";
    let update = |persistence: &str| {
        let body = format!("update(\"{id}\", \"{persistence}\")");
        let mut strategy = compiled(&format!("fn on_odds(market, ctx) {{ {body} }}"));
        odds(&mut strategy).unwrap().intents.remove(0)
    };
    let order = crate::market::OrderId::parse(id).unwrap();
    for persistence in Persistence::ALL {
        assert_eq!(
            update(persistence.as_str()),
            Intent::Update { order, persistence }
        );
    }
    let Intent::Malformed(wrong) = update("PERSISTS") else {
        panic!("it was read as something");
    };
    assert_eq!(
        wrong.what,
        "a persistence is LAPSE, PERSIST, MARKET_ON_CLOSE: did you mean \"PERSIST\"?"
    );
}

#[test]
fn nonsense_is_handed_to_the_gate_and_not_lost() {
    for body in [
        "42",
        "\"buy\"",
        "back(1, 0.0/0.0, 2.0)",
        "[back(1, 2.0, -1.0)]",
        "#{}",
        "market",
    ] {
        let mut strategy = compiled(&format!("fn on_odds(market, ctx) {{ {body} }}"));
        let answer = odds(&mut strategy).unwrap();
        assert!(
            matches!(answer.intents[..], [Intent::Malformed(_)]),
            "{body}"
        );
    }
    let mut silent = compiled("fn on_odds(market, ctx) { }");
    assert!(odds(&mut silent).unwrap().intents.is_empty());
}

#[test]
fn state_is_kept_on_success_and_untouched_by_a_failure() {
    let mut strategy = compiled(
        "fn on_odds(market, ctx) { this.n = (this.get(\"n\") ?? 0) + 1; if this.n == 2 { throw \"second\" } }",
    );
    odds(&mut strategy).unwrap();
    assert_eq!(strategy.state(), json!({ "n": 1 }));
    assert!(odds(&mut strategy).is_err());
    assert_eq!(strategy.state(), json!({ "n": 1 }));
    strategy.restore(&json!({ "n": 2 })).unwrap();
    odds(&mut strategy).unwrap();
    assert_eq!(strategy.state(), json!({ "n": 3 }));
    assert!(strategy.restore(&json!([1])).is_err());
}

#[test]
fn only_data_can_be_kept() {
    for (body, what) in [
        ("this.m = market;", "this.m is of type"),
        ("this.f = |x| x;", "this.f is of type"),
        (
            "this.deep = [#{ r: market.runners[0] }];",
            "this.deep[0].r is of type",
        ),
        ("this.x = 0.0 / 0.0;", "this.x is NaN"),
        ("this = 5;", "`this` is a map"),
        (
            "for i in 0..4000 { this[`key number ${i}`] = i; }",
            "`this` holds about",
        ),
    ] {
        let detail = fault(body);
        assert!(detail.contains(what), "{body}: {detail}");
    }
}

#[test]
fn a_library_error_names_the_library() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lib")).unwrap();
    std::fs::write(
        folder.path().join("lib/m.rhai"),
        "// maths\nfn half(x) { x / nothing(x) }",
    )
    .unwrap();
    let path = folder.path().join("a.rhai");
    std::fs::write(
        &path,
        "import \"m\" as m;\nfn on_odds(market, ctx) { m::half(3) }",
    )
    .unwrap();
    let mut strategy = Script::read(&path, &Overrides::new())
        .unwrap()
        .compile()
        .unwrap();
    let here = format!("{}/", folder.path().display());
    insta::assert_snapshot!(odds(&mut strategy).unwrap_err().detail.replace(&here, ""), @r#"
    lib/m.rhai:2:18: there is no function "nothing" for (int)
      2 | fn half(x) { x / nothing(x) }
        |                  ^
    "#);
}

#[test]
fn a_script_may_be_sent_to_another_thread() {
    let script = script(&super::template("x")).unwrap();
    let hash = script.hash().to_owned();
    let there = std::thread::spawn(move || script.compile().map(|s| s.hash().to_owned()));
    assert_eq!(there.join().unwrap(), Ok(hash));
}

#[test]
fn constants_are_seen_as_global() {
    let mut strategy =
        compiled("const LEAST = 3;\nfn on_odds(market, ctx) { back(1, global::LEAST, 2) }");
    assert_eq!(odds(&mut strategy).unwrap().intents.len(), 1);
}

#[test]
fn what_is_misspelt_is_answered_with_what_was_meant() {
    insta::assert_snapshot!(fault("let q = market.runners[0].best_bak; []"), @r#"
    x.rhai:2:31: a Runner has no property "best_bak"
      2 |     let q = market.runners[0].best_bak; []
        |                               ^
    did you mean "best_back"?
    "#);
    insta::assert_snapshot!(fault("market.runers"), @r#"
    x.rhai:2:12: a Market has no property "runers"
      2 |     market.runers
        |            ^
    did you mean "runners"?
    "#);
    insta::assert_snapshot!(fault("let r = market.runner(1); bakc(r, 3.0, 2.0)"), @r#"
    x.rhai:2:31: there is no function "bakc" for (Runner, float, float)
      2 |     let r = market.runner(1); bakc(r, 3.0, 2.0)
        |                               ^
    did you mean "back"?
    "#);
    insta::assert_snapshot!(fault("back(market.runner(1), 3.0)"), @r#"
    x.rhai:2:5: back cannot be called with (Runner, float)
      2 |     back(market.runner(1), 3.0)
        |     ^
    use back(runner, price, stake)
    "#);
    insta::assert_snapshot!(fault("market.runner(1).back_depth"), @r#"
    x.rhai:2:22: a Runner has no property "back_depth"
      2 |     market.runner(1).back_depth
        |                      ^
    use runner.back_depth(levels)
    "#);
    insta::assert_snapshot!(fault("ctx.params.edge"), @r#"
    x.rhai:2:15: there is no parameter "edge"
      2 |     ctx.params.edge
        |               ^
    this script defines none: add fn params()
    "#);
    insta::assert_snapshot!(fault("market.runner(3).best_back.price"), @r#"
    x.rhai:2:32: there is no value here, so no "price"
      2 |     market.runner(3).best_back.price
        |                                ^
    test it with `if x == () { … }`, or write ?.price
    "#);
    insta::assert_snapshot!(fault("let x = #{ price: 1 }; x.pirce"), @r#"
    x.rhai:2:30: the map has no property "pirce"
      2 |     let x = #{ price: 1 }; x.pirce
        |                              ^
    did you mean "price"?
    "#);
    insta::assert_snapshot!(fault("market.runner(3).last_traded + 1.0"), @r#"
    x.rhai:2:34: "+" cannot be applied to ((), float)
      2 |     market.runner(3).last_traded + 1.0
        |                                  ^
    a value is missing: test it with `if x == () { … }`, or give one: x ?? 0
    "#);
    insta::assert_snapshot!(fault("kelly(1.5, 2.0, 1.0)"), @r#"
    x.rhai:2:5: kelly: a probability is from 0 to 1: 1.5 is not
      2 |     kelly(1.5, 2.0, 1.0)
        |     ^
    "#);
    insta::assert_snapshot!(fault("throw \"no good\";"), @r#"
    x.rhai:2:5: no good
      2 |     throw "no good";
        |     ^
    "#);
    insta::assert_snapshot!(fault("loop { }"), @r#"
    x.rhai:2:10: the call took more than 100000 operations and was stopped
      2 |     loop { }
        |          ^
    loop less, or let a native method do the work
    "#);
    insta::assert_snapshot!(fault("market.id = 5;"), @r#"
    x.rhai:2:12: "id" of a Market cannot be changed
      2 |     market.id = 5;
        |            ^
    "#);
}

#[test]
fn a_failed_call_says_what_it_ran_into() {
    let of = |body: &str| failure(&format!("fn on_odds(market, ctx) {{ {body} }}")).kind;
    assert_eq!(of("throw 1;"), FaultKind::Error);
    assert_eq!(of("loop { }"), FaultKind::Operations);
    assert_eq!(
        of("let a = [0]; loop { a.push(a.len()); }"),
        FaultKind::Size
    );
    let deep = "fn dig(n) { dig(n + 1) + 1 } fn on_odds(market, ctx) { dig(0); }";
    assert_eq!(failure(deep).kind, FaultKind::Depth);
}

#[test]
fn what_cannot_run_is_refused_when_it_is_compiled() {
    insta::assert_snapshot!(refused("fn on_odds(market, ctx) { let stake = 2.0; back(1, 3.0, steak) }"), @r#"
    x.rhai:1:57: there is no variable "steak"
      1 | fn on_odds(market, ctx) { let stake = 2.0; back(1, 3.0, steak) }
        |                                                         ^
    did you mean "stake"?
    "#);
    insta::assert_snapshot!(refused("fn on_odd(market, ctx) { [] }"), @r#"
    x.rhai:1:4: on_odd is never called
      1 | fn on_odd(market, ctx) { [] }
        |    ^
    did you mean "on_odds"?
    "#);
    insta::assert_snapshot!(refused("fn on_odds(market) { [] }"), @r#"
    x.rhai:1:4: on_odds takes other parameters
      1 | fn on_odds(market) { [] }
        |    ^
    use fn on_odds(market, ctx)
    "#);
    insta::assert_snapshot!(refused("fn markets() { #{} }"), @r#"
    x.rhai: there is no fn on_odds(market, ctx), so it would never bet
    add: fn on_odds(market, ctx) { [] }
    "#);
    insta::assert_snapshot!(refused("fn on_odds(market, ctx) { [ }"), @r#"
    x.rhai:1:29: syntax error: Unexpected '}'
      1 | fn on_odds(market, ctx) { [ }
        |                             ^
    "#);
    insta::assert_snapshot!(refused("let x = 1;\nfn on_odds(market, ctx) { [] }"), @r#"
    x.rhai:1:1: only functions, constants and imports may stand outside a function
      1 | let x = 1;
        | ^
    put it into fn on_odds(market, ctx)
    "#);
    insta::assert_snapshot!(refused("const LEAST = 2.0;\nfn on_odds(market, ctx) { back(1, LEAST, 2) }"), @r#"
    x.rhai:2:35: there is no variable "LEAST"
      2 | fn on_odds(market, ctx) { back(1, LEAST, 2) }
        |                                   ^
    inside a function write global::LEAST
    "#);
    insta::assert_snapshot!(refused("fn params() { #{ a: #{ default: 2, min: 3 } } }\nfn on_odds(market, ctx) { [] }"), @r#"
    x.rhai:1:18: parameter "a" is at least 3: 2 is not
      1 | fn params() { #{ a: #{ default: 2, min: 3 } } }
        |                  ^
    "#);
    insta::assert_snapshot!(refused("fn on_odds(market, ctx) { eval(\"1\") }"), @r#"
    x.rhai:1:27: syntax error: reserved keyword 'eval' is disabled
      1 | fn on_odds(market, ctx) { eval("1") }
        |                           ^
    "#);
}

#[test]
fn a_failed_assertion_names_its_place() {
    let script = script("fn on_odds(market, ctx) { [] }\nfn test_it(t) {\n    t.eq(t.odds(t.market(#{})).len(), 1);\n}").unwrap();
    insta::assert_snapshot!(script.test().unwrap(), @r#"
    x::test_it … FAILED

    x.rhai:3:7: expected 1, found 0
      3 |     t.eq(t.odds(t.market(#{})).len(), 1);
        |       ^
    "#);
}

#[test]
fn a_test_sees_the_error_of_the_callback_it_calls() {
    let script = script(
        "fn on_odds(market, ctx) {\n    market.nam\n}\nfn test_it(t) { t.odds(t.market(#{})) }",
    )
    .unwrap();
    let report = script.test().unwrap();
    let (_, error) = report.failures().next().unwrap();
    assert_eq!(error.position.map(|(line, _)| line), Some(2), "{error}");
}

#[test]
fn nothing_outside_can_be_reached() {
    for call in [
        "sleep(1)",
        "timestamp()",
        "exit()",
        "rand()",
        "open(\"/etc/passwd\")",
        "blob(1000)",
    ] {
        let detail = fault(call);
        assert!(detail.contains("no function"), "{call}: {detail}");
    }
}

/// Each is stopped by a limit on data, depth or operations, on a thread with the usual 2 MiB of stack.
#[test]
fn a_hostile_script_is_stopped() {
    for body in [
        "loop { }",
        "let s = \"x\"; loop { s += s; }",
        "let s = \"\"; loop { s += \"0123456789\"; }",
        "let a = [1]; loop { a += a; }",
        "let a = []; loop { a.push(a); }",
        "let a = []; loop { a = [a]; }",
        "let m = #{}; loop { let n = #{}; n[\"a\"] = m; m = n; }",
        "let m = #{}; let i = 0; loop { m[\"k\" + i] = \"v\" + i; i += 1; }",
        "let a = []; a.pad(1000000000, 0);",
        "\"x\".pad(1000000000, \"y\");",
        "let x = 0; for i in 0..9223372036854775807 { x += 1; }",
        "let f = |x| x; let a = [f]; loop { a = [a]; }",
        "let f = ||{ 1 }; while true { try { loop {} } catch { } }",
        "this.x = this; loop { this.x = this; }",
        "let x = 1; let f = || x; this.a = x; this.f = f;",
        "let s = []; let i = 0; loop { s.push(\"0123456789012345678901234567890123456789\" + i); i += 1; }",
        "let a = []; for i in 0..900 { a.push(i); } loop { a.sort(); a.reverse(); }",
    ] {
        let detail = fault(body);
        assert!(!detail.is_empty(), "{body}");
    }
    let recursive = "fn f(x) { f(x + 1) }\nfn on_odds(market, ctx) { f(1) }";
    let detail = odds(&mut compiled(recursive)).unwrap_err().detail;
    assert!(detail.contains("nested more than 16 deep"), "{detail}");
    let parens = format!(
        "fn on_odds(market, ctx) {{ {}1{} }}",
        "(".repeat(500),
        ")".repeat(500)
    );
    assert!(refused(&parens).contains("complexity"));
}

#[test]
fn what_is_printed_goes_to_the_log() {
    assert_eq!(logs("print(\"a\\nb\"); debug(1);"), ["a\\nb", "1"]);
}

#[test]
fn an_intent_that_is_not_returned_is_remarked_once() {
    let mut strategy = compiled("fn on_odds(market, ctx) { back(1, 2.0, 2.0); () }");
    let log = odds(&mut strategy).unwrap().log;
    assert_eq!(
        log,
        ["on_odds made an intent and returned none: only what is returned counts"]
    );
    assert!(odds(&mut strategy).unwrap().log.is_empty());
    assert!(logs("[]").is_empty());
}

#[test]
fn what_on_settled_returns_means_nothing() {
    let mut strategy =
        compiled("fn on_odds(market, ctx) { }\nfn on_settled(market, ctx) { this.n = 1; 42 }");
    let (market, holding) = (market(), Arc::new(Holding::default()));
    let moment = Moment {
        now: market.published_at,
        market: &market,
        holding: &holding,
        account: &Account::new(Money::from_major(500)),
    };
    let settlement = Settlement {
        market: market.id.clone(),
        at: market.published_at,
        version: 1,
        commission: crate::market::Commission::Rate(crate::market::Ratio::percent(5)),
        profits: Vec::new(),
    };
    let mut answer = Answer::default();
    strategy
        .on_settled(&settlement, &moment, &mut answer)
        .unwrap();
    assert!(answer.intents.is_empty());
    assert_eq!(strategy.state(), json!({ "n": 1 }));
}

#[test]
fn equal_calls_give_equal_answers() {
    let source = super::template("x");
    let (mut first, mut second) = (compiled(&source), compiled(&source));
    assert_eq!(
        odds(&mut first).unwrap().intents,
        odds(&mut second).unwrap().intents
    );
    assert_eq!(first.hash(), second.hash());
}

#[test]
fn the_short_way_to_properties_leads_where_rhai_does() {
    let bodies = [
        "for runner in market.active { ctx.log(runner.best_back.price); ctx.log(runner.best_lay != ()); }",
        "let runner = market.runner(1); let back = runner.best_back; if back != () && back.price > 2.5 { back(runner, back.price, 2.0) } else { [] }",
        "let runner = market.runner(3); let back = runner.best_back; ctx.log([back == (), () == back, back != (), type_of(back)]);",
        "let runner = market.runner(3); ctx.log(runner.best_back.price)",
        "let runner = market.runner(3); ctx.log(runner.best_back?.price ?? 7.0)",
        "let runner = market.runner(9); ctx.log(runner == ()); ctx.log(runner.id)",
        "let quote = #{ price: 3, size: 4, id: #{ price: 5 } }; ctx.log([quote.price, quote.id.price, quote.size == ()])",
        "let quote = #{ price: () }; ctx.log(quote.price == ()); quote.price = 4; ctx.log(quote.price)",
        "let quote = #{ price: 1 }; ctx.log(quote.size)",
        "let list = [1, 2, 3]; ctx.log(list.len); list.len = 1;",
        "let x = 3; ctx.log([x == (), x != (), 2.5 == (), `a` == (), [] == (), #{} == (), () == (), () != ()]); ctx.log(x.price)",
        "let x = (); ctx.log(x == ()); { let x = 4; ctx.log(x == ()); } ctx.log(x == ())",
        "let x = market; let market = 5; ctx.log(x.status); ctx.log(market.status)",
        "market.status = `CLOSED`",
        "market.active[0].best_back.price + market.runners[7].id",
        "this.seen = (this.get(`seen`) ?? 0) + 1; ctx.log(this.seen == ()); ctx.log(this.runner)",
        "let read = |runner| runner.best_back; for runner in market.runners { ctx.log(read.call(runner) == ()); ctx.log(helper(runner)); }",
        "let at = market.seconds_to_start; let show = || at == (); ctx.log(show.call()); ctx.log(at)",
        "switch market.status { `OPEN` if market.in_play == () => 1, `OPEN` => { ctx.log(market.type); } _ => ctx.log(market.sport) }",
        "try { market.nothing } catch (why) { ctx.log(why); ctx.log(market.country == ()) }",
        "let n = 0; while market.status != () && n < 3 { n += 1; ctx.log(`${market.status} ${n} ${market.id}`); } do { n -= 1 } until market.country != () || n == 0; return n",
        "ctx.log(ctx.params == ()); ctx.log(ctx.bankroll); ctx.log(ctx.orders.len); ctx.log(ctx.nothing)",
        "let deep = #{ price: market.id }; ctx.log(market?.status); ctx.log(market.runner(market.runners[0].id).key.len)",
        "ctx.log(market.best_backs().len() == ()); ctx.log(market.active.to_array()[0].best_back.nothing)",
        "throw market.status",
        "return market.active.len == ()",
        "again(3)",
        "",
    ];
    for body in bodies {
        let text = format!(
            "fn helper(runner) {{ runner.best_lay == () || runner.best_lay.price > 2.0 }}\nfn again(n) {{ if n == 0 {{ 0 }} else {{ again(n - 1) + 1 }} }}\nfn on_odds(market, ctx) {{\n    {body}\n}}"
        );
        let outcome = |mut strategy: RhaiStrategy| {
            let outcome = odds(&mut strategy);
            format!("{outcome:#?}")
        };
        let (short, long) = (
            outcome(compiled(&text)),
            outcome(compiled(&text).by_rhai_alone()),
        );
        assert_eq!(short, long, "{body}");
    }
}

#[test]
fn a_limit_is_told_where_it_was_reached() {
    let summary = |body: &str| fault(body).lines().next().unwrap_or_default().to_owned();
    insta::assert_snapshot!(summary("loop { if market.status == () { break; } }"), @"x.rhai:2:21: the call took more than 100000 operations and was stopped");
    insta::assert_snapshot!(summary("let all = [];\n    loop { all.push(market.runners.to_array()) }"), @"x.rhai:3:16: a value grew too large: size of array/blob");
}
