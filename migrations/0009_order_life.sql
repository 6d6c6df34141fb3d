-- What concerns all strategies together: betting switched on or off, what forbids orders, what the venue has that we do not.
CREATE TABLE house_events (
    run_id    INTEGER NOT NULL,
    record    INTEGER NOT NULL,
    recording INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    what      TEXT NOT NULL CHECK (what IN ('TRADING', 'FENCE', 'READY', 'SWEPT', 'EXTERNAL')),
    name      TEXT,                -- TRADING: the state; FENCE: which; READY: why not (NULL: ready); EXTERNAL: the venue's name
    detail    TEXT,                -- why, or its figures (FENCE: NULL when it ended); SWEPT: the orders; EXTERNAL: the market
    at_risk_minor INTEGER,         -- EXTERNAL: what it could lose at worst
    PRIMARY KEY (run_id, record),
    FOREIGN KEY (run_id, recording) REFERENCES recordings (run_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER house_events_keep BEFORE UPDATE ON house_events
    BEGIN SELECT raise(ABORT, 'house_events is append-only'); END;
CREATE TRIGGER house_events_stay BEFORE DELETE ON house_events
    BEGIN SELECT raise(ABORT, 'house_events is append-only'); END;
