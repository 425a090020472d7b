-- How many days of ingest a project keeps its content, and its steps as a whole; absent is for ever.
ALTER TABLE project ADD COLUMN keep_content_days INTEGER;
ALTER TABLE project ADD COLUMN keep_days INTEGER;

-- Redaction rules of a project, beside those of the collector's own file, in the same form.
CREATE TABLE project_rules (
    project INTEGER PRIMARY KEY REFERENCES project (id),
    rules TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- People, by the subject of their identity token, which is text: not every issuer's is a UUID.
CREATE TABLE person (
    id INTEGER PRIMARY KEY,
    subject TEXT NOT NULL UNIQUE,
    name TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE member (
    project INTEGER NOT NULL REFERENCES project (id),
    person INTEGER NOT NULL REFERENCES person (id),
    role TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (project, person)
) STRICT, WITHOUT ROWID;

-- What was done to the installation, by whom. Each row's chain is a keyed hash of the one before and of itself.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    project INTEGER,
    -- What it was done to, never anything that an exporter sent: users and sessions stand as pseudonyms.
    subject TEXT,
    -- What a reader wants to know beside that, such as scopes, a role or a count.
    detail TEXT,
    outcome TEXT NOT NULL,
    chain BLOB NOT NULL
) STRICT;
