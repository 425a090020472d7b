-- The version that took something away last: who prepared what is to be written before it, begins anew.
ALTER TABLE version ADD COLUMN forgot INTEGER NOT NULL DEFAULT 0;
