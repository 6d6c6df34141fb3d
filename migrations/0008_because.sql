-- What explains a decision: the line of the script, the state of the market, what each control weighed, and what would
-- have passed. Intents from before have none of it.

ALTER TABLE intents ADD COLUMN script_line INTEGER;
ALTER TABLE intents ADD COLUMN seen_status TEXT;
ALTER TABLE intents ADD COLUMN seen_in_play INTEGER CHECK (seen_in_play IN (0, 1));
ALTER TABLE intents ADD COLUMN seen_start_ms INTEGER;
ALTER TABLE intents ADD COLUMN controls TEXT CHECK (json_valid(controls));  -- [[code, value, limit, passed], ...]
ALTER TABLE intents ADD COLUMN remedy TEXT;

-- One line for each control asked of a placing, in order.
CREATE VIEW v_controls AS
SELECT i.run_id,
       i.record,
       i.id AS intent,
       c.key + 1 AS number,
       c.value ->> 0 AS control,
       c.value ->> 1 AS value,
       c.value ->> 2 AS "limit",
       c.value ->> 3 AS passed
  FROM intents i, json_each(i.controls) c;

-- What a strategy was shown of a market in a recording, and what came of it.
CREATE TABLE visits (
    run_id    INTEGER NOT NULL,
    recording INTEGER NOT NULL,
    strategy  TEXT NOT NULL,
    market    TEXT NOT NULL,
    calls     INTEGER NOT NULL CHECK (calls >= 0),        -- of on_odds
    not_now   INTEGER NOT NULL CHECK (not_now >= 0),      -- changes outside the moments that markets() asks for
    unwanted  TEXT,                                       -- what of markets() the market does not meet
    PRIMARY KEY (run_id, recording, strategy, market),
    FOREIGN KEY (run_id, recording) REFERENCES recordings (run_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER visits_keep BEFORE UPDATE ON visits
    BEGIN SELECT raise(ABORT, 'visits is append-only'); END;
CREATE TRIGGER visits_stay BEFORE DELETE ON visits
    BEGIN SELECT raise(ABORT, 'visits is append-only'); END;
