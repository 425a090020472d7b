//! What became of a request can be asked by the id that it was answered with: with the real binary, by HTTP and by gRPC.

mod support;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::{Value, json};
use support::{Api, PATIENCE, Server, any_file_has, client};
use tonic::metadata::MetadataMap;

const REQUEST_ID: &str = "treering-request-id";
/// In parts, so that no file of the tests is found.
const PLANTED: &str = concat!("ada.lovelace", "@example.com");
const KEY: &str = concat!("a-key-of-", "the-sender");

fn span(number: u8, said: &str) -> Span {
    let value = AnyValue { value: Some(any_value::Value::StringValue(said.to_owned())) };
    let attribute = KeyValue { key: KEY.into(), value: Some(value), ..Default::default() };
    Span {
        trace_id: vec![number; 16],
        span_id: vec![number; 8],
        name: "chat".into(),
        attributes: vec![attribute],
        ..Default::default()
    }
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] }
}

async fn http(server: &Server, key: &str, body: Vec<u8>) -> (u16, String) {
    let request = client().post(format!("http://{}/v1/traces", server.http)).header("x-api-key", key);
    let request = request.header("content-type", "application/x-protobuf").body(body);
    let answer = request.send().await.expect("it answers");
    let id = answer.headers()[REQUEST_ID].to_str().expect("an id").to_owned();
    (answer.status().as_u16(), id)
}

fn id(metadata: &MetadataMap) -> String {
    metadata.get(REQUEST_ID).expect("an id").to_str().expect("a text").to_owned()
}

/// A receipt, once it is written down.
async fn receipt(api: &Api<'_>, id: &str) -> Value {
    let mut receipt = api.wait_for(&format!("/receipts/{id}"), |found| found["error"].is_null()).await;
    assert_eq!(receipt["request_id"], id);
    let at = receipt["at"].take();
    assert!(at.as_str().is_some_and(|at| at.ends_with('Z')), "{at}");
    receipt
}

fn expected(id: &str, transport: &str, bytes: usize) -> Value {
    json!({"request_id": id, "project": "default", "at": null, "transport": transport, "signal": "traces",
        "outcome": "accepted.records", "bytes": bytes, "accepted": 1, "rejected": 0, "redactions": {},
        "withheld": 0})
}

#[tokio::test]
async fn each_request_is_answered_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let (api, key) = (Api::of(&server), server.key("ingest"));
    let channel =
        tonic::transport::Channel::from_shared(format!("http://{}", server.grpc)).expect("an address");
    let mut grpc =
        TraceServiceClient::new(channel.connect_timeout(PATIENCE).connect().await.expect("it listens"));
    let keyed = |message| {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("x-api-key", key.parse().expect("a value"));
        request
    };

    // Taken, with redactions.
    let said = format!("{PLANTED} and {PLANTED} pay with 4111 1111 1111 1111");
    let body = request(vec![span(1, &said)]);
    let length = body.encoded_len();
    let redactions = json!({"CREDIT_CARD": 1, "EMAIL": 2});
    let (status, first) = http(&server, &key, body.encode_to_vec()).await;
    let mut wanted = expected(&first, "http", length);
    wanted["redactions"] = redactions.clone();
    assert_eq!((status, receipt(&api, &first).await), (200, wanted));
    let second = id(grpc.export(keyed(body)).await.expect("it is taken").metadata());
    let mut wanted = expected(&second, "grpc", length);
    wanted["redactions"] = redactions;
    assert_eq!(receipt(&api, &second).await, wanted);

    // Taken but for one record.
    let mut bad = span(3, "said");
    bad.span_id = vec![1, 2, 3];
    let body = request(vec![span(2, "said"), bad]);
    let length = body.encoded_len();
    let answer = grpc.export(keyed(body.clone())).await.expect("it is taken");
    let told = answer.get_ref().partial_success.clone().expect("what was refused").error_message;
    let (_, by_http) = http(&server, &key, body.encode_to_vec()).await;
    for (id, transport) in [(id(answer.metadata()), "grpc"), (by_http, "http")] {
        let mut wanted = expected(&id, transport, length);
        (wanted["rejected"], wanted["reason"]) = (json!(1), json!(told));
        assert_eq!(receipt(&api, &id).await, wanted);
    }

    // Refused, behind the key and before it.
    let (status, refused) = http(&server, &key, format!("no request, but {PLANTED}").into_bytes()).await;
    assert_eq!(status, 400);
    let found = receipt(&api, &refused).await;
    assert_eq!((&found["outcome"], &found["accepted"]), (&json!("refused.malformed"), &json!(0)));
    let refusal = grpc.export(request(vec![])).await.expect_err("it has no key");
    let of_nobody = id(refusal.metadata());
    let (status, also_of_nobody) = http(&server, "trk_nobody", vec![]).await;
    assert_eq!(status, 401);
    // What came after them is written down, and so would they be.
    let (_, last) = http(&server, &key, request(vec![span(4, "said")]).encode_to_vec()).await;
    receipt(&api, &last).await;
    for id in [of_nobody, also_of_nobody] {
        assert_eq!(api.get(&format!("/receipts/{id}")).await["error"]["code"], "not_found");
    }

    drop(grpc);

    // One page of them, and nothing of what was said.
    let page = format!("http://{}/receipts/{first}", server.dashboard);
    let page = client().get(page).bearer_auth(server.key("read")).send().await.expect("it answers");
    let page = page.text().await.expect("a page");
    assert!(
        page.contains("<h1>Accepted</h1>") && page.contains(r#"<span class="mark">email</span>"#),
        "{page}"
    );
    assert!(!page.contains(PLANTED) && !page.contains(KEY));
    assert!(server.terminate().success());
    for planted in [PLANTED, KEY] {
        assert!(!any_file_has(folder.path(), planted.as_bytes()), "{planted}");
    }
}
