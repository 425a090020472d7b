//! The contract of a store, on ClickHouse, with control data in SQLite.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod contract;

use contract::backend::Backend;
use contract::support::{Store, master, span, trace};
use contract::{backend, below, content, support};

const BACKEND: Backend = Backend::ClickHouse;

#[tokio::test]
async fn what_a_writer_wrote_that_ended_before_its_commit_stays_beside_what_the_next_one_writes() {
    let mut store = Store::new().await;
    let (first, second) = (span(1, 2, "first", 5), span(3, 4, "second", 5));
    let written = [(1, first.record.clone()), (3, second.record.clone())];
    store.append(vec![first], vec![]).await;
    // What came in is there, and the control data are as they were.
    store.change("UPDATE version SET last = last - 1").await;
    store.handles = treering_store::open(&store.url, master()).await.unwrap();
    store.append(vec![second], vec![]).await;
    for (number, record) in written {
        let told = store.handles.reader.records(store.scope(), trace(number)).await.unwrap();
        assert_eq!(told, [record], "{number}");
    }
}

#[tokio::test]
async fn control_data_from_before_do_not_make_what_comes_now_older_than_what_is_there() {
    let mut store = Store::new().await;
    for number in 1..5 {
        store.append(vec![span(1, number, "early", 5)], vec![]).await;
    }
    // As after damage, or with an old copy.
    store.change("UPDATE version SET last = 1").await;
    store.handles = treering_store::open(&store.url, master()).await.unwrap();
    let late = span(1, 1, "late", 9);
    let record = late.record.clone();
    store.append(vec![late], vec![]).await;
    let told = store.handles.reader.records(store.scope(), trace(1)).await.unwrap();
    assert!(told.len() == 4 && told.contains(&record), "{told:?}");
    assert!(store.summaries(1).await.iter().any(|summary| summary.name.as_deref() == Some("late")));
}
