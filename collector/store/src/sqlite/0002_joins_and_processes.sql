-- The ids of a summary, sixteen bytes each: of a span those by which log records may name it, of a log record the
-- one by which it names a span.
ALTER TABLE summary ADD COLUMN joins BLOB;

-- The process that runs the step, where the record says that it still runs.
ALTER TABLE summary ADD COLUMN process BLOB;

CREATE INDEX summary_by_join ON summary (project, joins) WHERE joins IS NOT NULL AND source <> x'';

CREATE INDEX summary_by_process ON summary (project, process) WHERE process IS NOT NULL;

-- The spans that log records may name by an id; the first of them takes what names it.
CREATE TABLE span_join (
    project INTEGER NOT NULL,
    key BLOB NOT NULL,
    trace_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    PRIMARY KEY (project, key, trace_id, span_id)
) STRICT, WITHOUT ROWID;

-- Processes that told of running steps or sent heartbeats.
CREATE TABLE process (
    project INTEGER NOT NULL,
    id BLOB NOT NULL,
    -- When anything of it was accepted last, and when a heartbeat or a running step was.
    seen_at INTEGER NOT NULL,
    spoke_at INTEGER NOT NULL,
    -- Milliseconds between its heartbeats; absent where none came.
    interval_ms INTEGER,
    -- When it last said that it ends.
    ended_at INTEGER,
    gone INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (project, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX process_alive ON process (gone) WHERE gone = 0;

-- Executions to be computed anew for what was written elsewhere, and the version of that: no batch in the journal
-- names them, so that nothing else would remember them over a crash.
CREATE TABLE stale (
    project INTEGER NOT NULL,
    trace_id BLOB NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (project, trace_id)
) STRICT, WITHOUT ROWID;

-- What came in on a day, the newest last.
CREATE INDEX span_by_day ON span (project, day);

CREATE INDEX log_by_day ON log (project, day);

-- How far an interrupted `reread` came, and by which reader.
CREATE TABLE reread (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    reader TEXT NOT NULL,
    project INTEGER NOT NULL,
    trace_id BLOB NOT NULL
) STRICT;
