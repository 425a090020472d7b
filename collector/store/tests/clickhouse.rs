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
