//! What `/metrics` serves: the closed list of metrics, and the counters behind those that count.
//!
//! Labels are taken from bounded sets alone: names of strategies, states, codes. Never a market, a runner, an order.

mod encode;
mod histogram;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::FaultKind;
use crate::ledger::ClosingRow;

pub use histogram::Histogram;

pub(super) use encode::{Facts, encode};

/// A metric: what stands in `# HELP` and `# TYPE`, and which labels it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// gauge, counter or histogram.
    pub kind: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Names of its labels.
    pub labels: &'static [&'static str],
}

const fn family(
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
) -> Family {
    Family {
        name,
        kind,
        help,
        labels,
    }
}

/// Every metric, in the order in which they are served.
pub const FAMILIES: &[Family] = &[
    family(
        "bea_build_info",
        "gauge",
        "Version of the program.",
        &["version"],
    ),
    family("bea_mode_info", "gauge", "Where bets go.", &["mode"]),
    family("bea_health_status", "gauge", "0 pass, 1 warn, 2 fail.", &[]),
    family(
        "bea_trading_state",
        "gauge",
        "1 for the state that betting is in.",
        &["state"],
    ),
    family(
        "bea_feed_age_seconds",
        "gauge",
        "Seconds since the last message of the feed.",
        &[],
    ),
    family(
        "bea_feed_messages_total",
        "counter",
        "Market changes handled.",
        &[],
    ),
    family(
        "bea_feed_reconnects_total",
        "counter",
        "Times that the feed had to be connected again.",
        &[],
    ),
    family(
        "bea_feed_gaps_total",
        "counter",
        "Times that a feed which was live could not be relied on.",
        &[],
    ),
    family(
        "bea_feed_unreadable_total",
        "counter",
        "Lines of the feed that could not be read.",
        &[],
    ),
    family(
        "bea_snapshot_to_intent_seconds",
        "histogram",
        "From a market change to the gate's word on what a strategy made of it.",
        &[],
    ),
    family(
        "bea_intent_to_ack_seconds",
        "histogram",
        "From an intent to the venue's taking the order, by the feed's time.",
        &[],
    ),
    family(
        "bea_db_write_seconds",
        "histogram",
        "Until a batch of records was durable.",
        &[],
    ),
    family(
        "bea_recorder_lag_seconds",
        "gauge",
        "How long the recorder's next line has waited for the disk.",
        &[],
    ),
    family(
        "bea_venue_requests_total",
        "counter",
        "Requests to the venue by what was asked, and the answer's code or why there was none.",
        &["venue", "op", "code"],
    ),
    family(
        "bea_venue_quota_remaining",
        "gauge",
        "Requests, or credits for them, that are left until the quota begins anew.",
        &["venue"],
    ),
    family(
        "bea_session_expiry_timestamp_seconds",
        "gauge",
        "When the venue ends the session if it is not kept alive.",
        &["venue"],
    ),
    family(
        "bea_intents_total",
        "counter",
        "Intents by the gate's word.",
        &["strategy", "result"],
    ),
    family(
        "bea_intents_rejected_total",
        "counter",
        "Refused intents by reason.",
        &["strategy", "reason"],
    ),
    family(
        "bea_bets_total",
        "counter",
        "What venues said of orders.",
        &["venue", "mode", "side", "result"],
    ),
    family(
        "bea_turnover_currency_total",
        "counter",
        "Backers' stakes matched.",
        &["strategy", "currency"],
    ),
    family(
        "bea_exposure_currency",
        "gauge",
        "What all open bets could lose at worst.",
        &[],
    ),
    family(
        "bea_exposure_limit_currency",
        "gauge",
        "The limit of that.",
        &[],
    ),
    family(
        "bea_pnl_realised_currency",
        "gauge",
        "Settled profit after commission.",
        &["strategy"],
    ),
    family(
        "bea_bankroll_currency",
        "gauge",
        "The bank with settled results.",
        &["strategy"],
    ),
    family(
        "bea_open_bets",
        "gauge",
        "Orders that can still change.",
        &["strategy"],
    ),
    family(
        "bea_orders_unresolved",
        "gauge",
        "Orders of which the venue has not been heard.",
        &[],
    ),
    family(
        "bea_reconcile_mismatches",
        "gauge",
        "Bets at the venue that the ledger does not explain.",
        &[],
    ),
    family(
        "bea_clv_ratio",
        "histogram",
        "What settled bets were worth against the close without its margin, for each unit of stake.",
        &[],
    ),
    family(
        "bea_brier_excess_ratio",
        "gauge",
        "By how much the Brier score of the strategies' probabilities is over that of the close, on settled bets with both.",
        &[],
    ),
    family(
        "bea_strategy_operations",
        "histogram",
        "Operations of a call of a script.",
        &[],
    ),
    family(
        "bea_strategy_info",
        "gauge",
        "Which version runs.",
        &["strategy", "hash"],
    ),
    family(
        "bea_strategy_running",
        "gauge",
        "1 if it is called.",
        &["strategy"],
    ),
    family(
        "bea_strategy_errors_total",
        "counter",
        "Failed calls, by what they ran into.",
        &["strategy", "kind"],
    ),
    family(
        "bea_strategy_reloads_total",
        "counter",
        "Versions offered to the run.",
        &["result"],
    ),
    family("bea_alerts_raised_total", "counter", "Alerts raised.", &[]),
    family(
        "bea_alerts_total",
        "counter",
        "What became of alerts in each channel; dropped of all: the queue was full.",
        &["channel", "result"],
    ),
    family(
        "bea_spans_total",
        "counter",
        "Spans of traces that the collector took, and that were lost.",
        &["result"],
    ),
    family(
        "bea_http_requests_total",
        "counter",
        "Requests answered, by the first digit of the code.",
        &["code"],
    ),
    family(
        "bea_http_refused_tokens_total",
        "counter",
        "Requests with a token that is none.",
        &[],
    ),
    family(
        "bea_http_event_clients",
        "gauge",
        "Clients that listen to events.",
        &[],
    ),
];

