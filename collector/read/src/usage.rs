//! Tokens, under every name that they have.

use serde_json::Value as Json;
use treering_step::Usage;
use treering_step::attributes::{GEN_AI_PROVIDER_NAME, GEN_AI_SYSTEM};

use crate::decode::json_int;
use crate::fields::Fields;

/// The names of each class as attributes of the GenAI conventions and of what came before them. Two names of
/// one class hold the same number on one span, so that the first one found is taken and nothing is added.
pub(crate) fn from_fields(fields: &Fields<'_>, scope: &str) -> Usage {
    let told = Usage {
        input: fields.int(&["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"]),
        output: fields.int(&["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"]),
        cache_read: fields.int(&[
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.details.cache_read_tokens",
            "gen_ai.usage.cached_tokens",
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
            "gen_ai.usage.experimental.reasoning_tokens",
        ]),
    };
    let provider = || fields.text(&[GEN_AI_PROVIDER_NAME, GEN_AI_SYSTEM]);
    let is_copied = || is_exceeded(told) && provider().is_some_and(|name| name.starts_with("anthropic"));
    if BESIDE.contains(&scope) || is_copied() { with_cached(told) } else { told }
}

/// Instrumentations that copy the counts of Anthropic, which leave what was cached out of the input.
const BESIDE: &[&str] = &["@traceloop/instrumentation-anthropic"];

/// The dictionary that a provider answers with, or a framework makes of it.
pub(crate) fn from_json(usage: &Json) -> Usage {
    let find = |paths: &[&str]| paths.iter().find_map(|path| usage.pointer(path).and_then(json_int));
    let total = find(&["/total_tokens", "/total", "/totalTokens", "/totalTokenCount"]);
    let read = Usage {
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
            "/inputTokenDetails/cacheReadTokens",
            "/cachedInputTokens",
            "/cachedContentTokenCount",
            "/cachedContentTokens",
        ]),
        cache_write: find(&[
            "/cache_creation_input_tokens",
            "/input_tokens_details/cache_write_tokens",
            "/prompt_tokens_details/cache_write_tokens",
            "/input_token_details/cache_creation",
            "/input_cache_creation",
            "/inputTokenDetails/cacheWriteTokens",
        ]),
        reasoning: find(&[
            "/output_tokens_details/reasoning_tokens",
            "/completion_tokens_details/reasoning_tokens",
            "/output_token_details/reasoning",
            "/output_reasoning_tokens",
            "/output_reasoning",
            "/outputTokenDetails/reasoningTokens",
            "/reasoningTokens",
            "/thoughtsTokenCount",
            "/thoughtsTokens",
        ]),
    };
    let told = taken_out(usage, read).or_else(|| counted_beside(read, total?));
    told.unwrap_or_else(|| inclusive(read))
}

/// Where Langfuse knows the parts of a number, it takes them out of it: `{"input": 34, "input_cache_read": 16}`
/// are 50 tokens. The total gives that away.
fn taken_out(usage: &Json, read: Usage) -> Option<Usage> {
    let parts = |class: &str| -> u64 {
        let parts = usage.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with(class));
        parts.filter_map(|(_, part)| json_int(part)).fold(0, u64::saturating_add)
    };
    let (input, output) = (parts("input"), parts("output"));
    let is_sum = usage.get("total").and_then(json_int) == Some(input.saturating_add(output));
    is_sum.then(|| Usage { input: read.input.map(|_| input), output: read.output.map(|_| output), ..read })
}

/// The conventions count cached tokens inside of the input and thoughts inside of the output. What is counted
/// beside them is what their sum lacks to the total. `None` where the total does not tell.
fn counted_beside(usage: Usage, total: u64) -> Option<Usage> {
    let (input, output) = (usage.input?, usage.output?);
    let beside = total.checked_sub(input)?.checked_sub(output).filter(|beside| *beside > 0)?;
    let (cached, thought) = (cached(usage), usage.reasoning.unwrap_or(0));
    let (cached, thought) = match beside {
        _ if beside == cached.saturating_add(thought) => (cached, thought),
        _ if beside == cached => (cached, 0),
        _ if beside == thought => (0, thought),
        _ => return None,
    };
    Some(Usage { input: Some(input + cached), output: Some(output + thought), ..usage })
}

/// The dictionaries of Anthropic, and instrumentations that copied them, count cached tokens beside the input;
/// the conventions count them inside of it. A part cannot exceed the whole, which gives the former away.
pub(crate) fn inclusive(usage: Usage) -> Usage {
    if is_exceeded(usage) { with_cached(usage) } else { usage }
}

fn is_exceeded(usage: Usage) -> bool {
    usage.input.is_some_and(|input| cached(usage) > input)
}

fn with_cached(usage: Usage) -> Usage {
    Usage { input: usage.input.map(|input| input.saturating_add(cached(usage))), ..usage }
}

fn cached(usage: Usage) -> u64 {
    usage.cache_read.unwrap_or(0).saturating_add(usage.cache_write.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use treering_step::Usage;

    use super::{from_json, inclusive};

    #[test]
    fn the_total_tells_what_was_counted_beside_input_and_output() {
        let all = Usage {
            input: Some(107),
            output: Some(31),
            cache_read: Some(64),
            reasoning: Some(8),
            ..Usage::default()
        };
        for used in [
            json!({"input": 43, "output": 23, "total": 138, "input_cached_tokens": 64, "output_reasoning_tokens": 8}),
            json!({"input": 43, "output": 31, "total": 138, "input_cache_read": 64, "output_reasoning": 8}),
            json!({"promptTokenCount": 107, "candidatesTokenCount": 23, "totalTokenCount": 138,
                "cachedContentTokenCount": 64, "thoughtsTokenCount": 8}),
            json!({"input_tokens": 107, "output_tokens": 31, "total_tokens": 138,
                "input_token_details": {"cache_read": 64}, "output_token_details": {"reasoning": 8}}),
            json!({"inputTokens": 107, "outputTokens": 31, "cachedInputTokens": 64, "reasoningTokens": 8}),
        ] {
            assert_eq!(from_json(&used), all, "{used}");
        }
    }

    #[test]
    fn what_exceeds_the_whole_was_counted_beside_it() {
        let used = |input: u64| Usage { input: Some(input), cache_read: Some(80), ..Usage::default() };
        assert_eq!(inclusive(used(2)).input, Some(82));
        assert_eq!(inclusive(used(80)).input, Some(80));
    }

    #[test]
    fn a_total_that_tells_nothing_is_not_believed() {
        let used =
            json!({"input_tokens": 2, "output_tokens": 9, "cache_read_input_tokens": 80, "total_tokens": 12});
        assert_eq!(from_json(&used).input, Some(82));
    }
}
