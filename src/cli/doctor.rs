//! `bea doctor`: whether this machine and this folder are fit to run a host.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{Failure, Shared, exit, output, prepare};
use crate::alert::{Channels, Patience};
use crate::config::{self, Config, FeedKind, Loaded};
use crate::engine::TradingState;
use crate::http::Standing;
use crate::ledger::{self, Reader};
use crate::live::switch::Switch;
use crate::market::TimeMs;
use crate::source;
use crate::strategy::{Script, find};
use crate::venue::reach;

/// Look whether this machine and this folder are fit to run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea doctor
  bea doctor --json

Exit code 6 if something would keep a host from running well.")]
pub(super) struct Doctor {}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    status: Standing,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    status: Standing,
    found: String,
}

type Found = (Standing, String);

fn pass(found: impl Into<String>) -> Found {
    (Standing::Pass, found.into())
}

fn warn(found: impl Into<String>) -> Found {
    (Standing::Warn, found.into())
}

fn fail(found: impl Into<String>) -> Found {
    (Standing::Fail, found.into())
}

impl Doctor {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let loaded = prepare::loaded(shared)?;
        let config = &loaded.config;
        let looks: Vec<(&'static str, Found)> = [
            ("settings", settings(&loaded)),
            ("clock", clock(config)),
            ("disk", disk(config)),
            ("ledger", the_ledger(config)),
            ("kill switch", kill(config)),
            ("strategies", strategies(config)),
            ("port", port(config)),
            ("alerts", alerts(config)),
        ]
        .into_iter()
        .chain(certificates(config).map(|found| ("certificate", found)))
        .chain(venue(config).map(|found| ("venue", found)))
        .collect();
        let check = |(name, (status, found))| Check {
            name,
            status,
            found,
        };
        let checks: Vec<Check> = looks.into_iter().map(check).collect();
        let status = checks.iter().map(|check| check.status).max();
        let status = status.unwrap_or_default();
        let line = |check: &Check| {
            format!(
                "{:<4}  {:<12} {}",
                check.status.as_str(),
                check.name,
                check.found
            )
        };
        let text: Vec<String> = checks.iter().map(line).collect();
        let document = Document {
            schema: "bea.doctor/1",
            status,
            checks,
        };
        output::print(shared, &document, text.join("\n"))?;
        Ok(match status {
            Standing::Fail => ExitCode::from(exit::GATE),
            Standing::Pass | Standing::Warn => ExitCode::SUCCESS,
        })
    }
}

fn settings(loaded: &Loaded) -> Found {
    let hash = loaded.config.hash();
    let notes = loaded.notes.len();
    match notes {
        0 => pass(format!("right; hash {}", &hash[..12])),
        1 => warn("right, but one changes nothing: see bea config validate"),
        _ => warn(format!(
            "right, but {notes} change nothing: see bea config validate"
        )),
    }
}

/// Nothing here asks another clock; but one that is behind what the ledger has seen is wrong for sure.
fn clock(config: &Config) -> Found {
    let now = prepare::wall_clock();
    let last = Reader::open(&config.ledger.path).ok();
    let last = last.and_then(|reader| reader.runs(1).ok()?.pop());
    match last.map(|run| run.ended_at.unwrap_or(run.started_at)) {
        Some(last) if last > now => fail(format!(
            "it is {now}, but the ledger has seen {last}: the clock is behind"
        )),
        _ => pass(now.to_string()),
    }
}

fn disk(config: &Config) -> Found {
    let folder = match config.ledger.path.parent() {
        Some(folder) if folder.is_dir() => folder,
        _ => Path::new("."),
    };
    let floor = u64::from(config.fence.disk_free_mib);
    match source::free(folder) {
        Ok(free) if free >> 20 >= floor => pass(format!("{} MiB free", free >> 20)),
        Ok(free) => fail(format!(
            "{} MiB free, and fence.disk_free_mib asks for {floor}: no orders would be placed",
            free >> 20
        )),
        Err(error) => fail(format!("how much is free cannot be told: {error}")),
    }
}

fn the_ledger(config: &Config) -> Found {
    let path = &config.ledger.path;
    let shown = path.display();
    if !path.exists() {
        return pass(format!("{shown} is not there yet; the first run makes it"));
    }
    let writes = match ledger::is_held(path) {
        Ok(true) => ", and a program writes it",
        _ => "",
    };
    match Reader::open(path) {
        Ok(_) => pass(format!("{shown} can be read{writes}")),
        Err(error) => fail(error.to_string()),
    }
}

