-- Control data.
CREATE TABLE project (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
    id INTEGER PRIMARY KEY,
    project INTEGER NOT NULL REFERENCES project (id),
    hash BLOB NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;

-- How often which outcome happened, by collector and minute. Project 0 is "none": refused before it was known.
CREATE TABLE outcome (
    collector TEXT NOT NULL,
    minute INTEGER NOT NULL,
    project INTEGER NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (collector, minute, project, name)
) STRICT, WITHOUT ROWID;

-- Content that many records share; today the contexts (resource, scope, schemas) of records.
CREATE TABLE piece (
    project INTEGER NOT NULL,
    day INTEGER NOT NULL,
    hash BLOB NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (project, day, hash)
) STRICT, WITHOUT ROWID;

-- The truth: spans and log records as they came, redacted.
CREATE TABLE span (
    project INTEGER NOT NULL,
    trace_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    day INTEGER NOT NULL,
    -- Snapshots of one span are ordered by these two; the highest stays.
    ended_at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    context BLOB NOT NULL,
    body BLOB NOT NULL,
    -- The span that this one merely announces (Logfire's pending spans), as a part of whose step it is read.
    announces BLOB,
    PRIMARY KEY (project, trace_id, span_id)
) STRICT;

CREATE INDEX span_by_announced ON span (project, trace_id, announces) WHERE announces IS NOT NULL;

CREATE TABLE log (
    project INTEGER NOT NULL,
    trace_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    ordinal INTEGER NOT NULL,
    span_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    day INTEGER NOT NULL,
    context BLOB NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project, trace_id, hash, ordinal)
) STRICT;

CREATE INDEX log_by_span ON log (project, trace_id, span_id, at);

-- Readings of single records, and of executions. Both can be made again from the records.
CREATE TABLE summary (
    project INTEGER NOT NULL,
    trace_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    -- Empty for the span itself, else the hash of a log record.
    source BLOB NOT NULL,
    written INTEGER NOT NULL,
    parent_span_id BLOB,
    remote_parent INTEGER NOT NULL,
    name TEXT,
    kind TEXT,
    status TEXT,
    started_at INTEGER,
    ended_at INTEGER,
    agent TEXT,
    model TEXT,
    provider TEXT,
    tool TEXT,
    response_id TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    reasoning_tokens INTEGER,
    cost_usd REAL,
    session_id TEXT,
    user_id TEXT,
    error_type TEXT,
    redactions TEXT,
    dialect TEXT,
    PRIMARY KEY (project, trace_id, span_id, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE execution (
    project INTEGER NOT NULL,
    trace_id BLOB NOT NULL,
    -- The newest summary that it was computed from.
    version INTEGER NOT NULL,
    -- When it began, or else when it was first seen: the order of the list.
    listed_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    agent TEXT,
    status TEXT NOT NULL,
    started_at INTEGER,
    duration_ns INTEGER NOT NULL,
    steps INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    redactions INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_usd REAL,
    models TEXT NOT NULL,
    session_id TEXT,
    user_id TEXT,
    PRIMARY KEY (project, trace_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX execution_by_time ON execution (project, listed_at DESC, trace_id DESC);

-- The last version that a writer took.
CREATE TABLE version (id INTEGER PRIMARY KEY, last INTEGER NOT NULL) STRICT;
