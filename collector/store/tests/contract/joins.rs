//! Log records that name a span by an id, whatever comes first.

use treering_step::Status;

use crate::support::{Store, alone, at, id, join, log, offering, span, trace};

/// The ids of the first step of a log record that nobody takes.
fn own_step(key: u8) -> treering_step::SpanId {
    treering_step::SpanId::from_bytes(&join(key).0[..8]).unwrap()
}

#[tokio::test]
async fn a_log_record_that_names_a_span_belongs_to_it_whichever_comes_first() {
    for log_first in [true, false] {
        let store = Store::new().await;
        let span = store.batch(vec![offering(span(1, 2, "chat", 5), &[7, 8])], vec![]);
        let log = store.batch(vec![], vec![alone(3, Some(7), "cost")]);
        let (first, second, all) = if log_first { (log, span, [1, 3]) } else { (span, log, [3, 1]) };
        store.deliver(first).await;
        let touched = store.append_batch(second).await;
        assert_eq!(touched, store.touched(&all), "the execution of the batch, then the one at the other end");
        store.compute(touched).await;
        assert_eq!(store.steps(1).await, [(id(2), vec!["chat".into(), "cost".into()])]);
        assert_eq!(store.steps(3).await, []);
        assert_eq!(store.execution(1).await.unwrap().steps, 1);
        assert_eq!(store.execution(3).await, None, "all its log records went elsewhere");
    }
}

#[tokio::test]
async fn a_log_record_that_nobody_takes_is_a_step_of_its_own() {
    let store = Store::new().await;
    store.deliver(store.batch(vec![], vec![alone(3, Some(7), "asked"), alone(3, Some(7), "answered")])).await;
    store.deliver(store.batch(vec![offering(span(1, 2, "chat", 5), &[9])], vec![])).await;
    assert_eq!(store.steps(3).await.len(), 1, "records of one call are one step");
    assert_eq!(store.steps(3).await[0].1.len(), 2);
    let records = store.handles.reader.steps(store.scope(), trace(3), vec![own_step(7)]).await.unwrap();
    assert_eq!(records[0].logs.len(), 2);
}

