//! How a run stands that is still under way: whether betting is on, and which orders are not done.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::{LedgerError, Reader};

/// How the latest run stands that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its number.
    pub run: i64,
    /// Whether betting is on: the last word of the ledger.
    pub state: String,
    /// Orders that can still change and that the venue has.
    pub working: u64,
    /// Orders of which the venue has not been heard, or nobody can say whether it has them.
    pub unresolved: u64,
    /// Orders that were asked to be cancelled because betting was halted, or their strategy stopped.
    pub swept: u64,
}

impl Reader {
    /// How the latest run stands that has not ended; `None` if all have. A run that died stands here until the
    /// ledger is next opened for writing.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn standing(&self) -> Result<Option<Standing>, LedgerError> {
        let read = || -> rusqlite::Result<Option<Standing>> {
            let run: Option<i64> = self.connection.query_row(
                "SELECT max(id) FROM runs
                  WHERE outcome IS NULL AND id NOT IN (SELECT run_id FROM deaths)",
                [],
                |row| row.get(0),
            )?;
            let Some(run) = run else {
                return Ok(None);
            };
            let state: Option<String> = self
                .connection
                .query_row(
                    "SELECT name FROM house_events WHERE run_id = ?1 AND what = 'TRADING'
                      ORDER BY record DESC LIMIT 1",
                    [run],
                    |row| row.get(0),
                )
                .optional()?;
            let orders = |states: &str| {
                self.connection.query_row(
                    &format!(
                        // A LIVE run has taken over what earlier ones left.
                        "SELECT count(*) FROM orders WHERE state IN ({states})
                            AND (run_id = ?1 OR run_id IN (
                                 SELECT r.id FROM runs r JOIN runs present ON present.id = ?1
                                  WHERE r.mode = 'LIVE' AND present.mode = 'LIVE'))"
                    ),
                    [run],
                    |row| super::reader::count(row, 0),
                )
            };
            let swept = self.connection.query_row(
                "SELECT coalesce(sum(1 + length(detail) - length(replace(detail, ' ', ''))), 0)
                   FROM house_events WHERE run_id = ?1 AND what = 'SWEPT'",
                params![run],
                |row| super::reader::count(row, 0),
            )?;
            Ok(Some(Standing {
                run,
                state: state.unwrap_or_else(|| "ACTIVE".to_owned()),
                working: orders("'EXECUTABLE'")?,
                unresolved: orders("'SENDING', 'UNKNOWN', 'STUCK'")?,
                swept,
            }))
        };
        read().map_err(LedgerError::database(&self.path, "read the ledger"))
    }
}
