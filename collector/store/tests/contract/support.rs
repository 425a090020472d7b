//! A store of one's own, and records to put in.

use std::sync::LazyLock;

use serde_json::json;
use treering_otlp::{Export, Signal};
use treering_read::{context_words, words, words_of};
use treering_redact::{Record, Rules};
use treering_seal::{HashKey, MasterKey};
use treering_step::{Execution, JoinKey, Kind, Source, SpanId, Status, Summary, Timestamp, TraceId};
use treering_store::{
    Batch, Computed, ExecutionFilter, Handles, LogEntry, MasterSource, Project, Scope, SpanEntry, StoreUrl,
    Touched, Wording,
};
use treering_test_servers::{ClickHouseDatabase, Database};

use crate::BACKEND;
use crate::below::kept;

pub(crate) const WORDING: Wording = Wording { of_record: words, of_context: context_words };

/// What a page makes of a text.
pub(crate) fn typed(text: &str) -> ExecutionFilter {
    let words = words_of(text).into_iter().collect();
    ExecutionFilter { text: Some(text.to_owned()), words, ..ExecutionFilter::default() }
}

/// The same for every store of these tests.
pub(crate) fn master() -> MasterSource {
    MasterSource::Key(MasterKey::parse(&"5a".repeat(32)).unwrap())
}

/// What every store of these tests begins with, so that each names records alike: its keys, with the first project's.
struct Beginning {
    key: HashKey,
    is: Form,
}

/// SQLite's keys are a file, which each store is given. PostgreSQL's are rows: each store is a copy of one database, which
/// is quicker, too, than to migrate an empty one.
enum Form {
    Keys(Vec<u8>),
    Database(Database),
}

static BEGINNING: LazyLock<Beginning> = LazyLock::new(|| {
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let server = BACKEND.server();
        let database = server.map(|server| server.create_database(BACKEND.owner()).unwrap());
        let steps = BACKEND.steps();
        let url = BACKEND.url(&folder, database.as_ref(), steps.as_ref());
        let open = async {
            let handles = treering_store::open(&url, master()).await.unwrap();
            let project = handles.keeper.ensure_project("default").await.unwrap();
            handles.vault.hash_key(project.id).unwrap()
        };
        let key = tokio::runtime::Runtime::new().unwrap().block_on(open);
        let is = match server.zip(database) {
            Some((server, database)) => {
                server.close_database(&database).unwrap();
                Form::Database(database)
            }
            None => Form::Keys(std::fs::read(folder.path().join("store.keys")).unwrap()),
        };
        Beginning { key, is }
    };
    // A test may run on a runtime already.
    std::thread::spawn(make).join().unwrap()
});

/// The address of a store of SQLite in this folder.
pub(crate) fn url(folder: &tempfile::TempDir) -> StoreUrl {
    BACKEND.url(folder, None, None)
}

/// The wrapped keys that every store of SQLite of these tests has from the beginning.
pub(crate) fn keys() -> &'static [u8] {
    match &BEGINNING.is {
        Form::Keys(keys) => keys,
        Form::Database(_) => panic!("the keys of PostgreSQL are no file"),
    }
}

