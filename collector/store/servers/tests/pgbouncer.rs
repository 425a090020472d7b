//! A pooler as real ones are: what belongs to a session is lost in it.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

use std::collections::BTreeSet;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};
use treering_test_servers::{Database, Durability, Owner, Pgbouncer, PostgresServer, Shutdown, or_left_out};
use treering_test_servers::{shared, shared_pgbouncer};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(async move { connection.await.ok() });
    client
}

async fn through_the_pooler() -> Option<(Client, Client, Database)> {
    let (server, pooler) = (shared()?, shared_pgbouncer()?);
    let database = server.create_database(Owner::Plain).unwrap();
    let url = pooler.url(&database.name, Owner::Plain.name());
    Some((connect(&url).await, connect(&url).await, database))
}

/// The server's process that answers.
const PROCESS: &str = "SELECT pg_backend_pid()";

#[tokio::test]
async fn a_connection_is_somebody_elses_after_each_transaction() {
    let Some((one, other, _database)) = through_the_pooler().await else { return };
    let process = async |client: &Client| client.query_typed(PROCESS, &[]).await.unwrap()[0].get::<_, i32>(0);
    assert_eq!(process(&one).await, process(&other).await);
    one.batch_execute("BEGIN").await.unwrap();
    let held = process(&one).await;
    assert_ne!(process(&other).await, held);
    one.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn what_is_set_for_a_session_reaches_another() {
    let Some((one, other, _database)) = through_the_pooler().await else { return };
    one.batch_execute("SET lock_timeout = '77s'").await.unwrap();
    let found = other.query_typed("SHOW lock_timeout", &[]).await.unwrap()[0].get::<_, String>(0);
    assert_eq!(found, "77s", "who sets it for a session sets it for strangers");
    let taken = one.query_typed("SELECT 1::bigint WHERE $1 = 1", &[(&1_i64, Type::INT8)]).await;
    assert_eq!(taken.unwrap().len(), 1, "an unnamed statement is whole in itself");
}

#[tokio::test]
async fn a_statement_with_a_name_is_not_there_in_the_next_transaction() {
    let Some((one, other, _database)) = through_the_pooler().await else { return };
    let statement = one.prepare(PROCESS).await.unwrap();
    // Whoever holds the connection on which it was prepared leaves another to the one who prepared it.
    other.batch_execute("BEGIN").await.unwrap();
    other.query_typed(PROCESS, &[]).await.unwrap();
    let lost = one.query(&statement, &[]).await.unwrap_err();
    assert!(lost.as_db_error().unwrap().message().contains("does not exist"), "{lost:?}");
}

#[tokio::test]
async fn forty_clients_share_five_connections() {
    let Some((server, pooler)) = shared().zip(shared_pgbouncer()) else { return };
    let database = server.create_database(Owner::Plain).unwrap();
    let url = pooler.url(&database.name, Owner::Plain.name());
    let ask = async |url: String| {
        let client = connect(&url).await;
        client.query_typed(PROCESS, &[]).await.unwrap()[0].get::<_, i32>(0)
    };
    let asked: Vec<_> = (0..40).map(|_| tokio::spawn(ask(url.clone()))).collect();
    let mut processes = BTreeSet::new();
    for asked in asked {
        processes.insert(asked.await.unwrap());
    }
    assert!((1..=5).contains(&processes.len()), "{processes:?}");
}

#[tokio::test]
async fn a_login_made_later_comes_in_and_a_stranger_does_not() {
    let Some((server, pooler)) = shared().zip(shared_pgbouncer()) else { return };
    server.create_login("later").unwrap();
    connect(&pooler.url("postgres", "later")).await;
    assert!(tokio_postgres::connect(&pooler.url("postgres", "nobody"), NoTls).await.is_err());
    let wrong = pooler.url("postgres", "later").replacen("later:", "later:wrong", 1);
    assert!(tokio_postgres::connect(&wrong, NoTls).await.is_err());
}

#[tokio::test]
async fn the_pooler_finds_a_server_that_came_back() {
    let Some(server) = or_left_out("a server to restart", PostgresServer::start(Durability::None)) else {
        return;
    };
    let Some(pooler) = or_left_out("a pooler over a restart", Pgbouncer::start(&server)) else { return };
    let client = connect(&pooler.url("postgres", "plain")).await;
    client.batch_execute("SELECT 1").await.unwrap();
    server.restart(Shutdown::Immediate).unwrap();
    let client = connect(&pooler.url("postgres", "plain")).await;
    // The first to come may meet a connection that is dead; it is told so, and the next is not.
    for _ in 0..10 {
        if client.batch_execute("SELECT 1").await.is_ok() {
            return;
        }
    }
    connect(&pooler.url("postgres", "plain")).await.batch_execute("SELECT 1").await.unwrap();
}
