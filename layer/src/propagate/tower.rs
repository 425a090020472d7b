//! Layers for services of tower, axum and tonic (feature `tower`).
//!
//! ```
//! # #[cfg(feature = "tower")] {
//! use treering_layer::tower::{ClientLayer, ServerLayer};
//! # let _: (ServerLayer, ClientLayer) = Default::default();
//! // axum: Router::new().route(…).layer(ServerLayer::default())
//! // tonic: Server::builder().layer(ServerLayer::default()), and ClientLayer around a channel
//! # }
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;
use tracing::field::Empty;
use tracing::instrument::Instrumented;
use tracing::{Instrument, Span, info_span};

use super::{Carry, inject_with, remote_parent};

/// Makes a step of each request to a service, below the one of another process that its headers name. A status from 500 on is
/// an error. The path is told without its query, which may hold secrets.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ServerLayer {}

/// Names the current step in the headers of each request that a client sends.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientLayer {
    carry: Carry,
}

impl ClientLayer {
    /// Tells for whom the step runs, as `carry` says; the session alone unless set.
    #[must_use]
    pub fn carry(self, carry: Carry) -> Self {
        Self { carry }
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        Server { inner }
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = Client<S>;

    fn layer(&self, inner: S) -> Client<S> {
        Client { inner, carry: self.carry }
    }
}

/// A service whose requests are steps; see [`ServerLayer`].
#[derive(Debug, Clone)]
pub struct Server<S> {
    inner: S,
}

impl<S, Sent, Got> Service<Request<Got>> for Server<S>
where
    S: Service<Request<Got>, Response = Response<Sent>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Got>) -> Self::Future {
        let (method, path) = (request.method().as_str(), request.uri().path());
        let span = remote_parent(request.headers(), || {
            info_span!(
                "request",
                otel.name = format_args!("{method} {path}"),
                otel.kind = "server",
                otel.status_code = Empty,
                http.request.method = method,
                url.path = path,
                http.response.status_code = Empty,
            )
        });
        let inner = span.in_scope(|| self.inner.call(request)).instrument(span.clone());
        Answer { inner, span }
    }
}

pin_project! {
    /// The answer of a service, within its step.
    #[derive(Debug)]
    pub struct Answer<F> {
        #[pin]
        inner: Instrumented<F>,
        span: Span,
    }
}

impl<F, Sent, Failure> Future for Answer<F>
where
    F: Future<Output = Result<Response<Sent>, Failure>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(context));
        match &answer {
            Ok(response) => {
                this.span.record("http.response.status_code", response.status().as_u16());
                if response.status().is_server_error() {
                    this.span.record("otel.status_code", "ERROR");
                }
            }
            Err(_) => drop(this.span.record("otel.status_code", "ERROR")),
        }
        Poll::Ready(answer)
    }
}

/// A client whose requests name the current step; see [`ClientLayer`].
#[derive(Debug, Clone)]
pub struct Client<S> {
    inner: S,
    carry: Carry,
}

impl<S: Service<Request<Sent>>, Sent> Service<Request<Sent>> for Client<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Sent>) -> S::Future {
        inject_with(request.headers_mut(), self.carry);
        self.inner.call(request)
    }
}
