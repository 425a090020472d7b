use treering_step::{Execution, Kind, Status};
use treering_store::ExecutionFilter;

use crate::support::{Store, at, execution, span, trace};

#[tokio::test]
async fn executions_are_listed_newest_first_and_page_by_page() {
    let store = Store::new().await;
    for number in 1..=7 {
        let one = execution(number, &format!("run {number}"), u64::from(number) * 10);
        store.put(1, one).await;
    }
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let filter = ExecutionFilter { limit: 3, cursor, ..Default::default() };
        let page = store.handles.reader.executions(store.scope(), filter).await.unwrap();
        names.push(
            page.executions.iter().map(|execution| execution.name.clone()).collect::<Vec<_>>().join(","),
        );
        // A cursor survives its text, since it travels in addresses.
        cursor = page.next.map(|next| next.to_string().parse().unwrap());
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["run 7,run 6,run 5", "run 4,run 3,run 2", "run 1"]);
}

#[tokio::test]
async fn every_filter_filters() {
    let store = Store::new().await;
    store.append(vec![span(3, 1, "chat", 5)], vec![]).await;
    for number in 1..=4 {
        let one = execution(number, &format!("run {number}"), u64::from(number) * 10);
        store.put(1, one).await;
    }
    let all = ExecutionFilter::default;
    let text = |text: &str| ExecutionFilter { text: Some(text.into()), ..all() };
    assert_eq!(store.list(text("RUN 2")).await, ["run 2"]);
    assert_eq!(store.list(text("session-3")).await, ["run 3"]);
    assert_eq!(store.list(text(&trace(4).to_string())).await, ["run 4"]);
    assert_eq!(store.list(text("100% _ nothing")).await, [""; 0]);
    assert_eq!(
        store.list(ExecutionFilter { status: Some(Status::Error), ..all() }).await,
        ["run 4", "run 2"]
    );
    assert_eq!(store.list(ExecutionFilter { kind: Some(Kind::Llm), ..all() }).await, ["run 3"]);
    assert_eq!(store.list(ExecutionFilter { kind: Some(Kind::Tool), ..all() }).await, [""; 0]);
    assert_eq!(store.list(ExecutionFilter { model: Some("gpt-4o-mini".into()), ..all() }).await, ["run 3"]);
    assert_eq!(store.list(ExecutionFilter { model: Some("model-2".into()), ..all() }).await, ["run 2"]);
    assert_eq!(store.list(ExecutionFilter { agent: Some("run 1-agent".into()), ..all() }).await, ["run 1"]);
    assert_eq!(store.list(ExecutionFilter { session: Some("session-2".into()), ..all() }).await, ["run 2"]);
    assert_eq!(store.list(ExecutionFilter { user: Some("nobody".into()), ..all() }).await, [""; 0]);
    assert_eq!(store.list(ExecutionFilter { from: at(20), to: at(40), ..all() }).await, ["run 3", "run 2"]);
    assert_eq!(store.list(ExecutionFilter { min_duration_ns: Some(4_000), ..all() }).await, ["run 4"]);
}

#[tokio::test]
async fn an_execution_that_was_computed_from_less_does_not_replace_a_newer_one() {
    let store = Store::new().await;
    for (version, name) in [(2, "newer"), (1, "older"), (2, "newest")] {
        store.put(version, execution(1, name, 10)).await;
    }
    let found = store.handles.reader.execution(store.scope(), trace(1)).await.unwrap().unwrap();
    assert_eq!(found, execution(1, "newest", 10));
}

#[tokio::test]
async fn an_execution_without_steps_is_none_until_it_has_some_again() {
    let store = Store::new().await;
    let empty = |number| Execution { steps: 0, ..execution(number, "run", 10) };
    store.put(1, execution(1, "run", 10)).await;
    store.put(2, empty(1)).await;
    assert_eq!(store.execution(1).await, None);
    assert_eq!(store.list(ExecutionFilter::default()).await, [""; 0]);
    // What was computed before comes too late.
    store.put(1, execution(1, "run", 10)).await;
    assert_eq!(store.execution(1).await, None);
    store.put(3, execution(1, "again", 10)).await;
    assert_eq!(store.list(ExecutionFilter::default()).await, ["again"]);
}
