//! The schema changes while collectors write.

use crate::load::Load;
use crate::place::{folder, server};
use crate::support::{Api, Server, treering};

/// What a version to come may do: a table more, a column more, an index more.
const NEXT: &[&str] = &[
    "ALTER TABLE treering.execution ADD COLUMN of_tomorrow bigint",
    "ALTER TABLE treering.span ADD COLUMN of_tomorrow bytea NOT NULL DEFAULT ''",
    "CREATE INDEX of_tomorrow ON treering.summary (project, written)",
    "INSERT INTO treering.migration (version) SELECT max(version) + 1 FROM treering.migration",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_migrated_while_collectors_write_loses_nothing() {
    let folder = folder();
    let running = Server::start(folder.path(), &[]);
    let (ingest, read) = (running.key("ingest"), running.key("read"));
    let load = Load::start(&running.http, &ingest, 4, 0);
    load.more(50).await;
    for statement in NEXT {
        server().administer(&folder.database.name, &[statement]).unwrap();
        load.more(50).await;
    }
    let ledger = load.end().await;
    ledger.assert_kept(&Api::with(&running, &read)).await;
    // Who is older than the schema does not begin with it.
    assert!(running.terminate().success());
    let started = treering()
        .args(["collect", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .env("TREERING_STORE", &folder.database.url)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(!started.status.success() && said.contains("newer treering"), "{said}");
}
