//! A database with the schema, and a row of everything for each of two projects and for none.

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use treering_test_servers::{Database, Owner, PostgresServer};

use crate::viewers::Sight;

pub(crate) const MIGRATIONS: [&str; 4] = [
    include_str!("../../../../deploy/supabase/migrations/20261123000001_treering_tables.sql"),
    include_str!("../../../../deploy/supabase/migrations/20261123000002_treering_roles.sql"),
    include_str!("../../../../deploy/supabase/migrations/20261123000003_treering_receipts.sql"),
    include_str!("../../../../deploy/supabase/migrations/20261123000004_treering_doors.sql"),
];

pub(crate) struct House {
    /// The owner of the database, and the superuser of its server.
    pub(crate) client: Client,
    pub(crate) admin: Client,
    pub(crate) database: Database,
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(async move { connection.await.ok() });
    client
}

/// The first column of each row.
pub(crate) async fn texts(client: &Client, sql: &str) -> Vec<String> {
    let rows = client.simple_query(sql).await.unwrap();
    rows.iter().filter_map(first).collect()
}

fn first(message: &SimpleQueryMessage) -> Option<String> {
    match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    }
}

impl House {
    pub(crate) async fn with_rows(server: &PostgresServer, owner: Owner) -> Self {
        let database = server.create_database(owner).unwrap();
        let client = connect(&database.url).await;
        for migration in MIGRATIONS {
            client.batch_execute(migration).await.unwrap();
        }
        let admin = connect(&server.admin_url(&database.name)).await;
        admin.batch_execute(CONTROL).await.unwrap();
        admin.batch_execute(EVERYTHING_ELSE).await.unwrap();
        Self { client, admin, database }
    }

    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        texts(&self.admin, sql).await
    }

    pub(crate) async fn as_role(&self, role: &str, sql: &str) -> Vec<String> {
        self.admin.batch_execute(&format!("BEGIN; SET LOCAL ROLE {role}")).await.unwrap();
        let found = self.texts(sql).await;
        self.admin.batch_execute("ROLLBACK").await.unwrap();
        found
    }

    /// The projects (or persons) of all rows of a table that there are for this role with these claims; `None` where
    /// it may not ask at all.
    pub(crate) async fn seen_by(
        &self,
        role: &str,
        claims: Option<&str>,
        table: &str,
        sight: Sight,
    ) -> Option<Vec<i64>> {
        let claims = claims
            .map_or_else(String::new, |claims| format!(r#"SET LOCAL "request.jwt.claims" = '{claims}';"#));
        let column = sight.column();
        let sql = format!(
            "BEGIN; SET LOCAL ROLE {role}; {claims} SELECT {column} FROM treering.{table} ORDER BY 1"
        );
        let found = self.admin.simple_query(&sql).await;
        self.admin.batch_execute("ROLLBACK").await.unwrap();
        match found {
            Ok(rows) => Some(rows.iter().filter_map(first).map(|text| text.parse().unwrap()).collect()),
            Err(error) => {
                let message = error.as_db_error().unwrap().message();
                assert!(message.starts_with("permission denied for "), "{role}, {table}: {message}");
                None
            }
        }
    }
}

/// Two projects; of the first, a person of each role, and keys of each kind; `both` is in both.
const CONTROL: &str = "
    INSERT INTO treering.project (id, name, created_at) VALUES (1, 'one', 1), (2, 'two', 1);
    INSERT INTO treering.person (id, subject, created_at) VALUES
        (1, 'auditor', 1), (2, 'viewer', 1), (3, 'reader', 1), (4, 'owner', 1), (5, 'both', 1), (6, 'nowhere', 1),
        (7, '0b2bd4c3-5a0c-4a49-8d55-d9a0ed43f0a5', 1), (8, 'user_2abcDEF', 1), (9, '12', 1);
    INSERT INTO treering.member (project, person, role, since) VALUES
        (1, 1, 'auditor', 1), (1, 2, 'viewer', 1), (1, 3, 'reader', 1), (1, 4, 'owner', 1),
        (1, 5, 'viewer', 1), (2, 5, 'reader', 1), (1, 7, 'reader', 1), (2, 8, 'reader', 1), (2, 9, 'reader', 1);
    INSERT INTO treering.api_key (id, project, hash, hint, scopes, created_at, expires_at, revoked_at) VALUES
        (1, 1, 'key-1', 'trk_', 'read', 1, NULL, NULL),
        (2, 1, 'key-2', 'trk_', 'ingest,read', 1, 4102444800000000000, NULL),
        (3, 1, 'key-3', 'trk_', 'read', 1, 1700000000000000000, NULL),
        (4, 1, 'key-4', 'trk_', 'read', 1, NULL, 2),
        (5, 1, 'key-5', 'trk_', 'ingest', 1, NULL, NULL),
        (6, 2, 'key-6', 'trk_', 'read', 1, NULL, NULL)";

/// A row a project, whatever the columns are; the ids of rows are those of their projects. Of a table that has one row at
/// the most, that one.
const EVERYTHING_ELSE: &str = "
    DO $$
    DECLARE
        of text;
        columns text;
        cells text;
    BEGIN
        FOR of IN SELECT relname FROM pg_class WHERE relnamespace = 'treering'::regnamespace AND relkind = 'r'
            AND relname NOT IN ('migration', 'project', 'person', 'member', 'api_key')
        LOOP
            FOR project IN 0..2 LOOP
                CONTINUE WHEN of IN ('project_rules', 'key_use', 'client_name') AND project = 0;
                SELECT string_agg(quote_ident(attname), ', '), string_agg(
                    CASE WHEN atttypid = 'smallint'::regtype THEN '0' ELSE quote_literal(project) END, ', ')
                INTO columns, cells FROM pg_attribute
                WHERE attrelid = format('treering.%I', of)::regclass AND attnum > 0 AND NOT attisdropped;
                EXECUTE format('INSERT INTO treering.%I (%s) VALUES (%s) ON CONFLICT DO NOTHING', of, columns, cells);
            END LOOP;
        END LOOP;
    END
    $$";
