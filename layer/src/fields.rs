//! The fields and events that mean something to the layer. Every one of them is optional.
//!
//! **Of any step**
//!
//! | field | means |
//! | --- | --- |
//! | `step.kind` | a word of [`Kind`]: `agent`, `workflow`, `plan`, `llm`, `tool`, `retrieval`, `embedding`, `rerank`, `memory`, `guardrail`, `evaluation`, `span` |
//! | `session.id`, `session_id`, `gen_ai.conversation.id`; `user.id`, `user_id`, `enduser.id` | for whom it runs; the steps within inherit it |
//! | `reasoning`, or an event named `reasoning` | what the model thought and did not say |
//! | `error`, or an event of level `ERROR` | what went wrong: the step's status is an error |
//! | `traceparent` | a W3C Trace Context header: the step's parent is in another process |
//! | `baggage` | beside it, a W3C Baggage header with the session and the user there (`session.id`, `user.id`) |
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
//! **What crates write by themselves** is understood as it is: the `gen_ai.*` fields of rig and genai, also under the names
//! that the conventions have given up (`gen_ai.prompt`, `gen_ai.completion`, `gen_ai.usage.reasoning_tokens`); swiftide's
//! `langfuse.type`, and its events of `langfuse.model`, `.input`, `.output`, `.usage` and `.status_message`, which become the
//! step's; the names of langchain-rust.
//!
//! **What is followed.** Spans and events from level `INFO` upward (see [`Settings::level`]), and below it
//! those with a field under `gen_ai.`, `langfuse.` or `step.`; but nothing of the crates that carry the data (`h2`,
//! `hyper`, `hyper_util`, `tonic`, `tower`, `reqwest`, `rustls`, `tokio`, `tokio_util`, `mio`,
//! `opentelemetry*`). A span that is not followed leaves no hole: its children hang below the nearest step
//! around it.
//!
//! [`Settings::level`]: crate::Settings::level

use tracing::{Level, Metadata};
use treering_step::{Kind, attributes};

use crate::told::Entries;
use crate::written::Raw;

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Attribute(&'static str),
    Kind,
    Identity,
    Reasoning,
    Failure,
    Input,
    Output,
    /// Tokens by class, in JSON.
    Usage,
    Name,
    SpanKind,
    StatusCode,
    StatusDescription,
    Unknown,
}

/// The meaning of a field of a step of this kind, in the words of whoever wrote it.
pub(crate) fn meaning(name: &str, kind: Kind, target: &str) -> Meaning {
    match name {
        "step.kind" | "langfuse.type" => Meaning::Kind,
        "session.id" | "session_id" | "user.id" | "user_id" | "enduser.id" => Meaning::Identity,
        "reasoning" => Meaning::Reasoning,
        "error" => Meaning::Failure,
        "otel.name" => Meaning::Name,
        "otel.kind" => Meaning::SpanKind,
        "otel.status_code" => Meaning::StatusCode,
        "otel.status_description" | "otel.status_message" | "langfuse.status_message" => {
            Meaning::StatusDescription
        }
        // Names that the conventions have given up, and those of Langfuse, which swiftide writes.
        "gen_ai.prompt" | "langfuse.input" => Meaning::Input,
        "gen_ai.completion" | "langfuse.output" => Meaning::Output,
        "langfuse.usage" => Meaning::Usage,
        "langfuse.model" => Meaning::Attribute(attributes::GEN_AI_REQUEST_MODEL),
        "gen_ai.usage.prompt_tokens" => Meaning::Attribute(attributes::GEN_AI_USAGE_INPUT_TOKENS),
        "gen_ai.usage.completion_tokens" => Meaning::Attribute(attributes::GEN_AI_USAGE_OUTPUT_TOKENS),
        "gen_ai.usage.reasoning_tokens" => Meaning::Attribute(attributes::GEN_AI_USAGE_REASONING),
        _ => match short_name(name, kind) {
            Some(attribute) => Meaning::Attribute(attribute),
            None if is_langchain(target) => of_langchain(name).map_or(Meaning::Unknown, Meaning::Attribute),
            None => Meaning::Unknown,
        },
    }
}

