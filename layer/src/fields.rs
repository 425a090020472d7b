//! The fields and events that mean something to the layer. Every one of them is optional.
//!
//! **Of any step**
//!
//! | field | means |
//! | --- | --- |
//! | `step.kind` | a word of [`Kind`]: `agent`, `workflow`, `plan`, `llm`, `tool`, `retrieval`, `embedding`, `rerank`, `memory`, `guardrail`, `evaluation`, `span` |
//! | `session.id`, `session_id`; `user.id`, `user_id` | for whom it runs; the steps within inherit it |
//! | `reasoning`, or an event named `reasoning` | what the model thought and did not say |
//! | `error`, or an event of level `ERROR` | what went wrong: the step's status is an error |
//! | `traceparent` | a W3C Trace Context header: the step's parent is in another process |
//! | `otel.name`, `otel.kind`, `otel.status_code`, `otel.status_description` | as in `tracing-opentelemetry`; also when recorded late |
//! | any other name with a dot | an attribute of that name |
//! | any other name without a dot | an argument of the function, if it was there from the beginning; else an attribute |
//!
//! **Short names**, by the kind of the step
//!
//! | kind | field | attribute |
//! | --- | --- | --- |
//! | `llm`, `embedding`, `rerank` | `model` | `gen_ai.request.model` |
//! | | `response_model` | `gen_ai.response.model` |
//! | | `provider` | `gen_ai.provider.name` |
//! | | `input_tokens`, `prompt_tokens` | `gen_ai.usage.input_tokens` |
//! | | `output_tokens`, `completion_tokens` | `gen_ai.usage.output_tokens` |
//! | | `cache_read_tokens`, `cached_tokens` | `gen_ai.usage.cache_read.input_tokens` |
//! | | `cache_write_tokens`, `cache_creation_tokens` | `gen_ai.usage.cache_creation.input_tokens` |
//! | | `reasoning_tokens` | `gen_ai.usage.reasoning.output_tokens` |
//! | | `temperature`, `top_p`, `max_tokens` | `gen_ai.request.…` |
//! | | `finish_reason` | `gen_ai.response.finish_reasons` |
//! | `tool` | `tool`, `tool_name`; `call_id` | `gen_ai.tool.name`; `gen_ai.tool.call.id` |
//! | `agent`, `plan` | `agent`, `agent_name`, and those of `llm` | `gen_ai.agent.name` |
//!
//! **The kind**, where `step.kind` does not say it: `gen_ai.operation.name`; else the name of the span, where
//! its first word is one of an operation or a kind (`chat`, `plan`, `execute_tool search`); else
//! `gen_ai.tool.name` makes a tool and a model an `llm`; else it is a plain span.
//!
//! **What is followed.** Spans and events from level `INFO` upward (see [`Settings::level`]), and below it
//! those with a field under `gen_ai.` or `step.`; but nothing of the crates that carry the data (`h2`,
//! `hyper`, `hyper_util`, `tonic`, `tower`, `reqwest`, `rustls`, `tokio`, `tokio_util`, `mio`,
//! `opentelemetry*`). A span that is not followed leaves no hole: its children hang below the nearest step
//! around it.
//!
//! [`Settings::level`]: crate::Settings::level

use tracing::{Level, Metadata};
use treering_step::{Kind, attributes};

use crate::record::{Entries, Raw};

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Attribute(&'static str),
    Kind,
    Identity,
    Reasoning,
    Failure,
    Name,
    SpanKind,
    StatusCode,
    StatusDescription,
    Unknown,
}

/// The meaning of a field of a step of this kind.
pub(crate) fn meaning(name: &str, kind: Kind) -> Meaning {
    match name {
        "step.kind" => Meaning::Kind,
        "session.id" | "session_id" | "user.id" | "user_id" | "enduser.id" => Meaning::Identity,
        "reasoning" => Meaning::Reasoning,
        "error" => Meaning::Failure,
        "otel.name" => Meaning::Name,
        "otel.kind" => Meaning::SpanKind,
        "otel.status_code" => Meaning::StatusCode,
        "otel.status_description" | "otel.status_message" => Meaning::StatusDescription,
        "gen_ai.usage.prompt_tokens" => Meaning::Attribute(attributes::GEN_AI_USAGE_INPUT_TOKENS),
        "gen_ai.usage.completion_tokens" => Meaning::Attribute(attributes::GEN_AI_USAGE_OUTPUT_TOKENS),
        "gen_ai.usage.reasoning_tokens" => Meaning::Attribute(attributes::GEN_AI_USAGE_REASONING),
        _ => short_name(name, kind).map_or(Meaning::Unknown, Meaning::Attribute),
    }
}

