//! What the operator of the exchange does to markets against the recording: suspensions, withdrawn runners.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::market::{
    MarketDefinition, MarketDelta, MarketId, MarketStatus, RunnerId, RunnerStatus, TimeMs,
};

/// What is done to markets until it is taken back.
#[derive(Debug, Default)]
pub(super) struct Tampering {
    suspended: BTreeSet<MarketId>,
    removed: BTreeMap<MarketId, BTreeMap<RunnerId, Removal>>,
    /// How often a market was tampered with: its version is so much higher than recorded.
    versions: BTreeMap<MarketId, u64>,
    /// Definitions as recorded.
    recorded: BTreeMap<MarketId, Arc<MarketDefinition>>,
}

#[derive(Clone, Copy, Debug)]
struct Removal {
    at: TimeMs,
    factor: Option<u32>,
}

impl Tampering {
    /// Suspends a market, or lets it be as recorded again.
    pub(super) fn suspend(&mut self, market: &MarketId, suspended: bool) {
        if suspended {
            self.suspended.insert(market.clone());
        } else {
            self.suspended.remove(market);
        }
        *self.versions.entry(market.clone()).or_default() += 1;
    }

    /// Withdraws a runner, for good; with its own reduction factor (hundredths of a percent) if none is given.
    pub(super) fn remove(
        &mut self,
        market: &MarketId,
        runner: RunnerId,
        factor: Option<u32>,
        at: TimeMs,
    ) {
        let removed = self.removed.entry(market.clone()).or_default();
        removed.insert(runner, Removal { at, factor });
        *self.versions.entry(market.clone()).or_default() += 1;
    }

    /// A market's definition as it was recorded.
    pub(super) fn recorded(&self, market: &MarketId) -> Option<&Arc<MarketDefinition>> {
        self.recorded.get(market)
    }

    /// Changes a definition that is about to be played.
    pub(super) fn alter(&mut self, delta: &mut MarketDelta) {
        let Some(definition) = &mut delta.definition else {
            return;
        };
        self.recorded
            .insert(delta.market.clone(), Arc::clone(definition));
        let Some(raised) = self.versions.get(&delta.market) else {
            return;
        };
        let definition: &mut MarketDefinition = Arc::make_mut(definition);
        definition.version += raised;
        let takes_bets = definition.status == MarketStatus::Open;
        if takes_bets && self.suspended.contains(&delta.market) {
            definition.status = MarketStatus::Suspended;
        }
        let removed = self.removed.get(&delta.market);
        for runner in &mut definition.runners {
            if let Some(removal) = removed.and_then(|removed| removed.get(&runner.id)) {
                runner.status = RunnerStatus::Removed;
                runner.adjustment_factor = removal.factor.or(runner.adjustment_factor);
            }
        }
    }

    /// Writes a definition as the stream does: what was recorded, without names, with what was done to it.
    pub(super) fn rewrite(&self, mut raw: Value, definition: &MarketDefinition) -> Value {
        let active = definition
            .runners
            .iter()
            .filter(|runner| runner.status == RunnerStatus::Active)
            .count();
        let Some(members) = raw.as_object_mut() else {
            return raw;
        };
        // The live stream has no names; they are in listMarketCatalogue.
        for name in ["name", "eventName"] {
            members.remove(name);
        }
        members.insert("status".to_owned(), json!(definition.status));
        members.insert("version".to_owned(), json!(definition.version));
        members.insert("numberOfActiveRunners".to_owned(), json!(active));
        let runners = members.get_mut("runners").and_then(Value::as_array_mut);
        for (runner, known) in runners.into_iter().flatten().zip(&definition.runners) {
            let Some(runner) = runner.as_object_mut() else {
                continue;
            };
            runner.remove("name");
            let recorded = runner.insert("status".to_owned(), json!(known.status));
            let now_removed = known.status == RunnerStatus::Removed;
            if now_removed && recorded != Some(json!(RunnerStatus::Removed)) {
                let removals = self.removed.values();
                let at = removals.filter_map(|removed| removed.get(&known.id)).next();
                if let Some(removal) = at {
                    let date = removal.at.to_string();
                    runner.insert("removalDate".to_owned(), json!(date));
                }
                if let Some(factor) = known.adjustment_factor {
                    let percent = f64::from(factor) / 100.0;
                    runner.insert("adjustmentFactor".to_owned(), json!(percent));
                }
            }
        }
        raw
    }
}
