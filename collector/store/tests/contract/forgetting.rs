//! Content and steps go with their days, and nobody can bring them back.

use rusqlite::Connection;
use treering_store::{Batch, Error, Forgotten, Scope, SpanEntry, StoreUrl, Touched};

use crate::backend::left_out;
use crate::content::{history, telling};
use crate::support::{Store, alone, id, join, log, master, offering, span, trace};

const DAY: u32 = 20_000;

async fn put(store: &Store, day: u32, spans: Vec<SpanEntry>) {
    store.deliver(Batch { day, ..store.batch(spans, vec![]) }).await;
}

async fn records(store: &Store, trace_number: u8) -> usize {
    store.handles.reader.records(store.scope(), trace(trace_number)).await.unwrap().len()
}

/// A copy of the database, opened with the keys of today.
struct Copy {
    store: treering_store::ReadHandles,
    _folder: tempfile::TempDir,
}

/// The files of the database as they are now.
fn snapshot(store: &Store) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.db");
    let connection = Connection::open(store.folder.path().join("store.db")).unwrap();
    connection.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
    std::fs::read(path).unwrap()
}

impl Copy {
    async fn of(snapshot: &[u8], store: &Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        std::fs::write(&path, snapshot).unwrap();
        std::fs::copy(store.folder.path().join("store.keys"), folder.path().join("store.keys")).unwrap();
        let url: StoreUrl = format!("sqlite:{}", path.display()).parse().unwrap();
        let store = treering_store::open_read_only(&url, master()).await.unwrap();
        Self { store, _folder: folder }
    }

    async fn records(&self, scope: Scope, trace_number: u8) -> usize {
        self.store.reader.records(scope, trace(trace_number)).await.unwrap().len()
    }
}

async fn blocks(store: &Store, day: u32) -> i64 {
    let [blocks, pieces] =
        ["block", "piece"].map(|table| format!("SELECT count(*) FROM {table} WHERE day = {day}"));
    store.number(&blocks).await
        + store.number(&pieces).await
        + store.number("SELECT count(*) FROM rewriting").await
}

#[tokio::test]
async fn content_goes_with_its_day_and_steps_stay() {
    if left_out("content_goes_with_its_day_and_steps_stay") {
        return;
    }
    let store = Store::new().await;
    put(&store, DAY, vec![telling(1, 1, &history(60)), telling(1, 2, "a secret")]).await;
    put(&store, DAY + 1, vec![telling(1, 3, &history(60)), telling(2, 1, "kept")]).await;
    let before = snapshot(&store);
    let summaries = store.summaries(1).await;
    let told = store.handles.writer.forget_days(store.project.id, Some(DAY + 1), None, true).await.unwrap();
    assert_eq!((told.records, told.executions), (2, 0));
    assert_eq!(records(&store, 1).await, 3, "nothing was done yet");
    let done = store.handles.writer.forget_days(store.project.id, Some(DAY + 1), None, false).await.unwrap();
    assert_eq!(done, told);
    assert_eq!((records(&store, 1).await, records(&store, 2).await), (1, 1));
    assert_eq!(store.summaries(1).await, summaries);
    assert!(store.execution(1).await.is_some());
    assert_eq!(blocks(&store, DAY).await, 0);
    let copy = Copy::of(&before, &store).await;
    assert_eq!((copy.records(store.scope(), 1).await, copy.records(store.scope(), 2).await), (1, 1));
    let again = store.handles.writer.forget_days(store.project.id, Some(DAY + 1), None, false).await.unwrap();
    assert_eq!(again, Forgotten::default());
}

#[tokio::test]
async fn content_that_expired_does_not_come_back() {
    let store = Store::new().await;
    let late = || store.batch(vec![telling(1, 1, "told")], vec![log(1, 1, "said")]);
    store.deliver(late()).await;
    store.handles.writer.forget_days(store.project.id, Some(DAY + 1), None, false).await.unwrap();
    store.deliver(Batch { day: DAY + 5, ..late() }).await;
    let newer = Batch { day: DAY + 5, ..store.batch(vec![span(1, 1, "a newer snapshot", 99)], vec![]) };
    store.deliver(newer).await;
    assert_eq!(records(&store, 1).await, 0);
    assert_eq!(store.summaries(1).await.len(), 2);
}

