use tempfile::TempDir;
use treering_otlp::{Export, Signal};
use treering_redact::{Record, Rules};
use treering_seal::MasterKey;
use treering_step::{Source, SpanId, TraceId};
use treering_store::{Batch, Handles, MasterSource, Project, Scope, SpanEntry, StoreUrl};

use super::*;

struct Fixture {
    handles: Handles,
    project: Project,
    computing: Computing,
    _folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let url = StoreUrl::Sqlite(folder.path().join("store.db"));
        let master = MasterSource::Key(MasterKey::generate().unwrap());
        let handles = treering_store::open(&url, master).await.unwrap();
        let project = handles.keeper.ensure_project("default").await.unwrap();
        let computing = Computing::new(handles.writer.clone(), Arc::default());
        Self { handles, project, computing, _folder: folder }
    }

    /// Appends steps to the one execution.
    async fn append(&self, numbers: std::ops::Range<u64>) -> Vec<Touched> {
        let record = record();
        let entry = |number: u64| {
            let span_id = SpanId::from_bytes(&number.to_be_bytes()).unwrap();
            let summary = Summary::new(span_id, Source::Span);
            SpanEntry { trace_id: trace(), span_id, ended_at: None, record: record.clone(), summary }
        };
        let spans = numbers.map(entry).collect();
        let batch = Batch { project: self.project.id, day: 20_000, spans, logs: vec![], signs: vec![] };
        self.handles.writer.append(vec![batch]).await.unwrap()
    }

    async fn steps(&self) -> u64 {
        let scope = Scope::of(self.project.id);
        self.handles.reader.execution(scope, trace()).await.unwrap().map_or(0, |execution| execution.steps)
    }
}

fn trace() -> TraceId {
    TraceId::from_bytes(&[1; 16]).unwrap()
}

fn record() -> Record {
    let ids = format!(r#""traceId":"{}","spanId":"{}""#, "01".repeat(16), "02".repeat(8));
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"name":"step"}}]}}]}}]}}"#);
    let export = Export::from_json(Signal::Traces, json.as_bytes()).unwrap();
    Rules::builtin().redact_export(export).unwrap().records().remove(0)
}

#[tokio::test]
async fn a_small_execution_is_computed_with_each_batch() {
    let fixture = Fixture::new().await;
    for end in 2..6 {
        let touched = fixture.append(end - 1..end).await;
        fixture.computing.touched(&touched).await.unwrap();
        assert_eq!(fixture.steps().await, end - 1);
    }
}

#[tokio::test]
async fn a_giant_rests_and_what_is_new_of_it_is_remembered_until_it_is_computed() {
    let fixture = Fixture::new().await;
    let touched = fixture.append(1..GIANT + 2).await;
    fixture.computing.touched(&touched).await.unwrap();
    assert_eq!(fixture.steps().await, GIANT + 1);
    // Longer than this test takes anywhere.
    fixture.computing.rest_all(Duration::from_secs(3_600));
    let touched = fixture.append(GIANT + 2..GIANT + 10).await;
    fixture.computing.touched(&touched).await.unwrap();
    fixture.computing.stale(Share::ALL).await.unwrap();
    assert_eq!(fixture.steps().await, GIANT + 1, "it rests");
    assert_eq!(fixture.handles.writer.stale().await.unwrap(), touched, "and is not forgotten");
    fixture.computing.rest_all(Duration::ZERO);
    fixture.computing.stale(Share::ALL).await.unwrap();
    assert_eq!(fixture.steps().await, GIANT + 9);
    assert_eq!(fixture.handles.writer.stale().await.unwrap(), []);
}

#[tokio::test]
async fn what_must_be_computed_at_once_does_not_rest() {
    let fixture = Fixture::new().await;
    let touched = fixture.append(1..GIANT + 2).await;
    fixture.computing.touched(&touched).await.unwrap();
    fixture.computing.rest_all(Duration::from_secs(3_600));
    let touched = fixture.append(GIANT + 2..GIANT + 3).await;
    fixture.computing.touched(&touched).await.unwrap();
    fixture.computing.stale_at_once().await.unwrap();
    assert_eq!(fixture.steps().await, GIANT + 2);
}

impl Computing {
    /// All that rest do so for this long, from now on.
    fn rest_all(&self, rest: Duration) {
        let until = Instant::now() + rest;
        let mut resting = self.resting.lock().unwrap();
        assert!(!resting.is_empty());
        resting.values_mut().for_each(|moment| *moment = until);
    }
}
