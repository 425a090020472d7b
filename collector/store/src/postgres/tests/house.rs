//! A store of two projects that are alike in everything but what they say.

use serde_json::json;
use treering_otlp::{Export, Signal};
use treering_redact::{Record, Rules};
use treering_seal::MasterKey;
use treering_step::{
    Execution, JoinKey, Kind, ProcessId, Source, SpanId, Status, Summary, Timestamp, TraceId,
};
use treering_test_servers::{Database, Owner, PostgresServer, shared};

use super::super::PostgresUrl;
use crate::{
    ApiKey, Batch, Handles, KeyRecord, LogEntry, MasterSource, OutcomeCount, Project, Receipt, RequestId,
    Scopes, Sign, SpanEntry, StoreUrl, Terms, Transport, Wording,
};

const WORDING: Wording =
    Wording { of_record: treering_read::words, of_context: treering_read::context_words };
const SIGNALS: [Signal; 2] = [Signal::Traces, Signal::Logs];
/// What the texts of both projects have in common, so that whatever is asked of one fits the other.
pub(super) const SHARED: &str = "shared";

pub(super) struct House {
    pub(super) server: &'static PostgresServer,
    pub(super) handles: Handles,
    pub(super) mine: Project,
    pub(super) theirs: Project,
    pub(super) database: Database,
}

pub(super) fn master() -> MasterSource {
    MasterSource::Key(MasterKey::parse(&"5a".repeat(32)).unwrap())
}

pub(super) fn trace(number: u8) -> TraceId {
    TraceId::from_bytes(&[number; 16]).unwrap()
}

pub(super) fn id(number: u8) -> SpanId {
    SpanId::from_bytes(&[number; 8]).unwrap()
}

/// An id that a request to each project was answered with.
pub(super) fn request() -> RequestId {
    "7".repeat(32).parse().unwrap()
}

pub(super) fn at(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

impl House {
    /// Nothing where no server can be started, which was said.
    pub(super) async fn new() -> Option<Self> {
        let server = shared()?;
        let database = server.create_database(Owner::Plain).unwrap();
        let handles =
            crate::open(&StoreUrl::Postgres(Box::new(parsed(&database.url))), master()).await.unwrap();
        let mine = handles.keeper.ensure_project("mine").await.unwrap();
        let theirs = handles.keeper.ensure_project("theirs").await.unwrap();
        let house = Self { server, handles, mine, theirs, database };
        for project in [&house.mine, &house.theirs] {
            house.fill(project).await;
        }
        // Neither is in the index of words.
        for project in [&house.mine, &house.theirs] {
            let of = Of { house: &house, project };
            of.append(vec![of.span(6, 7)], vec![], vec![]).await;
        }
        Some(house)
    }

    /// The address of the store for a login that may only read.
    pub(super) fn reading(&self) -> PostgresUrl {
        let login = format!("reads_{}", self.database.name);
        self.server.create_login(&login).unwrap();
        let grant = format!("GRANT treering_reader, treering_structure, treering_witness TO {login}");
        self.server.administer(&self.database.name, &[&grant]).unwrap();
        parsed(&self.server.url(&self.database.name, &login))
    }

    /// The same for a login that row-level security does not bind.
    pub(super) fn unbound(&self) -> PostgresUrl {
        parsed(&self.server.admin_url(&self.database.name))
    }

    pub(super) async fn key(&self, project: &Project, expires: Option<Timestamp>) -> (ApiKey, KeyRecord) {
        let key = ApiKey::generate().unwrap();
        let scopes = Scopes { ingest: false, read: true };
        let record = self
            .handles
            .keeper
            .create_key(project.clone(), &key, Terms::from(scopes).until(expires))
            .await
            .unwrap();
        (key, record)
    }

    /// A step with content and a log record; a log record that belongs to it and came elsewhere; a step of a process that
    /// ended.
    async fn fill(&self, project: &Project) {
        let of = Of { house: self, project };
        let mut running = of.log(4, 5, "runs");
        running.summary.status = Some(Status::Running);
        running.summary.process = Some(ProcessId([1; 16]));
        let sign = Sign { process: ProcessId([1; 16]), seen_at: at(1).unwrap(), interval: None, ended: true };
        let logs = vec![of.log(1, 2, "logged"), of.alone(3, "joined"), running];
        of.append(vec![of.span(1, 2)], logs, vec![sign]).await;
        self.handles.writer.bury(at(1_000_000).unwrap(), at(1).unwrap()).await.unwrap();
        let waiting = self.handles.writer.unindexed(100).await.unwrap();
        self.handles.writer.index(waiting, WORDING).await.unwrap();
        let count =
            OutcomeCount { project: Some(project.id), name: format!("lost.{}", project.name), count: 1 };
        self.handles.writer.count("collector".into(), 1, vec![count]).await.unwrap();
        let receipt = Receipt {
            id: request(),
            project: project.id,
            transport: Transport::Http,
            signal: None,
            outcome: format!("refused.{}", project.name).into(),
            reason: None,
            bytes: 1,
            accepted: 0,
            rejected: 0,
            redactions: Default::default(),
            withheld: 0,
        };
        self.handles.writer.keep_receipts(vec![receipt]).await.unwrap();
    }
}

fn parsed(url: &str) -> PostgresUrl {
    let StoreUrl::Postgres(url) = url.parse().unwrap() else { panic!("{url}") };
    *url
}

struct Of<'a> {
    house: &'a House,
    project: &'a Project,
}

