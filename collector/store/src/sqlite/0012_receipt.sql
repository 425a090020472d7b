-- What became of single requests, under the ids that they were answered with: counts and stable names. An id begins
-- with the time, so that the oldest stand first.
CREATE TABLE receipt (
    project INTEGER NOT NULL,
    id BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    withheld INTEGER NOT NULL,
    transport TEXT NOT NULL,
    signal TEXT,
    outcome TEXT NOT NULL,
    reason TEXT,
    -- How many places by type, as JSON; absent where there are none.
    redactions TEXT,
    PRIMARY KEY (project, id)
) STRICT, WITHOUT ROWID;
