//! The books must balance: whatever a ledger says twice, it must say alike.

use serde::Serialize;

use super::chain::{self, Break, Head, Verified};
use super::{LedgerError, Reader, schema};

/// Something in a ledger that does not agree with the rest of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What should hold.
    pub rule: &'static str,
    /// Where it does not.
    pub at: String,
}

/// What a whole check of a ledger has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// What does not agree with the rest; at most ten a rule.
    pub findings: Vec<Finding>,
    /// What the hash chain says of every row.
    pub chain: Verified,
}

impl Audit {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty() && self.chain.breaks.is_empty()
    }

    /// One thing that is wrong, if any is.
    #[must_use]
    pub fn first_break(&self) -> Option<Break> {
        let chain = self.chain.breaks.first().cloned();
        chain.or_else(|| {
            self.findings.first().map(|finding| Break {
                link: None,
                table: finding.rule.to_owned(),
                row: finding.at.clone(),
                what: "it does not hold",
            })
        })
    }
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
             OR f.size_minor <> e.size_minor OR f.price <> e.price
             OR (f.order_run_id, f.order_id) <> (e.order_run_id, e.order_id)",
    ),
    (
        "the fills of an order sum to what is matched, unless it was voided",
        "SELECT 'run ' || run_id || ' ' || id FROM orders o
          WHERE matched_minor <> iif(
                EXISTS (SELECT 1 FROM order_events e WHERE e.order_run_id = o.run_id
                         AND e.order_id = o.id AND e.change = 'VOIDED' AND e.applied = 1),
                0,
                (SELECT coalesce(sum(size_minor), 0) FROM fills f
                  WHERE f.order_run_id = o.run_id AND f.order_id = o.id))",
    ),
    (
        "only where bets are real does a run take orders over from another",
        "SELECT 'run ' || e.run_id || ' record ' || e.record FROM order_events e
           JOIN runs r ON r.id = e.run_id
           JOIN runs placed ON placed.id = e.order_run_id
          WHERE e.run_id <> e.order_run_id AND (r.mode, placed.mode) <> ('LIVE', 'LIVE')",
    ),
    (
        "an order stands as its events left it",
        "SELECT 'run ' || run_id || ' ' || id FROM orders o
          WHERE (state, matched_minor) <> (
                 SELECT state, matched_minor FROM order_events e
                  WHERE e.order_run_id = o.run_id AND e.order_id = o.id
                  ORDER BY run_id DESC, record DESC LIMIT 1)
             OR cancelled_minor <> (
                 SELECT coalesce(sum(size_minor), 0) FROM order_events e
                  WHERE e.order_run_id = o.run_id AND e.order_id = o.id
                    AND e.change = 'CANCELLED' AND e.applied = 1)
             OR lapsed_minor <> (
                 SELECT coalesce(sum(size_minor), 0) FROM order_events e
                  WHERE e.order_run_id = o.run_id AND e.order_id = o.id
                    AND e.change = 'LAPSED' AND e.applied = 1)",
    ),
    (
        "the orders that a run left undone when it died are known to be lost, and no others",
        "SELECT 'run ' || d.run_id || ' ' || o.id FROM deaths d
           JOIN orders o ON o.run_id = d.run_id
           LEFT JOIN v_unfinished u ON u.run_id = o.run_id AND u.order_id = o.id
           LEFT JOIN lost_orders l ON l.run_id = o.run_id AND l.order_id = o.id
          WHERE (u.state, u.matched_minor) IS NOT (l.state, l.matched_minor)",
    ),
    (
        "a run that died has no end",
        "SELECT 'run ' || id FROM runs JOIN deaths ON run_id = id WHERE outcome IS NOT NULL",
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
           LEFT JOIN (SELECT e.order_run_id, e.order_id, sum(e.profit_minor) AS profit_minor
                        FROM settlement_orders e JOIN settlements s USING (run_id, record)
                       GROUP BY e.order_run_id, e.order_id
                      HAVING sum(iif(s.reverses IS NULL, 1, -1)) <> 0) e
             ON e.order_run_id = o.run_id AND e.order_id = o.id
          WHERE o.profit_minor IS NOT e.profit_minor",
    ),
    (
        "a reversal takes back exactly what was booked",
        "SELECT 'run ' || r.run_id || ' record ' || r.record FROM settlements r
           LEFT JOIN settlements s ON s.run_id = coalesce(r.reverses_run, r.run_id) AND s.record = r.reverses
          WHERE r.reverses IS NOT NULL AND (
                (r.strategy, r.market, r.version, r.gross_minor, r.commission_minor)
             IS NOT (s.strategy, s.market, s.version, -s.gross_minor, -s.commission_minor)
             OR s.reverses IS NOT NULL OR (r.run_id, r.record) < (s.run_id, s.record)
             OR EXISTS (SELECT 1 FROM settlement_orders o
                         WHERE (o.run_id = r.run_id AND o.record = r.record)
                            OR (o.run_id = s.run_id AND o.record = s.record)
                         GROUP BY o.order_id HAVING count(*) <> 2 OR sum(o.profit_minor) <> 0))",
    ),
    (
        "one settlement of a market stands at a time",
        "SELECT 'run ' || run_id || ' ' || market || ' ' || strategy FROM settlements s
          WHERE reverses IS NULL
            AND NOT EXISTS (SELECT 1 FROM settlements b
                             WHERE b.reverses = s.record AND coalesce(b.reverses_run, b.run_id) = s.run_id)
          GROUP BY run_id, recording, strategy, market
         HAVING count(*) > 1",
    ),
    (
        "what is booked sums to nothing, for each currency",
        "SELECT currency || ' is off by ' || sum(amount_minor) || ' minor units' FROM postings
          GROUP BY currency HAVING sum(amount_minor) <> 0
          UNION ALL
         SELECT 'run ' || run_id || ' record ' || record FROM postings
          GROUP BY run_id, record HAVING sum(amount_minor) <> 0",
    ),
    (
        "a settlement is booked as it was made, in the run's currency",
        "SELECT 'run ' || s.run_id || ' record ' || s.record FROM settlements s
           JOIN runs r ON r.id = s.run_id
          WHERE (s.gross_minor, s.commission_minor, s.net_minor, 3) IS NOT (
                SELECT -sum(iif(account = 'market', amount_minor, 0)),
                       sum(iif(account = 'commission', amount_minor, 0)),
                       sum(iif(account = 'strategy', amount_minor, 0)),
                       sum(p.currency = r.currency)
                  FROM postings p WHERE p.run_id = s.run_id AND p.record = s.record)",
    ),
    (
        "the source of every script that asked for something is kept",
        "SELECT DISTINCT 'run ' || run_id || ' ' || strategy || ' ' || script_hash FROM run_scripts
          WHERE script_hash NOT IN (SELECT hash FROM scripts)",
    ),
];

impl Reader {
    /// Checks the whole ledger: that its books balance, and that every row is the one that was written. `known` is an
    /// end of the hash chain that it must still contain.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn verify(&self, known: Option<&Head>) -> Result<Audit, LedgerError> {
        Ok(Audit {
            findings: self.findings()?,
            chain: chain::verify(&self.connection, known)
                .map_err(LedgerError::database(&self.path, "verify its hash chain"))?,
        })
    }

    /// Everything that [`Reader::verify`] finds, as one list.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn audit(&self) -> Result<Vec<Finding>, LedgerError> {
        let Audit {
            mut findings,
            chain,
        } = self.verify(None)?;
        findings.extend(chain.breaks.into_iter().map(|found| Finding {
            rule: "every row is the one that was written",
            at: found.to_string(),
        }));
        Ok(findings)
    }

    fn findings(&self) -> Result<Vec<Finding>, LedgerError> {
        let missing = schema::missing(&self.connection)
            .map_err(LedgerError::database(&self.path, "read its schema"))?;
        let mut findings: Vec<Finding> = missing
            .into_iter()
            .map(|at| Finding {
                rule: "no table, view, index or guard was taken away",
                at,
            })
            .collect();
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
