//! Metrics and profiles: let in, counted, thrown away.

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric,
};
use prost::Message;
use reqwest::StatusCode;
use treering_collector::{Limits, Manners};
use treering_store::Scope;

use crate::site::*;

/// Three data points.
fn metrics() -> ExportMetricsServiceRequest {
    let gauge = Gauge { data_points: vec![NumberDataPoint::default(); 3] };
    let metrics =
        vec![Metric { name: "m".into(), data: Some(metric::Data::Gauge(gauge)), ..Default::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..Default::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..Default::default() }],
    }
}

/// Two of them, in a field of resource, scope and profile each.
const PROFILES: [u8; 8] = [0x0a, 6, 0x12, 4, 0x12, 0, 0x12, 0];

const METRICS_JSON: &str =
    r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"sum":{"dataPoints":[{}]}}]}]}]}"#;

async fn counts(site: Site) -> Vec<(String, u64)> {
    site.running.stop().await;
    let seen = site.reader.outcomes(Scope::of(site.project.id)).await.unwrap();
    seen.into_iter().map(|outcome| (outcome.name, outcome.count)).collect()
}

#[tokio::test]
async fn they_are_thrown_away_without_a_word_and_counted() {
    let site = Site::new().await;
    let bytes = metrics().encode_to_vec();
    let sent = [
        site.post("/v1/metrics", PROTOBUF, bytes.clone()),
        site.post("/v1/metrics", PROTOBUF, gzip(&bytes)).header("content-encoding", "gzip"),
        site.post("/v1/metrics", JSON, METRICS_JSON),
        site.post("/v1development/profiles", PROTOBUF, PROFILES.to_vec()),
    ];
    for request in sent {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let is_json = answer.headers()["content-type"] == JSON;
        assert_eq!(answer.text().await.unwrap(), if is_json { "{}" } else { "" });
    }
    let answer = MetricsServiceClient::new(site.channel().await).export(site.keyed(metrics())).await.unwrap();
    assert_eq!(answer.into_inner().partial_success, None);
    let unkeyed =
        site.client.post(format!("http://{}/v1/metrics", site.http)).header("content-type", PROTOBUF);
    assert_eq!(unkeyed.body(bytes).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let expected = [
        ("discarded.data_points", 10),
        ("discarded.profiles", 2),
        ("discarded.requests", 5),
        ("refused.no_key", 1),
    ];
    assert_eq!(counts(site).await, expected.map(|(name, count)| (name.to_owned(), count)));
}

#[tokio::test]
async fn who_wants_to_know_is_told() {
    let manners = Manners { report_discarded: true, ..Manners::default() };
    let site = Site::with(Limits::default(), manners).await;
    let answer = site.post("/v1/metrics", PROTOBUF, metrics().encode_to_vec()).send().await.unwrap();
    let told = ExportMetricsServiceResponse::decode(answer.bytes().await.unwrap()).unwrap();
    let told = told.partial_success.unwrap();
    assert_eq!(told.rejected_data_points, 3);
    assert!(told.error_message.contains("OTEL_METRICS_EXPORTER=none"), "{}", told.error_message);
    let answer = MetricsServiceClient::new(site.channel().await).export(site.keyed(metrics())).await.unwrap();
    assert_eq!(answer.into_inner().partial_success, Some(told));
    let answer = site.post("/v1/metrics", JSON, METRICS_JSON).send().await.unwrap().text().await.unwrap();
    assert!(
        answer.starts_with(r#"{"partialSuccess":{"rejectedDataPoints":"1","errorMessage":"metrics"#),
        "{answer}"
    );
    let profiles = site.post("/v1development/profiles", PROTOBUF, PROFILES.to_vec()).send().await.unwrap();
    let told = ExportMetricsServiceResponse::decode(profiles.bytes().await.unwrap()).unwrap();
    assert_eq!(told.partial_success.unwrap().rejected_data_points, 2, "the number of the field is the same");
    let empty = site.post("/v1/metrics", JSON, "{}").send().await.unwrap().text().await.unwrap();
    assert_eq!(empty, "{}");
}

#[tokio::test]
async fn what_is_no_request_is_refused_all_the_same() {
    let site = Site::new().await;
    let torn = site.post("/v1/metrics", PROTOBUF, vec![0x0a, 9]).send().await.unwrap();
    assert_eq!(torn.status(), StatusCode::BAD_REQUEST);
    let bomb = site.post("/v1/metrics", PROTOBUF, gzip(&vec![0; MAX_BYTES + 1]));
    let bomb = bomb.header("content-encoding", "gzip").send().await.unwrap();
    assert_eq!(bomb.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
