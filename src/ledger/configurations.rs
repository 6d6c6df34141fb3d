//! Configurations that came into force while a run went on.

use rusqlite::{Connection, named_params, params};
use serde::Serialize;
use serde_json::Value;

use super::{LedgerError, Reader};
use crate::market::TimeMs;

/// A configuration that comes into force.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// When, by the wall clock.
    pub at: TimeMs,
    /// Every value by its key, without secrets.
    pub config: Value,
    /// What is different from the one before.
    pub changes: Value,
}

/// One as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigurationRow {
    /// The last intent's record before it; 0 if there was none.
    pub after_record: i64,
    /// When, in milliseconds, by the wall clock.
    pub at_ms: i64,
    /// Its hash.
    pub config_hash: String,
    /// What is different from the one before.
    pub changes: Value,
}

pub(super) fn write(
    connection: &Connection,
    run: i64,
    configuration: &Configuration,
) -> rusqlite::Result<()> {
    let config = configuration.config.to_string();
    connection.execute(
        "INSERT INTO configurations (run_id, after_record, ordinal, at_ms, config, config_hash, changes)
         SELECT ?1, (SELECT coalesce(max(record), 0) FROM intents WHERE run_id = ?1),
                (SELECT count(*) + 1 FROM configurations WHERE run_id = ?1), ?2, ?3, ?4, ?5",
        params![
            run,
            configuration.at.0,
            config,
            blake3::hash(config.as_bytes()).to_hex().as_str(),
            configuration.changes.to_string(),
        ],
    )?;
    Ok(())
}

impl Reader {
    /// The configurations that came into force during a run, in order.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn configurations(&self, run: i64) -> Result<Vec<ConfigurationRow>, LedgerError> {
        self.rows(
            "SELECT after_record, at_ms, config_hash, changes FROM configurations
              WHERE run_id = :run ORDER BY ordinal",
            named_params! { ":run": run },
            |row| {
                Ok(ConfigurationRow {
                    after_record: row.get(0)?,
                    at_ms: row.get(1)?,
                    config_hash: row.get(2)?,
                    changes: row.get::<_, String>(3)?.parse().unwrap_or_default(),
                })
            },
        )
    }
}
