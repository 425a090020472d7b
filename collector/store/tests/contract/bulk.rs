//! What is asked for at once is told apart.

use treering_step::SpanId;
use treering_store::{Batch, Error, LogEntry, StepRecords};

use crate::content::{history, telling};
use crate::support::{Store, alone, at, id, join, log, offering, span, trace};

/// A log record that came with this span and names another one.
fn crossing(span_number: u8, key: u8, text: &str) -> LogEntry {
    let mut log = log(1, span_number, text);
    log.summary.name = Some(text.to_owned());
    log.summary.joins = vec![join(key)];
    log
}

async fn read(store: &Store, spans: &[SpanId]) -> Result<Vec<StepRecords>, Error> {
    store.handles.reader.steps(store.scope(), trace(1), spans.to_vec()).await
}

fn texts(step: &StepRecords) -> Vec<&str> {
    step.logs.iter().map(|log| log.log().unwrap().body.as_text().unwrap()).collect()
}

#[tokio::test]
async fn log_records_that_cross_between_steps_are_told_by_the_one_that_each_names() {
    let store = Store::new().await;
    let spans = vec![offering(span(1, 2, "two", 5), &[7, 9]), offering(span(1, 3, "three", 5), &[8])];
    let mut from_elsewhere = alone(4, Some(9), "from elsewhere");
    from_elsewhere.at = at(9);
    let logs = vec![crossing(2, 8, "for three"), crossing(3, 7, "for two"), log(1, 3, "own"), from_elsewhere];
    store.append(spans, logs).await;
    let both = read(&store, &[id(3), id(2)]).await.unwrap();
    assert_eq!(both[0].span.as_ref().unwrap().span().unwrap().name, "three");
    let mut of_three = texts(&both[0]);
    of_three.sort_unstable();
    assert_eq!(of_three, ["for three", "own"]);
    assert_eq!(texts(&both[1]), ["for two", "from elsewhere"]);
    let asked = vec![id(9), id(2), id(3)];
    let told = store.handles.reader.summaries_of(store.scope(), trace(1), asked).await.unwrap();
    let of_two = told.into_iter().filter(|summary| summary.span_id == id(2));
    let mut names: Vec<_> = of_two.filter_map(|summary| summary.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["for two", "from elsewhere", "two"]);
    let mut whole = store.steps(1).await.remove(0);
    whole.1.sort_unstable();
    assert_eq!(whole, (id(2), ["for two", "from elsewhere", "two"].map(String::from).to_vec()));
}

#[tokio::test]
async fn a_window_with_steps_that_are_asked_for_twice_or_unknown_is_told_in_its_order() {
    let store = Store::new().await;
    let spans = (1..=9).map(|number| span(1, number, &format!("span {number}"), 5)).collect();
    let logs = (1..=9).map(|number| log(1, number, &format!("log {number}"))).collect();
    store.append(spans, logs).await;
    let asked = [id(7), id(200), id(2), id(7), id(201), id(1)];
    let steps = read(&store, &asked).await.unwrap();
    let told: Vec<_> = steps.iter().map(|step| step.span_id).collect();
    assert_eq!(told, [id(7), id(2), id(7), id(1)]);
    for (step, number) in steps.iter().zip([7, 2, 7, 1]) {
        assert_eq!(step.span.as_ref().unwrap().span().unwrap().name, format!("span {number}"));
        assert_eq!(texts(step), [format!("log {number}")]);
    }
    let scope = store.scope();
    let summaries = store.handles.reader.summaries_of(scope, trace(1), asked.to_vec()).await.unwrap();
    let told: Vec<_> = summaries.iter().map(|summary| summary.span_id).collect();
    assert_eq!(told, [id(7), id(7), id(2), id(2), id(7), id(7), id(1), id(1)]);
}

/// Steps with much content, of which the fifth came on a day of its own.
async fn steps_of_two_days(store: &Store) {
    for number in 1..=9 {
        let day = if number == 5 { 20_001 } else { 20_000 };
        let text = format!("{number} {}", history(40 + u32::from(number)));
        let batch = store.batch(vec![telling(1, number, &text)], vec![]);
        store.append_batch(Batch { day, ..batch }).await;
    }
}

#[tokio::test]
async fn what_one_of_many_records_lacks_no_other_lacks() {
    let others: Vec<_> = [1, 2, 3, 4, 6, 7, 8, 9].map(id).into();
    let all: Vec<_> = (1..=9).map(id).collect();
    for damage in ["DELETE FROM piece WHERE day = 20001", "DELETE FROM block WHERE day = 20001"] {
        let store = Store::new().await;
        steps_of_two_days(&store).await;
        store.change(damage).await;
        assert!(matches!(read(&store, &all).await, Err(Error::Damaged(_))), "{damage}");
        let read = read(&store, &others).await.unwrap();
        assert!(read.iter().all(|step| step.span.is_some()), "{damage}");
        assert_eq!(read.len(), others.len(), "{damage}");
    }
    let store = Store::new().await;
    steps_of_two_days(&store).await;
    store.change("UPDATE span SET block = NULL, start = NULL, length = NULL WHERE day = 20001").await;
    let told: Vec<_> = read(&store, &all).await.unwrap().iter().map(|step| step.span_id).collect();
    assert_eq!(told, others);
}

#[tokio::test]
async fn records_of_more_than_one_part_come_back_as_they_went_in() {
    let store = Store::new().await;
    let entry = |number: u16| {
        let mut log = log(1, 2, &format!("{number} {}", history(u32::from(number % 7))));
        log.at = at(u64::from(number));
        log
    };
    store.append(vec![span(1, 2, "chat", 5)], (1..=600).map(entry).collect()).await;
    let steps = read(&store, &[id(2)]).await.unwrap();
    let expected: Vec<_> = (1..=600).map(|number| entry(number).record).collect();
    assert!(steps[0].logs == expected);
    assert_eq!(store.handles.reader.records(store.scope(), trace(1)).await.unwrap().len(), 601);
}
