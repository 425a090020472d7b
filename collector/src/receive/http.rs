//! OTLP/HTTP. The statuses, bodies and headers are those of the OTLP specification, section "OTLP/HTTP".

use std::sync::Arc;

use axum::body::Body as AxumBody;
use axum::extract::Request;
use axum::response::Response;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;
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

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

pub(super) async fn serve(way: Arc<Way>, request: Request) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = match way.manners.origins.preflight(&request) {
        Some(preflight) => preflight,
        None => answer(&way, request).await,
    };
    way.manners.origins.tell(origin.as_ref(), response.headers_mut());
    response
}

async fn answer(way: &Arc<Way>, request: Request) -> Response {
    // Logfire's exporter asks this before it sends anything.
    if request.method() == Method::GET && request.uri().path() == "/v1/info" {
        return respond(StatusCode::OK, JSON, "{}");
    }
    let (form, mut draft) = (form(request.headers()), Draft::new(Transport::Http));
    let mut response = match take(way, form, request, &mut draft).await {
        Ok(taken) => success(form.unwrap_or(Form::Protobuf), &taken, way.manners.report_discarded),
        Err(refusal) => failure(form, &refusal),
    };
    draft.tell(response.headers_mut());
    response
}

/// The paths of OTLP, also below the prefixes that exporters of other products add, and the root, to which exporters
/// send that were told an endpoint for one signal alone.
fn purpose(path: &str) -> Result<Purpose, Refusal> {
    match path.trim_end_matches('/') {
        "" => Ok(Purpose::Any),
        path if path.ends_with("/v1/traces") => Ok(Purpose::Signal(Signal::Traces)),
        path if path.ends_with("/v1/logs") => Ok(Purpose::Signal(Signal::Logs)),
        path if path.ends_with("/v1/metrics") => Ok(Purpose::Discard(Unkept::Metrics)),
        path if path.ends_with("/v1development/profiles") => Ok(Purpose::Discard(Unkept::Profiles)),
        _ => Err(Refusal::NoSuchPath),
    }
}

async fn take(
    way: &Arc<Way>,
    form: Option<Form>,
    request: Request,
    draft: &mut Draft,
) -> Result<Taken, Refusal> {
    match open(way, form, request, draft).await {
        Ok((pass, body, room)) => {
            to_the_end(way, *draft, way.clone().travel(pass, draft.purpose, body, room)).await
        }
        Err(refusal) => way.refused(*draft, refusal),
    }
}

/// The pass comes first: whoever has no key does not make us read a byte of the body.
async fn open(
    way: &Way,
    form: Option<Form>,
    request: Request,
    draft: &mut Draft,
) -> Result<(Pass, Body, Room), Refusal> {
    let (parts, body) = request.into_parts();
    draft.purpose = purpose(parts.uri.path())?;
    if parts.method != Method::POST {
        return Err(Refusal::Method);
    }
    let pass = way.keyring.admit(Head::of(&parts)).await?;
    draft.project = Some(pass.project);
    let form = form.ok_or(Refusal::ContentType)?;
    let encoding = encoding(&parts.headers)?;
    let reading = Reading::new(body, &way.memory, way.limits.max_request_bytes);
    let (bytes, room) = reading.whole(|_| None).await?;
    pass.confirm(&bytes)?;
    draft.bytes = bytes.len();
    Ok((pass, Body { form, encoding, bytes }, room))
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
    let mut named = headers.get_all(CONTENT_ENCODING).iter();
    let (encoding, further) = (named.next(), named.next());
    let encoding = encoding.map_or(Ok(""), |name| name.to_str()).map_err(|_| Refusal::Encoding)?;
    match encoding.trim().to_ascii_lowercase().as_str() {
        _ if further.is_some() => Err(Refusal::Encoding),
        "" | "identity" | "none" => Ok(Encoding::None),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        "deflate" => Ok(Encoding::Deflate),
        "zstd" => Ok(Encoding::Zstd),
        _ => Err(Refusal::Encoding),
    }
}

/// Whole success leaves `partial_success` unset; otherwise it says how many records were refused, and why.
fn success(form: Form, taken: &Taken, report_discarded: bool) -> Response {
    let partial = Partial::of(taken, report_discarded);
    match (form, partial) {
        (Form::Protobuf, partial) => respond(StatusCode::OK, PROTOBUF, response(partial.as_ref())),
        (Form::Json, None) => respond(StatusCode::OK, JSON, "{}"),
        (Form::Json, Some(Partial { rejected, count, reason })) => {
            let partial = json!({"partialSuccess": {rejected: count.to_string(), "errorMessage": reason}});
            respond(StatusCode::OK, JSON, partial.to_string())
        }
    }
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
    match refusal {
        Refusal::NoKey | Refusal::UnknownKey | Refusal::Unsigned => {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Refusal::Method => {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
        }
        _ => {}
    }
    response
}

fn respond(status: StatusCode, kind: &'static str, body: impl Into<AxumBody>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