#[tokio::test]
async fn the_records_of_a_step_follow_it_and_those_of_an_execution_stay_where_they_came() {
    let store = Store::new().await;
    let mut early = alone(3, Some(7), "early");
    early.at = at(1);
    let mut late = log(1, 2, "late");
    late.at = at(4);
    store.append(vec![offering(span(1, 2, "chat", 5), &[7])], vec![late, early]).await;
    let reader = &store.handles.reader;
    let steps = reader.steps(store.scope(), trace(1), vec![id(2)]).await.unwrap();
    let texts: Vec<_> = steps[0].logs.iter().map(|log| log.log().unwrap().body.as_text().unwrap()).collect();
    assert_eq!(texts, ["early", "late"]);
    assert_eq!(reader.steps(store.scope(), trace(3), vec![own_step(7)]).await.unwrap().len(), 0);
    assert_eq!(reader.records(store.scope(), trace(1)).await.unwrap().len(), 2);
    assert_eq!(reader.records(store.scope(), trace(3)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_several_spans_the_first_of_its_own_execution_takes_a_log_record_else_the_first_of_all() {
    // Executions 1, 4 and 5 offer the key; the record comes in with execution 3 or 4.
    for (home, expected) in [(3, (1, 9)), (4, (4, 2))] {
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 3, 1]] {
            let store = Store::new().await;
            let spans = [(1, 9), (4, 6), (4, 2), (5, 1)];
            for at in order {
                let batch = match spans.get(at) {
                    Some((trace, id)) => {
                        store.batch(vec![offering(span(*trace, *id, "chat", 5), &[7])], vec![])
                    }
                    None => store.batch(vec![], vec![alone(home, Some(7), "cost")]),
                };
                store.deliver(batch).await;
            }
            for (trace_number, number) in spans {
                let is_taker = (trace_number, number) == expected;
                let told = store.steps(trace_number).await;
                let step = told.iter().find(|(step, _)| *step == id(number)).unwrap();
                assert_eq!(step.1.len(), 1 + usize::from(is_taker), "{order:?}: {trace_number} {number}");
                let execution = store.execution(trace_number).await.unwrap();
                assert_eq!(execution.name, format!("{told:?}"), "the execution was computed anew");
            }
            assert_eq!(store.execution(3).await, None);
        }
    }
}

#[tokio::test]
async fn a_key_goes_before_the_span_that_a_log_record_came_with() {
    let store = Store::new().await;
    let mut cost = log(1, 2, "cost");
    cost.summary.name = Some("cost".into());
    cost.summary.joins = vec![join(7)];
    store.deliver(store.batch(vec![span(1, 2, "interaction", 9)], vec![cost])).await;
    assert_eq!(store.steps(1).await, [(id(2), vec!["interaction".into(), "cost".into()])]);
    store.deliver(store.batch(vec![offering(span(1, 5, "request", 5), &[7])], vec![])).await;
    let expected =
        [(id(2), vec!["interaction".to_owned()]), (id(5), vec!["request".to_owned(), "cost".to_owned()])];
    assert_eq!(store.steps(1).await, expected);
    let reader = &store.handles.reader;
    let steps = reader.steps(store.scope(), trace(1), vec![id(2), id(5)]).await.unwrap();
    assert_eq!([steps[0].logs.len(), steps[1].logs.len()], [0, 1]);
}

#[tokio::test]
async fn what_is_sent_twice_is_joined_once() {
    let store = Store::new().await;
    for _ in 0..2 {
        let (span, log) = (offering(span(1, 2, "chat", 5), &[7]), alone(3, Some(7), "cost"));
        store.deliver(store.batch(vec![span], vec![log])).await;
    }
    assert_eq!(store.steps(1).await, [(id(2), vec!["chat".into(), "cost".into()])]);
    let steps = store.handles.reader.steps(store.scope(), trace(1), vec![id(2)]).await.unwrap();
    assert_eq!(steps[0].logs.len(), 1);
}

#[tokio::test]
async fn equal_log_records_of_one_request_go_together() {
    let store = Store::new().await;
    let again = || {
        let mut log = alone(3, Some(7), "cost");
        log.ordinal = 1;
        log
    };
    store.deliver(store.batch(vec![], vec![alone(3, Some(7), "cost"), again()])).await;
    store.deliver(store.batch(vec![offering(span(1, 2, "chat", 5), &[7])], vec![])).await;
    let steps = store.handles.reader.steps(store.scope(), trace(1), vec![id(2)]).await.unwrap();
    assert_eq!(steps[0].logs.len(), 2);
}

#[tokio::test]
async fn a_newer_snapshot_that_offers_no_key_any_more_gives_back_what_it_took() {
    for newer_first in [true, false] {
        let store = Store::new().await;
        let mut snapshots =
            vec![offering(span(1, 2, "partial", 5), &[7]), offering(span(1, 2, "whole", 9), &[8])];
        if newer_first {
            snapshots.reverse();
        }
        store
            .deliver(store.batch(vec![], vec![alone(3, Some(7), "seven"), alone(4, Some(8), "eight")]))
            .await;
        for snapshot in snapshots {
            store.deliver(store.batch(vec![snapshot], vec![])).await;
        }
        assert_eq!(store.steps(1).await, [(id(2), vec!["whole".into(), "eight".into()])]);
        assert_eq!(store.execution(3).await.unwrap().steps, 1);
        assert_eq!(store.execution(4).await, None);
    }
}

#[tokio::test]
async fn a_span_that_announces_another_one_takes_no_log_records() {
    let store = Store::new().await;
    let mut announcement = offering(span(1, 8, "pending", 1), &[7]);
    announcement.summary.span_id = id(2);
    announcement.summary.source = treering_step::Source::Log([8; 16]);
    announcement.summary.status = Some(Status::Running);
    store.deliver(store.batch(vec![announcement], vec![alone(3, Some(7), "cost")])).await;
    assert_eq!(store.steps(1).await.len(), 1);
    assert_eq!(store.execution(3).await.unwrap().steps, 1);
    store.deliver(store.batch(vec![offering(span(1, 2, "chat", 5), &[7])], vec![])).await;
    assert_eq!(store.execution(3).await, None);
}

#[tokio::test]
async fn a_key_leads_to_no_span_of_another_project() {
    let store = Store::new().await;
    let other = store.handles.keeper.ensure_project("other").await.unwrap();
    let theirs = store.batch(vec![offering(span(1, 2, "theirs", 5), &[7])], vec![]);
    store.append_batch(treering_store::Batch { project: other.id, ..theirs }).await;
    store.deliver(store.batch(vec![], vec![alone(3, Some(7), "ours")])).await;
    assert_eq!(store.execution(3).await.unwrap().steps, 1);
}

#[tokio::test]
async fn executions_at_the_other_end_of_a_join_stay_stale_until_they_were_computed() {
    let store = Store::new().await;
    store.deliver(store.batch(vec![], vec![alone(3, Some(7), "cost")])).await;
    // The collector ends here, before it computes anything.
    store.append(vec![offering(span(1, 2, "chat", 5), &[7])], vec![]).await;
    assert_eq!(store.handles.writer.stale().await.unwrap(), store.touched(&[3]));
    store.sweep(2).await;
    assert_eq!(store.execution(3).await, None);
}
