//! What settled bets of a live feed were worth against the close.

use rusqlite::{Connection, Row, named_params, params};

use super::approvals::PAPER;
use super::rows::RowError;
use super::writer::Entry;
use super::{Ledger, LedgerError, Reader};
use crate::market::{Mode, TimeMs};

/// A settled bet and its close.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosingRow {
    /// Its order.
    pub order: String,
    /// Of which settlement of its market: 1, and one more each time that it is settled again.
    pub version: u32,
    /// When it was settled.
    pub at: TimeMs,
    /// Whose bet.
    pub strategy: String,
    /// In which market.
    pub market: String,
    /// On which event: bets on one stand or fall together.
    pub event: String,
    /// Its worth, where the close is known.
    pub close: Option<CloseRow>,
    /// The strategy's own chance of the runner winning.
    pub probability: Option<f64>,
    /// Whether it won; `None` if that is not a matter of yes and no.
    pub happened: Option<bool>,
}

/// What the close says of a bet.
#[derive(Clone, Debug, PartialEq)]
pub struct CloseRow {
    /// Whose close.
    pub source: String,
    /// Price taken against the closing price, the margin still in it; more than 0 is better.
    pub raw: f64,
    /// What it wins on average for each unit of the backer's stake if the close without its margin is right.
    pub clv: Option<f64>,
    /// The chance of the runner winning, by that.
    pub chance: Option<f64>,
}

pub(super) fn write(
    connection: &Connection,
    run: i64,
    recording: u32,
    rows: &[ClosingRow],
) -> Result<(), RowError> {
    // A settlement that was told of already says nothing new.
    let mut insert = connection.prepare_cached(
        "INSERT INTO closings
                (run_id, recording, order_id, version, at_ms, strategy, market, event, source, raw_clv, clv,
                 close_chance, probability, happened)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (run_id, order_id, version) DO NOTHING",
    )?;
    for row in rows {
        let close = row.close.as_ref();
        insert.execute(params![
            run,
            recording,
            row.order,
            row.version,
            row.at.0,
            row.strategy,
            row.market,
            row.event,
            close.map(|close| &close.source),
            close.map(|close| close.raw),
            close.and_then(|close| close.clv),
            close.and_then(|close| close.chance),
            row.probability,
            row.happened,
        ])?;
    }
    Ok(())
}

impl Ledger {
    /// Keeps what settled bets were worth against the close, while a run writes: `recording` is the session's number in it.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn closings(
        &self,
        run: i64,
        recording: u32,
        rows: Vec<ClosingRow>,
    ) -> Result<(), LedgerError> {
        self.pen().write(Entry::Closings {
            run,
            recording,
            rows,
        })
    }
}

impl Reader {
    /// The bets settled in DRY_RUN on the feed at `address`, each as it stands now.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn paper_closings(&self, address: &str) -> Result<Vec<ClosingRow>, LedgerError> {
        self.rows(
            &format!(
                "WITH {PAPER}
                 SELECT c.order_id, c.version, c.at_ms, c.strategy, c.market, c.event, c.source, c.raw_clv, c.clv,
                        c.close_chance, c.probability, c.happened
                   FROM closings c
                   JOIN paper p ON p.id = c.run_id
                   JOIN orders o ON o.run_id = c.run_id AND o.id = c.order_id
                  WHERE o.matched_minor > 0 AND o.profit_minor IS NOT NULL
                    AND c.version = (SELECT max(l.version) FROM closings l
                                      WHERE l.run_id = c.run_id AND l.order_id = c.order_id)
                  ORDER BY c.run_id, c.at_ms, c.order_id"
            ),
            named_params! { ":address": address },
            closing,
        )
    }

    /// The bets settled on live feeds in a mode, each as it stands now.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn closings(&self, mode: Mode) -> Result<Vec<ClosingRow>, LedgerError> {
        self.rows(
            "SELECT c.order_id, c.version, c.at_ms, c.strategy, c.market, c.event, c.source, c.raw_clv, c.clv,
                    c.close_chance, c.probability, c.happened
               FROM closings c JOIN runs r ON r.id = c.run_id
              WHERE r.mode = :mode
                AND c.version = (SELECT max(l.version) FROM closings l
                                  WHERE l.run_id = c.run_id AND l.order_id = c.order_id)
              ORDER BY c.run_id, c.at_ms, c.order_id",
            named_params! { ":mode": mode.as_str() },
            closing,
        )
    }
}

fn closing(row: &Row<'_>) -> rusqlite::Result<ClosingRow> {
    let close = match row.get(6)? {
        None => None,
        Some(source) => Some(CloseRow {
            source,
            raw: row.get(7)?,
            clv: row.get(8)?,
            chance: row.get(9)?,
        }),
    };
    Ok(ClosingRow {
        order: row.get(0)?,
        version: row.get(1)?,
        at: TimeMs(row.get(2)?),
        strategy: row.get(3)?,
        market: row.get(4)?,
        event: row.get(5)?,
        close,
        probability: row.get(10)?,
        happened: row.get(11)?,
    })
}