/// Distinct names of strategies that are counted apart; a folder that is filled without end must not fill the memory.
const MOST_STRATEGIES: usize = 200;
/// Where those beyond them are counted.
const OTHERS: &str = "(others)";

/// The counters. Its clones are one.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    counts: Mutex<Counts>,
    refused_tokens: AtomicU64,
    event_clients: AtomicU64,
    requests: [AtomicU64; 6],
}

/// What the engine's thread counts, each time that records became durable.
#[derive(Clone, Debug)]
pub struct Counts {
    /// From a market change to the gate's word.
    pub snapshot_to_intent: Histogram,
    /// From an intent to the venue's taking the order.
    pub intent_to_ack: Histogram,
    /// Until a batch was durable.
    pub db_write: Histogram,
    /// What bets were worth against the close.
    pub clv: Histogram,
    /// How near the strategies' probabilities came, and those of the close.
    pub calibration: Calibration,
    /// Operations of a script's call.
    pub operations: Histogram,
    /// Approved intents by strategy.
    pub approved: BTreeMap<Arc<str>, u64>,
    /// Refused intents by strategy and code.
    pub refused: BTreeMap<(Arc<str>, &'static str), u64>,
    /// The words of venues by venue, side and word.
    pub bets: BTreeMap<(Arc<str>, &'static str, &'static str), u64>,
    /// Minor units matched by strategy.
    pub turnover: BTreeMap<Arc<str>, i64>,
    /// Failed calls by strategy and by what they ran into.
    pub errors: BTreeMap<(Arc<str>, FaultKind), u64>,
    /// Versions offered by what became of them.
    pub reloads: BTreeMap<&'static str, u64>,
    names: Vec<Arc<str>>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            snapshot_to_intent: Histogram::of_seconds(),
            intent_to_ack: Histogram::of_seconds(),
            db_write: Histogram::of_seconds(),
            clv: Histogram::of_shares(),
            calibration: Calibration::default(),
            operations: Histogram::counted(&[], &[], 0, 0),
            approved: BTreeMap::new(),
            refused: BTreeMap::new(),
            bets: BTreeMap::new(),
            turnover: BTreeMap::new(),
            errors: BTreeMap::new(),
            reloads: BTreeMap::new(),
            names: Vec::new(),
        }
    }
}

/// Sums of squares between what was thought likely and what came to pass, over bets that have both.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Calibration {
    bets: u64,
    own: f64,
    close: f64,
}

impl Calibration {
    /// By how much the Brier score of the strategies is over that of the close; none without a bet.
    #[must_use]
    pub fn excess(&self) -> Option<f64> {
        (self.bets > 0).then(|| (self.own - self.close) / self.bets as f64)
    }
}

impl Counts {
    /// What a settled bet was worth against the close, and how near its strategy's probability came.
    pub fn closed(&mut self, row: &ClosingRow) {
        let Some(close) = &row.close else { return };
        if let Some(clv) = close.clv {
            self.clv.observe(clv);
        }
        if let (Some(own), Some(chance), Some(happened)) =
            (row.probability, close.chance, row.happened)
        {
            let off = |thought: f64| (thought - f64::from(u8::from(happened))).powi(2);
            self.calibration.bets += 1;
            self.calibration.own += off(own);
            self.calibration.close += off(chance);
        }
    }

    /// The name under which a strategy is counted.
    pub fn label(&mut self, strategy: &Arc<str>) -> Arc<str> {
        if self.names.contains(strategy) {
            return Arc::clone(strategy);
        }
        if self.names.len() < MOST_STRATEGIES {
            self.names.push(Arc::clone(strategy));
            return Arc::clone(strategy);
        }
        OTHERS.into()
    }
}

