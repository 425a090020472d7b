//! A store that an older treering wrote is opened, brought up to date, and goes on. Of SQLite alone.

use rusqlite::{Connection, params};
use serde_json::json;
use treering_otlp::Signal;
use treering_redact::Record;
use treering_step::{Source, SpanId, TraceId};
use treering_store::{Batch, Error, LogEntry, Scope, SpanEntry};

use crate::backend::left_out;
use crate::support::{Store, alone, files, id, join, keys, log, master, offering, record, span, trace, url};

/// The schemas that stores were written with, each brought further by the next.
const SCHEMAS: [&str; 5] = [
    include_str!("../../src/sqlite/0001_first.sql"),
    include_str!("../../src/sqlite/0002_joins_and_processes.sql"),
    include_str!("../../src/sqlite/0003_control.sql"),
    include_str!("../../src/sqlite/0004_search.sql"),
    include_str!("../../src/sqlite/0005_erasure.sql"),
];

/// A store of an older schema, with a span and an execution of project 1.
fn old(path: &std::path::Path, schema: usize) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    SCHEMAS[..schema].iter().for_each(|sql| connection.execute_batch(sql).unwrap());
    connection.pragma_update(None, "user_version", i64::try_from(schema).unwrap()).unwrap();
    connection.execute("INSERT INTO project (id, name, created_at) VALUES (1, 'default', 1)", []).unwrap();
    let trace_id = trace(1).as_bytes().to_vec();
    put_span(&connection, &span(1, 2, "chat", 5));
    put_summary(&connection, trace(1), id(2).as_bytes(), &[]);
    connection.execute("UPDATE summary SET status = 'running', name = 'chat'", []).unwrap();
    connection
        .execute(
            "INSERT INTO execution VALUES (1, ?1, 7, 5, 'run', 'agent', NULL, 'ok', 5, 1, 1, 0, 0, 0, 0, 0, 0, 0,
                NULL, '[]', NULL, NULL)",
            params![trace_id],
        )
        .unwrap();
    connection.execute("INSERT INTO version VALUES (0, 7)", []).unwrap();
    connection
}

fn put_piece(connection: &Connection, record: &Record) {
    let context = record.context();
    let sql = "INSERT INTO piece VALUES (1, 20000, ?1, ?2) ON CONFLICT DO NOTHING";
    connection.execute(sql, params![context.hash(), &context[..]]).unwrap();
}

fn put_span(connection: &Connection, entry: &SpanEntry) {
    let record = &entry.record;
    put_piece(connection, record);
    let ids = (entry.trace_id.as_bytes(), entry.span_id.as_bytes());
    connection
        .execute(
            "INSERT INTO span VALUES (1, ?1, ?2, 20000, 5000000000, ?3, ?4, ?5, NULL)",
            params![ids.0, ids.1, record.hash(), record.context().hash(), record.body()],
        )
        .unwrap();
}

fn put_log(connection: &Connection, trace_id: TraceId, step: &[u8], record: &Record) {
    put_piece(connection, record);
    connection
        .execute(
            "INSERT INTO log VALUES (1, ?1, ?2, 0, ?3, 1000000000, 20000, ?4, ?5)",
            params![trace_id.as_bytes(), record.hash(), step, record.context().hash(), record.body()],
        )
        .unwrap();
}

fn put_summary(connection: &Connection, trace_id: TraceId, step: &[u8], source: &[u8]) {
    connection
        .execute(
            "INSERT INTO summary (project, trace_id, span_id, source, written, remote_parent)
             VALUES (1, ?1, ?2, ?3, 7, 0)",
            params![trace_id.as_bytes(), step, source],
        )
        .unwrap();
}

/// Opens a store that is in this folder.
async fn open(folder: tempfile::TempDir) -> Store {
    std::fs::write(folder.path().join("store.keys"), keys()).unwrap();
    Store::open(folder, None).await
}

