-- What a run did: one table for each kind of record. docs/ledger.md explains how to read them.
--
-- Money is a whole number of minor units (pence) of the run's currency: `_minor`.
-- Prices are decimal odds written out as text: '2.02'. Times are milliseconds since 1970 UTC: `_ms`.
-- `record` numbers everything written in a run, from 1, across all tables: order by it to read the story.

CREATE TABLE runs (
    id            INTEGER PRIMARY KEY,
    kind          TEXT NOT NULL CHECK (kind IN ('backtest', 'run', 'demo')),
    mode          TEXT NOT NULL CHECK (mode IN ('DRY_RUN', 'LIVE')),
    version       TEXT NOT NULL,                                  -- of bea
    currency      TEXT NOT NULL CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
    config        TEXT NOT NULL CHECK (json_valid(config)),
    config_hash   TEXT NOT NULL,                                  -- BLAKE3 of config
    started_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER,                                        -- NULL: still running, or died
    outcome       TEXT CHECK (outcome IN ('completed', 'failed', 'interrupted')),
    trace_hash    TEXT,                                           -- equal hashes: the same was done
    CHECK ((ended_at_ms IS NULL) = (outcome IS NULL))
) STRICT;

-- The sessions of a run, one for each recording or feed.
CREATE TABLE recordings (
    run_id     INTEGER NOT NULL REFERENCES runs (id),
    ordinal    INTEGER NOT NULL CHECK (ordinal > 0),
    name       TEXT NOT NULL,
    path       TEXT NOT NULL,
    updates    INTEGER CHECK (updates >= 0),                      -- NULL: did not reach its end
    problems   INTEGER CHECK (problems >= 0),
    trace_hash TEXT,
    PRIMARY KEY (run_id, ordinal),
    CHECK ((updates IS NULL) = (problems IS NULL))
) STRICT;

-- The source of every version of every script that ever ran.
CREATE TABLE scripts (
    hash   TEXT PRIMARY KEY,
    name   TEXT NOT NULL,
    source TEXT NOT NULL
) STRICT;

