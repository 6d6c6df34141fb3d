//! What is found in scripts, and what is not.

use super::{Code, Finding};
use crate::strategy::{Overrides, Script};

fn check(text: &str) -> Vec<Finding> {
    let script = Script::from_text("x", text, &Overrides::new());
    script.unwrap_or_else(|error| panic!("{error}")).check()
}

/// The codes found in `on_odds` with this body.
fn codes_of(body: &str) -> Vec<Code> {
    let text = format!("fn on_odds(market, ctx) {{\n    {body}\n}}");
    let found = check(&text);
    found.iter().map(|finding| finding.code).collect()
}

/// All of what is found, as it is shown.
fn shown(text: &str) -> String {
    let all: Vec<String> = check(text).iter().map(ToString::to_string).collect();
    all.join("\n\n")
}

#[test]
fn what_is_wrong_is_found() {
    use Code as C;
    for (body, code) in [
        (
            "for r in market.runners { if r.best_bak == () { return; } }",
            C::UnknownProperty,
        ),
        (
            "let all = market.active; for r in all { ctx.log(r.nam); }",
            C::UnknownProperty,
        ),
        ("market.runners[0].best_back.prize", C::UnknownProperty),
        (
            "let q = market.runners[0]?.best_lay; if q.size_ > 1.0 { return; }",
            C::UnknownProperty,
        ),
        ("market.id = 5;", C::UnknownProperty),
        ("bakc(market.runners[0], 3.0, 2.0)", C::UnknownFunction),
        ("market.runer(1)", C::UnknownFunction),
        ("market.id()", C::UnknownFunction),
        ("[1].lenn()", C::UnknownFunction),
        ("back(market.runners[0], 3.0)", C::WrongArity),
        ("market.runner()", C::WrongArity),
        ("market.runners[0].back_depth()", C::WrongArity),
        ("ctx.params.edge", C::UnknownParam),
        ("ctx.params[\"edge\"]", C::UnknownParam),
        ("let p = ctx.params; p.edge", C::UnknownParam),
        ("ctx.tables.ratings.get(1, \"elo\")", C::UnknownTable),
        ("if market.status == \"Open\" { return; }", C::UnknownValue),
        (
            "for o in ctx.orders { if \"SELL\" == o.side { return; } }",
            C::UnknownValue,
        ),
        ("back(market, 2.0, 2.0)", C::WrongArgument),
        (
            "let q = market.runners[0].best_back; back(market.runners[0], q.size, 2.0)",
            C::Units,
        ),
        (
            "let q = market.runners[0].best_back; back(market.runners[0], 2.0, q.price)",
            C::Units,
        ),
        (
            "let q = market.runners[0].best_back; if q.price > q.size { return; }",
            C::Units,
        ),
        (
            "if ctx.now_ms > market.seconds_to_start { return; }",
            C::Units,
        ),
        (
            "let q = market.runners[0].best_back; if q.price - ctx.bankroll > 1.0 { return; }",
            C::Units,
        ),
        ("back(market.runners[0], 2.0, 2.0); ()", C::DroppedIntent),
        (
            "for r in market.active { back(r, 2.0, 2.0).persist(); }",
            C::DroppedIntent,
        ),
        (
            "for r in market.active { if r.is_active { back(r, 2.0, 2.0) } }",
            C::DroppedIntent,
        ),
        (
            "let bets = []; for r in market.active { bets.push(back(r, 2.0, 2.0)); }",
            C::DroppedIntent,
        ),
        ("42", C::BadReturn),
        ("if market.in_play { return false; } []", C::BadReturn),
        ("market.runners[0]", C::BadReturn),
        ("this.best = market.runners[0];", C::UnsavableState),
        (
            "this[market.id] = #{ quote: market.runners[0].best_back };",
            C::UnsavableState,
        ),
        ("this.f = |x| x;", C::UnsavableState),
        (
            "this.all = this.get(\"all\") ?? []; this.all.push(market);",
            C::UnsavableState,
        ),
        ("loop { this.n = 1; }", C::EndlessLoop),
        ("while true { for n in 0..3 { break; } }", C::EndlessLoop),
        ("do { this.n = 1; } while true;", C::EndlessLoop),
        // What closures are given.
        (
            "market.active.to_array().filter(|r| r.best_bak != ()).len(); ()",
            C::UnknownProperty,
        ),
        (
            "market.active.to_array().map(|r| r.best_back.price > r.best_back.size).len(); ()",
            C::Units,
        ),
        (
            "let least = 2.0; market.active.to_array().find(|r, n| r.nam == least && n > 0); ()",
            C::UnknownProperty,
        ),
        (
            "ctx.orders.to_array().sort(|a, b| a.prise < b.price); ()",
            C::UnknownProperty,
        ),
        (
            "let prices = market.active.to_array().map(|r| r.best_back.price); if prices[0] > ctx.bankroll { return; }",
            C::Units,
        ),
        (
            "market.active.to_array().filter(|r| r.is_active)[0].best_bak; ()",
            C::UnknownProperty,
        ),
        (
            "let all = market.active.to_array(); all[0].nam; ()",
            C::UnknownProperty,
        ),
        // What is never equal.
        (
            "if market.active[0].best_back > 2.0 { return; }",
            C::MixedComparison,
        ),
        (
            "if market.total_matched == \"5\" { return; }",
            C::MixedComparison,
        ),
        ("if market.active[0] == 5 { return; }", C::MixedComparison),
        (
            "back(market.active[0], market.active[0].best_back, 2.0)",
            C::WrongArgument,
        ),
        ("back(market.active[0], \"3.0\", 2.0)", C::WrongArgument),
        ("market.active.map(|r| r.id); ()", C::UnknownFunction),
        ("let share = 1 / 2; ctx.log(share);", C::IntegerDivision),
        (
            "let n = 0; for r in market.active { n += 1; } ctx.log(n / market.active.len());",
            C::IntegerDivision,
        ),
        (
            "for i in 0..=market.active.len() { ctx.log(market.active[i].name); }",
            C::RangeEnd,
        ),
        (
            "green_up(market.active[0], ctx.position(market.active[0])); ()",
            C::DroppedIntent,
        ),
        ("return []; this.n = 1;", C::Unreachable),
        ("for n in 0..3 { continue; this.n = n; }", C::Unreachable),
        ("let unused = 1;", C::UnusedVariable),
        ("let n = 0; n = 1; n += 2;", C::UnusedVariable),
        (
            "let q = market.runners[0].best_back; if q.price * 1.0 == q.price { return; } if q.price + 0.1 == q.price { return; }",
            C::FloatEquality,
        ),
    ] {
        assert_eq!(codes_of(body), [code], "{body}");
    }
}

