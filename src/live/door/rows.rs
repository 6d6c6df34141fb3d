//! The gates, one by one.

use std::collections::BTreeSet;

use super::pinnacle;
use super::preflight::{Checks, Row};
use super::token::Armed;
use crate::config::{FeedKind, Origin};
use crate::engine::TradingState;
use crate::ledger::LedgerError;
use crate::live::switch::Switch;
use crate::market::{Mode, Ratio, TimeMs};
use crate::source;
use crate::strategy::Script;
use crate::venue::betfair::client::{self, Secrets};

/// LIVE stands in a file or on the command line. A variable that was left over arms nobody.
pub(super) fn mode(checks: &Checks<'_>) -> Row {
    let (config, gate) = (&checks.loaded.config, "mode");
    let origin = checks.loaded.origins.get("mode");
    match (config.mode, origin) {
        (Mode::DryRun, _) => Row::shut(
            gate,
            "the mode is DRY_RUN",
            "set mode = \"LIVE\" in the configuration",
        ),
        (Mode::Live, Some(Origin::Environment(_))) => Row::shut(
            gate,
            "LIVE comes from the environment alone",
            "set mode = \"LIVE\" in a file of the configuration",
        ),
        (Mode::Live, _) => Row::open(gate, "LIVE"),
    }
}

/// What was recorded once never leads to a bet with money.
pub(super) fn feed(checks: &Checks<'_>) -> Row {
    match checks.loaded.config.run.feed {
        FeedKind::Betfair => Row::open("feed", "betfair"),
        FeedKind::Pinnacle => Row::open("feed", "pinnacle"),
        FeedKind::OddsApi => Row::shut(
            "feed",
            "the odds come from The Odds API, which takes no bets",
            "set run.feed = \"betfair\" or \"pinnacle\"",
        ),
        FeedKind::Recordings => Row::shut(
            "feed",
            "the odds come from recordings",
            "set run.feed = \"betfair\" or \"pinnacle\"",
        ),
    }
}

pub(super) fn armed(checks: &Checks<'_>) -> Row {
    let settings = &checks.loaded.config.live;
    let arm = "a person arms it: bea arm --for 8h --by NAME";
    match Armed::read(&settings.arm_file, (checks.clock)()) {
        Armed::Yes(token) => {
            let whom = match token.strategies.is_empty() {
                true => "all strategies".to_owned(),
                false => token.strategies.join(", "),
            };
            let found = format!("until {}, by {}, for {whom}", token.until, token.by);
            Row::open("armed", found)
        }
        Armed::RanOut(at) => Row::shut("armed", format!("the token ran out at {at}"), arm),
        Armed::No(why) => Row::shut("armed", why, arm),
    }
}

pub(super) fn kill_switch(checks: &Checks<'_>) -> Row {
    let position = Switch::new(&checks.loaded.config.kill.file).read();
    Row::of(
        "switch",
        position.state == TradingState::Active,
        match position.state {
            TradingState::Active => "betting is on".to_owned(),
            state => format!("betting is {state}: {}", position.reason),
        },
        "when it is right to bet again: bea resume --reason \"...\"",
    )
}

/// Whether the versions that would run pass their own tests, and whether those that are armed are approved.
pub(super) fn strategies(checks: &Checks<'_>) -> [Row; 2] {
    [tests(checks), approvals(checks)]
}

fn tests(checks: &Checks<'_>) -> Row {
    let gate = "tests";
    if checks.scripts.is_empty() {
        return Row::shut(gate, "there is no strategy", "write one: bea new NAME");
    }
    let judge = |script: &Result<Script, String>| match script {
        Err(error) => Err(error.clone()),
        Ok(script) => match script.test() {
            Err(error) => Err(error.summary()),
            Ok(report) if report.passed() => Ok(()),
            Ok(_) => Err(format!("a test of {} fails", script.name())),
        },
    };
    let wrong: Vec<String> = checks
        .scripts
        .iter()
        .filter_map(|script| judge(script).err())
        .collect();
    let count = checks.scripts.len();
    Row::of(
        gate,
        wrong.is_empty(),
        match wrong.is_empty() {
            true if count == 1 => "the strategy compiles and passes its tests".to_owned(),
            true => format!("{count} strategies compile and pass their tests"),
            false => wrong.join("; "),
        },
        "mend it: bea test shows what is wrong; or take it out: enabled = false",
    )
}

