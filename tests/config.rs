//! Settings: what wins over what, where each value came from, and what a wrong one is answered with.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bea::config::{Config, ConfigError, Loaded, Mode, Origin, Sources, Speed, When};
use bea::market::{Money, Price};

/// A folder with a `bea.toml`, and what is read with it.
struct Case {
    folder: tempfile::TempDir,
    env: Vec<(String, String)>,
    overrides: Vec<(String, String)>,
}

impl Case {
    fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("bea.toml"), toml).unwrap();
        Self {
            folder,
            env: Vec::new(),
            overrides: Vec::new(),
        }
    }

    fn local(self, toml: &str) -> Self {
        fs::write(self.folder.path().join("bea.local.toml"), toml).unwrap();
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn with(mut self, key: &str, value: &str) -> Self {
        self.overrides.push((key.to_owned(), value.to_owned()));
        self
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("bea.toml")
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        Config::load_with(&self.sources(), self.env.clone())
    }

    fn sources(&self) -> Sources {
        Sources {
            files: vec![self.file()],
            overrides: self.overrides.clone(),
            ..Sources::default()
        }
    }

    fn config(&self) -> Config {
        self.load().unwrap().config
    }

    /// The message of the error, with the folder left out.
    fn complaint(&self) -> String {
        let folder = format!("{}/", self.folder.path().display());
        self.load().unwrap_err().to_string().replace(&folder, "")
    }
}

fn in_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn only(file: PathBuf) -> Sources {
    Sources {
        files: vec![file],
        ..Sources::default()
    }
}

#[test]
fn the_commented_file_holds_every_key_at_its_default() {
    let file = in_project("config/bea.toml");
    let loaded = Config::load_with(&only(file), []).unwrap();
    let Loaded {
        config, origins, ..
    } = loaded;
    assert_eq!(config, Config::default());
    for (key, origin) in origins {
        assert!(
            matches!(&origin, Origin::File(_, Some(_))),
            "{key} is not in the file: {origin}"
        );
    }
}

#[test]
fn the_guide_tells_of_every_key_with_its_default_and_range() {
    let guide = fs::read_to_string(in_project("docs/configuration.md")).unwrap();
    let config = Config::default();
    let bounds = config.bounds();
    let values = config.values();
    for (key, value) in &values {
        let row = match bounds.iter().find(|(bounded, _)| bounded == key) {
            Some((_, bound)) => {
                format!(
                    "| `{key}` | {} | {} to {} | ",
                    bound.value, bound.lowest, bound.highest
                )
            }
            None => format!("| `{key}` | `{value}` | "),
        };
        let lines = || guide.lines().filter(|line| line.starts_with(&row));
        assert_eq!(
            lines().count(),
            1,
            "docs/configuration.md should have one row: {row}"
        );
        let when = format!("| {} |", When::of(key).as_str());
        assert!(lines().all(|line| line.ends_with(&when)), "{key} is {when}");
    }
    let rows = guide.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(
        rows,
        values.len() + 5,
        "one row a key, and those of a strategy"
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let case =
        Case::new("mod = \"DRY_RUN\"\n[risk]\nmax_stake = \"lots\"\n[http]\nenabled = \"yes\"\n")
            .env("BEA__RISK__MAX_STAK", "5");
    let complaint = case.complaint();
    for part in [
        "4 settings are wrong:",
        "bea.toml:1: there is no setting `mod`; did you mean `mode`?",
        "BEA__RISK__MAX_STAK",
        "bea.toml:3: `risk.max_stake` cannot be \"lots\"",
        "bea.toml:5: `http.enabled` cannot be \"yes\"",
    ] {
        assert!(complaint.contains(part), "no {part:?} in {complaint}");
    }
    let ranges = Case::new("[account]\nbankroll = 0\n[ledger]\nretry_attempts = 99\n").complaint();
    assert!(ranges.starts_with("2 settings are wrong:"), "{ranges}");
    let one = Case::new("[run]\ndata = [\"a\", 5]\nspeed = \"60\"\n").complaint();
    assert!(one.contains("run.data"), "{one}");
}

#[test]
fn a_variable_that_lacks_an_underscore_is_told_of() {
    let case = Case::new("").env("BEA_RISK_MAX_STAKE", "5");
    let loaded = case.env("BEA_ODDS_API_KEY_FILE", "x").load().unwrap();
    let told = "environment BEA_RISK_MAX_STAKE: it changes nothing; a setting is written BEA__RISK__MAX_STAKE";
    assert_eq!(loaded.notes, [told]);
}

#[test]
fn without_any_source_the_defaults_hold() {
    let empty = Case::new("");
    let Loaded {
        config, origins, ..
    } = empty.load().unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.mode, Mode::DryRun);
    assert!(origins.len() > 30 && origins.values().all(|origin| *origin == Origin::Default));
}

