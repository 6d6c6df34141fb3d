//! Limits combine by the tightest: what one layer states, a later one may tighten and not loosen.

use std::collections::BTreeSet;

use figment::value::{Dict, Value};
use serde_json::Value as Json;

use super::layers::{leaves, remove};
use crate::risk::RiskLimits;

/// The key that permits loosening, in the first file alone.
pub(super) const LOOSEN: &str = "config.allow_loosen";

/// The limits of the layers so far.
#[derive(Debug, Default)]
pub(super) struct Ratchet {
    limits: RiskLimits,
    /// Keys that a layer has stated; of the others only the built-in value is known, which is no limit of anybody's.
    stated: BTreeSet<String>,
    /// Whether the first file is through.
    is_settled: bool,
    may_loosen: bool,
}

impl Ratchet {
    /// The first file is through.
    pub(super) fn settle(&mut self, may_loosen: bool) {
        self.is_settled = true;
        self.may_loosen = may_loosen;
    }

    /// Takes out of a layer what would loosen a limit, and gives the keys of that.
    pub(super) fn pass(&mut self, values: &mut Dict) -> Vec<String> {
        let mut ignored = Vec::new();
        for key in leaves(values) {
            if self.is_settled && key == LOOSEN {
                ignored.push(key);
            } else if key.starts_with("risk.") && !self.pass_one(&key, values) {
                ignored.push(key);
            }
        }
        for key in &ignored {
            remove(values, key);
        }
        ignored
    }

    /// Whether a limit counts as it stands in `values` afterwards.
    fn pass_one(&mut self, key: &str, values: &mut Dict) -> bool {
        let written = Value::from(values.clone()).find(key);
        let Some(wanted) = written.and_then(|value| self.with(key, &value)) else {
            // It is no limit at all, and is told as such.
            return true;
        };
        let is_first = self.stated.insert(key.to_owned());
        let name = key.strip_prefix("risk.").unwrap_or(key);
        let outside = |bound: &crate::market::Bound| bound.key == name && !bound.holds;
        if is_first
            || !self.is_settled
            || self.may_loosen
            || wanted.bounds().iter().any(|b| outside(b))
        {
            self.limits = wanted;
            return true;
        }
        let combined = self.limits.combined(&wanted);
        let (before, after, asked) = (at(&self.limits, key), at(&combined, key), at(&wanted, key));
        if after == before && after != asked {
            return false;
        }
        if after != asked
            && let Some(Json::Array(both)) = after
        {
            // Of two lists what stands in both is left.
            let both: Vec<&str> = both.iter().filter_map(Json::as_str).collect();
            let section = values.get_mut("risk");
            if let Some(Value::Dict(_, section)) = section {
                section.insert(name.to_owned(), Value::from(both));
            }
        }
        self.limits = combined;
        true
    }

    /// The limits with one of them as it is written; `None` if that is no value for it.
    fn with(&self, key: &str, value: &Value) -> Option<RiskLimits> {
        let mut all = serde_json::to_value(&self.limits).ok()?;
        *all.pointer_mut(&pointer(key))? = serde_json::to_value(value).ok()?;
        serde_json::from_value(all).ok()
    }
}

fn at(limits: &RiskLimits, key: &str) -> Option<Json> {
    let all = serde_json::to_value(limits).ok()?;
    all.pointer(&pointer(key)).cloned()
}

/// A key of `[risk]` as a pointer into the limits.
fn pointer(key: &str) -> String {
    let inside = key.strip_prefix("risk.").unwrap_or(key);
    format!("/{}", inside.replace('.', "/"))
}
