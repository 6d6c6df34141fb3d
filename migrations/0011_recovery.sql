-- What a LIVE run leaves is taken over by the next one: what becomes of its orders then stands under the later run. So
-- each word on an order says in which run the order was placed, and an order tells to what its market belongs, which a
-- later session must count it in before it has seen the market.

ALTER TABLE orders ADD COLUMN event TEXT;
ALTER TABLE orders ADD COLUMN sport TEXT;
ALTER TABLE orders ADD COLUMN venue TEXT;
ALTER TABLE orders ADD COLUMN amount_minor INTEGER CHECK (amount_minor >= 0); -- backer's stake, or what an on-close order names

CREATE TABLE new_order_events (
    run_id        INTEGER NOT NULL,
    record        INTEGER NOT NULL,
    order_run_id  INTEGER NOT NULL,            -- in which run the order was placed
    order_id      TEXT NOT NULL,
    at_ms         INTEGER NOT NULL,
    change        TEXT NOT NULL CHECK (change IN ('ACCEPTED', 'REJECTED', 'NOT_SENT', 'DOUBTED', 'NOT_PLACED', 'STUCK', 'MATCHED',
                      'CANCELLED', 'LAPSED', 'VOIDED', 'REPRICED', 'CANCEL_FAILED',
                      'UPDATED', 'UPDATE_FAILED')),
    price         TEXT,
    size_minor    INTEGER,                     -- this change alone
    reason        TEXT,
    matched_value TEXT,                        -- of a REPRICED
    persistence   TEXT CHECK (persistence IN ('LAPSE', 'PERSIST', 'MARKET_ON_CLOSE')), -- of an UPDATED
    applied       INTEGER NOT NULL CHECK (applied IN (0, 1)), -- 0: a late word on an order past changing
    state         TEXT NOT NULL,               -- after it
    matched_minor INTEGER NOT NULL,            -- in all, after it
    PRIMARY KEY (run_id, record),
    FOREIGN KEY (order_run_id, order_id) REFERENCES orders (run_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE new_fills (
    run_id       INTEGER NOT NULL,
    record       INTEGER NOT NULL,
    order_run_id INTEGER NOT NULL,
    order_id     TEXT NOT NULL,
    at_ms        INTEGER NOT NULL,
    price        TEXT NOT NULL CHECK (price GLOB '[0-9]*'),
    size_minor   INTEGER NOT NULL CHECK (size_minor > 0),
    PRIMARY KEY (run_id, record),
    FOREIGN KEY (run_id, record) REFERENCES new_order_events (run_id, record),
    FOREIGN KEY (order_run_id, order_id) REFERENCES orders (run_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE new_settlement_orders (
    run_id       INTEGER NOT NULL,
    record       INTEGER NOT NULL,
    order_run_id INTEGER NOT NULL,
    order_id     TEXT NOT NULL,
    profit_minor INTEGER NOT NULL,
    PRIMARY KEY (run_id, record, order_id),
    FOREIGN KEY (run_id, record) REFERENCES settlements (run_id, record),
    FOREIGN KEY (order_run_id, order_id) REFERENCES orders (run_id, id)
) STRICT, WITHOUT ROWID;

INSERT INTO new_order_events
SELECT run_id, record, run_id, order_id, at_ms, change, price, size_minor, reason, matched_value, persistence, applied,
       state, matched_minor
  FROM order_events;
INSERT INTO new_fills SELECT run_id, record, run_id, order_id, at_ms, price, size_minor FROM fills;
INSERT INTO new_settlement_orders SELECT run_id, record, run_id, order_id, profit_minor FROM settlement_orders;

DROP TABLE settlement_orders;
DROP TABLE fills;
DROP TABLE order_events;
ALTER TABLE new_order_events RENAME TO order_events;
ALTER TABLE new_fills RENAME TO fills;
ALTER TABLE new_settlement_orders RENAME TO settlement_orders;

CREATE INDEX order_events_by_order ON order_events (order_run_id, order_id, run_id, record);
CREATE INDEX fills_by_order ON fills (order_run_id, order_id, run_id, record);
CREATE INDEX settlement_orders_by_order ON settlement_orders (order_run_id, order_id);

CREATE TRIGGER order_events_keep BEFORE UPDATE ON order_events
    BEGIN SELECT raise(ABORT, 'order_events is append-only'); END;
CREATE TRIGGER order_events_stay BEFORE DELETE ON order_events
    BEGIN SELECT raise(ABORT, 'order_events is append-only'); END;
CREATE TRIGGER fills_keep BEFORE UPDATE ON fills
    BEGIN SELECT raise(ABORT, 'fills is append-only'); END;
CREATE TRIGGER fills_stay BEFORE DELETE ON fills
    BEGIN SELECT raise(ABORT, 'fills is append-only'); END;
CREATE TRIGGER settlement_orders_keep BEFORE UPDATE ON settlement_orders
    BEGIN SELECT raise(ABORT, 'settlement_orders is append-only'); END;
CREATE TRIGGER settlement_orders_stay BEFORE DELETE ON settlement_orders
    BEGIN SELECT raise(ABORT, 'settlement_orders is append-only'); END;

DROP TRIGGER orders_terms;
CREATE TRIGGER orders_terms BEFORE UPDATE OF run_id, id, record, recording, strategy, market, selection,
        handicap_hundredths, side, type, price, size_minor, liability_minor, book, requested_at_ms, event, sport, venue,
        amount_minor ON orders
    BEGIN SELECT raise(ABORT, 'the terms of an order never change'); END;