/// What langchain-rust counts and says of itself; no argument of a function is named so there.
fn of_langchain(name: &str) -> Option<&'static str> {
    Some(match name {
        "stream" => "gen_ai.request.stream",
        "total_tokens" => "langchain.total_tokens",
        "tool_calls" => "langchain.tool_calls",
        "max_iterations" => "langchain.max_iterations",
        "steps" => "langchain.steps",
        "step" => "langchain.step",
        _ => return None,
    })
}

fn is_langchain(target: &str) -> bool {
    target.starts_with("langchain_rust")
}

/// Whether an event of these fields says nothing of its own, and all of it of the step around it: as swiftide does, whose
/// spans have no room for what it knows later.
pub(crate) fn speaks_for_the_step(metadata: &Metadata<'_>) -> bool {
    let mut fields = metadata.fields().iter().peekable();
    fields.peek().is_some() && fields.all(|field| field.name().starts_with("langfuse."))
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
pub(crate) fn kind(name: &str, target: &str, entries: &Entries<'_>) -> Kind {
    let text = |field| entries.get(field).cloned().map(Raw::into_text);
    let said = text("step.kind").or_else(|| text("langfuse.type")).and_then(|word| kind_of_word(&word));
    let operation = || text(attributes::GEN_AI_OPERATION_NAME).and_then(|word| kind_of_operation(&word));
    let first_word = || name.split([' ', '.', ':']).next().and_then(kind_of_name);
    let langchain = || is_langchain(target).then(|| kind_of_langchain(name)).flatten();
    said.or_else(operation).or_else(langchain).or_else(first_word).unwrap_or_else(|| kind_of_fields(entries))
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

/// A kind in our word, or in Langfuse's.
fn kind_of_word(word: &str) -> Option<Kind> {
    let word = word.to_ascii_lowercase();
    Kind::from_word(&word).or(match word.as_str() {
        "generation" => Some(Kind::Llm),
        "chain" => Some(Kind::Workflow),
        "retriever" => Some(Kind::Retrieval),
        "evaluator" => Some(Kind::Evaluation),
        _ => None,
    })
}

fn kind_of_name(word: &str) -> Option<Kind> {
    kind_of_operation(word).or_else(|| Kind::from_word(word))
}

/// What langchain-rust calls its steps: `agent.plan` is no agent.
fn kind_of_langchain(name: &str) -> Option<Kind> {
    Some(match name.split('.').next()? {
        "embed" => Kind::Embedding,
        "chain" => Kind::Workflow,
        "agent" if name == "agent.plan" => Kind::Plan,
        _ => return None,
    })
}

fn kind_of_fields(entries: &Entries<'_>) -> Kind {
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
                ["gen_ai.", "langfuse.", "step."].iter().any(|start| name.starts_with(start))
                    || name == "reasoning"
            }))
}

/// The target of the layer's own messages to the program's log.
pub(crate) const LOG_TARGET: &str = "treering_layer";

/// Asked of each span and event, so it looks at one byte of most.
fn is_transport(target: &str) -> bool {
    if !matches!(target.as_bytes().first(), Some(b'h' | b'm' | b'o' | b'r' | b't')) {
        return false;
    }
    let end = target.bytes().position(|byte| byte == b':').unwrap_or(target.len());
    let name = &target[..end];
    let ours = target == LOG_TARGET;
    let runtime = matches!(name, "tokio" | "tokio_util" | "mio");
    let http = matches!(name, "h2" | "hyper" | "hyper_util" | "tonic" | "tower" | "reqwest" | "rustls");
    ours || runtime || http || name.starts_with("opentelemetry")
}
