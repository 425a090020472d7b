//! Whatever the order in which batches come, and however often: the result is the same, and it is the one that the
//! rules of joining name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use treering_redact::Record;
use treering_step::{Execution, JoinKey, ProcessId, Source, SpanId, Status, Summary, TraceId};
use treering_store::{Batch, LogEntry, Sign, SpanEntry};

use crate::support::{Store, alone, at, join, log, offering, span, trace};

const TRACES: std::ops::RangeInclusive<u8> = 1..=3;

#[derive(Debug, Clone)]
enum Item {
    Span { trace: u8, id: u8, ended: u64, keys: Vec<u8> },
    Log { trace: u8, span: Option<u8>, key: Option<u8> },
    Running { trace: u8, id: u8, process: u8, at: u64 },
    Heartbeat { process: u8, at: u64, ended: bool },
}

impl Item {
    fn span(&self) -> Option<SpanEntry> {
        let Self::Span { trace, id, ended, keys } = self else { return None };
        Some(offering(span(*trace, *id, &format!("span {keys:?} {ended}"), *ended), keys))
    }

    fn log(&self) -> Option<LogEntry> {
        match self {
            Self::Log { trace, span: None, key } => Some(alone(*trace, *key, &format!("alone {key:?}"))),
            Self::Log { trace, span: Some(span), key } => {
                let mut log = log(*trace, *span, &format!("log {key:?}"));
                log.summary.joins.extend(key.map(join));
                Some(log)
            }
            Self::Running { trace, id, process, .. } => {
                let mut log = log(*trace, *id, &format!("running in {process}"));
                log.summary.status = Some(Status::Running);
                log.summary.process = Some(ProcessId([*process; 16]));
                Some(log)
            }
            _ => None,
        }
    }

    fn sign(&self) -> Option<Sign> {
        let (process, seen, ended) = match self {
            Self::Running { process, at, .. } => (process, at, false),
            Self::Heartbeat { process, at, ended } => (process, at, *ended),
            _ => return None,
        };
        let interval = Some(Duration::from_secs(10)).filter(|_| matches!(self, Self::Heartbeat { .. }));
        let seen_at = at(*seen).unwrap();
        Some(Sign { process: ProcessId([*process; 16]), seen_at, interval, ended })
    }

    fn batch(&self, store: &Store) -> Batch {
        let (spans, logs) = (self.span().into_iter().collect(), self.log().into_iter().collect());
        Batch { signs: self.sign().into_iter().collect(), ..store.batch(spans, logs) }
    }
}

fn item() -> impl Strategy<Value = Item> {
    let key = || prop_oneof![Just(7u8), Just(8)];
    prop_oneof![
        3 => (TRACES, 1..=2u8, 1..=3u64, prop::collection::btree_set(key(), 0..=2)).prop_map(
            |(trace, id, ended, keys)| Item::Span { trace, id, ended, keys: keys.into_iter().collect() }
        ),
        3 => (TRACES, prop::option::of(1..=2u8), prop::option::weighted(0.8, key()))
            .prop_map(|(trace, span, key)| Item::Log { trace, span, key }),
        1 => (TRACES, 1..=2u8, 1..=2u8, 100..=200u64)
            .prop_map(|(trace, id, process, at)| Item::Running { trace, id, process, at }),
        1 => (1..=2u8, 100..=200u64, any::<bool>())
            .prop_map(|(process, at, ended)| Item::Heartbeat { process, at, ended }),
    ]
}

/// Items, and the places of all of them in another order, some of them twice.
fn items() -> impl Strategy<Value = (Vec<Item>, Vec<usize>)> {
    prop::collection::vec(item(), 1..16).prop_flat_map(|items| {
        let all: Vec<usize> = (0..items.len()).collect();
        let twice = prop::sample::subsequence(all.clone(), 0..=all.len());
        let order = twice.prop_map(move |twice| [all.clone(), twice].concat()).prop_shuffle();
        (Just(items), order)
    })
}

/// Everything that a store shows.
type Shown = Vec<(Vec<Summary>, Option<Execution>)>;

async fn shown<'a>(items: impl Iterator<Item = &'a Item>) -> Shown {
    let store = Store::new().await;
    for item in items {
        store.deliver(item.batch(&store)).await;
    }
    store.sweep(170).await;
    let mut shown = Vec::new();
    for trace in TRACES {
        let mut summaries = store.summaries(trace).await;
        summaries.sort_by_key(|summary| (summary.span_id, summary.source, summary.name.clone()));
        records_follow(&store, trace, &summaries).await;
        windows_follow(&store, trace, &summaries).await;
        shown.push((summaries, store.execution(trace).await));
    }
    shown
}

