//! A real receiver on a loopback port, for gRPC and HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::{Protocol, Settings};

/// How the receiver answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Success,
    /// So many spans of each request are rejected.
    Partial(i64),
    Unavailable,
    /// Come again in so many seconds.
    Later(u64),
    WrongKey,
}

/// How a receiver shows who it is.
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Who has to vouch for its clients.
    pub(crate) clients: Option<PathBuf>,
}

#[derive(Clone)]
pub(crate) struct Receiver {
    scheme: &'static str,
    address: SocketAddr,
    protocol: Protocol,
    seen: Arc<Mutex<Vec<Seen>>>,
    logs: Arc<(Mutex<Vec<LogRecord>>, Condvar)>,
    answer: Arc<Mutex<Answer>>,
    _alive: Arc<tokio::sync::oneshot::Sender<()>>,
}

pub(crate) struct Seen {
    pub(crate) authorization: String,
    pub(crate) request: ExportTraceServiceRequest,
}

impl Receiver {
    /// Listens on a free port, on a thread of its own that ends with the receiver.
    pub(crate) fn start(protocol: Protocol, answer: Answer) -> Self {
        Self::launch(protocol, answer, None)
    }

    pub(crate) fn start_with_tls(protocol: Protocol, tls: &Tls) -> Self {
        let is_grpc = protocol == Protocol::Grpc;
        Self::launch(protocol, Answer::Success, Some(tls.acceptor(if is_grpc { b"h2" } else { b"http/1.1" })))
    }

    fn launch(protocol: Protocol, answer: Answer, tls: Option<TlsAcceptor>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (alive, end) = tokio::sync::oneshot::channel::<()>();
        let (address_sender, address) = std::sync::mpsc::channel();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(Mutex::new(answer));
        let logs = Arc::default();
        let inner = Inner { seen: seen.clone(), logs: Arc::clone(&logs), answer: answer.clone(), protocol };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                address_sender.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = inner.serve(Listening { listener, tls }) => {}
                    _ = end => {}
                }
            });
        });
        Self {
            scheme,
            address: address.recv().unwrap(),
            protocol,
            seen,
            logs,
            answer,
            _alive: Arc::new(alive),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings::new().protocol(self.protocol).endpoint(format!("{}://{}", self.scheme, self.address))
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&[Seen]) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }

    /// The log records, as soon as there is one that is wanted.
    pub(crate) fn logs_until(&self, wanted: impl Fn(&LogRecord) -> bool) -> Vec<LogRecord> {
        let (logs, came) = &*self.logs;
        let lacks = |logs: &mut Vec<LogRecord>| !logs.iter().any(&wanted);
        let (logs, waited) =
            came.wait_timeout_while(logs.lock().unwrap(), Duration::from_secs(20), lacks).unwrap();
        assert!(!waited.timed_out(), "it did not come; there are {logs:#?}");
        logs.clone()
    }

    pub(crate) fn logs(&self) -> Vec<LogRecord> {
        self.logs.0.lock().unwrap().clone()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.look(|seen| seen.iter().flat_map(|seen| seen.spans().cloned()).collect())
    }
}

impl Seen {
    pub(crate) fn spans(&self) -> impl Iterator<Item = &Span> {
        self.request
            .resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| &scope.spans)
    }

    /// A text of the resource.
    pub(crate) fn resource(&self, key: &str) -> String {
        let resource = self.request.resource_spans[0].resource.as_ref().unwrap();
        let found = resource.attributes.iter().find(|attribute| attribute.key == key);
        match found.and_then(|attribute| attribute.value.as_ref()?.value.clone()) {
            Some(any_value::Value::StringValue(text)) => text,
            other => panic!("{key} is {other:?}"),
        }
    }

    /// `treering.dropped_steps` of the scope.
    pub(crate) fn told_lost(&self) -> Option<i64> {
        let scope = self.request.resource_spans[0].scope_spans[0].scope.as_ref()?;
        let attribute =
            scope.attributes.iter().find(|attribute| attribute.key == "treering.dropped_steps")?;
        match attribute.value.as_ref()?.value.as_ref()? {
            any_value::Value::IntValue(count) => Some(*count),
            _ => None,
        }
    }
}

