//! A store that an older treering wrote is opened, brought up to date, and goes on. Of SQLite alone.

use rusqlite::{Connection, params};
use treering_step::Source;
use treering_store::{Error, Scope, StoreUrl};

use crate::support::{Store, alone, id, join, master, offering, span, trace};

const FIRST: &str = include_str!("../../src/sqlite/0001_first.sql");

/// A store of the first schema, with a span and an execution of project 1.
fn first(path: &std::path::Path) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(FIRST).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let entry = span(1, 2, "chat", 5);
    let (trace_id, span_id) = (trace(1).as_bytes().to_vec(), id(2).as_bytes().to_vec());
    let context = entry.record.context();
    connection.execute("INSERT INTO project VALUES (1, 'default', 1)", []).unwrap();
    connection
        .execute("INSERT INTO piece VALUES (1, 20000, ?1, ?2)", params![context.hash(), &context[..]])
        .unwrap();
    connection
        .execute(
            "INSERT INTO span VALUES (1, ?1, ?2, 20000, 5000000000, ?3, ?4, ?5, NULL)",
            params![trace_id, span_id, entry.record.identity(), context.hash(), entry.record.body()],
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO summary (project, trace_id, span_id, source, written, remote_parent, name, status)
             VALUES (1, ?1, ?2, x'', 7, 0, 'chat', 'running')",
            params![trace_id, span_id],
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO execution VALUES (1, ?1, 7, 5, 'run', 'agent', NULL, 'ok', 5, 1, 1, 0, 0, 0, 0, 0, 0, 0,
                NULL, '[]', NULL, NULL)",
            params![trace_id],
        )
        .unwrap();
    connection.execute("INSERT INTO version VALUES (0, 7)", []).unwrap();
}

#[tokio::test]
async fn a_store_of_the_first_schema_opens_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let url: StoreUrl = format!("sqlite:{}", path.display()).parse().unwrap();
    first(&path);
    let early = treering_store::open_read_only(&url, master()).await;
    assert!(matches!(early, Err(Error::Older { found: 1, .. })), "a reader does not change what it reads");
    let handles = treering_store::open(&url, master()).await.unwrap();
    let project = handles.keeper.ensure_project("default").await.unwrap();
    let store = Store { handles, project, url, folder };
    assert_eq!(store.steps(1).await, [(id(2), vec!["Some(Running)".into()])]);
    assert_eq!(store.execution(1).await.unwrap().name, "run");
    assert_eq!(store.handles.reader.newest(Scope::of(store.project.id), 9).await.unwrap().len(), 1);

    store.deliver(store.batch(vec![], vec![alone(3, Some(7), "cost")])).await;
    let reread = |record: &treering_redact::Record| {
        let mut summary = treering_step::Summary::new(record.span()?.span_id?, Source::Span);
        summary.name = Some("chat".into());
        summary.joins = vec![join(7)];
        Some(summary)
    };
    let reread = store.handles.writer.reread(store.touched(&[1])[0], reread).await.unwrap();
    assert_eq!((reread.records, reread.changed), (1, 1));
    assert_eq!(reread.touched, store.touched(&[1, 3]));
    assert_eq!(store.steps(1).await, [(id(2), vec!["chat".into(), "cost".into()])]);
    store.deliver(store.batch(vec![offering(span(1, 2, "chat, newer", 9), &[])], vec![])).await;
    assert_eq!(store.steps(1).await, [(id(2), vec!["chat, newer".into()])]);
}
