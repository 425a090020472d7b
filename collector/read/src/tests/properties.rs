use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use treering_step::{Kind, Source, Status, Summary, Timestamp, TraceId, Usage};

use super::build::{A, TRACE, id, log, merge, step};
use crate::{Bones, Prices, execution, explain, tree};

fn partial() -> impl Strategy<Value = Summary> {
    let source = prop_oneof![
        Just(Source::Span),
        (0u8..3).prop_map(|at| Source::Log([at; 16])),
        (0u8..3).prop_map(|at| Source::Alone([at; 16])),
    ];
    let kind = prop::sample::select(&[None, Some(Kind::Agent), Some(Kind::Workflow), Some(Kind::Llm)][..]);
    let status = prop_oneof![Just(None), Just(Some(Status::Unset)), Just(Some(Status::Error))];
    let word = || prop::option::of("[ab]");
    let count = || prop::option::of(0u64..3);
    (
        (1u64..4),
        source,
        status,
        (word(), word(), word()),
        (count(), count(), count()),
        (prop::option::of(1u64..5), kind),
    )
        .prop_map(
            |(own, source, status, (name, model, user_id), (input, output, parent), (marks, kind))| Summary {
                kind,
                started_at: output.and_then(Timestamp::from_nanos),
                status,
                name,
                model,
                user_id,
                parent_span_id: parent.filter(|parent| *parent != 0).map(id),
                ended_at: input.and_then(Timestamp::from_nanos),
                tokens: Usage { input, output, ..Usage::default() },
                redactions: marks.map(|marks| ("EMAIL".to_owned(), marks)).into_iter().collect(),
                ..Summary::new(id(own), source)
            },
        )
}

fn linked() -> impl Strategy<Value = Vec<Summary>> {
    let step = |own: usize, (parent, start): (u64, u64)| Summary {
        parent_span_id: (parent != 0).then(|| id(parent)),
        started_at: Timestamp::from_nanos(start),
        ..Summary::new(id(own as u64 + 1), Source::Span)
    };
    prop::collection::vec((0u64..40, 0u64..9), 0..30)
        .prop_map(move |links| links.into_iter().enumerate().map(|(own, link)| step(own, link)).collect())
}

const KEYS: &[&str] = &[
    "treering.step.kind",
    "treering.input",
    "treering.output",
    "gen_ai.operation.name",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.prompt.0.content",
    "gen_ai.prompt.0",
    "gen_ai.completion.1.tool_calls.0.name",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "openinference.span.kind",
    "input.value",
    "input.mime_type",
    "llm.input_messages.0.message.content",
    "llm.input_messages.0.message",
    "tool.parameters",
    "llm.input_messages.3.message.contents.0.message_content.type",
    "retrieval.documents.0.document.content",
    "langfuse.observation.type",
    "langfuse.observation.input",
    "langfuse.observation.usage_details",
    "mlflow.spanType",
    "mlflow.spanInputs",
    "mlflow.spanOutputs",
    "mlflow.chat.tokenUsage",
    "ai.operationId",
    "ai.prompt.messages",
    "ai.response.toolCalls",
    "ai.response.text",
    "ai.values",
    "pydantic_ai.all_messages",
    "pydantic_ai.new_message_index",
    "gcp.vertex.agent.llm_request",
    "gcp.vertex.agent.llm_response",
    "busy_ns",
    "return",
    "exception.message",
    "exception.stacktrace",
    "content",
    "message",
    "role",
    "id",
    "tool.result",
    "logfire.span_type",
    "logfire.pending_parent_id",
    "session.id",
    "error.type",
    "target",
    "traceloop.entity.input",
    "span.type",
    "entity.type",
    "success",
    "tool_use_id",
    "call_id",
    "conversation.id",
    "tool_input",
    "new_context",
    "codex.turn.token_usage.input_tokens",
    "mcp.method.name",
    "mcp.response.value",
    "lk.pii.chat_ctx",
    "lk.response.function_calls",
    "voltagent.operation_id",
    "agent.messages",
    "gen_ai.response.finish_reasons",
    "gen_ai.usage.input_token_details",
];

const WORDS: &[&str] = &[
    "role",
    "user",
    "assistant",
    "tool",
    "content",
    "parts",
    "type",
    "text",
    "tool_call",
    "tool_result",
    "id",
    "name",
    "arguments",
    "function",
    "choices",
    "message",
    "messages",
    "output",
    "input",
    "reasoning",
    "summary",
    "lc",
    "kwargs",
    "data",
    "chat",
    "execute_tool",
    "LLM",
    "generation",
    "\"CHAT_MODEL\"",
    "ai.generateText.doGenerate",
    "tool_calls",
    "toolUse",
    "toolResult",
    "functionCall",
    "image_url",
    "url",
    "data:image/png;base64,aGk=",
    "application/json",
    "pending_span",
    "finish_reason",
    "image",
    "source",
    "contents",
    "system",
    "human",
    "",
];

