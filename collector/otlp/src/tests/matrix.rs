//! Everything that exporters do to OTLP beyond its letter, line by line, and what becomes of it here.

use serde_json::{Value as Json, json};

use super::{good_span, one_span};
use crate::wire::{put_bytes, put_tag, put_varint};
use crate::{Export, LogRecord, Malformed, Signal, Span};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const SPAN: &str = "eee19b7ec3c1b174";

/// What becomes of a record.
enum Then {
    /// It is kept, and this is read in it.
    Kept(&'static str, Json),
    /// It is refused alone, for this reason; its neighbours are kept.
    Refused(Malformed),
}

use Then::{Kept, Refused};

fn read(span: &Span<'_>) -> Json {
    json!({
        "trace": span.trace_id, "span": span.span_id, "parent": span.parent_span_id, "name": span.name,
        "kind": span.kind, "from": span.started_at.map(treering_step::Timestamp::as_nanos),
        "to": span.ended_at.map(treering_step::Timestamp::as_nanos), "code": span.status_code,
        "attributes": span.attributes.to_json(), "events": span.events().count(), "links": span.links().count(),
        "scope": span.scope.name, "resource": span.scope.resource.to_json(),
    })
}

fn read_all(export: &Export) -> Vec<Json> {
    export.records().iter().map(|(context, record)| read(&Span::parse(context, record))).collect()
}

/// A span of these fields between two good ones; an id among the fields stands in the place of the good one.
fn among_others(fields: &str) -> String {
    let good = format!(r#"{{"traceId": "{TRACE}", "spanId": "{SPAN}", "name": "good"}}"#);
    let id = |name: &str, value: &str| {
        if fields.contains(name) { String::new() } else { format!(r#", "{name}": "{value}""#) }
    };
    let ids = id("traceId", TRACE) + &id("spanId", SPAN);
    format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{good}, {{{fields}{ids}}}, {good}]}}]}}]}}"#)
}

fn holds(line: &str, export: &Export, then: &Then) {
    let spans = read_all(export);
    match then {
        Kept(pointer, expected) => {
            assert_eq!((spans.len(), export.rejected().count), (3, 0), "{line}");
            assert_eq!(spans[1].pointer(pointer), Some(expected), "{line}");
        }
        Refused(reason) => {
            assert_eq!((spans.len(), export.rejected().count), (2, 1), "{line}");
            assert_eq!(export.rejected().reason, Some(*reason), "{line}");
        }
    }
    assert!(spans.iter().filter(|span| span["name"] == "good").count() == 2, "{line}");
}

