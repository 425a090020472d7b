//! Connections, held to their time and their number: whoever opens one and says nothing, or half a sentence, does not
//! keep the others out.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use crate::tls::{Tls, names};

/// The names in the certificate that a client showed, which was found to be good: of hosts, and addresses such as
/// `spiffe://shop/agent`.
#[derive(Debug, Clone)]
pub(crate) struct ClientNames(Arc<[String]>);

impl ClientNames {
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

/// What a listener grants to strangers.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Connections at a time; further ones wait until the system has no room for them either.
    pub at_most: usize,
    /// How long a connection may be silent, in either direction. Exporters of metrics speak once a minute.
    pub silence: Duration,
    /// How long the head of a request may take.
    pub head: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { at_most: 1_024, silence: Duration::from_secs(90), head: Duration::from_secs(10) }
    }
}

/// How often a silent HTTP/2 connection is asked whether it lives.
const PING: Duration = Duration::from_secs(20);
/// Requests under way on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// How long to wait where the system has no room for one more connection.
const BREATH: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 and HTTP/2, by TLS where there is any, until it is told to stop, and then until the requests under way
/// are answered.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    tls: Option<Tls>,
    stop: impl Future<Output = ()>,
) {
    let (places, graceful) = (Arc::new(Semaphore::new(limits.at_most)), GracefulShutdown::new());
    let (open, closing) = watch::channel(());
    let mut stop = std::pin::pin!(stop);
    loop {
        let (place, stream) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&places, &listener) => accepted,
        };
        let stream = timed(stream, limits.silence);
        let (router, limits, watcher) = (router.clone(), limits.clone(), graceful.watcher());
        let (tls, mut closing) = (tls.clone(), closing.clone());
        tokio::spawn(async move {
            match tls {
                None => converse(stream, router, &limits, watcher).await,
                Some(tls) => {
                    // Whoever has not even said hello by then is not waited for.
                    let greeted = tokio::select! {
                        _ = closing.changed() => None,
                        greeted = greet(stream, &tls, &limits) => greeted,
                    };
                    if let Some((stream, client)) = greeted {
                        converse(stream, known(router, client), &limits, watcher).await;
                    }
                }
            }
            drop(place);
        });
    }
    drop((listener, open));
    graceful.shutdown().await;
}

type Timed = Pin<Box<TimeoutStream<TcpStream>>>;

/// Agrees on how to encrypt, in the time that the head of a request has. How that fails is its client's business.
async fn greet(
    stream: Timed,
    tls: &Tls,
    limits: &ConnectionLimits,
) -> Option<(tokio_rustls::server::TlsStream<Timed>, Option<ClientNames>)> {
    let accept = TlsAcceptor::from(tls.config()).accept(stream);
    let stream = tokio::time::timeout(limits.head, accept).await.ok()?.ok()?;
    let certificates = stream.get_ref().1.peer_certificates();
    let client = certificates.and_then(|chain| chain.first()).map(|own| ClientNames(names(own).into()));
    Some((stream, client))
}

/// The same router for a client that showed who it is.
fn known(router: Router, client: Option<ClientNames>) -> Router {
    match client {
        Some(client) => router.layer(Extension(client)),
        None => router,
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: &ConnectionLimits,
    watcher: Watcher,
) {
    let builder = builder(limits);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // How a connection ends is its client's business: resets and silence are no news.
    watcher.watch(connection.into_owned()).await.ok();
}

async fn accept(places: &Arc<Semaphore>, listener: &TcpListener) -> (OwnedSemaphorePermit, TcpStream) {
    let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (place, stream),
            // No descriptors left, or a client that was gone before it was welcomed. Once is enough to say so.
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%error, "a connection could not be accepted; trying until one can");
                }
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

fn builder(limits: &ConnectionLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(STREAMS);
    builder
}

fn timed(stream: TcpStream, silence: Duration) -> Timed {
    // Answers are small and wanted at once.
    stream.set_nodelay(true).ok();
    let mut stream = TimeoutStream::new(stream);
    stream.set_read_timeout(Some(silence));
    stream.set_write_timeout(Some(silence));
    Box::pin(stream)
}
