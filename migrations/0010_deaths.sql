-- Runs that never ended: their process died, or could not write any more. The next one that opens the ledger for
-- writing finds them, for its lock says that nobody else writes. What the run itself wrote stays as it is.
CREATE TABLE deaths (
    run_id      INTEGER PRIMARY KEY REFERENCES runs (id),
    found_at_ms INTEGER NOT NULL       -- when it was found; when it died nobody knows
) STRICT;
CREATE TRIGGER deaths_keep BEFORE UPDATE ON deaths
    BEGIN SELECT raise(ABORT, 'deaths is append-only'); END;
CREATE TRIGGER deaths_stay BEFORE DELETE ON deaths
    BEGIN SELECT raise(ABORT, 'deaths is append-only'); END;

-- Its simulated orders that were not done: they were on the exchange of its process and are gone with it.
CREATE TABLE lost_orders (
    run_id        INTEGER NOT NULL REFERENCES deaths (run_id),
    order_id      TEXT NOT NULL,
    state         TEXT NOT NULL,       -- as the run left it
    matched_minor INTEGER NOT NULL,    -- what of it was matched and never settled
    PRIMARY KEY (run_id, order_id),
    FOREIGN KEY (run_id, order_id) REFERENCES orders (run_id, id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER lost_orders_keep BEFORE UPDATE ON lost_orders
    BEGIN SELECT raise(ABORT, 'lost_orders is append-only'); END;
CREATE TRIGGER lost_orders_stay BEFORE DELETE ON lost_orders
    BEGIN SELECT raise(ABORT, 'lost_orders is append-only'); END;

-- Orders on the simulated exchange that are not done: something rests, or something is matched and not settled.
CREATE VIEW v_unfinished AS
SELECT o.run_id, o.id AS order_id, o.state, o.matched_minor
  FROM orders o
  JOIN runs r ON r.id = o.run_id
 WHERE r.mode = 'DRY_RUN'
   AND (o.state IN ('SENDING', 'UNKNOWN', 'STUCK', 'EXECUTABLE')
        OR (o.matched_minor > 0 AND o.profit_minor IS NULL));