#[tokio::test]
async fn what_was_said_of_expired_records_stays_when_the_rest_is_read_again() {
    let store = Store::new().await;
    let early = Batch { day: DAY - 1, ..store.batch(vec![span(1, 1, "early", 5)], vec![log(1, 2, "early")]) };
    store.deliver(early).await;
    put(&store, DAY, vec![span(1, 2, "late", 5)]).await;
    store.handles.writer.forget_days(store.project.id, Some(DAY), None, false).await.unwrap();
    let before = store.summaries(1).await;
    let of = Touched { project: store.project.id, trace_id: trace(1) };
    let reread = store.handles.writer.reread(of, |_| None).await.unwrap();
    assert_eq!((reread.records, reread.changed), (1, 1));
    let after = store.summaries(1).await;
    let stay = before.into_iter().filter(|summary| summary.name.as_deref() != Some("late"));
    assert_eq!(after, stay.collect::<Vec<_>>());
}

#[tokio::test]
async fn executions_go_when_their_last_record_is_old() {
    let store = Store::new().await;
    put(&store, DAY, vec![span(1, 1, "over", 5), offering(span(2, 1, "goes on", 5), &[7])]).await;
    put(&store, DAY + 3, vec![span(2, 2, "goes on", 9)]).await;
    let elsewhere = Batch { day: DAY, ..store.batch(vec![], vec![alone(3, Some(7), "cost")]) };
    store.deliver(elsewhere).await;
    assert_eq!(store.summaries(2).await.len(), 3);
    let forget = |dry_run| store.handles.writer.forget_days(store.project.id, None, Some(DAY + 1), dry_run);
    let told = forget(true).await.unwrap();
    let done = forget(false).await.unwrap();
    assert_eq!((done.executions, done.records), (2, 3));
    assert_eq!(done, told);
    assert_eq!((store.execution(1).await, store.summaries(1).await), (None, vec![]));
    let stale = store.handles.writer.stale().await.unwrap();
    assert_eq!(stale, store.touched(&[2]), "it lost a log record that came elsewhere");
    assert_eq!(store.summaries(2).await.len(), 2);
    assert_eq!(records(&store, 2).await, 1, "content goes with its day");
    let joins: Vec<_> = store.summaries(2).await.iter().flat_map(|told| told.joins.clone()).collect();
    assert_eq!(joins, [join(7)]);
}

#[tokio::test]
async fn what_named_several_executions_that_go_at_once_belongs_to_the_next() {
    let store = Store::new().await;
    let old = vec![offering(span(1, 1, "first", 5), &[7]), offering(span(2, 1, "second", 5), &[7, 8])];
    put(&store, DAY, old).await;
    put(&store, DAY + 1, vec![offering(span(4, 1, "third", 5), &[7])]).await;
    let naming = vec![alone(3, Some(7), "cost"), alone(5, Some(8), "alone then")];
    store.deliver(Batch { day: DAY + 1, ..store.batch(vec![], naming) }).await;
    assert_eq!((store.summaries(1).await.len(), store.summaries(2).await.len()), (2, 2));
    let done = store.handles.writer.forget_days(store.project.id, None, Some(DAY + 1), false).await.unwrap();
    assert_eq!((done.executions, done.records), (2, 2));
    assert_eq!(store.number("SELECT count(*) FROM span_join").await, 1);
    let mut stale = store.handles.writer.stale().await.unwrap();
    stale.sort_unstable();
    assert_eq!(stale, store.touched(&[3, 4, 5]), "who takes one now, and where they came in");
    assert_eq!((store.summaries(4).await.len(), store.summaries(5).await.len()), (2, 1));
}

/// Deletes the rows of a span, as erasing does.
async fn erase(store: &Store, trace_number: u8) {
    let trace = store.blob(trace(trace_number).as_bytes());
    for table in ["span", "log", "summary", "execution"] {
        store.change(&format!("DELETE FROM {table} WHERE trace_id = {trace}")).await;
    }
}

