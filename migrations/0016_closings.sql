-- What each settled bet of a session on a live feed was worth against the close: what a backtest's report works out for
-- itself. A market that is settled anew has the next version; the latest counts.
CREATE TABLE closings (
    run_id          INTEGER NOT NULL,
    recording       INTEGER NOT NULL,
    order_id        TEXT NOT NULL,             -- of this run or, in LIVE, of one before
    version         INTEGER NOT NULL CHECK (version > 0),  -- of the settlement
    at_ms           INTEGER NOT NULL,          -- when it was settled
    strategy        TEXT NOT NULL,
    market          TEXT NOT NULL,
    event           TEXT NOT NULL,             -- bets on one event stand or fall together
    source          TEXT,                      -- whose close; NULL: it is not known, and neither is what follows from it
    raw_clv         REAL,                      -- price taken against the closing price, margin and all
    clv             REAL,                      -- what a unit of stake wins on average if the close without its margin is right
    close_chance    REAL CHECK (close_chance BETWEEN 0 AND 1),  -- of the runner, by that
    probability     REAL,                      -- the strategy's own
    happened        INTEGER CHECK (happened IN (0, 1)),  -- whether the runner won (NULL: no matter of yes and no)
    PRIMARY KEY (run_id, order_id, version),
    FOREIGN KEY (run_id, recording) REFERENCES recordings (run_id, ordinal),
    CHECK ((source IS NULL) = (raw_clv IS NULL))
) STRICT, WITHOUT ROWID;
CREATE TRIGGER closings_keep BEFORE UPDATE ON closings
    BEGIN SELECT raise(ABORT, 'closings is append-only'); END;
CREATE TRIGGER closings_stay BEFORE DELETE ON closings
    BEGIN SELECT raise(ABORT, 'closings is append-only'); END;
