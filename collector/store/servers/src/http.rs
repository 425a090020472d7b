//! One request over HTTP, and its answer.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{Error, PATIENCE};

/// Posts it and waits for the whole answer, on a thread and a runtime of its own, since the caller may be on one
/// already, where nothing may block.
pub(crate) fn post(address: SocketAddr, request: Request<Bytes>) -> Result<(StatusCode, Bytes), Error> {
    std::thread::scope(|scope| scope.spawn(|| run(address, request)).join()).expect("it does not panic")
}

#[tokio::main(flavor = "current_thread")]
async fn run(address: SocketAddr, request: Request<Bytes>) -> Result<(StatusCode, Bytes), Error> {
    let answered = tokio::time::timeout(PATIENCE, exchange(address, request)).await;
    answered.map_err(|_| Error::Silent)?.map_err(Error::io(format!("no answer from {address}")))
}

async fn exchange(address: SocketAddr, request: Request<Bytes>) -> std::io::Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let broken = std::io::Error::other::<hyper::Error>;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // What ends a connection is told to the request that waits for it.
    tokio::spawn(async move { connection.await.ok() });
    let answer = sender.send_request(request.map(Full::new)).await.map_err(broken)?;
    let status = answer.status();
    Ok((status, answer.into_body().collect().await.map_err(broken)?.to_bytes()))
}
