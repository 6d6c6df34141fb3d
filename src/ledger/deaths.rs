//! Runs that never ended. Whoever next opens the ledger for writing finds them: the lock says that nobody writes them
//! any more, so their process died or could not write their end.

use std::fmt;

use rusqlite::Connection;
use serde::Serialize;

use super::chain::Scribe;

/// A run that was found to have died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Death {
    /// Its number.
    pub run: i64,
    /// Whether its bets were real: then they are not lost, and the next such run takes them over.
    pub is_live: bool,
    /// How many of its simulated orders were not done.
    pub lost_orders: u64,
}

/// Keeps which runs died and which of their orders are lost, in one transaction; gives those that were not known yet.
pub(super) fn register(
    connection: &Connection,
    scribe: &mut Scribe,
) -> rusqlite::Result<Vec<Death>> {
    let runs: Vec<(i64, bool)> = connection
        .prepare(
            "SELECT id, mode = 'LIVE' FROM runs WHERE outcome IS NULL AND id NOT IN (SELECT run_id FROM deaths)
              ORDER BY id",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let transaction = connection.unchecked_transaction()?;
    let mut deaths = Vec::new();
    for (run, is_live) in runs {
        transaction.execute(
            "INSERT INTO deaths VALUES (?1, CAST(unixepoch('subsec') * 1000 AS INTEGER))",
            [run],
        )?;
        let lost = transaction.execute(
            "INSERT INTO lost_orders SELECT * FROM v_unfinished WHERE run_id = ?1",
            [run],
        )?;
        deaths.push(Death {
            run,
            is_live,
            lost_orders: u64::try_from(lost).unwrap_or(u64::MAX),
        });
    }
    scribe.seal(&transaction)?;
    transaction.commit()?;
    Ok(deaths)
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.run;
        write!(
            f,
            "run {run} never ended: its process died, or could not write any more. "
        )?;
        match self.lost_orders {
            _ if self.is_live => write!(
                f,
                "What it left at the venue is taken over by the next LIVE run"
            ),
            0 => write!(f, "None of its orders was open"),
            1 => write!(
                f,
                "1 order was not done and is gone with its simulated exchange, no money was involved: \
                 bea bets --run {run}"
            ),
            orders => write!(
                f,
                "{orders} orders were not done and are gone with its simulated exchange, no money was involved: \
                 bea bets --run {run}"
            ),
        }
    }
}
