//! Where in a step something stands, in words that a rule can use.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use treering_otlp::{Part, Value};
use treering_step::Kind;

/// Names of attributes with `*` for any letters, dots too, in any case.
pub(crate) fn globs<'a>(written: impl IntoIterator<Item = &'a str>) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in written {
        set.add(GlobBuilder::new(glob).case_insensitive(true).literal_separator(false).build()?);
    }
    set.build()
}

/// What a step was told, said, or thought, under the names that the dialects have for it.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) word: &'static str,
    pub(crate) attributes: &'static [&'static str],
}

pub(crate) const FIELDS: &[Field] = &[
    Field {
        word: "input",
        attributes: &[
            "input",
            "input.value",
            "gen_ai.input.*",
            "gen_ai.prompt*",
            "gen_ai.content.prompt",
            "gen_ai.user.message*",
            "gen_ai.task.input",
            "gen_ai.guardrail.input",
            "gen_ai.retrieval.query.text",
            "gen_ai.memory.query.text",
            "llm.input_messages.*",
            "llm.prompts*",
            "llm.messages*",
            "ai.prompt*",
            "ai.value*",
            "traceloop.entity.input",
            "langfuse.*.input",
            "lmnr.span.input",
            "mlflow.spanInputs",
            "mastra.*.input",
            "lk.user_input*",
            "pydantic_ai.all_messages",
        ],
    },
    Field {
        word: "output",
        attributes: &[
            "output",
            "output.value",
            "gen_ai.output.*",
            "gen_ai.completion*",
            "gen_ai.content.completion",
            "gen_ai.choice*",
            "gen_ai.assistant.message*",
            "gen_ai.task.output",
            "gen_ai.guardrail.output",
            "gen_ai.retrieval.documents*",
            "gen_ai.memory.records*",
            "llm.output_messages.*",
            "llm.choices*",
            "retrieval.documents.*",
            "reranker.output_documents.*",
            "ai.response.text",
            "ai.response.object",
            "ai.response.toolCalls",
            "traceloop.entity.output",
            "langfuse.*.output",
            "lmnr.span.output",
            "mlflow.spanOutputs",
            "mlflow.chunk.*",
            "mastra.*.output",
            "response.text",
            "response.model_output",
            "pydantic_ai.all_messages",
        ],
    },
    Field {
        word: "reasoning",
        attributes: &[
            "*reasoning",
            "*reasoning_content",
            "*.thinking",
            "*reasoning.text",
            "ai.response.reasoning*",
        ],
    },
    Field {
        word: "system",
        attributes: &["gen_ai.system_instructions", "gen_ai.system.message*", "*.system_prompt"],
    },
    Field {
        word: "tool",
        attributes: &[
            "gen_ai.tool.*",
            "ai.toolCall.*",
            "tool.*",
            "tool_call.*",
            "mcp.request.argument*",
            "mcp.response.value",
            "lk.function_tool.*",
            "function_tool.*",
            "*.tool_calls.*",
        ],
    },
    Field { word: "error", attributes: &["error.message", "exception.*", "*.status_message"] },
];

/// Where the dialects say what a step does; the first that speaks is heard. A step of which only its name tells what it
/// does is a `span` here, though the pages may know better.
const KINDS: &[&str] = &[
    "step.kind",
    "gen_ai.operation.name",
    "openinference.span.kind",
    "traceloop.span.kind",
    "langfuse.observation.type",
    "mlflow.spanType",
    "langsmith.span.kind",
    "lmnr.span.type",
    "mastra.span.type",
    "ai.operationId",
];

/// What the step of this record does.
pub(crate) fn kind(record: &Part<'_>) -> Kind {
    let mut told: Option<(usize, Kind)> = None;
    record.each_attribute(&mut |attribute| {
        let rank = KINDS.iter().position(|key| attribute.is_own && *key == attribute.key);
        if let (Some(rank), Value::Text(word)) = (rank, attribute.value)
            && told.is_none_or(|(best, _)| rank < best)
        {
            told = kind_of(word).map(|kind| (rank, kind)).or(told);
        }
    });
    told.map_or(Kind::Span, |(_, kind)| kind)
}

fn kind_of(word: &str) -> Option<Kind> {
    let word = word.trim_matches('"').to_ascii_lowercase();
    let kind = match word.as_str() {
        "chat" | "text_completion" | "generate_content" | "generation" | "chat_model"
        | "model_generation" => Kind::Llm,
        "completion" | "ai.generatetext.dogenerate" | "ai.streamtext.dostream" => Kind::Llm,
        "embeddings" | "ai.embed" | "ai.embed.doembed" | "ai.embedmany" => Kind::Embedding,
        "execute_tool" | "tool_call" | "function" | "ai.toolcall" | "mcp_tool_call" => Kind::Tool,
        "invoke_agent" | "create_agent" | "agent_run" => Kind::Agent,
        "invoke_workflow" | "chain" | "workflow_run" => Kind::Workflow,
        "retriever" | "search" => Kind::Retrieval,
        "reranker" => Kind::Rerank,
        "evaluator" => Kind::Evaluation,
        other => Kind::from_word(other)?,
    };
    Some(kind)
}

