//! The door, over real sockets: what is let in, what each refusal is answered, and that nothing of a refused
//! request stays.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use reqwest::StatusCode;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use treering_collector::{Collector, ConnectionLimits, Limits, Running, Settings};
use treering_queue::Journal;
use treering_redact::Rules;
use treering_step::TraceId;
use treering_store::{ApiKey, Handles, Keeper, Project, Reader, Scope, Scopes, StoreUrl};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const MAX_BYTES: usize = 64 * 1024;

struct Site {
    http: SocketAddr,
    grpc: SocketAddr,
    key: String,
    keeper: Keeper,
    reader: Reader,
    journal: Journal,
    project: Project,
    running: Running,
    client: reqwest::Client,
    folder: tempfile::TempDir,
}

impl Site {
    async fn new() -> Self {
        Self::with(ConnectionLimits::default()).await
    }

    async fn with(connections: ConnectionLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url: StoreUrl = format!("sqlite:{}", folder.path().join("store.db").display()).parse().unwrap();
        let Handles { writer, reader, keys, keeper } = treering_store::open(&url).await.unwrap();
        let journal = Journal::open(&folder.path().join("journal.db"), &Default::default()).unwrap();
        let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let limits = Limits { max_request_bytes: MAX_BYTES, connections, ..Limits::default() };
        let settings = Settings { name: "test".into(), otlp_grpc: free, otlp_http: free, limits };
        let collector = Collector::bind(settings).await.unwrap();
        let (grpc, http) = (collector.grpc_address().unwrap(), collector.http_address().unwrap());
        let running =
            collector.start(Rules::builtin(), Arc::default(), journal.clone(), writer, keys).await.unwrap();
        let project = keeper.ensure_project("default").await.unwrap();
        let key = ApiKey::generate().unwrap();
        let scopes = Scopes { ingest: true, read: false };
        // After the start: the collector finds it all the same.
        keeper.create_key(project.clone(), &key, scopes, None).await.unwrap();
        let key = key.reveal().to_owned();
        // Built beside the layer, the client's crate wants to be told of a TLS provider, although nothing here
        // speaks TLS.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::new();
        Self { http, grpc, key, keeper, reader, journal, project, running, client, folder }
    }

    fn post(&self, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("http://{}{path}", self.http));
        request.header("content-type", kind).bearer_auth(&self.key).body(body)
    }

    /// Whether the store has an execution with this trace id, once everything accepted arrived there.
    async fn has(&self, number: u8) -> bool {
        self.journal.delivered().await;
        let id = TraceId::from_bytes(&[number; 16]).unwrap();
        self.reader.execution(Scope::of(self.project.id), id).await.unwrap().is_some()
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.grpc)).unwrap().connect().await.unwrap()
    }

    fn keyed<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        let value: MetadataValue<_> = format!("Bearer {}", self.key).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }
}

fn request(number: u8, name: &str) -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: vec![number; 16],
        span_id: vec![number; 8],
        name: name.into(),
        ..Default::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..Default::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `google.rpc.Status`, as far as the OTLP specification asks for it.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

#[tokio::test]
async fn protobuf_and_json_plain_and_compressed_are_let_in() {
    let site = Site::new().await;
    let json = |number: u8| {
        let (trace, span) = (format!("{number:02x}").repeat(16), format!("{number:02x}").repeat(8));
        format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{trace}","spanId":"{span}","name":"chat"}}]}}]}}]}}"#
        )
    };
    let plain = request(1, "chat").encode_to_vec();
    let answers = [
        site.post("/v1/traces", PROTOBUF, plain),
        site.post("/v1/traces", PROTOBUF, gzip(&request(2, "chat").encode_to_vec()))
            .header("content-encoding", "gzip"),
        site.post(
            "/v1/traces",
            PROTOBUF,
            zstd::encode_all(&request(3, "chat").encode_to_vec()[..], 0).unwrap(),
        )
        .header("content-encoding", "zstd"),
        site.post("/v1/traces", JSON, json(4)),
        site.post("/v1/traces", "application/json; charset=utf-8", gzip(json(5).as_bytes()))
            .header("content-encoding", "gzip"),
        site.post("/api/public/otel/v1/traces", PROTOBUF, request(6, "chat").encode_to_vec()),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        let kind = if (3..5).contains(&at) { JSON } else { PROTOBUF };
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "request {at}");
        assert_eq!(answer.headers()["content-type"], kind);
        assert_eq!(answer.text().await.unwrap(), if kind == JSON { "{}" } else { "" });
    }
    for number in 1..=6 {
        assert!(site.has(number).await, "trace {number}");
    }
}

