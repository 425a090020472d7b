-- Treering's roles on ClickHouse, and a login for each of the two that run for long. An administrator runs it, who may
-- give these rights, with passwords in the place of the dots; once more, it changes nothing. The database is called
-- `treering` here. On a cluster, let ` ON CLUSTER treering` follow each name that is made and each word GRANT, unless the
-- servers keep their users in Keeper.

-- Makes the tables: `treering migrate`, or the first start.
CREATE ROLE IF NOT EXISTS treering_maker;
GRANT SELECT, INSERT, CREATE TABLE ON treering.* TO treering_maker;
GRANT TABLE ENGINE ON ReplacingMergeTree TO treering_maker;

-- What comes in, and what is taken away: `collect`, `prune`, `erase`. ClickHouse marks what is deleted in a column of its
-- own, for which older versions, 26.5 among them, want the right to update.
CREATE ROLE IF NOT EXISTS treering_writer;
GRANT SELECT, INSERT, ALTER DELETE, ALTER UPDATE ON treering.* TO treering_writer;

-- Looks: `dash`, `export`.
CREATE ROLE IF NOT EXISTS treering_reader;
GRANT SELECT ON treering.* TO treering_reader;

-- On a cluster alone.
GRANT CLUSTER ON *.* TO treering_maker, treering_writer;
GRANT REMOTE ON *.* TO treering_maker;
GRANT TABLE ENGINE ON ReplicatedReplacingMergeTree TO treering_maker;
GRANT TABLE ENGINE ON Distributed TO treering_maker;

CREATE USER IF NOT EXISTS treering_collect IDENTIFIED WITH sha256_password BY '…'
    DEFAULT ROLE treering_maker, treering_writer;
GRANT treering_maker, treering_writer TO treering_collect;

-- Whatever it asks, nothing is changed.
CREATE USER IF NOT EXISTS treering_dash IDENTIFIED WITH sha256_password BY '…'
    DEFAULT ROLE treering_reader SETTINGS readonly = 2;
GRANT treering_reader TO treering_dash;
