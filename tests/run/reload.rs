//! A reload as a transaction, and the history of versions.

use std::fs;

use serde_json::Value;

use crate::host::{Place, strategy};
use crate::{BROKEN, counting};

/// Backs runner 7 at every call with this stake; the risk gate lets one of them through.
fn staking(stake: &str) -> String {
    format!("fn on_odds(market, ctx) {{ back(market.runner(7), 3.0, {stake}) }}\n")
}

fn history(place: &Place, name: &str) -> Vec<(String, String)> {
    let shown = place.json(&["strategies", "show", name]);
    let text = |version: &Value, field: &str| version[field].as_str().unwrap().to_owned();
    let versions = shown["versions"].as_array().unwrap().iter();
    versions
        .map(|version| (text(version, "hash"), text(version, "verdict")))
        .collect()
}

#[test]
fn a_new_version_is_watched_beside_the_old_one_before_it_takes_over() {
    let place = Place::new(&[("fav", &staking("2.0"))]);
    let shadowed = ["--set", "run.shadow_updates=10"];
    let data = ["--data", "long.jsonl", "--speed", "10"];
    let mut host = place.start_with(&[&data[..], &shadowed].concat());
    let first = host.hash_of("fav");
    fs::write(place.strategy("fav"), staking("5.0")).unwrap();
    host.hear("watching fav ");
    let told = host.hear("beside the version that runs, over 10 updates");
    assert!(
        told.ends_with("0 intents alike, 10 changed, 0 more, 0 fewer"),
        "{told}"
    );
    let example = host.hear("instead of");
    assert!(
        example.contains("stake 5.00") && example.contains("stake 2.00"),
        "{example}"
    );
    host.hear("reloaded fav");
    host.until("told", |health| {
        let shadow = &strategy(health, "fav")["shadow"];
        shadow["over"] == true && shadow["found"]["changed"] == 10
    });
    assert_ne!(host.hash_of("fav"), first);

    // A version that fails on the live feed never takes over, though it compiles.
    let second = host.hash_of("fav");
    fs::write(
        place.strategy("fav"),
        "fn on_odds(market, ctx) { market.no_such_thing }\n",
    )
    .unwrap();
    let kept = host.hear("kept ");
    assert!(
        kept.contains(&second[..12]) && kept.contains("fav.rhai:1:"),
        "{kept}"
    );
    let (health, _) = host.until("warned", |health| health["status"] == "warn");
    assert_eq!(strategy(&health, "fav")["hash"], second.as_str());
    assert_eq!(strategy(&health, "fav")["standing"], "running");
    host.stop();
    let verdicts: Vec<String> = history(&place, "fav").into_iter().map(|(_, v)| v).collect();
    assert_eq!(verdicts, ["ACCEPTED", "ACCEPTED", "REFUSED"]);
    assert_eq!(place.reader().audit().unwrap(), []);
}

#[test]
fn every_version_is_kept_and_can_be_shown_compared_and_brought_back() {
    let place = Place::new(&[("fav", &counting("A"))]);
    let mut host = place.start();
    host.hear("\"A 1\"");
    let first = host.hash_of("fav");
    fs::write(place.strategy("fav"), counting("B")).unwrap();
    host.until_swapped("fav", &first);
    let second = host.hash_of("fav");
    fs::write(place.strategy("fav"), BROKEN).unwrap();
    host.hear("kept ");

    let versions = history(&place, "fav");
    let accepted = |hash: &str| (hash.to_owned(), "ACCEPTED".to_owned());
    assert_eq!(versions[..2], [accepted(&first), accepted(&second)]);
    assert_eq!(versions[2].1, "REFUSED");
    let shown = place.json(&["strategies", "show", "fav", &versions[2].0[..8]]);
    assert_eq!(shown["source"], BROKEN);
    assert!(
        shown["shown"]["reason"]
            .as_str()
            .unwrap()
            .starts_with("strategies/fav.rhai:2:13: ")
    );

    let diff = place.json(&["strategies", "diff", "fav", &first[..8], &second[..8]]);
    let diff = diff["diff"].as_str().unwrap();
    assert!(diff.contains("-    ctx.log(`A ${this.calls}`);"), "{diff}");
    assert!(diff.contains("+    ctx.log(`B ${this.calls}`);"), "{diff}");
    let listed = place.json(&["strategies"]);
    assert_eq!(listed["strategies"][0]["status"], "broken");
    assert_eq!(listed["strategies"][0]["hash"], second.as_str());

    // A rollback under the host: the file is back, and the host takes it over.
    let back = place.json(&["strategies", "rollback", "fav", &first[..8]]);
    assert_eq!(
        (&back["hash"], &back["changed"]),
        (&first.as_str().into(), &true.into())
    );
    assert_eq!(
        fs::read_to_string(place.strategy("fav")).unwrap(),
        counting("A")
    );
    host.until("back", |health| {
        let fav = strategy(health, "fav");
        health["status"] == "pass" && fav["hash"] == first.as_str() && fav["bets"] == 3
    });
    host.stop();
    let listed = place.json(&["strategies"]);
    assert_eq!(listed["strategies"][0]["status"], "current");
    assert_eq!(listed["strategies"][0]["bets"], 3);
    let left: Vec<_> = fs::read_dir(place.path("strategies")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left beside the file: {left:?}");
}

#[test]
fn a_rollback_keeps_what_it_replaces_and_refuses_what_does_not_run() {
    let place = Place::new(&[("fav", &counting("A"))]);
    let run = ["run", "--data", "long.jsonl", "--speed", "max"];
    place.json(&run);
    let first = history(&place, "fav")[0].0.clone();
    // Never run, so only the rollback can keep it.
    fs::write(place.strategy("fav"), counting("unseen")).unwrap();
    place.json(&["strategies", "rollback", "fav", &first]);
    let versions = history(&place, "fav");
    assert_eq!(versions[1].1, "KEPT");
    place.json(&["strategies", "rollback", "fav", &versions[1].0[..12]]);
    assert_eq!(
        fs::read_to_string(place.strategy("fav")).unwrap(),
        counting("unseen")
    );

    fs::write(place.strategy("fav"), BROKEN).unwrap();
    fs::write(place.strategy("other"), counting("O")).unwrap();
    place.json(&run);
    let broken = history(&place, "fav").pop().unwrap().0;
    fs::write(place.strategy("fav"), counting("A")).unwrap();
    let (code, said) = place.run(&["strategies", "rollback", "fav", &broken]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("fav.rhai:2:13"), "{said}");
    assert_eq!(
        fs::read_to_string(place.strategy("fav")).unwrap(),
        counting("A")
    );
    let (code, said) = place.run(&["strategies", "rollback", "fav", "ffff0000"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains(&first[..12]), "{said}");
}

#[test]
fn a_changed_table_reloads_the_strategy_that_reads_it() {
    let reading = "fn tables() { #{ elo: \"elo.csv\" } }
fn on_odds(market, ctx) { ctx.log(`rated ${ctx.tables.elo.get(\"x\", \"elo\")}`); }
";
    let place = Place::new(&[]);
    place.write("strategies/elo.csv", "name,elo\nx,one\n");
    fs::write(place.strategy("fav"), reading).unwrap();
    let mut host = place.start();
    host.hear("rated one");
    place.write("strategies/elo.csv", "name,elo\nx,two\n");
    host.hear("reloaded fav");
    host.hear("rated two");
    host.stop();
    let shown = place.json(&["strategies", "diff", "fav", &history(&place, "fav")[0].0]);
    assert!(
        shown["diff"].as_str().unwrap().contains("-x,one\n+x,two"),
        "{shown}"
    );
}