fn short_name(name: &str, kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Llm | Kind::Embedding | Kind::Rerank => of_a_model(name),
        Kind::Tool => match name {
            "tool" | "tool_name" => Some(attributes::GEN_AI_TOOL_NAME),
            "call_id" | "tool_call_id" => Some(attributes::GEN_AI_TOOL_CALL_ID),
            _ => None,
        },
        Kind::Agent | Kind::Plan => match name {
            "agent" | "agent_name" => Some(attributes::GEN_AI_AGENT_NAME),
            _ => of_a_model(name),
        },
        _ => None,
    }
}

fn of_a_model(name: &str) -> Option<&'static str> {
    Some(match name {
        "model" => attributes::GEN_AI_REQUEST_MODEL,
        "response_model" => attributes::GEN_AI_RESPONSE_MODEL,
        "response_id" => attributes::GEN_AI_RESPONSE_ID,
        "provider" => attributes::GEN_AI_PROVIDER_NAME,
        "input_tokens" | "prompt_tokens" => attributes::GEN_AI_USAGE_INPUT_TOKENS,
        "output_tokens" | "completion_tokens" => attributes::GEN_AI_USAGE_OUTPUT_TOKENS,
        "cache_read_tokens" | "cached_tokens" => attributes::GEN_AI_USAGE_CACHE_READ,
        "cache_write_tokens" | "cache_creation_tokens" => attributes::GEN_AI_USAGE_CACHE_CREATION,
        "reasoning_tokens" => attributes::GEN_AI_USAGE_REASONING,
        "temperature" => "gen_ai.request.temperature",
        "top_p" => "gen_ai.request.top_p",
        "max_tokens" => "gen_ai.request.max_tokens",
        "finish_reason" | "finish_reasons" => attributes::GEN_AI_RESPONSE_FINISH_REASONS,
        _ => return None,
    })
}

/// What a step does, by its fields and its name.
pub(crate) fn kind(name: &str, entries: &Entries) -> Kind {
    let text = |field| entries.get(field).cloned().map(Raw::into_text);
    let said = text("step.kind").and_then(|word| Kind::from_word(&word));
    let operation = || text(attributes::GEN_AI_OPERATION_NAME).and_then(|word| kind_of_operation(&word));
    let first_word = || name.split([' ', '.', ':']).next().and_then(kind_of_name);
    said.or_else(operation).or_else(first_word).unwrap_or_else(|| kind_of_fields(entries))
}

fn kind_of_operation(operation: &str) -> Option<Kind> {
    Some(match operation {
        "chat" | "generate_content" | "text_completion" | "fetch_response" => Kind::Llm,
        "embeddings" => Kind::Embedding,
        "retrieval" => Kind::Retrieval,
        "rerank" => Kind::Rerank,
        "create_agent" | "invoke_agent" => Kind::Agent,
        "execute_tool" => Kind::Tool,
        "invoke_workflow" => Kind::Workflow,
        "plan" => Kind::Plan,
        "search_memory"
        | "create_memory"
        | "update_memory"
        | "upsert_memory"
        | "delete_memory"
        | "create_memory_store"
        | "delete_memory_store" => Kind::Memory,
        _ => return None,
    })
}

fn kind_of_name(word: &str) -> Option<Kind> {
    kind_of_operation(word).or_else(|| Kind::from_word(word))
}

fn kind_of_fields(entries: &Entries) -> Kind {
    let has = |name| entries.get(name).is_some();
    if has(attributes::GEN_AI_TOOL_NAME) {
        Kind::Tool
    } else if has(attributes::GEN_AI_REQUEST_MODEL) || has(attributes::GEN_AI_RESPONSE_MODEL) {
        Kind::Llm
    } else {
        Kind::Span
    }
}

/// The operation by which the conventions know a kind.
pub(crate) fn operation(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Agent => "invoke_agent",
        Kind::Workflow => "invoke_workflow",
        Kind::Plan => "plan",
        Kind::Llm => "chat",
        Kind::Tool => "execute_tool",
        Kind::Retrieval => "retrieval",
        Kind::Embedding => "embeddings",
        Kind::Memory => "search_memory",
        Kind::Rerank | Kind::Guardrail | Kind::Evaluation | Kind::Span => return None,
    })
}

/// Whether the layer follows a span or an event.
pub(crate) fn is_of_interest(metadata: &Metadata<'_>, level: Level) -> bool {
    !is_transport(metadata.target())
        && (*metadata.level() <= level
            || metadata.fields().iter().any(|field| {
                let name = field.name();
                name.starts_with("gen_ai.") || name.starts_with("step.") || name == "reasoning"
            }))
}

/// The target of the layer's own messages to the program's log.
pub(crate) const LOG_TARGET: &str = "treering_layer";

fn is_transport(target: &str) -> bool {
    let name = target.split("::").next().unwrap_or(target);
    let ours = target == LOG_TARGET;
    let runtime = matches!(name, "tokio" | "tokio_util" | "mio");
    let http = matches!(name, "h2" | "hyper" | "hyper_util" | "tonic" | "tower" | "reqwest" | "rustls");
    ours || runtime || http || name.starts_with("opentelemetry")
}
