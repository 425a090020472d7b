//! The walk is held against the published types.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use proptest::prelude::*;
use prost::Message;
use serde_json::json;

use crate::{Assembly, Edit, Export, Malformed, Signal};

mod json;
mod matrix;
mod numbers;
mod parts;
mod redaction;

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        ".{0,12}".prop_map(|text| Some(ProtoValue::StringValue(text))),
        any::<bool>().prop_map(|truth| Some(ProtoValue::BoolValue(truth))),
        any::<i64>().prop_map(|number| Some(ProtoValue::IntValue(number))),
        any::<f64>().prop_map(|number| Some(ProtoValue::DoubleValue(number))),
        any::<Vec<u8>>().prop_map(|bytes| Some(ProtoValue::BytesValue(bytes))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| AnyValue { value: Some(ProtoValue::ArrayValue(ArrayValue { values })) }),
            prop::collection::vec(("[a-z.]{0,6}", inner), 0..4).prop_map(|pairs| AnyValue {
                value: Some(ProtoValue::KvlistValue(KeyValueList {
                    values: pairs.into_iter().map(pair).collect()
                })),
            }),
        ]
    })
}

fn pair((key, value): (String, AnyValue)) -> KeyValue {
    KeyValue { key, value: Some(value), ..Default::default() }
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    prop::collection::vec(("[a-z.]{0,8}", any_value()).prop_map(pair), 0..4)
}

prop_compose! {
    fn a_span()(
        ids in any::<([u8; 16], [u8; 8], Option<[u8; 8]>)>(),
        name in ".{0,16}",
        times in any::<(u64, u64)>(),
        attributes in attributes(),
        events in prop::collection::vec((".{0,8}", attributes()), 0..3),
        status in prop::option::of((".{0,8}", 0..3i32)),
    ) -> Span {
        let mut trace_id = ids.0.to_vec();
        trace_id[0] |= 1;
        let mut span_id = ids.1.to_vec();
        span_id[0] |= 1;
        Span {
            trace_id,
            span_id,
            parent_span_id: ids.2.map(Vec::from).unwrap_or_default(),
            name,
            kind: 3,
            start_time_unix_nano: times.0,
            end_time_unix_nano: times.1,
            attributes,
            events: events
                .into_iter()
                .map(|(name, attributes)| span::Event { name, attributes, time_unix_nano: 5, ..Default::default() })
                .collect(),
            status: status.map(|(message, code)| Status { message, code }),
            ..Default::default()
        }
    }
}

prop_compose! {
    fn a_request()(
        groups in prop::collection::vec((attributes(), ".{0,8}", prop::collection::vec(a_span(), 0..3)), 0..3),
    ) -> ExportTraceServiceRequest {
        let group = |(attributes, name, spans)| ResourceSpans {
            resource: Some(Resource { attributes, ..Default::default() }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope { name, ..Default::default() }),
                spans,
                schema_url: "https://example.com/schema".into(),
            }],
            schema_url: String::new(),
        };
        ExportTraceServiceRequest { resource_spans: groups.into_iter().map(group).collect() }
    }
}

fn spans(request: &ExportTraceServiceRequest) -> Vec<&Span> {
    request
        .resource_spans
        .iter()
        .flat_map(|group| &group.scope_spans)
        .flat_map(|scoped| &scoped.spans)
        .collect()
}

/// Replaces every text of the request, wherever the published types have one.
fn replace_texts(request: &mut ExportTraceServiceRequest, to: &impl Fn(&str) -> String) {
    fn value(value: &mut AnyValue, to: &impl Fn(&str) -> String) {
        match &mut value.value {
            Some(ProtoValue::StringValue(text)) => *text = to(text),
            Some(ProtoValue::ArrayValue(array)) => {
                array.values.iter_mut().for_each(|inner| self::replace(inner, to))
            }
            Some(ProtoValue::KvlistValue(list)) => attributes(&mut list.values, to),
            _ => {}
        }
    }
    fn attributes(list: &mut [KeyValue], to: &impl Fn(&str) -> String) {
        for pair in list {
            pair.key = to(&pair.key);
            pair.value.iter_mut().for_each(|inner| value(inner, to));
        }
    }
    for group in &mut request.resource_spans {
        group.schema_url = to(&group.schema_url);
        group.resource.iter_mut().for_each(|resource| attributes(&mut resource.attributes, to));
        for scoped in &mut group.scope_spans {
            scoped.schema_url = to(&scoped.schema_url);
            scoped.scope.iter_mut().for_each(|scope| scope.name = to(&scope.name));
            for span in &mut scoped.spans {
                span.name = to(&span.name);
                attributes(&mut span.attributes, to);
                span.status.iter_mut().for_each(|status| status.message = to(&status.message));
                for event in &mut span.events {
                    event.name = to(&event.name);
                    attributes(&mut event.attributes, to);
                }
            }
        }
    }
}

