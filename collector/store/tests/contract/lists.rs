//! Lists: whatever is filtered and however the pages are cut, what is shown is what a person would choose by hand.

use std::collections::BTreeSet;

use proptest::prelude::*;
use treering_step::{Execution, Kind, Status, Timestamp, TraceId};
use treering_store::{Cursor, ExecutionFilter, SpanEntry};

use crate::support::{Store, at, execution, span, trace};

/// An execution and the kind and the model of its one step.
#[derive(Debug, Clone)]
struct Run {
    execution: Execution,
    kind: Kind,
    model: &'static str,
}

const WORDS: &[&str] = &["oak", "OAK", "o", "oak\"", "%", "_", "a'k", "[\"oak\"]", "\u{202e}kao", "oak\0"];
const KINDS: &[Kind] = &[Kind::Agent, Kind::Llm, Kind::Tool, Kind::Span];
const STATUSES: &[Status] = &[Status::Ok, Status::Error, Status::Running];

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(WORDS)
}

fn run() -> impl Strategy<Value = Run> {
    let own = (1..=3u64, 0..4u64, prop::sample::select(STATUSES), prop::sample::select(KINDS));
    let words = (prop::option::of(word()), prop::option::of(word()), prop::option::of(word()));
    (own, words, word(), prop::collection::btree_set(word(), 0..3)).prop_map(
        |((started, duration, status, kind), (agent, session, user), model, models)| {
            let owned = |word: Option<&str>| word.map(str::to_owned);
            let execution = Execution {
                agent: owned(agent),
                status,
                duration_ns: duration,
                models: models.into_iter().map(str::to_owned).collect(),
                session_id: owned(session),
                user_id: owned(user),
                ..execution(1, "run", started)
            };
            Run { execution, kind, model }
        },
    )
}

fn filter() -> impl Strategy<Value = ExecutionFilter> {
    let maybe = |strategy| prop::option::weighted(0.3, strategy);
    let text = || prop::option::weighted(0.3, word().prop_map(str::to_owned));
    let kind = prop::option::weighted(0.3, prop::sample::select(KINDS));
    let status = prop::option::weighted(0.3, prop::sample::select(STATUSES));
    (status, kind, (text(), text(), text(), text()), (maybe(0..5u64), maybe(0..5), maybe(0..4)), 0..4u32)
        .prop_map(|(status, kind, (model, agent, session, user), (from, to, min_duration_ns), limit)| {
            ExecutionFilter {
                status,
                kind,
                model,
                agent,
                session,
                user,
                from: from.and_then(at),
                to: to.and_then(at),
                min_duration_ns,
                limit,
                ..ExecutionFilter::default()
            }
        })
}

/// What a person would choose.
fn chosen(run: &Run, filter: &ExecutionFilter) -> bool {
    let Run { execution, kind, model } = run;
    let is = |asked: &Option<String>, own: &Option<String>| asked.is_none() || asked == own;
    let names = |asked: &String| asked == model || execution.models.contains(asked);
    filter.status.is_none_or(|status| status == execution.status)
        && filter.kind.is_none_or(|asked| asked == *kind)
        && filter.model.as_ref().is_none_or(names)
        && is(&filter.agent, &execution.agent)
        && is(&filter.session, &execution.session_id)
        && is(&filter.user, &execution.user_id)
        && filter.from.is_none_or(|from| execution.started_at >= Some(from))
        && filter.to.is_none_or(|to| execution.started_at < Some(to))
        && filter.min_duration_ns.is_none_or(|least| execution.duration_ns >= least)
}

impl Store {
    async fn put_run(&self, number: u8, run: &Run) -> Execution {
        let mut step: SpanEntry = span(number, 1, "step", 5);
        (step.summary.kind, step.summary.model) = (Some(run.kind), Some(run.model.to_owned()));
        self.append(vec![step], vec![]).await;
        let execution = Execution { trace_id: trace(number), ..run.execution.clone() };
        self.put(1_000, execution.clone()).await;
        execution
    }

    /// All pages, one after the other.
    async fn pages(&self, filter: &ExecutionFilter) -> Vec<Execution> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let filter = ExecutionFilter { cursor, ..filter.clone() };
            let page = self.handles.reader.executions(self.scope(), filter.clone()).await.unwrap();
            assert!(page.executions.len() <= if filter.limit == 0 { 50 } else { filter.limit as usize });
            all.extend(page.executions);
            cursor = page.next.map(|next| next.to_string().parse::<Cursor>().unwrap());
            if cursor.is_none() {
                return all;
            }
        }
    }
}

