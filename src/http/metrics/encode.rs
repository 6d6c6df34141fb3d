//! The text that Prometheus reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::{Counts, FAMILIES, Family, Histogram, Metrics};
use crate::alert::Alerts;
use crate::engine::FaultKind;
use crate::http::Standing;
use crate::http::view::View;

/// What is known at the moment of asking, besides the counters.
pub(in crate::http) struct Facts<'a> {
    pub(in crate::http) view: &'a View,
    pub(in crate::http) health: Standing,
    pub(in crate::http) alerts: &'a Alerts,
    /// Spans that were exported, and that were lost.
    pub(in crate::http) spans: (u64, u64),
    pub(in crate::http) now: Instant,
}

/// Every family with its samples.
pub(in crate::http) fn encode(metrics: &Metrics, facts: &Facts<'_>) -> String {
    // Copied, so that nobody who counts waits for the writing.
    let counts = metrics.counts().clone();
    let mut text = Text::default();
    for family in FAMILIES {
        text.begin(family);
        if !gauges(&mut text, family.name, facts) {
            counters(&mut text, family.name, facts, metrics, &counts);
        }
    }
    text.0
}

/// What is so at this moment. Says whether the name is one of these.
fn gauges(text: &mut Text, name: &str, facts: &Facts<'_>) -> bool {
    let view = facts.view;
    let feed = view.feed.document(facts.now);
    let in_all = "risk.together.max_exposure";
    let together = view.risk.used.iter().find(|used| used.limit_name == in_all);
    match name {
        "bea_build_info" => text.sample(&[env!("CARGO_PKG_VERSION")], 1),
        "bea_mode_info" => text.sample(&[view.mode], 1),
        "bea_health_status" => text.sample(&[], facts.health as u8),
        "bea_trading_state" => {
            for state in ["ACTIVE", "REDUCE", "PAUSED", "HALTED"] {
                text.sample(&[state], u8::from(state == view.trading.state));
            }
        }
        "bea_feed_age_seconds" => {
            if let Some(age) = feed.age_seconds {
                text.sample(&[], age);
            }
        }
        "bea_exposure_currency" => text.sample(&[], together.map_or("0", |used| &used.used)),
        "bea_exposure_limit_currency" => {
            text.sample(&[], together.map_or("0", |used| &used.limit));
        }
        "bea_recorder_lag_seconds" => {
            if let Some(lag) = view.feed.recorder_lag_seconds {
                text.sample(&[], lag);
            }
        }
        "bea_venue_quota_remaining" => {
            if let Some(left) = view.feed.quota_remaining {
                text.sample(&[view.feed.venue()], left);
            }
        }
        "bea_session_expiry_timestamp_seconds" => {
            if let Some(seconds) = view.feed.session_ends_at_seconds {
                text.sample(&[view.feed.venue()], seconds);
            }
        }
        "bea_reconcile_mismatches" => text.sample(&[], view.risk.unexplained),
        "bea_orders_unresolved" => text.sample(&[], view.risk.unresolved),
        "bea_pnl_realised_currency" => text.each(view, |s| s.profit_net.clone()),
        "bea_bankroll_currency" => text.each(view, |s| s.bankroll.clone()),
        "bea_open_bets" => text.each(view, |s| s.open_orders),
        "bea_strategy_running" => text.each(view, |s| u8::from(s.standing == "running")),
        "bea_strategy_info" => {
            for strategy in &*view.strategies {
                if let Some(hash) = &strategy.hash {
                    text.sample(&[&strategy.name, hash], 1);
                }
            }
        }
        _ => return false,
    }
    true
}

