-- The persistence of an order can change after its placing, and an order can go to a bookmaker.
--
-- What a CHECK permits can only be changed by building the table anew, and with it those that refer to it.

DROP VIEW v_bets;
DROP VIEW v_rejections;
DROP VIEW v_pnl;

CREATE TABLE new_intents (
    run_id               INTEGER NOT NULL,
    id                   TEXT NOT NULL CHECK (length(id) = 26),   -- also the id of the order it became
    record               INTEGER NOT NULL,
    recording            INTEGER NOT NULL,
    sequence             INTEGER NOT NULL,     -- number of the market change it answered
    at_ms                INTEGER NOT NULL,
    strategy             TEXT NOT NULL,
    script_hash          TEXT NOT NULL,
    market               TEXT NOT NULL,
    action               TEXT NOT NULL CHECK (action IN ('PLACE', 'CANCEL', 'REPLACE', 'UPDATE', 'MALFORMED')),
    target               TEXT,                 -- the order to cancel, replace or update; of a PLACE: the order it replaces
    selection            INTEGER,
    handicap_hundredths  INTEGER,
    side                 TEXT CHECK (side IN ('BACK', 'LAY')),
    type                 TEXT CHECK (type IN ('LIMIT', 'LIMIT_ON_CLOSE', 'MARKET_ON_CLOSE')),
    price                TEXT CHECK (price GLOB '[0-9]*'),
    size_minor           INTEGER,              -- backer's stake of a LIMIT; of a CANCEL: how much (NULL: all)
    liability_minor      INTEGER,              -- what it can lose at most at its own price
    persistence          TEXT CHECK (persistence IN ('LAPSE', 'PERSIST', 'MARKET_ON_CLOSE')),
    fill_or_kill         INTEGER NOT NULL DEFAULT 0 CHECK (fill_or_kill IN (0, 1)),
    min_fill_minor       INTEGER,              -- of a fill-or-kill: least size to match (NULL: all)
    book                 TEXT,                 -- the bookmaker it goes to (NULL: the market's exchange)
    reason               TEXT,                 -- in the strategy's words
    probability          REAL,                 -- the strategy's own
    tag                  TEXT,
    problem              TEXT,                 -- of a MALFORMED: what is wrong ...
    problem_value        TEXT,                 -- ... and the value at fault
    seen_back_price      TEXT,                 -- what it saw of the runner
    seen_back_size_minor INTEGER,
    seen_lay_price       TEXT,
    seen_lay_size_minor  INTEGER,
    seen_last_traded     TEXT,
    verdict              TEXT NOT NULL CHECK (verdict IN ('APPROVED', 'REFUSED')),
    code                 TEXT REFERENCES reason_codes (code),
    code_value           TEXT,                 -- the value at fault
    code_limit           TEXT,                 -- the limit it met
    PRIMARY KEY (run_id, id),
    UNIQUE (run_id, record),
    FOREIGN KEY (run_id, recording) REFERENCES recordings (run_id, ordinal),
    FOREIGN KEY (run_id, strategy, script_hash) REFERENCES run_scripts (run_id, strategy, script_hash),
    CHECK ((verdict = 'REFUSED') = (code IS NOT NULL)),
    CHECK (action <> 'PLACE' OR (selection IS NOT NULL AND side IS NOT NULL AND type IS NOT NULL)),
    CHECK (action NOT IN ('CANCEL', 'REPLACE', 'UPDATE') OR target IS NOT NULL),
    CHECK (action <> 'UPDATE' OR persistence IS NOT NULL),
    CHECK (action <> 'MALFORMED' OR problem IS NOT NULL)
) STRICT;

CREATE TABLE new_orders (
    run_id              INTEGER NOT NULL,
    id                  TEXT NOT NULL,
    record              INTEGER NOT NULL,      -- of its intent
    recording           INTEGER NOT NULL,
    strategy            TEXT NOT NULL,
    market              TEXT NOT NULL,
    selection           INTEGER NOT NULL,
    handicap_hundredths INTEGER NOT NULL,
    side                TEXT NOT NULL CHECK (side IN ('BACK', 'LAY')),
    type                TEXT NOT NULL CHECK (type IN ('LIMIT', 'LIMIT_ON_CLOSE', 'MARKET_ON_CLOSE')),
    price               TEXT CHECK (price GLOB '[0-9]*'),
    size_minor          INTEGER CHECK (size_minor >= 0),
    liability_minor     INTEGER NOT NULL CHECK (liability_minor >= 0),
    persistence         TEXT CHECK (persistence IN ('LAPSE', 'PERSIST', 'MARKET_ON_CLOSE')), -- as it stands now
    book                TEXT,                  -- the bookmaker it went to (NULL: the market's exchange)
    requested_at_ms     INTEGER NOT NULL,
    placed_at_ms        INTEGER,               -- when it took effect at the venue
    state               TEXT NOT NULL
        CHECK (state IN ('SENDING', 'UNKNOWN', 'STUCK', 'EXECUTABLE', 'EXECUTION_COMPLETE', 'REJECTED',
                          'NOT_SENT', 'NOT_PLACED')),
    matched_minor       INTEGER NOT NULL DEFAULT 0 CHECK (matched_minor >= 0),
    matched_value       TEXT NOT NULL DEFAULT '0', -- sum of price x size: a whole number of 1e-9 minor units
    average_price       TEXT,
    cancelled_minor     INTEGER NOT NULL DEFAULT 0 CHECK (cancelled_minor >= 0),
    lapsed_minor        INTEGER NOT NULL DEFAULT 0 CHECK (lapsed_minor >= 0),
    voided_minor        INTEGER NOT NULL DEFAULT 0 CHECK (voided_minor >= 0),
    venue_reason        TEXT,                  -- the venue's last word on why not
    changed_at_ms       INTEGER NOT NULL,
    profit_minor        INTEGER,               -- at settlement, before commission
    PRIMARY KEY (run_id, id),
    FOREIGN KEY (run_id, id) REFERENCES new_intents (run_id, id),
    CHECK (type = 'MARKET_ON_CLOSE' OR price IS NOT NULL),
    CHECK ((type = 'LIMIT') = (size_minor IS NOT NULL)),
    CHECK ((matched_minor > 0) = (average_price IS NOT NULL))
) STRICT;

CREATE TABLE new_order_events (
    run_id        INTEGER NOT NULL,
    record        INTEGER NOT NULL,
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
    FOREIGN KEY (run_id, order_id) REFERENCES new_orders (run_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE new_fills (
    run_id     INTEGER NOT NULL,
    record     INTEGER NOT NULL,
    order_id   TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    price      TEXT NOT NULL CHECK (price GLOB '[0-9]*'),
    size_minor INTEGER NOT NULL CHECK (size_minor > 0),
    PRIMARY KEY (run_id, record),
    FOREIGN KEY (run_id, record) REFERENCES new_order_events (run_id, record),
    FOREIGN KEY (run_id, order_id) REFERENCES new_orders (run_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE new_settlement_orders (
    run_id       INTEGER NOT NULL,
    record       INTEGER NOT NULL,
    order_id     TEXT NOT NULL,
    profit_minor INTEGER NOT NULL,
    PRIMARY KEY (run_id, record, order_id),
    FOREIGN KEY (run_id, record) REFERENCES settlements (run_id, record),
    FOREIGN KEY (run_id, order_id) REFERENCES new_orders (run_id, id)
) STRICT, WITHOUT ROWID;

INSERT INTO new_intents
SELECT run_id, id, record, recording, sequence, at_ms, strategy, script_hash, market, action, target, selection,
       handicap_hundredths, side, type, price, size_minor, liability_minor, persistence, fill_or_kill, min_fill_minor,
       NULL, reason, probability, tag, problem, problem_value, seen_back_price, seen_back_size_minor, seen_lay_price,
       seen_lay_size_minor, seen_last_traded, verdict, code, code_value, code_limit
  FROM intents;
INSERT INTO new_orders
SELECT o.run_id, o.id, o.record, o.recording, o.strategy, o.market, o.selection, o.handicap_hundredths, o.side, o.type,
       o.price, o.size_minor, o.liability_minor, i.persistence, NULL, o.requested_at_ms, o.placed_at_ms, o.state,
       o.matched_minor, o.matched_value, o.average_price, o.cancelled_minor, o.lapsed_minor, o.voided_minor,
       o.venue_reason, o.changed_at_ms, o.profit_minor
  FROM orders o JOIN intents i ON i.run_id = o.run_id AND i.id = o.id;
INSERT INTO new_order_events
SELECT run_id, record, order_id, at_ms, change, price, size_minor, reason, matched_value, NULL, applied, state,
       matched_minor
  FROM order_events;
INSERT INTO new_fills SELECT run_id, record, order_id, at_ms, price, size_minor FROM fills;
INSERT INTO new_settlement_orders SELECT run_id, record, order_id, profit_minor FROM settlement_orders;

DROP TABLE settlement_orders;
DROP TABLE fills;
DROP TABLE order_events;
DROP TABLE orders;
DROP TABLE intents;
ALTER TABLE new_intents RENAME TO intents;
ALTER TABLE new_orders RENAME TO orders;
ALTER TABLE new_order_events RENAME TO order_events;
ALTER TABLE new_fills RENAME TO fills;
ALTER TABLE new_settlement_orders RENAME TO settlement_orders;

CREATE INDEX intents_refused ON intents (run_id, strategy, record) WHERE verdict = 'REFUSED';
CREATE INDEX orders_by_record ON orders (run_id, record);
CREATE INDEX orders_by_strategy ON orders (run_id, strategy, market);
CREATE INDEX order_events_by_order ON order_events (run_id, order_id, record);
CREATE INDEX fills_by_order ON fills (run_id, order_id, record);
CREATE INDEX settlement_orders_by_order ON settlement_orders (run_id, order_id);

CREATE TRIGGER intents_keep BEFORE UPDATE ON intents
    BEGIN SELECT raise(ABORT, 'intents is append-only'); END;
CREATE TRIGGER intents_stay BEFORE DELETE ON intents
    BEGIN SELECT raise(ABORT, 'intents is append-only'); END;
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
CREATE TRIGGER orders_stay BEFORE DELETE ON orders
    BEGIN SELECT raise(ABORT, 'orders are never deleted'); END;

-- Of an order only where it stands may change.
CREATE TRIGGER orders_terms BEFORE UPDATE OF run_id, id, record, recording, strategy, market, selection,
        handicap_hundredths, side, type, price, size_minor, liability_minor, book, requested_at_ms ON orders
    BEGIN SELECT raise(ABORT, 'the terms of an order never change'); END;

CREATE VIEW v_bets AS
SELECT o.run_id,
       o.record,
       o.id AS bet,
       strftime('%Y-%m-%dT%H:%M:%fZ', o.requested_at_ms / 1000.0, 'unixepoch') AS asked_at,
       r.name AS recording,
       o.strategy,
       o.market,
       o.selection || CASE o.handicap_hundredths WHEN 0 THEN ''
                      ELSE printf('@%g', o.handicap_hundredths / 100.0) END AS runner,
       o.side,
       o.type,
       o.price,
       printf('%.2f', coalesce(o.size_minor, o.liability_minor) / 100.0) AS size,
       printf('%.2f', o.matched_minor / 100.0) AS matched,
       o.average_price,
       o.state,
       o.persistence,
       o.book,
       iif(o.profit_minor IS NULL, NULL, printf('%.2f', o.profit_minor / 100.0)) AS profit,
       i.reason,
       i.probability,
       i.tag,
       i.sequence,
       i.seen_back_price || ' x ' || printf('%.2f', i.seen_back_size_minor / 100.0) AS seen_back,
       i.seen_lay_price || ' x ' || printf('%.2f', i.seen_lay_size_minor / 100.0) AS seen_lay,
       i.seen_last_traded AS seen_last,
       i.script_hash,
       o.venue_reason
  FROM orders o
  JOIN intents i ON i.run_id = o.run_id AND i.id = o.id
  JOIN recordings r ON r.run_id = o.run_id AND r.ordinal = o.recording;

CREATE VIEW v_rejections AS
SELECT i.run_id,
       i.record,
       i.id AS intent,
       strftime('%Y-%m-%dT%H:%M:%fZ', i.at_ms / 1000.0, 'unixepoch') AS asked_at,
       r.name AS recording,
       i.strategy,
       i.market,
       i.selection || CASE i.handicap_hundredths WHEN 0 THEN ''
                      ELSE printf('@%g', i.handicap_hundredths / 100.0) END AS runner,
       i.action,
       i.side,
       i.type,
       i.price,
       iif(coalesce(i.size_minor, i.liability_minor) IS NULL, NULL,
           printf('%.2f', coalesce(i.size_minor, i.liability_minor) / 100.0)) AS size,
       i.code,
       i.code_value AS value,
       i.code_limit AS "limit",
       coalesce(i.problem, i.reason) AS reason,
       i.seen_back_price AS seen_back,
       i.seen_lay_price AS seen_lay,
       i.script_hash
  FROM intents i
  JOIN recordings r ON r.run_id = i.run_id AND r.ordinal = i.recording
 WHERE i.verdict = 'REFUSED';

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