impl Metrics {
    /// To count in.
    pub fn counts(&self) -> MutexGuard<'_, Counts> {
        // A count that a panic left half done is a count that is one off; it is no reason to stop counting.
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records became durable after so long.
    pub fn wrote(&self, took: Duration) {
        self.counts().db_write.observe(took.as_secs_f64());
    }

    /// A call of a strategy failed.
    pub fn failed(&self, strategy: &str, kind: FaultKind) {
        let mut counts = self.counts();
        let label = counts.label(&strategy.into());
        *counts.errors.entry((label, kind)).or_default() += 1;
    }

    /// A version of a strategy was offered: taken or refused.
    pub fn offered(&self, taken: bool) {
        let result = if taken { "accepted" } else { "refused" };
        *self.counts().reloads.entry(result).or_default() += 1;
    }

    pub(super) fn answered(&self, code: u16) {
        self.0.requests[usize::from(code / 100).min(5)].fetch_add(1, Relaxed);
    }

    pub(super) fn refused_token(&self) {
        self.0.refused_tokens.fetch_add(1, Relaxed);
    }

    /// How many clients listen to events. Dropping an [`Listening`] takes one off.
    pub(super) fn event_clients(&self) -> u64 {
        self.0.event_clients.load(Relaxed)
    }

    /// Counts a client in if there is room for it.
    pub(super) fn listen(&self, most: u64) -> Option<Listening> {
        let counted = self.0.event_clients.fetch_add(1, Relaxed);
        let listening = Listening(self.clone());
        (counted < most).then_some(listening)
    }
}

/// A client that listens to events.
#[derive(Debug)]
pub(super) struct Listening(Metrics);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.0.event_clients.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        for Family {
            name, kind, help, ..
        } in FAMILIES
        {
            assert!(name.starts_with("bea_") && help.ends_with('.'), "{name}");
            assert_eq!(*kind == "counter", name.ends_with("_total"), "{name}");
            let clean = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.chars().all(clean), "{name}");
        }
        let mut names: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAMILIES.len());
    }

    /// What users of such programs expect to find.
    const EXPECTED: [&str; 32] = [
        "bea_build_info",
        "bea_mode_info",
        "bea_trading_state",
        "bea_feed_age_seconds",
        "bea_feed_messages_total",
        "bea_feed_reconnects_total",
        "bea_feed_gaps_total",
        "bea_snapshot_to_intent_seconds",
        "bea_intent_to_ack_seconds",
        "bea_intents_total",
        "bea_intents_rejected_total",
        "bea_bets_total",
        "bea_turnover_currency_total",
        "bea_exposure_currency",
        "bea_exposure_limit_currency",
        "bea_pnl_realised_currency",
        "bea_bankroll_currency",
        "bea_open_bets",
        "bea_clv_ratio",
        "bea_strategy_errors_total",
        "bea_strategy_operations",
        "bea_strategy_reloads_total",
        "bea_strategy_info",
        "bea_venue_requests_total",
        "bea_venue_quota_remaining",
        "bea_session_expiry_timestamp_seconds",
        "bea_db_write_seconds",
        "bea_recorder_lag_seconds",
        "bea_reconcile_mismatches",
        "bea_alerts_total",
        "bea_health_status",
        "bea_orders_unresolved",
    ];

    #[test]
    fn what_is_expected_is_served_and_what_is_served_is_in_the_guide() {
        let guide = include_str!("../../../docs/http.md");
        let (_, guide) = guide.split_once("## Metrics").unwrap();
        for name in EXPECTED {
            let is_served = FAMILIES.iter().any(|family| family.name == name);
            assert!(is_served, "{name} is expected and not served");
        }
        for Family { name, labels, .. } in FAMILIES {
            let row = guide.lines().find(|row| row.contains(&format!("`{name}`")));
            let row = row.unwrap_or_else(|| panic!("docs/http.md does not tell of {name}"));
            for label in *labels {
                assert!(row.contains(&format!("`{label}`")), "{name}: {label}");
            }
        }
    }

    #[test]
    fn strategies_without_end_are_counted_together() {
        let mut counts = Counts::default();
        let labels: std::collections::BTreeSet<_> = (0..1_000)
            .map(|n| counts.label(&format!("s{n}").into()))
            .collect();
        assert_eq!(labels.len(), MOST_STRATEGIES + 1);
        assert!(labels.contains(OTHERS));
        assert_eq!(&*counts.label(&"s7".into()), "s7");
    }

    #[test]
    fn listeners_are_counted_in_up_to_a_limit_and_out_again() {
        let metrics = Metrics::default();
        let first = metrics.listen(1);
        assert!(first.is_some() && metrics.listen(1).is_none());
        assert_eq!(metrics.event_clients(), 1);
        drop(first);
        assert_eq!(metrics.event_clients(), 0);
    }
}
