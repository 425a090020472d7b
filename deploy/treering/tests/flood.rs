//! Hostile requests, many at once, against the very binary: it answers each, and its memory stays small.

mod support;

use std::io::Write;

use support::{Server, client};

/// What the process may take, whatever comes.
const MOST: u64 = 256 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("it is memory");
    encoder.finish().expect("it is memory")
}

/// A span in OTLP/JSON with this value.
fn span(value: &str) -> String {
    let ids = format!(r#""traceId":"{}","spanId":"{}""#, "0a".repeat(16), "0b".repeat(8));
    let attribute = format!(r#"{{"key":"k","value":{{"stringValue":"{value}"}}}}"#);
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"name":"n","attributes":[{attribute}]}}]}}]}}]}}"#
    )
}

async fn send(address: String, key: String, body: Vec<u8>) -> u16 {
    let request = client().post(format!("http://{address}/v1/traces")).body(body);
    let request = request.header("content-type", "application/json").header("content-encoding", "gzip");
    let answer = request.header("x-api-key", key).send().await.expect("each is answered");
    let (status, again) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
    assert_eq!(status == 503, again, "who is asked to come again is told when");
    status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_at_once_is_answered_in_little_memory() {
    if cfg!(not(target_os = "linux")) {
        return support::leave_out("the flood", "the peak of a process's memory is read from Linux");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let key = server.key("ingest");
    let kinds = [
        gzip(&vec![b' '; 100 << 20]),
        gzip(span(&"x".repeat(60 << 20)).as_bytes()),
        gzip(span(&"a@b.io ".repeat(4 << 20)).as_bytes()),
        gzip(span(&r"\\n".repeat(12 << 20)).as_bytes()),
        gzip(
            format!(
                r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}{{}}]}}]}}]}}"#,
                "{},".repeat(8 << 20)
            )
            .as_bytes(),
        ),
    ];
    let mut answers = tokio::task::JoinSet::new();
    for body in kinds.iter().flat_map(|body| std::iter::repeat_n(body, 4)) {
        answers.spawn(send(server.http.clone(), key.clone(), body.clone()));
    }
    for status in answers.join_all().await {
        assert!([200, 400, 413, 503].contains(&status), "{status}");
    }
    let small = gzip(span("the next good request").as_bytes());
    assert_eq!(send(server.http.clone(), key, small).await, 200);
    // What was taken is delivered in little memory, too.
    let trace = format!("/executions/{}", "0a".repeat(16));
    support::Api::of(&server).wait_for(&trace, |answer| answer["steps"].is_array()).await;
    let peak = server.peak_memory();
    assert!(peak < MOST, "it took {} MiB", peak >> 20);
}
