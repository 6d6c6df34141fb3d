//! How often a venue was asked what, and what came of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was asked, and the status of the answer or a word for why there was none.
pub type AskedAndCode = (&'static str, String);

/// Counts requests to a venue. Its clones are one.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Mutex<BTreeMap<AskedAndCode, u64>>>);

impl Requests {
    /// Counts one.
    pub(super) fn count(&self, op: &'static str, code: impl ToString) {
        *self.lock().entry((op, code.to_string())).or_default() += 1;
    }

    /// All so far.
    #[must_use]
    pub fn all(&self) -> Vec<(AskedAndCode, u64)> {
        let all = self.lock();
        all.iter()
            .map(|(key, count)| (key.clone(), *count))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AskedAndCode, u64>> {
        // A count is one step, so what a panic left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_what_was_asked_and_answered() {
        let requests = Requests::default();
        for code in ["200", "503", "200"] {
            requests.clone().count("placeOrders", code);
        }
        let all = requests.all();
        assert_eq!(all[0], (("placeOrders", "200".to_owned()), 2));
        assert_eq!(all[1], (("placeOrders", "503".to_owned()), 1));
    }
}
