//! OTLP/HTTP. The statuses, bodies and headers are those of the OTLP specification, section "OTLP/HTTP".

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body as AxumBody;
use axum::extract::Request;
use axum::response::Response;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use treering_otlp::{Rejected, Signal};

use crate::admit::Pass;
use crate::body::{Body, Encoding, Form};
use crate::outcome::Outcome;
use crate::receive::message::{response, status_message};
use crate::receive::{Target, to_the_end};
use crate::refusal::Refusal;
use crate::way::Way;

/// How long a body may take: exporters give up after 10 s.
const BODY: Duration = Duration::from_secs(60);

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

pub(super) async fn serve(way: Arc<Way>, request: Request) -> Response {
    // Logfire's exporter asks this before it sends anything.
    if request.method() == Method::GET && request.uri().path() == "/v1/info" {
        return respond(StatusCode::OK, JSON, "{}");
    }
    let Some(target) = target(request.uri().path()) else {
        return respond(StatusCode::NOT_FOUND, TEXT, "not found; OTLP goes to /v1/traces and /v1/logs\n");
    };
    if request.method() != Method::POST {
        let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "send OTLP with POST\n");
        response.headers_mut().insert(ALLOW, http::HeaderValue::from_static("POST"));
        return response;
    }
    let form = form(request.headers());
    match take(&way, target, form, request).await {
        Ok(rejected) => success(form.unwrap_or(Form::Protobuf), target, rejected),
        Err(refusal) => failure(form, &refusal),
    }
}

/// The paths of OTLP, also below the prefixes that exporters of other products add.
fn target(path: &str) -> Option<Target> {
    match path {
        _ if path.ends_with("/v1/traces") => Some(Target::Signal(Signal::Traces)),
        _ if path.ends_with("/v1/logs") => Some(Target::Signal(Signal::Logs)),
        _ if path.ends_with("/v1/metrics") || path.ends_with("/v1development/profiles") => {
            Some(Target::Discarded)
        }
        _ => None,
    }
}

async fn take(
    way: &Arc<Way>,
    target: Target,
    form: Option<Form>,
    request: Request,
) -> Result<Rejected, Refusal> {
    let (pass, body) = open(way, form, request).await.map_err(|refusal| way.refused(refusal))?;
    match target {
        Target::Discarded => {
            way.ledger.count(Outcome::Discarded, 1);
            Ok(Rejected::default())
        }
        Target::Signal(signal) => to_the_end(way, way.clone().travel(pass, signal, body)).await,
    }
}

/// The pass comes first: whoever has no key does not make us read a byte of the body.
async fn open(way: &Way, form: Option<Form>, request: Request) -> Result<(Pass, Body), Refusal> {
    let pass = way.keyring.admit(request.headers()).await?;
    let form = form.ok_or(Refusal::ContentType)?;
    let encoding = encoding(request.headers())?;
    let bytes = read(request.into_body(), way.limits.max_request_bytes).await?;
    Ok((pass, Body { form, encoding, bytes }))
}

async fn read(body: AxumBody, max_bytes: usize) -> Result<bytes::Bytes, Refusal> {
    // What says of itself that it is too long is not waited for.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(Refusal::TooLarge { max_bytes });
    }
    let whole = Limited::new(body, max_bytes).collect();
    match tokio::time::timeout(BODY, whole).await.map_err(|_| Refusal::TooSlow)? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge { max_bytes }),
        Err(_) => Err(Refusal::Damaged),
    }
}

fn form(headers: &HeaderMap) -> Option<Form> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    match kind.split(';').next()?.trim().to_ascii_lowercase().as_str() {
        PROTOBUF | "application/protobuf" => Some(Form::Protobuf),
        JSON => Some(Form::Json),
        _ => None,
    }
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else { return Ok(Encoding::None) };
    match encoding.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "identity" | "none" => Ok(Encoding::None),
        "gzip" => Ok(Encoding::Gzip),
        "zstd" => Ok(Encoding::Zstd),
        _ => Err(Refusal::Encoding),
    }
}

/// Whole success leaves `partial_success` unset; otherwise it says how many records were refused, and why.
fn success(form: Form, target: Target, rejected: Rejected) -> Response {
    match form {
        Form::Protobuf => respond(StatusCode::OK, PROTOBUF, response(rejected)),
        Form::Json => respond(StatusCode::OK, JSON, json_response(target, rejected).to_string()),
    }
}

fn json_response(target: Target, rejected: Rejected) -> serde_json::Value {
    let Some(reason) = rejected.reason else { return json!({}) };
    let count = match target {
        Target::Signal(Signal::Logs) => "rejectedLogRecords",
        _ => "rejectedSpans",
    };
    json!({"partialSuccess": {count: rejected.count.to_string(), "errorMessage": reason.to_string()}})
}

/// A `google.rpc.Status` in the form of the request.
fn failure(form: Option<Form>, refusal: &Refusal) -> Response {
    let status = refusal.http_status();
    let mut response = match form {
        None => respond(status, TEXT, format!("{refusal}\n")),
        Some(Form::Json) => {
            let body = json!({"code": refusal.code() as i32, "message": refusal.to_string()});
            respond(status, JSON, body.to_string())
        }
        Some(Form::Protobuf) => respond(status, PROTOBUF, status_message(refusal)),
    };
    if let Some(delay) = refusal.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, delay.as_secs().into());
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
    }
    response
}

fn respond(status: StatusCode, kind: &'static str, body: impl Into<AxumBody>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
