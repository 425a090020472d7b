//! What a step allocates on the thread of the agent, counted.

use tracing::field::Empty;
use tracing::{Span, info, info_span, instrument};
use tracing_subscriber::layer::SubscriberExt as _;
use treering_test_allocator::{Counting, counted};

use crate::{Settings, testing};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Two spans, three events (the third is that of `ret`), a text of 500 bytes, and one field that is only known later.
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

const STEPS: u64 = 64;

/// The span of the step and that of the tool in it are one allocation each, in the registry.
const AT_MOST: u64 = 4;

#[test]
fn a_step_allocates_at_most_four_times() {
    let prompt = "x".repeat(500);
    let (layer, guard) = testing::discard(Settings::new()).unwrap();
    let execution = || {
        let _agent = info_span!("invoke_agent").entered();
        (0..STEPS).for_each(|step| assert!(!chat(&prompt, step).is_empty()));
    };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        (0..8).for_each(|_| execution());
        let ((), asked) = counted(execution);
        assert!(asked.allocations <= AT_MOST * STEPS, "{STEPS} steps: {asked:?}");
    });
    assert_eq!(guard.stats().dropped, 0);
}
