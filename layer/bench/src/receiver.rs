//! A collector for figures: it counts what it is sent and says yes, sooner or later. It is a process of its own, so that
//! its work is not part of any figure.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::serve::ListenerExt as _;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use tokio::net::TcpListener;

use crate::Failure;

/// What makes a program a receiver: its first argument, before what it speaks, its port and its patience.
const WORD: &str = "--receiver";

/// What it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Http,
    Grpc,
}

/// A receiver in another process.
#[derive(Debug)]
pub struct Receiver {
    process: Child,
    life: Option<ChildStdin>,
    words: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Receiver {
    /// Starts this program anew, as a receiver that takes so long over each request.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(wire: Wire, port: u16, pause: Duration) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([WORD, wire.name(), &port.to_string(), &pause.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let life = process.stdin.take();
        let mut words = BufReader::new(process.stdout.take().ok_or("a process without an output")?);
        let mut address = String::new();
        words.read_line(&mut address)?;
        Ok(Self { process, life, words, address: address.trim().parse()? })
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it.
    ///
    /// # Errors
    /// It did not say how many spans it took.
    pub fn stop(mut self) -> Result<u64, Failure> {
        drop(self.life.take());
        let mut spans = String::new();
        self.words.read_line(&mut spans)?;
        self.process.wait()?;
        Ok(spans.trim().parse()?)
    }
}

impl Wire {
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http/protobuf",
            Self::Grpc => "grpc",
        }
    }
}

/// A port of loopback that nobody listens on.
///
/// # Errors
/// There is none.
pub fn dead_port() -> Result<u16, Failure> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The receiver's side, if this process was started as one.
///
/// # Errors
/// It cannot listen.
pub fn receive() -> Result<bool, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [word, wire, port, pause] = arguments.as_slice() else { return Ok(false) };
    if word != WORD {
        return Ok(false);
    }
    let counter = Counter { spans: Arc::default(), pause: Duration::from_millis(pause.parse()?) };
    let port: u16 = port.parse()?;
    let is_grpc = wire == Wire::Grpc.name();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(counter.serve(port, is_grpc))?;
    writeln!(std::io::stdout(), "{}", counter.spans.load(Ordering::Relaxed))?;
    Ok(true)
}

#[derive(Clone)]
struct Counter {
    spans: Arc<AtomicU64>,
    pause: Duration,
}

impl Counter {
    /// Serves until the input of this process ends.
    async fn serve(&self, port: u16, is_grpc: bool) -> Result<(), Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
        let end = end_of_input();
        if is_grpc {
            let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
            let service = TraceServiceServer::new(self.clone()).max_decoding_message_size(usize::MAX);
            let serving =
                tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming);
            tokio::select! { ended = serving => ended?, _ = end => {} }
        } else {
            let app = axum::Router::new()
                .route("/v1/traces", axum::routing::post(over_http))
                .layer(DefaultBodyLimit::disable())
                .with_state(self.clone());
            let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
            tokio::select! { ended = axum::serve(listener, app) => ended?, _ = end => {} }
        }
        Ok(())
    }

    async fn take(&self, request: &ExportTraceServiceRequest) -> ExportTraceServiceResponse {
        tokio::time::sleep(self.pause).await;
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        let spans: usize = scopes.map(|scope| scope.spans.len()).sum();
        self.spans.fetch_add(spans as u64, Ordering::Relaxed);
        ExportTraceServiceResponse::default()
    }
}

fn end_of_input() -> tokio::sync::oneshot::Receiver<()> {
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    end
}

#[tonic::async_trait]
impl TraceService for Counter {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        Ok(tonic::Response::new(self.take(request.get_ref()).await))
    }
}

async fn over_http(State(counter): State<Counter>, body: Bytes) -> Result<Vec<u8>, String> {
    let request = ExportTraceServiceRequest::decode(body).map_err(|error| error.to_string())?;
    Ok(counter.take(&request).await.encode_to_vec())
}
