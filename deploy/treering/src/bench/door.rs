//! Where requests go, and how: OTLP/gRPC over HTTP/2, or OTLP/HTTP over HTTP/1.1.

use std::io::{self, Write};

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER, TE};
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::server::Server;
use crate::cli::{Bench, Compression, Protocol};
use crate::error::Error;

/// Where and how.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    /// Host and port.
    authority: String,
    pub(super) protocol: Protocol,
    pub(super) compression: Compression,
    key: String,
}

/// A connection. One of gRPC carries many requests at a time, and its clones are the same one.
pub(super) enum Link {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Said {
    /// `200`, `429`, `gRPC 8`, or why there is none.
    pub(super) status: String,
    pub(super) is_taken: bool,
    /// Whether it says when to come again.
    pub(super) has_delay: bool,
}

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

impl Door {
    pub(super) fn of(options: &Bench, own: Option<&Server>) -> Result<Self, Error> {
        let (protocol, compression) = (options.protocol, options.compression);
        if let Some(server) = own {
            let authority = server.address(protocol).to_string();
            return Ok(Self { authority, protocol, compression, key: server.key().to_owned() });
        }
        let url = options.url.clone().unwrap_or_default();
        let uri: Uri = url.parse().map_err(|_| Error::BenchUrl(url.clone()))?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"));
        let authority = authority.ok_or(Error::BenchUrl(url))?;
        let port = authority.port_u16().unwrap_or(if protocol == Protocol::Grpc { 4317 } else { 4318 });
        let key = options.key.clone().ok_or(Error::BenchKey)?;
        Ok(Self { authority: format!("{}:{port}", authority.host()), protocol, compression, key })
    }

    pub(super) async fn connect(&self) -> Result<Link, Error> {
        let unreachable = |source| Error::BenchUnreachable { address: self.authority.clone(), source };
        let stream = TcpStream::connect(&self.authority).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let failed = |error| unreachable(io::Error::other(error));
        let stream = TokioIo::new(stream);
        // A connection ends with what sends on it; what went wrong on it, that hears.
        match self.protocol {
            Protocol::Grpc => {
                let (sender, connection) =
                    http2::handshake(TokioExecutor::new(), stream).await.map_err(failed)?;
                tokio::spawn(connection);
                Ok(Link::Http2(sender))
            }
            Protocol::Http | Protocol::HttpJson => {
                let (sender, connection) = http1::handshake(stream).await.map_err(failed)?;
                tokio::spawn(connection);
                Ok(Link::Http1(sender))
            }
        }
    }

    /// The request with these bytes as its message.
    pub(super) fn request(&self, message: &[u8]) -> io::Result<Request<Full<Bytes>>> {
        let is_compressed = self.compression != Compression::None;
        let message = match self.compression {
            Compression::None => Bytes::copy_from_slice(message),
            Compression::Gzip => gzip(message)?,
            Compression::Zstd => zstd::encode_all(message, 1)?.into(),
        };
        let encoding = match self.compression {
            Compression::None => "identity",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        };
        let request = Request::post(self.uri()).header(AUTHORIZATION, format!("Bearer {}", self.key));
        let request = match self.protocol {
            Protocol::Grpc => request
                .header(CONTENT_TYPE, "application/grpc")
                .header(TE, "trailers")
                .header("grpc-encoding", encoding),
            Protocol::Http => {
                request.header(HOST, &self.authority).header(CONTENT_TYPE, "application/x-protobuf")
            }
            Protocol::HttpJson => {
                request.header(HOST, &self.authority).header(CONTENT_TYPE, "application/json")
            }
        };
        let request = match self.protocol {
            Protocol::Grpc => request,
            _ if is_compressed => request.header(CONTENT_ENCODING, encoding),
            _ => request,
        };
        let body = if self.protocol == Protocol::Grpc { framed(&message, is_compressed) } else { message };
        request.body(Full::new(body)).map_err(io::Error::other)
    }

    fn uri(&self) -> String {
        match self.protocol {
            Protocol::Grpc => format!("http://{}{EXPORT}", self.authority),
            Protocol::Http | Protocol::HttpJson => "/v1/traces".to_owned(),
        }
    }
}

impl Link {
    /// A second handle of the same connection, where it carries several requests at a time.
    pub(super) fn shared(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender) => Some(Self::Http2(sender.clone())),
        }
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Said, hyper::Error> {
        let response = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        let grpc = head
            .headers
            .get("grpc-status")
            .or(body.trailers().and_then(|trailers| trailers.get("grpc-status")));
        Ok(match (self, grpc.and_then(|status| status.to_str().ok())) {
            (Self::Http2(_), Some("0")) => Said { status: "OK".into(), is_taken: true, has_delay: false },
            (Self::Http2(_), Some(code)) => Said {
                status: format!("gRPC {code}"),
                is_taken: false,
                has_delay: tells_a_delay(&head.headers, body.trailers()),
            },
            _ => Said {
                status: head.status.as_u16().to_string(),
                is_taken: head.status.is_success(),
                has_delay: head.headers.contains_key(RETRY_AFTER),
            },
        })
    }
}

/// A status with details has a `RetryInfo` in them, or nothing.
fn tells_a_delay(headers: &HeaderMap, trailers: Option<&HeaderMap>) -> bool {
    const DETAILS: &str = "grpc-status-details-bin";
    headers.contains_key(DETAILS) || trailers.is_some_and(|trailers| trailers.contains_key(DETAILS))
}

fn framed(message: &[u8], is_compressed: bool) -> Bytes {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(is_compressed.into());
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.extend_from_slice(message);
    framed.freeze()
}

fn gzip(message: &[u8]) -> io::Result<Bytes> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(message)?;
    Ok(encoder.finish()?.into())
}