/// Names of attributes that are secrets by their name: the whole value goes, whatever it is.
pub(crate) const SECRETS: &[&str] = &[
    "*.headers.authorization",
    "*.header.authorization",
    "*.header.authorization.*",
    "*.headers.proxy-authorization",
    "*.header.proxy-authorization",
    "*.headers.cookie",
    "*.header.cookie",
    "*.headers.set-cookie",
    "*.header.set-cookie",
    "*.headers.x-api-key",
    "*.header.x-api-key",
    "authorization",
    "*.authorization",
    "cookie",
    "set-cookie",
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*passwort*",
    "*kennwort*",
    "*contraseña*",
    "*mot_de_passe*",
    "*api_key*",
    "*api-key*",
    "*apikey*",
    "*secret_key*",
    "*secret-key*",
    "*secretkey*",
    "*client_secret*",
    "*clientsecret*",
    "*private_key*",
    "*privatekey*",
    "*access_token*",
    "*accesstoken*",
    "*refresh_token*",
    "*refreshtoken*",
    "*auth_token*",
    "*authtoken*",
    "*session_token*",
    "*bearer_token*",
    "*id_token",
    "*.secret",
    "secret",
    "*.credentials",
    "credentials",
    "*connection_string*",
    "*.pwd",
    "pwd",
];

/// What only speaks of a secret: its rules, its length, whether there is one, which one it is.
pub(crate) const NO_SECRETS: &[&str] = &[
    "*_policy*",
    "*_length",
    "*_count",
    "*_tokens",
    "*_id",
    "*.id",
    "*_name",
    "*_alias",
    "*_type",
    "*_hint",
    "*_expires*",
    "*_expiry",
    "*_strength",
    "*_required",
    "*_enabled",
    "*_changed*",
    "*_updated*",
    "*_rotated*",
    "has_*",
    "*.has_*",
    "is_*",
    "*.is_*",
    "*_source",
    // What LiteLLM tells of the key of its own proxy: budgets, teams, aliases.
    "*user_api_key_*",
];

/// Attributes that name somebody. Of what is found there equal values stay equal, so that users can be told apart.
pub(crate) const IDENTITIES: &[&str] = &[
    "user",
    "user.id",
    "user.email",
    "user_id",
    "userid",
    "*.user_id",
    "*.user.id",
    "*.userId",
    "*.user",
    "*.user.email",
    "*.user_email",
    "*.end_user_id",
    "enduser.*",
    "session.id",
    "session_id",
    "*.session_id",
    "*.session.id",
    "*.sessionId",
    "mlflow.trace.user",
    "mlflow.trace.session",
    "metadata.user_api_key_end_user_id",
];

/// Attributes that are the name of a person.
pub(crate) const NAMES: &[&str] =
    &["user.full_name", "user.name", "enduser.name", "*.user_name", "*.full_name", "process.owner"];

/// What a step keeps of which the payload is withheld, beside every number: what it did, with what, and how it ended.
pub(crate) const STRUCTURE: &[&str] = &[
    "gen_ai.operation.name",
    "gen_ai.system",
    "gen_ai.provider.name",
    "gen_ai.request.*",
    "gen_ai.response.id",
    "gen_ai.response.model",
    "gen_ai.response.finish_reasons",
    "gen_ai.usage.*",
    "gen_ai.agent.name",
    "gen_ai.agent.id",
    "gen_ai.tool.name",
    "gen_ai.tool.type",
    "gen_ai.tool.call.id",
    "gen_ai.conversation.id",
    "llm.model_name",
    "llm.provider",
    "llm.system",
    "llm.token_count.*",
    "llm.usage.*",
    "openinference.span.kind",
    "traceloop.span.kind",
    "traceloop.entity.name",
    "langfuse.observation.type",
    "langfuse.observation.model.name",
    "langfuse.session.id",
    "langfuse.user.id",
    "mlflow.spanType",
    "langsmith.span.kind",
    "lmnr.span.type",
    "mastra.span.type",
    "ai.operationId",
    "ai.model.*",
    "ai.usage.*",
    "step.kind",
    "treering.*",
    "event.name",
    "error.type",
    "exception.type",
    "session.id",
    "user.id",
    "service.*",
    "telemetry.*",
    "http.request.method",
    "http.response.status_code",
    "server.*",
    "rpc.*",
    "tool.name",
    "agent.name",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_list_compiles() {
        let lists = [SECRETS, NO_SECRETS, IDENTITIES, NAMES, STRUCTURE];
        for list in lists.into_iter().chain(FIELDS.iter().map(|field| field.attributes)) {
            assert_eq!(globs(list.iter().copied()).unwrap().len(), list.len());
        }
    }

    #[test]
    fn secrets_are_known_by_their_names_and_words_about_them_are_not() {
        let (secrets, none) =
            (globs(SECRETS.iter().copied()).unwrap(), globs(NO_SECRETS.iter().copied()).unwrap());
        let is_secret = |name: &str| secrets.is_match(name) && !none.is_match(name);
        for name in [
            "http.request.header.authorization",
            "litellm.headers.Authorization",
            "db.password",
            "OPENAI_API_KEY",
            "llm.api-key",
            "metadata.user_api_key",
            "aws.secret_access_key.password",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "gen_ai.usage.input_tokens",
            "password_policy",
            "has_password",
            "user_api_key_alias",
            "api_key_id",
            "http.request.header.accept",
            "llm.token_count.prompt",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
