//! Executions are found by the words that they hold.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use treering_step::{Execution, Status, TraceId};
use treering_store::{Computed, ExecutionFilter, LogEntry, Scope, SearchLag, Touched, Unindexed, Wording};

use crate::support::{Store, WORDING, alone, execution, log, offering, span, trace, typed};

/// A store of executions 1, 2, … that say these texts, the last one newest.
async fn saying(texts: &[&[&str]]) -> Store {
    let store = Store::new().await;
    for (number, texts) in (1..).zip(texts) {
        say(&store, number, texts).await;
    }
    store.index().await;
    store
}

async fn say(store: &Store, number: u8, texts: &[&str]) {
    let logs: Vec<_> = (1..).zip(texts).map(|(step, text)| log(number, step, text)).collect();
    store.append(vec![], logs).await;
    store.put(1, execution(number, &format!("run-{number}"), 10 * u64::from(number))).await;
}

async fn lag(store: &Store) -> SearchLag {
    store.handles.reader.search_lag(store.scope()).await.unwrap()
}

#[tokio::test]
async fn whole_words_of_sealed_content_find_their_execution() {
    let store = saying(&[&["Refund the order 4711"], &["Nothing to refund here"], &["東京の天気は？"]]).await;
    assert_eq!(store.search("refund").await, ["run-2", "run-1"], "newest first");
    assert_eq!(store.search("REFUND order").await, ["run-1"]);
    assert_eq!(store.search("\u{ff32}efund, 4711!").await, ["run-1"]);
    assert_eq!(store.search("天気").await, ["run-3"]);
    assert_eq!(store.search("refun").await, [""; 0], "a part of a word is none");
    assert_eq!(store.search("absent").await, [""; 0]);
}

#[tokio::test]
async fn parts_of_words_and_phrases_are_found_in_the_clear() {
    let store = saying(&[&["Refund the order"], &["something else"]]).await;
    assert_eq!(store.search("un-1").await, ["run-1"]);
    assert_eq!(store.search("RUN-2-AG").await, ["run-2"]);
    assert_eq!(store.search("session-").await, ["run-2", "run-1"]);
    assert_eq!(store.search(&trace(2).to_string()).await, ["run-2"]);
    let phrase = ExecutionFilter { text: Some("the order".into()), ..ExecutionFilter::default() };
    assert_eq!(store.list(phrase).await, [""; 0], "without words content is not looked at");
}

#[tokio::test]
async fn all_words_have_to_be_in_one_execution_and_may_be_in_several_records() {
    let store = saying(&[&["alpha", "beta gamma"], &["alpha"], &["gamma beta"]]).await;
    assert_eq!(store.search("alpha gamma").await, ["run-1"]);
    assert_eq!(store.search("beta gamma").await, ["run-3", "run-1"]);
    assert_eq!(store.search("alpha beta gamma delta").await, [""; 0]);
}