#[test]
fn later_layers_win_and_each_value_knows_its_origin() {
    let case = Case::new("[risk]\nmax_stake = 10\nmax_liability = 20\ndaily_loss_limit = 30.5\n[log]\nlevel = \"warn\"\n")
        .local("[risk]\nmax_liability = 18.25\ndaily_loss_limit = 30")
        .env("BEA__RISK__DAILY_LOSS_LIMIT", "29.10")
        .env("BEA__RUN__DATA", "[\"a\", \"b c\"]")
        .env("HOME", "/nowhere")
        .with("log.level", "debug")
        .with("run.speed", "60");
    let Loaded {
        config, origins, ..
    } = case.load().unwrap();
    assert_eq!(config.risk.max_stake, Money::from_major(10));
    assert_eq!(config.risk.max_liability, Money::from_minor(1_825));
    assert_eq!(config.risk.daily_loss_limit, Money::from_minor(2_910));
    assert_eq!(config.run.data, [PathBuf::from("a"), PathBuf::from("b c")]);
    assert_eq!(config.run.speed, Speed::Times(60.0));
    assert_eq!(config.log.level.as_str(), "debug");
    let local = case.file().with_file_name("bea.local.toml");
    assert_eq!(
        origins["risk.max_stake"],
        Origin::File(case.file(), Some(2))
    );
    assert_eq!(origins["risk.max_liability"], Origin::File(local, Some(2)));
    assert_eq!(
        origins["risk.daily_loss_limit"].to_string(),
        "environment BEA__RISK__DAILY_LOSS_LIMIT"
    );
    assert_eq!(origins["log.level"], Origin::CommandLine);
    assert_eq!(origins["account.bankroll"], Origin::Default);
}

#[test]
fn parameters_of_strategies_pass_as_they_are() {
    let case = Case::new("[params.favourite]\nedge = 0.02\nnote = \"x\"\nlist = [1, 2]\n")
        .with("params.favourite.edge", "0.03")
        .env("BEA__PARAMS__DRIFT__ON", "true");
    let Loaded {
        config, origins, ..
    } = case.load().unwrap();
    let expected = serde_json::json!({
        "drift": {"on": true},
        "favourite": {"edge": 0.03, "list": [1, 2], "note": "x"},
    });
    let params: std::collections::BTreeMap<_, _> = config
        .strategies
        .iter()
        .map(|(name, settings)| (name, &settings.params))
        .collect();
    assert_eq!(serde_json::to_value(params).unwrap(), expected);
    let origin = |key: &str| origins[&format!("strategies.favourite.params.{key}")].clone();
    assert_eq!(origin("edge"), Origin::CommandLine);
    assert_eq!(origin("note"), Origin::File(case.file(), Some(3)));
}

