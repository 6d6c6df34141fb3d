//! Settings of a running host: edited, broken, mended, confirmed.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::counting;
use super::host::{Host, Place};

const START: &str = "[risk]\nmax_stake = 50\n";

fn place() -> Place {
    let place = Place::new(&[("fav", &counting("A"))]);
    place.write("config/bea.toml", START);
    place
}

fn write(place: &Place, text: &str) {
    place.write("config/bea.toml", text);
}

/// What the strategy's next version was refused for: it stakes 2.
fn stake_is_refused(place: &Place, host: &mut Host, version: &str) {
    fs::write(place.strategy("fav"), counting(version)).unwrap();
    host.hear("reloaded fav");
    host.hear(&format!("\"{version} "));
}

fn refusals(place: &Place) -> Vec<(String, Option<String>)> {
    let rows = place
        .reader()
        .rejections(&bea::ledger::Filter {
            limit: 100,
            ..Default::default()
        })
        .unwrap();
    rows.into_iter().map(|row| (row.code, row.limit)).collect()
}

#[test]
fn a_lower_limit_holds_at_once_a_higher_one_after_a_word_and_all_of_it_is_on_record() {
    let place = place();
    let mut host = place.start();
    let all = "[risk.together]\nmax_exposure = 77\n";
    write(&place, &format!("[risk]\nmax_stake = 1.5\n{all}"));
    let said = host.hear("setting changed: ");
    assert_eq!(
        said,
        "setting changed: risk.max_stake 50.0 -> 1.5 (config/bea.toml:2)"
    );
    host.hear("setting changed: risk.together.max_exposure");
    stake_is_refused(&place, &mut host, "B");

    // What is shown is what is in force.
    let shown = |host: &Host| {
        let answer = host.request("GET", "/api/v1/risk", "localhost");
        let risk: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let mut used = risk["data"]["used"].as_array().unwrap().iter();
        let found = used.find(|used| used["limit_name"] == "risk.together.max_exposure");
        found.unwrap()["limit"].clone()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while shown(&host) != "77.00" {
        assert!(Instant::now() < deadline, "{}", shown(&host));
    }

    write(&place, &format!("[risk]\nmax_stake = 20\n{all}"));
    let said = host.hear("setting changed: ");
    assert!(
        said.ends_with("it loosens a limit, and holds after `bea config apply`"),
        "{said}"
    );
    let (health, _) = host.until("waiting", |health| health["status"] == "warn");
    assert_eq!(health["checks"]["settings"][0]["waiting"], true);
    stake_is_refused(&place, &mut host, "C");

    let (code, said) = place.run(&["config", "apply"]);
    assert_eq!(code, Some(0), "{said}");
    host.hear("the looser limits were confirmed, and hold");
    host.until("well", |health| health["status"] == "pass");
    let before = place.bets().len();
    stake_is_refused(&place, &mut host, "D");
    host.until("betting", |_| place.bets().len() > before);
    host.stop();

    let refused = refusals(&place);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(
        refused
            .iter()
            .all(|(code, _)| code == "STAKE_TOO_LARGE" || code.contains("STAKE")),
        "{refused:?}"
    );
    let run = place.last_run();
    let kept = place.reader().configurations(run.run).unwrap();
    assert_eq!(kept.len(), 3);
    assert_eq!(kept[0].changes[0]["key"], "risk.max_stake");
    assert_eq!(kept[1].changes[0]["loosens"], true);
    let hashes: Vec<&str> = kept.iter().map(|row| row.config_hash.as_str()).collect();
    assert_eq!(hashes[0], hashes[1], "what waits is not in force");
    assert_ne!(hashes[1], hashes[2]);
    assert!(
        kept[0].after_record <= kept[1].after_record && kept[1].after_record < kept[2].after_record
    );
    assert_eq!(place.reader().audit().unwrap(), []);
}

#[test]
fn what_is_wrong_is_refused_whole_and_what_needs_a_restart_is_said() {
    let place = place();
    let mut host = place.start();
    write(&place, "[risk]\nmax_stake = 1\nmax_stak = 2\n");
    let said = host.hear("the changed settings are refused");
    assert!(
        said.contains("config/bea.toml:3") && said.contains("did you mean `risk.max_stake`"),
        "{said}"
    );
    let (health, _) = host.until("warning", |health| health["status"] == "warn");
    let notes = health["notes"].to_string();
    assert!(notes.contains("what was in force stays"), "{notes}");
    // Commands refuse such a file, and this one asks the host all the same.
    let asked = place
        .command(&["health"])
        .env("BEA__HTTP__BIND", host.address())
        .output()
        .unwrap();
    let said = String::from_utf8(asked.stdout).unwrap();
    assert_eq!(asked.status.code(), Some(0), "{said}");
    assert!(
        said.starts_with("warn  DRY_RUN, betting is ACTIVE"),
        "{said}"
    );
    assert!(said.contains("what was in force stays"), "{said}");
    let remarks = String::from_utf8(asked.stderr).unwrap();
    assert!(remarks.contains("config/bea.toml:3"), "{remarks}");
    write(&place, START);
    host.hear("the settings are as they were, and right again");
    host.until("well", |health| health["status"] == "pass");

    write(&place, &format!("mode = \"LIVE\"\n{START}"));
    host.hear("this host stays in DRY_RUN: LIVE begins at the next start");
    write(
        &place,
        &format!("{START}[log]\nlevel = \"debug\"\n[run]\nkeep_state = false\n"),
    );
    host.hear("log.level \"info\" -> \"debug\"");
    let said = host.hear("run.keep_state ");
    assert!(
        said.ends_with("it takes effect at the next start"),
        "{said}"
    );
    // The level holds: an order that leaves is told of, under the id that the ledger has.
    fs::write(place.strategy("fav"), counting("B")).unwrap();
    let line = host.hear("order_leaves");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    host.until("two bets", |_| place.bets().len() == 2);
    let ids: Vec<String> = place.bets().into_iter().map(|bet| bet.bet).collect();
    assert!(
        ids.contains(&line["intent_id"].as_str().unwrap().to_owned()),
        "{line} {ids:?}"
    );
    let waits = |health: &serde_json::Value| health["checks"]["settings"][0]["restart"].clone();
    host.until("waiting for a start", |health| {
        waits(health)[0] == "run.keep_state"
    });
    write(&place, START);
    host.hear("it is again what this host began with");
    host.until("nothing that waits", |health| waits(health)[0].is_null());
    host.stop();
    let bets = place.bets();
    assert!(bets.iter().all(|bet| bet.run == place.last_run().run));
}

#[test]
fn a_hangup_has_the_settings_read_and_the_log_begun_anew() {
    let place = place();
    write(
        &place,
        "[config]\nwatch = false\n[log]\nfile = \"logs/bea.log\"\n",
    );
    let mut host = place.start();
    let log = place.path("logs/bea.log");
    fs::rename(&log, place.path("logs/old")).unwrap();
    write(
        &place,
        "[config]\nwatch = false\n[log]\nfile = \"logs/bea.log\"\n[risk]\nmax_stake = 3\n",
    );
    host.signal("-HUP");
    host.hear("setting changed: risk.max_stake");
    host.stop();
    let new = fs::read_to_string(&log).unwrap();
    assert!(new.contains("risk.max_stake"), "{new}");
    let documents = new.lines().map(serde_json::from_str::<serde_json::Value>);
    assert!(
        documents.into_iter().all(|document| document.is_ok()),
        "{new}"
    );
    assert!(
        !fs::read_to_string(place.path("logs/old"))
            .unwrap()
            .contains("risk.max_stake")
    );
}

#[test]
fn hosts_that_die_one_after_the_other_end_with_betting_halted() {
    let place = place();
    for _ in 0..3 {
        let host = place.start();
        host.signal("-KILL");
        drop(host);
    }
    let mut host = place.start();
    let said = host.said().join("\n");
    assert!(
        said.contains("betting is HALTED: 3 hosts died within ten minutes"),
        "{said}"
    );
    host.stop();
    assert!(place.path("data/KILL").exists());
    let (code, said) = place.run(&["resume", "--reason", " "]);
    assert_eq!(code, Some(2), "a reason says something: {said}");
    let (code, said) = place.run(&["resume", "--reason", "found the cause"]);
    assert_eq!(code, Some(0), "{said}");
    let mut host = place.start();
    host.until("well", |health| {
        health["checks"]["mode"][0]["trading"] == "ACTIVE"
    });
    host.stop();
}

#[test]
fn a_full_disk_forbids_orders() {
    let place = place();
    assert!(Path::new("/").is_dir());
    write(&place, "[fence]\ndisk_free_mib = 1000000\n");
    let mut host = place.start();
    host.hear("DISK_LOW: no orders are placed");
    let (health, _) = host.until("fenced", |health| health["status"] == "warn");
    assert!(
        health["checks"]["fences"][0]["output"]
            .as_str()
            .unwrap()
            .contains("MiB free"),
        "{health:#}"
    );
    host.stop();
    let codes: Vec<String> = refusals(&place).into_iter().map(|(code, _)| code).collect();
    assert!(codes.iter().all(|code| code == "HEALTH_FENCE"), "{codes:?}");
}