fn counters(text: &mut Text, name: &str, facts: &Facts<'_>, metrics: &Metrics, counts: &Counts) {
    let inner = &metrics.0;
    match name {
        "bea_feed_messages_total" => text.sample(&[], facts.view.feed.updates),
        "bea_feed_reconnects_total" => text.sample(&[], facts.view.feed.reconnects),
        "bea_feed_gaps_total" => text.sample(&[], facts.view.feed.gaps),
        "bea_venue_requests_total" => {
            let feed = &facts.view.feed;
            for asked in &*feed.requests {
                text.sample(&[feed.venue(), asked.op, &asked.code], asked.count);
            }
        }
        "bea_clv_ratio" => text.histogram(name, &counts.clv),
        "bea_brier_excess_ratio" => {
            if let Some(excess) = counts.calibration.excess() {
                text.sample(&[], excess);
            }
        }
        "bea_strategy_operations" => text.histogram(name, &counts.operations),
        "bea_feed_unreadable_total" => text.sample(&[], facts.view.feed.unreadable),
        "bea_snapshot_to_intent_seconds" => text.histogram(name, &counts.snapshot_to_intent),
        "bea_intent_to_ack_seconds" => text.histogram(name, &counts.intent_to_ack),
        "bea_db_write_seconds" => text.histogram(name, &counts.db_write),
        "bea_intents_total" => {
            for (strategy, count) in &counts.approved {
                text.sample(&[strategy, "approved"], count);
            }
            let mut refused = BTreeMap::<&str, u64>::new();
            for ((strategy, _), count) in &counts.refused {
                *refused.entry(strategy).or_default() += count;
            }
            for (strategy, count) in refused {
                text.sample(&[strategy, "refused"], count);
            }
        }
        "bea_intents_rejected_total" => {
            for ((strategy, code), count) in &counts.refused {
                text.sample(&[strategy, code], count);
            }
        }
        "bea_bets_total" => {
            for ((venue, side, result), count) in &counts.bets {
                text.sample(&[venue, facts.view.mode, side, result], count);
            }
        }
        "bea_turnover_currency_total" => {
            for (strategy, minor) in &counts.turnover {
                let amount = crate::market::Money::from_minor(*minor);
                text.sample(&[strategy, &facts.view.currency], amount);
            }
        }
        "bea_strategy_errors_total" => {
            // From 0 on: of a series that begins at 1 nobody sees the increase.
            let named = facts.view.strategies.iter().map(|s| s.name.as_str());
            let mut all: BTreeMap<(&str, FaultKind), u64> = named
                .flat_map(|name| FaultKind::ALL.map(|kind| ((name, kind), 0)))
                .collect();
            let counted = counts.errors.iter();
            all.extend(counted.map(|((strategy, kind), count)| ((&**strategy, *kind), *count)));
            for ((strategy, kind), count) in all {
                text.sample(&[strategy, kind.as_str()], count);
            }
        }
        "bea_strategy_reloads_total" => {
            for result in ["accepted", "refused"] {
                text.sample(&[result], counts.reloads.get(result).unwrap_or(&0));
            }
        }
        "bea_alerts_raised_total" => text.sample(&[], facts.alerts.raised()),
        "bea_alerts_total" => {
            for (channel, tally) in facts.alerts.tallies() {
                text.sample(&[channel, "delivered"], tally.delivered);
                text.sample(&[channel, "failed"], tally.failed);
                text.sample(&[channel, "dropped"], tally.dropped);
            }
            text.sample(&["all", "dropped"], facts.alerts.dropped());
        }
        "bea_spans_total" => {
            let (exported, lost) = facts.spans;
            text.sample(&["exported"], exported);
            text.sample(&["lost"], lost);
        }
        "bea_http_requests_total" => {
            for (digit, count) in inner.requests.iter().enumerate().skip(1) {
                text.sample(&[&format!("{digit}xx")], count.load(Relaxed));
            }
        }
        "bea_http_refused_tokens_total" => text.sample(&[], inner.refused_tokens.load(Relaxed)),
        "bea_http_event_clients" => text.sample(&[], metrics.event_clients()),
        unknown => unreachable!("{unknown} is listed and not served"),
    }
}

/// The text so far, and the family being written.
#[derive(Default)]
struct Text(String, Option<&'static Family>);

impl Text {
    fn begin(&mut self, family: &'static Family) {
        let Family {
            name, kind, help, ..
        } = family;
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        self.1 = Some(family);
    }

    fn sample(&mut self, labels: &[&str], value: impl std::fmt::Display) {
        let Some(family) = self.1 else { return };
        self.0.push_str(family.name);
        for (at, (name, value)) in family.labels.iter().zip(labels).enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{name}=\"{}\"", escaped(value));
        }
        if !family.labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// A sample for each strategy.
    fn each<T: std::fmt::Display>(
        &mut self,
        view: &View,
        of: impl Fn(&crate::http::view::Strategy) -> T,
    ) {
        for strategy in &*view.strategies {
            self.sample(&[&strategy.name], of(strategy));
        }
    }

    fn histogram(&mut self, name: &str, histogram: &Histogram) {
        for (end, count) in histogram.buckets() {
            let _ = writeln!(self.0, "{name}_bucket{{le=\"{end}\"}} {count}");
        }
        let (count, sum) = (histogram.count(), histogram.sum());
        let _ = writeln!(
            self.0,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}"
        );
    }
}

