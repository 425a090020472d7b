-- Content lies in sealed blocks; what was kept before is moved there by the step that belongs to this file.
DROP INDEX span_by_announced;
DROP INDEX span_by_day;
DROP INDEX log_by_span;
DROP INDEX log_by_day;
ALTER TABLE piece RENAME TO piece_before;
ALTER TABLE span RENAME TO span_before;
ALTER TABLE log RENAME TO log_before;

-- Recipes and pieces, one after the other, compressed, and sealed with the key of this project and day. An id is
-- never given twice.
CREATE TABLE block (
    id INTEGER PRIMARY KEY,
    project INTEGER NOT NULL,
    day INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE INDEX block_by_day ON block (project, day);

-- Bytes that records share, by a keyed hash: the contexts of records, parts of their bodies, and lists of names.
CREATE TABLE piece (
    project INTEGER NOT NULL,
    day INTEGER NOT NULL,
    hash BLOB NOT NULL,
    block INTEGER NOT NULL,
    start INTEGER NOT NULL,
    length INTEGER NOT NULL,
    PRIMARY KEY (project, day, hash)
) STRICT, WITHOUT ROWID;

-- The truth: spans and log records as they came, redacted. Where there is no block, the content is expired, and
-- late copies of it do not come back.
CREATE TABLE span (
    project INTEGER NOT NULL,
    trace_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    day INTEGER NOT NULL,
    -- Snapshots of one span are ordered by these two; the highest stays. The hash is a keyed one.
    ended_at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    -- The span that this one merely announces (Logfire's pending spans), as a part of whose step it is read.
    announces BLOB,
    block INTEGER,
    start INTEGER,
    length INTEGER,
    PRIMARY KEY (project, trace_id, span_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX span_by_announced ON span (project, trace_id, announces) WHERE announces IS NOT NULL;

CREATE INDEX span_by_day ON span (project, day, block);

CREATE TABLE log (
    project INTEGER NOT NULL,
    trace_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    ordinal INTEGER NOT NULL,
    span_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    day INTEGER NOT NULL,
    block INTEGER,
    start INTEGER,
    length INTEGER,
    PRIMARY KEY (project, trace_id, hash, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX log_by_span ON log (project, trace_id, span_id, at);

CREATE INDEX log_by_day ON log (project, day, block);

-- Days whose content is being copied, so that what was erased is in no block any more, and the first of the new
-- blocks. Pieces in older ones are known to nobody who writes.
CREATE TABLE rewriting (
    project INTEGER NOT NULL,
    day INTEGER NOT NULL,
    first INTEGER NOT NULL,
    PRIMARY KEY (project, day)
) STRICT, WITHOUT ROWID;
