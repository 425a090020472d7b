//! A collector of one's own, and what to send to it.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use treering_collector::{Collector, Limits, Manners, Running, Settings, StoreHandles};
use treering_queue::Journal;
use treering_redact::Rules;
use treering_seal::MasterKey;
use treering_step::TraceId;
use treering_store::{ApiKey, Handles, Keeper, MasterSource, Project, Reader, Scope, Scopes, StoreUrl};

pub(crate) const PROTOBUF: &str = "application/x-protobuf";
pub(crate) const JSON: &str = "application/json";
pub(crate) const MAX_BYTES: usize = 64 * 1024;

pub(crate) struct Site {
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(crate) key: String,
    pub(crate) keeper: Keeper,
    pub(crate) reader: Reader,
    pub(crate) journal: Journal,
    pub(crate) project: Project,
    pub(crate) running: Running,
    pub(crate) client: reqwest::Client,
    pub(crate) folder: tempfile::TempDir,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let limits = Limits { max_request_bytes: MAX_BYTES, ..Limits::default() };
        Self::with(limits, Manners::default()).await
    }

    pub(crate) async fn with(limits: Limits, manners: Manners) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url: StoreUrl = format!("sqlite:{}", folder.path().join("store.db").display()).parse().unwrap();
        let master = MasterSource::Key(MasterKey::generate().unwrap());
        let Handles { writer, reader, keys, keeper, witness, vault, .. } =
            treering_store::open(&url, master).await.unwrap();
        let journal = Journal::open(&folder.path().join("journal"), &Default::default()).unwrap();
        let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let settings = Settings {
            name: "test".into(),
            identity: None,
            otlp_grpc: free,
            otlp_http: free,
            limits,
            manners,
            tls: None,
            acknowledge: Default::default(),
        };
        let collector = Collector::bind(settings).await.unwrap();
        let (grpc, http) = (collector.grpc_address().unwrap(), collector.http_address().unwrap());
        let running = collector
            .start(
                tokio::sync::watch::channel(Arc::new(Rules::builtin())).1,
                Arc::default(),
                journal.clone(),
                vault,
                StoreHandles { writer, keys, witness },
            )
            .await
            .unwrap();
        let project = keeper.ensure_project("default").await.unwrap();
        let key = ApiKey::generate().unwrap();
        let scopes = Scopes { ingest: true, read: false };
        // After the start: the collector finds it all the same.
        keeper.create_key(project.clone(), &key, scopes).await.unwrap();
        let key = key.reveal().to_owned();
        // Built beside the layer, the client's crate wants to be told of a TLS provider, although nothing here
        // speaks TLS.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::new();
        Self { http, grpc, key, keeper, reader, journal, project, running, client, folder }
    }

    pub(crate) fn post(
        &self,
        path: &str,
        kind: &str,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("http://{}{path}", self.http));
        request.header("content-type", kind).bearer_auth(&self.key).body(body)
    }

    /// Whether the store has an execution with this trace id, once everything accepted arrived there.
    pub(crate) async fn has(&self, number: u8) -> bool {
        self.journal.delivered().await;
        let id = TraceId::from_bytes(&[number; 16]).unwrap();
        self.reader.execution(Scope::of(self.project.id), id).await.unwrap().is_some()
    }

    pub(crate) async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.grpc)).unwrap().connect().await.unwrap()
    }

    pub(crate) fn keyed<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        let value: MetadataValue<_> = format!("Bearer {}", self.key).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }
}

pub(crate) fn request(number: u8, name: &str) -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: vec![number; 16],
        span_id: vec![number; 8],
        name: name.into(),
        ..Default::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..Default::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] }
}

pub(crate) fn json(number: u8) -> String {
    let (trace, span) = (format!("{number:02x}").repeat(16), format!("{number:02x}").repeat(8));
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{trace}","spanId":"{span}","name":"chat"}}]}}]}}]}}"#
    )
}

pub(crate) fn logs(trace_id: &[u8], span_id: &[u8], event_name: &str) -> ExportLogsServiceRequest {
    let log = LogRecord {
        trace_id: trace_id.into(),
        span_id: span_id.into(),
        event_name: event_name.into(),
        time_unix_nano: 5,
        ..Default::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![log], ..Default::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..Default::default() }] }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `google.rpc.Status`, as far as the OTLP specification asks for it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
}

/// True where a file of this folder, or of one in it, has these bytes.
pub(crate) fn has_file_with(folder: &std::path::Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return has_file_with(&path, needle);
        }
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}
