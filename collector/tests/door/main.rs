//! The door, over real sockets: what is let in, what each refusal is answered, and that nothing of a refused
//! request stays.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod cors;
mod discarded;
mod grpc;
mod paths;
mod receipts;
mod refusals;
mod site;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use reqwest::StatusCode;
use site::*;
use tonic::transport::Channel;
use treering_step::TraceId;
use treering_store::Scope;

#[tokio::test]
async fn protobuf_and_json_plain_and_compressed_are_let_in() {
    let site = Site::new().await;
    let plain = request(1, "chat").encode_to_vec();
    let answers = [
        site.post("/v1/traces", PROTOBUF, plain),
        site.post("/v1/traces", PROTOBUF, gzip(&request(2, "chat").encode_to_vec()))
            .header("content-encoding", "gzip"),
        site.post(
            "/v1/traces",
            PROTOBUF,
            zstd::encode_all(&request(3, "chat").encode_to_vec()[..], 0).unwrap(),
        )
        .header("content-encoding", "zstd"),
        site.post("/v1/traces", JSON, json(4)),
        site.post("/v1/traces", "application/json; charset=utf-8", gzip(json(5).as_bytes()))
            .header("content-encoding", "gzip"),
        site.post("/api/public/otel/v1/traces", PROTOBUF, request(6, "chat").encode_to_vec()),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        let kind = if (3..5).contains(&at) { JSON } else { PROTOBUF };
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "request {at}");
        assert_eq!(answer.headers()["content-type"], kind);
        assert_eq!(answer.text().await.unwrap(), if kind == JSON { "{}" } else { "" });
    }
    for number in 1..=6 {
        assert!(site.has(number).await, "trace {number}");
    }
}

#[tokio::test]
async fn both_ports_understand_both_protocols() {
    let site = Site::new().await;
    let other = Channel::from_shared(format!("http://{}", site.http)).unwrap().connect().await.unwrap();
    TraceServiceClient::new(other).export(site.keyed(request(1, "chat"))).await.unwrap();
    let request = site.client.post(format!("http://{}/v1/traces", site.grpc)).bearer_auth(&site.key);
    let body = self::request(2, "chat").encode_to_vec();
    let answer = request.header("content-type", PROTOBUF).body(body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(site.has(1).await && site.has(2).await);
}

#[tokio::test]
async fn logs_reach_their_span_or_stand_alone() {
    let site = Site::new().await;
    let mut logs = logs(&[1; 16], &[2; 8], "of a span");
    logs.resource_logs.extend(self::logs(&[3; 16], &[], "of a trace").resource_logs);
    let mut client = LogsServiceClient::new(site.channel().await);
    // Twice, as after an answer that got lost.
    for _ in 0..2 {
        client.export(site.keyed(logs.clone())).await.unwrap();
    }
    assert!(site.has(1).await && site.has(3).await);
    let scope = Scope::of(site.project.id);
    let alone = TraceId::from_bytes(&[3; 16]).unwrap();
    assert_eq!(site.reader.records(scope, alone).await.unwrap().len(), 1);
    assert_eq!(site.reader.execution(scope, alone).await.unwrap().unwrap().name, "of a trace");
}

#[tokio::test]
async fn a_secret_never_reaches_a_file() {
    let site = Site::new().await;
    let secret = "grace.hopper@example.com";
    let answer = site
        .post("/v1/traces", PROTOBUF, request(1, &format!("mail to {secret}")).encode_to_vec())
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    assert!(site.has(1).await);
    assert!(!has_file_with(site.folder.path(), secret.as_bytes()));
    assert!(has_file_with(site.folder.path(), b"[REDACTED:EMAIL]"));
}

#[tokio::test]
async fn what_was_refused_and_accepted_is_counted_by_name() {
    let site = Site::new().await;
    site.post("/v1/traces", PROTOBUF, request(1, "chat").encode_to_vec()).send().await.unwrap();
    site.post("/v1/traces", PROTOBUF, "nonsense").send().await.unwrap();
    // Whose it was is not known.
    let stranger = site.client.post(format!("http://{}/v1/traces", site.http)).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    assert!(site.has(1).await);
    site.running.stop().await;
    let seen = site.reader.outcomes(Scope::of(site.project.id)).await.unwrap();
    let counts: Vec<_> = seen.iter().map(|seen| (seen.project, seen.name.as_str(), seen.count)).collect();
    let own = Some(site.project.id);
    let expected = [
        (own, "accepted.records", 1),
        (own, "delivered.records", 1),
        (own, "refused.malformed", 1),
        (None, "refused.no_key", 1),
    ];
    assert_eq!(counts, expected);
}