fn approvals(checks: &Checks<'_>) -> Row {
    let gate = "approved";
    let approved = match checks.reader.map(|reader| reader.approvals()) {
        None => BTreeSet::new(),
        Some(Ok(all)) => all
            .into_iter()
            .map(|approval| (approval.strategy, approval.script_hash))
            .collect(),
        Some(Err(error)) => return unreadable(gate, &error),
    };
    let covers =
        |name: &str| match Armed::read(&checks.loaded.config.live.arm_file, (checks.clock)()) {
            Armed::Yes(token) => token.covers(name),
            _ => true,
        };
    let scripts = checks
        .scripts
        .iter()
        .filter_map(|script| script.as_ref().ok());
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for script in scripts.filter(|script| covers(script.name())) {
        let version = (script.name().to_owned(), script.hash().to_owned());
        let shown = format!("{} {}", script.name(), script.short_hash());
        match approved.contains(&version) {
            true => known.push(shown),
            false => unknown.push(shown),
        }
    }
    match (known.is_empty(), unknown.first()) {
        (_, Some(first)) => {
            let name = first.split(' ').next().unwrap_or_default();
            Row::shut(
                gate,
                format!("nobody approved {}", unknown.join(", ")),
                format!("who has read it: bea approve {name} --by NAME --reason \"...\""),
            )
        }
        (false, None) => Row::open(gate, known.join(", ")),
        (true, None) => Row::shut(
            gate,
            "the token covers none of the strategies",
            "bea arm --for 8h --strategy NAME, or without --strategy for all",
        ),
    }
}

pub(super) fn unreadable(gate: &'static str, error: &LedgerError) -> Row {
    Row::shut(gate, error.to_string(), "bea ledger verify")
}

/// What of the limits would hold, and whether a bet is possible within that.
pub(super) fn limits(checks: &Checks<'_>) -> (Ratio, Row) {
    let (config, gate) = (&checks.loaded.config, "limits");
    let settled = match checks.reader.map(|reader| reader.live_settled()) {
        None => 0,
        Some(Ok(settled)) => settled,
        Some(Err(error)) => return (Ratio::ZERO, unreadable(gate, &error)),
    };
    let (ratio, next) = config.live.ramp.at(settled);
    let limits = config.risk.scaled(ratio);
    let most = limits.max_stake;
    let and_then = next.map_or(String::new(), |next| format!(", more after {next}"));
    let found = format!(
        "{ratio} of [risk] after {settled} settled LIVE bets{and_then}: stake {} to {most}, {} in all",
        limits.min_stake, limits.together.max_exposure
    );
    let row = Row::of(
        gate,
        most >= limits.min_stake && limits.together.max_exposure.is_positive(),
        found,
        "no stake fits: raise risk.max_stake, or live.ramp.first_ratio",
    );
    (ratio, row)
}

pub(super) fn ledger(checks: &Checks<'_>) -> Row {
    let gate = "ledger";
    let Some(reader) = checks.reader else {
        let path = checks.loaded.config.ledger.path.display();
        return Row::shut(
            gate,
            format!("there is no ledger {path}"),
            "run in DRY_RUN first: bea run --feed betfair",
        );
    };
    match reader.verify(None) {
        Err(error) => unreadable(gate, &error),
        Ok(audit) => Row::of(
            gate,
            audit.is_sound(),
            match audit.is_sound() {
                true => format!("whole: {} rows are as they were written", audit.chain.rows),
                false => format!(
                    "{} findings, {} breaks of its chain",
                    audit.findings.len(),
                    audit.chain.breaks.len()
                ),
            },
            "bea ledger verify shows where; docs/ledger.md says how to restore a copy",
        ),
    }
}