#[tokio::test]
async fn words_come_with_the_other_filters_and_by_cursor() {
    let texts: Vec<&[&str]> = (0..9).map(|_| ["common word"].as_slice()).collect();
    let store = saying(&texts).await;
    let errors = ExecutionFilter { status: Some(Status::Error), ..typed("word") };
    assert_eq!(store.list(errors).await, ["run-8", "run-6", "run-4", "run-2"]);
    let (mut filter, mut found) = (ExecutionFilter { limit: 4, ..typed("word common") }, Vec::new());
    loop {
        let page = store.handles.reader.executions(store.scope(), filter.clone()).await.unwrap();
        assert!(page.executions.len() <= 4);
        found.extend(page.executions.into_iter().map(|execution| execution.name));
        filter.cursor = page.next;
        if filter.cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, (1..=9).rev().map(|number| format!("run-{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_rare_word_is_found_behind_many_executions() {
    let store = Store::new().await;
    let numbered = |number: u32| {
        let mut log = log(1, 1, &format!("filler w{number} x{}", number % 7));
        log.trace_id = TraceId::from_bytes(&u128::from(number + 1).to_be_bytes()).unwrap();
        log
    };
    let logs: Vec<LogEntry> = (0..1_500).map(numbered).collect();
    let traces: Vec<_> = logs.iter().map(|log| log.trace_id).collect();
    store.append(vec![], logs).await;
    let computed = |(number, trace_id)| {
        let execution = Execution { trace_id, ..execution(1, &format!("run-{number}"), number) };
        Computed { project: store.project.id, version: 1, execution }
    };
    let executions = (1..).zip(traces).map(computed).collect();
    store.handles.writer.put_executions(executions).await.unwrap();
    store.index().await;
    assert_eq!(store.search("filler w3").await, ["run-4"]);
    let filter = ExecutionFilter { limit: 1_000, ..typed("x3 filler") };
    assert_eq!(store.list(filter).await.len(), 214);
}

#[tokio::test]
async fn another_project_sees_nothing() {
    let store = saying(&[&["secret plan"]]).await;
    let other = store.handles.keeper.ensure_project("other").await.unwrap();
    let reader = &store.handles.reader;
    let page = reader.executions(Scope::of(other.id), typed("secret")).await.unwrap();
    assert!(page.executions.is_empty());
    assert_eq!(reader.search_lag(Scope::of(other.id)).await.unwrap(), SearchLag { waiting: 0, since: None });
}

#[tokio::test]
async fn what_waits_is_counted_and_what_comes_late_is_found() {
    let store = saying(&[&["first"]]).await;
    assert_eq!(lag(&store).await, SearchLag { waiting: 0, since: None });
    say(&store, 1, &["first", "second"]).await;
    say(&store, 2, &["third"]).await;
    let behind = lag(&store).await;
    assert!(behind.waiting == 2 && behind.since.is_some(), "{behind:?}");
    assert_eq!(store.search("second").await, [""; 0]);
    store.index().await;
    assert_eq!(lag(&store).await.waiting, 0);
    assert_eq!(store.search("first second").await, ["run-1"]);
    say(&store, 1, &["first", "second"]).await;
    store.index().await;
    assert_eq!(store.search("first second").await, ["run-1"], "what comes again changes nothing");
}

#[tokio::test]
async fn a_newer_snapshot_of_a_span_is_found_by_its_words() {
    let store = Store::new().await;
    store.append(vec![span(1, 2, "early bird", 5)], vec![]).await;
    store.put(1, execution(1, "run", 1)).await;
    store.index().await;
    store.append(vec![span(1, 2, "late worm", 9)], vec![]).await;
    store.index().await;
    assert_eq!(store.search("worm late").await, ["run"]);
}

#[tokio::test]
async fn a_record_that_names_a_span_elsewhere_is_found_where_it_is_shown() {
    for span_comes_first in [true, false] {
        let store = Store::new().await;
        let parts = [
            store.batch(vec![offering(span(1, 2, "chat", 5), &[7])], vec![]),
            store.batch(vec![], vec![alone(3, Some(7), "prompt of the call")]),
        ];
        let [span, log] = parts;
        let order = if span_comes_first { [span, log] } else { [log, span] };
        for batch in order {
            store.deliver(batch).await;
            store.index().await;
        }
        let page = store.handles.reader.executions(store.scope(), typed("prompt call")).await.unwrap();
        let found: Vec<_> = page.executions.iter().map(|execution| execution.trace_id).collect();
        assert_eq!(found, [trace(1)], "span first: {span_comes_first}");
    }
}

#[tokio::test]
async fn what_comes_while_an_execution_is_indexed_is_not_forgotten() {
    let store = Store::new().await;
    say(&store, 1, &["one"]).await;
    let waiting = store.handles.writer.unindexed(9).await.unwrap();
    store.handles.writer.index(waiting.clone(), WORDING).await.unwrap();
    say(&store, 1, &["two"]).await;
    let done = store.handles.writer.index(waiting, WORDING).await.unwrap();
    assert_eq!(done.len(), 1, "what waited before is read again, and nothing of it is kept");
    assert_eq!(lag(&store).await.waiting, 1);
    store.index().await;
    assert_eq!(store.search("one two").await, ["run-1"]);
}

#[tokio::test]
async fn what_is_appended_during_a_reading_waits_for_the_next_one() {
    static STORE: OnceLock<Store> = OnceLock::new();
    let appending = Wording {
        of_record: |record, tell| {
            let store = STORE.get().unwrap();
            tokio::runtime::Handle::current().block_on(say(store, 1, &["one", "two"]));
            treering_read::words(record, tell);
        },
        ..WORDING
    };
    let store = STORE.get_or_init({
        let store = Store::new().await;
        || store
    });
    say(store, 1, &["one"]).await;
    let waiting = store.handles.writer.unindexed(9).await.unwrap();
    store.handles.writer.index(waiting, appending).await.unwrap();
    assert_eq!(lag(store).await.waiting, 1);
    assert_eq!((store.search("one").await.len(), store.search("two").await.len()), (1, 0));
    store.index().await;
    assert_eq!(store.search("one two").await, ["run-1"]);
}

#[tokio::test]
async fn an_execution_that_was_indexed_many_times_keeps_all_its_words() {
    let store = Store::new().await;
    let words: Vec<String> = (0..60).map(|number| format!("word{number}")).collect();
    for (step, word) in (1..).zip(&words) {
        store.append(vec![], vec![log(1, step, &format!("again {word}"))]).await;
        store.index().await;
    }
    store.put(1, execution(1, "run", 1)).await;
    assert_eq!(store.search(&words.join(" ")).await, ["run"]);
    assert_eq!(store.search("again word61").await, [""; 0]);
}

#[tokio::test]
async fn a_record_that_no_reader_survives_keeps_no_other_out() {
    static READ: AtomicUsize = AtomicUsize::new(0);
    let fails: Wording = Wording {
        of_record: |record, tell| {
            READ.fetch_add(1, Ordering::Relaxed);
            assert!(!record.body().windows(6).any(|part| part == b"poison"), "as if it were a defect");
            treering_read::words(record, tell);
        },
        ..WORDING
    };
    let store = Store::new().await;
    say(&store, 1, &["before", "poison", "after"]).await;
    let waiting: Vec<Unindexed> = store.handles.writer.unindexed(9).await.unwrap();
    let done = store.handles.writer.index(waiting, fails).await.unwrap();
    assert_eq!((done[0].records, done[0].unread, READ.load(Ordering::Relaxed)), (3, 1, 3));
    assert_eq!(done[0].of, Touched { project: store.project.id, trace_id: trace(1) });
    assert_eq!(lag(&store).await.waiting, 0);
    assert_eq!(store.search("before after").await, ["run-1"]);
    assert_eq!(store.search("poison").await, [""; 0]);
}

#[tokio::test]
async fn hostile_searches_are_answered() {
    let store = saying(&[&["plain words"]]).await;
    let many: String = (0..10_000).map(|number| format!("w{number} ")).collect();
    let long = "x".repeat(100_000);
    for text in ["%", "_", "'\"\\", "…—!", "\u{0}", "[REDACTED:EMAIL]", "' OR 1=1 --", &many, &long] {
        assert_eq!(store.search(text).await, [""; 0], "{}", &text[..text.len().min(20)]);
    }
    assert_eq!(store.search("").await, ["run-1"], "an empty text asks for nothing");
    assert_eq!(store.search(" \t").await, ["run-1"]);
}

#[tokio::test]
async fn no_word_stands_in_the_file() {
    let store = saying(&[&["zebrafish"]]).await;
    assert_eq!(store.number("SELECT count(*) FROM words WHERE length(hashes) > 0").await, 1);
    for (part, bytes) in store.kept().await {
        assert!(memchr::memmem::find(&bytes, b"zebr").is_none(), "{part}");
    }
}