-- Which versions a run used, and the record in which each first appeared.
CREATE TABLE run_scripts (
    run_id       INTEGER NOT NULL REFERENCES runs (id),
    strategy     TEXT NOT NULL,
    script_hash  TEXT NOT NULL,
    first_record INTEGER NOT NULL,
    PRIMARY KEY (run_id, strategy, script_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE strategy_events (
    run_id      INTEGER NOT NULL,
    record      INTEGER NOT NULL,
    recording   INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    strategy    TEXT NOT NULL,
    script_hash TEXT NOT NULL,
    what        TEXT NOT NULL CHECK (what IN ('LOADED', 'RELOADED', 'FAILED', 'QUARANTINED')),
    detail      TEXT,                          -- FAILED: one line; RELOADED: hash of the version before
    PRIMARY KEY (run_id, record),
    FOREIGN KEY (run_id, recording) REFERENCES recordings (run_id, ordinal),
    FOREIGN KEY (run_id, strategy, script_hash) REFERENCES run_scripts (run_id, strategy, script_hash)
) STRICT, WITHOUT ROWID;

-- The closed set of reasons for a refusal; bea fills it.
CREATE TABLE reason_codes (
    code TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Every intent: who asked for what, upon what it saw, and what the risk gate said.
CREATE TABLE intents (
    run_id               INTEGER NOT NULL,
    id                   TEXT NOT NULL CHECK (length(id) = 26),   -- also the id of the order it became
    record               INTEGER NOT NULL,
    recording            INTEGER NOT NULL,
    sequence             INTEGER NOT NULL,     -- number of the market change it answered
    at_ms                INTEGER NOT NULL,
    strategy             TEXT NOT NULL,
    script_hash          TEXT NOT NULL,
    market               TEXT NOT NULL,
    action               TEXT NOT NULL CHECK (action IN ('PLACE', 'CANCEL', 'REPLACE', 'MALFORMED')),
    target               TEXT,                 -- the order to cancel or replace; of a PLACE: the order it replaces
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
    CHECK (action NOT IN ('CANCEL', 'REPLACE') OR target IS NOT NULL),
    CHECK (action <> 'MALFORMED' OR problem IS NOT NULL)
) STRICT;
CREATE INDEX intents_refused ON intents (run_id, strategy, record) WHERE verdict = 'REFUSED';

-- One row for each approved placing. What was asked never changes; where it stands is kept up to date.
CREATE TABLE orders (
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
    requested_at_ms     INTEGER NOT NULL,
    placed_at_ms        INTEGER,               -- when it took effect at the venue
    state               TEXT NOT NULL
        CHECK (state IN ('SENDING', 'EXECUTABLE', 'EXECUTION_COMPLETE', 'REJECTED', 'NOT_SENT')),
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
    FOREIGN KEY (run_id, id) REFERENCES intents (run_id, id),
    CHECK (type = 'MARKET_ON_CLOSE' OR price IS NOT NULL),
    CHECK ((type = 'LIMIT') = (size_minor IS NOT NULL)),
    CHECK ((matched_minor > 0) = (average_price IS NOT NULL))
) STRICT;
CREATE INDEX orders_by_record ON orders (run_id, record);
CREATE INDEX orders_by_strategy ON orders (run_id, strategy, market);

-- Everything a venue said of an order, in order.
CREATE TABLE order_events (
    run_id        INTEGER NOT NULL,
    record        INTEGER NOT NULL,
    order_id      TEXT NOT NULL,
    at_ms         INTEGER NOT NULL,
    change        TEXT NOT NULL CHECK (change IN ('ACCEPTED', 'REJECTED', 'NOT_SENT', 'MATCHED',
                      'CANCELLED', 'LAPSED', 'VOIDED', 'REPRICED', 'CANCEL_FAILED')),
    price         TEXT,
    size_minor    INTEGER,                     -- this change alone
    reason        TEXT,
    matched_value TEXT,                        -- of a REPRICED
    applied       INTEGER NOT NULL CHECK (applied IN (0, 1)), -- 0: a late word on an order past changing
    state         TEXT NOT NULL,               -- after it
    matched_minor INTEGER NOT NULL,            -- in all, after it
    PRIMARY KEY (run_id, record),
    FOREIGN KEY (run_id, order_id) REFERENCES orders (run_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX order_events_by_order ON order_events (run_id, order_id, record);

CREATE TABLE fills (
    run_id     INTEGER NOT NULL,
    record     INTEGER NOT NULL,
    order_id   TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    price      TEXT NOT NULL CHECK (price GLOB '[0-9]*'),
    size_minor INTEGER NOT NULL CHECK (size_minor > 0),
    PRIMARY KEY (run_id, record),
    FOREIGN KEY (run_id, record) REFERENCES order_events (run_id, record),
    FOREIGN KEY (run_id, order_id) REFERENCES orders (run_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX fills_by_order ON fills (run_id, order_id, record);

-- The result of a market for one strategy.
CREATE TABLE settlements (
    run_id           INTEGER NOT NULL,
    record           INTEGER NOT NULL,
    recording        INTEGER NOT NULL,
    at_ms            INTEGER NOT NULL,
    strategy         TEXT NOT NULL,
    market           TEXT NOT NULL,
    gross_minor      INTEGER NOT NULL,
    commission_minor INTEGER NOT NULL CHECK (commission_minor >= 0),
    net_minor        INTEGER NOT NULL,
    PRIMARY KEY (run_id, record),
    FOREIGN KEY (run_id, recording) REFERENCES recordings (run_id, ordinal),
    CHECK (net_minor = gross_minor - commission_minor)
) STRICT, WITHOUT ROWID;
CREATE INDEX settlements_by_strategy ON settlements (run_id, strategy, market);

-- What each order brought. An order is settled once.
CREATE TABLE settlement_orders (
    run_id       INTEGER NOT NULL,
    record       INTEGER NOT NULL,
    order_id     TEXT NOT NULL,
    profit_minor INTEGER NOT NULL,
    PRIMARY KEY (run_id, order_id),
    FOREIGN KEY (run_id, record) REFERENCES settlements (run_id, record),
    FOREIGN KEY (run_id, order_id) REFERENCES orders (run_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX settlement_orders_by_record ON settlement_orders (run_id, record);

-- The operator's halts and resumptions.
CREATE TABLE halts (
    run_id    INTEGER NOT NULL,
    record    INTEGER NOT NULL,
    recording INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    halted    INTEGER NOT NULL CHECK (halted IN (0, 1)),
    reason    TEXT NOT NULL,
    PRIMARY KEY (run_id, record),
    FOREIGN KEY (run_id, recording) REFERENCES recordings (run_id, ordinal)
) STRICT, WITHOUT ROWID;

-- Facts are added, never changed.
CREATE TRIGGER strategy_events_keep BEFORE UPDATE ON strategy_events
    BEGIN SELECT raise(ABORT, 'strategy_events is append-only'); END;
CREATE TRIGGER strategy_events_stay BEFORE DELETE ON strategy_events
    BEGIN SELECT raise(ABORT, 'strategy_events is append-only'); END;
CREATE TRIGGER scripts_keep BEFORE UPDATE ON scripts
    BEGIN SELECT raise(ABORT, 'scripts is append-only'); END;
CREATE TRIGGER scripts_stay BEFORE DELETE ON scripts
    BEGIN SELECT raise(ABORT, 'scripts is append-only'); END;
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
CREATE TRIGGER settlements_keep BEFORE UPDATE ON settlements
    BEGIN SELECT raise(ABORT, 'settlements is append-only'); END;
CREATE TRIGGER settlements_stay BEFORE DELETE ON settlements
    BEGIN SELECT raise(ABORT, 'settlements is append-only'); END;
CREATE TRIGGER settlement_orders_keep BEFORE UPDATE ON settlement_orders
    BEGIN SELECT raise(ABORT, 'settlement_orders is append-only'); END;
CREATE TRIGGER settlement_orders_stay BEFORE DELETE ON settlement_orders
    BEGIN SELECT raise(ABORT, 'settlement_orders is append-only'); END;
CREATE TRIGGER halts_keep BEFORE UPDATE ON halts
    BEGIN SELECT raise(ABORT, 'halts is append-only'); END;
CREATE TRIGGER halts_stay BEFORE DELETE ON halts
    BEGIN SELECT raise(ABORT, 'halts is append-only'); END;

-- Of an order only where it stands may change; a run and a recording end once.
CREATE TRIGGER orders_terms BEFORE UPDATE OF run_id, id, record, recording, strategy, market, selection,
        handicap_hundredths, side, type, price, size_minor, liability_minor, requested_at_ms ON orders
    BEGIN SELECT raise(ABORT, 'the terms of an order never change'); END;
CREATE TRIGGER orders_stay BEFORE DELETE ON orders
    BEGIN SELECT raise(ABORT, 'orders are never deleted'); END;
CREATE TRIGGER runs_end_once BEFORE UPDATE ON runs WHEN old.outcome IS NOT NULL
    BEGIN SELECT raise(ABORT, 'the run has ended'); END;
CREATE TRIGGER runs_stay BEFORE DELETE ON runs
    BEGIN SELECT raise(ABORT, 'runs are never deleted'); END;
CREATE TRIGGER recordings_end_once BEFORE UPDATE ON recordings WHEN old.updates IS NOT NULL
    BEGIN SELECT raise(ABORT, 'the recording has ended'); END;
CREATE TRIGGER recordings_stay BEFORE DELETE ON recordings
    BEGIN SELECT raise(ABORT, 'recordings are never deleted'); END;
