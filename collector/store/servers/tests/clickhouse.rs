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

/// Its number, as the server says it.
fn code(error: &clickhouse::error::Error) -> u16 {
    let said = error.to_string();
    let number = said.split("Code: ").nth(1).and_then(|rest| rest.split('.').next());
    number.unwrap_or_else(|| panic!("{said}")).parse().unwrap()
}

async fn refused(client: &Client, statement: &str) -> u16 {
    code(&client.query(statement).execute().await.unwrap_err())
}

#[tokio::test]
async fn errors_have_the_codes_of_clickhouse() {
    let Some((_, database)) = database() else { return };
    let client = client(&database.url);
    assert_eq!(refused(&client, "SELEC 1").await, 62);
    assert_eq!(refused(&client, "SELECT 1; SELECT 2").await, 62);
    assert_eq!(refused(&client, "SELECT * FROM nothing").await, 60);
    assert_eq!(refused(&client.clone().with_database("nowhere"), "SELECT 1").await, 81);
    assert_eq!(refused(&client.clone().with_setting("unheard_of", "1"), "SELECT 1").await, 115);
    assert_eq!(refused(&client, "SELECT throwIf(1)").await, 395);
    client.query(TABLE).execute().await.unwrap();
    assert_eq!(refused(&client, TABLE).await, 57);
    let mut broken = client.insert_formatted_with("INSERT INTO line (id, text) FORMAT RowBinary");
    broken.send((&b"four"[..]).into()).await.unwrap();
    assert_eq!(code(&broken.end().await.unwrap_err()), 33);
    assert_eq!(count(&client).await, 0);
}

#[tokio::test]
async fn what_fails_halfway_leaves_nothing_to_the_next() {
    let Some((_, database)) = database() else { return };
    let client = client(&database.url);
    let halfway = "SELECT throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_block_size = 1000";
    for _ in 0..20 {
        assert_eq!(refused(&client, halfway).await, 395);
        assert_eq!(client.query("SELECT 7").fetch_one::<u8>().await.unwrap(), 7);
    }
}

#[tokio::test]
async fn settings_and_parameters_hold_for_their_request_alone() {
    let Some((_, database)) = database() else { return };
    let client = client(&database.url);
    let asked = "SELECT value FROM system.settings WHERE name = 'max_threads'";
    let set = |value: &str| client.query(asked).with_setting("max_threads", value).fetch_one::<String>();
    assert_eq!(set("3").await.unwrap(), "3");
    assert_ne!(client.query(asked).fetch_one::<String>().await.unwrap(), "3");
    let text = "it's \\ \n\t; -- 雪".repeat(1_000);
    let asked =
        client.query("SELECT {text: String}, {number: Int64}").param("text", &text).param("number", -7);
    assert_eq!(asked.fetch_one::<(String, i64)>().await.unwrap(), (text.clone(), -7));
    assert_eq!(refused(&client, "SELECT {number: Int64}").await, 456);
    let long = format!("SELECT length('{}')", "x".repeat(300_000));
    assert_eq!(refused(&client, &long).await, 62, "longer than a query may be");
    let longer = client.query(&long).with_setting("max_query_size", "1000000");
    assert_eq!(longer.fetch_one::<u64>().await.unwrap(), 300_000);
    let filter = client.query("SELECT count() FROM system.one");
    let filter = filter.with_setting("additional_table_filters", "{'system.one': 'dummy = 1'}");
    assert_eq!(filter.fetch_one::<u64>().await.unwrap(), 0);
}

#[tokio::test]
async fn a_batch_with_its_token_is_taken_once() {
    let Some((_, database)) = database() else { return };
    let client = client(&database.url);
    client.query(&TABLE.replace("ReplacingMergeTree", "MergeTree")).execute().await.unwrap();
    for (token, expected) in [("one", 1), ("one", 1), ("other", 2), ("one", 2)] {
        let batch = client.clone().with_setting("insert_deduplication_token", token);
        insert(&batch.with_setting("async_insert", "0"), &[line(1, "again")]).await.unwrap();
        assert_eq!(count(&client).await, expected);
    }
}

