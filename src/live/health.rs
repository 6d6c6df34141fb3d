//! The health document, made of what the engine's thread published last.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::status::{Feed, STUCK, SettingsStatus, Status, StrategyStatus, VenueStatus};
use super::switch::Position;
use crate::engine::{TradingState, Unready};
use crate::http::{Check, Health, Standing};
use crate::ledger::HealthReport;
use crate::market::{Currency, Mode, TimeMs};
use crate::source::RecorderHealth;
use crate::venue::odds_api::Credits;

/// A certificate that ends within this time wants a look.
const ENDS_SOON_MS: i64 = 14 * 24 * 3_600_000;
/// Clocks that differ by more want a look, long before they forbid orders.
const SKEWED_MS: i64 = 500;
/// With fewer of them left, in percent, credits want a look.
const FEW_CREDITS: u64 = 20;

/// The health document of a moment; `time` is the wall clock's for it.
pub(super) fn health(status: &Status, ledger: &HealthReport, now: Instant, wall: TimeMs) -> Health {
    let time = wall.to_string();
    let quiet_for = now.saturating_duration_since(status.alive_at);
    let is_alive = quiet_for < STUCK;
    let mut health = Health {
        version: env!("CARGO_PKG_VERSION"),
        service_id: "bea",
        mode: status.mode.as_str(),
        notes: vec![notes_on(status.mode).to_owned()],
        is_alive,
        ..Health::default()
    };
    let mut add = |part, id: &str, (status, output), figures| {
        let check = Check {
            component_id: id.to_owned(),
            status,
            time: time.clone(),
            output,
            figures,
        };
        health.add(part, check);
    };
    let stuck = || {
        let seconds = quiet_for.as_secs();
        format!("the engine has given no sign of life for {seconds} s")
    };
    add(
        "engine",
        "engine",
        fails_if(!is_alive, stuck),
        figures(json!({ "observedValue": quiet_for.as_secs_f64(), "observedUnit": "s" })),
    );
    add(
        "feed",
        status.feed.recording.as_deref().unwrap_or("-"),
        feed_standing(status, now),
        feed_figures(&status.feed, now),
    );
    if let Some(recorder) = status
        .feed
        .live
        .as_ref()
        .and_then(|live| live.recorder.as_ref())
    {
        add(
            "recorder",
            "recorder",
            recorder_standing(recorder),
            recorder_figures(recorder),
        );
    }
    for strategy in &status.strategies {
        add(
            "strategies",
            &strategy.name,
            strategy_standing(strategy),
            strategy_figures(strategy, status.currency),
        );
    }
    add(
        "settings",
        "settings",
        settings_standing(&status.settings),
        figures(json!({
            "hash": status.settings.hash,
            "waiting": status.settings.is_waiting,
            "restart": status.settings.restart,
        })),
    );
    for (fence, why) in &status.fences {
        let why = Some(format!("no orders are placed: {why}"));
        add("fences", fence.as_str(), (Standing::Warn, why), Map::new());
    }
    let broken = ledger.error.clone();
    add(
        "ledger",
        "ledger",
        fails_if(broken.is_some(), || broken.unwrap_or_default()),
        figures(json!({
            "run": status.run,
            "batches": ledger.batches,
            "records": ledger.records,
            "last_commit_micros": ledger.last_commit_micros,
        })),
    );
    add(
        "venue",
        "venue",
        venue_standing(&status.venue),
        figures(json!({
            "unready": status.venue.unready.map(Unready::as_str),
            "in_doubt": status.venue.doubted,
            "unexplained": status.venue.unexplained,
        })),
    );
    for (name, ends_at) in &status.certificates {
        add(
            "certificates",
            name,
            certificate_standing(*ends_at, wall),
            figures(json!({ "ends_at": ends_at.to_string() })),
        );
    }
    for (name, tally) in &status.alerts {
        let failing = "the last message was not delivered: bea alert test says why".to_owned();
        let standing = match tally.is_failing {
            true => (Standing::Warn, Some(failing)),
            false => (Standing::Pass, None),
        };
        add("alerts", name, standing, figures(json!(tally)));
    }
    let live = status.live.as_ref();
    for name in live.iter().flat_map(|live| &live.barred) {
        let why = "nobody approved this version for LIVE: it places no orders".to_owned();
        add("approved", name, (Standing::Warn, Some(why)), Map::new());
    }
    let Position { state, reason } = &status.trading;
    let halt = match state {
        _ if status.is_unreadable => (Standing::Fail, Some(reason.clone())),
        TradingState::Active => (Standing::Pass, None),
        TradingState::Halted => (Standing::Warn, Some(format!("betting is halted: {reason}"))),
        TradingState::Paused => (Standing::Warn, Some(format!("betting is paused: {reason}"))),
        TradingState::Reduce => (
            Standing::Warn,
            Some(format!("only what lowers the risk may be bet: {reason}")),
        ),
    };
    add(
        "mode",
        "mode",
        halt,
        figures(json!({
            "mode": status.mode.as_str(),
            "armed_until": live.and_then(|live| live.armed_until).map(|at| at.to_string()),
            "limits_ratio": live.map(|live| live.limits_ratio),
            "halted": *state == TradingState::Halted,
            "trading": state.as_str(),
            "kill_file": status.kill_file,
        })),
    );
    let doubted = status
        .feed
        .live
        .as_ref()
        .is_some_and(|live| live.doubt.is_some());
    let waits = doubted || status.venue.unready.is_some();
    let playing = status.feed.recording.is_some() && !status.feed.finished && !waits;
    health.is_ready = playing && health.status != Standing::Fail;
    health
}

