//! Reports of runs, kept as they were printed, and what was tried on the same data.

use std::collections::BTreeSet;

use rusqlite::named_params;
use serde_json::Value;

use super::{LedgerError, Reader};

/// A run's report.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptReport {
    /// Of which run.
    pub run: i64,
    /// As `--json` printed it.
    pub report: Value,
    /// As it was printed for people.
    pub text: String,
}

impl Reader {
    /// Versions of strategies, parameters counted in, of which there is a report on this data.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn variants(&self, data_set: &str) -> Result<BTreeSet<String>, LedgerError> {
        let hashes = self.rows(
            "SELECT DISTINCT s.value ->> 'hash'
               FROM reports r, json_each(r.report, '$.strategies') s
              WHERE r.data_set = :data_set",
            named_params! { ":data_set": data_set },
            |row| row.get(0),
        )?;
        Ok(hashes.into_iter().collect())
    }

    /// The report of a run, or the latest there is.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn report(&self, run: Option<i64>) -> Result<Option<KeptReport>, LedgerError> {
        let found = self.rows(
            "SELECT run_id, report, text FROM reports
              WHERE :run IS NULL OR run_id = :run ORDER BY run_id DESC LIMIT 1",
            named_params! { ":run": run },
            |row| {
                let report: String = row.get(1)?;
                Ok(KeptReport {
                    run: row.get(0)?,
                    report: serde_json::from_str(&report).unwrap_or_default(),
                    text: row.get(2)?,
                })
            },
        )?;
        Ok(found.into_iter().next())
    }
}
