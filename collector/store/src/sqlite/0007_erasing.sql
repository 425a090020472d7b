-- What stands for the target of an erasure once it is forgotten.
ALTER TABLE erasure ADD COLUMN pseudonym TEXT;

-- Days of ingest of which something was erased, and whose content was not written anew since.
CREATE TABLE erased_day (
    project INTEGER NOT NULL,
    day INTEGER NOT NULL,
    PRIMARY KEY (project, day)
) STRICT, WITHOUT ROWID;

-- The version of a project's last erasure: what was computed before may be of something that is no more.
CREATE TABLE erased (project INTEGER PRIMARY KEY, version INTEGER NOT NULL) STRICT;

-- What the machine's clock said last, and since when it is doubted for having jumped.
CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    seen_at INTEGER NOT NULL,
    doubted_since INTEGER
) STRICT;
