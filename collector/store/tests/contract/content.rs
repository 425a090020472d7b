//! Content, wherever it lies.

use base64::Engine;
use serde_json::json;
use treering_otlp::Signal;
use treering_step::Summary;
use treering_store::{Batch, SpanEntry};

use crate::below::kept;
use crate::support::{Store, id, log, record, span, trace};

/// A span with an attribute of this text.
pub(crate) fn telling(trace_number: u8, number: u8, text: &str) -> SpanEntry {
    let json = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": trace(trace_number), "spanId": id(number), "name": "chat", "endTimeUnixNano": 9,
        "attributes": [{"key": "gen_ai.input.messages", "value": {"stringValue": text}}]}]}]}]});
    let summary = Summary::new(id(number), treering_step::Source::Span);
    SpanEntry::new(record(Signal::Traces, &json), summary).unwrap()
}

/// A history of so many turns.
pub(crate) fn history(turns: u32) -> String {
    let turn = |number| format!(r#"{{"role":"user","content":"turn {number} {}"}}"#, "words ".repeat(100));
    format!("[{}]", (0..turns).map(turn).collect::<Vec<_>>().join(","))
}

#[tokio::test]
async fn content_of_any_size_comes_back_as_it_went_in() {
    let store = Store::new().await;
    let sizes = [0, 1, 5, 20, 60, 400];
    for (number, turns) in (1..).zip(sizes) {
        let entry = telling(1, number, &history(turns));
        let expected = entry.record.clone();
        store.append(vec![entry], vec![log(1, number, &history(turns))]).await;
        let steps = store.handles.reader.steps(store.scope(), trace(1), vec![id(number)]).await.unwrap();
        assert_eq!(steps[0].span.as_ref(), Some(&expected));
        assert_eq!(steps[0].logs[0].log().unwrap().body.as_text(), Some(&*history(turns)));
    }
    assert_eq!(store.handles.reader.records(store.scope(), trace(1)).await.unwrap().len(), 12);
}

#[tokio::test]
async fn content_of_one_project_or_day_does_not_lean_on_that_of_another() {
    let store = Store::new().await;
    let other = store.handles.keeper.ensure_project("other").await.unwrap();
    store.append(vec![telling(1, 1, &history(50))], vec![]).await;
    let batch = |day, project, number| Batch {
        day,
        project,
        ..store.batch(vec![telling(1, number, &history(50))], vec![])
    };
    store.append_batch(batch(20_001, store.project.id, 2)).await;
    store.append_batch(batch(20_000, other.id, 3)).await;
    store.change("DELETE FROM block WHERE project = 1 AND day = 20000").await;
    let steps = store.handles.reader.steps(store.scope(), trace(1), vec![id(2)]).await.unwrap();
    assert!(steps[0].span.is_some());
    let scope = treering_store::Scope::of(other.id);
    assert_eq!(store.handles.reader.records(scope, trace(1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn content_that_was_exchanged_is_found() {
    let store = Store::new().await;
    store.append(vec![telling(1, 1, "one"), telling(1, 2, "two")], vec![]).await;
    let [one, two] = [1, 2].map(|number| store.blob(id(number).as_bytes()));
    let start = store.number(&format!("SELECT CAST(start AS bigint) FROM span WHERE span_id = {two}")).await;
    let length =
        store.number(&format!("SELECT CAST(length AS bigint) FROM span WHERE span_id = {two}")).await;
    store.change(&format!("UPDATE span SET start = {start}, length = {length} WHERE span_id = {one}")).await;
    let read = store.handles.reader.steps(store.scope(), trace(1), vec![id(1)]).await;
    assert!(matches!(read, Err(treering_store::Error::Damaged(_))));
    assert!(store.handles.reader.steps(store.scope(), trace(1), vec![id(2)]).await.is_ok());
}

#[tokio::test]
async fn no_file_holds_a_word_of_the_content() {
    let store = Store::new().await;
    let words = ["xylophonist", "quetzalcoatlus"];
    for number in 1..40 {
        let text = format!("{} the {} and the {}", history(u32::from(number)), words[0], words[1]);
        store.deliver(store.batch(vec![telling(1, number, &text)], vec![log(1, number, &text)])).await;
    }
    let url = store.url.clone();
    let Store { handles, folder, database, steps, .. } = store;
    drop(handles);
    let check = async |when: &str| {
        for (file, bytes) in kept(folder.path(), database.as_ref(), steps.as_ref()).await {
            for word in words.iter().flat_map(forms) {
                assert!(memchr::memmem::find(&bytes, &word).is_none(), "{word:?} in {file}, {when}");
            }
        }
    };
    check("closed").await;
    let handles = treering_store::open(&url, crate::support::master()).await.unwrap();
    check("open").await;
    drop(handles);
}

/// A word as somebody may have written it: itself, in hexadecimal digits, and in base64 wherever it begins in it.
fn forms(word: &&str) -> Vec<Vec<u8>> {
    let hex: String = word.bytes().map(|byte| format!("{byte:02x}")).collect();
    let shifted = (0..3).map(|before| {
        let padded = [&vec![b' '; before], word.as_bytes()].concat();
        let text = base64::engine::general_purpose::STANDARD.encode(padded);
        text.as_bytes()[4..text.len() - 4].to_vec()
    });
    [word.as_bytes().to_vec(), hex.clone().into_bytes(), hex.to_uppercase().into_bytes()]
        .into_iter()
        .chain(shifted)
        .collect()
}

#[tokio::test]
async fn a_span_that_is_named_alike_in_two_batches_of_one_request_is_kept_once() {
    let store = Store::new().await;
    store.append(vec![span(1, 2, "early", 5), span(1, 2, "late", 9)], vec![]).await;
    let records = store.handles.reader.records(store.scope(), trace(1)).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].span().unwrap().name, "late");
}