fn value() -> impl Strategy<Value = Json> {
    let word = prop::sample::select(WORDS);
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,8}".prop_map(Json::from),
        word.clone().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec((word.clone(), inner.clone()), 0..4)
                .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            inner.prop_map(|value| Json::from(value.to_string())),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Json> {
    prop::collection::vec((prop::sample::select(KEYS), value()), 0..12)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

const EVENTS: &[&str] = &[
    "exception",
    "gen_ai.user.message",
    "gen_ai.tool.message",
    "gen_ai.choice",
    "gen_ai.content.prompt",
    "gen_ai.client.inference.operation.details",
    "gen_ai.client.operation.exception",
    "event src/main.rs:1",
    "tool.output",
    "memory.results",
    "claude_code.user_prompt",
    "claude_code.tool_result",
    "claude_code.api_response_body",
    "claude_code.plugin_loaded",
    "codex.conversation_starts",
    "codex.user_prompt",
    "codex.sse_event",
    "codex.tool_result",
];

/// Names by which some dialects know a span.
const NAMES: &[&str] = &[
    "x",
    "claude_code.tool",
    "claude_code.llm_request",
    "tools/call rings",
    "llm_node",
    "executor.process a",
];
const SCOPES: &[&str] = &["test", "codex_exec", "com.anthropic.claude_code.tracing", "pydantic-ai"];

proptest! {
    #[test]
    fn summaries_merge_to_the_same_in_any_order(
        (partials, shuffled) in prop::collection::vec(partial(), 0..12)
            .prop_flat_map(|partials| (Just(partials.clone()), Just(partials).prop_shuffle()))
    ) {
        let merged = merge(partials);
        prop_assert_eq!(&merged, &merge(shuffled));
        let ids: HashSet<_> = merged.iter().map(|step| step.span_id).collect();
        prop_assert_eq!(ids.len(), merged.len());
    }

    #[test]
    fn a_skeleton_has_the_tree_and_the_row_of_the_whole(
        (partials, order) in prop::collection::vec(partial(), 0..12)
            .prop_flat_map(|partials| (Just(partials), Just(vec![1u64, 2, 3]).prop_shuffle()))
    ) {
        let steps = merge(partials.clone());
        let (mut bones, prices) = (Bones::default(), Prices::default());
        for number in order {
            let of_step = partials.iter().filter(|partial| partial.span_id == id(number));
            bones.add(of_step.cloned().collect(), &prices);
        }
        let skeleton = bones.joined();
        let trace: TraceId = TRACE.parse().unwrap();
        prop_assert_eq!(skeleton.execution(trace), execution(trace, &steps));
        let drawn: Vec<_> = skeleton.tree().into_iter().map(|place| {
            let bone = &skeleton.bones()[place.index];
            (bone.span_id, place.depth, bone.parent_span_id, bone.started_at, bone.ended_at)
        }).collect();
        let expected: Vec<_> = tree(&steps).into_iter().map(|place| {
            let step = &steps[place.index];
            (step.span_id, place.depth, step.parent_span_id, step.started_at, step.ended_at)
        }).collect();
        prop_assert_eq!(drawn, expected);
    }

    #[test]
    fn every_step_is_placed_once_and_below_its_parent(steps in linked()) {
        let placed = tree(&steps);
        let mut depths = vec![None; steps.len()];
        for place in &placed {
            prop_assert_eq!(depths[place.index].replace(place.depth), None, "placed twice");
            if place.depth > 0 {
                let parent = steps.iter().position(|step| Some(step.span_id) == steps[place.index].parent_span_id);
                prop_assert_eq!(parent.and_then(|parent| depths[parent]), Some(place.depth - 1));
            }
        }
        prop_assert_eq!(placed.len(), steps.len());
        let trace: TraceId = TRACE.parse().unwrap();
        prop_assert_eq!(execution(trace, &steps).steps, steps.len() as u64);
    }

    #[test]
    fn a_tree_does_not_depend_on_the_order_of_arrival(
        (steps, shuffled) in linked().prop_flat_map(|steps| (Just(steps.clone()), Just(steps).prop_shuffle()))
    ) {
        let drawn = |steps: &[Summary]| -> Vec<_> {
            tree(steps).iter().map(|place| (steps[place.index].span_id, place.depth, place.last)).collect()
        };
        prop_assert_eq!(drawn(&steps), drawn(&shuffled));
    }

    #[test]
    fn no_attributes_events_and_logs_can_stop_a_reading(
        of_span in attributes(), of_event in attributes(), of_log in attributes(), body in value(),
        event in prop::sample::select(EVENTS), failed in any::<bool>(),
        name in prop::sample::select(NAMES), scope in prop::sample::select(SCOPES),
    ) {
        let span = A::span(name).scope(scope).attributes(of_span.clone()).event(event, of_event);
        let span = if failed { span.failed("boom") } else { span }.record();
        let logs = [log(event, body, of_log)];
        let whole = step(Some(&span), &logs).expect("a span is a step");
        prop_assert_eq!(whole.attributes.len(), of_span.as_object().map_or(0, serde_json::Map::len));
        prop_assert_eq!((whole.events.len(), whole.logs.len()), (1, 1));
        prop_assert_eq!(&whole, &step(Some(&span), &logs).unwrap(), "a reading is pure");
        prop_assert!(serde_json::to_value(&whole).unwrap() != json!(null));
        let alone = step(None, &logs);
        prop_assert_eq!(alone, step(None, &logs));
    }

    #[test]
    fn an_explanation_accounts_for_every_attribute(
        of_span in attributes(), name in prop::sample::select(NAMES), scope in prop::sample::select(SCOPES),
    ) {
        let span = A::span(name).scope(scope).attributes(of_span.clone()).record();
        let kind = step(Some(&span), &[]).expect("a span is a step").kind;
        let told = explain(Some(&span), &[], kind);
        let origins = told.believed.iter().chain(&told.spare).flat_map(|origin| &origin.attributes);
        let rest = [&told.withheld, &told.unusable, &told.unread, &told.general].into_iter().flatten();
        let known: HashSet<&str> = origins.chain(rest).map(|attribute| attribute.key.as_str()).collect();
        for (key, value) in of_span.as_object().into_iter().flatten() {
            prop_assert!(value.is_null() || known.contains(key.as_str()), "{} is in no list", key);
        }
    }
}