fn replace(value: &mut AnyValue, to: &impl Fn(&str) -> String) {
    let mut list = vec![KeyValue { value: Some(value.clone()), ..Default::default() }];
    let mut request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: std::mem::take(&mut list), ..Default::default() }),
            ..Default::default()
        }],
    };
    replace_texts(&mut request, to);
    let resource = request.resource_spans.pop().and_then(|group| group.resource).unwrap();
    *value = resource.attributes.into_iter().next().and_then(|pair| pair.value).unwrap();
}

proptest! {
    #[test]
    fn what_the_published_types_write_is_taken_byte_for_byte(request in a_request()) {
        let bytes = request.encode_to_vec();
        let export = Export::from_protobuf(Signal::Traces, bytes.clone()).unwrap();
        prop_assert_eq!(export.records_count(), spans(&request).len());
        prop_assert_eq!(export.rejected().count, 0);
        prop_assert_eq!(export.as_bytes(), &bytes[..]);
    }

    #[test]
    fn every_text_can_be_replaced_and_nothing_else_changes(mut request in a_request()) {
        let mark = |text: &str| if text.is_empty() { String::new() } else { format!("<{}>", "redacted".repeat(text.len() % 40)) };
        let export = Export::from_protobuf(Signal::Traces, request.encode_to_vec()).unwrap();
        let is_text: Vec<_> = export.index_texts();
        let edits: Vec<_> = export
            .texts()
            .zip(is_text)
            .filter(|(text, is_text)| *is_text && !text.text.is_empty())
            .map(|(text, _)| Edit { start: text.start, end: text.start + text.text.len(), replacement: mark(&text.text).into() })
            .collect();
        let edited = export.with_edits(&edits).unwrap();
        replace_texts(&mut request, &mark);
        prop_assert_eq!(ExportTraceServiceRequest::decode(edited.as_bytes()).unwrap(), request);
    }

    #[test]
    fn a_span_is_read_as_the_published_types_read_it(request in a_request()) {
        let export = Export::from_protobuf(Signal::Traces, request.encode_to_vec()).unwrap();
        for ((context, record), expected) in export.records().iter().zip(spans(&request)) {
            let span = crate::Span::parse(context, record);
            prop_assert_eq!(span.name, expected.name.as_str());
            prop_assert_eq!(span.trace_id.map(|id| id.as_bytes().to_vec()), Some(expected.trace_id.clone()));
            prop_assert_eq!(span.started_at.map_or(0, |time| time.as_nanos()), expected.start_time_unix_nano);
            prop_assert_eq!(span.events().count(), expected.events.len());
            let keys: Vec<_> = span.attributes.iter().map(|(key, _)| key.to_owned()).collect();
            let expected_keys: Vec<_> = expected.attributes.iter().map(|pair| pair.key.clone()).collect();
            prop_assert_eq!(keys, expected_keys);
        }
    }

    #[test]
    fn records_put_together_again_are_the_request_in_json(request in a_request()) {
        let export = Export::from_protobuf(Signal::Traces, request.encode_to_vec()).unwrap();
        let json = json!({"resourceSpans": groups(&export)});
        let again = Export::from_json(Signal::Traces, json.to_string().as_bytes()).unwrap();
        let mut texts: Vec<_> = again.records().iter().map(|(_, record)| Span::decode(&record[..]).unwrap().encode_to_vec()).collect();
        let mut expected: Vec<_> = spans(&request).iter().map(|span| span.encode_to_vec()).collect();
        texts.sort();
        expected.sort();
        // NaN has many bit patterns and one name in JSON.
        if !format!("{request:?}").contains("NaN") {
            prop_assert_eq!(texts, expected);
        }
    }

    #[test]
    fn no_bytes_at_all_make_it_panic(mut bytes in any::<Vec<u8>>(), request in a_request(), cut in any::<prop::sample::Index>()) {
        let _ = Export::from_protobuf(Signal::Logs, bytes.clone());
        let _ = Export::from_json(Signal::Traces, &bytes);
        let whole = request.encode_to_vec();
        bytes.extend_from_slice(&whole[..cut.index(whole.len() + 1)]);
        if let Ok(export) = Export::from_protobuf(Signal::Traces, bytes) {
            for (context, record) in export.records() {
                let _ = crate::Span::parse(&context, record).attributes.to_json();
            }
        }
    }
}

/// Everything that was taken, as JSON again.
fn groups(export: &Export) -> Vec<serde_json::Value> {
    let records = export.records();
    let mut assembly = Assembly::new(export.signal());
    records.iter().for_each(|(context, record)| assembly.add(context, record));
    assembly.to_json()
}

fn one_span(span: Span) -> Vec<u8> {
    let scoped = ScopeSpans { spans: vec![span], ..Default::default() };
    let group = ResourceSpans { scope_spans: vec![scoped], ..Default::default() };
    ExportTraceServiceRequest { resource_spans: vec![group] }.encode_to_vec()
}

