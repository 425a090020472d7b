//! What happens around every handler.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use serde_json::json;

use crate::App;
use crate::error::{Error, Failed};
use crate::pages::failure::FailurePage;

/// The headers of every answer. What script there is comes from here, and no page needs it.
const HEADERS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        // default-src: whatever is not named below is refused, script in a page first of all.
        // style-src, script-src, img-src: one style sheet, one script and one icon, all of our own.
        // connect-src: the script asks for what is new on a page, here and nowhere else.
        // form-action: filters, log-in and log-out go nowhere else.
        // frame-ancestors: nobody frames a page to catch its clicks.
        // base-uri: no element bends our relative links.
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'",
    ),
    // The same as frame-ancestors, for whatever does not know that.
    (header::X_FRAME_OPTIONS, "DENY"),
    // A stored text is never taken for anything but what we say it is.
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Addresses hold ids and searches; nobody else is told of them.
    (header::REFERRER_POLICY, "no-referrer"),
    // A page that opened ours, or that ours opened, has no handle on it.
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    // No other site can load our answers as a picture or a script to measure them.
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // No page of ours asks for a device.
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), usb=()"),
    // An answer is its reader's alone; assets, which are everybody's, say otherwise themselves.
    (header::CACHE_CONTROL, "no-store"),
];

/// A year of TLS only, as ASVS 3.4.1 asks; said only where there is TLS.
const TRANSPORT_SECURITY: &str = "max-age=31536000";

pub(crate) async fn set_headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if app.https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TRANSPORT_SECURITY));
    }
    response
}

/// Errors as sentences: a page for people, JSON for programs.
pub(crate) async fn show_errors(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (target, headers) = (request.uri().clone(), request.headers().clone());
    let mut response = next.run(request).await;
    let Some(Failed(error)) = response.extensions_mut().remove() else { return response };
    if error.refuses_somebody() {
        app.refusals.note(&error, &app.witness).await;
    }
    let shown = if target.path().starts_with("/api/") {
        as_json(&error)
    } else {
        FailurePage::of(&app, &error, &target, &headers).await.into_response()
    };
    let mut shown = (response.status(), shown).into_response();
    // A refused method comes with the list of those that are not.
    shown
        .headers_mut()
        .extend(response.headers_mut().remove(header::ALLOW).map(|allow| (header::ALLOW, allow)));
    if response.status() == axum::http::StatusCode::UNAUTHORIZED {
        shown.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    shown
}

fn as_json(error: &Error) -> Response {
    let (_, code) = error.status();
    let message = format!("{error}; {}", error.advice());
    Json(json!({"error": {"code": code, "message": message}})).into_response()
}

/// One request that panics is one request that failed.
pub(crate) async fn survive_panics(request: Request, next: Next) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answer.unwrap_or_else(|_| Error::Panicked.into_response())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_fails_its_request_and_no_other() {
        async fn panics() -> &'static str {
            panic!("as a mistake of ours would")
        }
        let router = Router::new()
            .route("/panics", get(panics))
            .route("/works", get(async || "works"))
            .layer(axum::middleware::from_fn(survive_panics));
        let ask = |path| router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
        let failed = ask("/panics").await.unwrap();
        assert_eq!(failed.status(), 500);
        assert!(matches!(*failed.extensions().get::<Failed>().unwrap().0, Error::Panicked));
        assert_eq!(ask("/works").await.unwrap().status(), 200);
    }
}
