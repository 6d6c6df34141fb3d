//! An example of each property and method of the host's values, all in one scene. What the maths and the ladders do is
//! shown where they are registered.

use super::super::names::Entry;

/// What the examples name, as the body of a test begins.
pub(super) const SCENE: &str = r#"let market = t.market(#{ id: "1.1", type: "WIN", country: "GB", course: "Warwick", name: "2m Hcap", event: "Warwick 30th Mar",
    event_id: "30385765", bsp: true, total_matched: 5000.0, runners: [
    #{ id: 1, name: "Red", back: [[3.0, 10.0], [2.9, 20.0]], lay: [[3.1, 5.0], [3.2, 10.0]],
       traded: [[3.0, 30.0], [3.1, 10.0]], total_matched: 40.0, last_traded: 3.1, sp_near: 3.02, sp_far: 3.4 },
    #{ id: 2, name: "Blue", back: [[1.5, 30.0]], lay: [[1.52, 40.0]] } ] });
let order = t.order(#{ runner: 1, side: "BACK", price: 3.0, size: 10.0, matched: 10.0, state: "EXECUTION_COMPLETE" });
let waiting = t.order(#{ runner: 2, side: "LAY", price: 1.5, size: 4.0, age_ms: 2000, tag: "late" });
let ctx = t.ctx;
let runner = market.runner(1);
let quote = runner.best_back;
let position = ctx.position(runner);
let intent = back(runner, 3.0, 2.0);
let grid = dixon_coles_grid(1.5, 1.1, -0.1);
let football = t.market(#{ venue: "bookmakers", sport: "football", type: "MATCH_ODDS", competition: "Premier League", score: [2, 1],
    runners: [ #{ id: 1, name: "Home", quotes: [["pinnacle", 2.0, 500.0], ["B365", 1.95]] },
        #{ id: 2, name: "Draw", quotes: [["pinnacle", 3.5], ["B365", 3.6]] },
        #{ id: 3, name: "Away", quotes: [["pinnacle", 4.0], ["B365", 3.9]] } ] });
"#;

/// What is shown, and its example as `expression → value`.
const EXAMPLES: &[(&str, &str)] = &[
    ("market.id", "market.id → \"1.1\""),
    ("market.venue", "market.venue → \"betfair\""),
    ("market.status", "market.status → \"OPEN\""),
    ("market.type", "market.type → \"WIN\""),
    ("market.sport", "market.sport → \"horse_racing\""),
    ("market.country", "market.country → \"GB\""),
    ("market.course", "market.course → \"Warwick\""),
    ("market.name", "market.name → \"2m Hcap\""),
    ("market.event", "market.event → \"Warwick 30th Mar\""),
    ("market.event_id", "market.event_id → \"30385765\""),
    (
        "market.competition",
        "football.competition → \"Premier League\"",
    ),
    ("market.score", "football.score → [2, 1]"),
    ("market.in_play", "market.in_play → false"),
    ("market.bsp", "market.bsp → true"),
    ("market.bsp_reconciled", "market.bsp_reconciled → false"),
    ("market.seconds_to_start", "market.seconds_to_start → 60.0"),
    ("market.number_of_winners", "market.number_of_winners → 1"),
    ("market.bet_delay", "market.bet_delay → 0"),
    ("market.commission", "market.commission → 0.05"),
    ("market.total_matched", "market.total_matched → 5000.0"),
    ("market.overround", "market.overround → 1.0"),
    ("market.underround", "market.underround → 0.980475"),
    ("market.runners", "market.runners[0].name → \"Red\""),
    ("market.active", "market.active.len → 2"),
    ("market.best_backs()", "market.best_backs() → [3.0, 1.5]"),
    ("market.best_lays()", "market.best_lays() → [3.1, 1.52]"),
    ("market.runner(id)", "market.runner(2).name → \"Blue\""),
    ("market.books", "football.books → [\"pinnacle\", \"B365\"]"),
    (
        "market.overround(book)",
        "football.overround(\"pinnacle\") → 1.035714",
    ),
    (
        "market.implied(book)",
        "football.implied(\"pinnacle\") → [0.5, 0.285714, 0.25]",
    ),
    (
        "market.fair(book)",
        "football.fair(\"pinnacle\") → [0.488139, 0.273582, 0.238279]",
    ),
    (
        "market.fair(book, method)",
        "football.fair(\"pinnacle\", \"multiplicative\") → [0.482759, 0.275862, 0.241379]",
    ),
    ("market.ticks(price, n)", "market.ticks(3.0, 1) → 3.05"),
    (
        "market.ticks_between(from, to)",
        "market.ticks_between(1.5, 1.52) → 2",
    ),
    (
        "market.nearest_price(odds)",
        "market.nearest_price(3.03) → 3.05",
    ),
    ("market.runners.len", "market.runners.len → 2"),
    ("market.runners.len()", "market.active.len() → 2"),
    (
        "market.runners.to_array()",
        "market.active.to_array().map(|runner| runner.key) → [\"1\", \"2\"]",
    ),
    ("runner.id", "runner.id → 1"),
    ("runner.key", "runner.key → \"1\""),
    ("runner.handicap", "runner.handicap → 0.0"),
    ("runner.name", "runner.name → \"Red\""),
    ("runner.status", "runner.status → \"ACTIVE\""),
    ("runner.is_active", "runner.is_active → true"),
    ("runner.best_back", "runner.best_back.price → 3.0"),
    ("runner.best_lay", "runner.best_lay.size → 5.0"),
    ("runner.last_traded", "runner.last_traded → 3.1"),
    ("runner.total_matched", "runner.total_matched → 40.0"),
    ("runner.bsp", "runner.bsp → ()"),
    ("runner.sp_near", "runner.sp_near → 3.02"),
    ("runner.sp_far", "runner.sp_far → 3.4"),
    ("runner.quotes", "football.active[0].quotes.len() → 2"),
    (
        "runner.quote(book)",
        "football.active[0].quote(\"B365\").price → 1.95",
    ),
    (
        "runner.back_depth(levels)",
        "runner.back_depth(2)[1].price → 2.9",
    ),
    ("runner.lay_depth(levels)", "runner.lay_depth(1).len() → 1"),
    (
        "runner.size_at(side, price)",
        "runner.size_at(\"BACK\", 2.9) → 20.0",
    ),
    ("runner.traded_at(price)", "runner.traded_at(3.0) → 30.0"),
    ("quote.price", "quote.price → 3.0"),
    ("quote.size", "quote.size → 10.0"),
    ("quote.book", "quote.book → \"betfair\""),
    ("quote.updated_at_ms", "quote.updated_at_ms → ()"),
    ("ctx.params", "ctx.params.stake → 2.0"),
    ("ctx.tables", "ctx.tables.ratings.len → 2"),
    ("ctx.now_ms", "ctx.now_ms → 1699999940000"),
    ("ctx.bankroll", "ctx.bankroll → 1000.0"),
    ("ctx.exposure", "ctx.exposure → 0.0"),
    ("ctx.orders", "ctx.orders[0].tag → \"late\""),
    ("ctx.all_orders", "ctx.all_orders.len → 2"),
    ("ctx.position(runner)", "ctx.position(runner).backed → 10.0"),
    ("ctx.log(text)", "ctx.log(`price ${quote.price}`) → ()"),
    ("ctx.orders.len", "ctx.orders.len → 1"),
    ("ctx.orders.len()", "ctx.all_orders.len() → 2"),
    (
        "ctx.orders.to_array()",
        "ctx.orders.to_array().map(|order| order.price) → [1.5]",
    ),
    ("order.id", "order.id == waiting.id → false"),
    ("order.runner_id", "order.runner_id → 1"),
    ("order.runner_key", "order.runner_key → \"1\""),
    ("order.side", "order.side → \"BACK\""),
    ("order.type", "order.type → \"LIMIT\""),
    ("order.price", "order.price → 3.0"),
    ("order.size", "order.size → 10.0"),
    ("order.matched", "order.matched → 10.0"),
    ("order.remaining", "waiting.remaining → 4.0"),
    ("order.average_price", "order.average_price → 3.0"),
    ("order.state", "waiting.state → \"EXECUTABLE\""),
    (
        "order.is_live",
        "[order.is_live, waiting.is_live] → [false, true]",
    ),
    ("order.cancel_pending", "waiting.cancel_pending → false"),
    ("order.persistence", "waiting.persistence → \"LAPSE\""),
    ("order.update_pending", "waiting.update_pending → false"),
    ("order.book", "order.book → ()"),
    (
        "order.requested_at_ms",
        "waiting.requested_at_ms → 1699999938000",
    ),
    ("order.placed_at_ms", "waiting.placed_at_ms → 1699999938000"),
    ("order.age_ms", "waiting.age_ms → 2000"),
    ("order.tag", "waiting.tag → \"late\""),
    ("order.profit", "order.profit → ()"),
    ("position.if_win", "position.if_win → 20.0"),
    ("position.if_lose", "position.if_lose → -10.0"),
    ("position.backed", "position.backed → 10.0"),
    ("position.laid", "position.laid → 0.0"),
    ("position.back_price", "position.back_price → 3.0"),
    ("position.lay_price", "position.lay_price → ()"),
    ("ctx.tables.NAME.len", "ctx.tables.ratings.len → 2"),
    (
        "ctx.tables.NAME.get(key, column)",
        "ctx.tables.ratings.get(\"Red\", \"elo\") → 1500.0",
    ),
    (
        "ctx.tables.NAME.row(key)",
        "ctx.tables.ratings.row(\"Blue\") → #{ team: \"Blue\", elo: 1700.5 }",
    ),
    (
        "back(runner, price, stake)",
        "back(runner, 3.0, 2.0).liability → 2.0",
    ),
    (
        "lay(runner, price, stake)",
        "lay(runner, 3.0, 2.0).liability → 4.0",
    ),
    (
        "back_on_close(runner, liability)",
        "back_on_close(runner, 10.0).type → \"MARKET_ON_CLOSE\"",
    ),
    (
        "lay_on_close(runner, liability)",
        "lay_on_close(runner, 10.0).liability → 10.0",
    ),
    ("cancel(order)", "cancel(waiting).action → \"CANCEL\""),
    ("cancel(order, size)", "cancel(waiting, 1.0).size → 1.0"),
    (
        "replace(order, price)",
        "replace(waiting, 1.52).price → 1.52",
    ),
    (
        "update(order, persistence)",
        "update(waiting, \"PERSIST\").persistence → \"PERSIST\"",
    ),
    (
        "intent.persist()",
        "intent.persist().persistence → \"PERSIST\"",
    ),
    (
        "intent.keep_to_sp()",
        "intent.keep_to_sp().persistence → \"MARKET_ON_CLOSE\"",
    ),
    (
        "intent.fill_or_kill()",
        "intent.fill_or_kill().action → \"PLACE\"",
    ),
    (
        "intent.fill_or_kill(min_size)",
        "intent.fill_or_kill(1.0).action → \"PLACE\"",
    ),
    (
        "intent.limit(price)",
        "lay_on_close(runner, 10.0).limit(4.0).price → 4.0",
    ),
    (
        "intent.book(name)",
        "back(football.active[0], 1.95, 2.0).book(\"B365\").book → \"B365\"",
    ),
    (
        "intent.reason(text)",
        "intent.reason(\"it drifts\").reason → \"it drifts\"",
    ),
    (
        "intent.probability(p)",
        "intent.probability(0.35).probability → 0.35",
    ),
    ("intent.tag(text)", "intent.tag(\"late\").tag → \"late\""),
    ("intent.action", "intent.action → \"PLACE\""),
    ("intent.runner_id", "intent.runner_id → 1"),
    ("intent.runner_key", "intent.runner_key → \"1\""),
    ("intent.side", "intent.side → \"BACK\""),
    ("intent.type", "intent.type → \"LIMIT\""),
    ("intent.price", "intent.price → 3.0"),
    ("intent.stake", "intent.stake → 2.0"),
    ("intent.size", "intent.size → 2.0"),
    ("intent.liability", "intent.liability → 2.0"),
    ("intent.persistence", "intent.persistence → \"LAPSE\""),
    ("intent.book", "intent.book → ()"),
    ("intent.reason", "intent.reason → ()"),
    ("intent.probability", "intent.probability → ()"),
    ("intent.tag", "intent.tag → ()"),
    (
        "intent.order_id",
        "cancel(waiting).order_id == waiting.id → true",
    ),
    (
        "intent.wrong",
        "back(runner, -1.0, 2.0).wrong → \"a price is decimal odds from 0 to 1000000\"",
    ),
    ("grid.home", "grid.home → 0.451989"),
    ("grid.draw", "grid.draw → 0.282177"),
    ("grid.away", "grid.away → 0.265833"),
    ("grid.both_score", "grid.both_score → 0.530527"),
    ("grid.draw_no_bet", "grid.draw_no_bet → 0.629667"),
    ("grid.home_to_nil", "grid.home_to_nil → 0.246342"),
    ("grid.away_to_nil", "grid.away_to_nil → 0.136601"),
    (
        "grid.most_goals",
        "poisson_grid(1.5, 1.1, 10).most_goals → 10",
    ),
    (
        "t.market(map)",
        "t.market(#{ type: \"PLACE\", number_of_winners: 3 }).type → \"PLACE\"",
    ),
    (
        "t.fixture(name)",
        "t.fixture(\"late\").seconds_to_start → 10.0",
    ),
    (
        "t.fixture(name, changes)",
        "t.fixture(\"late\", #{ in_play: true }).in_play → true",
    ),
    (
        "t.later(market, seconds)",
        "t.later(market, 5).seconds_to_start → 55.0",
    ),
    ("t.order(map)", "t.order(#{ size: 5.0 }).remaining → 5.0"),
    (
        "t.wants(market)",
        "[t.wants(market), t.wants(football)] → [true, false]",
    ),
    (
        "t.param(name, value)",
        "t.param(\"stake\", 5.0); t.odds(market)[0].stake → 5.0",
    ),
    (
        "t.bankroll(amount)",
        "t.bankroll(50.0); t.ctx.bankroll → 50.0",
    ),
    ("t.odds(market)", "t.odds(market)[0].stake → 2.0"),
    (
        "t.changed(order)",
        "t.changed(waiting)[0].action → \"CANCEL\"",
    ),
    (
        "t.settled(market)",
        "t.settled(market); t.state.settled → \"1.1\"",
    ),
    (
        "t.eq(found, expected)",
        "t.eq(back(runner, 3, 2), intent) → ()",
    ),
    (
        "t.near(found, expected, within)",
        "t.near(1.0 / 3.0, 0.333, 0.001) → ()",
    ),
    (
        "t.snapshot(name, value)",
        "t.snapshot(\"bets\", t.odds(market)) → ()",
    ),
    ("t.ok(condition)", "t.ok(market.in_play == false) → ()"),
    (
        "t.ok(condition, message)",
        "t.ok(market.active.len > 1, \"one runner is no race\") → ()",
    ),
    ("t.ctx", "t.ctx.bankroll → 1000.0"),
    ("t.state", "t.odds(market); t.state.calls → 1"),
    ("t.log", "t.odds(market); t.log → [\"call 1\"]"),
];

/// Gives each entry that has no example the one that stands here.
pub(super) fn fill(entries: &mut [Entry], shown: impl Fn(&Entry) -> String) {
    for entry in entries.iter_mut().filter(|entry| entry.example.is_empty()) {
        let name = shown(entry);
        let known = EXAMPLES.iter().find(|(of, _)| *of == name);
        entry.example = known.map_or("", |(_, example)| example);
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::reference::{entries, shown};
    use super::*;
    use crate::strategy::{Overrides, Script, Snapshots};

    /// The strategy whose tests the examples are.
    const STRATEGY: &str = r#"
fn params() { #{ stake: 2.0 } }
fn tables() { #{ ratings: "ratings.csv" } }
fn markets() { #{ sport: "horse_racing" } }
fn on_odds(market, ctx) {
    this.calls = (this.get("calls") ?? 0) + 1;
    ctx.log(`call ${this.calls}`);
    back(market.active[0], 3.0, ctx.params.stake)
}
fn on_order(order, ctx) { cancel(order) }
fn on_settled(market, ctx) { this.settled = market.id; }
"#;

    /// Numbers to half a unit of the sixth decimal, arrays and maps by their items.
    const ALIKE: &str = r#"
fn alike(a, b) {
    if type_of(a) == "array" && type_of(b) == "array" {
        if a.len() != b.len() { return false; }
        for at in 0..a.len() { if !alike(a[at], b[at]) { return false; } }
        return true;
    }
    if type_of(a) == "map" && type_of(b) == "map" {
        if a.keys().len() != b.keys().len() { return false; }
        for key in a.keys() { if !(key in b) || !alike(a[key], b[key]) { return false; } }
        return true;
    }
    let numbers = ["i64", "f64"];
    if type_of(a) in numbers && type_of(b) in numbers { return abs(a + 0.0 - b) <= 0.00000051; }
    type_of(a) == type_of(b) && a == b
}
"#;

    #[test]
    fn each_example_gives_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        put("ratings.csv", "team,elo\nRed,1500\nBlue,1700.5\n");
        put(
            "fixtures/late.json",
            r#"{ "schema": "bea.fixture/1", "market": { "seconds_to_start": 10 } }"#,
        );
        let tests: Vec<String> = entries().iter().enumerate().map(test).collect();
        // A script holds a limited number of functions.
        for part in tests.chunks(40) {
            let path = put(
                "examples.rhai",
                &format!("{STRATEGY}{ALIKE}{}", part.concat()),
            );
            let script = Script::read(&path, &Overrides::new()).unwrap();
            let report = script.test_with(Snapshots::Accept);
            let report = report.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(report.tests.len(), part.len());
            assert!(report.passed(), "{report}");
        }
    }

    /// An example as a test. What stands before its last `;` comes first.
    fn test((at, entry): (usize, &Entry)) -> String {
        let (expression, value) = entry.example.split_once(" → ").expect(entry.example);
        let (before, last) = expression.rsplit_once("; ").unwrap_or(("", expression));
        let mut text = String::new();
        let _infallible = writeln!(
            text,
            "fn test_{at}(t) {{ {SCENE} {before}; let found = {last}; t.ok(alike(found, {value}), `{}: found ${{found}}`); }}",
            entry.example.replace('`', "'").replace("${", "{")
        );
        text
    }

    #[test]
    fn everything_that_scripts_can_use_has_an_example() {
        let all = entries();
        assert!(all.len() > 250, "only {}", all.len());
        for entry in &all {
            let is_told = !entry.what.is_empty() && !entry.group.is_empty();
            assert!(is_told && !entry.example.is_empty(), "{}", shown(entry));
        }
        for (name, _) in EXAMPLES {
            let used = all.iter().any(|entry| shown(entry) == *name);
            assert!(used, "{name} is not there, or has another example");
        }
    }
}
