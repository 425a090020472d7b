//! A secret planted wherever a request has room for a text: on no disk, on no page, in no line of the log.

use std::fs::File;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use crate::otlp::{Exporter, log, span, trace};
use crate::support::{Api, Server, any_file_has, client, treering};

/// In two parts, so that this file holds none of them.
const SECRETS: [&str; 4] = [
    concat!("sk-", "ant-api03-TREERINGplanted_0123456789abcdefghijklmnopqrstuvwxyz-AA"),
    concat!("planted.address", "@example.com"),
    concat!("4111 1111", " 1111 1111"),
    concat!("gh", "p_TREERINGplanted0123456789abcdefghijk"),
];
/// Letters of the secrets that no detector could have left standing alone.
const TRACES: [&str; 3] = ["TREERINGplanted", "planted.address", "1111 1111 1111"];
const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

#[tokio::test(flavor = "multi_thread")]
async fn planted_secrets_are_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("stderr");
    let mut command = treering();
    command.stderr(File::create(&said).unwrap());
    let server = Server::start_as(command, &folder.path().join("data"), &[]);
    let exporter = Exporter::new(&server, &server.key("ingest"));
    let text = format!("here is {}", SECRETS.join(" and "));
    plant(&exporter, &text).await;
    be_refused(&server, &exporter, &text).await;

    let api = Api::of(&server);
    for execution in [1, 2] {
        look_at(&api, execution).await;
    }
    look_at_pages(&server).await;
    assert!(server.terminate().success());
    for trace in TRACES {
        assert!(!any_file_has(folder.path(), trace.as_bytes()), "{trace} below the data folder or on stderr");
    }
}

/// The same content as protobuf and as JSON, each as an execution of its own.
async fn plant(exporter: &Exporter, text: &str) {
    for (execution, form) in [(1, PROTOBUF), (2, JSON)] {
        let (spans, logs) = (spans_with(text, execution), logs_with(text, execution));
        let [spans, logs] = match form {
            JSON => [to_json(&spans), to_json(&logs)],
            _ => [spans.encode_to_vec(), logs.encode_to_vec()],
        };
        exporter.send_as("/v1/traces", form, spans).await.unwrap();
        exporter.send_as("/v1/logs", form, logs).await.unwrap();
    }
}

/// Nothing of a refused request may stay either.
async fn be_refused(server: &Server, exporter: &Exporter, text: &str) {
    let half = format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{{"name": "{text}""#);
    exporter.send_as("/v1/traces", JSON, half.clone().into_bytes()).await.unwrap_err();
    exporter.send_as("/v1/traces", PROTOBUF, half.clone().into_bytes()).await.unwrap_err();
    exporter.send_as("/v1/traces", SECRETS[0], half.clone().into_bytes()).await.unwrap_err();
    let stranger = Exporter::new(server, SECRETS[0]);
    stranger.send_as("/v1/traces", JSON, half.into_bytes()).await.unwrap_err();
}

async fn look_at(api: &Api<'_>, execution: u64) {
    let path = format!("/executions/{}", trace(execution));
    let whole =
        api.wait_for(&format!("{path}?content=1"), |answer| answer["steps"][0]["logs"].is_array()).await;
    let step = whole["steps"][0]["span_id"].as_str().unwrap();
    let (one, otlp) =
        (api.get(&format!("{path}/steps/{step}")).await, api.get(&format!("{path}/otlp")).await);
    let list = api.get("/executions").await;
    for answer in [&whole, &one, &otlp, &list] {
        assert_clean(&answer.to_string());
        assert!(answer.to_string().contains("[REDACTED:"), "{answer}");
    }
    // Every place arrived, and says what was there.
    let sent = [to_json(&spans_with(SECRETS[1], execution)), to_json(&logs_with(SECRETS[1], execution))];
    let places = String::from_utf8_lossy(&sent.concat()).matches(SECRETS[1]).count();
    let marks = otlp.to_string().matches("[REDACTED:EMAIL]").count();
    assert_eq!(marks, places, "{otlp:#}");
}

fn to_json(request: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(request).unwrap()
}

async fn look_at_pages(server: &Server) {
    let (execution, key) = (trace(1), server.key("read"));
    let step = crate::otlp::hex(&span(1, 0).span_id);
    for path in
        ["/".to_owned(), format!("/executions/{execution}"), format!("/executions/{execution}?step={step}")]
    {
        let request = client().get(format!("http://{}{path}", server.dashboard)).bearer_auth(&key);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        let page = answer.text().await.unwrap();
        assert_clean(&page);
        assert!(page.contains("redacted: email"), "{path} does not say what was redacted: {page}");
    }
}

fn assert_clean(text: &str) {
    for trace in TRACES {
        assert!(!text.contains(trace), "{trace} in {text}");
    }
}

fn string(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.to_owned())) }
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

/// As value and as key; in a list and in a map; as bytes; in JSON, and in JSON inside JSON.
fn attributes(text: &str) -> Vec<KeyValue> {
    let json = serde_json::json!({ "said": text }).to_string();
    let twice = serde_json::json!({ "arguments": json }).to_string();
    let map = KeyValueList { values: vec![pair(text, Value::StringValue(text.to_owned()))] };
    let list = ArrayValue { values: vec![string(text), AnyValue { value: Some(Value::KvlistValue(map)) }] };
    vec![
        pair("plain", Value::StringValue(text.to_owned())),
        pair(text, Value::BoolValue(true)),
        pair("list", Value::ArrayValue(list)),
        pair("bytes", Value::BytesValue(text.as_bytes().to_vec())),
        pair("json", Value::StringValue(json)),
        pair("json.twice", Value::StringValue(twice)),
        pair("gen_ai.input.messages", Value::StringValue(messages(text))),
    ]
}

fn messages(text: &str) -> String {
    serde_json::json!([{ "role": "user", "parts": [{ "type": "text", "content": text }] }]).to_string()
}

fn resource(text: &str) -> Resource {
    Resource { attributes: attributes(text), ..Default::default() }
}

fn scope(text: &str) -> InstrumentationScope {
    InstrumentationScope {
        name: text.into(),
        version: text.into(),
        attributes: attributes(text),
        ..Default::default()
    }
}

fn spans_with(text: &str, execution: u64) -> ExportTraceServiceRequest {
    let planted = Span {
        name: text.into(),
        trace_state: text.into(),
        attributes: attributes(text),
        events: vec![Event { name: text.into(), attributes: attributes(text), ..Default::default() }],
        links: vec![Link {
            trace_id: vec![9; 16],
            span_id: vec![9; 8],
            trace_state: text.into(),
            attributes: attributes(text),
            ..Default::default()
        }],
        status: Some(Status { message: text.into(), code: 2 }),
        ..span(execution, 0)
    };
    let scope_spans =
        vec![ScopeSpans { scope: Some(scope(text)), spans: vec![planted], schema_url: text.into() }];
    let resource = Some(resource(text));
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, schema_url: text.into() }],
    }
}

fn logs_with(text: &str, execution: u64) -> ExportLogsServiceRequest {
    let planted = LogRecord {
        severity_text: text.into(),
        event_name: text.into(),
        body: Some(string(text)),
        attributes: attributes(text),
        ..log(execution, 0)
    };
    let scope_logs =
        vec![ScopeLogs { scope: Some(scope(text)), log_records: vec![planted], schema_url: text.into() }];
    let resource = Some(resource(text));
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource, scope_logs, schema_url: text.into() }],
    }
}
