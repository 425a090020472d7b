//! Content: encodings, places, dialects, parts, sizes.

use serde_json::{Value as Json, json};
use treering_redact::Record;
use treering_step::{Content, Message, Part, Step};

use super::super::build::{A, log, logged, merge, step, told};
use crate::{explain, log_summary, span_summary};

fn messages(content: Option<Content>) -> Vec<Message> {
    match content {
        Some(Content::Messages(messages)) => messages,
        other => panic!("no messages: {other:?}"),
    }
}

fn parts(attributes: Json) -> Vec<Part> {
    let step = A::span("chat").attributes(attributes).step();
    messages(step.output).into_iter().flat_map(|message| message.parts).collect()
}

fn answered(message: Json) -> Vec<Part> {
    parts(json!({"gen_ai.operation.name": "chat", "gen_ai.output.messages": json!([message]).to_string()}))
}

fn text(content: &str) -> Part {
    Part::Text { content: content.to_owned() }
}

#[test]
fn t01_json_in_a_text_is_decoded_twice_and_not_a_third_time_and_a_number_that_is_an_answer_stays_a_text() {
    let result = |value: &str| {
        let attributes = json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.result": value});
        A::span("tool").attributes(attributes).step().tool.unwrap().result
    };
    let once = json!({"rings": 87}).to_string();
    let twice = json!(once).to_string();
    let thrice = json!(twice).to_string();
    assert_eq!((result(&once), result(&twice)), (json!({"rings": 87}), json!({"rings": 87})));
    assert_eq!(result(&thrice), json!(once), "a third round would read what a person wrote");
    assert_eq!((result("123"), result("true")), (json!("123"), json!("true")));

    let everything = json!({
        "mlflow.spanType": "\"LLM\"", "mlflow.llm.model": "\"gpt-4o\"", "mlflow.trace.user": "7",
        "mlflow.spanInputs": "\"hi\"", "mlflow.spanOutputs": "\"\\\"hello\\\"\"",
    });
    let mlflow = A::span("call").attributes(everything).step();
    assert_eq!(
        (mlflow.kind.as_str(), mlflow.model.as_deref(), mlflow.user_id.as_deref()),
        ("llm", Some("gpt-4o"), Some("7"))
    );
    assert_eq!(messages(mlflow.input)[0].parts, [text("hi")]);

    let call = json!({"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "rings",
        "arguments": "{\"tree\":\"oak\"}"}]});
    let called =
        Part::ToolCall { id: Some("c1".into()), name: "rings".into(), arguments: json!({"tree": "oak"}) };
    assert_eq!(answered(call), [called]);
}

#[test]
fn t02_a_list_of_texts_that_hold_json_is_a_list_of_json_and_a_list_may_be_one_text() {
    let embedding = A::span("ai.embedMany")
        .attributes(json!({"ai.operationId": "ai.embedMany", "ai.values": ["\"oak\"", "\"elm\""], "ai.embeddings": ["[0.5,1]", "[2,3]"]}))
        .step();
    assert_eq!(embedding.input, Some(Content::Value(json!(["oak", "elm"]))));
    assert_eq!(embedding.output, Some(Content::Value(json!([[0.5, 1], [2, 3]]))));
    let finish = |reasons: Json| {
        let attributes = json!({
            "gen_ai.operation.name": "chat", "gen_ai.response.finish_reasons": reasons,
            "gen_ai.output.messages": r#"[{"role":"assistant","parts":[{"type":"text","content":"87"}]}]"#,
        });
        messages(A::span("chat").attributes(attributes).step().output).pop().unwrap().finish_reason
    };
    for reasons in [json!(["stop"]), json!("[\"stop\"]"), json!("stop"), json!("\"stop\"")] {
        assert_eq!(finish(reasons.clone()).as_deref(), Some("stop"), "{reasons}");
    }
    assert_eq!(finish(json!([])), None);
}