fn settings_standing(settings: &SettingsStatus) -> (Standing, Option<String>) {
    let output = match settings {
        SettingsStatus {
            trouble: Some(trouble),
            ..
        } => {
            format!("the changed files are refused, and what was in force stays: {trouble}")
        }
        SettingsStatus {
            is_waiting: true, ..
        } => "looser limits wait: bea config apply confirms them".to_owned(),
        SettingsStatus { restart, .. } if !restart.is_empty() => {
            format!("these wait for the next start: {}", restart.join(", "))
        }
        _ => return (Standing::Pass, None),
    };
    (Standing::Warn, Some(output))
}

/// What goes with a mode.
pub(super) const fn notes_on(mode: Mode) -> &'static str {
    match mode {
        Mode::DryRun => "DRY_RUN: bets go to the simulated exchange, no money moves",
        Mode::Live => "LIVE: bets go to the venue and cost money",
    }
}

fn fails_if(wrong: bool, why: impl FnOnce() -> String) -> (Standing, Option<String>) {
    if wrong {
        (Standing::Fail, Some(why()))
    } else {
        (Standing::Pass, None)
    }
}

/// A live feed that may not be bet upon needs a look; with orders open it fails once it has been silent for too long.
fn feed_standing(status: &Status, now: Instant) -> (Standing, Option<String>) {
    let Some((live, doubt)) = status
        .feed
        .live
        .as_ref()
        .and_then(|live| Some((live, live.doubt.clone()?)))
    else {
        return feed_worries(status);
    };
    let open: usize = status.strategies.iter().map(|s| s.open_orders).sum();
    let age = now.saturating_duration_since(live.heard_at);
    if open > 0 && age >= live.fail_after {
        let why = format!("{doubt}, with {open} open orders");
        return (Standing::Fail, Some(why));
    }
    (Standing::Warn, Some(doubt))
}

/// What the venue has of us is known, or it is said what of it is not.
fn venue_standing(venue: &VenueStatus) -> (Standing, Option<String>) {
    let VenueStatus {
        unready,
        doubted,
        unexplained,
    } = venue;
    if *unexplained > 0 {
        let bets = if *unexplained == 1 { "bet" } else { "bets" };
        let why = format!(
            "{unexplained} {bets} that the ledger does not explain: bea kill, then bea reconcile"
        );
        return (Standing::Fail, Some(why));
    }
    let mut why = Vec::new();
    if let Some(unready) = unready {
        why.push(format!("no orders are placed: {}", words_on(*unready)));
    }
    if !doubted.is_empty() {
        let ids = doubted.join(", ");
        why.push(format!(
            "nobody can say whether it has these orders, which count at their worst: {ids}"
        ));
    }
    match why.is_empty() {
        true => (Standing::Pass, None),
        false => (Standing::Warn, Some(why.join("; "))),
    }
}

/// Why a venue takes no orders of us, for a person.
pub(super) const fn words_on(unready: Unready) -> &'static str {
    match unready {
        Unready::Starting => "the venue has not yet listed what it has of us",
        Unready::Deaf => "the venue's reports stopped, and it must list what it has of us anew",
        Unready::Doubts => "too many orders came into doubt in a short time",
    }
}

