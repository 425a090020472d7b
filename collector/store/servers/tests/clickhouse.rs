//! The engine of ClickHouse behind its interface, as its Rust client meets it.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};
use treering_test_servers::{ClickHouseDatabase, ClickHouseServer, Shutdown, or_left_out, shared_clickhouse};

/// A client for an address as the server gives it.
fn client(url: &str) -> Client {
    let (login, place) = url.strip_prefix("clickhouse+http://").unwrap().split_once('@').unwrap();
    let ((user, password), (address, database)) =
        (login.split_once(':').unwrap(), place.split_once('/').unwrap());
    let client = Client::default().with_url(format!("http://{address}"));
    client.with_user(user).with_password(password).with_database(database)
}

fn database() -> Option<(&'static ClickHouseServer, ClickHouseDatabase)> {
    let server = shared_clickhouse()?;
    Some((server, server.create_database().unwrap()))
}

#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
struct Line {
    id: i64,
    #[serde(with = "serde_bytes_as_string")]
    text: Vec<u8>,
}

/// A String of ClickHouse holds any bytes.
mod serde_bytes_as_string {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Vec<u8>, D::Error> {
        Ok(<&[u8]>::deserialize(from)?.to_vec())
    }
}

const TABLE: &str = "CREATE TABLE line (id Int64, text String) ENGINE = ReplacingMergeTree ORDER BY id
                     SETTINGS non_replicated_deduplication_window = 100";

async fn insert(client: &Client, lines: &[Line]) -> clickhouse::error::Result<()> {
    let mut insert = client.insert::<Line>("line").await?;
    for line in lines {
        insert.write(line).await?;
    }
    insert.end().await
}

async fn lines(client: &Client) -> Vec<Line> {
    client.query("SELECT ?fields FROM line ORDER BY id").fetch_all().await.unwrap()
}

fn line(id: i64, text: impl Into<Vec<u8>>) -> Line {
    Line { id, text: text.into() }
}

async fn count(client: &Client) -> u64 {
    client.query("SELECT count() FROM line").fetch_one().await.unwrap()
}

#[tokio::test]
async fn every_byte_comes_back_with_and_without_compression() {
    let Some((_, database)) = database() else { return };
    let client = client(&database.url);
    client.query(TABLE).execute().await.unwrap();
    let every: Vec<u8> = (0..=255).collect();
    let mut expected = vec![];
    for (number, sends) in (0..).zip([Compression::None, Compression::Lz4]) {
        let sent = [
            line(number * 4, "a\n\n\n\nb"),
            line(number * 4 + 1, &*every),
            line(number * 4 + 2, every.repeat(9_000)),
            line(number * 4 + 3, ""),
        ];
        insert(&client.clone().with_compression(sends), &sent).await.unwrap();
        expected.extend(sent);
        for reads in [Compression::None, Compression::Lz4] {
            assert!(lines(&client.clone().with_compression(reads)).await == expected);
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_outlives_every_kind_of_end() {
    let Some(server) = or_left_out("a ClickHouse that goes and comes", ClickHouseServer::start()) else {
        return;
    };
    let database = server.create_database().unwrap();
    let client = client(&database.url);
    client.query(TABLE).execute().await.unwrap();
    for (before, how) in (0_i64..).zip([Shutdown::Fast, Shutdown::Immediate, Shutdown::Kill]) {
        assert_eq!(count(&client).await, before.unsigned_abs());
        insert(&client, &[line(before, "here")]).await.unwrap();
        server.stop(how).unwrap();
        assert!(client.query("SELECT 1").fetch_one::<u8>().await.is_err());
        server.start_again().unwrap();
    }
    assert!(server.start_again().is_err(), "it runs already");
    assert_eq!(server.query(&database.name, "SELECT count() FROM line").unwrap(), "3\n");
}