#[test]
fn what_is_right_is_left_alone() {
    for body in [
        "",
        "[]",
        "()",
        "let q = market.runners[0].best_back; if q == () || q.price < 2.0 { return; } back(market.runners[0], q.price, min(q.size, 2.0))",
        "let best = (); for r in market.active { if best == () || r.total_matched > best.total_matched { best = r; } } if best == () { return; } best.best_back?.price; ()",
        "let x = 1; x = \"a\"; x.len(); ()",
        "loop { if market.in_play { break; } return; }",
        "let f = |a, b| a + b; f.call(1, 2); ()",
        "let n = 3; let f = |a| a + n; f.call(1); ()",
        "let m = #{ f: |x| x }; m.f(1); ()",
        "let bets = market.active.to_array().map(|r| back(r, 2.0, 2.0)); bets",
        "if market.in_play { back(market.runners[0], 2.0, 2.0) } else { lay(market.runners[0], 2.0, 2.0) }",
        "let edge = 1.0 / market.runners[0].best_back.price - implied(3.0); if edge > 0.1 { return; }",
        "for order in ctx.orders { if order.age_ms > 30 * 1000 && order.state == \"EXECUTABLE\" { return cancel(order); } }",
        "switch market.type { \"WIN\" => back(1, 2.0, 2.0), _ => () }",
        "this.prices = push_window(this.get(\"prices\"), market.runners[0].last_traded, 50);",
        "let seen = this.get(market.id) ?? #{}; seen.n = 1; this[market.id] = seen;",
        "let _later = 1;",
        "try { throw 1; } catch (e) { ctx.log(e); }",
        "let a = 1; { let a = 2; ctx.log(a); } ctx.log(a);",
        "market.runners[0].back(2.0, 2.0)",
        "let q = market.active[0].best_lay; if q.price == 1.01 { return; } if market.active[0].best_back.price == q.price { return; }",
        "let lay = market.active[0].best_lay; lay(market.active[0], lay.price, 2.0)",
        "let text = \"a,b\"; for part in text.split(\",\") { ctx.log(part.to_upper()); }",
        "back(1, 2.0, 2.0).reason(`at ${market.runners[0].best_back.price}`)",
        "to_decimal(\"probability\", implied(3.0)); ()",
        "let o = market.runners[0].best_back.price * 0.5 - 1.0; if o < ctx.bankroll { return; }",
        "let x = 6 / 3 + 1; ctx.log(x / 2.0);",
        "ctx.log(ctx.now_ms / 60000); ctx.log(market.active.len() / 2.0);",
        "let best = market.active.to_array().reduce(|best, r| if best == () || r.total_matched > best.total_matched { r } else { best }); if best == () { return; } back(best, 2.0, 2.0)",
        "let edge = 0.1; let rows = market.active.to_array().map(|r| #{ id: r.id, edge: edge }); this.rows = rows;",
        "let f = |r, least| r.best_back.price > least; if f.call(market.active[0], 2.0) { return; }",
        "for i in 0..market.active.len() { ctx.log(market.active[i].name); }",
        "let q = market.active[0].quote(\"pinnacle\"); if q == () || q.price < 2.0 { return; } back(market.active[0], q.price, 2).book(q.book)",
    ] {
        assert_eq!(codes_of(body), [], "{body}");
    }
}

