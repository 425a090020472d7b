//! Whatever a stranger writes comes back as it was, and finds nothing but itself.

use treering_step::{Execution, Status};
use treering_store::{ExecutionFilter, Handles};

use crate::support::{Store, execution, id, log, span, trace};

const HOSTILE: &[&str] = &[
    "nul\0inside",
    "\0",
    "%",
    "_",
    "\\",
    "'; DROP TABLE execution; --",
    "\"quoted\"",
    "[\"listed\"]",
    "\u{202e}gnirts\u{202c}",
    "\u{feff}mark",
    "e\u{301}",
    "\u{e9}",
    "\u{10ffff}",
    "line\nbreak\r\n\t",
    "?1",
    ":name",
    "NULL",
    "0",
    " space ",
];

fn run(number: u8, text: &str) -> Execution {
    let text = || Some(text.to_owned());
    Execution {
        name: text().unwrap(),
        agent: text(),
        session_id: text(),
        user_id: text(),
        models: text().into_iter().collect(),
        ..execution(number, "", 10)
    }
}

async fn found(handles: &Handles, store: &Store, filter: ExecutionFilter) -> Vec<String> {
    let page = handles.reader.executions(store.scope(), filter).await.unwrap();
    page.executions.into_iter().map(|execution| execution.name).collect()
}

#[tokio::test]
async fn hostile_text_comes_back_and_every_filter_takes_it_as_it_is() {
    let store = Store::new().await;
    for (number, text) in (1..).zip(HOSTILE) {
        store.put(1, run(number, text)).await;
    }
    for (number, text) in (1..).zip(HOSTILE) {
        assert_eq!(store.execution(number).await.unwrap(), run(number, text));
        let asked = || Some((*text).to_owned());
        let none = ExecutionFilter::default;
        for filter in [
            ExecutionFilter { agent: asked(), ..none() },
            ExecutionFilter { session: asked(), ..none() },
            ExecutionFilter { user: asked(), ..none() },
            ExecutionFilter { model: asked(), ..none() },
            ExecutionFilter { model: asked(), user: asked(), status: None::<Status>, ..none() },
        ] {
            assert_eq!(found(&store.handles, &store, filter.clone()).await, [*text], "{filter:?}");
        }
    }
}

#[tokio::test]
async fn hostile_steps_and_records_come_back_as_they_were() {
    let store = Store::new().await;
    for (number, text) in (1..).zip(HOSTILE) {
        let mut span = span(number, 1, text, 5);
        span.summary.model = Some((*text).to_owned());
        span.summary.redactions.insert((*text).to_owned(), 1);
        let (span_is, summary_is) = (span.record.clone(), span.summary.clone());
        let log = log(number, 1, text);
        let log_is = log.record.clone();
        store.append(vec![span], vec![log]).await;
        let reader = &store.handles.reader;
        let steps = reader.steps(store.scope(), trace(number), vec![id(1)]).await.unwrap();
        assert_eq!((steps[0].span.as_ref(), &steps[0].logs[..]), (Some(&span_is), &[log_is][..]));
        let told = reader.summaries_of(store.scope(), trace(number), vec![id(1)]).await.unwrap();
        assert!(told.contains(&summary_is), "{text:?}");
    }
}

#[tokio::test]
async fn a_name_of_ten_megabytes_is_kept_listed_and_read() {
    let store = Store::new().await;
    let long = "oak ".repeat(10 << 18);
    store.deliver(store.batch(vec![span(1, 1, &long, 5)], vec![])).await;
    store.put(u64::MAX >> 1, run(1, &long)).await;
    let told = store.handles.reader.summaries_of(store.scope(), trace(1), vec![id(1)]).await.unwrap();
    assert!(told[0].name.as_deref() == Some(&long[..]));
    let asked = ExecutionFilter { agent: Some(long.clone()), ..Default::default() };
    assert!(found(&store.handles, &store, asked).await == [long]);
}
