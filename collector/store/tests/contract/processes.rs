//! Steps run as long as their process does.

use std::time::Duration;

use treering_step::{ProcessId, Status};
use treering_store::{Batch, LogEntry, Sign};

use crate::support::{Store, at, id, log, span};

const PROCESS: ProcessId = ProcessId([1; 16]);
const DAY: u64 = 24 * 60 * 60;

fn running(trace_number: u8, number: u8) -> LogEntry {
    let mut log = log(trace_number, number, "running");
    log.summary.status = Some(Status::Running);
    log.summary.process = Some(PROCESS);
    log
}

/// The process was seen at this second.
fn seen(seconds: u64) -> Sign {
    Sign { process: PROCESS, seen_at: at(seconds).unwrap(), interval: None, ended: false }
}

fn heartbeat(seconds: u64) -> Sign {
    Sign { interval: Some(Duration::from_secs(10)), ..seen(seconds) }
}

impl Store {
    async fn hear(&self, sign: Sign) {
        self.deliver(Batch { signs: vec![sign], ..self.batch(vec![], vec![]) }).await;
    }

    async fn run_step(&self, sign: Sign) {
        self.deliver(Batch { signs: vec![sign], ..self.batch(vec![], vec![running(1, 2)]) }).await;
    }

    /// How the step stands, in its execution and in the list.
    async fn stands(&self) -> (Option<Status>, Status) {
        (self.summaries(1).await[0].status, self.execution(1).await.unwrap().status)
    }
}

const RUNNING: (Option<Status>, Status) = (Some(Status::Running), Status::Running);
/// The tests compute an execution without a running step as a good one.
const INTERRUPTED: (Option<Status>, Status) = (Some(Status::Interrupted), Status::Ok);

#[tokio::test]
async fn a_step_runs_until_its_process_misses_three_heartbeats() {
    let store = Store::new().await;
    store.run_step(heartbeat(100)).await;
    for (now, expected) in [(129, RUNNING), (130, RUNNING), (131, INTERRUPTED)] {
        store.sweep(now).await;
        assert_eq!(store.stands().await, expected, "after {now} seconds");
    }
}

#[tokio::test]
async fn every_record_of_a_process_is_a_sign_of_life() {
    let store = Store::new().await;
    store.run_step(heartbeat(100)).await;
    store.hear(seen(125)).await;
    store.sweep(150).await;
    assert_eq!(store.stands().await, RUNNING);
    // What is delivered once more after a crash was accepted when it was.
    store.hear(seen(110)).await;
    store.sweep(156).await;
    assert_eq!(store.stands().await, INTERRUPTED);
}

#[tokio::test]
async fn a_process_without_heartbeats_may_be_silent_for_a_day() {
    let store = Store::new().await;
    store.run_step(seen(100)).await;
    store.sweep(99 + DAY).await;
    assert_eq!(store.stands().await, RUNNING);
    store.sweep(101 + DAY).await;
    assert_eq!(store.stands().await, INTERRUPTED);
}

#[tokio::test]
async fn a_process_that_says_that_it_ends_is_gone_at_once() {
    let store = Store::new().await;
    store.run_step(heartbeat(100)).await;
    store.hear(Sign { ended: true, ..heartbeat(101) }).await;
    store.sweep(102).await;
    assert_eq!(store.stands().await, INTERRUPTED);
    // Its last spans may come after its last word.
    store.hear(seen(103)).await;
    assert_eq!(store.stands().await, INTERRUPTED);
    // Another process may be given the same name.
    store.hear(heartbeat(104)).await;
    assert_eq!(store.stands().await, RUNNING);
}

#[tokio::test]
async fn a_last_word_counts_even_where_a_span_is_accepted_after_it() {
    for word_first in [true, false] {
        let store = Store::new().await;
        store.run_step(heartbeat(100)).await;
        let mut signs = vec![Sign { ended: true, ..heartbeat(101) }, seen(102)];
        if !word_first {
            signs.reverse();
        }
        for sign in signs {
            store.hear(sign).await;
        }
        store.sweep(103).await;
        assert_eq!(store.stands().await, INTERRUPTED);
    }
}

#[tokio::test]
async fn a_process_that_speaks_again_was_not_gone() {
    let store = Store::new().await;
    store.run_step(heartbeat(100)).await;
    store.sweep(140).await;
    assert_eq!(store.stands().await, INTERRUPTED);
    // Delivered once more.
    store.hear(heartbeat(100)).await;
    assert_eq!(store.stands().await, INTERRUPTED);
    store.hear(heartbeat(141)).await;
    assert_eq!(store.stands().await, RUNNING);
    store.sweep(142).await;
    assert_eq!(store.stands().await, RUNNING);
    store.sweep(180).await;
    assert_eq!(store.stands().await, INTERRUPTED);
}

#[tokio::test]
async fn silence_before_anybody_listened_is_none() {
    let store = Store::new().await;
    store.run_step(heartbeat(100)).await;
    let writer = &store.handles.writer;
    for (now, listening_since, expected) in [(500, 480, 0), (511, 480, 1)] {
        writer.bury(at(now).unwrap(), at(listening_since).unwrap()).await.unwrap();
        assert_eq!(writer.stale().await.unwrap().len(), expected);
    }
}

#[tokio::test]
async fn the_span_replaces_the_running_step_whatever_became_of_the_process() {
    for span_first in [true, false] {
        let store = Store::new().await;
        let mut ended = span(1, 2, "chat", 120);
        ended.summary.status = Some(Status::Ok);
        if span_first {
            store.deliver(store.batch(vec![ended], vec![])).await;
            store.run_step(heartbeat(100)).await;
            store.handles.writer.bury(at(500).unwrap(), at(1).unwrap()).await.unwrap();
            assert_eq!(store.handles.writer.stale().await.unwrap(), [], "nothing was interrupted");
        } else {
            store.run_step(heartbeat(100)).await;
            store.sweep(500).await;
            store.deliver(store.batch(vec![ended], vec![])).await;
        }
        let told = store.summaries(1).await;
        let of_span = told.iter().find(|told| told.source == treering_step::Source::Span).unwrap();
        assert_eq!((of_span.span_id, of_span.status), (id(2), Some(Status::Ok)));
    }
}

#[tokio::test]
async fn only_the_steps_of_the_process_that_is_gone_are_interrupted() {
    let store = Store::new().await;
    store.run_step(heartbeat(100)).await;
    let other = ProcessId([2; 16]);
    let mut theirs = running(5, 6);
    theirs.summary.process = Some(other);
    let sign = Sign { process: other, ..heartbeat(120) };
    store.deliver(Batch { signs: vec![sign], ..store.batch(vec![], vec![theirs]) }).await;
    store.sweep(140).await;
    assert_eq!(store.summaries(1).await[0].status, Some(Status::Interrupted));
    assert_eq!(store.summaries(5).await[0].status, Some(Status::Running));
}