/// One attribute `k` of this value.
fn attribute(value: &str) -> String {
    format!(r#""attributes": [{{"key": "k", "value": {value}}}]"#)
}

#[test]
fn every_line_of_the_json_matrix_is_read_as_it_is_meant_or_costs_its_record_alone() {
    let kept = |pointer, expected| Kept(pointer, expected);
    let value = |expected| Kept("/attributes/k", expected);
    let wrong = |field| Refused(Malformed::WrongType(field));
    let (id, trace) = (json!(SPAN), json!(TRACE));
    let of = |value| attribute(value);
    let plain = json!({"a": "text", "b": [1, true, null, 0.5], "c": {"d": "e"}, "n": {}});
    let lines: Vec<(String, Then)> = vec![
        // Null is nothing, anywhere.
        (r#""name": null"#.into(), kept("/name", json!(""))),
        (r#""parentSpanId": null"#.into(), kept("/parent", Json::Null)),
        (r#""kind": null"#.into(), kept("/kind", json!(0))),
        (r#""startTimeUnixNano": null"#.into(), kept("/from", Json::Null)),
        (r#""attributes": null"#.into(), kept("/attributes", json!({}))),
        (r#""events": null, "links": null"#.into(), kept("/events", json!(0))),
        (r#""status": null"#.into(), kept("/code", json!(0))),
        (r#""status": {"code": null}"#.into(), kept("/code", json!(0))),
        (of("null"), value(Json::Null)),
        (of(r#"{"stringValue": null}"#), value(Json::Null)),
        (of(r#"{"doubleValue": null}"#), value(Json::Null)),
        (of(r#"{"arrayValue": null}"#), value(Json::Null)),
        (of(r#"{"arrayValue": {"values": null}}"#), value(json!([]))),
        (of(r#"{"arrayValue": {"values": [null]}}"#), value(json!([null]))),
        // Names of enums, whole or in short, and numbers in quotes.
        (r#""kind": "SPAN_KIND_CLIENT""#.into(), kept("/kind", json!(3))),
        (r#""kind": "Client""#.into(), kept("/kind", json!(3))),
        (r#""kind": "3""#.into(), kept("/kind", json!(3))),
        (r#""kind": 3.0"#.into(), kept("/kind", json!(3))),
        (r#""kind": 999"#.into(), kept("/kind", json!(999))),
        (r#""status": {"code": "STATUS_CODE_ERROR"}"#.into(), kept("/code", json!(2))),
        (r#""status": {"code": "ERROR"}"#.into(), kept("/code", json!(2))),
        (r#""status": {"code": "2"}"#.into(), kept("/code", json!(2))),
        (r#""status": {}"#.into(), kept("/code", json!(0))),
        (r#""kind": "SPAN_KIND_OF_TOMORROW""#.into(), wrong("kind")),
        (r#""kind": """#.into(), wrong("kind")),
        // Times as numbers, texts and doubles.
        (
            r#""startTimeUnixNano": "1763812800000000000""#.into(),
            kept("/from", json!(1_763_812_800_000_000_000_u64)),
        ),
        (
            r#""startTimeUnixNano": 1763812800000000001"#.into(),
            kept("/from", json!(1_763_812_800_000_000_001_u64)),
        ),
        (r#""startTimeUnixNano": 1.5e18"#.into(), kept("/from", json!(1_500_000_000_000_000_000_u64))),
        (r#""startTimeUnixNano": "1.5e18""#.into(), kept("/from", json!(1_500_000_000_000_000_000_u64))),
        (r#""startTimeUnixNano": 0, "endTimeUnixNano": "0""#.into(), kept("/to", Json::Null)),
        (r#""startTimeUnixNano": "9", "endTimeUnixNano": "8""#.into(), kept("/to", json!(8_u64))),
        (r#""startTimeUnixNano": -1"#.into(), wrong("startTimeUnixNano")),
        (r#""startTimeUnixNano": "yesterday""#.into(), wrong("startTimeUnixNano")),
        (r#""endTimeUnixNano": 1.5"#.into(), wrong("endTimeUnixNano")),
        // Numbers of values.
        (of(r#"{"intValue": 42}"#), value(json!(42))),
        (of(r#"{"intValue": "42"}"#), value(json!(42))),
        (of(r#"{"intValue": 42.0}"#), value(json!(42))),
        (of(r#"{"intValue": 42.5}"#), wrong("intValue")),
        (of(r#"{"intValue": "99999999999999999999999"}"#), wrong("intValue")),
        (of(r#"{"doubleValue": "NaN"}"#), value(json!("NaN"))),
        (of(r#"{"doubleValue": "Infinity"}"#), value(json!("Infinity"))),
        (of(r#"{"doubleValue": "-Infinity"}"#), value(json!("-Infinity"))),
        (of(r#"{"doubleValue": "1.5"}"#), value(json!(1.5))),
        (of(r#"{"doubleValue": 7}"#), value(json!(7.0))),
        (of(r#"{"boolValue": "true"}"#), value(json!(true))),
        (of(r#"{"boolValue": 1}"#), wrong("boolValue")),
        (of(r#"{"stringValue": 7}"#), wrong("stringValue")),
        // Lists without their elements.
        (of(r#"{"arrayValue": {}}"#), value(json!([]))),
        (of(r#"{"kvlistValue": {}}"#), value(json!({}))),
        (r#""attributes": {}"#.into(), kept("/attributes", json!({}))),
        (r#""events": {}"#.into(), wrong("events")),
        // Bytes, in both alphabets, with padding and without.
        (of(r#"{"bytesValue": "+/8="}"#), value(json!("+/8="))),
        (of(r#"{"bytesValue": "-_8"}"#), value(json!("+/8="))),
        (of(r#"{"bytesValue": "!"}"#), wrong("bytesValue")),
        // Ids: any case, and base64 as old exporters of browsers write it.
        (format!(r#""traceId": "{}""#, TRACE.to_uppercase()), kept("/trace", trace.clone())),
        (format!(r#""spanId": "{}""#, SPAN.to_uppercase()), kept("/span", id.clone())),
        (r#""traceId": "W47/95gDgQPSabYzgT/GDA==""#.into(), kept("/trace", trace.clone())),
        (r#""traceId": "W47_95gDgQPSabYzgT_GDA""#.into(), kept("/trace", trace)),
        (r#""spanId": "7uGbfsPBsXQ=""#.into(), kept("/span", id.clone())),
        (r#""spanId": "7uGbfsPBsXQ""#.into(), kept("/span", id)),
        (r#""parentSpanId": """#.into(), kept("/parent", Json::Null)),
        (r#""parentSpanId": "0000000000000000""#.into(), kept("/parent", Json::Null)),
        (r#""traceId": "abc""#.into(), Refused(Malformed::InvalidTraceId)),
        (format!(r#""traceId": "{}""#, "zz".repeat(16)), Refused(Malformed::InvalidTraceId)),
        (format!(r#""traceId": "{}""#, "0".repeat(32)), Refused(Malformed::InvalidTraceId)),
        (r#""traceId": """#.into(), Refused(Malformed::InvalidTraceId)),
        (r#""spanId": null"#.into(), Refused(Malformed::InvalidSpanId)),
        (r#""spanId": 7"#.into(), wrong("spanId")),
        (r#""parentSpanId": "zz""#.into(), Refused(Malformed::InvalidSpanId)),
        // References into a dictionary that only profiles have.
        (
            r#""attributes": [{"keyStrindex": 1, "value": {"intValue": 1}}]"#.into(),
            kept("/attributes", json!({"": 1})),
        ),
        (of(r#"{"stringValueStrindex": 1}"#), value(Json::Null)),
        // Values as plain JSON.
        (format!(r#""attributes": {plain}"#), kept("/attributes", plain)),
        (r#""attributes": {"k": {"stringValue": "v"}}"#.into(), value(json!("v"))),
        (of(r#""text""#), value(json!("text"))),
        (of("18446744073709551615"), value(json!(18_446_744_073_709_551_615.0))),
        (of(r#"[1, "two"]"#), value(json!([1, "two"]))),
        (r#""attributes": "text""#.into(), wrong("attributes")),
        (r#""attributes": [7]"#.into(), wrong("attributes")),
        // Keys as the protocol's own files write them.
        (r#""parent_span_id": "00f067aa0ba902b7""#.into(), kept("/parent", json!("00f067aa0ba902b7"))),
        (r#""start_time_unix_nano": "5""#.into(), kept("/from", json!(5_u64))),
        (of(r#"{"int_value": "5"}"#), value(json!(5))),
        (r#""Name": "x", "start_timeUnixNano_": 7"#.into(), kept("/name", json!(""))),
        // Of several variants, and of a key that comes twice, the last one counts.
        (of(r#"{"stringValue": "a", "intValue": 1}"#), value(json!(1))),
        (of(r#"{"intValue": 1, "stringValue": "a"}"#), value(json!("a"))),
        (r#""name": "first", "name": "last""#.into(), kept("/name", json!("last"))),
        // What OTLP does not know is ignored.
        (of(r#"{"futureValue": [1, {"a": null}]}"#), value(Json::Null)),
        (of("{}"), value(Json::Null)),
        (r#""attributes": [{"key": "k"}]"#.into(), value(Json::Null)),
        (r#""future": {"field": [[[1]]]}"#.into(), kept("/name", json!(""))),
        // Depth.
        (of(&nested(30)), kept("/kind", json!(0))),
        (of(&nested(5000)), Refused(Malformed::TooDeep)),
        (of(&format!("{}{}", "[".repeat(60), "]".repeat(60))), Refused(Malformed::TooDeep)),
    ];
    for (line, then) in lines {
        let export = Export::from_json(Signal::Traces, among_others(&line).as_bytes());
        holds(&line, &export.expect(&line), &then);
    }
}

fn nested(depth: usize) -> String {
    format!("{}{{}}{}", r#"{"arrayValue": {"values": ["#.repeat(depth), "]}}".repeat(depth))
}

#[test]
fn severities_of_log_records_have_names_and_bodies_may_be_plain() {
    let record = |fields: &str| {
        format!(r#"{{"resourceLogs": [{{"scopeLogs": [{{"logRecords": [{{{fields}}}]}}]}}]}}"#)
    };
    for (severity, expected) in [
        (r#""SEVERITY_NUMBER_INFO2""#, 10),
        (r#""WARN""#, 13),
        (r#""fatal""#, 21),
        (r#""17""#, 17),
        ("9", 9),
        ("null", 0),
    ] {
        let json = record(&format!(r#""severityNumber": {severity}, "body": "plain""#));
        let export = Export::from_json(Signal::Logs, json.as_bytes()).unwrap();
        let records = export.records();
        let log = LogRecord::parse(&records[0].0, records[0].1);
        assert_eq!((log.severity, log.body.as_text()), (expected, Some("plain")), "{severity}");
    }
}

#[test]
fn requests_of_other_times_and_spellings_are_read_whole() {
    let span = format!(r#"{{"traceId": "{TRACE}", "spanId": "{SPAN}", "name": "good"}}"#);
    let requests = [
        format!(
            r#"{{"resourceSpans": [{{"resource": {{"attributes": {{"a": "b"}}}}, "instrumentationLibrarySpans":
            [{{"instrumentationLibrary": {{"name": "lib"}}, "spans": [{span}]}}]}}]}}"#
        ),
        format!(
            r#"{{"resource_spans": [{{"resource": {{"attributes": [{{"key": "a", "value": {{"string_value": "b"}}}}]}},
            "scope_spans": [{{"scope": {{"name": "lib"}}, "spans": [{span}]}}]}}]}}"#
        ),
        format!(
            "\u{feff}{}",
            json!({"resourceSpans": [{"resource": {"attributes": [{"key": "a", "value": "b"}]},
            "scopeSpans": [{"scope": {"name": "lib"}, "spans": [serde_json::from_str::<Json>(&span).unwrap()]}]}]})
        ),
    ];
    for request in requests {
        let export = Export::from_json(Signal::Traces, request.as_bytes()).unwrap();
        let spans = read_all(&export);
        assert_eq!(
            (&spans[0]["scope"], &spans[0]["resource"]),
            (&json!("lib"), &json!({"a": "b"})),
            "{request}"
        );
        assert!(export.is_whole());
    }
    let logs = r#"{"resourceLogs": [{"instrumentationLibraryLogs": [{"logRecords": [{}]}]}]}"#;
    assert_eq!(Export::from_json(Signal::Logs, logs.as_bytes()).unwrap().records_count(), 1);
}

type Fields<'a> = &'a [(u32, &'a [u8])];

fn message(fields: Fields<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    fields.iter().for_each(|(number, payload)| put_bytes(&mut message, *number, payload));
    message
}

fn number(number: u32, value: u64) -> Vec<u8> {
    let mut field = Vec::new();
    put_tag(&mut field, number, 0);
    put_varint(&mut field, value);
    field
}

fn time(number: u32, nanos: u64) -> Vec<u8> {
    let mut field = Vec::new();
    put_tag(&mut field, number, 1);
    field.extend(nanos.to_le_bytes());
    field
}

/// The value of the attribute `k`.
fn in_protobuf(value: &[u8]) -> Vec<u8> {
    message(&[(9, &message(&[(1, b"k"), (2, value)]))])
}

#[test]
fn every_line_of_the_protobuf_matrix_is_read_as_it_is_meant_or_costs_its_record_alone() {
    let ids = message(&[(1, &[1; 16]), (2, &[2; 8])]);
    let with = |fields: Vec<u8>| [ids.clone(), fields].concat();
    let wrong = |field| Refused(Malformed::WrongType(field));
    let lines: Vec<(&str, Vec<u8>, Then)> = vec![
        ("no ids", Vec::new(), Refused(Malformed::InvalidTraceId)),
        ("a short trace id", message(&[(1, &[1; 15]), (2, &[2; 8])]), Refused(Malformed::InvalidTraceId)),
        ("a trace id of zeros", message(&[(1, &[0; 16]), (2, &[2; 8])]), Refused(Malformed::InvalidTraceId)),
        ("no span id", message(&[(1, &[1; 16])]), Refused(Malformed::InvalidSpanId)),
        ("a long span id", message(&[(1, &[1; 16]), (2, &[2; 9])]), Refused(Malformed::InvalidSpanId)),
        ("a span id as a number", [message(&[(1, &[1; 16])]), number(2, 7)].concat(), wrong("spanId")),
        ("an odd parent", with(message(&[(4, &[3; 3])])), Kept("/parent", Json::Null)),
        ("a parent of zeros", with(message(&[(4, &[0; 8])])), Kept("/parent", Json::Null)),
        ("its own parent", with(message(&[(4, &[2; 8])])), Kept("/parent", json!("0202020202020202"))),
        (
            "a link that points nowhere",
            with(message(&[(13, &message(&[(1, &[1; 3])]))])),
            Kept("/links", json!(0)),
        ),
        ("a time as bytes", with(message(&[(7, &[1; 8])])), wrong("startTimeUnixNano")),
        ("a name as a number", with(number(5, 7)), wrong("name")),
        ("an attribute as a number", with(number(9, 7)), wrong("attributes")),
        ("attributes that are torn", with(message(&[(9, &[0x0a, 0x7f])])), Refused(Malformed::Torn)),
        ("no UTF-8", with(message(&[(5, b"caf\xe9 \xf0\x9f\x98")])), Kept("/name", json!("caf? ???"))),
        (
            "no UTF-8 in a key",
            with(message(&[(9, &message(&[(1, b"\xff")]))])),
            Kept("/attributes", json!({"?": null})),
        ),
        (
            "no UTF-8 in a value",
            with(in_protobuf(&message(&[(1, b"\xed\xa0\x80!")]))),
            Kept("/attributes/k", json!("???!")),
        ),
        ("the end before the start", with([time(7, 9), time(8, 8)].concat()), Kept("/to", json!(8_u64))),
        ("times of zero", with([time(7, 0), time(8, 0)].concat()), Kept("/from", Json::Null)),
        ("times beyond 63 bits", with(time(8, u64::MAX)), Kept("/to", json!(u64::MAX))),
        ("a kind of tomorrow", with(number(6, 999)), Kept("/kind", json!(999))),
        ("a kind of 64 bits", with(number(6, (1 << 40) + 3)), Kept("/kind", json!(3))),
        (
            "two variants",
            with(in_protobuf(&[number(3, 1), message(&[(1, b"a")])].concat())),
            Kept("/attributes/k", json!("a")),
        ),
        (
            "the former variant again",
            with(in_protobuf(&[message(&[(1, b"a")]), number(3, 1), message(&[(1, b"b")])].concat())),
            Kept("/attributes/k", json!("b")),
        ),
        (
            "a reference into a dictionary",
            with(in_protobuf(&number(8, 1))),
            Kept("/attributes/k", Json::Null),
        ),
        ("a field of tomorrow", with(message(&[(999, b"new")])), Kept("/name", json!(""))),
    ];
    for (line, record, then) in lines {
        let spans = [
            one_span(good_span()),
            message(&[(1, &message(&[(2, &message(&[(2, &record)]))]))]),
            one_span(good_span()),
        ];
        let export = Export::from_protobuf(Signal::Traces, spans.concat()).unwrap();
        holds(line, &export, &then);
        let json = json!({"resourceSpans": crate::tests::groups(&export)}).to_string();
        let back = Export::from_json(Signal::Traces, json.as_bytes()).unwrap();
        assert_eq!(read_all(&back), read_all(&export), "{line}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_no_reason_to_lose_a_request_in_json() {
    let json = among_others(r#""name": "XXXX""#).replace("XXXX", "caf\u{e9}");
    let latin: Vec<u8> = json.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect();
    let export = Export::from_json(Signal::Traces, &latin).unwrap();
    assert_eq!(read_all(&export)[1]["name"], "caf?");
    assert!(!export.is_whole());
    let wide: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(Export::from_json(Signal::Traces, &wide).unwrap_err(), Malformed::Json("it is no JSON"));
}

#[test]
fn of_a_resource_that_comes_twice_the_last_counts_here_and_in_json() {
    let attribute = |key: &[u8]| message(&[(1, &message(&[(1, key), (2, &message(&[(1, b"x")]))]))]);
    let scoped = message(&[
        (1, &message(&[(1, b"first")])),
        (1, &message(&[(1, b"last")])),
        (2, &message(&[(1, &[1; 16]), (2, &[2; 8])])),
    ]);
    let request = message(&[(1, &message(&[(1, &attribute(b"a")), (1, &attribute(b"b")), (2, &scoped)]))]);
    let export = Export::from_protobuf(Signal::Traces, request).unwrap();
    let span = &read_all(&export)[0];
    assert_eq!((&span["scope"], &span["resource"]), (&json!("last"), &json!({"b": "x"})));
    let json = json!({"resourceSpans": crate::tests::groups(&export)}).to_string();
    let back = Export::from_json(Signal::Traces, json.as_bytes()).unwrap();
    assert_eq!(&read_all(&back)[0], span);
}
