//! OTLP/gRPC. Tonic does the wire; the messages stay bytes.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::Request;
use axum::response::Response;
use bytes::{Buf, BufMut, Bytes};
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};
use treering_otlp::Signal;

use crate::admit::Pass;
use crate::body::{Body, Encoding, Form};
use crate::outcome::Outcome;
use crate::receive::message::{response, status_message};
use crate::receive::{Target, to_the_end};
use crate::refusal::Refusal;
use crate::way::Way;

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const PROFILES: &str = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";

pub(super) async fn serve(way: Arc<Way>, request: Request) -> Response {
    let target = match request.uri().path() {
        TRACES => Target::Signal(Signal::Traces),
        LOGS => Target::Signal(Signal::Logs),
        METRICS | PROFILES => Target::Discarded,
        _ => {
            return answer(Status::unimplemented("OTLP has no such method").into_http::<tonic::body::Body>());
        }
    };
    // Before the body: whoever has no key does not make us read a byte of it.
    let pass = match way.keyring.admit(request.headers()).await {
        Ok(pass) => pass,
        Err(refusal) => return answer(status(&way.refused(refusal)).into_http::<tonic::body::Body>()),
    };
    let max_bytes = way.limits.max_request_bytes;
    let mut grpc = Grpc::new(Bare)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(max_bytes);
    let reached = Arc::new(AtomicBool::new(false));
    let export = Export { way: way.clone(), target, pass, reached: reached.clone() };
    let response = grpc.unary(export, request).await;
    match refused_by_tonic(&response, max_bytes) {
        Some(refusal) if !reached.load(Ordering::Acquire) => {
            answer(status(&way.refused(refusal)).into_http::<tonic::body::Body>())
        }
        _ => answer(response),
    }
}

/// Tonic refuses a message by itself that is too long, damaged, or compressed in a way that nobody offered. OTLP
/// wants other codes for that, which say whether to try again.
fn refused_by_tonic<T>(response: &http::Response<T>, max_bytes: usize) -> Option<Refusal> {
    let code: i32 = response.headers().get("grpc-status")?.to_str().ok()?.parse().ok()?;
    match Code::from(code) {
        Code::OutOfRange | Code::ResourceExhausted => Some(Refusal::TooLarge { max_bytes }),
        Code::Unimplemented => Some(Refusal::Encoding),
        Code::Ok => None,
        _ => Some(Refusal::Damaged),
    }
}

fn answer(response: http::Response<tonic::body::Body>) -> Response {
    response.map(axum::body::Body::new)
}

/// The one method of each service.
struct Export {
    way: Arc<Way>,
    target: Target,
    pass: Pass,
    /// Set once a whole message was read: from then on the refusals are our own.
    reached: Arc<AtomicBool>,
}

impl UnaryService<Bytes> for Export {
    type Response = Vec<u8>;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Vec<u8>>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        self.reached.store(true, Ordering::Release);
        let (way, pass) = (self.way.clone(), self.pass);
        let Target::Signal(signal) = self.target else {
            way.ledger.count(Outcome::Discarded, 1);
            return Box::pin(ready(Ok(tonic::Response::new(Vec::new()))));
        };
        // Tonic has taken the compression off already, and counted what came out of it.
        let body = Body { form: Form::Protobuf, encoding: Encoding::None, bytes: request.into_inner() };
        Box::pin(async move {
            let travel = way.clone().travel(pass, signal, body);
            let rejected = to_the_end(&way, travel).await.map_err(|refusal| status(&refusal))?;
            Ok(tonic::Response::new(response(rejected)))
        })
    }
}

fn status(refusal: &Refusal) -> Status {
    match refusal.retry_after() {
        Some(_) => Status::with_details(refusal.code(), refusal.to_string(), status_message(refusal).into()),
        None => Status::new(refusal.code(), refusal.to_string()),
    }
}

/// Messages that stay bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Bare;

impl Codec for Bare {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bare {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Bare {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}
