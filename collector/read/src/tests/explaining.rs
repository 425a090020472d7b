use serde_json::json;
use treering_step::Kind;

use super::build::{A, log};
use crate::{Attribute, Explanation, Origin, explain};

fn explained(span: A, kind: Kind) -> Explanation {
    explain(Some(&span.record()), &[], kind)
}

fn keys(attributes: &[Attribute]) -> Vec<&str> {
    attributes.iter().map(|attribute| attribute.key.as_str()).collect()
}

/// Who told a field, and by what.
fn origin<'a>(origins: &'a [Origin], field: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let origin = origins.iter().find(|origin| origin.field == field)?;
    Some((origin.dialect, keys(&origin.attributes)))
}

#[test]
fn each_field_names_the_dialect_and_the_attributes_that_told_it() {
    let call = explained(
        A::span("chat").attributes(json!({
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "oak-1", "gen_ai.response.model": "oak-1-mini",
            "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4,
            "gen_ai.input.messages": "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]",
            "session.id": "s1",
        })),
        Kind::Llm,
    );
    let told = |field| origin(&call.believed, field);
    assert_eq!(told("kind"), Some(("gen_ai", vec!["gen_ai.operation.name"])));
    assert_eq!(told("model"), Some(("gen_ai", vec!["gen_ai.response.model"])));
    assert_eq!(
        told("tokens"),
        Some(("gen_ai", vec!["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"]))
    );
    assert_eq!(told("input"), Some(("gen_ai", vec!["gen_ai.input.messages"])));
    assert_eq!(told("session_id"), Some(("opentelemetry", vec!["session.id"])));
    assert_eq!(told("output"), None);
}

#[test]
fn what_a_dialect_of_less_authority_said_is_spare_and_not_unread() {
    let call = explained(
        A::span("chat").attributes(json!({
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "oak-1",
            "openinference.span.kind": "LLM", "llm.model_name": "oak-1", "input.value": "hi",
            "acme.shard": 7, "http.request.method": "POST",
        })),
        Kind::Llm,
    );
    assert_eq!(origin(&call.believed, "model"), Some(("gen_ai", vec!["gen_ai.request.model"])));
    assert_eq!(origin(&call.spare, "model"), Some(("openinference", vec!["llm.model_name"])));
    assert_eq!(origin(&call.believed, "input"), Some(("openinference", vec!["input.value"])));
    assert_eq!(keys(&call.unread), ["acme.shard"]);
    assert_eq!(keys(&call.general), ["http.request.method"]);
}

#[test]
fn what_the_exporter_withheld_or_dropped_is_said() {
    let span = A::span("llm")
        .attributes(json!({"openinference.span.kind": "LLM", "input.value": "__REDACTED__"}))
        .field("droppedAttributesCount", json!(12));
    let call = explained(span, Kind::Llm);
    assert_eq!(keys(&call.withheld), ["input.value"]);
    assert_eq!(call.dropped, 12);
    assert_eq!(origin(&call.believed, "input"), None);
}

#[test]
fn what_a_dialect_could_make_nothing_of_is_said() {
    let attributes = json!({
        "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": "many", "gen_ai.response.model": "oak-1",
    });
    let call = explained(A::span("chat").attributes(attributes), Kind::Llm);
    assert_eq!(keys(&call.unusable), ["gen_ai.usage.input_tokens"]);
    assert_eq!(origin(&call.believed, "tokens"), None);
}

#[test]
fn what_one_dialect_says_in_several_ways_is_spare_and_not_unread() {
    let call = explained(
        A::span("chat").attributes(json!({
            "gen_ai.request.model": "oak-1", "gen_ai.response.model": "oak-1-mini", "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hi",
            "input.value": "hi", "output.value": "ho",
        })),
        Kind::Llm,
    );
    let told = |origins, field| origin(origins, field);
    assert_eq!(told(&call.believed, "model"), Some(("gen_ai", vec!["gen_ai.response.model"])));
    assert_eq!(told(&call.spare, "model"), Some(("gen_ai", vec!["gen_ai.request.model"])));
    assert_eq!(told(&call.spare, "input"), Some(("openinference", vec!["input.value"])));
    assert_eq!(told(&call.believed, "output"), Some(("openinference", vec!["output.value"])));
    assert_eq!((keys(&call.unread), keys(&call.unusable)), (vec![], vec![]));
}

#[test]
fn what_announces_a_running_step_is_understood() {
    let announced = log(
        "treering.step.running",
        json!(null),
        json!({"treering.step.name": "work", "treering.step.parent_id": "0000000000000007", "acme.shard": 7}),
    );
    let span = A::span("work").record();
    for call in [
        explain(None, std::slice::from_ref(&announced), Kind::Span),
        explain(Some(&span), &[announced], Kind::Span),
    ] {
        assert_eq!(origin(&call.believed, "name"), Some(("treering", vec!["treering.step.name"])));
        assert_eq!(keys(&call.unread), ["acme.shard"]);
    }
}

#[test]
fn an_attribute_of_a_log_record_names_the_record() {
    let details = log(
        "gen_ai.client.inference.operation.details",
        json!(null),
        json!({"gen_ai.request.model": "oak-1", "acme.shard": 7}),
    );
    let call = explain(None, &[details], Kind::Llm);
    let model = call.believed.iter().find(|origin| origin.field == "model").unwrap();
    let of = Some("gen_ai.client.inference.operation.details".to_owned());
    assert_eq!(model.attributes, [Attribute { of: of.clone(), key: "gen_ai.request.model".into() }]);
    assert_eq!(call.unread, [Attribute { of, key: "acme.shard".into() }]);
}

#[test]
fn a_log_record_of_a_coding_agent_is_explained_as_a_step_of_its_own() {
    let record = log(
        "claude_code.api_request",
        json!(null),
        json!({"event.name": "api_request", "model": "oak-1", "input_tokens": 5, "cost_usd": 0.5, "speed": "normal",
            "success": true}),
    );
    let call = explain(None, &[record], Kind::Llm);
    assert_eq!(origin(&call.believed, "model"), Some(("claude_code", vec!["model"])));
    assert_eq!(origin(&call.believed, "cost_usd"), Some(("claude_code", vec!["cost_usd"])));
    assert_eq!(origin(&call.believed, "status"), Some(("claude_code", vec!["success"])));
    assert_eq!((keys(&call.unread), keys(&call.unusable)), (vec!["speed"], vec![]));
    let span = A::span("claude_code.tool").attributes(json!({"span.type": "tool", "tool_name": "Bash"}));
    let tool = explained(span, Kind::Tool);
    assert_eq!(origin(&tool.believed, "tool"), Some(("claude_code", vec!["tool_name"])));
    assert_eq!(keys(&tool.unusable), Vec::<&str>::new());
}
