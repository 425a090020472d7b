-- The version of the last erasure of a day: who wrote it anew knows whether something was erased meanwhile.
ALTER TABLE erased_day ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