#[tokio::test]
async fn a_store_of_the_first_schema_opens_and_goes_on() {
    if left_out("a_store_of_the_first_schema_opens_and_goes_on") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    old(&folder.path().join("store.db"), 1);
    let early = treering_store::open_read_only(&url(&folder), master()).await;
    assert!(matches!(early, Err(Error::Older { found: 1, .. })), "a reader does not change what it reads");
    let store = open(folder).await;
    assert_eq!(store.steps(1).await, [(id(2), vec!["Some(Running)".into()])]);
    assert_eq!(store.execution(1).await.unwrap().name, "run");
    assert_eq!(store.handles.reader.newest(Scope::of(store.project.id), 9).await.unwrap().len(), 1);
    assert_eq!(store.handles.reader.search_lag(store.scope()).await.unwrap().waiting, 1);
    store.index().await;
    assert_eq!(store.search("chat").await, ["run"]);

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

#[tokio::test]
async fn what_was_kept_in_the_clear_is_sealed_and_moved() {
    if left_out("what_was_kept_in_the_clear_is_sealed_and_moved") {
        return;
    }
    for schema in [1, 2, 5] {
        let folder = tempfile::tempdir().unwrap();
        let connection = old(&folder.path().join("store.db"), schema);
        let planted: String = (0..2_000).map(|number| format!("planted{number} ")).collect();
        let (large, small) = (span(1, 3, &planted, 5), log(1, 2, "planted too"));
        put_span(&connection, &large);
        put_log(&connection, trace(1), id(2).as_bytes(), &small.record);
        // Nobody closed it well: some of it is in the write-ahead log alone.
        std::mem::forget(connection);
        let store = open(folder).await;
        let records = store.handles.reader.records(store.scope(), trace(1)).await.unwrap();
        assert_eq!(records.len(), 3);
        assert!(records.contains(&large.record) && records.contains(&small.record));
        assert_eq!(store.execution(1).await.unwrap().name, "run");
        for (file, bytes) in files(store.folder.path()) {
            assert!(memchr::memmem::find(&bytes, b"planted").is_none(), "{file} of schema {schema}");
            let hash = small.record.hash();
            assert!(memchr::memmem::find(&bytes, &hash).is_none(), "an unkeyed hash in {file}");
        }
    }
}

#[tokio::test]
async fn log_records_of_before_are_known_when_they_are_sent_again() {
    if left_out("log_records_of_before_are_known_when_they_are_sent_again") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let connection = old(&folder.path().join("store.db"), 5);
    let of_span = log(1, 2, "of a span");
    put_log(&connection, trace(1), id(2).as_bytes(), &of_span.record);
    put_summary(&connection, trace(1), id(2).as_bytes(), &of_span.record.hash());
    // A log record without a span, and without a trace: its session has one that was made from its name.
    let json =
        json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "alone"}}]}]}]});
    let alone = record(Signal::Logs, &json);
    let (hash, session) = (alone.hash(), TraceId::from_bytes(&[9; 16]).unwrap());
    put_log(&connection, session, &hash[..8], &alone);
    put_summary(&connection, session, &hash[..8], &[&[1], &hash[..]].concat());
    drop(connection);
    let store = open(folder).await;
    let key = store.handles.vault.hash_key(store.project.id).unwrap();
    let session = TraceId::from_bytes(&treering_store::keyed(&key, [9; 16])).unwrap();
    let name = alone.identity();
    let mut again = LogEntry { trace_id: session, record: alone, ..log(1, 2, "again") };
    again.summary.span_id = SpanId::from_bytes(&name[..8]).unwrap();
    again.summary.source = Source::Alone(name);
    store.append(vec![], vec![of_span]).await;
    let before = store.handles.reader.summaries(store.scope(), session).await.unwrap();
    assert_eq!((before[0].span_id, before[0].source), (again.summary.span_id, again.summary.source));
    store.append_batch(Batch { logs: vec![again], ..store.batch(vec![], vec![]) }).await;
    for trace_id in [trace(1), session] {
        let logs = store.handles.reader.records(store.scope(), trace_id).await.unwrap();
        assert_eq!(logs.iter().filter(|record| record.log().is_some()).count(), 1);
        let summaries = store.handles.reader.summaries(store.scope(), trace_id).await.unwrap();
        assert_eq!(summaries.iter().filter(|summary| summary.source != Source::Span).count(), 1);
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_old_store() {
    if left_out("a_migration_that_fails_leaves_the_old_store") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let connection = old(&path, 5);
    connection.execute("DELETE FROM piece", []).unwrap();
    drop(connection);
    assert!(matches!(treering_store::open(&url(&folder), master()).await, Err(Error::Damaged(_))));
    let connection = Connection::open(&path).unwrap();
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let bodies: i64 = connection.query_row("SELECT count(body) FROM span", [], |row| row.get(0)).unwrap();
    assert_eq!((version, bodies), (5, 1));
}
