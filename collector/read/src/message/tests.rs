use serde_json::{Value as Json, json};
use treering_step::{Message, Part};

use super::conversation;

fn read(value: &Json) -> Vec<Message> {
    conversation(value, "assistant").unwrap_or_default()
}

fn parts(item: &Json) -> Vec<Part> {
    read(&json!([item])).remove(0).parts
}

fn texts(value: &Json) -> Vec<(String, String)> {
    let text = |message: &Message| {
        message.parts.iter().find_map(|part| match part {
            Part::Text { content } => Some(content.clone()),
            _ => None,
        })
    };
    read(value).iter().map(|message| (message.role.clone(), text(message).unwrap_or_default())).collect()
}

fn said(role: &str, text: &str) -> Vec<(String, String)> {
    vec![(role.to_owned(), text.to_owned())]
}

#[test]
fn one_message_is_read_from_every_shape_that_it_is_written_in() {
    let user = said("user", "hi");
    for shape in [
        json!([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]),
        json!([{"role": "user", "content": "hi"}]),
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}),
        json!([["user", "hi"]]),
        json!({"messages": [["human", "hi"]]}),
        json!([[{"lc": 1, "type": "constructor", "kwargs": {"type": "human", "content": "hi"}}]]),
        json!([{"type": "human", "data": {"content": "hi"}}]),
        json!([{"message": {"role": "user", "contents": [{"message_content": {"type": "text", "text": "hi"}}]}}]),
        json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        json!({"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}),
    ] {
        assert_eq!(texts(&shape), user, "{shape}");
    }
}

#[test]
fn one_answer_is_read_from_every_shape_that_it_is_written_in() {
    let answer = said("assistant", "hello");
    for shape in [
        json!("hello"),
        json!({"role": "assistant", "content": "hello"}),
        json!({"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}),
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "hello"}]}}]}),
        json!({"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]}]}),
        json!({"generations": [[{"text": "hello", "message": {"lc": 1, "kwargs": {"type": "ai", "content": "hello"}}}]]}),
        json!({"role": "assistant", "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn"}),
        json!([{"type": "text", "text": "hello"}]),
    ] {
        assert_eq!(texts(&shape), answer, "{shape}");
    }
}

#[test]
fn a_call_and_its_result_are_read_from_every_shape_that_they_are_written_in() {
    let call = Part::ToolCall { id: Some("c1".into()), name: "rings".into(), arguments: json!({"tree": 1}) };
    for shape in [
        json!({"type": "tool_call", "id": "c1", "name": "rings", "arguments": "{\"tree\": 1}"}),
        json!({"type": "tool_use", "id": "c1", "name": "rings", "input": {"tree": 1}}),
        json!({"type": "tool-call", "toolCallId": "c1", "toolName": "rings", "args": {"tree": 1}}),
        json!({"type": "function_call", "id": "fc_9", "call_id": "c1", "name": "rings", "arguments": "{\"tree\":1}"}),
        json!({"toolUse": {"toolUseId": "c1", "name": "rings", "input": {"tree": 1}}}),
        json!({"functionCall": {"id": "c1", "name": "rings", "args": {"tree": 1}}}),
    ] {
        assert_eq!(parts(&shape), std::slice::from_ref(&call), "{shape}");
    }
    for message in [
        json!({"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "rings", "arguments": "{\"tree\":1}"}}]}),
        json!({"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "rings", "input": {"tree": 1}}],
            "tool_calls": [{"id": "c1", "name": "rings", "args": {"tree": 1}}]}),
    ] {
        assert_eq!(parts(&message), std::slice::from_ref(&call), "{message}");
    }
    for shape in [
        json!({"role": "tool", "tool_call_id": "c1", "content": "87"}),
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "87"}]}]}),
        json!({"role": "user", "parts": [{"type": "tool_call_response", "id": "c1", "response": "87"}]}),
        json!({"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "87"}]}}]}),
        json!({"type": "function_call_output", "call_id": "c1", "output": "87"}),
    ] {
        let result = Part::ToolResult { id: Some("c1".into()), name: None, result: json!("87") };
        assert_eq!(parts(&shape), [result], "{shape}");
    }
}

#[test]
fn thoughts_are_known_by_every_name_that_they_have() {
    let thought = Part::Reasoning { content: "hm".into() };
    for shape in [
        json!({"type": "reasoning", "content": "hm"}),
        json!({"type": "thinking", "thinking": "hm", "signature": "x"}),
        json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}),
        json!({"reasoningContent": {"reasoningText": {"text": "hm"}}}),
        json!({"text": "hm", "thought": true}),
    ] {
        assert_eq!(parts(&shape), std::slice::from_ref(&thought), "{shape}");
    }
    assert_eq!(parts(&json!({"role": "assistant", "content": null, "reasoning_content": "hm"})), [thought]);
}

#[test]
fn items_of_one_answer_are_one_message() {
    let read = read(
        &json!([{"type": "reasoning", "summary": []}, {"type": "function_call", "name": "a"}, {"type": "function_call", "name": "b"}]),
    );
    assert_eq!((read.len(), read[0].parts.len()), (1, 2));
}

#[test]
fn pictures_are_found_wherever_they_hide_and_never_fetched() {
    let media = |value: Json| match parts(&json!({"role": "user", "content": [value]})).pop() {
        Some(Part::Image(media)) => media,
        other => panic!("{other:?}"),
    };
    let linked = media(json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}));
    assert_eq!(linked.uri.as_deref(), Some("https://example.com/a.png"));
    for inline in [
        json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}),
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}),
        json!({"inlineData": {"mimeType": "image/png", "data": "aGk="}}),
        json!({"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="}),
    ] {
        let media = media(inline);
        assert_eq!(
            (media.mime_type.as_deref(), media.data.as_deref(), media.uri),
            (Some("image/png"), Some("aGk="), None)
        );
    }
}

#[test]
fn what_is_no_conversation_is_none() {
    for value in [json!(null), json!(""), json!(7), json!({"rows": 3}), json!([1, 2]), json!("<elided>")] {
        assert_eq!(conversation(&value, "user"), None, "{value}");
    }
}

#[test]
fn a_conversation_whose_content_is_withheld_has_no_messages() {
    for value in [
        json!([]),
        json!([{"role": "user"}]),
        json!([{"role": "user", "parts": [{"type": "text"}]}]),
        json!([{"role": "user", "content": "<elided>"}]),
    ] {
        assert_eq!(conversation(&value, "user"), Some(Vec::new()), "{value}");
    }
}
