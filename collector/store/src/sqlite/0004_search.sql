-- Which words an execution holds: keyed hashes of 32 bits, sorted, those that no earlier row of it has.
CREATE TABLE words (
    project INTEGER NOT NULL,
    trace_id BLOB NOT NULL,
    -- The version up to which its records were read.
    version INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (project, trace_id, version)
) STRICT, WITHOUT ROWID;

-- Executions with records whose words are not in the index yet, and the first and the last version that are missing.
CREATE TABLE unindexed (
    project INTEGER NOT NULL,
    trace_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    -- When it first waited, in nanoseconds since 1970 UTC.
    since INTEGER NOT NULL,
    PRIMARY KEY (project, trace_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX unindexed_by_time ON unindexed (since);