/// A label's value as the format wants it.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::alert::Channels;
    use crate::config::Severity;
    use crate::http::view::{Asked, Feed, testing};
    use crate::ledger::{CloseRow, ClosingRow};
    use crate::market::TimeMs;

    #[test]
    fn every_family_is_served_and_no_label_holds_more_than_it_may() {
        let metrics = Metrics::default();
        {
            let mut counts = metrics.counts();
            counts.approved.insert("fav".into(), 2);
            counts.refused.insert(("fav".into(), "STAKE_TOO_LARGE"), 3);
            counts.turnover.insert("fav".into(), 1_050);
            counts.errors.insert(("fav".into(), FaultKind::Memory), 4);
            counts.db_write.observe(0.002);
            counts.closed(&ClosingRow {
                order: "1".to_owned(),
                version: 1,
                at: TimeMs(0),
                strategy: "fav".to_owned(),
                market: "1.1".to_owned(),
                event: "1".to_owned(),
                close: Some(CloseRow {
                    source: "BSP".to_owned(),
                    raw: 0.0,
                    clv: Some(-0.015),
                    chance: Some(0.25),
                }),
                probability: Some(0.5),
                happened: Some(true),
            });
            counts.operations = Histogram::counted(&[10, 100], &[1, 2], 4, 1_300);
            let placed = ("betfair".into(), "BACK", "accepted");
            counts.bets.insert(placed, 5);
        }
        let mut view = testing::view();
        view.feed = Feed {
            recording: Some("betfair".to_owned()),
            gaps: 2,
            recorder_lag_seconds: Some(0.25),
            session_ends_at_seconds: Some(1_700_000_000.0),
            quota_remaining: Some(480),
            requests: Arc::new([Asked {
                op: "placeOrders",
                code: "200".to_owned(),
                count: 7,
            }]),
            ..Feed::default()
        };
        let channels = Channels::default();
        let (alerts, _courier) = Alerts::new(channels, Duration::ZERO, || TimeMs(0));
        alerts.raise(Severity::Info, "TEST", "drill");
        let facts = Facts {
            view: &view,
            health: Standing::Warn,
            alerts: &alerts,
            spans: (3, 1),
            now: Instant::now(),
        };
        let text = encode(&metrics, &facts);
        for family in FAMILIES {
            assert!(text.contains(&format!("# TYPE {} ", family.name)));
        }
        for line in [
            "bea_health_status 1",
            "bea_trading_state{state=\"ACTIVE\"} 1",
            "bea_intents_total{strategy=\"fav\",result=\"refused\"} 3",
            "bea_turnover_currency_total{strategy=\"fav\",currency=\"GBP\"} 10.50",
            "bea_db_write_seconds_bucket{le=\"0.0025\"} 1",
            "bea_db_write_seconds_count 1",
            "bea_strategy_errors_total{strategy=\"fav\",kind=\"memory\"} 4",
            "bea_strategy_errors_total{strategy=\"fav\",kind=\"error\"} 0",
            "bea_strategy_reloads_total{result=\"refused\"} 0",
            "bea_strategy_info{strategy=\"fav\",hash=\"3f2a\"} 1",
            "bea_bets_total{venue=\"betfair\",mode=\"DRY_RUN\",side=\"BACK\",result=\"accepted\"} 5",
            "bea_feed_gaps_total 2",
            "bea_recorder_lag_seconds 0.25",
            "bea_session_expiry_timestamp_seconds{venue=\"betfair\"} 1700000000",
            "bea_venue_requests_total{venue=\"betfair\",op=\"placeOrders\",code=\"200\"} 7",
            "bea_venue_quota_remaining{venue=\"betfair\"} 480",
            "bea_reconcile_mismatches 0",
            "bea_clv_ratio_bucket{le=\"-0.02\"} 0",
            "bea_clv_ratio_bucket{le=\"-0.01\"} 1",
            "bea_clv_ratio_sum -0.015",
            "bea_brier_excess_ratio -0.3125",
            "bea_strategy_operations_bucket{le=\"100\"} 3",
            "bea_strategy_operations_bucket{le=\"+Inf\"} 4",
            "bea_strategy_operations_sum 1300",
            "bea_alerts_raised_total 1",
            "bea_spans_total{result=\"lost\"} 1",
            "bea_alerts_total{channel=\"all\",result=\"dropped\"} 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("1.181"), "no label names a market");
    }

    #[test]
    fn what_would_break_a_line_is_escaped() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