#[test]
fn t03_content_comes_on_log_records_before_or_after_their_span_or_without_one() {
    let span =
        A::span("chat oak").attributes(json!({"gen_ai.operation.name": "chat", "gen_ai.response.id": "r1"}));
    let span = span.record();
    let asked =
        log("gen_ai.user.message", json!({"content": "how old?"}), json!({"gen_ai.system": "openai"}));
    let choice = json!({"index": 0, "finish_reason": "stop", "message": {"content": "87"}});
    let choice = log("gen_ai.choice", choice, json!({}));
    let whole = step(Some(&span), &[asked.clone(), choice.clone()]).unwrap();
    assert_eq!(messages(whole.input.clone())[0].parts, [text("how old?")]);
    assert_eq!(messages(whole.output.clone())[0].finish_reason.as_deref(), Some("stop"));
    let summary = |record: &Record| span_summary(record).or(log_summary(record, record.identity())).unwrap();
    let records = [span, asked.clone(), choice.clone()];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let merged = merge(order.map(|at| summary(&records[at])).to_vec());
        assert_eq!((merged.len(), merged[0].provider.as_deref()), (1, Some("openai")), "{order:?}");
    }
    let without = step(None, &[asked, choice]).unwrap();
    assert_eq!((without.input, without.output), (whole.input, whole.output));

    let offered =
        |attributes: Json| span_summary(&A::span("x").attributes(attributes).record()).unwrap().joins;
    let wanted = |attributes: Json| {
        let record = logged(json!({"eventName": "told", "timeUnixNano": "5"}), attributes);
        log_summary(&record, record.identity()).unwrap().joins
    };
    for id in ["gen_ai.response.id", "request_id", "gen_ai.tool.call.id"] {
        assert_eq!(offered(json!({id: "r1"})), wanted(json!({id: "r1"})), "{id}");
        assert_ne!(offered(json!({id: "r1"})), wanted(json!({id: "r2"})), "{id}");
    }
    let judged = json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.response.id": "r1"});
    assert_eq!(offered(judged), [], "an agent repeats the id of its last answer");
}

#[test]
fn t04_the_same_content_in_two_dialects_on_one_span_is_told_once() {
    let said =
        |text: &str| json!([{"role": "user", "parts": [{"type": "text", "content": text}]}]).to_string();
    let in_two = |attributes: Json, event: Option<(&str, Json)>| {
        let span = A::span("chat").attributes(attributes);
        let span = match event {
            Some((name, attributes)) => span.event(name, attributes),
            None => span,
        };
        told(&span.step()).to_string()
    };
    let openinference = json!({
        "openinference.span.kind": "LLM", "gen_ai.operation.name": "chat", "input.value": "second",
        "gen_ai.input.messages": said("first"), "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "second", "llm.output_messages.0.message.content": "only here",
    });
    let told_once = in_two(openinference, Some(("gen_ai.user.message", json!({"content": "second"}))));
    assert!(
        told_once.contains("first") && told_once.contains("only here") && !told_once.contains("second"),
        "{told_once}"
    );
    let vercel = json!({
        "ai.operationId": "ai.generateText.doGenerate", "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": said("first"), "ai.prompt.messages": r#"[{"role":"user","content":"second"}]"#,
    });
    let told_once = in_two(vercel, None);
    assert!(told_once.contains("first") && !told_once.contains("second"), "{told_once}");
    let pydantic = json!({
        "gen_ai.operation.name": "invoke_agent", "gen_ai.input.messages": said("first"),
        "pydantic_ai.all_messages": said("second"), "logfire.msg": "agent run",
    });
    let told_once = in_two(pydantic, None);
    assert!(told_once.contains("first") && !told_once.contains("second"), "{told_once}");
    let strands = json!({"gen_ai.operation.name": "chat", "gen_ai.system": "strands-agents", "gen_ai.input.messages": said("first")});
    let told_once =
        in_two(strands, Some(("gen_ai.user.message", json!({"content": "[{\"text\": \"second\"}]"}))));
    assert!(told_once.contains("first") && !told_once.contains("second"), "{told_once}");
}

#[test]
fn t04_each_copy_of_a_content_counts_its_redactions_whatever_is_shown() {
    let span = A::span("mail [REDACTED:EMAIL]")
        .failed("card [REDACTED:CARD]")
        .attributes(json!({
            "input.value": "[REDACTED:EMAIL]", "ai.prompt": "{\"x\": \"[REDACTED:EMAIL]\"}", "a": "[REDACTED:]",
            "ai.request.headers.authorization": "[REDACTED:api_key]", "b": ["[REDACTED:EMAIL][REDACTED:EMAIL]"],
        }))
        .event("asked [REDACTED:EMAIL]", json!({"exception.message": "[REDACTED:CARD]", "c": "[REDACTED:not closed"}));
    let log = log("x", json!({"deep": ["[REDACTED:CARD]"]}), json!({}));
    let step = step(Some(&span.record()), &[log]).unwrap();
    let counts: Vec<_> = step.redactions.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(counts, [("CARD", 3), ("EMAIL", 6), ("api_key", 1)]);
}

fn flattened(indices: &[&str]) -> Step {
    let mut attributes = json!({"openinference.span.kind": "LLM"});
    for index in indices {
        attributes[format!("llm.input_messages.{index}.message.role")] = json!("user");
        attributes[format!("llm.input_messages.{index}.message.content")] = json!(index);
    }
    A::span("chat").attributes(attributes).step()
}

