-- The report of a run as it was printed, with the hash of the data it was made of: how many variants were tried on the same
-- data before is counted by it.
CREATE TABLE reports (
    run_id   INTEGER PRIMARY KEY REFERENCES runs (id),
    data_set TEXT NOT NULL,
    report   TEXT NOT NULL CHECK (json_valid(report)),
    text     TEXT NOT NULL
) STRICT;
CREATE INDEX reports_data ON reports (data_set);
CREATE TRIGGER reports_keep BEFORE UPDATE ON reports
    BEGIN SELECT raise(ABORT, 'reports is append-only'); END;
CREATE TRIGGER reports_stay BEFORE DELETE ON reports
    BEGIN SELECT raise(ABORT, 'reports is append-only'); END;
