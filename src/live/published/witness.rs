//! What is gathered from records as they become durable: the latest intents, refusals, the equity curve, counters and
//! alerts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::losses::Losses;
use super::spans::Spans;
use crate::alert::Alerts;
use crate::engine::{Action, Figure, IntentRecord, Record, Verdict};
use crate::http::metrics::Metrics;
use crate::http::view::{EquityPoint, Intent, Refusals, View};
use crate::market::{MarketId, Money, OrderChange, OrderId, Side, TimeMs};

/// Intents that are shown.
const INTENTS: usize = 50;
/// Points of the equity curve; when there are so many, every second one goes.
const POINTS: usize = 1_000;
/// Orders of which the venue's first word is awaited.
const AWAITED: usize = 10_000;

/// An intent as it was recorded, in what is cheap to keep.
struct Kept {
    id: OrderId,
    at: TimeMs,
    strategy: Arc<str>,
    hash: Arc<str>,
    market: MarketId,
    action: Action,
    verdict: Verdict,
}

/// A market that was settled for a strategy.
pub(super) struct Settled {
    pub(super) strategy: Arc<str>,
    pub(super) market: MarketId,
    /// Which settlement of it.
    pub(super) version: u32,
    pub(super) at: TimeMs,
}

/// What was gathered.
pub(super) struct Witnessed {
    metrics: Metrics,
    alerts: Alerts,
    spans: Spans,
    latest: VecDeque<Kept>,
    seen: u64,
    /// Refused intents by strategy and code.
    refusals: BTreeMap<(Arc<str>, &'static str), u64>,
    refusals_changed: bool,
    points: Vec<(TimeMs, Arc<str>, Money)>,
    points_changed: bool,
    net: Money,
    /// When, on which side and at which venue an order was asked for, until the venue is heard of it.
    awaited: BTreeMap<OrderId, (TimeMs, Side, Arc<str>)>,
    losses: Losses,
    /// Markets that were settled since somebody asked.
    settled: Vec<Settled>,
    /// When the market change being handled came, and how long it took until the gate had its word on what came of it.
    entered: Option<Instant>,
    thought: Duration,
}

/// The parts of what is published that come from here.
pub(super) struct Fresh {
    pub(super) intents: Arc<[Arc<Intent>]>,
    pub(super) intents_seen: u64,
    pub(super) refusals: Arc<[Refusals]>,
    pub(super) equity: Arc<[EquityPoint]>,
}

impl Witnessed {
    pub(super) fn new(metrics: Metrics, alerts: Alerts, spans: Spans) -> Self {
        Self {
            metrics,
            alerts,
            spans,
            latest: VecDeque::with_capacity(INTENTS),
            seen: 0,
            refusals: BTreeMap::new(),
            refusals_changed: false,
            points: Vec::new(),
            points_changed: false,
            net: Money::ZERO,
            awaited: BTreeMap::new(),
            losses: Losses::default(),
            settled: Vec::new(),
            entered: None,
            thought: Duration::ZERO,
        }
    }

    pub(super) fn entered(&mut self, now: Instant) {
        self.entered = Some(now);
    }

    /// Takes note of a batch that became durable after so long.
    pub(super) fn take(&mut self, records: &[Record], took: Duration) {
        self.metrics.wrote(took);
        let has_intent = |record: &Record| matches!(record, Record::Intent(_));
        if records.iter().any(has_intent)
            && let Some(entered) = self.entered
        {
            self.thought = entered.elapsed().saturating_sub(took);
            let mut counts = self.metrics.counts();
            let thought = self.thought.as_secs_f64();
            counts.snapshot_to_intent.observe(thought);
            drop(counts);
            self.spans.decided(records, entered, took);
        }
        for record in records {
            self.note(record);
        }
    }

