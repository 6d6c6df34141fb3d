-- A settlement that a LIVE run booked may be taken back in a later one: a reversal says in which run it was booked, where
-- that is not its own.

DROP VIEW v_pnl;

CREATE TABLE new_settlements (
    run_id           INTEGER NOT NULL,
    record           INTEGER NOT NULL,
    recording        INTEGER NOT NULL,
    at_ms            INTEGER NOT NULL,
    strategy         TEXT NOT NULL,
    market           TEXT NOT NULL,
    version          INTEGER NOT NULL CHECK (version > 0),  -- 1, and one more each time that it is settled again
    reverses         INTEGER,                  -- record of the settlement that this takes back (NULL: books a result)
    gross_minor      INTEGER NOT NULL,
    commission_minor INTEGER NOT NULL,
    net_minor        INTEGER NOT NULL,
    reverses_run     INTEGER,                  -- in which run that was booked, if in an earlier one
    PRIMARY KEY (run_id, record),
    FOREIGN KEY (run_id, recording) REFERENCES recordings (run_id, ordinal),
    CHECK (net_minor = gross_minor - commission_minor),
    CHECK (iif(reverses IS NULL, commission_minor >= 0, commission_minor <= 0)),
    CHECK (reverses_run IS NULL OR (reverses IS NOT NULL AND reverses_run < run_id))
) STRICT, WITHOUT ROWID;

CREATE TABLE new_settlement_orders (
    run_id       INTEGER NOT NULL,
    record       INTEGER NOT NULL,
    order_run_id INTEGER NOT NULL,
    order_id     TEXT NOT NULL,
    profit_minor INTEGER NOT NULL,
    PRIMARY KEY (run_id, record, order_id),
    FOREIGN KEY (run_id, record) REFERENCES new_settlements (run_id, record),
    FOREIGN KEY (order_run_id, order_id) REFERENCES orders (run_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE new_postings (
    run_id       INTEGER NOT NULL,
    record       INTEGER NOT NULL,
    account      TEXT NOT NULL CHECK (account IN ('market', 'commission', 'strategy')),
    currency     TEXT NOT NULL CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
    amount_minor INTEGER NOT NULL,
    PRIMARY KEY (run_id, record, account),
    FOREIGN KEY (run_id, record) REFERENCES new_settlements (run_id, record)
) STRICT, WITHOUT ROWID;

INSERT INTO new_settlements
SELECT run_id, record, recording, at_ms, strategy, market, version, reverses, gross_minor, commission_minor, net_minor, NULL
  FROM settlements;
INSERT INTO new_settlement_orders SELECT run_id, record, order_run_id, order_id, profit_minor FROM settlement_orders;

INSERT INTO new_postings SELECT run_id, record, account, currency, amount_minor FROM postings;

DROP TABLE postings;
DROP TABLE settlement_orders;
DROP TABLE settlements;
ALTER TABLE new_settlements RENAME TO settlements;
ALTER TABLE new_settlement_orders RENAME TO settlement_orders;
ALTER TABLE new_postings RENAME TO postings;
CREATE INDEX settlements_by_strategy ON settlements (run_id, strategy, market);
CREATE UNIQUE INDEX settlements_reversed_once ON settlements (coalesce(reverses_run, run_id), reverses)
    WHERE reverses IS NOT NULL;
CREATE INDEX settlement_orders_by_order ON settlement_orders (order_run_id, order_id);

CREATE TRIGGER settlements_keep BEFORE UPDATE ON settlements
    BEGIN SELECT raise(ABORT, 'settlements is append-only'); END;
CREATE TRIGGER settlements_stay BEFORE DELETE ON settlements
    BEGIN SELECT raise(ABORT, 'settlements is append-only'); END;
CREATE TRIGGER postings_keep BEFORE UPDATE ON postings
    BEGIN SELECT raise(ABORT, 'postings is append-only'); END;
CREATE TRIGGER postings_stay BEFORE DELETE ON postings
    BEGIN SELECT raise(ABORT, 'postings is append-only'); END;
CREATE TRIGGER settlement_orders_keep BEFORE UPDATE ON settlement_orders
    BEGIN SELECT raise(ABORT, 'settlement_orders is append-only'); END;
CREATE TRIGGER settlement_orders_stay BEFORE DELETE ON settlement_orders
    BEGIN SELECT raise(ABORT, 'settlement_orders is append-only'); END;

-- One line for each strategy of each run; commission is taken from each market's net winnings.
CREATE VIEW v_pnl AS
SELECT s.run_id,
       s.strategy,
       (SELECT count(*) FROM orders o
         WHERE o.run_id = s.run_id AND o.strategy = s.strategy) AS bets,
       (SELECT count(*) FROM orders o
         WHERE o.run_id = s.run_id AND o.strategy = s.strategy AND o.matched_minor > 0) AS matched,
       (SELECT printf('%.2f', coalesce(sum(o.matched_minor), 0) / 100.0) FROM orders o
         WHERE o.run_id = s.run_id AND o.strategy = s.strategy) AS turnover,
       (SELECT printf('%.2f', coalesce(sum(t.gross_minor), 0) / 100.0) FROM settlements t
         WHERE t.run_id = s.run_id AND t.strategy = s.strategy) AS gross,
       (SELECT printf('%.2f', coalesce(sum(t.commission_minor), 0) / 100.0) FROM settlements t
         WHERE t.run_id = s.run_id AND t.strategy = s.strategy) AS commission,
       (SELECT printf('%.2f', coalesce(sum(t.net_minor), 0) / 100.0) FROM settlements t
         WHERE t.run_id = s.run_id AND t.strategy = s.strategy) AS net,
       (SELECT count(*) FROM intents i
         WHERE i.run_id = s.run_id AND i.strategy = s.strategy AND i.verdict = 'REFUSED') AS rejections
  FROM (SELECT DISTINCT run_id, strategy FROM run_scripts) s;