impl Tls {
    fn acceptor(&self, speaks: &[u8]) -> TlsAcceptor {
        let chain = CertificateDer::pem_file_iter(&self.certificate).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match &self.clients {
            Some(authority) => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
                let verifier =
                    rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![speaks.to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Connections, behind TLS or not; one that fails is not one.
struct Listening {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl axum::serve::Listener for Listening {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        loop {
            let (plain, address) = self.listener.accept().await.unwrap();
            match &self.tls {
                None => return (Stream::Plain(plain), address),
                Some(tls) => {
                    if let Ok(stream) = tls.accept(plain).await {
                        return (Stream::Sealed(Box::new(stream)), address);
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

enum Stream {
    Plain(TcpStream),
    Sealed(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

impl tonic::transport::server::Connected for Stream {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Self::Sealed(stream) => Pin::new(stream.as_mut()).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, from),
            Self::Sealed(stream) => Pin::new(stream.as_mut()).poll_write(context, from),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Sealed(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Sealed(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}

#[derive(Clone)]
struct Inner {
    seen: Arc<Mutex<Vec<Seen>>>,
    logs: Arc<(Mutex<Vec<LogRecord>>, Condvar)>,
    answer: Arc<Mutex<Answer>>,
    protocol: Protocol,
}

impl Inner {
    async fn serve(self, listening: Listening) {
        if self.protocol == Protocol::Grpc {
            let next = |mut listening: Listening| async move {
                let (stream, _) = axum::serve::Listener::accept(&mut listening).await;
                Some((Ok::<_, std::io::Error>(stream), listening))
            };
            let incoming = futures_util::stream::unfold(listening, next);
            tonic::transport::Server::builder()
                .add_service(TraceServiceServer::new(self.clone()))
                .add_service(LogsServiceServer::new(self))
                .serve_with_incoming(incoming)
                .await
                .unwrap();
        } else {
            let app = axum::Router::new()
                .route("/v1/traces", axum::routing::post(over_http))
                .route("/v1/logs", axum::routing::post(logs_over_http))
                .layer(axum::extract::DefaultBodyLimit::disable())
                .with_state(self);
            axum::serve(listening, app).await.unwrap();
        }
    }

    fn take(&self, authorization: Option<&str>, request: ExportTraceServiceRequest) -> Answer {
        let answer = *self.answer.lock().unwrap();
        if matches!(answer, Answer::Success | Answer::Partial(_)) {
            let authorization = authorization.unwrap_or_default().to_owned();
            self.seen.lock().unwrap().push(Seen { authorization, request });
        }
        answer
    }
}

impl Inner {
    fn hear(&self, request: ExportLogsServiceRequest) -> Answer {
        let answer = *self.answer.lock().unwrap();
        if matches!(answer, Answer::Success | Answer::Partial(_)) {
            let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
            self.logs.0.lock().unwrap().extend(scopes.flat_map(|scope| scope.log_records));
            self.logs.1.notify_all();
        }
        answer
    }
}

#[tonic::async_trait]
impl LogsService for Inner {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<tonic::Response<ExportLogsServiceResponse>, tonic::Status> {
        match self.hear(request.into_inner()) {
            Answer::Unavailable | Answer::Later(_) => Err(tonic::Status::unavailable("later")),
            Answer::WrongKey => Err(tonic::Status::unauthenticated("no such key")),
            _ => Ok(tonic::Response::new(ExportLogsServiceResponse::default())),
        }
    }
}

async fn logs_over_http(State(inner): State<Inner>, body: Bytes) -> Response {
    let is_json = inner.protocol == Protocol::HttpJson;
    let request = if is_json {
        serde_json::from_slice(&body).unwrap()
    } else {
        ExportLogsServiceRequest::decode(body).unwrap()
    };
    match inner.hear(request) {
        Answer::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Answer::Later(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())]).into_response()
        }
        Answer::WrongKey => StatusCode::UNAUTHORIZED.into_response(),
        _ if is_json => "{}".into_response(),
        _ => ().into_response(),
    }
}

fn response(answer: Answer) -> ExportTraceServiceResponse {
    let partial_success = match answer {
        Answer::Partial(rejected_spans) => {
            Some(ExportTracePartialSuccess { rejected_spans, error_message: "too old".into() })
        }
        _ => None,
    };
    ExportTraceServiceResponse { partial_success }
}

#[tonic::async_trait]
impl TraceService for Inner {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let (metadata, _, request) = request.into_parts();
        let authorization = metadata.get("authorization").and_then(|value| value.to_str().ok());
        match self.take(authorization, request) {
            Answer::Unavailable | Answer::Later(_) => Err(tonic::Status::unavailable("later")),
            Answer::WrongKey => Err(tonic::Status::unauthenticated("no such key")),
            well => Ok(tonic::Response::new(response(well))),
        }
    }
}

async fn over_http(State(inner): State<Inner>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_json = inner.protocol == Protocol::HttpJson;
    let kind = if is_json { "application/json" } else { "application/x-protobuf" };
    assert_eq!(text("content-type"), Some(kind));
    let request = if is_json {
        serde_json::from_slice(&body).unwrap()
    } else {
        ExportTraceServiceRequest::decode(body).unwrap()
    };
    match inner.take(text("authorization"), request) {
        Answer::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Answer::Later(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())]).into_response()
        }
        Answer::WrongKey => StatusCode::UNAUTHORIZED.into_response(),
        well if is_json => serde_json::to_string(&response(well)).unwrap().into_response(),
        well => response(well).encode_to_vec().into_response(),
    }
}
