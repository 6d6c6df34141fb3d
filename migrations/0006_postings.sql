-- Money in double entry: each settlement, and each reversal, books what leaves the market to the strategy and to
-- commission. The entries of a record sum to nothing, and so do all entries of a currency.

CREATE TABLE postings (
    run_id       INTEGER NOT NULL,
    record       INTEGER NOT NULL,
    account      TEXT NOT NULL CHECK (account IN ('market', 'commission', 'strategy')),
    currency     TEXT NOT NULL CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
    amount_minor INTEGER NOT NULL,
    PRIMARY KEY (run_id, record, account),
    FOREIGN KEY (run_id, record) REFERENCES settlements (run_id, record)
) STRICT, WITHOUT ROWID;

INSERT INTO postings
SELECT s.run_id, s.record, a.account, r.currency,
       CASE a.account WHEN 'market' THEN -s.gross_minor
                      WHEN 'commission' THEN s.commission_minor
                      ELSE s.net_minor END
  FROM settlements s
  JOIN runs r ON r.id = s.run_id
  JOIN (SELECT 'market' AS account UNION ALL SELECT 'commission' UNION ALL SELECT 'strategy') a;

CREATE TRIGGER postings_keep BEFORE UPDATE ON postings
    BEGIN SELECT raise(ABORT, 'postings is append-only'); END;
CREATE TRIGGER postings_stay BEFORE DELETE ON postings
    BEGIN SELECT raise(ABORT, 'postings is append-only'); END;
