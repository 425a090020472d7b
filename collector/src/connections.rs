//! Connections, held to their time and their number: whoever opens one and says nothing, or half a sentence, does not
//! keep the others out.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;

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

/// Serves HTTP/1.1 and HTTP/2 until it is told to stop, and then until the requests under way are answered.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()>,
) {
    let (places, graceful) = (Arc::new(Semaphore::new(limits.at_most)), GracefulShutdown::new());
    let mut stop = std::pin::pin!(stop);
    loop {
        let (place, stream) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&places, &listener) => accepted,
        };
        let connection = builder(&limits)
            .serve_connection(
                TokioIo::new(timed(stream, limits.silence)),
                TowerToHyperService::new(router.clone()),
            )
            .into_owned();
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            // How a connection ends is its client's business: resets and silence are no news.
            watched.await.ok();
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
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

fn timed(stream: TcpStream, silence: Duration) -> std::pin::Pin<Box<TimeoutStream<TcpStream>>> {
    // Answers are small and wanted at once.
    stream.set_nodelay(true).ok();
    let mut stream = TimeoutStream::new(stream);
    stream.set_read_timeout(Some(silence));
    stream.set_write_timeout(Some(silence));
    Box::pin(stream)
}
