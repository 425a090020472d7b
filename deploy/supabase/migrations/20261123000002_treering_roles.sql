-- Treering: who may do what. One statement, as the file before.
--
-- Nobody logs in as one of these roles. A login is a member of some of them, and each transaction takes one on
-- (`SET LOCAL ROLE`); one that reads says for whom (`SET LOCAL "request.jwt.claims"`), and the policies below decide
-- what is there to be read:
--     {"sub": "…"}              a person: the projects of which that one is a member, by role
--     {"treering_key": 12}      an API key: its project, while it may read and neither expired nor was revoked
--     {"treering_project": 3}   the owner of the machine, who chose this project
--     {"treering_local": true}  the same, before: the projects to choose from
-- Without any of these nothing is there.

DO $version$
DECLARE
    one text;
    how constant text := CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END;
    -- s: SELECT, i: INSERT, u: UPDATE, d: DELETE. What is seen by who reads: `content` by the role `reader` alone,
    -- `structure` by `structure` as well, each within the projects where that person may; `outcomes` are structure, too,
    -- along with those of no project; `name` is that of a project where the person may do anything; `self` and `own` are
    -- that person and the memberships; `any` is for who sees any project.
    rights constant text[] := ARRAY[
        -- table          writer  sweeper keeper  seen
        ['project',       's',    's',    'siu',  'name'],
        ['project_rules', 's',    's',    'siud', ''],
        ['api_key',       's',    '',     'siu',  ''],
        ['person',        '',     '',     'siud', 'self'],
        ['member',        '',     '',     'siud', 'own'],
        ['audit',         '',     'si',   'si',   ''],
        ['erasure',       '',     'siu',  'siu',  ''],
        ['change',        's',    's',    'siu',  ''],
        ['master',        's',    's',    'siu',  ''],
        ['secret',        'si',   'siud', 'siu',  'content'],
        ['version',       'siu',  'siu',  '',     'any'],
        ['collector',     'siu',  'siud', 'sd',   ''],
        ['work',          '',     'siu',  '',     ''],
        ['block',         'siu',  'siud', '',     'content'],
        ['piece',         'siu',  'siud', '',     'content'],
        ['span',          'siu',  'siud', '',     'content'],
        ['log',           'siu',  'siud', '',     'content'],
        ['words',         'siu',  'siud', '',     'content'],
        ['summary',       'siu',  'siud', '',     'structure'],
        ['execution',     'siu',  'siud', '',     'structure'],
        ['span_join',     'siu',  'siud', '',     'structure'],
        ['process',       'siu',  'siud', '',     'structure'],
        ['unindexed',     'siu',  'siud', '',     'structure'],
        ['outcome',       'siu',  'siud', '',     'outcomes'],
        ['stale',         'siu',  'siud', '',     ''],
        ['rewriting',     'siu',  'siud', '',     ''],
        ['erased',        'siu',  'siud', '',     ''],
        ['erased_day',    'siu',  'siud', '',     ''],
        ['reread',        'siu',  'siud', '',     ''],
        ['clock',         'siu',  'siud', '',     '']
    ];
    roles constant text[] := ARRAY['treering_writer', 'treering_sweeper', 'treering_keeper'];
    row text[];
    words text;
    seen text;
    condition text;
BEGIN

PERFORM pg_advisory_xact_lock(x'7472656572696e67'::bigint);
IF treering.schema_version() >= 2 THEN
    RETURN;
END IF;

-- Roles belong to the whole cluster: another database may be making them at this moment, and an administrator may have
-- made them for somebody who may not.
FOREACH one IN ARRAY
    ARRAY['treering_writer', 'treering_sweeper', 'treering_keeper', 'treering_reader', 'treering_structure']
LOOP
    WHILE to_regrole(one) IS NULL LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', one);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'the role % is missing, and % may not make it', one, current_user
                    USING ERRCODE = 'insufficient_privilege', HINT = 'let an administrator run: '
                        'CREATE ROLE treering_writer; CREATE ROLE treering_sweeper; CREATE ROLE treering_keeper; '
                        'CREATE ROLE treering_reader; CREATE ROLE treering_structure; '
                        || format('GRANT treering_writer, treering_sweeper, treering_keeper, treering_reader, '
                        'treering_structure TO %I', current_user);
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
END LOOP;

-- The projects that are seen by who reads: by a person who has one of these roles there, or by a key or the owner of the
-- machine. A person is never taken for anything else.
CREATE FUNCTION treering.projects_as(VARIADIC roles text[]) RETURNS SETOF bigint
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
    END IF;
