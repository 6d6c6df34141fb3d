//! What is in deploy/ fits the program: paths exist, ports are those of the configuration, nobody is root, and every
//! metric that is asked for is one that the program serves.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bea::config::Config;
use bea::http::metrics::FAMILIES;
use bea::ledger::{Durability, Ledger, LedgerSettings};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines of a Dockerfile, continued ones in one, comments left out.
fn instructions(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn the_image_is_built_of_what_is_there_and_runs_as_nobody_in_particular() {
    let text = read("deploy/Dockerfile");
    let all = instructions(&text);
    let stages: Vec<usize> = (0..all.len())
        .filter(|i| all[*i].starts_with("FROM "))
        .collect();
    assert_eq!(stages.len(), 2, "one stage builds, one runs");
    let (build, run) = all.split_at(stages[1]);
    let needed = read("Cargo.toml");
    let needed = needed
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .unwrap();
    assert!(
        build[0].contains(&format!("rust:{}", needed.trim_matches('"'))),
        "{}",
        build[0]
    );
    for line in build.iter().filter(|line| line.starts_with("COPY ")) {
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        for source in &words[..words.len() - 1] {
            assert!(
                root().join(source).exists(),
                "{source} is not there: {line}"
            );
        }
    }
    // Whatever the sources include at compile time, and every target of the manifest, must be copied.
    for folder in [
        "src",
        "benches",
        "tests",
        "migrations",
        "config",
        "docs",
        "examples",
    ] {
        assert!(
            build
                .iter()
                .any(|line| line.starts_with(&format!("COPY {folder} "))),
            "{folder}"
        );
    }
    assert!(
        build
            .iter()
            .any(|line| line.contains("cargo build --release --locked"))
    );
    assert!(run[0].contains("distroless"), "no shell in it: {}", run[0]);
    for line in run.iter().filter(|line| line.starts_with("COPY ")) {
        assert!(line.starts_with("COPY --from=build "), "{line}");
    }
    let user = run
        .iter()
        .find_map(|line| line.strip_prefix("USER "))
        .unwrap();
    assert_eq!(user, "65532:65532");
    for exec in ["ENTRYPOINT [", "CMD [", "HEALTHCHECK "] {
        assert!(run.iter().any(|line| line.starts_with(exec)), "no {exec}");
    }
    assert!(
        !all.iter().any(|line| line.starts_with("ADD ")),
        "COPY fetches nothing"
    );
    for secret in ["bea.local.toml", "secrets", "data"] {
        assert!(
            read(".dockerignore").contains(secret),
            "{secret} must not get into an image"
        );
    }
}

#[test]
fn containers_are_read_only_without_rights_and_open_to_this_machine_alone() {
    let text = read("deploy/compose.yaml");
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let deploy = root().join("deploy");
    let mut mounts = 0;
    for line in &lines {
        let Some(item) = line.trim_start().strip_prefix("- ") else {
            continue;
        };
        let item = item.trim_matches('"');
        if let Some((source, rest)) = item.split_once(':').filter(|_| item.starts_with('.')) {
            mounts += 1;
            assert!(rest.ends_with(":ro"), "{line}: mounted to be written");
            let is_secret = source.starts_with("./secrets/");
            assert!(
                is_secret || deploy.join(source).exists(),
                "{source} is not there"
            );
        }
    }
    assert!(mounts >= 6, "the mounts were not found");
    let ports: Vec<&str> = lines
        .iter()
        .filter_map(|l| l.trim().strip_prefix("- \"127.0.0.1:"))
        .collect();
    let published = lines.iter().filter(|l| l.trim() == "ports:").count();
    assert_eq!(
        (published, ports.len()),
        (1, 2),
        "all ports are of this machine"
    );
    let services = ["bea", "nginx", "prometheus", "grafana"];
    let count = |wanted: &str| lines.iter().filter(|l| l.trim() == wanted).count();
    assert_eq!(count("cap_drop: [ALL]"), services.len());
    assert_eq!(
        count("security_opt: [\"no-new-privileges:true\"]"),
        services.len()
    );
    assert_eq!(count("network_mode: service:bea"), services.len() - 1);
    assert_eq!(
        count("read_only: true"),
        3,
        "Grafana writes beside its data"
    );
    assert!(text.contains("user: \"65532:65532\""));
    assert!(text.contains(r#"test: ["CMD", "/usr/local/bin/bea", "health", "--live"]"#));
}

#[test]
fn ports_are_those_of_the_configuration() {
    let port = Config::default().http.bind.port();
    let bind = format!("127.0.0.1:{port}");
    assert!(read("deploy/prometheus/prometheus.yml").contains(&format!("targets: [\"{bind}\"]")));
    let nginx = read("deploy/nginx/bea.conf");
    assert!(nginx.contains(&format!("proxy_pass         http://{bind};")));
    assert!(nginx.contains(&format!("Host localhost:{port};")));
    assert!(
        nginx.contains("listen 8443 ssl;")
            && read("deploy/compose.yaml").contains("127.0.0.1:8443:8443")
    );
    assert!(nginx.contains("ssl_protocols       TLSv1.2 TLSv1.3;"));
}

#[test]
fn the_service_has_no_rights_and_is_watched() {
    let unit = read("deploy/systemd/bea.service");
    let has = |line: &str| unit.lines().any(|l| l == line);
    for line in [
        "Type=notify",
        "WatchdogSec=30",
        "ExecStart=/usr/local/bin/bea run",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "User=bea",
        "CapabilityBoundingSet=",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "LimitCORE=0",
        "Restart=on-failure",
        "StartLimitBurst=3",
    ] {
        assert!(has(line), "bea.service: {line}");
    }
    let backup = read("deploy/systemd/bea-backup.service");
    for line in backup
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStart=/usr/local/lib/bea/"))
    {
        assert!(root().join("deploy").join(line).is_file(), "{line}");
    }
    // What can be said by the real tool, where it is.
    let folder = tempfile::tempdir().unwrap();
    for name in ["bea.service", "bea-backup.service", "bea-backup.timer"] {
        let text = read(&format!("deploy/systemd/{name}"));
        let text = text.replace("/usr/local/bin/bea", env!("CARGO_BIN_EXE_bea"));
        let text = text.replace(
            "/usr/local/lib/bea",
            root().join("deploy").to_str().unwrap(),
        );
        let text = text
            .replace("User=bea", "User=root")
            .replace("Group=bea", "Group=root");
        let text = text.replace("Documentation=man:bea(1)\n", "");
        fs::write(folder.path().join(name), text).unwrap();
    }
    let verify = Command::new("systemd-analyze")
        .arg("verify")
        .args(["bea.service", "bea-backup.timer"].map(|name| folder.path().join(name)))
        .output();
    match verify {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && said.trim().is_empty(), "{said}");
        }
        Err(_) => eprintln!(
            "SKIPPED: systemd-analyze is not installed, so it was not asked about the units"
        ),
    }
}

/// Names of metrics in a text: `bea_…`, without what a histogram adds.
fn metrics_in(text: &str, names: &mut BTreeSet<String>) {
    for (at, _) in text.match_indices("bea_") {
        if text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        let end = text[at..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let name = &text[at..end.map_or(text.len(), |end| at + end)];
        let plain = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        names.insert(plain.unwrap_or(name).to_owned());
    }
}

/// Every expression of the rules and of the dashboard, with its legend.
fn expressions() -> Vec<(String, String)> {
    let mut all = Vec::new();
    let rules = read("deploy/prometheus/alerts.yml");
    for rule in rules.split("- alert: ").skip(1) {
        let (_, rest) = rule.split_once("expr:").expect("a rule asks for something");
        let (expression, _) = rest.split_once("labels:").expect("a rule has labels");
        all.push((expression.to_owned(), String::new()));
    }
    assert_eq!(all.len(), rules.matches("expr:").count());
    let dashboard: Value =
        serde_json::from_str(&read("deploy/grafana/dashboards/bea.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() > 10);
    for target in panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap())
    {
        let text = |key: &str| target[key].as_str().unwrap_or_default().to_owned();
        all.push((text("expr"), text("legendFormat")));
    }
    all
}

/// What stands between each `open` and the next `close`.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open)
        .skip(1)
        .map(move |rest| rest.split(close).next().unwrap_or_default())
}

/// Names of labels that an expression chooses or sums by, and that its legend shows.
fn labels_in(expression: &str, legend: &str) -> BTreeSet<String> {
    let sums = between(expression, "by (", ")").flat_map(|inside| inside.split(','));
    let chosen = between(expression, "{", "}")
        .flat_map(|inside| inside.split(','))
        .map(|pair| pair.split(['=', '!']).next().unwrap_or_default());
    let shown = between(legend, "{{", "}}");
    sums.chain(chosen)
        .chain(shown)
        .map(|label| label.trim().to_owned())
        .collect()
}

#[test]
fn names_of_metrics_and_labels_are_found_in_expressions() {
    let mut names = BTreeSet::new();
    let expression =
        "sum by (le, a) (rate(bea_x_seconds_bucket[5m])) > bea_y{b=\"my_bea_z\",c!=\"d\"}";
    metrics_in(expression, &mut names);
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["bea_x_seconds", "bea_y"]
    );
    let labels = labels_in(expression, "{{e}} and {{f}}");
    assert_eq!(
        labels.into_iter().collect::<Vec<_>>(),
        ["a", "b", "c", "e", "f", "le"]
    );
}

#[test]
fn every_metric_and_label_that_is_asked_for_is_served() {
    let mut asked = BTreeSet::new();
    for (expression, legend) in expressions() {
        let mut names = BTreeSet::new();
        metrics_in(&expression, &mut names);
        let families: Vec<_> = FAMILIES
            .iter()
            .filter(|family| names.contains(family.name))
            .collect();
        let served: Vec<&str> = families.iter().map(|family| family.name).collect();
        for name in &names {
            assert!(served.contains(&name.as_str()), "{name} is not served");
        }
        let is_histogram = expression.contains("_bucket");
        assert!(
            !is_histogram || families.iter().any(|family| family.kind == "histogram"),
            "there is no histogram in {expression}"
        );
        // What Prometheus adds by itself.
        let mut known = vec!["job", "instance"];
        known.extend(families.iter().flat_map(|family| family.labels));
        known.extend(is_histogram.then_some("le"));
        for label in labels_in(&expression, &legend) {
            assert!(
                known.contains(&label.as_str()),
                "no metric of {expression} has the label {label}"
            );
        }
        asked.extend(names);
    }
    assert!(asked.len() > 15, "{asked:?}");
}

#[test]
fn each_alert_has_its_place_in_the_runbook() {
    let runbook = format!("{}{}", read("docs/RUNBOOK.md"), read("docs/alerts.md"));
    let rules = read("deploy/prometheus/alerts.yml");
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let missing: Vec<&str> = alerts.filter(|name| !runbook.contains(name)).collect();
    assert!(
        missing.is_empty(),
        "docs/RUNBOOK.md says nothing of {missing:?}"
    );
}

/// Runs a script of deploy/ in a folder.
fn script(name: &str, folder: &Path, keep: &str) -> (bool, String) {
    let output = Command::new(root().join("deploy").join(name))
        .current_dir(folder)
        .env("BEA", env!("CARGO_BIN_EXE_bea"))
        .env("KEEP", keep)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

fn backups(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("backups")).unwrap();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn a_backup_is_made_kept_and_can_be_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let (passed, said) = script("restore-drill.sh", folder.path(), "2");
    assert!(!passed, "{said}");
    fs::create_dir_all(folder.path().join("data")).unwrap();
    let ledger = folder.path().join("data/ledger.sqlite");
    let settings = LedgerSettings {
        durability: Durability::Full,
        ..LedgerSettings::default()
    };
    let open = Ledger::open(&ledger, settings).unwrap();
    let (passed, said) = script("backup.sh", folder.path(), "2");
    assert!(passed, "{said}");
    drop(open);
    let first = backups(folder.path());
    assert_eq!(first.len(), 1, "{first:?}");
    // Older copies, and a file of somebody else's.
    for name in [
        "ledger-20200101T000000Z.sqlite",
        "ledger-20200102T000000Z.sqlite",
        "mine.sqlite",
    ] {
        fs::copy(&first[0], folder.path().join("backups").join(name)).unwrap();
    }
    let (passed, said) = script("restore-drill.sh", folder.path(), "2");
    assert!(passed && said.contains("the drill passed"), "{said}");
    assert_eq!(backups(folder.path()).len(), 4, "the drill left something");
    // One more, of another second, and the oldest go.
    fs::rename(
        &first[0],
        folder.path().join("backups/ledger-20200103T000000Z.sqlite"),
    )
    .unwrap();
    let (passed, said) = script("backup.sh", folder.path(), "2");
    assert!(passed, "{said}");
    let left: Vec<String> = backups(folder.path())
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
    assert_eq!(
        (left[0].as_str(), left[2].as_str()),
        ("ledger-20200103T000000Z.sqlite", "mine.sqlite")
    );
}
