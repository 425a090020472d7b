//! What each request is answered for: an id, and a receipt where it is known whose it was.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use reqwest::{RequestBuilder, StatusCode};
use tonic::metadata::MetadataMap;
use treering_store::{Receipt, RequestId, Scope, Transport};

use crate::site::*;

const REQUEST_ID: &str = "treering-request-id";

async fn http(request: RequestBuilder) -> (StatusCode, RequestId) {
    let answer = request.send().await.unwrap();
    (answer.status(), answer.headers()[REQUEST_ID].to_str().unwrap().parse().unwrap())
}

fn grpc(metadata: &MetadataMap) -> RequestId {
    metadata.get(REQUEST_ID).unwrap().to_str().unwrap().parse().unwrap()
}

/// Stops the site, which writes its receipts down, and gives those of these ids.
async fn receipts(site: Site, ids: &[RequestId]) -> Vec<Option<Receipt>> {
    site.running.stop().await;
    let mut found = Vec::new();
    for id in ids {
        found.push(site.reader.receipt(Scope::of(site.project.id), *id).await.unwrap());
    }
    found
}

#[tokio::test]
async fn a_request_that_was_taken_has_a_receipt_of_what_was_redacted() {
    let site = Site::new().await;
    let body = request(1, "of a@example.com, b@example.com and 4111 1111 1111 1111").encode_to_vec();
    let compressed = gzip(&body);
    let bytes = compressed.len() as u64;
    let request = site.post("/v1/traces", PROTOBUF, compressed).header("content-encoding", "gzip");
    let (status, first) = http(request).await;
    assert_eq!(status, StatusCode::OK);
    let mut client = TraceServiceClient::new(site.channel().await);
    let second = grpc(client.export(site.keyed(crate::site::request(2, "chat"))).await.unwrap().metadata());
    let project = site.project.id;
    let found = receipts(site, &[first, second]).await;
    let expected = Receipt {
        id: first,
        project,
        transport: Transport::Http,
        signal: Some("traces".into()),
        outcome: "accepted.records".into(),
        reason: None,
        bytes,
        accepted: 1,
        rejected: 0,
        redactions: [("CREDIT_CARD".to_owned(), 1), ("EMAIL".to_owned(), 2)].into(),
        withheld: 0,
    };
    assert_eq!(found[0].as_ref(), Some(&expected));
    let second = found[1].as_ref().unwrap();
    assert_eq!((second.transport, second.accepted, second.redactions.len()), (Transport::Grpc, 1, 0));
}

#[tokio::test]
async fn records_that_were_refused_alone_stand_on_the_receipt_with_the_reason() {
    let site = Site::new().await;
    let mut half = request(1, "good");
    half.resource_spans.extend(request(2, "bad").resource_spans);
    half.resource_spans[1].scope_spans[0].spans[0].span_id = vec![1, 2, 3];
    let answer =
        TraceServiceClient::new(site.channel().await).export(site.keyed(half.clone())).await.unwrap();
    let told = answer.get_ref().partial_success.clone().unwrap();
    let ids =
        [grpc(answer.metadata()), http(site.post("/v1/traces", PROTOBUF, half.encode_to_vec())).await.1];
    for receipt in receipts(site, &ids).await {
        let receipt = receipt.unwrap();
        assert_eq!((receipt.accepted, receipt.rejected, &*receipt.outcome), (1, 1, "accepted.records"));
        assert_eq!(receipt.reason.as_deref(), Some(told.error_message.as_str()));
    }
}

#[tokio::test]
async fn whatever_is_refused_has_an_id_and_a_receipt_where_its_key_was_good() {
    let site = Site::new().await;
    let bytes = b"secret@example.com in what is no request".to_vec();
    let large = vec![0; MAX_BYTES + 1];
    let requests = [
        (site.post("/v1/traces", PROTOBUF, bytes.clone()), "refused.malformed", Some("traces")),
        (site.post("/v1/logs", "text/html", bytes.clone()), "refused.unsupported", Some("logs")),
        (
            site.post("/v1/logs", JSON, bytes.clone()).header("content-encoding", "br"),
            "refused.unsupported",
            Some("logs"),
        ),
        (site.post("/v1/traces", JSON, large), "refused.too_large", Some("traces")),
        (site.post("/", PROTOBUF, bytes.clone()), "refused.malformed", None),
        (site.post("/v1/metrics", PROTOBUF, Vec::new()), "discarded.requests", Some("metrics")),
    ];
    let (mut ids, mut expected) = (Vec::new(), Vec::new());
    for (request, outcome, signal) in requests {
        ids.push(http(request).await.1);
        expected.push((outcome, signal));
    }
    let client = &mut TraceServiceClient::new(site.channel().await);
    let refused = client.export(site.keyed(request(1, &"x".repeat(MAX_BYTES)))).await.unwrap_err();
    ids.push(grpc(refused.metadata()));
    expected.push(("refused.too_large", Some("traces")));
    let found = receipts(site, &ids).await;
    for (receipt, expected) in found.into_iter().zip(expected) {
        let receipt = receipt.unwrap();
        assert_eq!((&*receipt.outcome, receipt.signal.as_deref()), expected);
        let is_refused = receipt.outcome.starts_with("refused.");
        assert_eq!((receipt.reason.is_some(), receipt.accepted), (is_refused, 0), "{receipt:?}");
        assert!(!format!("{receipt:?}").contains("secret"));
    }
}

#[tokio::test]
async fn a_stranger_is_answered_with_an_id_that_leaves_no_receipt() {
    let site = Site::new().await;
    let url = format!("http://{}/v1/traces", site.http);
    let unkeyed = site.client.post(&url).header("content-type", PROTOBUF).body(vec![]);
    let (status, http_id) = http(unkeyed).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, nowhere) = http(site.post("/v2/nothing", PROTOBUF, vec![])).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let refused = TraceServiceClient::new(site.channel().await).export(request(1, "chat")).await.unwrap_err();
    let ids = [http_id, nowhere, grpc(refused.metadata())];
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    let preflight = site.client.request(reqwest::Method::OPTIONS, &url).send().await.unwrap();
    assert!(!preflight.headers().contains_key(REQUEST_ID), "it is no export");
    assert_eq!(receipts(site, &ids).await, [None, None, None]);
}
