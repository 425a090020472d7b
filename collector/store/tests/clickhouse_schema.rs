//! The tables of a ClickHouse, as the files for its operators have them, and what the engine says to each statement.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

use std::path::PathBuf;

use treering_store::clickhouse_definition;
use treering_test_servers::shared_clickhouse;

const SINGLE: &str = "-- Treering's tables on one ClickHouse. The first start runs the same statements; where some are there, it goes on.
--
--     clickhouse-client --query 'CREATE DATABASE treering'
--     clickhouse-client --database treering --queries-file single.sql
";

const CLUSTER: &str = "-- Treering's tables on the servers of a cluster called `treering`; put the name of yours in its place. `--cluster NAME` makes
-- the first start run the same statements; where some are there, it goes on. Run it once more after a server was added.
--
--     clickhouse-client --query 'CREATE DATABASE treering ON CLUSTER treering'
--     clickhouse-client --database treering --queries-file cluster.sql
";

fn deployed(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/clickhouse").join(name)
}

fn file_of(head: &str, cluster: Option<&str>) -> String {
    let statements = clickhouse_definition(cluster).into_iter().map(|statement| format!("\n{statement};\n"));
    std::iter::once(head.to_owned()).chain(statements).collect()
}

/// The statements of a file, without its comments.
fn statements(file: &str) -> Vec<String> {
    let file = std::fs::read_to_string(deployed(file)).unwrap();
    let lines: Vec<_> = file.lines().filter(|line| !line.starts_with("--")).collect();
    let all = lines.join("\n");
    all.split(";\n")
        .map(|one| one.trim().trim_end_matches(';').to_owned())
        .filter(|one| !one.is_empty())
        .collect()
}

#[test]
fn the_files_for_operators_are_what_the_first_start_runs() {
    for (name, file) in
        [("single.sql", file_of(SINGLE, None)), ("cluster.sql", file_of(CLUSTER, Some("treering")))]
    {
        let path = deployed(name);
        if std::env::var_os("TREERING_WRITE_FILES").is_some() {
            std::fs::write(&path, &file).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap();
        assert!(found == file, "{name} is an older one; TREERING_WRITE_FILES=1 writes it anew");
    }
}

#[test]
fn whatever_a_cluster_is_called_its_name_stays_a_name() {
    for statement in clickhouse_definition(Some("main-1")) {
        let rest = statement.replace("`main-1`", "").replace("'main-1'", "");
        assert!(!rest.contains("main-1"), "{statement}");
    }
}

#[test]
fn the_engine_understands_every_statement_for_a_cluster_and_for_logins() {
    let Some(server) = shared_clickhouse() else { return };
    let all = [
        clickhouse_definition(Some("main-1")),
        statements("cluster.sql"),
        statements("users.sql"),
        IN_PLACE.map(str::to_owned).to_vec(),
    ]
    .concat();
    for statement in all {
        let told = server.query("default", &format!("EXPLAIN AST {statement}")).unwrap();
        assert!(told.contains("Query"), "{statement}: {told}");
    }
}

/// As the store words what it takes away.
const IN_PLACE: [&str; 2] = [
    r"DELETE FROM `my-steps`.span_shard ON CLUSTER `main-1` WHERE ((project, trace_id) IN ((1, '\x27'))) AND stamp < 5",
    "ALTER TABLE `my-steps`.span_shard ON CLUSTER `main-1` APPLY DELETED MASK",
];

#[test]
fn tables_that_are_there_are_left_as_they_are() {
    let Some(server) = shared_clickhouse() else { return };
    let database = server.create_database().unwrap();
    for _ in 0..2 {
        for statement in statements("single.sql") {
            server.query(&database.name, &statement).unwrap();
        }
    }
    let made =
        server.query(&database.name, "SELECT count() FROM system.tables WHERE database = currentDatabase()");
    assert_eq!(made.unwrap().trim(), "9");
    let version =
        server.query(&database.name, "SELECT version, count() FROM treering_schema FINAL GROUP BY version");
    assert_eq!(version.unwrap().trim(), "1\t1");
}

/// What nobody can run on one engine is the same as what runs here, but for who keeps the copies and who names the shards.
#[test]
fn a_shard_has_the_columns_and_the_order_of_a_single_server() {
    let (single, cluster) = (clickhouse_definition(None), clickhouse_definition(Some("main")));
    let tables = single.len() - 2;
    assert_eq!(cluster.len(), 2 * tables + 2);
    for (one, shard) in single.iter().zip(cluster.iter().step_by(2)).take(tables) {
        let (columns, rest) = one.split_once("\nENGINE = ").unwrap();
        let (shard_columns, shard_rest) = shard.split_once("\nENGINE = ").unwrap();
        assert_eq!(columns.split_once('\n').unwrap().1, shard_columns.split_once('\n').unwrap().1);
        let order = |rest: &str| rest.split_once('\n').unwrap().1.replace("non_replicated", "replicated");
        assert_eq!(order(rest), order(shard_rest));
    }
}
