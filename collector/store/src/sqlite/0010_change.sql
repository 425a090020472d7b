-- Grows with each change of projects, rules, keys and members, for those who keep them in memory.
CREATE TABLE change (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    number INTEGER NOT NULL
) STRICT;