#[tokio::test]
async fn a_day_that_is_rewritten_reads_as_before_and_its_copies_do_not_open() {
    if left_out("a_day_that_is_rewritten_reads_as_before_and_its_copies_do_not_open") {
        return;
    }
    let store = Store::new().await;
    for number in 1..60 {
        put(&store, DAY, vec![telling(number % 3 + 1, number, &history(u32::from(number)))]).await;
    }
    store.deliver(store.batch(vec![], vec![log(1, 1, &history(40))])).await;
    put(&store, DAY + 1, vec![telling(1, 100, &history(30))]).await;
    let before = snapshot(&store);
    let read = |number| store.handles.reader.records(store.scope(), trace(number));
    let (one, two) = (read(1).await.unwrap(), read(2).await.unwrap());
    erase(&store, 3).await;
    store.handles.vault.retire(store.project.id, DAY).unwrap();
    put(&store, DAY, vec![telling(4, 1, &history(50))]).await;
    assert_eq!(store.handles.writer.rewrite_day(store.project.id, DAY).await.unwrap(), 0);
    assert_eq!((read(1).await.unwrap(), read(2).await.unwrap()), (one, two));
    assert_eq!(records(&store, 4).await, 1);
    let copy = Copy::of(&before, &store).await;
    assert_eq!(copy.records(store.scope(), 1).await, 1, "that of the other day alone");
    assert_eq!(copy.records(store.scope(), 3).await, 0);
    // What comes now leans on the new blocks.
    put(&store, DAY, vec![telling(1, 101, &history(59))]).await;
    assert_eq!(records(&store, 1).await, 22);
}

#[tokio::test]
async fn what_comes_in_while_a_day_is_rewritten_stays_readable() {
    let store = Store::new().await;
    for number in 1..40 {
        put(&store, DAY, vec![telling(1, number, &history(u32::from(number)))]).await;
    }
    let (one, other) = (store.handles.writer.clone(), store.handles.writer.clone());
    let project = store.project.id;
    store.handles.vault.retire(project, DAY).unwrap();
    let coming = async {
        for number in 40..80 {
            put(&store, DAY, vec![telling(1, number, &history(u32::from(number) % 40))]).await;
        }
    };
    let rewritten = tokio::join!(coming, one.rewrite_day(project, DAY), other.rewrite_day(project, DAY));
    assert_eq!((rewritten.1.unwrap(), rewritten.2.unwrap()), (0, 0));
    assert_eq!(records(&store, 1).await, 79);
    store.handles.writer.rewrite_day(project, DAY).await.unwrap();
    assert_eq!(records(&store, 1).await, 79);
}

#[tokio::test]
async fn a_rewriting_that_was_interrupted_is_made_up_for() {
    let store = Store::new().await;
    put(&store, DAY, vec![telling(1, 1, &history(60))]).await;
    let first = store.number("SELECT max(id) + 1 FROM block").await;
    store.change(&format!("INSERT INTO rewriting (project, day, first) VALUES (1, {DAY}, {first})")).await;
    // In the middle of it, nothing leans on what is about to go.
    put(&store, DAY, vec![telling(1, 2, &history(61))]).await;
    assert_eq!(records(&store, 1).await, 2);
    assert_eq!(store.handles.writer.rewrite_day(store.project.id, DAY).await.unwrap(), 0);
    assert_eq!(records(&store, 1).await, 2);
}

#[tokio::test]
async fn a_record_that_is_damaged_does_not_keep_a_day_from_being_rewritten() {
    let store = Store::new().await;
    put(&store, DAY, vec![telling(1, 1, "whole"), telling(1, 2, "damaged")]).await;
    let damaged = store.blob(id(2).as_bytes());
    store.change(&format!("UPDATE span SET length = length - 1 WHERE span_id = {damaged}")).await;
    let read = store.handles.reader.records(store.scope(), trace(1)).await;
    assert!(matches!(read, Err(Error::Damaged(_))));
    assert_eq!(store.handles.writer.rewrite_day(store.project.id, DAY).await.unwrap(), 1);
    assert_eq!(records(&store, 1).await, 1);
}

#[tokio::test]
async fn nothing_that_was_forgotten_stands_in_any_file() {
    let store = Store::new().await;
    let named = |number| {
        let mut entry = span(1, number, "xylophonist", 5);
        entry.summary.session_id = Some("xylophonist".into());
        entry
    };
    put(&store, DAY, (1..200).map(named).collect()).await;
    store.handles.writer.forget_days(store.project.id, None, Some(DAY + 1), false).await.unwrap();
    for (part, bytes) in store.kept().await {
        assert!(memchr::memmem::find(&bytes, b"xylophonist").is_none(), "{part}");
    }
}