fn good_span() -> Span {
    Span { trace_id: vec![1; 16], span_id: vec![2; 8], name: "good".into(), ..Default::default() }
}

#[test]
fn a_bad_span_goes_alone() {
    let mut bytes = one_span(good_span());
    bytes.extend(one_span(Span { trace_id: vec![0; 16], ..good_span() }));
    bytes.extend(one_span(Span { span_id: vec![3; 7], ..good_span() }));
    let export = Export::from_protobuf(Signal::Traces, bytes).unwrap();
    assert_eq!(export.records_count(), 1);
    assert_eq!(export.rejected().count, 2);
    assert_eq!(export.rejected().reason, Some(Malformed::InvalidTraceId));
}

#[test]
fn a_text_that_is_not_utf8_is_kept_as_far_as_it_is_legible() {
    let mut bad = one_span(Span { name: "XXXX".into(), ..good_span() });
    let at = bad.windows(4).position(|window| window == b"XXXX").unwrap();
    bad[at] = 0xff;
    bad.extend(one_span(good_span()));
    let export = Export::from_protobuf(Signal::Traces, bad).unwrap();
    assert_eq!((export.records_count(), export.rejected().count), (2, 0));
    assert!(!export.is_whole());
    assert_eq!(export.texts().map(|text| text.text.into_owned()).collect::<Vec<_>>(), ["?XXX", "good"]);
}

#[test]
fn a_request_that_is_cut_off_is_refused_whole() {
    let bytes = one_span(good_span());
    for end in 1..bytes.len() {
        let refused = Export::from_protobuf(Signal::Traces, bytes[..end].to_vec()).unwrap_err();
        assert_eq!(refused, Malformed::Torn);
    }
}

#[test]
fn a_value_nested_too_deep_costs_its_span_alone() {
    let mut value = AnyValue { value: Some(ProtoValue::BoolValue(true)) };
    for _ in 0..200 {
        value = AnyValue { value: Some(ProtoValue::ArrayValue(ArrayValue { values: vec![value] })) };
    }
    let span = Span { attributes: vec![pair(("deep".into(), value))], ..good_span() };
    let export = Export::from_protobuf(Signal::Traces, one_span(span)).unwrap();
    assert_eq!(export.rejected().reason, Some(Malformed::TooDeep));
}

#[test]
fn what_is_taken_at_the_greatest_depth_comes_back_from_json() {
    let list = |value| ProtoValue::ArrayValue(ArrayValue { values: vec![value] });
    let map = |value| ProtoValue::KvlistValue(KeyValueList { values: vec![pair(("k".into(), value))] });
    for (within, deepest) in [(&list as &dyn Fn(AnyValue) -> ProtoValue, 36), (&map, 27)] {
        let mut value = AnyValue { value: Some(ProtoValue::StringValue("deep".into())) };
        for depth in 1..60 {
            value = AnyValue { value: Some(within(value)) };
            let span = Span { attributes: vec![pair(("k".into(), value.clone()))], ..good_span() };
            let export = Export::from_protobuf(Signal::Traces, one_span(span)).unwrap();
            assert_eq!(export.records_count() == 1, depth <= deepest, "{depth}");
            assert!(ExportTraceServiceRequest::decode(export.as_bytes()).is_ok());
            let json = json!({"resourceSpans": groups(&export)}).to_string();
            let back = Export::from_json(Signal::Traces, json.as_bytes()).unwrap();
            assert_eq!((back.records_count(), back.rejected().count), (export.records_count(), 0), "{depth}");
        }
    }
}

#[test]
fn texts_know_the_key_that_they_are_a_value_of() {
    let body = AnyValue {
        value: Some(ProtoValue::KvlistValue(KeyValueList {
            values: vec![pair((
                "inner".into(),
                AnyValue { value: Some(ProtoValue::StringValue("b".into())) },
            ))],
        })),
    };
    let record = LogRecord {
        body: Some(AnyValue { value: Some(ProtoValue::StringValue("body".into())) }),
        attributes: vec![pair(("outer".into(), body))],
        ..Default::default()
    };
    let scoped = ScopeLogs { log_records: vec![record], ..Default::default() };
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { scope_logs: vec![scoped], ..Default::default() }],
    };
    let export = Export::from_protobuf(Signal::Logs, request.encode_to_vec()).unwrap();
    let found: Vec<_> =
        export.texts().map(|text| (text.key.map(str::to_owned), text.text.into_owned())).collect();
    let expected = [(None, "body"), (None, "outer"), (None, "inner"), (Some("inner"), "b")];
    assert_eq!(found, expected.map(|(key, text)| (key.map(str::to_owned), text.to_owned())));
    let records = export.records();
    assert_eq!(crate::LogRecord::parse(&records[0].0, records[0].1).body.as_text(), Some("body"));
}
