use proptest::prelude::*;
use serde_json::json;

use crate::layer::parse_traceparent;
use crate::text::{Returned, returned, unquote};

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

proptest! {
    #[test]
    fn debug_text_is_unquoted_to_the_very_text(text: String) {
        prop_assert_eq!(unquote(&format!("{text:?}")), Some(text));
    }

    #[test]
    fn any_text_can_be_read(text: String) {
        let _ = (unquote(&text), returned(text.clone()), parse_traceparent(&text));
    }
}
