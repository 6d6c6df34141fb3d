-- The configuration that came into force while a run went on. What a run began with is in `runs`. An intent was judged
-- by the last one of its run whose `after_record` is below its own record.
CREATE TABLE configurations (
    run_id       INTEGER NOT NULL REFERENCES runs (id),
    after_record INTEGER NOT NULL,     -- the last intent's record before it; 0: there was none
    ordinal      INTEGER NOT NULL,     -- from 1 in its run
    at_ms        INTEGER NOT NULL,     -- by the wall clock
    config       TEXT NOT NULL CHECK (json_valid(config)),
    config_hash  TEXT NOT NULL,
    changes      TEXT NOT NULL CHECK (json_valid(changes)),
    PRIMARY KEY (run_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER configurations_keep BEFORE UPDATE ON configurations
    BEGIN SELECT raise(ABORT, 'configurations is append-only'); END;
CREATE TRIGGER configurations_stay BEFORE DELETE ON configurations
    BEGIN SELECT raise(ABORT, 'configurations is append-only'); END;
