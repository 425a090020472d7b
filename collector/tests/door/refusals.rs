//! What is not let in, and what it is answered.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::StatusCode;
use tonic::Code;
use treering_collector::{ConnectionLimits, Limits, Manners};
use treering_store::{ApiKey, Scopes};

use crate::site::*;

#[tokio::test]
async fn every_refusal_is_answered_as_the_specification_asks_and_leaves_nothing() {
    let site = Site::new().await;
    let body = || request(9, "chat").encode_to_vec();
    let read_key = ApiKey::generate().unwrap();
    let scopes = Scopes { ingest: false, read: true };
    site.keeper.create_key(site.project.clone(), &read_key, scopes).await.unwrap();
    let with_key = |key: &str| {
        let request = site.client.post(format!("http://{}/v1/traces", site.http));
        request.header("content-type", PROTOBUF).header("x-api-key", key).body(body())
    };
    let bomb = gzip(&vec![0; MAX_BYTES + 1]);
    let unkeyed =
        site.client.post(format!("http://{}/v1/traces", site.http)).header("content-type", PROTOBUF);
    let table = [
        ("no key", unkeyed.body(body()), 401, Code::Unauthenticated),
        ("a mistyped key", with_key("trk_nonsense"), 401, Code::Unauthenticated),
        ("an unknown key", with_key(ApiKey::generate().unwrap().reveal()), 401, Code::Unauthenticated),
        ("a key for reading", with_key(read_key.reveal()), 403, Code::PermissionDenied),
        (
            "a truncated body",
            site.post("/v1/traces", PROTOBUF, body()[..20].to_vec()),
            400,
            Code::InvalidArgument,
        ),
        (
            "a body that is no protobuf",
            site.post("/v1/traces", PROTOBUF, "nonsense"),
            400,
            Code::InvalidArgument,
        ),
        (
            "a body that is too large",
            site.post("/v1/traces", PROTOBUF, vec![0; MAX_BYTES + 1]),
            413,
            Code::ResourceExhausted,
        ),
        (
            "a body that is too large once it is decompressed",
            site.post("/v1/traces", PROTOBUF, bomb).header("content-encoding", "gzip"),
            413,
            Code::ResourceExhausted,
        ),
        (
            "damaged compression",
            site.post("/v1/traces", PROTOBUF, "not gzip").header("content-encoding", "gzip"),
            400,
            Code::InvalidArgument,
        ),
    ];
    for (what, request, http, grpc) in table {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), http, "{what}");
        assert_eq!(answer.headers()["content-type"], PROTOBUF, "{what}");
        let status = Status::decode(answer.bytes().await.unwrap()).unwrap();
        assert_eq!(status.code, grpc as i32, "{what}");
        assert!(!status.message.is_empty(), "{what}");
    }
    let json = site.post("/v1/traces", JSON, "{\"resourceSpans\": [").send().await.unwrap();
    assert_eq!(
        (json.status(), json.headers()["content-type"].to_str().unwrap()),
        (StatusCode::BAD_REQUEST, JSON)
    );
    assert!(json.text().await.unwrap().starts_with(r#"{"code":3,"message":"#));
    let text = site.post("/v1/traces", "text/csv", "a,b").send().await.unwrap();
    assert_eq!(text.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let brotli =
        site.post("/v1/traces", PROTOBUF, body()).header("content-encoding", "br").send().await.unwrap();
    assert_eq!(brotli.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let got = site.client.get(format!("http://{}/v1/traces", site.http)).send().await.unwrap();
    assert_eq!(
        (got.status(), got.headers()["allow"].to_str().unwrap()),
        (StatusCode::METHOD_NOT_ALLOWED, "POST, OPTIONS")
    );
    assert_eq!(site.post("/nowhere", PROTOBUF, body()).send().await.unwrap().status(), StatusCode::NOT_FOUND);

    assert!(!site.has(9).await);
    let good = site.post("/v1/traces", PROTOBUF, request(10, "chat").encode_to_vec()).send().await.unwrap();
    assert_eq!(good.status(), StatusCode::OK);
    assert!(site.has(10).await);
    // No line of a refused request is in any file.
    assert!(!has_file_with(site.folder.path(), &[9; 16]));
}

#[tokio::test]
async fn a_body_that_says_of_itself_that_it_is_too_long_is_not_waited_for() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let site = Site::new().await;
    let mut stream = tokio::net::TcpStream::connect(site.http).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\nx-api-key: {}\r\ncontent-length: {}\r\n\r\n",
        site.key,
        10_u64 << 30
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn who_says_nothing_or_half_a_sentence_is_not_listened_to_for_ever() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let moment = std::time::Duration::from_millis(250);
    let connections = ConnectionLimits { at_most: 1, silence: moment, head: moment };
    let site = Site::with(Limits { connections, ..Limits::default() }, Manners::default()).await;
    for words in [&b""[..], b"PRI", b"POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let mut stream = tokio::net::TcpStream::connect(site.http).await.unwrap();
        stream.write_all(words).await.unwrap();
        // The end of the connection, which an error tells as well.
        let mut rest = Vec::new();
        let ended =
            tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{words:?} was listened to for ever");
    }
    // The one place is free again.
    let answer = site.post("/v1/traces", PROTOBUF, request(1, "chat").encode_to_vec()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_wrong_key_in_one_place_does_not_hide_a_right_one_in_another() {
    let site = Site::new().await;
    let request = site.post("/v1/traces", PROTOBUF, request(1, "chat").encode_to_vec());
    let answer = request.header("x-api-key", "of another product").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let url = format!("http://{}/v1/traces", site.http);
    let refused = site.client.post(url).header("x-api-key", "of another product").send().await.unwrap();
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn a_bad_span_is_refused_alone_and_the_client_is_told() {
    let site = Site::new().await;
    let mut mixed = request(1, "good");
    mixed.resource_spans.extend(request(0, "all zeros").resource_spans);
    let answer = site.post("/v1/traces", PROTOBUF, mixed.encode_to_vec()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let told =
        ExportTraceServiceResponse::decode(answer.bytes().await.unwrap()).unwrap().partial_success.unwrap();
    assert_eq!((told.rejected_spans, told.error_message.is_empty()), (1, false));
    assert!(site.has(1).await);
    // Where no span is good, the whole request is bad.
    let bad =
        site.post("/v1/traces", PROTOBUF, request(0, "all zeros").encode_to_vec()).send().await.unwrap();
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
    let status = Status::decode(bad.bytes().await.unwrap()).unwrap();
    assert!(status.message.contains("trace id"), "{}", status.message);
}

#[tokio::test]
async fn a_revoked_key_is_refused_soon() {
    let site = Site::new().await;
    let send = || site.post("/v1/traces", PROTOBUF, request(1, "chat").encode_to_vec()).send();
    assert_eq!(send().await.unwrap().status(), StatusCode::OK);
    let id = site.keeper.keys().await.unwrap()[0].id;
    site.keeper.revoke_key(id).await.unwrap();
    let refused = async { while send().await.unwrap().status() != StatusCode::UNAUTHORIZED {} };
    tokio::time::timeout(std::time::Duration::from_secs(5), refused)
        .await
        .expect("the keyring is renewed each second");
}

#[tokio::test]
async fn a_refusal_has_the_form_of_the_request_wherever_it_went() {
    let site = Site::new().await;
    for (path, method, expected) in
        [("/v1/nothing", "POST", 404), ("/v1/traces", "PUT", 405), ("/v1/traces", "DELETE", 405)]
    {
        let send = |kind| {
            let request = site.post(path, kind, "{}").build().unwrap();
            let mut request = request;
            *request.method_mut() = method.parse().unwrap();
            site.client.execute(request)
        };
        let json = send("application/json; charset=utf-8").await.unwrap();
        assert_eq!(
            (json.status().as_u16(), &json.headers()["content-type"]),
            (expected, &JSON.parse().unwrap())
        );
        assert!(json.text().await.unwrap().starts_with(r#"{"code":12,"message":"#));
        let protobuf = send(PROTOBUF).await.unwrap();
        assert_eq!(&protobuf.headers()["content-type"], PROTOBUF);
        assert_eq!(Status::decode(protobuf.bytes().await.unwrap()).unwrap().code, 12);
        let text = send("text/plain").await.unwrap();
        assert_eq!(text.status(), expected);
        assert!(text.text().await.unwrap().contains("OTLP"));
    }
}

#[tokio::test]
async fn each_signal_hears_how_many_of_its_records_were_refused_and_why() {
    let site = Site::new().await;
    let bad = r#"{"traceId":"00","spanId":"00"}"#;
    let spans = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{bad},{bad}]}}]}}]}}"#);
    let mixed = json(1).replace("\"spans\":[", &format!("\"spans\":[{bad},{bad},"));
    let answer = site.post("/v1/traces", JSON, mixed).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let told = answer.text().await.unwrap();
    assert!(
        told.starts_with(r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"a trace id"#),
        "{told}"
    );
    assert!(told.len() < 200, "{told}");
    assert!(site.has(1).await);
    let answer = site.post("/v1/traces", JSON, spans).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);

    let logs = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"good"},{"traceId":"zz"}]}]}]}"#;
    let told = site.post("/v1/logs", JSON, logs).send().await.unwrap().text().await.unwrap();
    assert!(told.starts_with(r#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"#), "{told}");
}

#[tokio::test]
async fn who_finds_no_room_is_told_when_to_come_again() {
    use tokio::io::AsyncWriteExt;
    let limits = Limits { max_request_bytes: 8 << 20, ..Limits::default() };
    let site = Site::with(limits, Manners::default()).await;
    // It announces all that there is room for, and takes its time.
    let mut slow = tokio::net::TcpStream::connect(site.http).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\nx-api-key: {}\r\ncontent-length: {}\r\n\r\n",
        site.key,
        8 << 20
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let large = request(1, &"x".repeat(2 << 20)).encode_to_vec();
    let mut refused = site.post("/v1/traces", PROTOBUF, large.clone()).send().await.unwrap();
    while refused.status() == StatusCode::OK {
        // It came before the slow one was heard.
        refused = site.post("/v1/traces", PROTOBUF, large.clone()).send().await.unwrap();
    }
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "5");
    assert_eq!(Status::decode(refused.bytes().await.unwrap()).unwrap().code, Code::Unavailable as i32);
    // Small ones are not kept waiting by large ones.
    let small = site.post("/v1/traces", PROTOBUF, request(2, "chat").encode_to_vec()).send().await.unwrap();
    assert_eq!(small.status(), StatusCode::OK);
    drop(slow);
    let large = site.post("/v1/traces", PROTOBUF, large).send().await.unwrap();
    assert_eq!(large.status(), StatusCode::OK);
}