#[test]
fn a_helper_is_checked_with_what_it_is_given() {
    let found = shown(
        "fn on_odds(market, ctx) { for r in market.active { if good(r, ctx) { return; } } }\nfn good(runner, ctx) { deep(runner) && ctx.bankrol > 1.0 }\nfn deep(r) { r.nmae == \"x\" }",
    );
    assert!(
        found.contains("no property \"bankrol\"") && found.contains("no property \"nmae\""),
        "{found}"
    );
    let both = "fn on_odds(market, ctx) { any(market); any(ctx); }\nfn any(x) { x.whatever }";
    assert_eq!(
        shown(both),
        "",
        "what a helper is given differs, so nothing is known"
    );
}

#[test]
fn a_function_has_no_properties() {
    let found = shown(
        "fn params() { #{ edge: 0.05 } }\nfn on_odds(market, ctx) { if params.edge > 1.0 { return; } }",
    );
    assert!(
        found.contains("settings are read as ctx.params.name"),
        "{found}"
    );
}

#[test]
fn what_a_helper_gives_is_known() {
    let found = shown(
        "fn on_odds(market, ctx) { let r = shortest(market); if r.nam == \"x\" { return; } }\nfn shortest(market) { let best = (); for r in market.active { if best == () { best = r; } } return best; }",
    );
    assert!(found.contains("no property \"nam\""), "{found}");
    let found =
        shown("fn on_odds(market, ctx) { is_over(market) }\nfn is_over(market) { market.in_play }");
    assert!(found.contains("bad-return"), "{found}");
}

