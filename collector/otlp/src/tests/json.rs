//! OTLP/JSON, as leniently as exporters need it.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::{Export, Malformed, Signal, Span, Value};

fn request(spans: &str) -> String {
    format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{spans}]}}]}}]}}"#)
}

/// A good span, with these fields before all others.
fn span(fields: &str) -> String {
    format!(r#"{{{fields} "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}}"#)
}

fn attribute(value: &str) -> String {
    span(&format!(r#""attributes": [{{"key": "k", "value": {value}}}],"#))
}

fn export(json: &str) -> Result<Export, Malformed> {
    Export::from_json(Signal::Traces, json.as_bytes())
}

#[test]
fn json_is_read_as_it_is_meant() {
    let request = json!({"resourceSpans": [{"resource": null, "scopeSpans": [{"scope": {"name": "s"}, "spans": [
        {
            "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174", "parentSpanId": null,
            "name": "lenient", "kind": "SPAN_KIND_CLIENT", "startTimeUnixNano": 1.5e18, "endTimeUnixNano": "1600000000000000000",
            "status": {"code": "STATUS_CODE_ERROR"}, "unknown": {"field": 1},
            "attributes": [
                {"key": "nan", "value": {"doubleValue": "NaN"}},
                {"key": "int", "value": {"intValue": 42.0}},
                {"key": "text int", "value": {"intValue": "-7"}},
                {"key": "empty list", "value": {"arrayValue": {}}},
                {"key": "nothing", "value": null},
                {"key": "bytes", "value": {"bytesValue": "AQID"}},
            ],
        },
        {"traceId": "W47/95gDgQPSabYzgT/GDA==", "spanId": "7uGbfsPBsXQ=", "name": "browser of old"},
        {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b175", "name": 7},
    ]}]}]});
    let export = Export::from_json(Signal::Traces, request.to_string().as_bytes()).unwrap();
    assert_eq!((export.records_count(), export.rejected().count), (2, 1));
    let records = export.records();
    let span = crate::Span::parse(&records[0].0, records[0].1);
    assert_eq!((span.kind, span.status_code, span.scope.name), (3, 2, "s"));
    assert_eq!(span.started_at.unwrap().as_nanos(), 1_500_000_000_000_000_000);
    assert!(matches!(span.attributes.get("nan"), Some(Value::Double(number)) if number.is_nan()));
    assert_eq!(span.attributes.get("int"), Some(Value::Int(42)));
    assert_eq!(span.attributes.get("text int"), Some(Value::Int(-7)));
    assert_eq!(span.attributes.get("empty list").unwrap().to_json(), json!([]));
    assert_eq!(span.attributes.get("nothing"), Some(Value::Empty));
    assert_eq!(span.attributes.get("bytes"), Some(Value::Bytes(&[1, 2, 3])));
    let old = crate::Span::parse(&records[1].0, records[1].1);
    assert_eq!(old.trace_id, span.trace_id);
    assert_eq!(old.span_id, span.span_id);
}

#[test]
fn a_bad_value_costs_its_record_alone_wherever_it_stands() {
    let bad = [
        r#""name": 7,"#,
        r#""name": {"deep": [{"deeper": [1, 2, {"x": null}]}]},"#,
        r#""name": ["a"],"#,
        r#""attributes": "no list","#,
        r#""attributes": [7, {"key": "k"}],"#,
        r#""attributes": [{"key": "k", "value": {"intValue": "99999999999999999999999"}}],"#,
        r#""attributes": [{"key": "k", "value": {"intValue": 9223372036854775808}}],"#,
        r#""attributes": [{"key": "k", "value": {"intValue": 1.5}}],"#,
        r#""attributes": [{"key": "k", "value": {"boolValue": "maybe"}}],"#,
        r#""attributes": [{"key": "k", "value": {"bytesValue": "!"}}],"#,
        r#""startTimeUnixNano": -1,"#,
        r#""kind": "SPAN_KIND_OF_TOMORROW","#,
        r#""flags": 4294967296,"#,
        r#""parentSpanId": "zz","#,
        r#""status": [],"#,
    ];
    for bad in bad {
        let spans = [span(r#""name": "before","#), span(bad), span(r#""name": "after","#)].join(",");
        let export = export(&request(&spans)).unwrap();
        assert_eq!((export.records_count(), export.rejected().count), (2, 1), "{bad}");
        assert!(!export.is_whole());
        let names: Vec<_> = export.texts().map(|text| text.text.into_owned()).collect();
        assert_eq!(names, ["before", "after"], "{bad}");
    }
}

#[test]
fn a_record_that_is_no_object_is_refused_alone() {
    let export = export(&request(&["7", "null", "[{}]", &span("")].join(","))).unwrap();
    assert_eq!((export.records_count(), export.rejected().count), (1, 3));
}

#[test]
fn what_is_bad_around_the_records_costs_the_request() {
    for (bad, field) in [
        (r#"{"resourceSpans": {}}"#, "resourceSpans"),
        (r#"{"resourceSpans": [{"resource": 7, "scopeSpans": []}]}"#, "resource"),
    ] {
        assert_eq!(export(bad).unwrap_err(), Malformed::WrongType(field));
    }
}

#[test]
fn what_is_no_request_says_why() {
    for other in ["[]", "null", "7", "\"text\""] {
        assert_eq!(export(other).unwrap_err(), Malformed::Json("it is not an object"));
    }
    assert_eq!(export("{\"a\": ").unwrap_err(), Malformed::Json("it is cut off"));
    for broken in ["{} {}", "{\"resourceSpans\": [}", "{}\u{feff}"] {
        assert_eq!(export(broken).unwrap_err(), Malformed::Json("it is no JSON"));
    }
    assert_eq!(export("{}").unwrap().as_bytes(), b"");
}

#[test]
fn names_of_other_spellings_are_unknown_and_unknown_fields_are_ignored_at_any_depth() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let json = request(&span(&format!(r#""SpanId": 7, "x": {deep}, "name": "kept", "y": {{"z": [{{}}]}},"#)));
    let export = export(&json).unwrap();
    assert_eq!(export.texts().map(|text| text.text.into_owned()).collect::<Vec<_>>(), ["kept"]);
    assert!(export.is_whole());
}

#[test]
fn a_value_nested_too_deep_costs_its_record_alone_on_a_small_stack() {
    let lists = |depth| {
        let (open, close) = (r#"{"arrayValue": {"values": ["#, "]}}");
        attribute(&format!("{}{{}}{}", open.repeat(depth), close.repeat(depth)))
    };
    let maps = |depth| {
        let open = r#"{"kvlistValue": {"values": [{"key": "k", "value": "#;
        attribute(&format!("{}{{}}{}", open.repeat(depth), "}]}}".repeat(depth)))
    };
    let spans = [lists(30), lists(5000), maps(25), maps(5000), lists(40), maps(40)].join(",");
    let read = move || export(&request(&spans)).map(|export| (export.records_count(), export.rejected()));
    let (count, rejected) =
        std::thread::Builder::new().stack_size(1 << 20).spawn(read).unwrap().join().unwrap().unwrap();
    assert_eq!((count, rejected.count, rejected.reason), (2, 4, Some(Malformed::TooDeep)));
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts() {
    let json = request(&span(r#""name": "first", "name": "last","#));
    let export = export(&json).unwrap();
    let records = export.records();
    assert_eq!(Span::parse(&records[0].0, records[0].1).name, "last");
    assert_eq!(export.texts().count(), 2, "both can be redacted");
}

#[test]
fn texts_are_read_with_their_escapes() {
    let export = export(&request(&span(r#""n\u0061me": "a\u0000\n\ud83d\ude00","#))).unwrap();
    assert_eq!(export.texts().next().unwrap().text, "a\0\n\u{1f600}");
}

#[test]
fn lengths_of_any_size_are_written_right() {
    for length in [0, 1, 100, 127, 128, 129, 16_383, 16_384, 3_000_000] {
        let text = "x".repeat(length);
        let export = export(&request(&attribute(&json!({"stringValue": text}).to_string()))).unwrap();
        let records = export.records();
        let span = Span::parse(&records[0].0, records[0].1);
        assert_eq!(span.attributes.get("k"), Some(Value::Text(&text)));
    }
}

fn any_json() -> impl Strategy<Value = Json> {
    let keys = "(resourceSpans|scopeSpans|spans|attributes|key|value|stringValue|arrayValue|values|name|x)";
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,6}".prop_map(Json::from),
    ];
    leaf.prop_recursive(8, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec((keys, inner), 0..4)
                .prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_stands_in_one_record_its_neighbours_are_taken(other in any_json()) {
        let json = request(&[span(""), other.to_string(), span("")].join(","));
        let export = export(&json).unwrap();
        prop_assert_eq!(export.records_count() + export.rejected().count, 3);
        prop_assert!(export.records_count() >= 2);
    }

    #[test]
    fn whatever_stands_anywhere_what_is_taken_is_whole(json in any_json()) {
        if let Ok(taken) = export(&json.to_string()) {
            let again = Export::from_protobuf(Signal::Traces, taken.as_bytes().to_vec()).unwrap();
            prop_assert!(again.is_whole());
        }
    }
}
