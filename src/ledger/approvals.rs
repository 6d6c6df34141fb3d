//! Who approved which version of a strategy for LIVE, and what was settled so far in either mode.

use std::collections::BTreeMap;

use rusqlite::{Connection, named_params, params};
use serde::{Deserialize, Serialize};

use super::reader::count;
use super::rows::RowError;
use super::writer::Entry;
use super::{Ledger, LedgerError, Reader};
use crate::market::{MarketId, Money, TimeMs};

/// A version of a strategy that somebody approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// When, by the wall clock.
    pub at_ms: TimeMs,
    /// Which strategy.
    pub strategy: String,
    /// Which version of it.
    pub script_hash: String,
    /// Who.
    pub approved_by: String,
    /// Why.
    pub reason: String,
}

/// What was tried in DRY_RUN on a live feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PaperRecord {
    /// Days (UTC) on which it ran.
    pub days: u64,
    /// Bets that were settled.
    pub settled_bets: u64,
}

/// The runs in DRY_RUN on the live feed at `:address`, from when to when, as a table `paper`.
pub(super) const PAPER: &str = "paper AS (
                 SELECT r.id, r.started_at_ms AS first,
                        max(r.started_at_ms, coalesce(r.ended_at_ms, 0),
                            coalesce((SELECT max(at_ms) FROM intents i WHERE i.run_id = r.id), 0)) AS last
                   FROM runs r JOIN recordings f ON f.run_id = r.id
                  WHERE r.kind = 'run' AND r.mode = 'DRY_RUN' AND f.path = :address
                    AND json_extract(r.config, '$.\"run.feed\"') IS NOT NULL
                    AND json_extract(r.config, '$.\"run.feed\"') <> 'recordings')";

/// What bets of a life of the ledger are called at a venue: at most 15 letters and digits, and of no other life.
fn life(epoch: u32, id: &str) -> String {
    format!("{:03X}{id}", epoch % 4_096)
}

/// A LIVE bet as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveBet {
    /// Its name.
    pub id: String,
    /// How much of it was matched.
    pub matched: Money,
    /// What it brought before commission, once it was settled.
    pub profit: Option<Money>,
}

pub(super) fn write(connection: &Connection, approval: &Approval) -> Result<(), RowError> {
    let Approval {
        at_ms,
        strategy,
        script_hash,
        approved_by,
        reason,
    } = approval;
    connection
        .prepare_cached(
            "INSERT INTO approvals (at_ms, strategy, script_hash, approved_by, reason)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![at_ms.0, strategy, script_hash, approved_by, reason])?;
    Ok(())
}

impl Ledger {
    /// Keeps an approval; it is durable when this returns.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn approve(&self, approval: Approval) -> Result<(), LedgerError> {
        let approval = Box::new(approval);
        self.pen().write_and_wait(Entry::Approval { approval })
    }
}

impl Reader {
    /// All approvals, in order.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn approvals(&self) -> Result<Vec<Approval>, LedgerError> {
        self.rows(
            "SELECT at_ms, strategy, script_hash, approved_by, reason FROM approvals ORDER BY id",
            &[],
            |row| {
                Ok(Approval {
                    at_ms: TimeMs(row.get(0)?),
                    strategy: row.get(1)?,
                    script_hash: row.get(2)?,
                    approved_by: row.get(3)?,
                    reason: row.get(4)?,
                })
            },
        )
    }

    /// What was tried in DRY_RUN on the feed at `address`. A day counts on which a host heard markets of it.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn paper_record(&self, address: &str) -> Result<PaperRecord, LedgerError> {
        let rows = self.rows(
            &format!(
                "WITH RECURSIVE {PAPER},
                 days (day, last) AS (
                     SELECT first / 86400000, last / 86400000 FROM paper
                     UNION SELECT day + 1, last FROM days WHERE day < last)
                 SELECT (SELECT count(DISTINCT day) FROM days),
                        (SELECT count(*) FROM orders o JOIN paper p ON p.id = o.run_id
                          WHERE o.matched_minor > 0 AND o.profit_minor IS NOT NULL)"
            ),
            named_params! { ":address": address },
            |row| {
                Ok(PaperRecord {
                    days: count(row, 0)?,
                    settled_bets: count(row, 1)?,
                })
            },
        )?;
        Ok(rows.first().copied().unwrap_or_default())
    }

    /// The names of this ledger's lives, the present one last.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn lives(&self) -> Result<Vec<String>, LedgerError> {
        self.rows(
            "SELECT epoch, id FROM instances ORDER BY epoch",
            &[],
            |row| Ok(life(row.get(0)?, &row.get::<_, String>(1)?)),
        )
    }

    /// LIVE bets that were asked for, changed or settled since a time, and may be or have been at the venue.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn live_bets(&self, since: TimeMs) -> Result<Vec<LiveBet>, LedgerError> {
        self.rows(
            "SELECT o.id, o.matched_minor, o.profit_minor
               FROM orders o JOIN runs r ON r.id = o.run_id AND r.mode = 'LIVE'
              WHERE max(o.requested_at_ms, o.changed_at_ms) >= :since
                AND o.state NOT IN ('NOT_SENT', 'REJECTED', 'NOT_PLACED')
              ORDER BY o.run_id, o.record",
            named_params! { ":since": since.0 },
            |row| {
                let profit: Option<i64> = row.get(2)?;
                Ok(LiveBet {
                    id: row.get(0)?,
                    matched: Money::from_minor(row.get(1)?),
                    profit: profit.map(Money::from_minor),
                })
            },
        )
    }

    /// The commission of each market that was settled in LIVE since a time, or taken back.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn live_commissions(
        &self,
        since: TimeMs,
    ) -> Result<BTreeMap<MarketId, Money>, LedgerError> {
        let rows = self.rows(
            "SELECT s.market, sum(s.commission_minor)
               FROM settlements s JOIN runs r ON r.id = s.run_id AND r.mode = 'LIVE'
              GROUP BY s.market HAVING max(s.at_ms) >= :since",
            named_params! { ":since": since.0 },
            |row| {
                let market = MarketId::new(row.get_ref(0)?.as_str()?);
                Ok((market, Money::from_minor(row.get(1)?)))
            },
        )?;
        Ok(rows.into_iter().collect())
    }

    /// Bets that were settled in LIVE.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn live_settled(&self) -> Result<u64, LedgerError> {
        let rows = self.rows(
            "SELECT count(*) FROM orders o JOIN runs r ON r.id = o.run_id AND r.mode = 'LIVE'
              WHERE o.matched_minor > 0 AND o.profit_minor IS NOT NULL",
            &[],
            |row| count(row, 0),
        )?;
        Ok(rows.first().copied().unwrap_or_default())
    }
}
