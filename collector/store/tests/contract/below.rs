//! What a test asks of the tables themselves, and does to them, behind the store's back.

use treering_test_servers::Database;

use crate::BACKEND;
use crate::support::{Store, files};

impl Store {
    /// Asks for one number.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        match &self.database {
            Some(database) => connect(database).await.query_one(sql, &[]).await.unwrap().get(0),
            None => self.file().query_row(sql, [], |row| row.get(0)).unwrap(),
        }
    }

    /// Changes rows.
    pub(crate) async fn change(&self, sql: &str) {
        match &self.database {
            Some(database) => connect(database).await.batch_execute(sql).await.unwrap(),
            None => self.file().execute_batch(sql).unwrap(),
        }
    }

    /// These bytes in a statement.
    pub(crate) fn blob(&self, bytes: &[u8]) -> String {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if self.database.is_some() { format!(r"'\x{digits}'::bytea") } else { format!("x'{digits}'") }
    }

    fn file(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("store.db")).unwrap()
    }
}

/// All that a store keeps, each part with a name: its files, or else what every column of every table holds.
pub(crate) async fn kept(folder: &std::path::Path, database: Option<&Database>) -> Vec<(String, Vec<u8>)> {
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
