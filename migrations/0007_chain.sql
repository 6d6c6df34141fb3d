-- The hash chain: each commit adds a link, with a digest of every row it wrote, hashed together with the link before.
-- docs/ledger.md says what it shows and what it cannot.

CREATE TABLE chain (
    link INTEGER PRIMARY KEY CHECK (link > 0),
    kind TEXT NOT NULL CHECK (kind IN ('FOUND', 'WRITTEN')),  -- FOUND: rows that were there when the schema changed
    rows BLOB NOT NULL,                                       -- which rows, each with its digest
    hash BLOB NOT NULL CHECK (length(hash) = 32)              -- BLAKE3 of the hash before, link, kind and rows
) STRICT;
CREATE TRIGGER chain_keep BEFORE UPDATE ON chain
    BEGIN SELECT raise(ABORT, 'chain is append-only'); END;
CREATE TRIGGER chain_stay BEFORE DELETE ON chain
    BEGIN SELECT raise(ABORT, 'chain is append-only'); END;

-- The lives of this ledger. A restored copy begins another, so that nothing it does is taken for what the first did.
CREATE TABLE instances (
    epoch       INTEGER PRIMARY KEY CHECK (epoch > 0),
    id          TEXT NOT NULL UNIQUE CHECK (length(id) = 12),
    began_at_ms INTEGER NOT NULL,
    cause       TEXT NOT NULL CHECK (cause IN ('CREATED', 'MIGRATED', 'RESTORED'))
) STRICT;
CREATE TRIGGER instances_keep BEFORE UPDATE ON instances
    BEGIN SELECT raise(ABORT, 'instances is append-only'); END;
CREATE TRIGGER instances_stay BEFORE DELETE ON instances
    BEGIN SELECT raise(ABORT, 'instances is append-only'); END;

-- In which life a run was made (NULL: before there was more than one).
ALTER TABLE runs ADD COLUMN epoch INTEGER REFERENCES instances (epoch);
