//! Servers that start, go and come back.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};
use treering_test_servers::{
    ClickHouseServer, Durability, Owner, Pgbouncer, PostgresServer, Shutdown, or_left_out, shared,
};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(async move { connection.await.ok() });
    client
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_typed(sql, &[]).await.unwrap()[0].get(0)
}

#[tokio::test]
async fn two_databases_of_one_server_know_nothing_of_each_other() {
    let Some(server) = shared() else { return };
    let databases = [Owner::Plain, Owner::Postgres].map(|owner| server.create_database(owner).unwrap());
    let (one, other) = (connect(&databases[0].url).await, connect(&databases[1].url).await);
    one.batch_execute("CREATE TABLE here (id bigint)").await.unwrap();
    other.batch_execute("CREATE TABLE here (id text)").await.unwrap();
    assert_eq!(number(&one, "SELECT count(*) FROM here").await, 0);
}

#[tokio::test]
async fn a_copy_has_what_the_original_had() {
    let Some(server) = shared() else { return };
    let original = server.create_database(Owner::Plain).unwrap();
    let client = connect(&original.url).await;
    client.batch_execute("CREATE TABLE here AS SELECT 7::bigint AS id").await.unwrap();
    server.close_database(&original).unwrap();
    assert!(client.batch_execute("SELECT 1").await.is_err());
    assert!(tokio_postgres::connect(&original.url, NoTls).await.is_err());
    for copy in [(); 2].map(|()| server.copy_database(&original).unwrap()) {
        let client = connect(&copy.url).await;
        client.batch_execute("UPDATE here SET id = id + 1").await.unwrap();
        assert_eq!(number(&client, "SELECT id FROM here").await, 8);
    }
}

#[tokio::test]
async fn a_database_is_gone_when_nobody_holds_it() {
    let Some(server) = shared() else { return };
    let database = server.create_database(Owner::Plain).unwrap();
    let (url, client) = (database.url.clone(), connect(&database.url).await);
    drop(database);
    assert!(client.batch_execute("SELECT 1").await.is_err());
    assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
}

#[tokio::test]
async fn a_login_without_its_password_stays_outside() {
    let Some(server) = shared() else { return };
    let url = server.url("postgres", "plain");
    let (password, address) = url.strip_prefix("postgres://plain:").unwrap().split_once('@').unwrap();
    assert!(
        tokio_postgres::connect(&format!("postgres://plain:wrong{password}@{address}"), NoTls).await.is_err()
    );
    assert!(tokio_postgres::connect(&format!("postgres://plain@{address}"), NoTls).await.is_err());
    connect(&url).await;
}

#[tokio::test]
async fn owners_are_no_superusers_and_find_the_roles_of_supabase() {
    let Some(server) = shared() else { return };
    for (owner, bypasses) in [(Owner::Postgres, 1), (Owner::Plain, 0)] {
        let database = server.create_database(owner).unwrap();
        let client = connect(&database.url).await;
        let own = "SELECT rolsuper::int::bigint * 10 + rolbypassrls::int FROM pg_roles WHERE rolname = current_user";
        assert_eq!(number(&client, own).await, bypasses);
        let roles = "SELECT count(*) FROM pg_roles WHERE NOT rolcanlogin
                     AND rolname IN ('anon', 'authenticated', 'service_role')";
        assert_eq!(number(&client, roles).await, 3);
        client.batch_execute("CREATE SCHEMA of_ones_own").await.unwrap();
    }
}

#[tokio::test]
async fn what_was_committed_is_there_after_every_kind_of_end() {
    let Some(server) = or_left_out("a server that goes and comes", PostgresServer::start(Durability::Full))
    else {
        return;
    };
    let database = server.create_database(Owner::Plain).unwrap();
    connect(&database.url).await.batch_execute("CREATE TABLE seen (how text)").await.unwrap();
    for (before, how) in (0..).zip([Shutdown::Fast, Shutdown::Immediate, Shutdown::Kill]) {
        let client = connect(&database.url).await;
        assert_eq!(number(&client, "SELECT count(*) FROM seen").await, before);
        client.batch_execute(&format!("INSERT INTO seen VALUES ('{how:?}')")).await.unwrap();
        server.stop(how).unwrap();
        assert!(tokio_postgres::connect(&database.url, NoTls).await.is_err());
        assert!(client.batch_execute("SELECT 1").await.is_err());
        server.start_again().unwrap();
    }
    assert!(server.start_again().is_err(), "it runs already");
    assert_eq!(number(&connect(&database.url).await, "SELECT count(*) FROM seen").await, 3);
}

/// The processes whose command line names this folder.
fn processes_of(folder: &str) -> Vec<String> {
    let output = Command::new("ps").args(["-eo", "pid,args", "-ww"]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().filter(|line| line.contains(folder)).map(str::to_owned).collect()
}

/// Set for the process that the next test kills.
const WAITING: &str = "TREERING_TEST_WAITING";

/// Prints that its servers run, and waits for its end.
#[expect(clippy::print_stdout, reason = "this is how the one who kills it hears of it")]
fn wait_with_servers() {
    let server = shared().unwrap();
    let _pooler = Pgbouncer::start(server).ok();
    let _clickhouse = ClickHouseServer::start().ok();
    println!("\nservers at {}", server.address());
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn servers_do_not_outlive_a_process_that_is_killed() {
    if std::env::var_os(WAITING).is_some() {
        return wait_with_servers();
    }
    if shared().is_none() {
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    // Whoever the servers run as removes what they leave there.
    std::fs::set_permissions(temporary.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "servers_do_not_outlive_a_process_that_is_killed", "--nocapture"]);
    command.env(WAITING, "").env("TMPDIR", temporary.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().starts_with("servers at ")).unwrap().unwrap();
    let left = || std::fs::read_dir(temporary.path()).unwrap().count();
    let folder = temporary.path().to_str().unwrap();
    assert!(left() > 0 && !processes_of(folder).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    let begun = Instant::now();
    while left() > 0 || !processes_of(folder).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", processes_of(folder));
    }
}
