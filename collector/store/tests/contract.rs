//! The contract of a store, written against its handles: every store passes the same battery.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

use serde_json::json;
use treering_otlp::{Export, Signal};
use treering_redact::{Record, Rules};
use treering_step::{Execution, Kind, Source, SpanId, Status, Summary, Timestamp, TraceId};
use treering_store::{
    ApiKey, Batch, Computed, ExecutionFilter, Handles, LogEntry, OutcomeCount, Project, Scope, Scopes,
    SpanEntry, StoreUrl, Touched,
};

struct Store {
    handles: Handles,
    project: Project,
    url: StoreUrl,
    _folder: tempfile::TempDir,
}

impl Store {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url: StoreUrl = format!("sqlite:{}", folder.path().join("store.db").display()).parse().unwrap();
        let handles = treering_store::open(&url).await.unwrap();
        let project = handles.keeper.ensure_project("default").await.unwrap();
        Self { handles, project, url, _folder: folder }
    }

    fn scope(&self) -> Scope {
        Scope::of(self.project.id)
    }

    async fn append(&self, spans: Vec<SpanEntry>, logs: Vec<LogEntry>) -> Vec<Touched> {
        let batch = Batch { project: self.project.id, day: 20_000, spans, logs };
        self.handles.writer.append(vec![batch]).await.unwrap()
    }

    async fn put(&self, version: u64, execution: Execution) {
        let computed = Computed { project: self.project.id, version, execution };
        self.handles.writer.put_executions(vec![computed]).await.unwrap();
    }

    async fn list(&self, filter: ExecutionFilter) -> Vec<String> {
        let page = self.handles.reader.executions(self.scope(), filter).await.unwrap();
        page.executions.into_iter().map(|execution| execution.name).collect()
    }
}

fn trace(number: u8) -> TraceId {
    TraceId::from_bytes(&[number; 16]).unwrap()
}

fn id(number: u8) -> SpanId {
    SpanId::from_bytes(&[number; 8]).unwrap()
}

fn at(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

fn record(signal: Signal, json: &serde_json::Value) -> Record {
    let export = Export::from_json(signal, json.to_string().as_bytes()).unwrap();
    Rules::builtin().redact_export(export).unwrap().records().remove(0)
}

/// A span that ended at this second.
fn span(trace_number: u8, number: u8, name: &str, ended: u64) -> SpanEntry {
    let (trace_id, span_id) = (trace(trace_number), id(number));
    let json = json!({"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": trace_id, "spanId": span_id, "name": name, "endTimeUnixNano": ended * 1_000_000_000}]}]}]});
    let mut summary = Summary::new(span_id, Source::Span);
    summary.name = Some(name.to_owned());
    summary.kind = Some(Kind::Llm);
    summary.model = Some("gpt-4o-mini".into());
    summary.ended_at = at(ended);
    summary.redactions.insert("EMAIL".into(), 2);
    SpanEntry::new(record(Signal::Traces, &json), summary).unwrap()
}

fn log(trace_number: u8, span_number: u8, text: &str) -> LogEntry {
    let (trace_id, span_id) = (trace(trace_number), id(span_number));
    let json = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"traceId": trace_id, "spanId": span_id, "body": {"stringValue": text}}]}]}]});
    let record = record(Signal::Logs, &json);
    let summary = Summary::new(span_id, Source::Log(record.identity()));
    LogEntry { trace_id, ordinal: 0, at: at(1), record, summary }
}

fn execution(number: u8, name: &str, started: u64) -> Execution {
    Execution {
        trace_id: trace(number),
        name: name.into(),
        kind: Kind::Agent,
        agent: Some(format!("{name}-agent")),
        status: if number.is_multiple_of(2) { Status::Error } else { Status::Ok },
        started_at: at(started),
        duration_ns: u64::from(number) * 1_000,
        steps: 3,
        errors: 0,
        redactions: 1,
        tokens: Default::default(),
        cost_usd: Some(0.25),
        models: vec!["gpt-4o-mini".into()],
        session_id: Some(format!("session-{number}")),
        user_id: None,
    }
}

