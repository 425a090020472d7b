//! The same step by fastrace's own interface, which is another one than that of `tracing`.

use fastrace::Event;
use fastrace::local::LocalSpan;
use fastrace::prelude::{Span, SpanContext};

/// As [`crate::step::execution`].
pub(crate) fn execution(steps: u64, prompt: &str) {
    let agent =
        Span::root("invoke_agent", SpanContext::random()).with_property(|| ("gen_ai.agent.name", "clerk"));
    let _agent = agent.set_local_parent();
    let _turn = LocalSpan::enter_with_local_parent("turn").with_property(|| ("turn", "1"));
    let _plan = LocalSpan::enter_with_local_parent("plan");
    for step in 0..steps {
        std::hint::black_box(chat(prompt, step));
    }
}

fn chat(prompt: &str, number: u64) -> &'static str {
    let fields = || {
        [
            ("gen_ai.operation.name", "chat".into()),
            ("gen_ai.provider.name", "openai".into()),
            ("gen_ai.request.model", "gpt-4o-mini".into()),
            ("gen_ai.input.messages", prompt.to_owned()),
            ("step", number.to_string()),
        ]
    };
    let _span = LocalSpan::enter_with_local_parent("chat").with_properties(fields);
    LocalSpan::add_event(Event::new("asking").with_property(|| ("attempt", "1")));
    execute_tool("invoices");
    LocalSpan::add_event(Event::new("answered").with_property(|| ("finish_reason", "stop")));
    LocalSpan::add_property(|| ("gen_ai.usage.output_tokens", 37_u64.to_string()));
    let answer = "no invoice is open";
    LocalSpan::add_event(Event::new("return").with_property(|| ("return", format!("{answer:?}"))));
    answer
}

fn execute_tool(name: &str) {
    let _span = LocalSpan::enter_with_local_parent("execute_tool")
        .with_property(|| ("gen_ai.tool.name", name.to_owned()));
    std::hint::black_box(name);
}
