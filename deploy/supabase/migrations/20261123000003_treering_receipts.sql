-- Treering: what became of single requests. One statement, as the files before.

DO $version$
BEGIN

PERFORM pg_advisory_xact_lock(x'7472656572696e67'::bigint);
IF treering.schema_version() >= 3 THEN
    RETURN;
END IF;

-- Under the ids that they were answered with: counts and stable names. An id begins with the time, so that the oldest
-- stand first.
CREATE TABLE treering.receipt (
    project bigint NOT NULL,
    bytes bigint NOT NULL,
    accepted bigint NOT NULL,
    rejected bigint NOT NULL,
    withheld bigint NOT NULL,
    id bytea NOT NULL,
    transport text NOT NULL,
    signal text,
    outcome text NOT NULL,
    reason text,
    -- How many places by type, as JSON; absent where there are none.
    redactions text,
    PRIMARY KEY (project, id)
);

-- Rows come and go with the requests of a week.
ALTER TABLE treering.receipt SET (autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

ALTER TABLE treering.receipt ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- Who writes adds them, who sweeps takes them away, and nobody changes one. They hold nothing of what was said: who
-- sees the structure of a project sees them.
GRANT SELECT, INSERT ON treering.receipt TO treering_writer;
GRANT SELECT, DELETE ON treering.receipt TO treering_sweeper;
GRANT SELECT ON treering.receipt TO treering_reader, treering_structure;
CREATE POLICY treering_writer ON treering.receipt TO treering_writer USING (true);
CREATE POLICY treering_sweeper ON treering.receipt TO treering_sweeper USING (true);
CREATE POLICY treering_reader ON treering.receipt FOR SELECT TO treering_reader
    USING (project IN (SELECT treering.projects_as('reader', 'owner')));
CREATE POLICY treering_structure ON treering.receipt FOR SELECT TO treering_structure
    USING (project IN (SELECT treering.projects_as('viewer', 'reader', 'owner')));

INSERT INTO treering.migration (version) VALUES (3);

END
$version$;
