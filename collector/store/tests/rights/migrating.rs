//! The migrations, by whoever may bring them and however many do so at a time.

use tokio_postgres::Client;
use treering_test_servers::{Database, Durability, Owner, PostgresServer, or_left_out, shared};

use crate::house::{MIGRATIONS, connect, texts};

const STATE: &str = "SELECT concat_ws(' ', treering.schema_version(),
    (SELECT count(*) FROM pg_policies WHERE schemaname = 'treering'),
    (SELECT count(*) FROM pg_class WHERE relnamespace = 'treering'::regnamespace))";

async fn migrate(client: &Client) -> Result<(), tokio_postgres::Error> {
    for migration in MIGRATIONS {
        client.batch_execute(migration).await?;
    }
    Ok(())
}

async fn state(client: &Client) -> String {
    texts(client, STATE).await.remove(0)
}

#[tokio::test]
async fn applied_again_nothing_changes_and_nobody_waits() {
    let Some(server) = shared() else { return };
    let database = server.create_database(Owner::Plain).unwrap();
    let client = connect(&database.url).await;
    migrate(&client).await.unwrap();
    let before = state(&client).await;
    // Somebody who works is not kept waiting, nor is who waits for that one to end.
    let working = connect(&database.url).await;
    let work = "BEGIN; SET LOCAL ROLE treering_writer; INSERT INTO treering.version (id, last) VALUES (0, 1)";
    working.batch_execute(work).await.unwrap();
    client.batch_execute("SET lock_timeout = 1").await.unwrap();
    migrate(&client).await.unwrap();
    assert_eq!(state(&client).await, before);
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let Some(server) = shared() else { return };
    let database = server.create_database(Owner::Plain).unwrap();
    let client = connect(&database.url).await;
    migrate(&client).await.unwrap();
    let newer = "DROP POLICY treering_reader ON treering.span;
        CREATE OR REPLACE FUNCTION treering.projects_known() RETURNS SETOF bigint LANGUAGE sql RETURN 1::bigint;
        INSERT INTO treering.migration (version) VALUES (5)";
    client.batch_execute(newer).await.unwrap();
    let before = state(&client).await;
    migrate(&client).await.unwrap();
    assert_eq!(state(&client).await, before);
    assert!(before.starts_with("5 "));
    let body = "SELECT prosqlbody IS NOT NULL FROM pg_proc WHERE proname = 'projects_known'";
    assert_eq!(texts(&client, body).await, ["t"]);
}

/// Each has a server of its own to itself, since roles belong to all of it.
#[tokio::test(flavor = "multi_thread")]
async fn databases_of_one_server_may_be_migrated_at_the_same_moment() {
    let started = PostgresServer::start(Durability::None);
    let Some(server) = or_left_out("migrations at the same moment", started) else { return };
    for _ in 0..5 {
        let databases: Vec<Database> =
            (0..3).map(|_| server.create_database(Owner::Plain).unwrap()).collect();
        let mut migrating = tokio::task::JoinSet::new();
        for database in databases.iter().chain(&databases) {
            let client = connect(&database.url).await;
            migrating.spawn(async move {
                migrate(&client).await.unwrap();
                state(&client).await
            });
        }
        let states = migrating.join_all().await;
        assert!(states.iter().all(|state| state.starts_with("4 ") && *state == states[0]), "{states:?}");
        drop(databases);
        let forget = "DROP ROLE treering_writer, treering_sweeper, treering_keeper, treering_reader, treering_structure,
            treering_witness";
        server.administer("postgres", &[forget]).unwrap();
    }
}

#[tokio::test]
async fn an_owner_who_may_not_make_roles_is_told_who_should_and_goes_on_then() {
    let started = PostgresServer::start(Durability::None);
    let Some(server) = or_left_out("migrations without the right to make roles", started) else { return };
    let database = server.create_database(Owner::Plain).unwrap();
    server.administer("postgres", &["ALTER ROLE plain NOCREATEROLE"]).unwrap();
    let client = connect(&database.url).await;
    for (missing, version) in [("treering_writer", "1"), ("treering_witness", "3")] {
        let error = migrate(&client).await.unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!(error.message(), format!("the role {missing} is missing, and plain may not make it"));
        assert_eq!(texts(&client, "SELECT treering.schema_version()").await, [version]);
        // The hint is what helps, word by word.
        let hint = error.hint().unwrap().strip_prefix("let an administrator run: ").unwrap();
        server.administer("postgres", &hint.split("; ").collect::<Vec<_>>()).unwrap();
    }
    migrate(&client).await.unwrap();
    client
        .batch_execute("SET ROLE treering_keeper; SET ROLE treering_structure; SET ROLE treering_witness")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_role_that_row_level_security_does_not_bind_is_refused() {
    let started = PostgresServer::start(Durability::None);
    let Some(server) = or_left_out("a role that sees everything", started) else { return };
    server.administer("postgres", &["CREATE ROLE treering_reader BYPASSRLS"]).unwrap();
    let database = server.create_database(Owner::Plain).unwrap();
    let error = migrate(&connect(&database.url).await).await.unwrap_err();
    let message = error.as_db_error().unwrap().message();
    assert_eq!(message, "the role treering_reader is not bound by row-level security");
}
