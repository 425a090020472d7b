//! What lies outside the store finds what was done to the audit log in it.

use std::time::Instant;

use rusqlite::Connection;

use crate::run;
use crate::support::{PATIENCE, Server};

#[test]
fn rows_that_are_cut_from_the_end_of_the_log_are_missed_by_a_checkpoint_elsewhere() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (data, file) = (folder.path(), elsewhere.path().join("checkpoints"));
    let path = file.display().to_string();
    drop(Server::start(data, &[]));
    for number in 0..5 {
        run(&format!("project create project-{number}"), data).well();
    }
    let verify = || run(&format!("audit verify --json --checkpoints {path}"), data);
    // The first look of a server writes one.
    let server = Server::start(data, &["--audit-checkpoints", &path]);
    let end = Instant::now() + PATIENCE;
    while !std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n')) {
        assert!(Instant::now() < end, "a checkpoint is written in time");
        std::thread::yield_now();
    }
    assert!(server.terminate().success());
    let verdict = verify().json();
    assert_eq!(verdict["reason"], serde_json::Value::Null);
    let rows = verdict["checkpoint"]["rows"].as_u64().unwrap();
    assert!(rows >= 7, "{verdict}");
    Connection::open(data.join("treering.db"))
        .unwrap()
        .execute("DELETE FROM audit WHERE id > ?1", [i64::try_from(rows - 2).unwrap()])
        .unwrap();
    assert_eq!(run("audit verify", data).code, 0, "the chain alone is whole");
    let cut = verify();
    assert_eq!(cut.code, 1);
    let verdict: serde_json::Value = serde_json::from_str(&cut.out).unwrap();
    assert_eq!((&verdict["reason"], verdict["broken_row"].as_u64()), (&"cut".into(), Some(rows)));
    // A server that goes on says so, and signs nothing shorter.
    drop(Server::start(data, &["--audit-checkpoints", &path]));
    assert_eq!(verify().code, 1);
}