/// A feed that may be bet upon may still want a look.
fn feed_worries(status: &Status) -> (Standing, Option<String>) {
    let Some(live) = &status.feed.live else {
        return (Standing::Pass, None);
    };
    let skew = live.clock_skew_ms;
    if skew.abs() > SKEWED_MS {
        let why = format!("our clock and the venue's differ by {} ms", skew.abs());
        return (Standing::Warn, Some(why));
    }
    let credits = live.credits.as_ref();
    match credits.and_then(|credits| Some((credits.remaining?, credits.used?))) {
        Some((left, used)) if left * 100 < (left + used) * FEW_CREDITS => {
            let why = format!("{left} credits of {} are left", left + used);
            (Standing::Warn, Some(why))
        }
        _ => (Standing::Pass, None),
    }
}

fn certificate_standing(ends_at: TimeMs, now: TimeMs) -> (Standing, Option<String>) {
    match ends_at - now {
        left if left <= 0 => (Standing::Fail, Some(format!("it ended on {ends_at}"))),
        left if left < ENDS_SOON_MS => (Standing::Warn, Some(format!("it ends on {ends_at}"))),
        _ => (Standing::Pass, None),
    }
}

fn recorder_standing(recorder: &RecorderHealth) -> (Standing, Option<String>) {
    match (recorder.trouble(), recorder.lost()) {
        (Some(trouble), _) => (Standing::Warn, Some(trouble)),
        (None, 0) => (Standing::Pass, None),
        (None, lost) => (
            Standing::Warn,
            Some(format!("{lost} lines of the feed are not in the recording")),
        ),
    }
}

fn recorder_figures(recorder: &RecorderHealth) -> Map<String, Value> {
    figures(json!({
        "lines": recorder.lines(),
        "lost": recorder.lost(),
        "bytes": recorder.bytes(),
        "dropped_parts": recorder.dropped_parts(),
    }))
}

/// Credits left, what will be left at the reset if all goes on like this, and how much slower than wished it goes.
fn credit_figures(credits: &Credits) -> Value {
    json!({
        "remaining": credits.remaining,
        "used": credits.used,
        "last": credits.last,
        "floor": credits.floor,
        "forecast": credits.forecast,
        "stretch": credits.stretch,
        "resets_at": credits.resets_at.to_string(),
    })
}

fn feed_figures(feed: &Feed, now: Instant) -> Map<String, Value> {
    let age = feed
        .last_message
        .map(|at| now.saturating_duration_since(at).as_secs_f64());
    let mut all = figures(json!({
        "recording": feed.recording,
        "updates": feed.updates,
        "seconds_since_last_message": age,
        "position": feed.position.map(|at| at.to_string()),
        "finished": feed.finished,
    }));
    if let Some(live) = &feed.live {
        all.extend(figures(json!({
            "state": live.state,
            "age_seconds": now.saturating_duration_since(live.heard_at).as_secs_f64(),
            "reconnects": live.reconnects,
            "clock_skew_ms": live.clock_skew_ms,
            "lines": live.lines,
            "unreadable_lines": live.unreadable,
            "conflated_lines": live.conflated,
        })));
        if let Some(credits) = &live.credits {
            all.insert("credits".to_owned(), credit_figures(credits));
        }
    }
    all
}

fn strategy_standing(strategy: &StrategyStatus) -> (Standing, Option<String>) {
    let last_error = strategy.last_error.as_deref();
    match &strategy.trouble {
        Some(trouble) => (Standing::Warn, Some(trouble.clone())),
        None if strategy.quarantined => (
            Standing::Warn,
            Some(format!(
                "stopped after failing three times in a row; save a mended version: {}",
                last_error.unwrap_or_default()
            )),
        ),
        None => (Standing::Pass, None),
    }
}

fn strategy_figures(strategy: &StrategyStatus, currency: Currency) -> Map<String, Value> {
    figures(json!({
        "hash": strategy.hash,
        "standing": strategy.standing(),
        "last_error": strategy.last_error,
        "bets": strategy.bets,
        "open_orders": strategy.open_orders,
        "profit_net": strategy.net.to_string(),
        "currency": currency,
        "shadow": strategy.shadow.as_ref().map(|shadow| json!({
            "hash": shadow.hash,
            "of": shadow.of,
            "over": shadow.is_over,
            "found": shadow.found,
        })),
    }))
}

