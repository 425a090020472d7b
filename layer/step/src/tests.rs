use proptest::prelude::*;
use serde_json::json;

use super::*;

proptest! {
    #[test]
    fn a_trace_id_survives_its_text(bytes in any::<[u8; 16]>()) {
        let Some(id) = TraceId::from_bytes(&bytes) else { return Ok(()) };
        prop_assert_eq!(id.to_string().parse::<TraceId>(), Ok(id));
    }

    #[test]
    fn a_timestamp_survives_its_text(nanos in 1u64..) {
        let time = Timestamp::from_nanos(nanos).unwrap();
        prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
    }

    #[test]
    fn usage_adds_in_any_order(a in usage(), b in usage(), c in usage()) {
        prop_assert_eq!(a.plus(b), b.plus(a));
        prop_assert_eq!(a.plus(b).plus(c), a.plus(b.plus(c)));
    }
}

fn usage() -> impl Strategy<Value = Usage> {
    any::<[Option<u64>; 5]>().prop_map(|[input, output, cache_read, cache_write, reasoning]| Usage {
        input,
        output,
        cache_read,
        cache_write,
        reasoning,
    })
}

#[test]
fn zeros_and_other_lengths_are_no_ids() {
    assert!("0000000000000000".parse::<SpanId>().is_err());
    assert!("00000000000000".parse::<SpanId>().is_err());
    assert!("000000000000000é".parse::<SpanId>().is_err());
    assert!(TraceId::from_bytes(&[0; 16]).is_none());
}

#[test]
fn every_kind_and_status_is_found_by_its_word() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_word(kind.as_str()), Some(*kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.as_str()));
    }
    for status in Status::ALL {
        assert_eq!(Status::from_word(status.as_str()), Some(*status));
    }
}

#[test]
fn content_has_the_shape_of_the_read_api() {
    let messages = Content::Messages(vec![Message::new(
        "assistant",
        vec![
            Part::Text { content: "hello".into() },
            Part::ToolCall { id: Some("call_1".into()), name: "search".into(), arguments: json!({"q": 1}) },
            Part::Image(Media { mime_type: Some("image/png".into()), ..Media::default() }),
        ],
    )]);
    let written = json!({"messages": [{"role": "assistant", "parts": [
        {"type": "text", "content": "hello"},
        {"type": "tool_call", "id": "call_1", "name": "search", "arguments": {"q": 1}},
        {"type": "image", "mime_type": "image/png"},
    ]}]});
    assert_eq!(serde_json::to_value(&messages).unwrap(), written);
    assert_eq!(serde_json::from_value::<Content>(written).unwrap(), messages);
    assert_eq!(serde_json::to_value(Content::Value(json!([1]))).unwrap(), json!({"value": [1]}));
}

#[test]
fn what_is_absent_is_not_written() {
    let step = Step::new("00f067aa0ba902b7".parse().unwrap());
    let written = serde_json::to_value(&step).unwrap();
    let fields: Vec<_> = written.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["span_id", "name", "kind", "status", "depth"]);
    assert_eq!(serde_json::from_value::<Step>(written).unwrap(), step);
}