impl Of<'_> {
    /// A text that says whose it is.
    fn text(&self, text: &str) -> String {
        format!("{} {text} of-{}", SHARED, self.project.name)
    }

    async fn append(&self, spans: Vec<SpanEntry>, logs: Vec<LogEntry>, signs: Vec<Sign>) {
        let writer = &self.house.handles.writer;
        let batch = Batch { project: self.project.id, day: 20_000, spans, logs, signs };
        let touched = writer.append(vec![batch]).await.unwrap();
        let add = |told: &mut Vec<Summary>, step: Vec<Summary>| told.extend(step);
        let name = self.text("run");
        let finish = move |told: Vec<Summary>, trace_id| execution(trace_id, &name, &told);
        let computed = writer.compute(touched, add, finish).await.unwrap();
        writer.put_executions(computed).await.unwrap();
    }

    fn record(&self, signal: Signal, json: &serde_json::Value) -> Record {
        assert!(SIGNALS.contains(&signal));
        let export = Export::from_json(signal, json.to_string().as_bytes()).unwrap();
        let record = Rules::builtin().redact_export(export).unwrap().records().remove(0);
        let key = self.house.handles.vault.hash_key(self.project.id).unwrap();
        let name = crate::identity(&key, &record);
        record.known_as(name)
    }

    fn span(&self, trace_number: u8, number: u8) -> SpanEntry {
        let said = json!({"key": "input.value", "value": {"stringValue": self.text(&"said ".repeat(200))}});
        let json = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": trace(trace_number),
            "spanId": id(number), "name": self.text("step"), "attributes": [said],
            "endTimeUnixNano": 2_000_000_000}]}]}]});
        let mut summary = Summary::new(id(number), Source::Span);
        summary.name = Some(self.text("step"));
        summary.kind = Some(Kind::Llm);
        summary.model = Some(SHARED.into());
        summary.agent = Some(self.text("agent"));
        summary.ended_at = at(2);
        summary.joins = vec![JoinKey([trace_number; 16])];
        SpanEntry::new(self.record(Signal::Traces, &json), summary).unwrap()
    }

    fn log(&self, trace_number: u8, span: u8, text: &str) -> LogEntry {
        let json = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": trace(trace_number),
            "spanId": id(span), "body": {"stringValue": self.text(text)}}]}]}]});
        let record = self.record(Signal::Logs, &json);
        let mut summary = Summary::new(id(span), Source::Log(record.identity()));
        summary.name = Some(self.text(text));
        LogEntry { trace_id: trace(trace_number), ordinal: 0, at: at(1), record, summary }
    }

    /// One that names the step of the first execution.
    fn alone(&self, trace_number: u8, text: &str) -> LogEntry {
        let mut log = self.log(trace_number, 200, text);
        log.summary = Summary::new(id(1), Source::Alone(log.record.identity()));
        log.summary.name = Some(self.text(text));
        log.summary.joins = vec![JoinKey([1; 16])];
        log
    }
}

fn execution(trace_id: TraceId, name: &str, told: &[Summary]) -> Execution {
    Execution {
        trace_id,
        name: name.to_owned(),
        kind: Kind::Llm,
        agent: Some(SHARED.into()),
        status: Status::Ok,
        started_at: at(1),
        duration_ns: 1_000,
        steps: told.len() as u64,
        errors: 0,
        redactions: 0,
        tokens: Default::default(),
        cost_usd: None,
        models: vec![SHARED.into()],
        session_id: Some(SHARED.into()),
        user_id: Some(SHARED.into()),
    }
}