    fn note(&mut self, record: &Record) {
        match record {
            Record::Intent(intent) => self.intent(intent),
            Record::Order {
                at,
                strategy,
                order,
                change,
                ..
            } => self.order(*at, strategy, *order, change),
            Record::Settled {
                at,
                strategy,
                market,
                version,
                reversal,
                gross,
                commission,
                ..
            } => {
                // What is taken back before anybody asked for it is not told.
                self.settled
                    .retain(|known| known.strategy != *strategy || known.market != *market);
                if !reversal {
                    self.settled.push(Settled {
                        strategy: Arc::clone(strategy),
                        market: market.clone(),
                        version: *version,
                        at: *at,
                    });
                }
                self.settled(*at, strategy, *gross - *commission);
            }
            // Who did these has told of them.
            Record::Strategy { .. }
            | Record::Trading { .. }
            | Record::Fence { .. }
            | Record::External { .. }
            | Record::Ready { .. }
            | Record::Swept { .. } => {}
        }
    }

    fn intent(&mut self, intent: &IntentRecord) {
        tell_intent(intent, self.thought);
        self.seen += 1;
        if self.latest.len() == INTENTS {
            self.latest.pop_front();
        }
        self.latest.push_back(Kept {
            id: intent.id,
            at: intent.at,
            strategy: Arc::clone(&intent.strategy),
            hash: Arc::clone(&intent.hash),
            market: intent.market.clone(),
            action: intent.action.clone(),
            verdict: intent.verdict.clone(),
        });
        let mut counts = self.metrics.counts();
        let label = counts.label(&intent.strategy);
        match &intent.verdict {
            Verdict::Approved => {
                *counts.approved.entry(label).or_default() += 1;
                if let Action::Place { place, .. } = &intent.action
                    && self.awaited.len() < AWAITED
                {
                    let venue = Arc::clone(&intent.scopes.venue);
                    self.awaited
                        .insert(intent.id, (intent.at, place.side, venue));
                }
            }
            Verdict::Refused(refusal) => {
                let key = (label, refusal.code.as_str());
                *counts.refused.entry(key.clone()).or_default() += 1;
                drop(counts);
                *self.refusals.entry(key).or_default() += 1;
                self.refusals_changed = true;
                self.losses
                    .refused(&intent.strategy, intent.at, refusal, &self.alerts);
            }
        }
    }

    fn order(&mut self, at: TimeMs, strategy: &Arc<str>, order: OrderId, change: &OrderChange) {
        let mut counts = self.metrics.counts();
        let word = match change {
            OrderChange::Matched { size, .. } => {
                let label = counts.label(strategy);
                *counts.turnover.entry(label).or_default() += size.minor();
                return;
            }
            OrderChange::Accepted => "accepted",
            OrderChange::Rejected { .. } => "rejected",
            OrderChange::NotSent => "not_sent",
            OrderChange::Doubted { .. } => "doubted",
            _ => return,
        };
        if let Some((asked_at, side, venue)) = self.awaited.remove(&order) {
            tracing::debug!(
                event = "order_answered",
                intent_id = %order,
                strategy = &**strategy,
                venue = &*venue,
                result = word,
                dur_ms = at - asked_at,
            );
            self.spans.heard(order, side, &venue, word);
            *counts.bets.entry((venue, side.as_str(), word)).or_default() += 1;
            if word == "accepted" {
                let seconds = (at - asked_at).max(0) as f64 / 1_000.0;
                counts.intent_to_ack.observe(seconds);
            }
        }
    }

