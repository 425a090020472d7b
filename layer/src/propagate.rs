//! Steps across processes and tasks: the headers of W3C Trace Context and Baggage, in and out.
//!
//! A step goes on in another process when its `traceparent` goes along with the request; there, the step that answers names
//! it as its parent, by a field, or around its beginning:
//!
//! ```
//! use tracing::info_span;
//!
//! // The one that asks:
//! let mut headers = http::HeaderMap::new();
//! treering_layer::inject(&mut headers);
//!
//! // The one that answers:
//! let step = treering_layer::remote_parent(&headers, || info_span!("answer"));
//! # drop(step);
//! ```
//!
//! Of baggage, `session.id` and `user.id` are understood, and nothing else of it becomes part of a step: it comes from
//! elsewhere. The session goes out as well; the user only if the author says so ([`Carry`]), since a user is not for everybody
//! whom an agent calls. What cannot be read is as if it were not there, as the specifications say. `tracestate` is not
//! passed on, for the layer keeps nothing in it.

mod baggage;
pub mod mcp;
mod tasks;
#[cfg(feature = "tower")]
pub mod tower;

use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Span;
use treering_step::{SpanId, TraceId};

pub use tasks::{in_current, spawn, spawn_blocking};

use crate::Step;
use crate::desk::AtDesk;
use crate::record::Identity;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// For whom a step runs, as far as another process is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Carry {
    /// Nobody.
    Nothing,
    /// The session.
    #[default]
    Session,
    /// The session and the user.
    SessionAndUser,
}

/// The step of another process below which a step of this one begins.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) identity: Identity,
}

impl Remote {
    /// What two headers say.
    pub(crate) fn read(traceparent: &str, baggage: Option<&str>) -> Option<Self> {
        let (trace_id, span_id) = parse_traceparent(traceparent)?;
        Some(Self { trace_id, span_id, identity: baggage.map(baggage::read).unwrap_or_default() })
    }

    fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let traceparent = headers.get(TRACEPARENT)?.to_str().ok()?;
        let baggage: Vec<&str> =
            headers.get_all(BAGGAGE).iter().filter_map(|value| value.to_str().ok()).collect();
        Self::read(traceparent, Some(&baggage.join(",")))
    }
}

/// Begins a step below the one of another process that these headers name: the first that begins in `begin` on this thread,
/// also where a step of this process is around it. Without such headers it begins as it would have.
///
/// A span has a field for the same: `info_span!("answer", traceparent = header)`, and `baggage` beside it.
pub fn remote_parent(headers: &HeaderMap, begin: impl FnOnce() -> Span) -> Span {
    below(Remote::of_headers(headers), begin)
}

/// Puts the current step into the headers of a request, with its session; without a step it does nothing.
pub fn inject(headers: &mut HeaderMap) {
    inject_with(headers, Carry::default());
}

/// The same, and for whom it runs as `carry` says. Baggage of others stays.
pub fn inject_with(headers: &mut HeaderMap, carry: Carry) {
    let step = Step::current();
    let Some(traceparent) = step.traceparent().and_then(|header| HeaderValue::try_from(header).ok()) else {
        return;
    };
    headers.insert(TRACEPARENT, traceparent);
    let before: Vec<&str> = headers.get_all(BAGGAGE).iter().filter_map(|value| value.to_str().ok()).collect();
    let ours = step.baggage(carry);
    if let Some(baggage) =
        ours.and_then(|ours| HeaderValue::try_from(baggage::joined(&before.join(","), &ours)).ok())
    {
        headers.insert(BAGGAGE, baggage);
    }
}

/// An interceptor for clients of tonic: each request names the current step.
///
/// # Errors
/// Never; it is what tonic asks of an interceptor.
#[cfg(feature = "tonic")]
pub fn interceptor(mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
    inject(request.metadata_mut().as_mut());
    Ok(request)
}

fn below(remote: Option<Remote>, begin: impl FnOnce() -> Span) -> Span {
    /// Nobody else's step begins below it, also where `begin` panics.
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            if let Some(mut desk) = AtDesk::take() {
                desk.remote = None;
            }
        }
    }
    if let Some(mut desk) = AtDesk::take() {
        desk.remote = remote.map(Box::new);
    }
    let _reset = Reset;
    begin()
}

impl Step {
    /// The W3C Baggage header that says for whom this step runs; `None` where there is nobody to name.
    pub fn baggage(&self, carry: Carry) -> Option<String> {
        let mut identity = Identity::default();
        self.with(|record| identity = record.identity.clone());
        baggage::write(&identity, carry)
    }
}

/// The trace and the parent in a `traceparent` header (W3C Trace Context): `00-<trace id>-<span id>-<flags>`.
pub(crate) fn parse_traceparent(header: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = header.trim().split('-');
    let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_known = version.len() == 2 && version != "ff" && (version != "00" || parts.next().is_none());
    if !is_known || flags.len() != 2 || ![version, trace_id, span_id, flags].into_iter().all(is_hex) {
        return None;
    }
    Some((trace_id.parse().ok()?, span_id.parse().ok()?))
}
