-- Who asked for the look at the folder in which a version was found, and by which request; NULL: nobody, it was saved.
ALTER TABLE strategy_versions ADD COLUMN asked_by TEXT CHECK (asked_by <> '');
