//! The books must balance: whatever a ledger says twice, it must say alike.

use serde::Serialize;

use super::{LedgerError, Reader};

/// Something in a ledger that does not agree with the rest of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What should hold.
    pub rule: &'static str,
    /// Where it does not.
    pub at: String,
}

/// Each rule with the query that finds what breaks it: one text a finding.
const RULES: &[(&str, &str)] = &[
    (
        "the file is whole",
        "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
    ),
    (
        "every reference leads somewhere",
        "SELECT \"table\" || ' row ' || coalesce(rowid, '?') FROM pragma_foreign_key_check",
    ),
    (
        "no record of a run is missing",
        "SELECT 'run ' || run_id || ' has ' || count(*) || ' of ' || max(record) || ' records'
           FROM (SELECT run_id, record FROM strategy_events
                 UNION ALL SELECT run_id, record FROM intents
                 UNION ALL SELECT run_id, record FROM order_events
                 UNION ALL SELECT run_id, record FROM settlements
                 UNION ALL SELECT run_id, record FROM halts
                 UNION ALL SELECT run_id, record FROM house_events)
          GROUP BY run_id HAVING count(DISTINCT record) <> max(record) OR count(*) <> max(record)",
    ),
    (
        "an order is an approved placing, and the other way round",
        "SELECT 'run ' || run_id || ' ' || id FROM intents i
          WHERE (action = 'PLACE' AND verdict = 'APPROVED')
             <> EXISTS (SELECT 1 FROM orders o WHERE o.run_id = i.run_id AND o.id = i.id)",
    ),
    (
        "every match of an order is a fill",
        "SELECT 'run ' || e.run_id || ' record ' || e.record FROM order_events e
           LEFT JOIN fills f ON f.run_id = e.run_id AND f.record = e.record
          WHERE (e.change = 'MATCHED' AND e.applied = 1) <> (f.record IS NOT NULL)
             OR f.size_minor <> e.size_minor OR f.price <> e.price OR f.order_id <> e.order_id",
    ),
    (
        "the fills of an order sum to what is matched, unless it was voided",
        "SELECT 'run ' || run_id || ' ' || id FROM orders o
          WHERE matched_minor <> iif(
                EXISTS (SELECT 1 FROM order_events e WHERE e.run_id = o.run_id
                         AND e.order_id = o.id AND e.change = 'VOIDED' AND e.applied = 1),
                0,
                (SELECT coalesce(sum(size_minor), 0) FROM fills f
                  WHERE f.run_id = o.run_id AND f.order_id = o.id))",
    ),
    (
        "an order stands as its events left it",
        "SELECT 'run ' || run_id || ' ' || id FROM orders o
          WHERE (state, matched_minor) <> (
                 SELECT state, matched_minor FROM order_events e
                  WHERE e.run_id = o.run_id AND e.order_id = o.id ORDER BY record DESC LIMIT 1)
             OR cancelled_minor <> (
                 SELECT coalesce(sum(size_minor), 0) FROM order_events e
                  WHERE e.run_id = o.run_id AND e.order_id = o.id
                    AND e.change = 'CANCELLED' AND e.applied = 1)
             OR lapsed_minor <> (
                 SELECT coalesce(sum(size_minor), 0) FROM order_events e
                  WHERE e.run_id = o.run_id AND e.order_id = o.id
                    AND e.change = 'LAPSED' AND e.applied = 1)",
    ),
    (
        "the orders of a settlement sum to its gross",
        "SELECT 'run ' || run_id || ' ' || market || ' ' || strategy FROM settlements s
          WHERE gross_minor <> (SELECT coalesce(sum(profit_minor), 0) FROM settlement_orders o
                                 WHERE o.run_id = s.run_id AND o.record = s.record)",
    ),
    (
        "an order's profit is that of its settlement",
        "SELECT 'run ' || o.run_id || ' ' || o.id FROM orders o
           LEFT JOIN (SELECT e.run_id, e.order_id, sum(e.profit_minor) AS profit_minor
                        FROM settlement_orders e JOIN settlements s USING (run_id, record)
                       GROUP BY e.run_id, e.order_id
                      HAVING sum(iif(s.reverses IS NULL, 1, -1)) <> 0) e
             ON e.run_id = o.run_id AND e.order_id = o.id
          WHERE o.profit_minor IS NOT e.profit_minor",
    ),
    (
        "a reversal takes back exactly what was booked",
        "SELECT 'run ' || r.run_id || ' record ' || r.record FROM settlements r
           JOIN settlements s ON s.run_id = r.run_id AND s.record = r.reverses
          WHERE (r.strategy, r.market, r.version, r.gross_minor, r.commission_minor)
             <> (s.strategy, s.market, s.version, -s.gross_minor, -s.commission_minor)
             OR s.reverses IS NOT NULL OR r.record < s.record
             OR EXISTS (SELECT 1 FROM settlement_orders o
                         WHERE o.run_id = r.run_id AND o.record IN (r.record, s.record)
                         GROUP BY o.order_id HAVING count(*) <> 2 OR sum(o.profit_minor) <> 0)",
    ),
    (
        "one settlement of a market stands at a time",
        "SELECT 'run ' || run_id || ' ' || market || ' ' || strategy FROM settlements
          GROUP BY run_id, recording, strategy, market
         HAVING sum(iif(reverses IS NULL, 1, -1)) NOT IN (0, 1)",
    ),
    (
        "the source of every script that asked for something is kept",
        "SELECT DISTINCT 'run ' || run_id || ' ' || strategy || ' ' || script_hash FROM run_scripts
          WHERE script_hash NOT IN (SELECT hash FROM scripts)",
    ),
];

impl Reader {
    /// Checks the whole ledger; nothing found means that its books balance. At most ten findings a rule.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn audit(&self) -> Result<Vec<Finding>, LedgerError> {
        let mut findings = Vec::new();
        for &(rule, query) in RULES {
            let limited = format!("SELECT * FROM ({query}) LIMIT 10");
            findings.extend(self.rows(&limited, &[], |row| {
                Ok(Finding {
                    rule,
                    at: row.get(0)?,
                })
            })?);
        }
        Ok(findings)
    }
}
