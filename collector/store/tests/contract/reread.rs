//! What is kept is read again, by a reader that says something else.

use treering_redact::Record;
use treering_step::{ProcessId, Source, SpanId, Status, Summary};
use treering_store::{Batch, LogEntry, SpanEntry, Touched};

use crate::support::{Store, alone, id, join, log, master, offering, span, trace};

/// What today's reader says: spans are named after their records and offer the key 7; log records name a span by
/// it where they are about costs, and are steps of their own unless they have a span.
fn today(record: &Record) -> Option<Summary> {
    if let Some(span) = record.span() {
        let mut summary = Summary::new(span.span_id?, Source::Span);
        summary.name = Some(span.name.to_owned());
        summary.joins = vec![join(7)];
        return Some(summary);
    }
    let log = record.log()?;
    let text = log.body.as_text()?;
    let mut summary = Summary::new(log.span_id?, Source::Log(record.identity()));
    summary.name = Some(text.to_owned());
    match text {
        "cost" => {
            summary.joins = vec![join(7)];
            summary.span_id = SpanId::from_bytes(&[77; 8])?;
            summary.source = Source::Alone(record.identity());
        }
        "running" => {
            summary.status = Some(Status::Running);
            summary.process = Some(ProcessId([1; 16]));
        }
        "nothing" => return None,
        _ => {}
    }
    Some(summary)
}

/// What an older reader said of all of it.
fn spoiled() -> (Vec<SpanEntry>, Vec<LogEntry>) {
    let mut announcing = offering(span(2, 4, "search", 5), &[9]);
    announcing.summary.span_id = id(6);
    announcing.summary.source = Source::Log([4; 16]);
    let spans = vec![offering(span(1, 2, "chat", 5), &[8, 9]), announcing];
    let logs = vec![
        alone(3, Some(9), "cost"),
        alone(3, Some(8), "left alone"),
        log(1, 2, "running"),
        log(1, 2, "nothing"),
    ];
    (spans, logs)
}

fn fresh() -> (Vec<SpanEntry>, Vec<LogEntry>) {
    let (mut spans, mut logs) = spoiled();
    spans.iter_mut().for_each(|span| span.summary = today(&span.record).unwrap());
    logs.retain_mut(|log| today(&log.record).map(|summary| log.summary = summary).is_some());
    (spans, logs)
}

async fn reread_all(store: &Store) -> (usize, usize) {
    let (writer, mut at, mut sums) = (&store.handles.writer, None, (0, 0));
    while let Some(of) = writer.next_execution(at).await.unwrap() {
        let reread = writer.reread(of, today).await.unwrap();
        sums = (sums.0 + reread.records, sums.1 + reread.changed);
        store.compute(reread.touched).await;
        at = Some(of);
    }
    sums
}

async fn shown(store: &Store) -> Vec<String> {
    let mut shown = Vec::new();
    for number in 1..=3 {
        let mut summaries = store.summaries(number).await;
        summaries.sort_by_key(|summary| (summary.span_id, summary.source));
        let steps = summaries.iter().map(|summary| summary.span_id).collect();
        let records = store.handles.reader.steps(store.scope(), trace(number), steps).await.unwrap();
        let records: Vec<_> = records.iter().map(|step| (step.span_id, step.logs.len())).collect();
        shown.push(format!("{summaries:?} {records:?} {:?}", store.execution(number).await));
    }
    shown
}

#[tokio::test]
async fn summaries_read_again_are_those_of_records_that_come_today() {
    let (spoiled_store, fresh_store) = (Store::new().await, Store::new().await);
    let (spans, logs) = spoiled();
    let nothing = log(1, 2, "nothing");
    spoiled_store.deliver(spoiled_store.batch(spans, logs)).await;
    let (spans, logs) = fresh();
    fresh_store.deliver(fresh_store.batch(spans, logs)).await;
    assert_eq!(reread_all(&spoiled_store).await.0, 6);
    assert_eq!(spoiled_store.handles.writer.stale().await.unwrap(), []);
    // A record of which nothing is said is kept, where it came.
    let steps =
        spoiled_store.handles.reader.steps(spoiled_store.scope(), trace(1), vec![id(2)]).await.unwrap();
    assert!(steps[0].logs.contains(&nothing.record));
    let shown_fresh = shown(&fresh_store).await;
    let shown_spoiled = shown(&spoiled_store).await;
    assert_eq!(shown_spoiled[1..], shown_fresh[1..]);
    assert_eq!(spoiled_store.summaries(1).await.len(), fresh_store.summaries(1).await.len());
    assert_eq!(spoiled_store.execution(1).await, fresh_store.execution(1).await);
    assert_eq!(fresh_store.steps(1).await[0].1.len(), 3, "the span, its running step and the cost");
}

