//! Several collectors on one store: two sets of handles that know nothing of each other.

use std::time::Duration;

use treering_store::{ExecutionFilter, Handles, OutcomeCount, Presence, Target, Work};

use crate::backend::left_out;
use crate::support::{Store, at, id, log, master, span, trace};

impl Store {
    /// Another collector.
    async fn other(&self) -> Handles {
        treering_store::open(&self.url, master()).await.unwrap()
    }

    async fn read(&self, number: u8) -> usize {
        self.handles.reader.records(self.scope(), trace(number)).await.unwrap().len()
    }
}

fn presence(id: &str, passed: i64) -> Presence {
    Presence { id: id.into(), name: "collector".into(), passed, delivered_at: at(1).unwrap() }
}

#[tokio::test]
async fn what_two_collectors_append_in_turns_is_all_there_and_once() {
    let store = Store::new().await;
    let other = store.other().await;
    for number in 1..=20 {
        let name = format!("step {number}");
        let batch = || store.batch(vec![span(1, number, &name, 5)], vec![log(1, number, &name)]);
        let writer = if number % 2 == 0 { &other.writer } else { &store.handles.writer };
        writer.append(vec![batch()]).await.unwrap();
        // Sent once more, to the other one.
        let writer = if number % 2 == 0 { &store.handles.writer } else { &other.writer };
        writer.append(vec![batch()]).await.unwrap();
    }
    assert_eq!(store.read(1).await, 40);
    assert_eq!(store.summaries(1).await.len(), 40);
}

#[tokio::test]
async fn two_that_append_at_once_lose_nothing() {
    let store = Store::new().await;
    let other = store.other().await;
    let append = |handles: &Handles, numbers: std::ops::Range<u8>| {
        let writer = handles.writer.clone();
        let batches: Vec<_> = numbers
            .map(|number| store.batch(vec![span(number, 1, "same words in all", 5)], vec![]))
            .collect();
        async move {
            for batch in batches {
                writer.append(vec![batch]).await.unwrap();
            }
        }
    };
    tokio::join!(append(&store.handles, 1..40), append(&other, 40..80));
    for number in 1..80 {
        assert_eq!(store.read(number).await, 1, "execution {number}");
    }
}

#[tokio::test]
async fn a_key_that_another_one_retired_seals_nothing_more() {
    let store = Store::new().await;
    let other = store.other().await;
    // Both remember the key of the day.
    store.append(vec![span(1, 1, "before", 5)], vec![]).await;
    other.writer.append(vec![store.batch(vec![span(1, 2, "before, too", 5)], vec![])]).await.unwrap();
    store.handles.writer.retire_day(store.project.id, 20_000).await.unwrap();
    // Until the old key is dropped, the other one seals on.
    other.writer.append(vec![store.batch(vec![span(1, 3, "meanwhile", 5)], vec![])]).await.unwrap();
    assert_eq!(store.handles.writer.rewrite_day(store.project.id, 20_000).await.unwrap(), 0);
    other.writer.append(vec![store.batch(vec![span(1, 4, "afterwards", 5)], vec![])]).await.unwrap();
    assert_eq!(store.read(1).await, 4);
    let reread = other.reader.records(store.scope(), trace(1)).await.unwrap();
    assert_eq!(reread.len(), 4, "the other one reads what was written anew");
}

#[tokio::test]
async fn what_another_one_appends_while_a_day_is_rewritten_stays_readable() {
    let store = Store::new().await;
    let other = store.other().await;
    for number in 1..30 {
        store.append(vec![span(number, 1, "what many say alike", 5)], vec![]).await;
    }
    let rewriting = async {
        for _ in 0..3 {
            store.handles.writer.retire_day(store.project.id, 20_000).await.unwrap();
            assert_eq!(store.handles.writer.rewrite_day(store.project.id, 20_000).await.unwrap(), 0);
        }
    };
    let appending = async {
        for number in 30..60 {
            let batch = store.batch(vec![span(number, 1, "what many say alike", 5)], vec![]);
            other.writer.append(vec![batch]).await.unwrap();
        }
    };
    tokio::join!(rewriting, appending);
    for number in 1..60 {
        assert_eq!(store.read(number).await, 1, "execution {number}");
    }
}

#[tokio::test]
async fn a_project_that_another_one_erased_is_named_and_sealed_anew() {
    let store = Store::new().await;
    let other = store.other().await;
    other.writer.append(vec![store.batch(vec![span(1, 1, "before", 5)], vec![])]).await.unwrap();
    store.handles.writer.erase(store.project.id, Target::Project).await.unwrap();
    let again = || store.batch(vec![span(2, 1, "afterwards", 5)], vec![]);
    // Who knows names by a key that is gone is told so, once.
    if other.writer.append(vec![again()]).await.is_err() {
        other.writer.append(vec![again()]).await.unwrap();
    }
    assert_eq!((store.read(1).await, store.read(2).await), (0, 1));
    let steps = store.handles.reader.steps(store.scope(), trace(2), vec![id(1)]).await.unwrap();
    assert!(steps[0].span.is_some(), "what it sealed is opened by others");
}

