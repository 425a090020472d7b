//! Tokens, under every name that they have.

use serde_json::Value as Json;
use treering_step::Usage;

use crate::decode::json_int;
use crate::fields::Fields;

/// The names of each class as attributes of the GenAI conventions and of what came before them. Two names of
/// one class hold the same number on one span, so that the first one found is taken and nothing is added.
pub(crate) fn from_fields(fields: &Fields<'_>) -> Usage {
    Usage {
        input: fields.int(&["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"]),
        output: fields.int(&["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"]),
        cache_read: fields.int(&[
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.details.cache_read_tokens",
            "gen_ai.usage.details.cached_tokens",
        ]),
        cache_write: fields.int(&[
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.cache_write_input_tokens",
            "gen_ai.usage.details.cache_write_tokens",
        ]),
        reasoning: fields.int(&[
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.details.reasoning_tokens",
        ]),
    }
}

/// The dictionary that a provider answers with, or a framework makes of it.
pub(crate) fn from_json(usage: &Json) -> Usage {
    let find = |paths: &[&str]| paths.iter().find_map(|path| usage.pointer(path).and_then(json_int));
    let read = inclusive(Usage {
        input: find(&["/input_tokens", "/prompt_tokens", "/input", "/inputTokens", "/promptTokenCount"]),
        output: find(&[
            "/output_tokens",
            "/completion_tokens",
            "/output",
            "/outputTokens",
            "/candidatesTokenCount",
        ]),
        cache_read: find(&[
            "/cache_read_input_tokens",
            "/input_tokens_details/cached_tokens",
            "/prompt_tokens_details/cached_tokens",
            "/input_token_details/cache_read",
            "/input_cached_tokens",
            "/input_cache_read",
            "/cachedContentTokenCount",
        ]),
        cache_write: find(&[
            "/cache_creation_input_tokens",
            "/input_tokens_details/cache_write_tokens",
            "/prompt_tokens_details/cache_write_tokens",
            "/input_token_details/cache_creation",
            "/input_cache_creation",
        ]),
        reasoning: find(&[
            "/output_tokens_details/reasoning_tokens",
            "/completion_tokens_details/reasoning_tokens",
            "/output_token_details/reasoning",
            "/output_reasoning_tokens",
            "/output_reasoning",
            "/thoughtsTokenCount",
        ]),
    });
    whole(usage, read)
}

/// Where Langfuse knows the parts of a number, it takes them out of it: `{"input": 34, "input_cache_read": 16}`
/// are 50 tokens. The total gives that away.
fn whole(usage: &Json, read: Usage) -> Usage {
    let parts = |class: &str| -> u64 {
        let parts = usage.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with(class));
        parts.filter_map(|(_, part)| json_int(part)).fold(0, u64::saturating_add)
    };
    let (input, output) = (parts("input"), parts("output"));
    if usage.get("total").and_then(json_int) != Some(input.saturating_add(output)) {
        return read;
    }
    Usage { input: read.input.map(|_| input), output: read.output.map(|_| output), ..read }
}

/// The dictionaries of Anthropic, and instrumentations that copied them, count cached tokens beside the input;
/// the conventions count them inside of it. A part cannot exceed the whole, which gives the former away.
pub(crate) fn inclusive(mut usage: Usage) -> Usage {
    let cached = usage.cache_read.unwrap_or(0).saturating_add(usage.cache_write.unwrap_or(0));
    usage.input = usage.input.map(|input| if cached > input { input.saturating_add(cached) } else { input });
    usage
}