#[tokio::test]
async fn nothing_changes_the_second_time() {
    let store = Store::new().await;
    let (spans, logs) = spoiled();
    store.deliver(store.batch(spans, logs)).await;
    assert_ne!(reread_all(&store).await.1, 0);
    let before = shown(&store).await;
    assert_eq!(reread_all(&store).await, (6, 0));
    assert_eq!(shown(&store).await, before);
}

#[tokio::test]
async fn what_a_fresh_reader_said_stays() {
    let store = Store::new().await;
    let (spans, logs) = fresh();
    store.deliver(store.batch(spans, logs)).await;
    assert_eq!(reread_all(&store).await, (5, 0));
}

#[tokio::test]
async fn what_comes_in_meanwhile_is_not_lost() {
    let store = Store::new().await;
    let (spans, logs) = spoiled();
    store.deliver(store.batch(spans, logs)).await;
    let reading = store.touched(&[1]);
    let other = treering_store::open(&store.url, master()).await.unwrap().writer;
    let coming = async {
        for number in 10..60 {
            let batch = store.batch(vec![span(1, number, "chat", 5)], vec![]);
            store.deliver(batch).await;
        }
    };
    let rereading = async {
        for _ in 0..20 {
            let reread = other.reread(reading[0], today).await.unwrap();
            store.compute(reread.touched).await;
        }
    };
    tokio::join!(coming, rereading);
    reread_all(&store).await;
    assert_eq!(store.summaries(1).await.iter().filter(|told| told.source == Source::Span).count(), 51);
    let told = store.summaries(1).await;
    let spans = told.iter().filter(|told| told.source == Source::Span);
    assert!(spans.into_iter().all(|told| told.joins == [join(7)]));
    assert_eq!(store.execution(1).await.unwrap().steps, 51);
}

#[tokio::test]
async fn executions_follow_one_another_and_each_comes_once() {
    let store = Store::new().await;
    let other = store.handles.keeper.ensure_project("other").await.unwrap();
    store.append(vec![span(5, 1, "a", 5), span(5, 2, "b", 5), span(2, 1, "c", 5)], vec![]).await;
    store.append(vec![], vec![alone(3, None, "log"), alone(5, None, "log")]).await;
    let theirs = store.batch(vec![span(2, 1, "theirs", 5)], vec![]);
    store.append_batch(Batch { project: other.id, ..theirs }).await;
    let (mut at, mut found) = (None, Vec::new());
    while let Some(next) = store.handles.writer.next_execution(at).await.unwrap() {
        found.push(next);
        at = Some(next);
    }
    let mut expected = store.touched(&[2, 3, 5]);
    expected.push(Touched { project: other.id, trace_id: trace(2) });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_interrupted_reader_goes_on_where_it_was_and_another_one_begins() {
    let store = Store::new().await;
    let (writer, at) = (&store.handles.writer, store.touched(&[4])[0]);
    writer.set_reread_until("0.1".into(), Some(at)).await.unwrap();
    assert_eq!(writer.reread_until("0.1".into()).await.unwrap(), Some(at));
    assert_eq!(writer.reread_until("0.2".into()).await.unwrap(), None);
    writer.set_reread_until("0.1".into(), None).await.unwrap();
    assert_eq!(writer.reread_until("0.1".into()).await.unwrap(), None);
}

#[tokio::test]
async fn a_reader_that_panics_leaves_everything_as_it_was() {
    let store = Store::new().await;
    store.deliver(store.batch(vec![span(1, 2, "chat", 5)], vec![])).await;
    let before = store.summaries(1).await;
    let of = store.touched(&[1])[0];
    assert!(store.handles.writer.reread(of, |_| panic!("a defect of the reader")).await.is_err());
    assert_eq!(store.summaries(1).await, before);
    store.deliver(store.batch(vec![span(1, 3, "chat", 5)], vec![])).await;
    assert_eq!(store.execution(1).await.unwrap().steps, 2);
}
