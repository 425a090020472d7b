//! OTLP/gRPC. Its services have one unary method each, so that the framing of gRPC is a handful of lines here; written
//! by hand it reads a message only as there is room for it, and refuses with the codes that OTLP wants.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use std::sync::Arc;

use axum::body::Body as AxumBody;
use axum::extract::Request;
use axum::response::Response;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full};
use tonic::Status;
use treering_otlp::{Signal, Unkept};
use treering_store::Transport;

use crate::admit::{Head, Pass};
use crate::body::{Body, Encoding, Form, Purpose};
use crate::memory::Room;
use crate::receipt::Draft;
use crate::receive::message::{Partial, response, status_message};
use crate::receive::read::Reading;
use crate::receive::to_the_end;
use crate::refusal::Refusal;
use crate::way::{Taken, Way};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const PROFILES: &str = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";

const GRPC_ENCODING: &str = "grpc-encoding";
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// A message has a byte before it that says whether it is compressed, and four that say how long it is.
const PREFIX: usize = 5;

/// Whether a request speaks gRPC, with messages in protobuf.
pub(super) fn is_spoken(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    ["application/grpc", "application/grpc+proto"].iter().any(|grpc| kind.eq_ignore_ascii_case(grpc))
}

pub(super) async fn serve(way: Arc<Way>, request: Request) -> Response {
    let mut draft = Draft::new(Transport::Grpc);
    let mut response = match take(&way, request, &mut draft).await {
        Ok(taken) => success(&taken, way.manners.report_discarded),
        Err(refusal) => failure(&refusal),
    };
    draft.tell(response.headers_mut());
    response
}

async fn take(way: &Arc<Way>, request: Request, draft: &mut Draft) -> Result<Taken, Refusal> {
    match open(way, request, draft).await {
        Ok((pass, body, room)) => {
            to_the_end(way, *draft, way.clone().travel(pass, draft.purpose, body, room)).await
        }
        Err(refusal) => way.refused(*draft, refusal),
    }
}

fn purpose(path: &str) -> Result<Purpose, Refusal> {
    match path {
        TRACES => Ok(Purpose::Signal(Signal::Traces)),
        LOGS => Ok(Purpose::Signal(Signal::Logs)),
        METRICS => Ok(Purpose::Discard(Unkept::Metrics)),
        PROFILES => Ok(Purpose::Discard(Unkept::Profiles)),
        _ => Err(Refusal::NoSuchMethod),
    }
}

/// The pass comes first: whoever has no key does not make us read a byte of the body.
async fn open(way: &Way, request: Request, draft: &mut Draft) -> Result<(Pass, Body, Room), Refusal> {
    let (parts, body) = request.into_parts();
    draft.purpose = purpose(parts.uri.path())?;
    let pass = way.keyring.admit(Head::of(&parts)).await?;
    draft.project = Some(pass.project);
    let encoding = encoding(&parts.headers)?;
    let max_bytes = way.limits.max_request_bytes;
    let reading = Reading::new(body, &way.memory, max_bytes.saturating_add(PREFIX));
    let (message, room) = reading.whole(length).await?;
    pass.confirm(&message)?;
    let (is_compressed, bytes) = unframe(message)?;
    let encoding = match (is_compressed, encoding) {
        (false, _) => Encoding::None,
        // Compressed, and nobody says how.
        (true, Encoding::None) => return Err(Refusal::Damaged),
        (true, encoding) => encoding,
    };
    draft.bytes = bytes.len();
    Ok((pass, Body { form: Form::Protobuf, encoding, bytes }, room))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let Some(encoding) = headers.get(GRPC_ENCODING) else { return Ok(Encoding::None) };
    match encoding.as_bytes() {
        b"identity" => Ok(Encoding::None),
        b"gzip" => Ok(Encoding::Gzip),
        b"zstd" => Ok(Encoding::Zstd),
        _ => Err(Refusal::Encoding),
    }
}

/// How long a message is with its prefix, once that is there.
fn length(message: &[u8]) -> Option<usize> {
    let length = message.get(1..PREFIX)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(length)).ok()?.checked_add(PREFIX)
}

/// The one message, and whether it is compressed.
fn unframe(mut message: Bytes) -> Result<(bool, Bytes), Refusal> {
    if length(&message) != Some(message.len()) {
        return Err(Refusal::Damaged);
    }
    let flag = message[0];
    message.advance(PREFIX);
    match flag {
        0 => Ok((false, message)),
        1 => Ok((true, message)),
        _ => Err(Refusal::Damaged),
    }
}

fn success(taken: &Taken, report_discarded: bool) -> Response {
    let message = response(Partial::of(taken, report_discarded).as_ref());
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).expect("an answer is a line long"));
    framed.extend_from_slice(&message);
    let trailers = [(GRPC_STATUS, HeaderValue::from_static("0"))].into_iter().collect();
    let body = Full::new(framed.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(AxumBody::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

fn failure(refusal: &Refusal) -> Response {
    let status = match refusal.retry_after() {
        Some(_) => Status::with_details(refusal.code(), refusal.to_string(), status_message(refusal).into()),
        None => Status::new(refusal.code(), refusal.to_string()),
    };
    let mut response = status.into_http::<AxumBody>();
    if matches!(refusal, Refusal::Encoding) {
        let offered = HeaderValue::from_static("identity,gzip,zstd");
        response.headers_mut().insert(GRPC_ACCEPT_ENCODING, offered);
    }
    response
}
