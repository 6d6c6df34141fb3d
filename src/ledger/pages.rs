//! Long lists by pages, newest first: each begins where the one before it ended.

use super::columns::{parsed, price_from};
use super::{BetRow, Filter, LedgerError, Reader};
use crate::market::{Money, TimeMs};

/// Which page is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Which rows; its limit is that of the page.
    pub filter: Filter,
    /// With which verdict, of intents: APPROVED or REFUSED; any if `None`.
    pub verdict: Option<String>,
    /// Refused for which reason, of intents; any if `None`.
    pub code: Option<String>,
    /// The id of the last row of the page before; from the newest on if `None`.
    pub before: Option<String>,
}

/// An intent and the gate's word on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentRow {
    /// Its id.
    pub intent: String,
    /// When.
    pub at: TimeMs,
    /// By which strategy.
    pub strategy: String,
    /// Which version of it.
    pub script_hash: String,
    /// In which market.
    pub market: String,
    /// PLACE, CANCEL, UPDATE, REPLACE or MALFORMED.
    pub action: String,
    /// On which runner, of a placing.
    pub runner: Option<String>,
    /// BACK or LAY, of a placing.
    pub side: Option<String>,
    /// The price named.
    pub price: Option<String>,
    /// The stake or liability named.
    pub amount: Option<Money>,
    /// APPROVED or REFUSED.
    pub verdict: String,
    /// Why it was refused.
    pub code: Option<String>,
    /// The value at fault.
    pub value: Option<String>,
    /// The limit it met.
    pub limit: Option<String>,
    /// What was wrong with a malformed one, or the strategy's words.
    pub reason: Option<String>,
}

impl Reader {
    /// A page of intents, newest first. After an id that the run does not have there is nothing.
    ///
    /// # Errors
    /// If there is no such run, or the ledger cannot be read.
    pub fn intents(&self, page: &Page) -> Result<Vec<IntentRow>, LedgerError> {
        self.filtered(
            "SELECT id, at_ms, strategy, script_hash, market, action,
                    selection || CASE handicap_hundredths WHEN 0 THEN ''
                                 ELSE printf('@%g', handicap_hundredths / 100.0) END,
                    side, price, coalesce(size_minor, liability_minor), verdict, code, code_value,
                    code_limit, coalesce(problem, reason)
               FROM intents
              WHERE run_id = :run
                AND (:strategy IS NULL OR strategy = :strategy)
                AND (:market IS NULL OR market = :market)
                AND (:verdict IS NULL OR verdict = :verdict)
                AND (:code IS NULL OR code = :code)
                AND (:before IS NULL OR record <
                     (SELECT record FROM intents WHERE run_id = :run AND id = :before))
              ORDER BY record DESC LIMIT :limit",
            &page.filter,
            &[
                (":verdict", &page.verdict),
                (":code", &page.code),
                (":before", &page.before),
            ],
            |row| {
                Ok(IntentRow {
                    intent: row.get(0)?,
                    at: TimeMs(row.get(1)?),
                    strategy: row.get(2)?,
                    script_hash: row.get(3)?,
                    market: row.get(4)?,
                    action: row.get(5)?,
                    runner: row.get(6)?,
                    side: row.get(7)?,
                    price: match row.get_ref(8)? {
                        rusqlite::types::ValueRef::Null => None,
                        _ => Some(parsed(row, 8, price_from)?.to_string()),
                    },
                    amount: row.get::<_, Option<i64>>(9)?.map(Money::from_minor),
                    verdict: row.get(10)?,
                    code: row.get(11)?,
                    value: row.get(12)?,
                    limit: row.get(13)?,
                    reason: row.get(14)?,
                })
            },
        )
    }

    /// A page of bets, newest first; verdict and code of the page mean nothing here.
    ///
    /// # Errors
    /// If there is no such run, or the ledger cannot be read.
    pub fn bet_page(&self, page: &Page) -> Result<Vec<BetRow>, LedgerError> {
        let mut rows = self.bets_before(&page.filter, page.before.as_deref())?;
        rows.reverse();
        Ok(rows)
    }
}
