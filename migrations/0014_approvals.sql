-- Versions of strategies that somebody approved for LIVE. docs/live.md says what that means.
CREATE TABLE approvals (
    id          INTEGER PRIMARY KEY,
    at_ms       INTEGER NOT NULL,              -- by the wall clock
    strategy    TEXT NOT NULL,
    script_hash TEXT NOT NULL CHECK (length(script_hash) = 64),
    approved_by TEXT NOT NULL CHECK (approved_by <> ''),
    reason      TEXT NOT NULL CHECK (reason <> '')
) STRICT;
CREATE INDEX approvals_by_strategy ON approvals (strategy, script_hash);
CREATE TRIGGER approvals_keep BEFORE UPDATE ON approvals
    BEGIN SELECT raise(ABORT, 'approvals is append-only'); END;
CREATE TRIGGER approvals_stay BEFORE DELETE ON approvals
    BEGIN SELECT raise(ABORT, 'approvals is append-only'); END;