END
$$;

-- The projects whose names are known to who reads.
CREATE FUNCTION treering.projects_known() RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE ROWS 10 SET search_path = ''
AS $$
DECLARE
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '');
BEGIN
    IF claims = '{"treering_local": true}' THEN
        RETURN QUERY SELECT project.id FROM treering.project;
    ELSE
        RETURN QUERY SELECT treering.projects_as('auditor', 'viewer', 'reader', 'owner');
    END IF;
END
$$;

-- The subject of the person who reads.
CREATE FUNCTION treering.subject() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub' $$;

-- The API key with this hash, for somebody who holds the key: without it, nothing is told of any.
CREATE FUNCTION treering.find_key(wanted bytea)
RETURNS TABLE (
    id bigint, project bigint, project_name text, hint text, scopes text, created_at bigint, expires_at bigint,
    revoked_at bigint
)
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE ROWS 1 SET search_path = ''
AS $$
    SELECT api_key.id, project.id, project.name, api_key.hint, api_key.scopes, api_key.created_at,
        api_key.expires_at, api_key.revoked_at
    FROM treering.api_key JOIN treering.project ON project.id = api_key.project WHERE api_key.hash = wanted
$$;

-- The name of the master key: who opens keys asks for it before anything is read for anybody.
CREATE FUNCTION treering.master_id() RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = ''
AS 'SELECT id FROM treering.master';

-- Nobody changes what was done, not even the owner of the table without saying so first.
CREATE FUNCTION treering.refuse() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'rows of % stay as they were written', tg_table_name USING ERRCODE = 'insufficient_privilege';
END
$$;

-- Functions are everybody's unless somebody says otherwise.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA treering FROM PUBLIC;
GRANT USAGE ON SCHEMA treering
    TO treering_writer, treering_sweeper, treering_keeper, treering_reader, treering_structure;
GRANT EXECUTE ON FUNCTION treering.schema_version()
    TO treering_writer, treering_sweeper, treering_keeper, treering_reader, treering_structure;
GRANT EXECUTE ON FUNCTION treering.projects_as(text[]), treering.projects_known(), treering.subject(),
    treering.find_key(bytea), treering.master_id() TO treering_reader, treering_structure;
GRANT USAGE ON SEQUENCE treering.block_id TO treering_writer, treering_sweeper;

FOREACH row SLICE 1 IN ARRAY rights LOOP
    FOR at IN 1..3 LOOP
        SELECT string_agg(word, ', ') INTO words
            FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS word
            WHERE strpos(row[at + 1], lower(left(word, 1))) > 0;
        CONTINUE WHEN words IS NULL;
        EXECUTE format('GRANT %s ON treering.%I TO %I', words, row[1], roles[at]);
        EXECUTE format('CREATE POLICY %I ON treering.%I TO %I USING (true)', roles[at], row[1], roles[at]);
    END LOOP;

    FOREACH one IN ARRAY ARRAY['treering_reader', 'treering_structure'] LOOP
        CONTINUE WHEN row[5] = '' OR (row[5] = 'content' AND one = 'treering_structure');
        -- Who sees no content sees the structure of more projects.
        seen := format('treering.projects_as(%s)', CASE one
            WHEN 'treering_reader' THEN $sql$'reader', 'owner'$sql$
            ELSE $sql$'viewer', 'reader', 'owner'$sql$
        END);
        condition := CASE row[5]
            WHEN 'name' THEN 'id IN (SELECT treering.projects_known())'
            WHEN 'any' THEN 'EXISTS (SELECT treering.projects_known())'
            WHEN 'self' THEN 'subject = (SELECT treering.subject())'
            WHEN 'own' THEN 'person = (SELECT id FROM treering.person WHERE subject = treering.subject())'
            WHEN 'outcomes' THEN
                format('project IN (SELECT %1$s UNION ALL SELECT 0 WHERE EXISTS (SELECT FROM %1$s))', seen)
            ELSE format('project IN (SELECT %s)', seen)
        END;
        EXECUTE format('GRANT SELECT ON treering.%I TO %I', row[1], one);
        EXECUTE format('CREATE POLICY %I ON treering.%I FOR SELECT TO %I USING (%s)', one, row[1], one, condition);
    END LOOP;
END LOOP;

CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON treering.audit
    FOR EACH STATEMENT EXECUTE FUNCTION treering.refuse();

INSERT INTO treering.migration (version) VALUES (2);

END
$version$;
