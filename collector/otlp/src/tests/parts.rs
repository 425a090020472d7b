//! Parts and their attributes, and edits of whole ones.

use serde_json::json;

use crate::{Assembly, DROPPED, Edit, Export, Signal};

fn attribute(key: &str, value: &serde_json::Value) -> serde_json::Value {
    json!({"key": key, "value": value})
}

fn request() -> Export {
    let headers = json!({"kvlistValue": {"values": [attribute("cookie", &json!({"stringValue": "a=b"}))]}});
    let list = json!({"arrayValue": {"values": [headers]}});
    let span = json!({
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "search",
        "attributes": [attribute("http.headers", &headers), attribute("pin", &json!({"intValue": "1234"})), attribute("list", &list)],
        "events": [{"name": "said", "attributes": [attribute("text", &json!({"stringValue": "hello"}))]}],
        "links": [{"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
            "attributes": [attribute("why", &json!({"boolValue": true}))]}],
    });
    let request = json!({"resourceSpans": [{
        "resource": {"attributes": [attribute("service.name", &json!({"stringValue": "agent"}))]},
        "scopeSpans": [{"scope": {"name": "rig", "attributes": [attribute("of", &json!({"stringValue": "scope"}))]}, "spans": [span]}],
    }]});
    Export::from_json(Signal::Traces, request.to_string().as_bytes()).unwrap()
}

fn keys(export: &Export) -> Vec<(String, bool, bool)> {
    let mut keys = Vec::new();
    for part in export.parts() {
        part.each_attribute(&mut |attribute| {
            keys.push((attribute.key.into_owned(), part.is_record(), attribute.is_own));
        });
    }
    keys
}

fn span_of(export: &Export) -> serde_json::Value {
    let records = export.records();
    let mut assembly = Assembly::new(Signal::Traces);
    records.iter().for_each(|(context, record)| assembly.add(context, record));
    assembly.to_json()[0]["scopeSpans"][0]["spans"][0].take()
}

#[test]
fn every_attribute_is_visited_under_its_whole_name() {
    let expected = [
        ("service.name", false, true),
        ("of", false, true),
        ("http.headers", true, true),
        ("http.headers.cookie", true, false),
        ("pin", true, true),
        ("list", true, true),
        ("list.0.cookie", true, false),
        ("text", true, false),
        ("why", true, false),
    ];
    assert_eq!(keys(&request()), expected.map(|(key, record, own)| (key.to_owned(), record, own)));
}

#[test]
fn a_body_is_an_attribute_of_its_record() {
    let body = json!({"kvlistValue": {"values": [attribute("content", &json!({"stringValue": "hello"}))]}});
    let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": body}]}]}]});
    let export = Export::from_json(Signal::Logs, request.to_string().as_bytes()).unwrap();
    assert_eq!(keys(&export), [("body".to_owned(), true, true), ("body.content".to_owned(), true, false)]);
}

/// Edits of these attributes, by their keys.
fn edited(edit: impl Fn(&crate::Attribute<'_>) -> Option<Edit>) -> serde_json::Value {
    let export = request();
    let mut edits = Vec::new();
    for part in export.parts() {
        part.each_attribute(&mut |attribute| edits.extend(edit(&attribute)));
    }
    span_of(&export.with_edits(&edits).unwrap())
}

#[test]
fn a_text_takes_the_place_of_any_value() {
    let span = edited(|attribute| {
        let place = attribute.value_place.clone();
        let wanted = matches!(&*attribute.key, "pin" | "http.headers" | "list.0.cookie" | "why");
        wanted.then(|| Edit { start: place.start, end: place.end, replacement: "gone".into() })
    });
    let gone = json!({"stringValue": "gone"});
    assert_eq!(span["attributes"][0], attribute("http.headers", &gone));
    assert_eq!(span["attributes"][1], attribute("pin", &gone));
    let inner = &span["attributes"][2]["value"]["arrayValue"]["values"][0]["kvlistValue"]["values"][0];
    assert_eq!(*inner, attribute("cookie", &gone));
    assert_eq!(span["links"][0]["attributes"][0], attribute("why", &gone));
    assert_eq!(span["name"], "search");
}

#[test]
fn an_attribute_goes_whole_and_says_so_if_it_is_to() {
    let span = edited(|attribute| {
        let place = attribute.place.clone();
        let replacement = match &*attribute.key {
            "http.headers" => "",
            "pin" => "gone",
            _ => return None,
        };
        Some(Edit { start: place.start, end: place.end, replacement: replacement.into() })
    });
    assert_eq!(span["attributes"][0], attribute(DROPPED, &json!({"stringValue": "gone"})));
    assert_eq!(span["attributes"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_left_without_its_texts_is_a_record_still() {
    let export = request();
    let mut edits = Vec::new();
    for part in export.parts().filter(|part| part.is_record()) {
        edits.extend(part.fields_of_text().enumerate().map(|(number, (place, takes_text))| Edit {
            start: place.start,
            end: place.end,
            replacement: if takes_text && number == 0 { "gone".into() } else { "".into() },
        }));
    }
    let span = span_of(&export.with_edits(&edits).unwrap());
    assert_eq!(span["name"], "gone");
    assert_eq!(span["spanId"], "eee19b7ec3c1b174");
    assert!(span.get("attributes").is_none() && span.get("events").is_none(), "{span}");
}