/// The records of each step are those that its summaries were read from.
async fn records_follow(store: &Store, trace_number: u8, summaries: &[Summary]) {
    let mut steps: Vec<_> = summaries.iter().map(|summary| summary.span_id).collect();
    steps.dedup();
    let reader = &store.handles.reader;
    for found in reader.steps(store.scope(), trace(trace_number), steps).await.unwrap() {
        let identities = |record: &Record| Source::Log(record.identity());
        let mut sources: Vec<_> = found.logs.iter().map(identities).collect();
        sources.extend(found.span.iter().map(|_| Source::Span));
        sources.sort_unstable();
        let of_step = summaries.iter().filter(|summary| summary.span_id == found.span_id);
        let mut expected: Vec<_> = of_step.map(|summary| of_record(summary.source)).collect();
        expected.sort_unstable();
        assert_eq!(sources, expected);
    }
}

/// What is told of single steps, and of the skeleton's, is what the whole tells of them.
async fn windows_follow(store: &Store, number: u8, whole: &[Summary]) {
    let reader = &store.handles.reader;
    let add = |steps: &mut Vec<Vec<Summary>>, step| steps.push(step);
    let skeleton: Vec<_> = reader.skeleton(store.scope(), trace(number), add).await.unwrap();
    let mut spans: Vec<_> = skeleton.iter().map(|step| step[0].span_id).collect();
    spans.sort_unstable();
    let mut expected: Vec<_> = whole.iter().map(|summary| summary.span_id).collect();
    expected.dedup();
    assert_eq!(spans, expected, "each step is handed out once");
    for step in skeleton {
        assert!(step.iter().all(|told| told.span_id == step[0].span_id));
        let of_whole = || whole.iter().filter(|told| told.span_id == step[0].span_id);
        let place =
            |told: &Summary| (told.source, told.parent_span_id, told.status, told.started_at, told.ended_at);
        let mut bare: Vec<_> = step.iter().map(place).collect();
        bare.sort_unstable_by_key(|place| place.0);
        assert_eq!(bare, of_whole().map(place).collect::<Vec<_>>());
        let mut told =
            reader.summaries_of(store.scope(), trace(number), vec![step[0].span_id]).await.unwrap();
        told.sort_by_key(|told| (told.source, told.name.clone()));
        assert_eq!(told, of_whole().cloned().collect::<Vec<_>>());
    }
}

fn of_record(source: Source) -> Source {
    match source {
        Source::Alone(identity) => Source::Log(identity),
        source => source,
    }
}

/// The steps of each execution with the names of what is told of them, by the words of the rule.
fn expected(items: &[Item]) -> BTreeMap<TraceId, BTreeSet<(SpanId, Option<String>)>> {
    let mut spans = BTreeMap::<(TraceId, SpanId), SpanEntry>::new();
    for span in items.iter().filter_map(Item::span) {
        let rank = |span: &SpanEntry| (span.ended_at, span.record.identity());
        let place = (span.trace_id, span.span_id);
        if spans.get(&place).is_none_or(|other| rank(other) < rank(&span)) {
            spans.insert(place, span);
        }
    }
    let taker = |key: JoinKey, own: TraceId| {
        let offers = spans.values().filter(|span| span.summary.joins.contains(&key));
        offers.map(|span| (span.trace_id != own, span.trace_id, span.span_id)).min()
    };
    let mut steps = BTreeMap::<_, BTreeSet<_>>::new();
    for log in items.iter().filter_map(Item::log) {
        let taker = log.summary.joins.first().and_then(|key| taker(*key, log.trace_id));
        let (trace, step) = taker.map_or((log.trace_id, log.summary.span_id), |(_, trace, id)| (trace, id));
        steps.entry(trace).or_default().insert((step, log.summary.name));
    }
    for ((trace, step), span) in spans {
        steps.entry(trace).or_default().insert((step, span.summary.name));
    }
    steps
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::BACKEND.cases(32), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_give_the_same_in_any_order((items, order) in items()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let here = runtime.block_on(shown(items.iter()));
        let there = runtime.block_on(shown(order.iter().map(|at| &items[*at])));
        prop_assert_eq!(&here, &there);
        let expected = expected(&items);
        for (number, (summaries, execution)) in TRACES.zip(&here) {
            let steps: BTreeSet<_> =
                summaries.iter().map(|summary| (summary.span_id, summary.name.clone())).collect();
            prop_assert_eq!(&steps, &expected.get(&trace(number)).cloned().unwrap_or_default());
            let count: BTreeSet<_> = steps.iter().map(|(step, _)| step).collect();
            prop_assert_eq!(execution.as_ref().map_or(0, |execution| execution.steps), count.len() as u64);
        }
    }
}