pub(super) fn disk(checks: &Checks<'_>) -> Row {
    let config = &checks.loaded.config;
    // Where the folder is not made yet, the disk is that of the one it will be in.
    let whole = std::path::absolute(&config.ledger.path);
    let whole = whole.unwrap_or_else(|_| config.ledger.path.clone());
    let folders = whole.ancestors().skip(1);
    let folder = folders.into_iter().find(|folder| folder.is_dir());
    let folder = folder.unwrap_or(&whole);
    let least = config.recorder.min_free_mib;
    match source::free(folder) {
        Err(error) => Row::shut(
            "disk",
            format!("{}: {error}", folder.display()),
            "the folder of the ledger must be there",
        ),
        Ok(free) => Row::of(
            "disk",
            free >> 20 >= u64::from(least),
            format!("{} MiB free", free >> 20),
            format!("make room: {least} MiB must be free (recorder.min_free_mib)"),
        ),
    }
}

/// Whether the venue knows us, agrees on the time and the money, and has some.
pub(super) fn venue(checks: &Checks<'_>) -> Vec<Row> {
    let config = &checks.loaded.config;
    if config.run.feed == FeedKind::Pinnacle {
        return pinnacle::venue(checks);
    }
    let secrets = match Secrets::find(&config.betfair) {
        Ok(secrets) => secrets,
        Err(missing) => {
            let all: Vec<String> = missing.iter().map(ToString::to_string).collect();
            return vec![Row::shut(
                "credentials",
                all.join("; "),
                "docs/betfair.md says where they go",
            )];
        }
    };
    let mut rows = vec![Row::open("credentials", "they are there, and for us alone")];
    let folder = config.ledger.path.parent().map(ToOwned::to_owned);
    let plan = client::Plan {
        settings: config.betfair.clone(),
        breaker: config.breaker,
        secrets,
        folder: folder.unwrap_or_default(),
        clock: checks.clock,
    };
    let (out, _heard) = std::sync::mpsc::channel();
    match client::connect(plan, checks.runtime, out) {
        Err(error) => rows.push(Row::shut("login", error.to_string(), "docs/betfair.md")),
        Ok(connection) => rows.extend(checks.runtime.block_on(asked(checks, &connection))),
    }
    rows
}

async fn asked(checks: &Checks<'_>, connection: &client::Connection) -> Vec<Row> {
    let config = &checks.loaded.config;
    let reads = connection.reads();
    let details = match reads.details().await {
        Ok(details) => details,
        Err(error) => {
            let remedy = "the login and the addresses of [betfair] must be right: docs/betfair.md";
            return vec![Row::shut("login", error.to_string(), remedy)];
        }
    };
    let mut rows = vec![
        Row::open("login", format!("{} takes us", config.betfair.api_url)),
        currency(checks, &details.currency_code),
    ];
    rows.push(match reads.time().await {
        Ok(venue) => clock(checks, venue),
        Err(error) => Row::shut(
            "clock",
            error.to_string(),
            "the venue must say what time it is",
        ),
    });
    rows.push(match reads.funds().await {
        Ok(funds) => funds_of(
            checks,
            funds.available_to_bet_balance,
            &details.currency_code,
        ),
        Err(error) => Row::shut(
            "funds",
            error.to_string(),
            "the venue must say what is there",
        ),
    });
    rows
}

/// Whether the account is in the currency of the configuration.
pub(super) fn currency(checks: &Checks<'_>, code: &str) -> Row {
    let ours = checks.loaded.config.account.currency.to_string();
    Row::of(
        "currency",
        code == ours,
        format!("the account is in {code}, the configuration in {ours}"),
        format!("set account.currency = \"{code}\""),
    )
}

/// Whether there is enough for a bet.
pub(super) fn funds_of(checks: &Checks<'_>, free: f64, currency: &str) -> Row {
    Row::of(
        "funds",
        free >= checks.loaded.config.risk.min_stake.to_f64(),
        format!("{free:.2} {currency} free to bet with"),
        "pay in, or wait until bets are settled",
    )
}

/// The venue says the time to the second: half of one either way is no skew.
pub(super) fn clock(checks: &Checks<'_>, venue: TimeMs) -> Row {
    let skew = ((checks.clock)() - venue - 500).abs() - 500;
    let limit = i64::from(checks.loaded.config.live.max_clock_skew_ms);
    Row::of(
        "clock",
        skew <= limit,
        format!(
            "within {} ms of the venue's, {limit} are allowed",
            skew.max(0)
        ),
        "set this machine's clock by NTP",
    )
}