fn newest_first(execution: &Execution) -> impl Ord + use<> {
    std::cmp::Reverse((execution.started_at, execution.trace_id))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::BACKEND.cases(24), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_the_list_has_those_and_no_others(
        runs in prop::collection::vec(run(), 1..24),
        filters in prop::collection::vec(filter(), 24),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = Store::new().await;
            let mut kept = Vec::new();
            for (number, run) in (1..).zip(&runs) {
                kept.push((store.put_run(number, run).await, run));
            }
            for filter in &filters {
                let those = kept.iter().filter(|(_, run)| chosen(run, filter));
                let mut expected: Vec<_> = those.map(|(execution, _)| execution.clone()).collect();
                expected.sort_by_key(newest_first);
                assert_eq!(store.pages(filter).await, expected, "{filter:?}");
            }
        });
    }
}

#[tokio::test]
async fn who_turns_pages_while_rows_arrive_misses_none_and_sees_none_twice() {
    let store = Store::new().await;
    // Executions of one moment stand in the order of their ids.
    for number in (10..100).step_by(2) {
        store.put(1, execution(number, "early", u64::from(number / 20))).await;
    }
    let early: BTreeSet<TraceId> = (10..100).step_by(2).map(trace).collect();
    let (mut seen, mut cursor, mut late) = (Vec::new(), None, 1);
    loop {
        let filter = ExecutionFilter { limit: 7, cursor, ..Default::default() };
        let page = store.handles.reader.executions(store.scope(), filter).await.unwrap();
        seen.extend(page.executions.iter().map(|execution| execution.trace_id));
        // One before, one among, and one after those that were seen.
        for started in [9, seen.len() as u64 / 10, 0] {
            store.put(1, execution(late * 2 + 1, "late", started + 1)).await;
            late += 1;
        }
        cursor = page.next;
        if cursor.is_none() || late > 120 {
            break;
        }
    }
    assert!(cursor.is_none(), "the last page is reached");
    let once: BTreeSet<_> = seen.iter().copied().collect();
    assert_eq!(once.len(), seen.len(), "none is seen twice");
    assert!(early.is_subset(&once), "none is missed");
}

#[tokio::test]
async fn an_execution_that_moves_in_the_list_stands_in_its_new_place_alone() {
    let store = Store::new().await;
    for (version, started) in [(1, 30), (2, 10), (3, 20)] {
        store.put(version, execution(1, "moving", started)).await;
        store.put(version, execution(2, "staying", 15)).await;
    }
    assert_eq!(store.list(ExecutionFilter::default()).await, ["moving", "staying"]);
    let before = ExecutionFilter { to: Timestamp::from_nanos(20_000_000_000), ..Default::default() };
    assert_eq!(store.list(before).await, ["staying"]);
}

#[tokio::test]
async fn the_longest_page_has_a_thousand() {
    let store = Store::new().await;
    let of = |number: u16| {
        let mut id = [7; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        Execution { trace_id: TraceId::from_bytes(&id).unwrap(), ..execution(1, "run", 10) }
    };
    let computed =
        |number| treering_store::Computed { project: store.project.id, version: 1, execution: of(number) };
    store.handles.writer.put_executions((0..1_010).map(computed).collect()).await.unwrap();
    let filter = ExecutionFilter { limit: u32::MAX, ..Default::default() };
    let page = store.handles.reader.executions(store.scope(), filter).await.unwrap();
    assert_eq!(page.executions.len(), 1_000);
    assert!(page.next.is_some());
}

#[tokio::test]
async fn sessions_and_users_of_any_length_and_of_any_sign_are_found() {
    let store = Store::new().await;
    let mut names: Vec<_> =
        [1, 299, 300, 301, 600, 601, 5_000].map(|length| "é".repeat(length)).into_iter().collect();
    names.extend(["\0".repeat(300), "\0".repeat(301), format!("{}\0", "x".repeat(600)), String::new()]);
    for (number, name) in (1..).zip(&names) {
        let named = || Some(name.clone());
        let execution = execution(number, &number.to_string(), 10);
        store.put(1, Execution { session_id: named(), user_id: named(), ..execution }).await;
    }
    for (number, name) in (1..).zip(&names) {
        let number: u8 = number;
        let session = ExecutionFilter { session: Some(name.clone()), ..ExecutionFilter::default() };
        assert_eq!(store.list(session).await, [number.to_string()]);
        let user = ExecutionFilter { user: Some(name.clone()), ..ExecutionFilter::default() };
        assert_eq!(store.list(user).await, [number.to_string()]);
    }
}