#[tokio::test]
async fn the_newest_of_a_row_is_read_and_a_deleted_one_is_not() {
    let Some((_, database)) = database() else { return };
    let client = client(&database.url);
    client.query(TABLE).execute().await.unwrap();
    for text in ["first", "second"] {
        insert(&client, &[line(1, text), line(2, text)]).await.unwrap();
    }
    let latest = client.clone().with_setting("final", "1");
    assert_eq!((count(&client).await, lines(&latest).await), (4, vec![line(1, "second"), line(2, "second")]));
    client.query("DELETE FROM line WHERE id = 1").execute().await.unwrap();
    assert_eq!(lines(&latest).await, [line(2, "second")]);
    assert_eq!(count(&client).await, 2);
}

#[tokio::test]
async fn what_needs_a_cluster_is_parsed() {
    let Some((server, database)) = database() else { return };
    let statement = "EXPLAIN AST CREATE TABLE line ON CLUSTER here (id Int64)
         ENGINE = ReplicatedReplacingMergeTree('/tables/{shard}/line', '{replica}') ORDER BY id";
    let tree = server.query(&database.name, statement).unwrap();
    assert!(tree.contains("ReplicatedReplacingMergeTree"), "{tree}");
    assert!(server.query(&database.name, &statement.replace("ENGINE", "ENGIN")).is_err());
}

#[tokio::test]
async fn nobody_comes_in_without_the_password() {
    let Some((server, database)) = database() else { return };
    let client = client(&database.url);
    assert_eq!(refused(&client.clone().with_password("guessed"), "SELECT 1").await, 516);
    assert_eq!(refused(&client.with_user("nobody"), "SELECT 1").await, 516);
    assert_eq!(
        refused(&Client::default().with_url(format!("http://{}", server.address())), "SELECT 1").await,
        516
    );
}

#[tokio::test]
async fn a_reader_reads_and_cannot_do_more() {
    let Some((server, database)) = database() else { return };
    let writer = client(&database.url);
    writer.query(TABLE).execute().await.unwrap();
    insert(&writer, &[line(1, "here")]).await.unwrap();
    let reader = client(&server.reader_url(&database.name));
    assert_eq!(lines(&reader.clone().with_setting("final", "1")).await, [line(1, "here")]);
    for statement in [
        "INSERT INTO line VALUES (2, 'there')",
        "DELETE FROM line WHERE id = 1",
        "ALTER TABLE line DELETE WHERE id = 1",
        "CREATE TABLE other (id Int64) ENGINE = Memory",
        "DROP TABLE line",
        "TRUNCATE TABLE line",
        "SET readonly = 0",
    ] {
        assert_eq!(refused(&reader, statement).await, 164, "{statement}");
    }
    assert_eq!(refused(&reader.clone().with_setting("readonly", "0"), "DROP TABLE line").await, 164);
    let mut inserts = reader.insert_formatted_with("INSERT INTO line (id, text) FORMAT TSV");
    inserts.send((&b"2\tthere\n"[..]).into()).await.unwrap();
    assert_eq!(code(&inserts.end().await.unwrap_err()), 164);
    assert_eq!(count(&writer).await, 1);
}

#[tokio::test]
async fn statements_of_several_clients_run_side_by_side() {
    let Some((_, database)) = database() else { return };
    let client = client(&database.url);
    client.query(TABLE).execute().await.unwrap();
    let inserting = (0..8).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            for round in 0..10 {
                insert(&client, &[line(number * 10 + round, "here")]).await.unwrap();
                client.query("SELECT sleep(0.001)").execute().await.unwrap();
            }
        })
    });
    for inserted in inserting.collect::<Vec<_>>() {
        inserted.await.unwrap();
    }
    assert_eq!(count(&client).await, 80);
}

#[tokio::test]
async fn two_databases_know_nothing_of_each_other_and_go_with_their_holder() {
    let Some((server, one)) = database() else { return };
    let other = server.create_database().unwrap();
    server.query(&one.name, TABLE).unwrap();
    assert!(server.query(&other.name, "SELECT * FROM line").is_err());
    let name = one.name.clone();
    drop(one);
    assert!(server.query(&name, "SELECT 1").is_err());
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