fn figures(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::alert::Tally;

    fn on(state: TradingState) -> Position {
        Position {
            state,
            reason: "the file is there".to_owned(),
        }
    }

    fn status() -> Status {
        Status {
            run: 1,
            currency: Currency::GBP,
            kill_file: "KILL".into(),
            alive_at: Instant::now(),
            feed: Feed {
                recording: Some("1.1".to_owned()),
                ..Feed::default()
            },
            mode: Mode::DryRun,
            live: None,
            trading: on(TradingState::Active),
            is_unreadable: false,
            alerts: Vec::new(),
            venue: VenueStatus::default(),
            certificates: vec![("http.tls_certificate", TimeMs(ENDS_SOON_MS))],
            strategies: vec![StrategyStatus {
                name: "fav".to_owned(),
                hash: Some("3f2a".to_owned()),
                ..StrategyStatus::default()
            }],
            settings: SettingsStatus::default(),
            fences: BTreeMap::new(),
        }
    }

    fn ledger() -> HealthReport {
        HealthReport {
            error: None,
            batches: 0,
            records: 0,
            last_commit_micros: 0,
        }
    }

    fn of(change: impl FnOnce(&mut Status, &mut HealthReport)) -> Health {
        let (mut status, mut ledger) = (status(), ledger());
        change(&mut status, &mut ledger);
        health(&status, &ledger, Instant::now(), TimeMs(0))
    }

    #[test]
    fn a_run_that_is_well_passes() {
        let health = of(|_, _| {});
        assert_eq!(health.status, Standing::Pass);
        assert!(health.is_alive && health.is_ready);
        let document = serde_json::to_value(&health).unwrap();
        assert_eq!(document["checks"]["strategies"][0]["standing"], "running");
        assert_eq!(document["checks"]["strategies"][0]["profit_net"], "0.00");
        assert_eq!(document["serviceId"], "bea");
        assert!(document.get("is_alive").is_none());
    }

    #[test]
    fn what_needs_a_look_warns() {
        let kept =
            of(|status, _| status.strategies[0].trouble = Some("fav.rhai:1:2: x".to_owned()));
        assert_eq!(kept.status, Standing::Warn);
        assert!(kept.notes.contains(&"fav: fav.rhai:1:2: x".to_owned()));
        let stopped = of(|status, _| status.strategies[0].quarantined = true);
        assert_eq!(stopped.status, Standing::Warn);
        let halted = of(|status, _| status.trading = on(TradingState::Halted));
        assert_eq!(halted.status, Standing::Warn);
        assert!(halted.is_ready, "halting is obeyed, not broken");
        let soon = of(|status, _| status.certificates[0].1 = TimeMs(ENDS_SOON_MS - 1));
        assert_eq!(soon.status, Standing::Warn);
        let failing = Tally {
            is_failing: true,
            ..Tally::default()
        };
        let unheard = of(|status, _| status.alerts = vec![("webhook", failing)]);
        assert_eq!(unheard.status, Standing::Warn);
        let told = "webhook: the last message was not delivered: bea alert test says why";
        assert!(unheard.notes.contains(&told.to_owned()), "{unheard:?}");
    }

    #[test]
    fn what_nobody_can_explain_or_read_fails() {
        let unread = of(|status, _| {
            status.trading = on(TradingState::Halted);
            status.is_unreadable = true;
        });
        assert_eq!(unread.status, Standing::Fail);
        assert_eq!(of(|s, _| s.venue.unexplained = 1).status, Standing::Fail);
        // As the runbook shows it.
        let doubted = of(|status, _| {
            status.venue.doubted = vec!["3ZZCZRJHAK26K9RTVQWNDH1N9M".to_owned()];
            status.venue.unready = Some(Unready::Deaf);
        });
        assert_eq!(doubted.status, Standing::Warn);
        assert!(!doubted.is_ready, "it has to be asked first");
        let runbook = include_str!("../../docs/RUNBOOK.md");
        let note = doubted.notes.last().unwrap();
        assert!(runbook.contains(&format!("\n      {note}\n")), "{note}");
        let ended = of(|status, _| status.certificates[0].1 = TimeMs(0));
        assert_eq!(ended.status, Standing::Fail);
    }

    #[test]
    fn a_broken_ledger_and_a_stuck_engine_fail() {
        let broken = of(|_, ledger| ledger.error = Some("disk full".to_owned()));
        assert_eq!(broken.status, Standing::Fail);
        assert!(broken.is_alive && !broken.is_ready);
        let status = status();
        let stuck = health(&status, &ledger(), status.alive_at + STUCK, TimeMs(0));
        assert_eq!(stuck.status, Standing::Fail);
        assert!(!stuck.is_alive);
    }

    #[test]
    fn a_run_that_has_not_begun_or_is_over_is_not_ready() {
        assert!(!of(|status, _| status.feed.recording = None).is_ready);
        assert!(!of(|status, _| status.feed.finished = true).is_ready);
    }
}
