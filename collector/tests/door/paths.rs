//! Where exporters send, whatever they were told.

use prost::Message;
use reqwest::StatusCode;
use treering_collector::{Limits, Manners};

use crate::site::*;

#[tokio::test]
async fn every_path_that_exporters_send_to_is_understood() {
    let site = Site::new().await;
    let paths = ["/v1/traces", "/v1/traces/", "/api/public/otel/v1/traces", "/a/prefix/v1/traces"];
    for (path, number) in paths.into_iter().zip(1..) {
        let answer = site.post(path, PROTOBUF, request(number, "chat").encode_to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert!(site.has(number).await, "{path}");
    }
    let info = site.client.get(format!("http://{}/v1/info", site.http)).send().await.unwrap();
    assert_eq!((info.status(), info.text().await.unwrap().as_str()), (StatusCode::OK, "{}"));
}

/// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://localhost:4318` is taken as it stands.
#[tokio::test]
async fn at_the_root_the_body_says_what_it_is() {
    let site = Site::new().await;
    let logs = logs(&[3; 16], &[4; 8], "of a trace").encode_to_vec();
    let json_logs = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"traceId":"{}","spanId":"{}"}}]}}]}}]}}"#,
        "05".repeat(16),
        "05".repeat(8)
    );
    let bodies: [(&str, Vec<u8>); 4] = [
        (PROTOBUF, request(1, "chat").encode_to_vec()),
        (JSON, json(2).into_bytes()),
        (PROTOBUF, logs),
        (JSON, json_logs.into_bytes()),
    ];
    for (kind, body) in bodies {
        let answer =
            site.post("/", kind, gzip(&body)).header("content-encoding", "gzip").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    for number in [1, 2, 3, 5] {
        assert!(site.has(number).await, "trace {number}");
    }
    let answer = site.post("/", PROTOBUF, "").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "an empty request is one of any signal");
}

#[tokio::test]
async fn at_the_root_what_is_neither_is_told_where_to_go() {
    let site = Site::new().await;
    let metrics = r#"{"resourceMetrics":[{"scopeMetrics":[]}]}"#;
    let answer = site.post("/", JSON, metrics).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert!(answer.text().await.unwrap().contains("/v1/traces"));
}

#[tokio::test]
async fn every_compression_of_http_is_read() {
    let site = Site::new().await;
    let deflated = |bytes: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let body = |number| request(number, "chat").encode_to_vec();
    let two_members = [gzip(&body(5)), gzip(&body(6))].concat();
    let table = [
        ("deflate", deflated(&body(1))),
        ("x-gzip", gzip(&body(2))),
        ("GZIP", gzip(&body(3))),
        ("identity", body(4)),
        ("gzip", two_members),
    ];
    for (encoding, body) in table {
        let request = site.post("/v1/traces", PROTOBUF, body).header("content-encoding", encoding);
        let answer = request.header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{encoding}");
    }
    for number in 1..=6 {
        assert!(site.has(number).await, "trace {number}");
    }
    let twice = site.post("/v1/traces", PROTOBUF, gzip(&gzip(&body(7))));
    let twice =
        twice.header("content-encoding", "gzip").header("content-encoding", "gzip").send().await.unwrap();
    assert_eq!(twice.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_large_compressed_body_is_let_in_even_if_compression_did_not_help() {
    let site =
        Site::with(Limits { max_request_bytes: 10 << 20, ..Limits::default() }, Manners::default()).await;
    let hardly =
        (0..1_500_000_u32).map(|at| char::from(b'!' + (at.wrapping_mul(2_654_435_761) >> 25) as u8 % 90));
    for (number, name) in
        [(1, hardly.collect::<String>()), (2, "x".repeat(9 << 20)), (3, "x".repeat(3 << 20))]
    {
        let body = gzip(&request(number, &name).encode_to_vec());
        let answer =
            site.post("/v1/traces", PROTOBUF, body).header("content-encoding", "gzip").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "request {number}");
        assert!(site.has(number).await, "trace {number}");
    }
}
