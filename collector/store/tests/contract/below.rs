//! What a test asks of the tables themselves, and does to them, behind the store's back.

use treering_test_servers::{ClickHouseDatabase, Database};

use crate::BACKEND;
use crate::backend::clickhouse;
use crate::support::{Store, files};

impl Store {
    /// Asks for one number.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        if let Some(steps) = self.steps.as_ref().filter(|_| is_of_steps(sql)) {
            let sql = format!("{} SETTINGS final = 1", sql.replace("bigint", "Int64"));
            return clickhouse().query(&steps.name, &sql).unwrap().trim().parse().unwrap();
        }
        match &self.database {
            Some(database) => connect(database).await.query_one(sql, &[]).await.unwrap().get(0),
            None => self.file().query_row(sql, [], |row| row.get(0)).unwrap(),
        }
    }

    /// Changes rows.
    pub(crate) async fn change(&self, sql: &str) {
        if let Some(steps) = self.steps.as_ref().filter(|_| is_of_steps(sql)) {
            let sql = match sql.strip_prefix("UPDATE ").and_then(|rest| rest.split_once(" SET ")) {
                Some((table, rest)) => {
                    format!("ALTER TABLE {table} UPDATE {rest} SETTINGS mutations_sync = 2")
                }
                None => sql.to_owned(),
            };
            clickhouse().query(&steps.name, &sql).unwrap();
            return;
        }
        match &self.database {
            Some(database) => connect(database).await.batch_execute(sql).await.unwrap(),
            None => self.file().execute_batch(sql).unwrap(),
        }
    }

    /// These bytes in a statement.
    pub(crate) fn blob(&self, bytes: &[u8]) -> String {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if self.steps.is_some() {
            return format!("unhex('{digits}')");
        }
        if self.database.is_some() { format!(r"'\x{digits}'::bytea") } else { format!("x'{digits}'") }
    }

    fn file(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("store.db")).unwrap()
    }
}

/// What ClickHouse keeps, where a store has one.
const STEPS: [&str; 8] = ["block", "piece", "span", "log", "span_join", "summary", "execution", "words"];

fn is_of_steps(sql: &str) -> bool {
    sql.split_whitespace().any(|word| STEPS.contains(&word))
}

/// All that a store keeps, each part with a name: its files, or else what every column of every table holds.
pub(crate) async fn kept(
    folder: &std::path::Path,
    database: Option<&Database>,
    steps: Option<&ClickHouseDatabase>,
) -> Vec<(String, Vec<u8>)> {
    if let Some(steps) = steps {
        // Rows that were replaced or deleted as well, as far as they are on the disk.
        let every = "SETTINGS final = 0, apply_deleted_mask = 0 FORMAT TSVRaw";
        let rows = |table: &str| {
            let sql = format!("SELECT * FROM {table} {every}");
            (table.to_owned(), clickhouse().query(&steps.name, &sql).unwrap().into_bytes())
        };
        return files(folder).into_iter().chain(STEPS.iter().map(|table| rows(table))).collect();
    }
    let Some(database) = database else { return files(folder) };
    let client = connect(database).await;
    let columns = "SELECT quote_ident(table_name), quote_ident(column_name), data_type = 'bytea'
                   FROM information_schema.columns WHERE table_schema = 'treering'";
    let mut kept = Vec::new();
    for row in client.query(columns, &[]).await.unwrap() {
        let (table, column, is_bytes): (String, String, bool) = (row.get(0), row.get(1), row.get(2));
        let value = if is_bytes { column.clone() } else { format!("convert_to({column}::text, 'UTF8')") };
        let sql = format!(r"SELECT coalesce(string_agg({value}, '\x00'), '') FROM {table}");
        kept.push((format!("{table}.{column}"), client.query_one(&sql, &[]).await.unwrap().get(0)));
    }
    kept
}

/// As the superuser, whom nothing stops, and not through the pooler.
async fn connect(database: &Database) -> tokio_postgres::Client {
    let server = BACKEND.server().expect("who has a database has a server");
    let mut config: tokio_postgres::Config = server.admin_url(&database.name).parse().unwrap();
    config.options("-c search_path=treering");
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
