-- What somebody asked to erase. The one process that owns the data folder does it.
CREATE TABLE erasure (
    id INTEGER PRIMARY KEY,
    project INTEGER NOT NULL,
    what TEXT NOT NULL,
    -- The trace id, session or user; absent once it is done, since it would name who must be forgotten.
    target TEXT,
    actor TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    done_at INTEGER,
    executions INTEGER,
    records INTEGER
) STRICT;

CREATE INDEX erasure_to_do ON erasure (done_at) WHERE done_at IS NULL;