#[test]
fn settings_are_checked_both_ways() {
    insta::assert_snapshot!(shown("fn params() {\n    #{ stake: 2.0, edge: #{ default: 0.1 } }\n}\nfn on_odds(market, ctx) { back(1, 2.0, ctx.params.steak) }\nfn test_it(t) { t.param(\"egde\", 1.0); t.param(\"edge\", 1.0); }"), @r#"
    x.rhai:2:8: warning[unused-param]: the parameter "stake" is declared and never read
      2 |     #{ stake: 2.0, edge: #{ default: 0.1 } }
        |        ^
    read it as ctx.params.stake, or take it out

    x.rhai:2:20: warning[unused-param]: the parameter "edge" is declared and never read
      2 |     #{ stake: 2.0, edge: #{ default: 0.1 } }
        |                    ^
    read it as ctx.params.edge, or take it out

    x.rhai:4:51: error[unknown-param]: there is no parameter "steak"
      4 | fn on_odds(market, ctx) { back(1, 2.0, ctx.params.steak) }
        |                                                   ^
    did you mean "stake"?

    x.rhai:5:25: error[unknown-param]: there is no parameter "egde"
      5 | fn test_it(t) { t.param("egde", 1.0); t.param("edge", 1.0); }
        |                         ^
    did you mean "edge"?
    "#);
}

#[test]
fn functions_are_checked_by_name_and_use() {
    insta::assert_snapshot!(shown("const MOST = 3;\nfn on_odds(market, ctx) { }\nfn on_ods(market, ctx) { }\nfn on_close(market) { }\nfn helper() { }\nfn kelly(p) { kelly(p) }\nfn parms() { #{} }"), @r#"
    x.rhai:1:7: warning[unused-variable]: the constant "MOST" is not used
      1 | const MOST = 3;
        |       ^
    read it as global::MOST, or take it out

    x.rhai:3:4: error[unknown-callback]: on_ods is never called
      3 | fn on_ods(market, ctx) { }
        |    ^
    did you mean "on_odds"?

    x.rhai:4:4: error[unknown-callback]: on_close is never called
      4 | fn on_close(market) { }
        |    ^
    the host calls params(), markets() or markets(params), tables(), on_odds(market, ctx), on_order(order, ctx), on_settled(market, ctx)

    x.rhai:5:4: warning[unused-function]: the function helper is never called
      5 | fn helper() { }
        |    ^
    call it, take it out, or name it test_… to have it run as a test

    x.rhai:6:4: warning[shadowed-function]: kelly hides the function of the script API with this name
      6 | fn kelly(p) { kelly(p) }
        |    ^
    call it otherwise

    x.rhai:7:4: error[unknown-callback]: parms is never called
      7 | fn parms() { #{} }
        |    ^
    did you mean "params"?
    "#);
}

#[test]
fn a_finding_is_allowed_by_a_comment_and_an_idle_comment_is_found() {
    let allowed = "fn on_odds(market, ctx) {\n    let x = 1;     // check: allow unused-variable\n    // check: allow unused-variable: it is for later\n    let y = 2;\n}";
    assert_eq!(shown(allowed), "");
    insta::assert_snapshot!(shown("fn on_odds(market, ctx) {\n    // check: allow units\n    []\n    // check: allow unsued-param\n}"), @r#"
    x.rhai:2:5: warning[allow]: nothing here needs "allow units"
      2 |     // check: allow units
        |     ^
    take the comment out

    x.rhai:4:5: warning[allow]: there is no check "unsued-param" to allow
      4 |     // check: allow unsued-param
        |     ^
    did you mean "unused-param"?
    "#);
}

#[test]
fn what_does_not_compile_is_one_finding() {
    let found = Script::from_text("x", "fn on_odds(market, ctx) { steak }", &Overrides::new())
        .map(|s| s.check());
    assert!(found.is_err(), "what does not parse cannot be read");
    let found = check("fn on_odds(market) { [] }");
    assert_eq!(
        found.iter().map(|f| f.code).collect::<Vec<_>>(),
        [Code::WrongArity]
    );
    let found = check(
        "fn params() { #{ a: #{ default: 2, min: 3 } } }\nfn on_odds(market, ctx) { back(1, 2.0, ctx.params.a) }",
    );
    assert_eq!(
        found.iter().map(|f| f.code).collect::<Vec<_>>(),
        [Code::Compile]
    );
}

#[test]
fn nothing_is_found_in_the_strategies_that_are_known_to_be_right() {
    for folder in ["strategies", "tests/reference"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for path in crate::strategy::find(&[folder.display().to_string()], &folder).unwrap() {
            let found = Script::read(&path, &Overrides::new()).unwrap().check();
            assert!(found.is_empty(), "{}", found[0]);
        }
    }
    let guide = include_str!("../../../docs/strategies.md");
    let blocks = guide
        .split("```rhai\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    for text in blocks.chain([crate::strategy::template("x").as_str()]) {
        assert_eq!(shown(text), "", "{text}");
    }
}

#[test]
fn the_guide_explains_every_code() {
    let guide = include_str!("../../../docs/strategies.md");
    for code in Code::ALL {
        assert!(
            guide.contains(&format!("`{}`", code.as_str())),
            "{}",
            code.as_str()
        );
    }
}
