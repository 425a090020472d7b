//! A recorded request sent again: over its own transport, with its own headers, and with a key of ours.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tonic::metadata::{MetadataKey, MetadataMap};
use tonic::transport::Channel;

use crate::recorded::Request;
use crate::support::{Server, client};

/// Headers that belong to a connection, or that the client here writes itself.
const OF_THE_CONNECTION: [&str; 7] =
    ["accept-encoding", "connection", "content-length", "host", "keep-alive", "te", "transfer-encoding"];
/// The header in which the recordings held a key where their exporters had no place for one.
const RECORDED_KEY: &str = "x-treering-key";

pub(crate) struct Sender {
    http: String,
    key: String,
    client: reqwest::Client,
    channel: Channel,
}

impl Sender {
    pub(crate) async fn new(server: &Server) -> Self {
        let channel = Channel::from_shared(format!("http://{}", server.grpc)).unwrap();
        Self {
            http: server.http.clone(),
            key: server.key("ingest"),
            client: client(),
            channel: channel.connect().await.unwrap(),
        }
    }

    pub(crate) async fn send(&self, request: &Request) -> Result<(), String> {
        match request.meta["transport"].as_str().unwrap() {
            "grpc" => self.send_grpc(request).await,
            _ => self.send_http(request).await,
        }
    }

    async fn send_http(&self, request: &Request) -> Result<(), String> {
        let path = request.meta["path"].as_str().unwrap();
        let mut sending = self.client.post(format!("http://{}{path}", self.http)).body(request.body.clone());
        for (name, value) in self.headers(request) {
            sending = sending.header(name, value);
        }
        let answer = sending.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        if status == 200 { Ok(()) } else { Err(format!("{status} {text}")) }
    }

    async fn send_grpc(&self, request: &Request) -> Result<(), String> {
        let channel = self.channel.clone();
        let sent = match request.file.split('.').nth(1).unwrap() {
            "traces" => TraceServiceClient::new(channel).export(self.message(request)).await.map(|_| ()),
            "logs" => LogsServiceClient::new(channel).export(self.message(request)).await.map(|_| ()),
            _ => MetricsServiceClient::new(channel).export(self.message(request)).await.map(|_| ()),
        };
        sent.map_err(|status| status.to_string())
    }

    fn message<T: Message + Default>(&self, request: &Request) -> tonic::Request<T> {
        let mut sending = tonic::Request::new(T::decode(request.body.as_slice()).unwrap());
        *sending.metadata_mut() = self.metadata(request);
        sending
    }

    fn metadata(&self, request: &Request) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        // What the client says of itself is its own affair.
        for (name, value) in self.headers(request).into_iter().filter(|(name, _)| name != "user-agent") {
            metadata.insert(name.parse::<MetadataKey<_>>().unwrap(), value.parse().unwrap());
        }
        metadata
    }

    /// The recorded headers, with our key where theirs was.
    fn headers(&self, request: &Request) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        for (name, value) in request.meta["headers"].as_object().unwrap() {
            match name.as_str() {
                "authorization" => headers.push((name.clone(), self.authorization(value.as_str().unwrap()))),
                RECORDED_KEY => {}
                name if OF_THE_CONNECTION.contains(&name) => {}
                name => headers.push((name.to_owned(), value.as_str().unwrap().to_owned())),
            }
        }
        if !headers.iter().any(|(name, _)| name == "authorization") {
            headers.push(("x-api-key".to_owned(), self.key.clone()));
        }
        headers
    }

    /// Our key in the manner of theirs.
    fn authorization(&self, recorded: &str) -> String {
        match recorded.split_once(' ') {
            Some(("Basic", _)) => {
                format!("Basic {}", BASE64_STANDARD.encode(format!("public:{}", self.key)))
            }
            Some((scheme, _)) => format!("{scheme} {}", self.key),
            None => self.key.clone(),
        }
    }
}
