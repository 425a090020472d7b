use proptest::prelude::*;
use serde_json::json;

use crate::propagate::parse_traceparent;
use crate::text::{Returned, mended, returned, unquote};

#[test]
fn only_a_complete_literal_is_unquoted() {
    assert_eq!(unquote(r#""a \"b\"\n\u{e9}""#).as_deref(), Some("a \"b\"\né"));
    for text in ["", "\"", "plain", r#""a" and "b""#, r#""a\""#, r#""\u{110000}""#, r#""\q""#] {
        assert_eq!(unquote(text), None, "{text}");
    }
}

#[test]
fn a_returned_value_is_read_as_what_it_is() {
    let read = |text: &str| returned(String::from(text));
    assert_eq!(read("()"), Returned::Nothing);
    assert_eq!(read("Ok(())"), Returned::Nothing);
    assert_eq!(read("Ok(42)"), Returned::Output(json!(42)));
    assert_eq!(read(r#"["a", "b"]"#), Returned::Output(json!(["a", "b"])));
    assert_eq!(read(r#""{\"a\":1}""#), Returned::Output(json!({"a": 1})));
    assert_eq!(read(r#""42""#), Returned::Output(json!("42")));
    assert_eq!(read("Hit { rank: 1 }"), Returned::Output(json!("Hit { rank: 1 }")));
    assert_eq!(read(r#"Err("no")"#), Returned::Failure(String::from("no")));
}

#[test]
fn a_wrong_traceparent_is_none() {
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert!(parse_traceparent(good).is_some());
    assert!(parse_traceparent(&good.replacen("00", "cc", 1)).is_some(), "a later version");
    assert!(parse_traceparent(&format!("{}-later", good.replacen("00", "cc", 1))).is_some());
    for wrong in [
        "",
        "00",
        &format!("{good}-later"),
        &good.replacen("00", "ff", 1),
        &good.to_uppercase(),
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    ] {
        assert!(parse_traceparent(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn json_that_was_cut_is_closed_where_a_value_had_ended() {
    for (cut, whole) in [
        ("{", "{}"),
        ("[1, 2", "[1]"),
        ("[1, 2,", "[1, 2]"),
        (r#"{"a": 1, "b"#, r#"{"a": 1}"#),
        (r#"{"a": 1, "b": "#, r#"{"a": 1}"#),
        (r#"{"a": "lar"#, r#"{"a": "lar…"}"#),
        (r#"{"a": "lar\"#, r#"{"a": "lar…"}"#),
        (r#"["\ud83d\ude0"#, r#"["…"]"#),
        (r#"[{"a": {"b": tr"#, r#"[{"a": {}}]"#),
        ("plain", "plain…"),
    ] {
        assert_eq!(mended(cut), whole, "{cut}");
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<Option<bool>>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        ".*".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec((".*", inner), 0..4)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn json_stays_json_wherever_it_is_cut(json in any_json(), cut in any::<prop::sample::Index>(), ascii: bool) {
        let json = serde_json::Value::from(vec![json]).to_string();
        // As some languages write it: all but ASCII as escapes.
        let escaped = |char: char| {
            let mut units = [0; 2];
            char.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>()
        };
        let json = if ascii {
            json.chars().map(|char| if char.is_ascii() { char.to_string() } else { escaped(char) }).collect()
        } else {
            json
        };
        let cut = &json[..json.floor_char_boundary(cut.index(json.len()).max(1))];
        let mended = mended(cut);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&mended).is_ok(), "{} of {}", mended, cut);
        prop_assert!(mended.len() <= cut.len() + 40 + cut.len(), "nothing is made up");
    }

    #[test]
    fn debug_text_is_unquoted_to_the_very_text(text: String) {
        prop_assert_eq!(unquote(&format!("{text:?}")), Some(text));
    }

    #[test]
    fn any_text_can_be_read(text: String) {
        let _ = (unquote(&text), returned(text.clone()), parse_traceparent(&text));
    }
}
