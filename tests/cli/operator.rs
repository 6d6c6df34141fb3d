//! What an operator asks for: a new project, whether all is fit, the settings' schema, manual pages.

use crate::bea::Bench;

#[test]
fn a_new_project_is_fit_to_run_and_writes_over_nothing() {
    let bench = Bench::new();
    let document = bench.json("init shop --json");
    assert_eq!(document["wrote"].as_array().unwrap().len(), 4, "{document}");
    let ignored = bench.read("shop/.gitignore");
    assert!(
        ignored.contains("bea.local.toml") && ignored.contains("/secrets"),
        "{ignored}"
    );
    bench.write("shop/config/bea.local.toml", "[log]\nlevel = \"warn\"\n");
    let again = bench.json("init shop --json");
    assert_eq!(again["wrote"], serde_json::json!([]));
    assert_eq!(
        bench.read("shop/config/bea.local.toml"),
        "[log]\nlevel = \"warn\"\n"
    );
    let config = "--config shop/config/bea.toml --set run.strategies=shop/strategies";
    let shown = bench.json(&format!("config show --json {config}"));
    let lines = shown["settings"].as_array().unwrap();
    let level = lines
        .iter()
        .find(|line| line["key"] == "log.level")
        .unwrap();
    assert_eq!(
        (&level["value"], &level["takes_effect"]),
        (&"warn".into(), &"live".into())
    );
    bench.run(&format!("test {config}")).succeeded();
    let doctor = bench.json(&format!(
        "doctor --json {config} --set http.bind=127.0.0.1:0"
    ));
    assert_eq!(doctor["status"], "warn", "nobody would be told: {doctor:#}");
    let checks = doctor["checks"].as_array().unwrap();
    let of = |name: &str| {
        checks
            .iter()
            .find(|check| check["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(of("strategies")["status"], "pass");
    assert!(of("disk")["found"].as_str().unwrap().ends_with("MiB free"));
}

#[test]
fn the_doctor_says_what_would_keep_a_host_from_running() {
    let bench = Bench::new();
    bench.write(
        "strategies/bad.rhai",
        "fn on_odds(market, ctx) { let x = ; }",
    );
    bench.write("data/KILL", "");
    let key = rcgen::KeyPair::generate().unwrap();
    let mut ended = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    ended.not_after = rcgen::date_time_ymd(2020, 1, 2);
    bench.write("tls.crt", ended.self_signed(&key).unwrap().pem());
    bench.write("tls.key", key.serialize_pem());
    // A venue at which nobody listens.
    let venue = "--set run.feed=odds-api --set odds_api.url=http://127.0.0.1:1";
    let tls = "--set http.tls_certificate=tls.crt --set http.tls_key=tls.key";
    let outcome = bench
        .run(&format!(
            "doctor --set fence.disk_free_mib=1000000 {venue} {tls}"
        ))
        .ended_with(6);
    for part in [
        "fail  disk",
        "fence.disk_free_mib asks for 1000000",
        "warn  kill switch",
        "betting is HALTED",
        "fail  strategies",
        "these do not compile: bad",
        "fail  certificate  http.tls_certificate ended on 2020-01-02T00:00:00.000Z",
        "fail  venue        http://127.0.0.1:1 cannot be reached",
    ] {
        assert!(outcome.out.contains(part), "no {part:?}:\n{}", outcome.out);
    }
}

#[test]
fn settings_can_be_validated_compared_and_described() {
    let bench = Bench::new();
    bench.write("config/bea.toml", "[risk]\nmax_stake = 7\n");
    let valid = bench.json("config validate --json --set risk.max_stake=8");
    assert_eq!(valid["valid"], true);
    assert!(
        valid["notes"][0]
            .as_str()
            .unwrap()
            .contains("config/bea.toml:2 is tighter"),
        "{valid}"
    );
    bench.write("wrong.toml", "[risk]\nmax_stake = \"x\"\nmin_stak = 1\n");
    bench
        .run("config validate --config wrong.toml")
        .ended_with(3)
        .saying(&["2 settings are wrong", "wrong.toml:2", "wrong.toml:3"]);
    let diff = bench.run("config diff").succeeded().out;
    assert_eq!(
        diff,
        "risk.max_stake 100.0 -> 7.0 (config/bea.toml:2), live\n"
    );
    let diff = bench.json("config diff config/bea.toml --json --set log.level=debug");
    assert_eq!(diff["changes"].as_array().unwrap().len(), 1);
    assert_eq!(diff["changes"][0]["origin"], "command line");
    let schema = bench.json("config schema");
    assert_eq!(
        schema["properties"]["risk"]["properties"]["max_stake"]["maximum"],
        10_000.0
    );
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let confirmed = bench.json("config apply --json");
    let hash = confirmed["limits_hash"].as_str().unwrap();
    assert_eq!(bench.read("data/CONFIRMED").trim(), hash);
}

#[test]
fn more_is_logged_with_v_and_a_profile_is_a_file_of_its_folder() {
    let bench = Bench::new();
    bench.write("config/bea.toml", "");
    bench.write("config/profiles/quiet.toml", "[log]\nlevel = \"error\"\n");
    for (arguments, level) in [
        ("", "info"),
        ("-v", "debug"),
        ("-vv", "trace"),
        ("--profile quiet", "error"),
    ] {
        let shown = bench.json(&format!("config show --json {arguments}"));
        let lines = shown["settings"].as_array().unwrap();
        let found = lines
            .iter()
            .find(|line| line["key"] == "log.level")
            .unwrap();
        assert_eq!(found["value"], level, "{arguments}");
    }
    bench
        .run("config show --profile loud")
        .ended_with(3)
        .saying(&["profiles/loud.toml"]);
}

#[test]
fn shells_and_manual_readers_are_told_of_every_command() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = bench.run(&format!("completions {shell}")).succeeded().out;
        assert!(
            script.contains("backtest") && script.contains("doctor"),
            "{shell}"
        );
    }
    assert!(bench.run("man").succeeded().out.starts_with(".ie"));
    bench.run("man pages").succeeded();
    for page in ["bea.1", "bea-config-apply.1", "bea-backtest.1"] {
        assert!(
            bench.read(&format!("pages/{page}")).contains(".SH"),
            "{page}"
        );
    }
}

#[test]
fn without_a_host_health_says_that_nobody_answers() {
    let bench = Bench::new();
    bench
        .run("health --set http.bind=127.0.0.1:1")
        .ended_with(7)
        .without_result()
        .saying(&["no host answers at http://127.0.0.1:1", "bea run"]);
    bench
        .run("alert test")
        .ended_with(3)
        .saying(&["no channel for alerts is switched on"]);
}