#[tokio::test]
async fn every_refusal_is_answered_as_the_specification_asks_and_leaves_nothing() {
    let site = Site::new().await;
    let body = || request(9, "chat").encode_to_vec();
    let read_key = ApiKey::generate().unwrap();
    let scopes = Scopes { ingest: false, read: true };
    site.keeper.create_key(site.project.clone(), &read_key, scopes, None).await.unwrap();
    let with_key = |key: &str| {
        let request = site.client.post(format!("http://{}/v1/traces", site.http));
        request.header("content-type", PROTOBUF).header("x-api-key", key).body(body())
    };
    let bomb = gzip(&vec![0; MAX_BYTES + 1]);
    let unkeyed =
        site.client.post(format!("http://{}/v1/traces", site.http)).header("content-type", PROTOBUF);
    let table = [
        ("no key", unkeyed.body(body()), 401, Code::Unauthenticated),
        ("a mistyped key", with_key("trk_nonsense"), 401, Code::Unauthenticated),
        ("an unknown key", with_key(ApiKey::generate().unwrap().reveal()), 401, Code::Unauthenticated),
        ("a key for reading", with_key(read_key.reveal()), 403, Code::PermissionDenied),
        (
            "a truncated body",
            site.post("/v1/traces", PROTOBUF, body()[..20].to_vec()),
            400,
            Code::InvalidArgument,
        ),
        (
            "a body that is no protobuf",
            site.post("/v1/traces", PROTOBUF, "nonsense"),
            400,
            Code::InvalidArgument,
        ),
        (
            "a body that is too large",
            site.post("/v1/traces", PROTOBUF, vec![0; MAX_BYTES + 1]),
            413,
            Code::ResourceExhausted,
        ),
        (
            "a body that is too large once it is decompressed",
            site.post("/v1/traces", PROTOBUF, bomb).header("content-encoding", "gzip"),
            413,
            Code::ResourceExhausted,
        ),
        (
            "damaged compression",
            site.post("/v1/traces", PROTOBUF, "not gzip").header("content-encoding", "gzip"),
            400,
            Code::InvalidArgument,
        ),
    ];
    for (what, request, http, grpc) in table {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), http, "{what}");
        assert_eq!(answer.headers()["content-type"], PROTOBUF, "{what}");
        let status = Status::decode(answer.bytes().await.unwrap()).unwrap();
        assert_eq!(status.code, grpc as i32, "{what}");
        assert!(!status.message.is_empty(), "{what}");
    }
    let json = site.post("/v1/traces", JSON, "{\"resourceSpans\": [").send().await.unwrap();
    assert_eq!(
        (json.status(), json.headers()["content-type"].to_str().unwrap()),
        (StatusCode::BAD_REQUEST, JSON)
    );
    assert!(json.text().await.unwrap().starts_with(r#"{"code":3,"message":"#));
    let text = site.post("/v1/traces", "text/csv", "a,b").send().await.unwrap();
    assert_eq!(text.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let brotli =
        site.post("/v1/traces", PROTOBUF, body()).header("content-encoding", "br").send().await.unwrap();
    assert_eq!(brotli.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let got = site.client.get(format!("http://{}/v1/traces", site.http)).send().await.unwrap();
    assert_eq!(
        (got.status(), got.headers()["allow"].to_str().unwrap()),
        (StatusCode::METHOD_NOT_ALLOWED, "POST")
    );
    assert_eq!(site.post("/nowhere", PROTOBUF, body()).send().await.unwrap().status(), StatusCode::NOT_FOUND);

    assert!(!site.has(9).await);
    let good = site.post("/v1/traces", PROTOBUF, request(10, "chat").encode_to_vec()).send().await.unwrap();
    assert_eq!(good.status(), StatusCode::OK);
    assert!(site.has(10).await);
    // No line of a refused request is in any file.
    assert!(!has_file_with(site.folder.path(), &[9; 16]));
}

fn has_file_with(folder: &std::path::Path, needle: &[u8]) -> bool {
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
}

#[tokio::test]
async fn a_body_that_says_of_itself_that_it_is_too_long_is_not_waited_for() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let site = Site::new().await;
    let mut stream = tokio::net::TcpStream::connect(site.http).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\nx-api-key: {}\r\ncontent-length: {}\r\n\r\n",
        site.key,
        10_u64 << 30
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn who_says_nothing_or_half_a_sentence_is_not_listened_to_for_ever() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let moment = std::time::Duration::from_millis(50);
    let limits = ConnectionLimits { at_most: 1, silence: moment, head: moment };
    let site = Site::with(limits).await;
    for words in [&b""[..], b"PRI", b"POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let mut stream = tokio::net::TcpStream::connect(site.http).await.unwrap();
        stream.write_all(words).await.unwrap();
        // The end of the connection, which an error tells as well.
        let mut rest = Vec::new();
        let ended =
            tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{words:?} was listened to for ever");
    }
    // The one place is free again.
    let answer = site.post("/v1/traces", PROTOBUF, request(1, "chat").encode_to_vec()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_wrong_key_in_one_place_does_not_hide_a_right_one_in_another() {
    let site = Site::new().await;
    let request = site.post("/v1/traces", PROTOBUF, request(1, "chat").encode_to_vec());
    let answer = request.header("x-api-key", "of another product").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let url = format!("http://{}/v1/traces", site.http);
    let refused = site.client.post(url).header("x-api-key", "of another product").send().await.unwrap();
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn a_damaged_grpc_message_is_called_an_invalid_argument() {
    let site = Site::new().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let path = "opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let post = |encoding: &'static str| {
        let url = format!("http://{}/{path}", site.grpc);
        let request = client.post(url).bearer_auth(&site.key).header("content-type", "application/grpc");
        // A compressed message of four bytes that no compression made.
        request
            .header("te", "trailers")
            .header("grpc-encoding", encoding)
            .body(b"\x01\x00\x00\x00\x04nope".to_vec())
    };
    let damaged = post("gzip").send().await.unwrap();
    assert_eq!(damaged.headers()["grpc-status"], "3");
    let unsupported = post("br").send().await.unwrap();
    assert_eq!(unsupported.headers()["grpc-status"], "12");
}

#[tokio::test]
async fn a_bad_span_is_refused_alone_and_the_client_is_told() {
    let site = Site::new().await;
    let mut mixed = request(1, "good");
    mixed.resource_spans.extend(request(0, "all zeros").resource_spans);
    let answer = site.post("/v1/traces", PROTOBUF, mixed.encode_to_vec()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let told =
        ExportTraceServiceResponse::decode(answer.bytes().await.unwrap()).unwrap().partial_success.unwrap();
    assert_eq!((told.rejected_spans, told.error_message.is_empty()), (1, false));
    assert!(site.has(1).await);
    // Where no span is good, the whole request is bad.
    let bad =
        site.post("/v1/traces", PROTOBUF, request(0, "all zeros").encode_to_vec()).send().await.unwrap();
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
    let status = Status::decode(bad.bytes().await.unwrap()).unwrap();
    assert!(status.message.contains("trace id"), "{}", status.message);
}

#[tokio::test]
async fn grpc_is_let_in_with_every_compression() {
    let site = Site::new().await;
    for (number, compression) in
        [(1, None), (2, Some(CompressionEncoding::Gzip)), (3, Some(CompressionEncoding::Zstd))]
    {
        let mut client = TraceServiceClient::new(site.channel().await);
        if let Some(compression) = compression {
            client = client.send_compressed(compression);
        }
        let answer = client.export(site.keyed(request(number, "chat"))).await.unwrap().into_inner();
        assert_eq!(answer.partial_success, None);
        assert!(site.has(number).await);
    }
}

#[tokio::test]
async fn grpc_refusals_have_the_codes_of_the_specification() {
    let site = Site::new().await;
    let mut client = TraceServiceClient::new(site.channel().await);
    let unkeyed = client.export(request(1, "chat")).await.unwrap_err();
    assert_eq!(unkeyed.code(), Code::Unauthenticated);
    let large = request(1, &"x".repeat(MAX_BYTES));
    assert_eq!(client.export(site.keyed(large.clone())).await.unwrap_err().code(), Code::ResourceExhausted);
    let mut compressing = client.clone().send_compressed(CompressionEncoding::Gzip);
    assert_eq!(compressing.export(site.keyed(large)).await.unwrap_err().code(), Code::ResourceExhausted);
    assert!(!site.has(1).await);
    client.export(site.keyed(request(2, "chat"))).await.unwrap();
    assert!(site.has(2).await);
}

#[tokio::test]
async fn both_ports_understand_both_protocols() {
    let site = Site::new().await;
    let other = Channel::from_shared(format!("http://{}", site.http)).unwrap().connect().await.unwrap();
    TraceServiceClient::new(other).export(site.keyed(request(1, "chat"))).await.unwrap();
    let request = site.client.post(format!("http://{}/v1/traces", site.grpc)).bearer_auth(&site.key);
    let body = self::request(2, "chat").encode_to_vec();
    let answer = request.header("content-type", PROTOBUF).body(body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(site.has(1).await && site.has(2).await);
}

#[tokio::test]
async fn logs_reach_their_span_or_stand_alone() {
    let site = Site::new().await;
    let of = |trace_id: Vec<u8>, span_id: Vec<u8>, event_name: &str| LogRecord {
        trace_id,
        span_id,
        event_name: event_name.into(),
        time_unix_nano: 5,
        ..Default::default()
    };
    let log_records = vec![of(vec![1; 16], vec![2; 8], "of a span"), of(vec![3; 16], vec![], "of a trace")];
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    let logs =
        ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..Default::default() }] };
    let mut client = LogsServiceClient::new(site.channel().await);
    // Twice, as after an answer that got lost.
    for _ in 0..2 {
        client.export(site.keyed(logs.clone())).await.unwrap();
    }
    assert!(site.has(1).await && site.has(3).await);
    let scope = Scope::of(site.project.id);
    let alone = TraceId::from_bytes(&[3; 16]).unwrap();
    assert_eq!(site.reader.records(scope, alone).await.unwrap().len(), 1);
    assert_eq!(site.reader.execution(scope, alone).await.unwrap().unwrap().name, "of a trace");
}

#[tokio::test]
async fn metrics_and_profiles_are_thrown_away_without_a_word() {
    let site = Site::new().await;
    for path in ["/v1/metrics", "/v1development/profiles"] {
        let answer = site.post(path, PROTOBUF, vec![10, 0]).send().await.unwrap();
        assert_eq!((answer.status(), answer.content_length()), (StatusCode::OK, Some(0)));
    }
    let unkeyed =
        site.client.post(format!("http://{}/v1/metrics", site.http)).header("content-type", PROTOBUF);
    assert_eq!(unkeyed.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_secret_never_reaches_a_file() {
    let site = Site::new().await;
    let secret = "grace.hopper@example.com";
    let answer = site
        .post("/v1/traces", PROTOBUF, request(1, &format!("mail to {secret}")).encode_to_vec())
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    assert!(site.has(1).await);
    assert!(!has_file_with(site.folder.path(), secret.as_bytes()));
    assert!(has_file_with(site.folder.path(), b"[REDACTED:EMAIL]"));
}

#[tokio::test]
async fn what_was_refused_and_accepted_is_counted_by_name() {
    let site = Site::new().await;
    site.post("/v1/traces", PROTOBUF, request(1, "chat").encode_to_vec()).send().await.unwrap();
    site.post("/v1/traces", PROTOBUF, "nonsense").send().await.unwrap();
    assert!(site.has(1).await);
    site.running.stop().await;
    let counts: Vec<_> =
        site.reader.outcomes().await.unwrap().into_iter().map(|o| (o.name, o.count)).collect();
    let expected = [("accepted.records", 1), ("delivered.records", 1), ("refused.malformed", 1)];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)));
}

#[tokio::test]
async fn a_revoked_key_is_refused_soon() {
    let site = Site::new().await;
    let send = || site.post("/v1/traces", PROTOBUF, request(1, "chat").encode_to_vec()).send();
    assert_eq!(send().await.unwrap().status(), StatusCode::OK);
    let id = site.keeper.keys().await.unwrap()[0].id;
    site.keeper.revoke_key(id).await.unwrap();
    let refused = async { while send().await.unwrap().status() != StatusCode::UNAUTHORIZED {} };
    tokio::time::timeout(std::time::Duration::from_secs(5), refused)
        .await
        .expect("the keyring is renewed each second");
}
