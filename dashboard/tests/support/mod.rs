//! A store filled by the real way (OTLP, redaction, reading), and a browser without a window.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "each test file is a crate of its own, uses what it needs, and fails where this fails; json! makes values"
)]

pub(crate) mod browser;
pub(crate) mod issuer;
pub(crate) mod otlp;
pub(crate) mod samples;

use serde_json::Value;
use tempfile::TempDir;
use treering_dashboard::{Hosts, LocalLink, Settings};
use treering_otlp::{Export, Signal};
use treering_read::{Bones, Prices};
use treering_redact::{Record, Rules};
use treering_seal::MasterKey;
use treering_store::{
    ApiKey, Batch, Handles, KeyRecord, LogEntry, MasterSource, OutcomeCount, Project, Scopes, SpanEntry,
    StoreUrl, Wording,
};

use browser::Browser;

/// A store in a temporary folder.
pub(crate) struct Filled {
    pub(crate) handles: Handles,
    pub(crate) project: Project,
    folder: TempDir,
}

impl Filled {
    /// An empty store with the project `default`.
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let url = StoreUrl::Sqlite(folder.path().join("treering.sqlite"));
        let master = MasterSource::Key(MasterKey::generate().unwrap());
        let handles = treering_store::open(&url, master).await.unwrap();
        let project = handles.keeper.ensure_project("default").await.unwrap();
        Self { handles, project, folder }
    }

    /// A store with these requests of spans in it.
    pub(crate) async fn with(requests: impl IntoIterator<Item = Value>) -> Self {
        let filled = Self::new().await;
        for request in requests {
            filled.put(&filled.project, Signal::Traces, &request).await;
        }
        filled
    }

    /// Takes a request as the collector does: redacted, summarised, kept.
    pub(crate) async fn put(&self, project: &Project, signal: Signal, request: &Value) {
        let export = Export::from_json(signal, request.to_string().as_bytes()).unwrap();
        assert_eq!(export.rejected().count, 0, "{:?}", export.rejected().reason);
        self.keep(project, export).await;
    }

    /// Takes what stands behind the door.
    pub(crate) async fn keep(&self, project: &Project, export: Export) {
        let signal = export.signal();
        let redacted = Rules::builtin().redact_export(export).unwrap();
        let mut batch =
            Batch { project: project.id, day: 20_779, spans: vec![], logs: vec![], signs: vec![] };
        let key = self.handles.vault.hash_key(project.id).unwrap();
        for record in redacted.records() {
            let name = treering_store::identity(&key, &record);
            let record = record.known_as(name);
            match signal {
                Signal::Traces => batch.spans.extend(span(record)),
                Signal::Logs => batch.logs.extend(log(record)),
            }
        }
        let writer = &self.handles.writer;
        let touched = writer.append(vec![batch]).await.unwrap();
        let prices = Prices::default();
        let add = move |bones: &mut Bones, step| bones.add(step, &prices);
        let finish = |bones: Bones, trace| bones.joined().execution(trace);
        let computed = writer.compute(touched, add, finish).await.unwrap();
        writer.put_executions(computed).await.unwrap();
    }

    /// Does this to the file of the store, behind its back.
    pub(crate) fn execute(&self, sql: &str) {
        let path = self.folder.path().join("treering.sqlite");
        rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
    }

    /// Puts what came into the index of words, as the collector does behind delivery.
    pub(crate) async fn index(&self) {
        let wording = Wording { of_record: treering_read::words, of_context: treering_read::context_words };
        let writer = &self.handles.writer;
        let mut waiting = writer.unindexed(100).await.unwrap();
        while !waiting.is_empty() {
            writer.index(waiting, wording).await.unwrap();
            waiting = writer.unindexed(100).await.unwrap();
        }
    }

    /// A key of these scopes.
    pub(crate) async fn key(&self, project: &Project, scopes: &[&str]) -> (ApiKey, KeyRecord) {
        let key = ApiKey::generate().unwrap();
        let scopes = Scopes::from_words(scopes.iter().copied()).unwrap();
        let record = self.handles.keeper.create_key(project.clone(), &key, scopes).await.unwrap();
        (key, record)
    }

    pub(crate) async fn count(&self, name: &str, count: u64) {
        let counts = vec![OutcomeCount { project: Some(self.project.id), name: name.to_owned(), count }];
        self.handles.writer.count("test".to_owned(), 1, counts).await.unwrap();
    }

    pub(crate) fn settings(&self, local_link: Option<LocalLink>) -> Settings {
        Settings {
            reader: self.handles.reader.clone(),
            keys: self.handles.keys.clone(),
            witness: self.handles.witness.clone(),
            prices: std::sync::Arc::default(),
            local_link,
            login: None,
            hosts: Hosts::Loopback,
            rules: tokio::sync::watch::channel(std::sync::Arc::new(treering_redact::Rules::builtin())).1,
            https: false,
        }
    }

    /// A browser that nobody let in.
    pub(crate) fn stranger(&self) -> Browser {
        Browser::new(treering_dashboard::router(self.settings(None)))
    }

    /// A browser that came by the one-time link.
    pub(crate) async fn owner(&self) -> Browser {
        let (link, token) = LocalLink::new().unwrap();
        let mut browser = Browser::new(treering_dashboard::router(self.settings(Some(link))));
        let answer = browser.get(&format!("/login?token={token}")).await;
        assert_eq!(answer.status, 303);
        browser
    }
}

fn span(record: Record) -> Option<SpanEntry> {
    let summary = treering_read::span_summary(&record)?;
    SpanEntry::new(record, summary)
}

fn log(record: Record) -> Option<LogEntry> {
    let identity = record.identity();
    let summary = treering_read::log_summary(&record, identity)?;
    let (trace_id, at) = {
        let log = record.log()?;
        (log.trace_id?, log.at)
    };
    Some(LogEntry { trace_id, ordinal: 0, at, summary, record })
}
