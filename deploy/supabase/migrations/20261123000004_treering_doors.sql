-- Treering: who may come in, how often, and who saw what. One statement, as the files before.

DO $version$
DECLARE
    how constant text := CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END;
    one constant text := 'treering_witness';
BEGIN

PERFORM pg_advisory_xact_lock(x'7472656572696e67'::bigint);
IF treering.schema_version() >= 4 THEN
    RETURN;
END IF;

-- How many records a key or a project may send in a second, and a project in a day; absent is without a limit.
ALTER TABLE treering.api_key ADD COLUMN rate bigint;
ALTER TABLE treering.project ADD COLUMN rate bigint, ADD COLUMN quota bigint;

-- 1 where requests of a project must be signed, or come by a certificate of their client's.
ALTER TABLE treering.project ADD COLUMN signed integer NOT NULL DEFAULT 0;

-- By which the signatures of a key are checked: the public half of a pair that is made of its secret. Keys from before
-- have none.
ALTER TABLE treering.api_key ADD COLUMN verifier bytea;

-- When keys were used, to the minute or so.
CREATE TABLE treering.key_use (
    key bigint PRIMARY KEY REFERENCES treering.api_key (id),
    first_at bigint NOT NULL,
    last_at bigint NOT NULL
);

-- The names in certificates of clients, each of which lets into one project.
CREATE TABLE treering.client_name (
    project bigint NOT NULL REFERENCES treering.project (id),
    since bigint NOT NULL,
    name text COLLATE "C" PRIMARY KEY
);

ALTER TABLE treering.key_use ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE treering.client_name ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- Who writes down what was seen and by whom, and nothing else: it sees the log to add to its end, and the one secret
-- that the rows are chained by.
WHILE to_regrole(one) IS NULL LOOP
    BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', one);
    EXCEPTION
        WHEN duplicate_object OR unique_violation THEN NULL;
        WHEN insufficient_privilege THEN
            RAISE EXCEPTION 'the role % is missing, and % may not make it', one, current_user
                USING ERRCODE = 'insufficient_privilege', HINT = 'let an administrator run: '
                    || format('CREATE ROLE %1$I; GRANT %1$I TO %2$I', one, current_user);
    END;
END LOOP;
IF EXISTS (SELECT FROM pg_roles WHERE rolname = one AND (rolsuper OR rolbypassrls)) THEN
    RAISE EXCEPTION 'the role % is not bound by row-level security', one
        USING HINT = format('let an administrator run: ALTER ROLE %I NOSUPERUSER NOBYPASSRLS', one);
END IF;
WHILE NOT pg_has_role(current_user, one, how) LOOP
    BEGIN
        EXECUTE format('GRANT %I TO CURRENT_USER', one);
    EXCEPTION
        WHEN duplicate_object OR unique_violation THEN NULL;
        -- Who migrates need not be who works.
        WHEN insufficient_privilege THEN
            RAISE WARNING '% is no member of %', current_user, one
                USING HINT = format('let an administrator run: GRANT %I TO %I', one, current_user);
            EXIT;
    END;
END LOOP;

GRANT USAGE ON SCHEMA treering TO treering_witness;
GRANT EXECUTE ON FUNCTION treering.schema_version(), treering.master_id() TO treering_witness;
GRANT SELECT, INSERT ON treering.audit TO treering_witness;
GRANT SELECT, INSERT, UPDATE ON treering.key_use TO treering_witness;
GRANT SELECT ON treering.api_key, treering.project, treering.secret TO treering_witness;
CREATE POLICY treering_witness ON treering.audit TO treering_witness USING (true);
CREATE POLICY treering_witness ON treering.key_use TO treering_witness USING (true);
CREATE POLICY treering_witness ON treering.api_key FOR SELECT TO treering_witness USING (true);
CREATE POLICY treering_witness ON treering.project FOR SELECT TO treering_witness USING (true);
CREATE POLICY treering_witness ON treering.secret FOR SELECT TO treering_witness USING (project = 0);

-- A collector counts the uses of its keys, and writes down the first ones.
GRANT SELECT, INSERT, UPDATE ON treering.key_use TO treering_sweeper;
GRANT SELECT ON treering.api_key TO treering_sweeper;
CREATE POLICY treering_sweeper ON treering.key_use TO treering_sweeper USING (true);
CREATE POLICY treering_sweeper ON treering.api_key FOR SELECT TO treering_sweeper USING (true);

GRANT SELECT ON treering.key_use TO treering_keeper;
CREATE POLICY treering_keeper ON treering.key_use FOR SELECT TO treering_keeper USING (true);

GRANT SELECT ON treering.client_name TO treering_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON treering.client_name TO treering_keeper;
CREATE POLICY treering_writer ON treering.client_name FOR SELECT TO treering_writer USING (true);
CREATE POLICY treering_keeper ON treering.client_name TO treering_keeper USING (true);

-- One more way to say who reads, beside those of the file before:
--     {"treering_roles": {"reader": ["shop", "bank"]}}   a person to whom the log-in gives this role in these projects
CREATE OR REPLACE FUNCTION treering.projects_as(VARIADIC roles text[]) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE ROWS 10 SET search_path = ''
AS $$
DECLARE
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
BEGIN
    IF claims ? 'sub' THEN
        RETURN QUERY SELECT member.project FROM treering.member JOIN treering.person ON person.id = member.person
            WHERE person.subject = claims ->> 'sub' AND member.role = ANY (roles);
    ELSIF claims ? 'treering_key' THEN
        RETURN QUERY SELECT api_key.project FROM treering.api_key
            WHERE api_key.id = (claims ->> 'treering_key')::bigint
                AND 'read' = ANY (string_to_array(api_key.scopes, ','))
                AND api_key.revoked_at IS NULL
                AND (api_key.expires_at IS NULL OR api_key.expires_at > extract(epoch FROM now()) * 1000000000);
    ELSIF claims ? 'treering_project' THEN
        RETURN QUERY SELECT project.id FROM treering.project WHERE project.id = (claims ->> 'treering_project')::bigint;
    ELSIF claims ? 'treering_roles' THEN
        RETURN QUERY SELECT project.id FROM treering.project
            WHERE EXISTS (SELECT FROM unnest(roles) AS role
                WHERE claims -> 'treering_roles' -> role @> to_jsonb(project.name));
    END IF;
END
$$;

-- The projects whose rows of the audit log are shown to who reads. A key reads executions and no log.
CREATE FUNCTION treering.projects_audited() RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE ROWS 10 SET search_path = ''
AS $$
DECLARE
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
BEGIN
    IF NOT (claims ? 'treering_key') THEN
        RETURN QUERY SELECT treering.projects_as('auditor', 'owner');
    END IF;
END
$$;

REVOKE ALL ON FUNCTION treering.projects_audited() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION treering.projects_audited() TO treering_structure;
GRANT SELECT ON treering.audit TO treering_structure;
CREATE POLICY treering_structure ON treering.audit FOR SELECT TO treering_structure
    USING (project IN (SELECT treering.projects_audited())
        OR current_setting('request.jwt.claims', true) = '{"treering_local": true}');

INSERT INTO treering.migration (version) VALUES (4);

END
$version$;
