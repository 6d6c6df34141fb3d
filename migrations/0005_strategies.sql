-- Versions of strategies, and what strategies remember. docs/ledger.md explains how to read them.

-- Texts by their own hash (BLAKE3): what several versions share is kept once.
CREATE TABLE texts (
    hash TEXT PRIMARY KEY CHECK (length(hash) = 64),
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What a version reads besides its own source: imported files and tables.
CREATE TABLE script_files (
    script_hash TEXT NOT NULL REFERENCES scripts (hash),
    file        TEXT NOT NULL,                 -- lib/NAME.rhai, or the name of a table
    text_hash   TEXT NOT NULL REFERENCES texts (hash),
    PRIMARY KEY (script_hash, file)
) STRICT, WITHOUT ROWID;

-- Every time a version was offered to run as a strategy, and what became of that, in order.
CREATE TABLE strategy_versions (
    id          INTEGER PRIMARY KEY,
    run_id      INTEGER REFERENCES runs (id),  -- NULL: kept by a command, outside a run
    at_ms       INTEGER NOT NULL,              -- by the wall clock
    strategy    TEXT NOT NULL,
    script_hash TEXT NOT NULL REFERENCES scripts (hash),
    file        TEXT NOT NULL,                 -- the script's file
    params      TEXT NOT NULL CHECK (json_valid(params)),  -- those that the configuration sets
    verdict     TEXT NOT NULL CHECK (verdict IN ('ACCEPTED', 'REFUSED', 'KEPT')),
    reason      TEXT,                          -- of a REFUSED: what was wrong; of a KEPT: why it was kept
    CHECK ((verdict = 'ACCEPTED') = (reason IS NULL))
) STRICT;
CREATE INDEX strategy_versions_by_strategy ON strategy_versions (strategy, script_hash);

-- What each strategy remembers (`this`), as of the last time it was written down. Replaced, not added to.
CREATE TABLE strategy_states (
    strategy      TEXT PRIMARY KEY,
    run_id        INTEGER NOT NULL REFERENCES runs (id),
    script_hash   TEXT NOT NULL,               -- the version that left it so
    state         TEXT NOT NULL CHECK (json_valid(state)),
    state_hash    TEXT NOT NULL,               -- BLAKE3 of state
    updated_at_ms INTEGER NOT NULL             -- by the wall clock
) STRICT, WITHOUT ROWID;

-- What a strategy remembered when a session began, where that was anything: an input of the session.
CREATE TABLE session_states (
    run_id     INTEGER NOT NULL,
    recording  INTEGER NOT NULL,
    strategy   TEXT NOT NULL,
    state_hash TEXT NOT NULL REFERENCES texts (hash),
    PRIMARY KEY (run_id, recording, strategy),
    FOREIGN KEY (run_id, recording) REFERENCES recordings (run_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER texts_keep BEFORE UPDATE ON texts
    BEGIN SELECT raise(ABORT, 'texts is append-only'); END;
CREATE TRIGGER texts_stay BEFORE DELETE ON texts
    BEGIN SELECT raise(ABORT, 'texts is append-only'); END;
CREATE TRIGGER script_files_keep BEFORE UPDATE ON script_files
    BEGIN SELECT raise(ABORT, 'script_files is append-only'); END;
CREATE TRIGGER script_files_stay BEFORE DELETE ON script_files
    BEGIN SELECT raise(ABORT, 'script_files is append-only'); END;
CREATE TRIGGER strategy_versions_keep BEFORE UPDATE ON strategy_versions
    BEGIN SELECT raise(ABORT, 'strategy_versions is append-only'); END;
CREATE TRIGGER strategy_versions_stay BEFORE DELETE ON strategy_versions
    BEGIN SELECT raise(ABORT, 'strategy_versions is append-only'); END;
CREATE TRIGGER session_states_keep BEFORE UPDATE ON session_states
    BEGIN SELECT raise(ABORT, 'session_states is append-only'); END;
CREATE TRIGGER session_states_stay BEFORE DELETE ON session_states
    BEGIN SELECT raise(ABORT, 'session_states is append-only'); END;
