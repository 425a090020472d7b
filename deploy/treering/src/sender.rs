//! Requests to the process that owns the data folder, over OTLP/HTTP on this machine.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use treering_otlp::Signal;
use treering_store::ApiKey;

use crate::error::Error;

/// How often a request is sent again that was not taken for want of room.
const TRIES: u32 = 60;
/// How long it is waited where nobody says.
const PAUSE: Duration = Duration::from_secs(1);

/// Sends one request after the other.
pub(crate) struct Sender {
    address: SocketAddr,
    key: ApiKey,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// What became of a request.
pub(crate) enum Sent {
    /// It was taken, but for so many records.
    Taken { rejected: u64 },
    /// It never will be, for this reason.
    Refused(String),
}

/// The answer to one try.
enum Answer {
    Sent(Sent),
    Later(Duration, String),
}

impl Sender {
    pub(crate) fn new(address: SocketAddr, key: ApiKey) -> Self {
        Self { address, key, connection: None }
    }

    /// Sends until it is taken or refused; a server that is full for a minute is not waited for any longer.
    pub(crate) async fn send(&mut self, line: usize, signal: Signal, body: &Bytes) -> Result<Sent, Error> {
        let mut reason = String::new();
        for _ in 0..TRIES {
            match self.once(signal, body.clone()).await {
                Ok(Answer::Sent(sent)) => return Ok(sent),
                Ok(Answer::Later(pause, why)) => {
                    reason = why;
                    tokio::time::sleep(pause).await;
                }
                Err(error) => {
                    self.connection = None;
                    reason = error.to_string();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        Err(Error::NotTaken { line, reason })
    }

    async fn once(&mut self, signal: Signal, body: Bytes) -> Result<Answer, Error> {
        let path = match signal {
            Signal::Traces => "/v1/traces",
            Signal::Logs => "/v1/logs",
        };
        let mut request = Request::post(path)
            .header(HOST, self.address.to_string())
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {}", self.key.reveal()))
            .body(body)
            .expect("an address and a key are headers");
        // Its project may take signed requests alone.
        treering_layer::sign_request(&mut request).map_err(Error::Unsigned)?;
        let unreachable =
            |address, error| Error::Unreachable { address, source: std::io::Error::other(error) };
        let address = self.address;
        let response = self.connection().await?.send_request(request.map(Full::new)).await;
        let (head, body) = response.map_err(|error| unreachable(address, error))?.into_parts();
        let body = body.collect().await.map_err(|error| unreachable(address, error))?.to_bytes();
        Ok(answer(head.status, &head.headers, &body))
    }

    async fn connection(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, Error> {
        let is_open = self.connection.as_mut().is_some_and(|open| !open.is_closed());
        let connection = if is_open { self.connection.take() } else { None };
        let connection = match connection {
            Some(connection) => connection,
            None => connect(self.address).await?,
        };
        Ok(self.connection.insert(connection))
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Error> {
    let unreachable = |source| Error::Unreachable { address, source };
    let stream = TcpStream::connect(address).await.map_err(unreachable)?;
    let (mut sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(std::io::Error::other(error)))?;
    // It ends with the sender; what went wrong on it, the sender hears.
    tokio::spawn(connection);
    sender.ready().await.map_err(|error| unreachable(std::io::Error::other(error)))?;
    Ok(sender)
}

fn answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = || body["message"].as_str().unwrap_or(status.as_str()).to_owned();
    match status {
        StatusCode::OK => Answer::Sent(Sent::Taken { rejected: rejected(&body["partialSuccess"]) }),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let seconds = headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
            Answer::Later(seconds.map_or(PAUSE, Duration::from_secs), message())
        }
        _ => Answer::Sent(Sent::Refused(message())),
    }
}

/// A count, as text or as number.
fn rejected(partial: &Value) -> u64 {
    let count = |name: &str| {
        let value = &partial[name];
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    count("rejectedSpans").or_else(|| count("rejectedLogRecords")).unwrap_or(0)
}
