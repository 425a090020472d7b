//! A real receiver on a loopback port, for gRPC and HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

use crate::{Protocol, Settings};

/// How the receiver answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Success,
    /// So many spans of each request are rejected.
    Partial(i64),
    Unavailable,
    WrongKey,
}

#[derive(Clone)]
pub(super) struct Receiver {
    address: SocketAddr,
    protocol: Protocol,
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<Mutex<Answer>>,
    _alive: Arc<tokio::sync::oneshot::Sender<()>>,
}

pub(super) struct Seen {
    pub(super) authorization: String,
    pub(super) request: ExportTraceServiceRequest,
}

impl Receiver {
    /// Listens on a free port, on a thread of its own that ends with the receiver.
    pub(super) fn start(protocol: Protocol, answer: Answer) -> Self {
        let (alive, end) = tokio::sync::oneshot::channel::<()>();
        let (address_sender, address) = std::sync::mpsc::channel();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(Mutex::new(answer));
        let inner = Inner { seen: seen.clone(), answer: answer.clone(), protocol };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                address_sender.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = inner.serve(listener) => {}
                    _ = end => {}
                }
            });
        });
        Self { address: address.recv().unwrap(), protocol, seen, answer, _alive: Arc::new(alive) }
    }

    pub(super) fn settings(&self) -> Settings {
        Settings::new().protocol(self.protocol).endpoint(format!("http://{}", self.address))
    }

    pub(super) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&[Seen]) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }

    pub(super) fn spans(&self) -> Vec<Span> {
        self.look(|seen| seen.iter().flat_map(|seen| seen.spans().cloned()).collect())
    }
}

impl Seen {
    pub(super) fn spans(&self) -> impl Iterator<Item = &Span> {
        self.request
            .resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans)
            .flat_map(|scope| &scope.spans)
    }

    /// `treering.dropped_steps` of the scope.
    pub(super) fn told_lost(&self) -> Option<i64> {
        let scope = self.request.resource_spans[0].scope_spans[0].scope.as_ref()?;
        let attribute =
            scope.attributes.iter().find(|attribute| attribute.key == "treering.dropped_steps")?;
        match attribute.value.as_ref()?.value.as_ref()? {
            any_value::Value::IntValue(count) => Some(*count),
            _ => None,
        }
    }
}

#[derive(Clone)]
struct Inner {
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<Mutex<Answer>>,
    protocol: Protocol,
}

impl Inner {
    async fn serve(self, listener: TcpListener) {
        if self.protocol == Protocol::Grpc {
            let incoming = tonic::transport::server::TcpIncoming::from(listener);
            let service = TraceServiceServer::new(self);
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(incoming)
                .await
                .unwrap();
        } else {
            let app = axum::Router::new()
                .route("/v1/traces", axum::routing::post(over_http))
                .layer(axum::extract::DefaultBodyLimit::disable())
                .with_state(self);
            axum::serve(listener, app).await.unwrap();
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
            Answer::Unavailable => Err(tonic::Status::unavailable("later")),
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
        Answer::WrongKey => StatusCode::UNAUTHORIZED.into_response(),
        well if is_json => serde_json::to_string(&response(well)).unwrap().into_response(),
        well => response(well).encode_to_vec().into_response(),
    }
}
