//! Spans of what a market change led to: the change, each intent, the commit, and each order until the venue is heard.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::engine::{Action, IntentRecord, Record, Verdict};
use crate::market::{OrderId, Side, TimeMs};
use crate::telemetry::{Id, Span, Telemetry};

/// Orders of which the venue's first word is awaited.
const AWAITED: usize = 10_000;

/// Makes spans of what becomes durable.
pub(super) struct Spans {
    telemetry: Telemetry,
    run: i64,
    mode: &'static str,
    wall_clock: fn() -> TimeMs,
    /// The span of the intent behind an order, and when it was durable.
    awaited: BTreeMap<OrderId, (Id, Instant)>,
}

impl Spans {
    pub(super) fn new(
        telemetry: Telemetry,
        run: i64,
        mode: &'static str,
        wall_clock: fn() -> TimeMs,
    ) -> Self {
        Self {
            telemetry,
            run,
            mode,
            wall_clock,
            awaited: BTreeMap::new(),
        }
    }

    /// A market change that entered then has led to these records, and the last `took` of it was their commit.
    pub(super) fn decided(&mut self, records: &[Record], entered: Instant, took: Duration) {
        if !self.telemetry.is_on() {
            return;
        }
        let intents = || {
            records.iter().filter_map(|record| match record {
                Record::Intent(intent) => Some(intent),
                _ => None,
            })
        };
        let Some(first) = intents().next() else {
            return;
        };
        let (now, durable) = ((self.wall_clock)(), Instant::now());
        let whole = durable.saturating_duration_since(entered);
        let root = Id::root(&format!("{}/{}", self.run, first.id));
        let span = |name, id, parent, ended_at, took, facts, failure| Span {
            name,
            id,
            parent,
            ended_at,
            took,
            facts,
            failure,
        };
        let facts = vec![
            ("run_id", self.run.into()),
            ("mode", self.mode.into()),
            ("market_id", first.market.to_string().into()),
            (
                "sequence",
                i64::try_from(first.sequence).unwrap_or(i64::MAX).into(),
            ),
        ];
        self.telemetry
            .tell(span("snapshot", root, None, now, whole, facts, None));
        let decided_at = TimeMs(now.0 - i64::try_from(took.as_millis()).unwrap_or(0));
        let thought = whole.saturating_sub(took);
        for intent in intents() {
            let id = root.within(&format!("intent {}", intent.id));
            let (facts, refused) = facts_of(intent);
            self.telemetry.tell(span(
                "intent",
                id,
                Some(root),
                decided_at,
                thought,
                facts,
                refused,
            ));
            let places = matches!(intent.action, Action::Place { .. });
            if places && intent.verdict == Verdict::Approved && self.awaited.len() < AWAITED {
                self.awaited.insert(intent.id, (id, durable));
            }
        }
        let commit = root.within(&format!("commit {}", first.id));
        let count = i64::try_from(records.len()).unwrap_or(i64::MAX);
        let facts = vec![("records", count.into())];
        self.telemetry
            .tell(span("commit", commit, Some(root), now, took, facts, None));
    }

    /// The venue was heard of an order for the first time.
    pub(super) fn heard(&mut self, order: OrderId, side: Side, venue: &str, word: &'static str) {
        let Some((intent, durable)) = self.awaited.remove(&order) else {
            return;
        };
        let is_bad = matches!(word, "rejected" | "doubted");
        self.telemetry.tell(Span {
            name: "order",
            id: intent.within(&format!("order {order}")),
            parent: Some(intent),
            ended_at: (self.wall_clock)(),
            took: durable.elapsed(),
            facts: vec![
                ("intent_id", order.to_string().into()),
                ("venue", venue.to_owned().into()),
                ("side", side.as_str().into()),
                ("result", word.into()),
            ],
            failure: is_bad.then(|| word.to_owned()),
        });
    }
}

/// What belongs to an intent, and why it was refused, if it was.
fn facts_of(
    intent: &IntentRecord,
) -> (Vec<(&'static str, crate::telemetry::Value)>, Option<String>) {
    let mut facts = vec![
        ("intent_id", intent.id.to_string().into()),
        ("strategy", intent.strategy.to_string().into()),
        ("strategy_hash", intent.hash.to_string().into()),
        ("market_id", intent.market.to_string().into()),
    ];
    match &intent.verdict {
        Verdict::Approved => {
            facts.push(("verdict", "APPROVED".into()));
            (facts, None)
        }
        Verdict::Refused(refusal) => {
            facts.push(("verdict", "REFUSED".into()));
            facts.push(("reason", refusal.code.as_str().into()));
            (facts, Some(refusal.to_string()))
        }
    }
}
