-- How many records a key or a project may send in a second, and a project in a day; absent is without a limit.
ALTER TABLE api_key ADD COLUMN rate INTEGER;
ALTER TABLE project ADD COLUMN rate INTEGER;
ALTER TABLE project ADD COLUMN quota INTEGER;

-- 1 where requests of a project must be signed, or come by a certificate of their client's.
ALTER TABLE project ADD COLUMN signed INTEGER NOT NULL DEFAULT 0;

-- By which the signatures of a key are checked: the public half of a pair that is made of its secret. Keys from before
-- have none.
ALTER TABLE api_key ADD COLUMN verifier BLOB;

-- When keys were used, to the minute or so.
CREATE TABLE key_use (
    key INTEGER PRIMARY KEY REFERENCES api_key (id),
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT;

-- The names in certificates of clients, each of which lets into one project.
CREATE TABLE client_name (
    name TEXT PRIMARY KEY,
    project INTEGER NOT NULL REFERENCES project (id),
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
