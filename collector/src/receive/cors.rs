//! Exporters in browsers: which pages may send, and how their browsers are told.
//!
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>

use axum::extract::Request;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// A day; browsers keep it for two hours at the most.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");
/// What a page may read of an answer beside its body.
const EXPOSED: HeaderValue = HeaderValue::from_static("retry-after, treering-request-id");
const POST: HeaderValue = HeaderValue::from_static("POST");

/// The pages that may send from a browser, by their origins.
///
/// Any page may, unless told otherwise: a request is let in by the key that it carries, and by nothing that a browser
/// adds by itself, so that a page without a key can do no more than any other stranger. No answer holds anything to
/// spy out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    #[default]
    Any,
    /// These alone; none at all where there are none.
    Only(Vec<HeaderValue>),
}

impl Origins {
    /// What a page of this origin is allowed by.
    fn allow(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Only(origins) => origins.iter().find(|allowed| *allowed == origin).cloned(),
        }
    }

    /// The answer to a browser that asks before it sends. It has no key yet.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        if request.method() != Method::OPTIONS {
            return None;
        }
        let (asked, mut response) = (request.headers(), Response::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
        let allowed = asked.get(ORIGIN).is_some_and(|origin| self.allow(origin).is_some());
        if allowed && asked.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, POST);
            headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            // An exporter may be told to send any headers, and one more does no harm.
            if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
        }
        Some(response)
    }

    /// Tells a browser that the page of this origin may read the answer, a refusal as well.
    pub(super) fn tell(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if *self != Self::Any {
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
        if let Some(allowed) = origin.and_then(|origin| self.allow(origin)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}