fn kill(config: &Config) -> Found {
    if !config
        .kill
        .file
        .parent()
        .is_none_or(|f| f.as_os_str().is_empty() || f.is_dir())
    {
        return pass("its folder is not there yet; the first run makes it");
    }
    let position = Switch::new(&config.kill.file).read();
    match position.state {
        TradingState::Active => pass("betting is on"),
        state => warn(format!(
            "betting is {state}: {}; bea resume ends it",
            position.reason
        )),
    }
}

fn strategies(config: &Config) -> Found {
    let folder = &config.run.strategies;
    let shown = folder.display();
    let scripts = match find(&[folder.display().to_string()], folder) {
        Ok(scripts) if !scripts.is_empty() => scripts,
        Ok(_) => return fail(format!("{shown} has no script: bea new NAME writes one")),
        Err(error) => return fail(error.to_string().replace('\n', "; ")),
    };
    let instances = config.instances(&scripts);
    let broken = prepare::with_script_stack(|| {
        let is_broken = |instance: &&crate::config::Instance| {
            let overrides = prepare::overrides(config, &instance.name, &[]);
            let script = Script::read_as(&instance.name, &instance.path, &overrides);
            script
                .and_then(|script| script.compile().map(drop))
                .is_err()
        };
        let broken = instances.iter().filter(is_broken);
        broken
            .map(|instance| instance.name.clone())
            .collect::<Vec<_>>()
    });
    match broken {
        Ok(broken) if broken.is_empty() => pass(format!("{} in {shown}", instances.len())),
        Ok(broken) => fail(format!(
            "these do not compile: {}: see bea check",
            broken.join(", ")
        )),
        Err(_) => fail("they could not be looked at"),
    }
}

fn port(config: &Config) -> Found {
    let bind = config.http.bind;
    if !config.http.enabled {
        return pass("no server is asked for");
    }
    match TcpListener::bind(bind) {
        Ok(_) => pass(format!("{bind} is free")),
        Err(error) => match ledger::is_held(&config.ledger.path) {
            Ok(true) => pass(format!("{bind} is taken, by the host that runs it seems")),
            _ => fail(format!(
                "{bind} cannot be had: {error}; set http.bind to another"
            )),
        },
    }
}

/// A certificate that ends within so many days wants a look.
const DAYS_LEFT: i64 = 14;

fn certificates(config: &Config) -> impl Iterator<Item = Found> {
    config::certificates(config).map(|(name, path)| {
        let days = |ends: TimeMs| (ends - prepare::wall_clock()).div_euclid(24 * 3_600_000);
        match config::ends_at(path) {
            Ok(ends) if days(ends) < 0 => fail(format!("{name} ended on {ends}")),
            Ok(ends) if days(ends) < DAYS_LEFT => warn(format!("{name} ends on {ends}")),
            Ok(ends) => pass(format!("{name} holds for {} days more", days(ends))),
            Err(error) => fail(format!("{name}: {}: {error}", path.display())),
        }
    })
}

/// Whether the venue of a live feed can be reached, and what time it is there.
fn venue(config: &Config) -> Option<Found> {
    let none = PathBuf::new();
    let (url, roots) = match config.run.feed {
        FeedKind::Recordings => return None,
        FeedKind::Betfair => (&config.betfair.api_url, &config.betfair.root_certificates),
        FeedKind::OddsApi => (&config.odds_api.url, &none),
        FeedKind::Pinnacle => (&config.pinnacle.url, &none),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Some(fail(error.to_string())),
    };
    let most = i64::from(config.live.max_clock_skew_ms);
    Some(
        match runtime.block_on(reach(url, roots, prepare::wall_clock)) {
            Err(why) => fail(format!("{url} cannot be reached: {why}")),
            Ok(Some(skew)) if skew.abs() > most => fail(format!(
                "our clock and that of {url} differ by {} ms, {most} are allowed (live.max_clock_skew_ms)",
                skew.abs()
            )),
            Ok(Some(_)) => pass(format!("{url} answers, and our clocks agree")),
            Ok(None) => pass(format!("{url} answers")),
        },
    )
}

fn alerts(config: &Config) -> Found {
    match Channels::open(&config.alert, Patience::default()) {
        Ok(channels) => match channels.iter().map(|c| c.name()).collect::<Vec<_>>() {
            names if names.is_empty() => warn("no channel is switched on: nobody would be told"),
            names => pass(format!(
                "{}; bea alert test sends a message",
                names.join(", ")
            )),
        },
        Err(closed) => fail(closed.to_string()),
    }
}
