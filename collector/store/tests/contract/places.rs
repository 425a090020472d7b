use treering_store::{OutcomeCount, Scope, StoreUrl};

use crate::support::{Store, master, span, trace};

#[tokio::test]
async fn outcomes_add_up_over_minutes_and_collectors() {
    let store = Store::new().await;
    let count = |project, count| OutcomeCount { project, name: "accepted.records".into(), count };
    let [own, other] = ["one", "two"].map(|name| store.handles.keeper.ensure_project(name));
    let (own, other) = (own.await.unwrap().id, other.await.unwrap().id);
    for (collector, minute, times) in [("a", 1, 2), ("a", 1, 3), ("a", 2, 5), ("b", 1, 7)] {
        let counts = vec![count(Some(own), times), count(None, 2 * times), count(Some(other), 100)];
        store.handles.writer.count(collector.into(), minute, counts).await.unwrap();
    }
    let seen = store.handles.reader.outcomes(Scope::of(own)).await.unwrap();
    assert_eq!(seen, [count(Some(own), 17), count(None, 34)]);
}

#[tokio::test]
async fn counts_of_days_that_are_over_take_no_more_room_than_their_sum() {
    const DAY: u64 = 24 * 60;
    let store = Store::new().await;
    let count =
        |count| OutcomeCount { project: Some(store.project.id), name: "accepted.records".into(), count };
    for day in 1..=4 {
        for minute in 0..10 {
            for collector in ["a", "b"] {
                let minute = day * DAY + minute;
                store.handles.writer.count(collector.into(), minute, vec![count(1)]).await.unwrap();
            }
        }
    }
    let seen = store.handles.reader.outcomes(store.scope()).await.unwrap();
    assert_eq!(seen, [count(80)]);
    assert_eq!(store.number("SELECT count(*) FROM outcome").await, 1 + 40, "today, yesterday, and one sum");
}

#[tokio::test]
async fn a_store_that_only_reads_sees_what_another_process_wrote() {
    let store = Store::new().await;
    let reading = treering_store::open_read_only(&store.url, master()).await.unwrap();
    store.append(vec![span(1, 2, "chat", 5)], vec![]).await;
    assert_eq!(reading.reader.summaries(store.scope(), trace(1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_store_that_is_not_there_is_not_made_by_reading() {
    let folder = tempfile::tempdir().unwrap();
    let url: StoreUrl = format!("sqlite:{}", folder.path().join("absent.db").display()).parse().unwrap();
    assert!(treering_store::open_read_only(&url, master()).await.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!("mysql://somewhere".parse::<StoreUrl>().is_err());
}
