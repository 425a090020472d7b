use treering_step::{JoinKey, ProcessId, Source, Status};
use treering_store::{Batch, Touched};

use crate::support::{Store, id, log, span, trace};

#[tokio::test]
async fn a_span_comes_back_as_it_went_in() {
    let store = Store::new().await;
    let entry = span(1, 2, "chat", 5);
    let expected = entry.record.clone();
    let touched = store.append(vec![entry], vec![log(1, 2, "hello")]).await;
    assert_eq!(touched, [Touched { project: store.project.id, trace_id: trace(1) }]);
    let steps = store.handles.reader.steps(store.scope(), trace(1), vec![id(2), id(9)]).await.unwrap();
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].span.as_ref(), Some(&expected));
    assert_eq!(steps[0].logs[0].log().unwrap().body.as_text(), Some("hello"));
    assert_eq!(store.handles.reader.records(store.scope(), trace(1)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_summary_comes_back_as_it_went_in() {
    let store = Store::new().await;
    let mut entry = span(1, 2, "chat", 5);
    entry.summary.parent_span_id = Some(id(7));
    entry.summary.tokens.input = Some(12);
    entry.summary.cost_usd = Some(0.5);
    entry.summary.status = Some(Status::Error);
    entry.summary.joins = vec![JoinKey([9; 16]), JoinKey([3; 16])];
    entry.summary.process = Some(ProcessId([5; 16]));
    let expected = entry.summary.clone();
    store.append(vec![entry], vec![]).await;
    assert_eq!(store.handles.reader.summaries(store.scope(), trace(1)).await.unwrap(), [expected]);
}

#[tokio::test]
async fn what_is_sent_twice_is_there_once() {
    let store = Store::new().await;
    for _ in 0..2 {
        store.append(vec![span(1, 2, "chat", 5)], vec![log(1, 2, "hello")]).await;
    }
    assert_eq!(store.handles.reader.records(store.scope(), trace(1)).await.unwrap().len(), 2);
    assert_eq!(store.handles.reader.summaries(store.scope(), trace(1)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn of_two_snapshots_the_one_that_ended_last_stays_whatever_the_order() {
    for order in [[5, 9], [9, 5]] {
        let store = Store::new().await;
        for ended in order {
            store.append(vec![span(1, 2, &format!("ended at {ended}"), ended)], vec![]).await;
        }
        let summaries = store.handles.reader.summaries(store.scope(), trace(1)).await.unwrap();
        assert_eq!(summaries[0].name.as_deref(), Some("ended at 9"));
        let steps = store.handles.reader.steps(store.scope(), trace(1), vec![id(2)]).await.unwrap();
        assert_eq!(steps[0].span.as_ref().unwrap().span().unwrap().name, "ended at 9");
    }
}

#[tokio::test]
async fn a_span_that_announces_another_one_is_kept_and_read_with_it() {
    for announcement_first in [true, false] {
        let store = Store::new().await;
        let mut announcement = span(1, 8, "pending", 1);
        announcement.summary.span_id = id(2);
        announcement.summary.source = Source::Log([8; 16]);
        let mut spans = vec![announcement, span(1, 2, "chat", 5)];
        if !announcement_first {
            spans.reverse();
        }
        for span in spans {
            store.append(vec![span], vec![]).await;
        }
        let steps = store.handles.reader.steps(store.scope(), trace(1), vec![id(2)]).await.unwrap();
        assert_eq!(steps[0].span.as_ref().unwrap().span().unwrap().name, "chat");
        assert_eq!(steps[0].logs[0].span().unwrap().name, "pending");
        assert_eq!(store.handles.reader.records(store.scope(), trace(1)).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn the_same_ids_in_another_project_are_another_span() {
    let store = Store::new().await;
    let other = store.handles.keeper.ensure_project("other").await.unwrap();
    store.append(vec![span(1, 2, "ours", 5)], vec![]).await;
    let theirs = Batch { project: other.id, ..store.batch(vec![span(1, 2, "theirs", 9)], vec![]) };
    store.append_batch(theirs).await;
    let summaries = store.handles.reader.summaries(store.scope(), trace(1)).await.unwrap();
    assert_eq!(summaries[0].name.as_deref(), Some("ours"));
    assert_eq!(store.handles.reader.projects().await.unwrap().len(), 2);
}

#[tokio::test]
async fn versions_grow_with_what_is_written() {
    let store = Store::new().await;
    let of = Touched { project: store.project.id, trace_id: trace(1) };
    store.append(vec![span(1, 1, "first", 5)], vec![]).await;
    let before = version(&store, of).await;
    store.append(vec![span(1, 2, "second", 6)], vec![]).await;
    assert!(version(&store, of).await > before);
    assert_eq!(store.summaries(1).await.len(), 2);
}

/// That of an execution which is computed now.
async fn version(store: &Store, of: Touched) -> u64 {
    store.compute(vec![of]).await;
    store.handles.reader.computed(store.scope(), of.trace_id).await.unwrap().unwrap().version
}

#[tokio::test]
async fn the_newest_records_of_a_project_come_first_and_no_more_than_asked() {
    let store = Store::new().await;
    let other = store.handles.keeper.ensure_project("other").await.unwrap();
    for number in 1..=5 {
        store.append(vec![span(number, 1, &format!("span {number}"), 5)], vec![log(number, 1, "log")]).await;
        let theirs = store.batch(vec![span(number, 1, "theirs", 9)], vec![]);
        store.append_batch(Batch { project: other.id, ..theirs }).await;
    }
    let late = Batch { day: 19_999, ..store.batch(vec![span(9, 1, "of the day before", 5)], vec![]) };
    store.append_batch(late).await;
    let newest = store.handles.reader.newest(store.scope(), 2).await.unwrap();
    let names: Vec<_> =
        newest.iter().map(|record| record.span().map_or("log", |span| span.name).to_owned()).collect();
    assert_eq!(names, ["span 5", "span 4", "log", "log"]);
    assert_eq!(store.handles.reader.newest(store.scope(), 100).await.unwrap().len(), 11);
}

#[tokio::test]
async fn of_records_that_are_large_fewer_come_than_asked() {
    let store = Store::new().await;
    let large = "ring ".repeat(3_500_000);
    for number in 1..=3 {
        store.append(vec![span(number, 1, &large, 5)], vec![log(number, 1, "log")]).await;
    }
    let newest = store.handles.reader.newest(store.scope(), 100).await.unwrap();
    assert_eq!(newest.iter().filter(|record| record.span().is_some()).count(), 2);
    assert_eq!(newest.iter().filter(|record| record.log().is_some()).count(), 3);
}
