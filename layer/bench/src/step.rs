//! The step that everything here is measured with, by `tracing`.

use tracing::field::Empty;
use tracing::{Span, info, info_span, instrument};

/// Steps of one execution.
pub const STEPS: u64 = 64;

/// Spans of one execution: two a step, and the three around all of them.
pub const SPANS: u64 = 2 * STEPS + 3;

/// What the model is asked: 500 bytes.
pub const PROMPT: &str = include_str!("prompt.txt");

/// One execution: `invoke_agent` > turn > plan, and in it so many steps, with this prompt in each.
pub(crate) fn execution(steps: u64, prompt: &str) {
    let _agent = info_span!("invoke_agent", gen_ai.agent.name = "clerk").entered();
    let _turn = info_span!("turn", turn = 1).entered();
    let _plan = info_span!("plan").entered();
    for step in 0..steps {
        std::hint::black_box(chat(prompt, step));
    }
}

/// The steps of executions that together have so many spans: as many of the usual size as there can be, then one that is
/// larger, and a small one before it where the number would not come out else.
pub(crate) fn sizes(spans: u64) -> Vec<u64> {
    let mut sizes = Vec::new();
    let mut left = spans;
    while left > 2 * SPANS {
        sizes.push(STEPS);
        left -= SPANS;
    }
    if left.is_multiple_of(2) && left > 0 {
        sizes.push(0);
        left -= 3;
    }
    sizes.extend((left >= 3).then(|| (left - 3) / 2));
    sizes
}

/// Two spans, three events (the third is that of `ret`), and one field that is only known later.
#[instrument(
    skip_all,
    ret,
    fields(
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "openai",
        gen_ai.request.model = "gpt-4o-mini",
        gen_ai.input.messages = prompt,
        step = number,
        gen_ai.usage.output_tokens = Empty,
    )
)]
fn chat(prompt: &str, number: u64) -> &'static str {
    info!(attempt = 1, "asking");
    execute_tool("invoices");
    info!(finish_reason = "stop", "answered");
    Span::current().record("gen_ai.usage.output_tokens", 37_u64);
    "no invoice is open"
}

#[instrument(skip_all, fields(gen_ai.tool.name = name))]
fn execute_tool(name: &str) {
    std::hint::black_box(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_has_500_bytes() {
        assert_eq!(PROMPT.len(), 500);
    }

    #[test]
    fn executions_have_as_many_spans_as_were_asked_for() {
        for spans in [20_000, 1_000_000, 3, 6] {
            let made: u64 = sizes(spans).into_iter().map(|steps| 2 * steps + 3).sum();
            assert_eq!(made, spans);
        }
    }
}