#[test]
fn what_is_said_of_a_strategy_is_checked_like_all_else() {
    let complaint = |toml: &str| Case::new(toml).complaint();
    insta::assert_snapshot!(complaint("[strategies.bold]\nbankrol = 5"), @"bea.toml:2: there is no setting `strategies.bold.bankrol`; did you mean `strategies.bold.bankroll`?");
    insta::assert_snapshot!(complaint("[strategies.bold]\nmax_stake = 5"), @"bea.toml:2: there is no setting `strategies.bold.max_stake`; did you mean `strategies.bold.risk.max_stake`?");
    insta::assert_snapshot!(complaint("[strategies.bold]\nbankroll = 0"), @"bea.toml:2: `strategies.bold.bankroll` cannot be 0.00: it must lie between 1.00 and 10000000.00");
    insta::assert_snapshot!(complaint("[strategies.bold]\nscript = \"../x.rhai\""), @r#"bea.toml:2: `strategies.bold.script` cannot be "../x.rhai": name a file of the strategies folder (run.strategies), as in "value_back.rhai""#);
    insta::assert_snapshot!(complaint("[strategies.bold.risk]\nmax_stake = 20000"), @"bea.toml:2: `strategies.bold.risk.max_stake` cannot be 20000.00: it must lie between 0.00 and 10000.00");
    insta::assert_snapshot!(complaint("[strategies.bold.risk]\nmax_stake = \"much\""), @r#"bea.toml:2: `strategies.bold.risk.max_stake` cannot be "much": use a number"#);
    insta::assert_snapshot!(complaint("[strategies.bold]\nrisk = { max_stake = 0.5 }"), @"bea.toml:2: `strategies.bold.risk` cannot be this: with [risk], min_stake is 1.00: it is over risk.max_stake, so no bet could pass");
    insta::assert_snapshot!(complaint("[strategies.\"a b\"]\nenabled = true"), @"bea.toml: `strategies.a b` cannot be a table: a strategy's name has 1 to 64 letters, digits, - and _");
}

#[test]
fn a_strategy_without_a_script_is_told_with_the_nearest() {
    let case =
        Case::new("[params.favourit]\nedge = 1\n[strategies.bold]\nscript = \"favourite\"\n");
    let loaded = case.load().unwrap();
    let scripts = ["favourite", "drift"];
    let error = loaded.check_strategies(scripts.into_iter()).unwrap_err();
    let folder = format!("{}/", case.folder.path().display());
    insta::assert_snapshot!(error.to_string().replace(&folder, ""), @"bea.toml:2: `strategies.favourit` has no script: there is no strategies/favourit.rhai; did you mean `favourite`?");
}

#[test]
fn prices_and_money_are_read_exactly() {
    let config = Case::new(
        "[risk]\nmin_price = 1.5\nmax_back_price = 20\nmax_stake = 0.29\nmin_stake = 0.01",
    )
    .config();
    assert_eq!(config.risk.min_price, Price::from_hundredths(150));
    assert_eq!(config.risk.max_back_price, Price::from_hundredths(2_000));
    assert_eq!(config.risk.max_stake, Money::from_minor(29));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let case = Case::new("mode = \"DRY_RUN\"\n\n[risk]\nmax_stak = 5\n");
    assert_eq!(
        case.complaint(),
        "bea.toml:4: there is no setting `risk.max_stak`; did you mean `risk.max_stake`?"
    );
    assert_eq!(
        Case::new("max_stake = 5").complaint(),
        "bea.toml:1: there is no setting `max_stake`; did you mean `risk.max_stake`?"
    );
    assert_eq!(
        Case::new("").env("BEA__LEGER__PATH", "x").complaint(),
        "environment BEA__LEGER__PATH: there is no setting `leger.path`; did you mean `ledger.path`?"
    );
    assert_eq!(
        Case::new("").with("xyzzy", "1").complaint(),
        "command line: there is no setting `xyzzy`; `bea config show` lists all settings"
    );
    for unknown in [
        "[stakes]\n",
        "params = 3",
        "[params]\nfavourite = 3",
        "[risk.max_stake]\nx = 1",
    ] {
        assert!(Case::new(unknown).load().is_err(), "{unknown} was taken");
    }
}

#[test]
fn a_wrong_type_tells_what_is_wanted() {
    for (toml, complaint) in [
        (
            "[risk]\nmax_stake = \"ten\"",
            "bea.toml:2: `risk.max_stake` cannot be \"ten\": use a number",
        ),
        (
            "[risk]\nmax_open_orders = -1",
            "bea.toml:2: `risk.max_open_orders` cannot be -1: use a whole number, not below 0",
        ),
        (
            "[http]\nenabled = 1",
            "bea.toml:2: `http.enabled` cannot be 1: use true or false",
        ),
        (
            "[run]\ndata = \"x\"",
            "bea.toml:2: `run.data` cannot be \"x\": use a list, as in [\"one\", \"two\"]",
        ),
        (
            "mode = \"PAPER\"",
            "bea.toml:1: `mode` cannot be \"PAPER\": use \"DRY_RUN\" or \"LIVE\"",
        ),
        (
            "[risk]\nmax_stake = 1.005",
            "bea.toml:2: `risk.max_stake` cannot be 1.005: 1.005 is not an amount of money: it has at most two decimals",
        ),
    ] {
        assert_eq!(Case::new(toml).complaint(), complaint);
    }
    let speeds = ["\"fast\"", "0", "-1", "1e9", "nan"];
    for speed in speeds {
        let complaint = Case::new(&format!("[run]\nspeed = {speed}")).complaint();
        assert!(complaint.contains("use \"max\" or a number"), "{complaint}");
    }
    for (key, value) in [
        ("account.currency", "pounds"),
        ("http.bind", "here"),
        ("log.level", "loud"),
    ] {
        let complaint = Case::new("").with(key, value).complaint();
        let start = format!("command line: `{key}` cannot be \"{value}\": ");
        assert!(complaint.starts_with(&start), "{complaint}");
    }
}

#[test]
fn every_bound_is_kept_on_both_sides() {
    for (key, bound) in Config::default().bounds() {
        for (end, step) in [(&bound.lowest, -1.0), (&bound.highest, 1.0)] {
            let end: f64 = end.parse().unwrap();
            let error = Case::new("")
                .with(&key, &(end + step).to_string())
                .load()
                .unwrap_err();
            let ConfigError::Value {
                key: named, origin, ..
            } = error
            else {
                panic!("{key} = {}: {error}", end + step);
            };
            assert_eq!((named, origin), (key.clone(), Origin::CommandLine));
        }
    }
    assert_eq!(
        Case::new("[ledger]\nretry_attempts = 11").complaint(),
        "bea.toml:2: `ledger.retry_attempts` cannot be 11: it must lie between 1 and 10"
    );
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let complaint = Case::new("[risk]\nmin_stake = 5\nmax_stake = 2").complaint();
    assert!(
        complaint
            .starts_with("bea.toml:2: `risk.min_stake` cannot be 5.00: it is over risk.max_stake")
    );
    assert!(
        Case::new("[risk]\nmin_price = 50\nmax_back_price = 20\nmax_lay_price = 20")
            .load()
            .is_err()
    );
    assert!(
        Case::new("[risk]\nmin_price = 50\nmax_back_price = 60\nmax_lay_price = 20")
            .load()
            .is_ok()
    );
}

#[test]
fn files_that_are_needed_are_named_and_none_serves_two_settings() {
    for (toml, problem) in [
        (
            "[kill]\nfile = \"\"",
            "`kill.file` cannot be \"\": name a file",
        ),
        (
            "[log]\nfile = \"data/ledger.sqlite\"",
            "it is the file of `ledger.path`",
        ),
        (
            "[config]\nconfirmed = \"./data//KILL\"",
            "it is the file of `kill.file`",
        ),
    ] {
        let complaint = Case::new(toml).complaint();
        assert!(complaint.contains(problem), "{complaint}");
    }
}

#[test]
fn the_health_server_listens_only_on_this_machine() {
    let complaint = Case::new("[http]\nbind = \"0.0.0.0:8080\"").complaint();
    assert!(
        complaint.starts_with("bea.toml:2: `http.bind` cannot be 0.0.0.0:8080: "),
        "{complaint}"
    );
    assert!(complaint.contains("http.tls_certificate"));
    let six = Case::new("").with("http.bind", "[::1]:9000").config();
    assert_eq!(six.http.bind, "[::1]:9000".parse::<SocketAddr>().unwrap());
}

#[test]
fn live_may_be_asked_for_and_its_origin_is_known() {
    let file = Case::new("mode = \"LIVE\"").load().unwrap();
    assert_eq!(file.config.mode, Mode::Live);
    assert!(matches!(file.origins["mode"], Origin::File(_, Some(1))));
    let variable = Case::new("").env("BEA__MODE", "LIVE").load().unwrap();
    assert!(matches!(variable.origins["mode"], Origin::Environment(_)));
}

#[test]
fn a_named_file_must_exist_and_be_toml() {
    let missing = Config::load_with(&only("/nonexistent/bea.toml".into()), []).unwrap_err();
    assert!(
        matches!(&missing, ConfigError::Unreadable { .. }),
        "{missing}"
    );
    let huge = Case::new(&"# no end\n".repeat(200_000)).complaint();
    assert!(huge.contains("larger than 1 MiB"), "{huge}");
    let complaint = Case::new("[risk]\nmax_stake = = 5\n").complaint();
    assert!(
        complaint.starts_with("bea.toml:2:13: not valid TOML:"),
        "{complaint}"
    );
    let broken_local = Case::new("").local("[risk");
    assert!(
        broken_local
            .complaint()
            .starts_with("bea.local.toml:1:6: not valid TOML")
    );
}

#[test]
fn the_default_file_may_be_absent() {
    // The tests run in the project's folder, which has one: whatever it says, it loads.
    assert!(Config::load_with(&Sources::default(), []).is_ok());
}

#[test]
fn a_later_layer_may_tighten_a_limit_and_not_loosen_it() {
    let case = Case::new("[risk]\nmax_stake = 10\nmin_stake = 2\nallowed_countries = [\"GB\", \"IE\"]\n[risk.together]\nmax_exposure = 50\n")
        .local("[risk]\nmax_stake = 20\nmin_stake = 1\nallowed_countries = [\"IE\", \"FR\"]\nmax_liability = 7\n")
        .env("BEA__RISK__MAX_LIABILITY", "9")
        .with("risk.together.max_exposure", "51")
        .with("risk.max_open_orders", "3");
    let loaded = case.load().unwrap();
    let risk = &loaded.config.risk;
    assert_eq!(risk.max_stake, Money::from_major(10));
    assert_eq!(risk.min_stake, Money::from_major(2));
    assert_eq!(risk.max_liability, Money::from_major(7));
    assert_eq!(risk.together.max_exposure, Money::from_major(50));
    assert_eq!(risk.allowed_countries, ["IE"]);
    assert_eq!(risk.max_open_orders, 3, "what nobody has stated is free");
    assert_eq!(
        loaded.origins["risk.max_stake"],
        Origin::File(case.file(), Some(2))
    );
    assert_eq!(loaded.notes.len(), 4, "{:#?}", loaded.notes);
    let folder = format!("{}/", case.folder.path().display());
    assert_eq!(
        loaded.notes[0].replace(&folder, ""),
        "bea.local.toml:2: `risk.max_stake` changes nothing: bea.toml:2 is tighter, and a later source cannot loosen a limit"
    );
}

#[test]
fn only_the_first_file_may_permit_loosening() {
    let text = "[config]\nallow_loosen = true\n[risk]\nmax_stake = 10\n";
    let loosened = Case::new(text).with("risk.max_stake", "20").config();
    assert_eq!(loosened.risk.max_stake, Money::from_major(20));
    let complaint = Case::new("")
        .local("[config]\nallow_loosen = true\n")
        .complaint();
    assert!(
        complaint.contains("only the first file may say"),
        "{complaint}"
    );
    let outside = Case::new("[risk]\nmax_stake = 10\n").with("risk.max_stake", "20000");
    assert!(
        outside.complaint().contains("must lie between"),
        "a slip is not passed over"
    );
}

#[test]
fn folder_local_file_profile_and_further_files_come_in_their_order() {
    let case = Case::new("[account]\nbankroll = 1\n[run]\nspeed = 1\n[log]\nlevel = \"warn\"\n")
        .local("[account]\nbankroll = 4\n");
    let write = |name: &str, text: &str| {
        let path = case.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    write(
        "conf.d/20-b.toml",
        "[account]\nbankroll = 3\n[run]\nspeed = 3\n",
    );
    write(
        "conf.d/10-a.toml",
        "[run]\nspeed = 2\n[log]\nlevel = \"error\"\n",
    );
    write("conf.d/README", "no settings");
    write(
        "profiles/fast.toml",
        "[account]\nbankroll = 5\n[run]\nshadow_updates = 5\n",
    );
    let further = write("further.toml", "[run]\nshadow_updates = 6\n");
    let mut sources = case.sources();
    sources.files.push(further.clone());
    sources.profile = Some("fast".to_owned());
    let loaded = Config::load_with(&sources, []).unwrap();
    assert_eq!(loaded.config.run.speed, Speed::Times(3.0));
    assert_eq!(loaded.config.log.level.as_str(), "error");
    assert_eq!(loaded.config.account.bankroll, Money::from_major(5));
    assert_eq!(loaded.config.run.shadow_updates, 6);
    assert_eq!(
        loaded.origins["run.shadow_updates"],
        Origin::File(further, Some(2))
    );
    sources.profile = Some("none".to_owned());
    let missing = Config::load_with(&sources, []).unwrap_err();
    assert!(
        matches!(missing, ConfigError::Unreadable { .. }),
        "{missing}"
    );
    sources.profile = Some("../fast".to_owned());
    let outside = Config::load_with(&sources, []).unwrap_err();
    assert!(outside.to_string().contains("profiles"), "{outside}");
}

/// As much of JSON Schema as the schema of the settings uses: what is wrong with a value, if anything is.
fn wrong(schema: &serde_json::Value, value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    let known = [
        "type",
        "enum",
        "const",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "properties",
        "additionalProperties",
        "items",
        "anyOf",
        "propertyNames",
        "default",
        "description",
        "x-takes-effect",
        "title",
        "$schema",
    ];
    for word in schema.as_object().unwrap().keys() {
        assert!(
            known.contains(&word.as_str()),
            "this test does not know {word}"
        );
    }
    let fits = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("no type {other}"),
    };
    if let Some(kind) = schema["type"].as_str()
        && !fits(kind)
    {
        return Some(format!("{value} is no {kind}"));
    }
    if let Some(any) = schema["anyOf"].as_array()
        && any.iter().all(|one| wrong(one, value).is_some())
    {
        return Some(format!("{value} is none of any"));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return Some(format!("{value} is not the one"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Some(format!("{value} is none of {words:?}"));
    }
    let number = value.as_f64().unwrap_or(f64::NAN);
    let bound = |word: &str| schema[word].as_f64();
    if bound("minimum").is_some_and(|least| number < least)
        || bound("maximum").is_some_and(|most| number > most)
        || bound("exclusiveMinimum").is_some_and(|least| number <= least)
    {
        return Some(format!("{value} is out of range"));
    }
    let none = Value::Bool(false);
    for (key, inner) in value.as_object().into_iter().flatten() {
        let one = schema["properties"]
            .get(key)
            .or(schema.get("additionalProperties"))
            .unwrap_or(&none);
        let found = match one {
            Value::Bool(false) if schema.get("additionalProperties").is_some() => {
                Some("unknown".to_owned())
            }
            Value::Bool(_) => None,
            one => wrong(one, inner),
        };
        if let Some(found) = found {
            return Some(format!("{key}: {found}"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        if let Some(found) = wrong(&schema["items"], item) {
            return Some(found);
        }
    }
    None
}

#[test]
fn the_schema_and_the_loader_agree() {
    let schema = bea::config::schema();
    let read =
        |text: &str| serde_json::to_value(figment::value::Value::from(parsed(text))).unwrap();
    let file = fs::read_to_string(in_project("config/bea.toml")).unwrap();
    assert_eq!(wrong(&schema, &read(&file)), None);
    for (toml, is_right) in [
        ("mode = \"DRY_RUN\"", true),
        ("mode = \"PAPER\"", false),
        ("[risk]\nmax_stake = 5", true),
        ("[risk]\nmax_stake = 10000.01", false),
        ("[risk]\nmax_stak = 5", false),
        ("[risk]\nmax_open_orders = -1", false),
        ("[risk]\nmax_open_orders = 1.5", false),
        ("[risk.together]\nmax_exposure = 7.25", true),
        ("[run]\nspeed = \"max\"", true),
        ("[run]\nspeed = 0", false),
        ("[run]\nspeed = \"fast\"", false),
        ("[run]\ndata = \"x\"", false),
        ("[run]\ndata = [\"x\"]", true),
        ("[alert.telegram]\nusers = [1, 2]", true),
        ("[alert.telegram]\nusers = [\"me\"]", false),
        (
            "[strategies.bold]\nbankroll = 5\n[strategies.bold.risk]\nmax_stake = 2",
            true,
        ),
        ("[strategies.bold]\nbankrol = 5", false),
        ("[strategies.bold.risk.together]\nmax_exposure = 2", false),
        ("[strategies.bold.risk]\nmax_stake = 20000", false),
        ("[params.bold]\nedge = 1", true),
        ("[params]\nbold = 1", false),
        ("[log]\nlevel = \"loud\"", false),
    ] {
        let found = wrong(&schema, &read(toml));
        assert_eq!(found.is_none(), is_right, "schema: {toml}: {found:?}");
        assert_eq!(Case::new(toml).load().is_ok(), is_right, "loader: {toml}");
    }
    // Each word of a list is taken by the loader, but LIVE, which has a door of its own.
    for (key, row) in bea::config::guide() {
        // What needs more than the word is tried elsewhere.
        let needs_more = [
            "config.allow_loosen",
            "alert.telegram.enabled",
            "betfair.stream_tls",
        ];
        if key.contains("NAME") || needs_more.contains(&key) {
            continue;
        }
        let words = bea::config::words_of(row.range);
        for word in words.iter().filter(|word| **word != "LIVE") {
            let loaded = Case::new("").with(key, word).load();
            assert!(loaded.is_ok(), "{key} = {word}");
        }
    }
}

fn parsed(text: &str) -> figment::value::Dict {
    use figment::providers::Format;
    figment::providers::Toml::from_str(text).unwrap()
}

#[test]
fn a_change_tells_when_it_takes_effect_and_whether_it_loosens() {
    let before = Case::new("[risk]\nmax_stake = 10\n[strategies.bold.risk]\nmax_stake = 5\n")
        .load()
        .unwrap();
    let after = Case::new("[risk]\nmax_stake = 8\nallow_in_play = true\n[strategies.bold.risk]\nmax_stake = 6\n[http]\nenabled = false\n").load().unwrap();
    let told: Vec<_> = before
        .changes_to(&after)
        .into_iter()
        .map(|c| (c.key, c.takes_effect, c.loosens))
        .collect();
    let expected = [
        ("http.enabled", When::Restart, false),
        ("risk.allow_in_play", When::Live, true),
        ("risk.max_stake", When::Live, false),
        ("strategies.bold.risk.max_stake", When::Live, true),
    ];
    assert_eq!(
        told,
        expected.map(|(key, when, loosens)| (key.to_owned(), when, loosens))
    );
    assert_eq!(before.changes_to(&before), []);
    assert_ne!(before.config.hash(), after.config.hash());
}