#[tokio::test]
async fn two_that_index_and_compute_the_same_leave_it_once() {
    let store = Store::new().await;
    let other = store.other().await;
    for number in 1..10 {
        store.append(vec![span(number, 1, "oak and ash", 5)], vec![]).await;
    }
    let mine = store.handles.writer.unindexed(100).await.unwrap();
    let same = other.writer.unindexed(100).await.unwrap();
    let wording = crate::support::WORDING;
    let both = tokio::join!(store.handles.writer.index(mine, wording), other.writer.index(same, wording));
    assert!(both.0.is_ok() && both.1.is_ok());
    // A reading takes a short while, in which a slow store may not come to the end.
    store.index().await;
    assert_eq!(store.handles.writer.unindexed(100).await.unwrap().len(), 0);
    let touched = || store.touched(&[1, 2, 3]);
    tokio::join!(store.compute(touched()), store.compute(touched()));
    assert_eq!(store.list(ExecutionFilter::default()).await.len(), 3);
}

#[tokio::test]
async fn work_is_one_collectors_until_it_leaves_it_or_is_gone() {
    let store = Store::new().await;
    let (one, other) = (&store.handles.writer, store.other().await.writer);
    let long = Duration::from_secs(600);
    assert!(one.take_work(Work::Erasing, "one", long).await.unwrap());
    assert!(one.take_work(Work::Erasing, "one", long).await.unwrap(), "who has it takes it again");
    // A file has one process that works on it.
    let shared = crate::BACKEND.is_shared();
    assert_eq!(other.take_work(Work::Erasing, "other", long).await.unwrap(), !shared);
    assert!(other.take_work(Work::Retention, "other", long).await.unwrap(), "that is other work");
    one.end_work(Work::Erasing, "one").await.unwrap();
    assert!(other.take_work(Work::Erasing, "other", Duration::ZERO).await.unwrap());
    assert!(one.take_work(Work::Erasing, "one", long).await.unwrap(), "the other one's time is over");
}

#[tokio::test]
async fn an_erasure_waits_for_who_has_not_passed_it_until_it_is_given_up() {
    if left_out("an_erasure_waits_for_who_has_not_passed_it_until_it_is_given_up") {
        return;
    }
    let store = Store::new().await;
    let writer = &store.handles.writer;
    let keeper = store.handles.keeper.acting_as("cli:ada");
    for id in ["here", "there", "gone"] {
        assert_eq!(writer.enroll(presence(id, 0)).await.unwrap(), 0);
    }
    let erasure = keeper.ask_to_erase(store.project.id, Target::Execution(trace(1))).await.unwrap();
    assert_eq!(writer.erasures_after(0).await.unwrap(), [(erasure, store.project.id)]);
    assert_eq!(writer.erasures_after(erasure).await.unwrap(), []);
    let behind = async || -> Vec<String> {
        writer.behind(erasure).await.unwrap().into_iter().map(|collector| collector.id).collect()
    };
    assert_eq!(behind().await, ["gone", "here", "there"]);
    writer.report(presence("here", erasure)).await.unwrap();
    writer.leave("there").await.unwrap();
    assert_eq!(behind().await, ["gone"]);
    assert!(keeper.give_up_collector("gone").await.unwrap());
    assert!(!keeper.give_up_collector("gone").await.unwrap());
    assert_eq!(behind().await, Vec::<String>::new());
    let told = store.handles.audit.page(None, 1).await.unwrap();
    assert_eq!((told[0].action.as_str(), told[0].actor.as_str()), ("collector.give_up", "cli:ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_collectors_of_one_name_count_at_once_adds_up() {
    let store = Store::new().await;
    let other = store.other().await;
    let count = |handles: &Handles, turn: usize| {
        let writer = handles.writer.clone();
        let mut counts: Vec<_> = (0..20)
            .map(|number| OutcomeCount {
                project: Some(store.project.id),
                name: format!("outcome.{number:02}"),
                count: 1,
            })
            .collect();
        counts.rotate_left(turn);
        async move {
            for _ in 0..10 {
                counts.rotate_left(3);
                writer.count("collector".into(), 1, counts.clone()).await.unwrap();
            }
        }
    };
    tokio::join!(count(&store.handles, 0), count(&other, 7));
    let counted = store.handles.reader.outcomes(store.scope()).await.unwrap();
    assert_eq!(counted.iter().map(|outcome| outcome.count).collect::<Vec<_>>(), [20; 20]);
}