/// Every file of a folder.
pub(crate) fn files(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

pub(crate) struct Store {
    pub(crate) handles: Handles,
    pub(crate) project: Project,
    pub(crate) url: StoreUrl,
    pub(crate) folder: tempfile::TempDir,
    /// Where it is one of PostgreSQL. After the handles, since nobody may use it when it goes.
    pub(crate) database: Option<Database>,
    /// Where it keeps what comes in apart.
    pub(crate) steps: Option<ClickHouseDatabase>,
}

impl Store {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = match (&BEGINNING.is, BACKEND.server()) {
            (Form::Database(first), Some(server)) => Some(server.copy_database(first).unwrap()),
            _ => None,
        };
        if database.is_none() {
            std::fs::write(folder.path().join("store.keys"), keys()).unwrap();
        }
        Self::open_with(folder, database, BACKEND.steps()).await
    }

    /// Opens what lies there.
    pub(crate) async fn open(folder: tempfile::TempDir, database: Option<Database>) -> Self {
        Self::open_with(folder, database, None).await
    }

    async fn open_with(
        folder: tempfile::TempDir,
        database: Option<Database>,
        steps: Option<ClickHouseDatabase>,
    ) -> Self {
        let url = BACKEND.url(&folder, database.as_ref(), steps.as_ref());
        let handles = treering_store::open(&url, master()).await.unwrap();
        let project = handles.keeper.ensure_project("default").await.unwrap();
        Self { handles, project, url, folder, database, steps }
    }

    /// All that it keeps, each part with a name.
    pub(crate) async fn kept(&self) -> Vec<(String, Vec<u8>)> {
        kept(self.folder.path(), self.database.as_ref(), self.steps.as_ref()).await
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::of(self.project.id)
    }

    pub(crate) async fn append(&self, spans: Vec<SpanEntry>, logs: Vec<LogEntry>) -> Vec<Touched> {
        self.append_batch(self.batch(spans, logs)).await
    }

    pub(crate) fn batch(&self, spans: Vec<SpanEntry>, logs: Vec<LogEntry>) -> Batch {
        Batch { project: self.project.id, day: 20_000, spans, logs, signs: vec![] }
    }

    pub(crate) async fn append_batch(&self, batch: Batch) -> Vec<Touched> {
        self.handles.writer.append(vec![batch]).await.unwrap()
    }

    pub(crate) async fn summaries(&self, trace_number: u8) -> Vec<Summary> {
        self.handles.reader.summaries(self.scope(), trace(trace_number)).await.unwrap()
    }

    /// What an execution shows: its steps, each with the names that are told of it.
    pub(crate) async fn steps(&self, trace_number: u8) -> Vec<(SpanId, Vec<String>)> {
        steps(self.summaries(trace_number).await)
    }

    pub(crate) fn touched(&self, traces: &[u8]) -> Vec<Touched> {
        let touched = |number: &u8| Touched { project: self.project.id, trace_id: trace(*number) };
        traces.iter().map(touched).collect()
    }

    /// Computes executions anew, as delivery does with what the store says is touched.
    pub(crate) async fn compute(&self, touched: Vec<Touched>) {
        let add = |told: &mut Vec<Summary>, step: Vec<Summary>| told.extend(step);
        let computed = self.handles.writer.compute(touched, add, computed).await.unwrap();
        self.handles.writer.put_executions(computed).await.unwrap();
    }

    /// What delivery does with a batch.
    pub(crate) async fn deliver(&self, batch: Batch) {
        let touched = self.append_batch(batch).await;
        self.compute(touched).await;
    }

    /// What the collector does now and then.
    pub(crate) async fn sweep(&self, now: u64) {
        let writer = &self.handles.writer;
        writer.bury(at(now).unwrap(), at(1).unwrap()).await.unwrap();
        let stale = writer.stale().await.unwrap();
        self.compute(stale).await;
        assert_eq!(writer.stale().await.unwrap(), []);
    }

    pub(crate) async fn execution(&self, trace_number: u8) -> Option<Execution> {
        self.handles.reader.execution(self.scope(), trace(trace_number)).await.unwrap()
    }

    pub(crate) async fn put(&self, version: u64, execution: Execution) {
        let computed = Computed { project: self.project.id, version, execution };
        self.handles.writer.put_executions(vec![computed]).await.unwrap();
    }

    /// What the collector does behind delivery.
    pub(crate) async fn index(&self) {
        let writer = &self.handles.writer;
        loop {
            let waiting = writer.unindexed(100).await.unwrap();
            if waiting.is_empty() {
                return;
            }
            let done = writer.index(waiting, WORDING).await.unwrap();
            assert!(done.iter().all(|one| one.unread == 0));
        }
    }

    /// The names of the executions that a reader finds who types this.
    pub(crate) async fn search(&self, text: &str) -> Vec<String> {
        self.list(typed(text)).await
    }

    pub(crate) async fn list(&self, filter: ExecutionFilter) -> Vec<String> {
        let page = self.handles.reader.executions(self.scope(), filter).await.unwrap();
        page.executions.into_iter().map(|execution| execution.name).collect()
    }
}