#[test]
fn t09_flattened_messages_stand_by_number_whatever_is_missing_and_what_was_dropped_is_said() {
    let texts = |step: Step| -> Vec<Part> {
        messages(step.input).into_iter().flat_map(|message| message.parts).collect()
    };
    assert_eq!(texts(flattened(&["10", "2", "0", "1", "5"])), ["0", "1", "2", "5", "10"].map(text));
    assert_eq!(texts(flattened(&["999999999"])), [text("999999999")], "nothing is allocated before it");
    for other in ["18446744073709551616", "prompt_filter_results", "-1"] {
        assert_eq!(texts(flattened(&["0", other])), [text("0")], "{other} is no place in a list");
    }
    let cut = A::span("chat")
        .attributes(json!({"gen_ai.operation.name": "chat"}))
        .field("droppedAttributesCount", json!(12));
    assert_eq!(explain(Some(&cut.record()), &[], treering_step::Kind::Llm).dropped, 12);
}

#[test]
fn t10_what_is_long_deep_many_or_cut_off_is_read_or_stays_a_text() {
    let input = |text: &str| A::span("x").attributes(json!({"traceloop.entity.input": text})).step().input;
    for text in
        ["{\"a\": [1, 2".to_owned(), "[".repeat(5000), format!("{}1{}", "[".repeat(200), "]".repeat(200))]
    {
        assert_eq!(input(&text), Some(Content::Value(json!(text))));
    }
    let picture = "A".repeat(10 << 20);
    let asked = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{picture}")}}]}]);
    let call = json!({"openinference.span.kind": "LLM", "input.mime_type": "application/json", "input.value": asked.to_string()});
    let Part::Image(image) = &messages(A::span("chat").attributes(call).step().input)[0].parts[0] else {
        panic!()
    };
    assert_eq!(image.data.as_deref().map(str::len), Some(10 << 20));
    let many = json!([{"name": "llm.content.completion.chunk", "timeUnixNano": "1"}]);
    let events = Json::Array((0..10_000).map(|_| many[0].clone()).collect());
    let links = json!({"traceId": super::super::build::TRACE, "spanId": super::super::build::SPAN});
    let links = Json::Array((0..10_000).map(|_| links.clone()).collect());
    let step = A::span("stream").field("events", events).field("links", links).step();
    assert_eq!((step.events.len(), step.links.len(), step.output), (10_000, 10_000, None));
}

#[test]
fn t13_parts_and_contents_have_many_names_and_shapes() {
    let thought = |content: &str| Part::Reasoning { content: content.to_owned() };
    for part in [
        json!({"type": "thinking", "content": "hm"}),
        json!({"type": "reasoning", "content": "hm"}),
        json!({"type": "thinking", "thinking": "hm", "signature": "x"}),
        json!({"text": "hm", "thought": true}),
        json!({"reasoningContent": {"reasoningText": {"text": "hm"}}}),
    ] {
        assert_eq!(answered(json!({"role": "assistant", "parts": [part]})), [thought("hm")]);
    }
    let result = |part: Json| answered(json!({"role": "user", "parts": [part]}));
    let is = |result: Json| [Part::ToolResult { id: Some("c1".into()), name: None, result }];
    assert_eq!(
        result(json!({"type": "tool_call_response", "id": "c1", "response": {"n": 1}})),
        is(json!({"n": 1}))
    );
    assert_eq!(
        result(json!({"type": "tool_call_response", "id": "c1", "result": {"n": 1}})),
        is(json!({"n": 1}))
    );
    assert_eq!(
        result(
            json!({"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "1"}]})
        ),
        is(json!("1"))
    );
    for content in [
        json!("hi"),
        json!(["hi"]),
        json!([{"type": "text", "text": "hi"}]),
        json!({"type": "text", "text": "hi"}),
        json!([{"text": "hi"}]),
    ] {
        assert_eq!(answered(json!({"role": "assistant", "content": content})), [text("hi")]);
    }
    let silent = |message: Json| {
        let attributes =
            json!({"gen_ai.operation.name": "chat", "gen_ai.output.messages": json!([message]).to_string()});
        A::span("chat").attributes(attributes).step().output
    };
    for message in [
        json!({"role": "assistant", "content": null}),
        json!({"role": "assistant", "parts": []}),
        json!({"role": "assistant", "parts": [{"type": "text"}]}),
    ] {
        assert_eq!(silent(message), None, "a content that was withheld is none");
    }
    let ended = silent(
        json!({"role": "assistant", "parts": [{"type": "text", "content": "x"}], "finish_reason": "unknown"}),
    );
    assert_eq!(messages(ended)[0].finish_reason.as_deref(), Some("unknown"));
    let opaque = json!({"type": "opaque", "kind": "web_search_call"});
    assert_eq!(answered(json!({"role": "assistant", "parts": [opaque]})), [Part::Other { value: opaque }]);
}