    fn settled(&mut self, at: TimeMs, strategy: &Arc<str>, net: Money) {
        self.net += net;
        if self.points.len() == POINTS {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.points.push((at, Arc::clone(strategy), self.net));
        self.points_changed = true;
    }

    /// Markets that were settled since this was asked last.
    pub(super) fn settled_lately(&mut self) -> Vec<Settled> {
        std::mem::take(&mut self.settled)
    }

    /// Refused intents of each strategy.
    pub(super) fn refused(&self) -> BTreeMap<Arc<str>, u64> {
        let mut sums = BTreeMap::new();
        for ((strategy, _), count) in &self.refusals {
            *sums.entry(Arc::clone(strategy)).or_default() += count;
        }
        sums
    }

    /// The parts of what is published next: those of the last time where nothing changed.
    pub(super) fn fresh(&mut self, last: &View) -> Fresh {
        let new = self.seen - last.intents_seen.min(self.seen);
        let intents = match usize::try_from(new).unwrap_or(INTENTS).min(INTENTS) {
            0 => Arc::clone(&last.intents),
            new => {
                let made = self
                    .latest
                    .iter()
                    .rev()
                    .take(new)
                    .map(|kept| Arc::new(shown(kept)));
                let known = last.intents.iter().take(INTENTS - new).cloned();
                made.chain(known).collect()
            }
        };
        let refusals = match std::mem::take(&mut self.refusals_changed) {
            true => self.refusals_by_count(),
            false => Arc::clone(&last.refusals),
        };
        let equity = match std::mem::take(&mut self.points_changed) {
            true => self.curve(),
            false => Arc::clone(&last.equity),
        };
        Fresh {
            intents,
            intents_seen: self.seen,
            refusals,
            equity,
        }
    }

    /// The commonest first.
    fn refusals_by_count(&self) -> Arc<[Refusals]> {
        let counted = self
            .refusals
            .iter()
            .map(|((strategy, code), count)| Refusals {
                strategy: strategy.to_string(),
                code,
                count: *count,
            });
        let mut counted: Vec<Refusals> = counted.collect();
        counted.sort_by_key(|refused| std::cmp::Reverse(refused.count));
        counted.into()
    }

    fn curve(&self) -> Arc<[EquityPoint]> {
        let points = self.points.iter().map(|(at, strategy, net)| EquityPoint {
            at: at.to_string(),
            strategy: strategy.to_string(),
            net: net.to_string(),
        });
        points.collect()
    }
}

/// An intent and the gate's word on it, under the id that it has in the ledger.
fn tell_intent(intent: &IntentRecord, thought: Duration) {
    let selection_id = match &intent.action {
        Action::Place { place, .. } => Some(place.runner.selection),
        _ => None,
    };
    let reason = match &intent.verdict {
        Verdict::Approved => None,
        Verdict::Refused(refusal) => Some(refusal.code.as_str()),
    };
    tracing::debug!(
        event = "intent",
        intent_id = %intent.id,
        strategy = &*intent.strategy,
        strategy_hash = &*intent.hash,
        market_id = %intent.market,
        selection_id,
        result = if reason.is_none() { "approved" } else { "refused" },
        reason,
        dur_ms = thought.as_secs_f64() * 1_000.0,
    );
}

fn figure(figure: &Figure) -> Option<String> {
    match figure {
        Figure::None => None,
        figure => Some(figure.to_string()),
    }
}

fn shown(kept: &Kept) -> Intent {
    let mut intent = Intent {
        intent: kept.id.to_string(),
        at: kept.at.to_string(),
        strategy: kept.strategy.to_string(),
        script_hash: kept.hash.to_string(),
        market: kept.market.to_string(),
        action: String::new(),
        runner: None,
        side: None,
        price: None,
        size: None,
        verdict: "APPROVED".to_owned(),
        code: None,
        value: None,
        limit: None,
        reason: None,
    };
    intent.action = match &kept.action {
        Action::Place { place, .. } => {
            intent.runner = Some(place.runner.to_string());
            intent.side = Some(place.side.as_str().to_owned());
            intent.price = place.kind.price().map(|price| price.to_string());
            intent.size = Some(place.kind.amount().to_string());
            intent.reason = place.reason.as_deref().map(str::to_owned);
            "PLACE"
        }
        Action::Cancel { size, .. } => {
            intent.size = size.map(|size| size.to_string());
            "CANCEL"
        }
        Action::Update { .. } => "UPDATE",
        Action::Replace { price, .. } => {
            intent.price = Some(price.to_string());
            "REPLACE"
        }
        Action::Malformed { what, .. } => {
            intent.reason = Some(what.clone());
            "MALFORMED"
        }
    }
    .to_owned();
    if let Verdict::Refused(refusal) = &kept.verdict {
        intent.verdict = "REFUSED".to_owned();
        intent.code = Some(refusal.code.as_str().to_owned());
        intent.value = figure(&refusal.value);
        intent.limit = figure(&refusal.limit);
    }
    intent
}