#[tokio::test]
async fn a_span_comes_back_as_it_went_in() {
    let store = Store::new().await;
    let entry = span(1, 2, "chat", 5);
    let expected = entry.record.clone();
    let touched = store.append(vec![entry], vec![log(1, 2, "hello")]).await;
    assert_eq!(touched, [Touched { project: store.project.id, trace_id: trace(1) }]);
    let steps = store.handles.reader.steps(store.scope(), trace(1), vec![id(2), id(9)]).await.unwrap();
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].span.as_ref(), Some(&expected));
    assert_eq!(steps[0].logs[0].log().unwrap().body.as_text(), Some("hello"));
    assert_eq!(store.handles.reader.records(store.scope(), trace(1)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_summary_comes_back_as_it_went_in() {
    let store = Store::new().await;
    let mut entry = span(1, 2, "chat", 5);
    entry.summary.parent_span_id = Some(id(7));
    entry.summary.tokens.input = Some(12);
    entry.summary.cost_usd = Some(0.5);
    entry.summary.status = Some(Status::Error);
    let expected = entry.summary.clone();
    store.append(vec![entry], vec![]).await;
    assert_eq!(store.handles.reader.summaries(store.scope(), trace(1)).await.unwrap(), [expected]);
}

#[tokio::test]
async fn what_is_sent_twice_is_there_once() {
    let store = Store::new().await;
    for _ in 0..2 {
        store.append(vec![span(1, 2, "chat", 5)], vec![log(1, 2, "hello")]).await;
    }
    assert_eq!(store.handles.reader.records(store.scope(), trace(1)).await.unwrap().len(), 2);
    assert_eq!(store.handles.reader.summaries(store.scope(), trace(1)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn of_two_snapshots_the_one_that_ended_last_stays_whatever_the_order() {
    for order in [[5, 9], [9, 5]] {
        let store = Store::new().await;
        for ended in order {
            store.append(vec![span(1, 2, &format!("ended at {ended}"), ended)], vec![]).await;
        }
        let summaries = store.handles.reader.summaries(store.scope(), trace(1)).await.unwrap();
        assert_eq!(summaries[0].name.as_deref(), Some("ended at 9"));
        let steps = store.handles.reader.steps(store.scope(), trace(1), vec![id(2)]).await.unwrap();
        assert_eq!(steps[0].span.as_ref().unwrap().span().unwrap().name, "ended at 9");
    }
}

#[tokio::test]
async fn a_span_that_announces_another_one_is_kept_and_read_with_it() {
    for announcement_first in [true, false] {
        let store = Store::new().await;
        let mut announcement = span(1, 8, "pending", 1);
        announcement.summary.span_id = id(2);
        announcement.summary.source = Source::Log([8; 16]);
        let mut spans = vec![announcement, span(1, 2, "chat", 5)];
        if !announcement_first {
            spans.reverse();
        }
        for span in spans {
            store.append(vec![span], vec![]).await;
        }
        let steps = store.handles.reader.steps(store.scope(), trace(1), vec![id(2)]).await.unwrap();
        assert_eq!(steps[0].span.as_ref().unwrap().span().unwrap().name, "chat");
        assert_eq!(steps[0].logs[0].span().unwrap().name, "pending");
        assert_eq!(store.handles.reader.records(store.scope(), trace(1)).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn the_same_ids_in_another_project_are_another_span() {
    let store = Store::new().await;
    let other = store.handles.keeper.ensure_project("other").await.unwrap();
    store.append(vec![span(1, 2, "ours", 5)], vec![]).await;
    let theirs = Batch { project: other.id, day: 20_000, spans: vec![span(1, 2, "theirs", 9)], logs: vec![] };
    store.handles.writer.append(vec![theirs]).await.unwrap();
    let summaries = store.handles.reader.summaries(store.scope(), trace(1)).await.unwrap();
    assert_eq!(summaries[0].name.as_deref(), Some("ours"));
    assert_eq!(store.handles.reader.projects().await.unwrap().len(), 2);
}

#[tokio::test]
async fn executions_are_listed_newest_first_and_page_by_page() {
    let store = Store::new().await;
    for number in 1..=7 {
        let one = execution(number, &format!("run {number}"), u64::from(number) * 10);
        store.put(1, one).await;
    }
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let filter = ExecutionFilter { limit: 3, cursor, ..Default::default() };
        let page = store.handles.reader.executions(store.scope(), filter).await.unwrap();
        names.push(
            page.executions.iter().map(|execution| execution.name.clone()).collect::<Vec<_>>().join(","),
        );
        // A cursor survives its text, since it travels in addresses.
        cursor = page.next.map(|next| next.to_string().parse().unwrap());
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["run 7,run 6,run 5", "run 4,run 3,run 2", "run 1"]);
}

#[tokio::test]
async fn every_filter_filters() {
    let store = Store::new().await;
    for number in 1..=4 {
        let one = execution(number, &format!("run {number}"), u64::from(number) * 10);
        store.put(1, one).await;
    }
    store.append(vec![span(3, 1, "chat", 5)], vec![]).await;
    let all = ExecutionFilter::default;
    let text = |text: &str| ExecutionFilter { text: Some(text.into()), ..all() };
    assert_eq!(store.list(text("RUN 2")).await, ["run 2"]);
    assert_eq!(store.list(text("session-3")).await, ["run 3"]);
    assert_eq!(store.list(text(&trace(4).to_string())).await, ["run 4"]);
    assert_eq!(store.list(text("100% _ nothing")).await, [""; 0]);
    assert_eq!(
        store.list(ExecutionFilter { status: Some(Status::Error), ..all() }).await,
        ["run 4", "run 2"]
    );
    assert_eq!(store.list(ExecutionFilter { kind: Some(Kind::Llm), ..all() }).await, ["run 3"]);
    assert_eq!(store.list(ExecutionFilter { kind: Some(Kind::Tool), ..all() }).await, [""; 0]);
    assert_eq!(store.list(ExecutionFilter { model: Some("gpt-4o-mini".into()), ..all() }).await, ["run 3"]);
    assert_eq!(store.list(ExecutionFilter { agent: Some("run 1-agent".into()), ..all() }).await, ["run 1"]);
    assert_eq!(store.list(ExecutionFilter { session: Some("session-2".into()), ..all() }).await, ["run 2"]);
    assert_eq!(store.list(ExecutionFilter { user: Some("nobody".into()), ..all() }).await, [""; 0]);
    assert_eq!(store.list(ExecutionFilter { from: at(20), to: at(40), ..all() }).await, ["run 3", "run 2"]);
    assert_eq!(store.list(ExecutionFilter { min_duration_ns: Some(4_000), ..all() }).await, ["run 4"]);
}

#[tokio::test]
async fn an_execution_that_was_computed_from_less_does_not_replace_a_newer_one() {
    let store = Store::new().await;
    for (version, name) in [(2, "newer"), (1, "older"), (2, "newest")] {
        store.put(version, execution(1, name, 10)).await;
    }
    let found = store.handles.reader.execution(store.scope(), trace(1)).await.unwrap().unwrap();
    assert_eq!(found, execution(1, "newest", 10));
}

#[tokio::test]
async fn versions_grow_with_what_is_written() {
    let store = Store::new().await;
    let of = Touched { project: store.project.id, trace_id: trace(1) };
    store.append(vec![span(1, 1, "first", 5)], vec![]).await;
    let before = store.handles.writer.summaries(vec![of]).await.unwrap().remove(0).version;
    store.append(vec![span(1, 2, "second", 6)], vec![]).await;
    let after = store.handles.writer.summaries(vec![of]).await.unwrap().remove(0);
    assert!(after.version > before);
    assert_eq!(after.summaries.len(), 2);
}

#[tokio::test]
async fn a_key_is_found_by_its_secret_until_it_is_revoked() {
    let store = Store::new().await;
    let key = ApiKey::generate().unwrap();
    let scopes = Scopes { ingest: true, read: false };
    let made = store.handles.keeper.create_key(store.project.clone(), &key, scopes, at(100)).await.unwrap();
    let found = store.handles.keys.find(&key).await.unwrap().unwrap();
    assert_eq!(found, made);
    assert!(found.is_live(at(99).unwrap()) && !found.is_live(at(100).unwrap()));
    assert!(store.handles.keeper.revoke_key(made.id).await.unwrap());
    assert!(!store.handles.keeper.revoke_key(made.id).await.unwrap());
    let revoked = store.handles.keys.find(&key).await.unwrap().unwrap();
    assert!(!revoked.is_live(at(1).unwrap()));
    assert_eq!(store.handles.keys.find(&ApiKey::generate().unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_is_nowhere_in_the_file() {
    let store = Store::new().await;
    let key = ApiKey::generate().unwrap();
    let scopes = Scopes { ingest: true, read: true };
    store.handles.keeper.create_key(store.project.clone(), &key, scopes, None).await.unwrap();
    assert!(!format!("{key:?}").contains(key.reveal()));
    let secret = &key.reveal().as_bytes()[10..];
    for file in std::fs::read_dir(store._folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn a_mistyped_key_is_refused_without_a_look_up() {
    let key = ApiKey::generate().unwrap();
    let text = key.reveal();
    assert_eq!(text.len(), 4 + 32 + 6);
    assert!(ApiKey::parse(text).is_some());
    for at in 0..text.len() {
        let mut other = text.to_owned().into_bytes();
        other[at] = if other[at] == b'x' { b'y' } else { b'x' };
        assert!(ApiKey::parse(std::str::from_utf8(&other).unwrap()).is_none(), "character {at}");
    }
    assert!(ApiKey::parse(&text[1..]).is_none());
    assert!(ApiKey::parse(&format!("{text}0")).is_none());
    assert!(ApiKey::parse("trk_é").is_none());
}

#[tokio::test]
async fn outcomes_add_up_over_minutes_and_collectors() {
    let store = Store::new().await;
    let count = |count| vec![OutcomeCount { name: "accepted.records".into(), count }];
    for (collector, minute, times) in [("a", 1, 2), ("a", 1, 3), ("a", 2, 5), ("b", 1, 7)] {
        store.handles.writer.count(collector.into(), minute, count(times)).await.unwrap();
    }
    assert_eq!(store.handles.reader.outcomes().await.unwrap(), count(17));
}

#[tokio::test]
async fn a_store_that_only_reads_sees_what_another_process_wrote() {
    let store = Store::new().await;
    let reading = treering_store::open_read_only(&store.url).await.unwrap();
    store.append(vec![span(1, 2, "chat", 5)], vec![]).await;
    assert_eq!(reading.reader.summaries(store.scope(), trace(1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_store_that_is_not_there_is_not_made_by_reading() {
    let folder = tempfile::tempdir().unwrap();
    let url: StoreUrl = format!("sqlite:{}", folder.path().join("absent.db").display()).parse().unwrap();
    assert!(treering_store::open_read_only(&url).await.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!("mysql://somewhere".parse::<StoreUrl>().is_err());
}