fn computed(summaries: Vec<Summary>, trace_id: TraceId) -> Execution {
    let running = summaries.iter().any(|summary| summary.status == Some(Status::Running));
    let steps = steps(summaries);
    Execution {
        trace_id,
        status: if running { Status::Running } else { Status::Ok },
        steps: steps.len() as u64,
        ..execution(1, &format!("{steps:?}"), 10)
    }
}

fn steps(mut summaries: Vec<Summary>) -> Vec<(SpanId, Vec<String>)> {
    let name = |summary: &Summary| match summary.status {
        Some(Status::Interrupted | Status::Running) => format!("{:?}", summary.status),
        _ => summary.name.clone().unwrap_or_default(),
    };
    summaries.sort_by_key(|summary| (summary.span_id, summary.source));
    let mut steps = Vec::<(SpanId, Vec<String>)>::new();
    for summary in summaries {
        match steps.last_mut() {
            Some((step, names)) if *step == summary.span_id => names.push(name(&summary)),
            _ => steps.push((summary.span_id, vec![name(&summary)])),
        }
    }
    steps
}

pub(crate) fn trace(number: u8) -> TraceId {
    TraceId::from_bytes(&[number; 16]).unwrap()
}

pub(crate) fn id(number: u8) -> SpanId {
    SpanId::from_bytes(&[number; 8]).unwrap()
}

pub(crate) fn at(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

/// A record, under the name that the first project of any store knows it by.
pub(crate) fn record(signal: Signal, json: &serde_json::Value) -> Record {
    let export = Export::from_json(signal, json.to_string().as_bytes()).unwrap();
    static RULES: LazyLock<Rules> = LazyLock::new(Rules::builtin);
    let record = RULES.redact_export(export).unwrap().records().remove(0);
    let name = treering_store::identity(&BEGINNING.key, &record);
    record.known_as(name)
}

/// A span that ended at this second.
pub(crate) fn span(trace_number: u8, number: u8, name: &str, ended: u64) -> SpanEntry {
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

pub(crate) fn log(trace_number: u8, span_number: u8, text: &str) -> LogEntry {
    let (trace_id, span_id) = (trace(trace_number), id(span_number));
    let json = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"traceId": trace_id, "spanId": span_id, "body": {"stringValue": text}}]}]}]});
    let record = record(Signal::Logs, &json);
    let summary = Summary::new(span_id, Source::Log(record.identity()));
    LogEntry { trace_id, ordinal: 0, at: at(1), record, summary }
}

/// A log record without a span, which names one by this key if it has one.
pub(crate) fn alone(trace_number: u8, key: Option<u8>, text: &str) -> LogEntry {
    let mut log = log(trace_number, 200, text);
    let identity = log.record.identity();
    let step = key.map_or(identity, |key| join(key).0);
    log.summary = Summary::new(SpanId::from_bytes(&step[..8]).unwrap(), Source::Alone(identity));
    log.summary.name = Some(text.to_owned());
    log.summary.joins.extend(key.map(join));
    log
}

pub(crate) fn join(key: u8) -> JoinKey {
    JoinKey([key; 16])
}

/// A span that log records may name by these keys.
pub(crate) fn offering(mut span: SpanEntry, keys: &[u8]) -> SpanEntry {
    span.summary.joins = keys.iter().copied().map(join).collect();
    span
}

pub(crate) fn execution(number: u8, name: &str, started: u64) -> Execution {
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
        models: vec![format!("model-{number}")],
        session_id: Some(format!("session-{number}")),
        user_id: None,
    }
}
