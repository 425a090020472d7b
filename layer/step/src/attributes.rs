//! Attribute names that Treering writes and reads.
//!
//! The `gen_ai.*` names are those of the OpenTelemetry semantic conventions for generative AI
//! (<https://github.com/open-telemetry/semantic-conventions-genai>); `session.*`, `user.*`, `error.*` and
//! `exception.*` those of the general conventions. Names under `treering.*` exist only where no convention
//! has a word.

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $value;)*
    };
}

names! {
    /// What is done: `chat`, `execute_tool`, `invoke_agent`, `plan`, …
    GEN_AI_OPERATION_NAME = "gen_ai.operation.name";
    /// Who serves the model.
    GEN_AI_PROVIDER_NAME = "gen_ai.provider.name";
    /// The former name of [`GEN_AI_PROVIDER_NAME`].
    GEN_AI_SYSTEM = "gen_ai.system";
    /// The model that was asked for.
    GEN_AI_REQUEST_MODEL = "gen_ai.request.model";
    /// The model that answered.
    GEN_AI_RESPONSE_MODEL = "gen_ai.response.model";
    /// The provider's id of the answer.
    GEN_AI_RESPONSE_ID = "gen_ai.response.id";
    /// Why the model stopped: a list of words.
    GEN_AI_RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons";
    /// Tokens of the input, cached ones included.
    GEN_AI_USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens";
    /// Tokens of the output, reasoning included.
    GEN_AI_USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens";
    /// Tokens of the input that came out of the provider's cache.
    GEN_AI_USAGE_CACHE_READ = "gen_ai.usage.cache_read.input_tokens";
    /// Tokens of the input that were written to the provider's cache.
    GEN_AI_USAGE_CACHE_CREATION = "gen_ai.usage.cache_creation.input_tokens";
    /// Tokens of the output that were reasoning.
    GEN_AI_USAGE_REASONING = "gen_ai.usage.reasoning.output_tokens";
    /// What the operation cost, in US dollars; the conventions have no name for it, and several exporters use this one.
    GEN_AI_USAGE_COST = "gen_ai.usage.cost";
    /// The conversation, which Treering calls a session.
    GEN_AI_CONVERSATION_ID = "gen_ai.conversation.id";
    /// The agent's name.
    GEN_AI_AGENT_NAME = "gen_ai.agent.name";
    /// The workflow's name.
    GEN_AI_WORKFLOW_NAME = "gen_ai.workflow.name";
    /// The instructions that stand before the conversation: a list of parts.
    GEN_AI_SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions";
    /// The conversation that went in: a list of messages.
    GEN_AI_INPUT_MESSAGES = "gen_ai.input.messages";
    /// The answer: a list of messages.
    GEN_AI_OUTPUT_MESSAGES = "gen_ai.output.messages";
    /// The tool's name.
    GEN_AI_TOOL_NAME = "gen_ai.tool.name";
    /// The id that the model gave the call of the tool.
    GEN_AI_TOOL_CALL_ID = "gen_ai.tool.call.id";
    /// The arguments of the call.
    GEN_AI_TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments";
    /// The answer of the tool.
    GEN_AI_TOOL_CALL_RESULT = "gen_ai.tool.call.result";
    /// The class of the error.
    ERROR_TYPE = "error.type";
    /// The class of an exception.
    EXCEPTION_TYPE = "exception.type";
    /// What an exception says.
    EXCEPTION_MESSAGE = "exception.message";
    /// Where an exception came from.
    EXCEPTION_STACKTRACE = "exception.stacktrace";
    /// The session.
    SESSION_ID = "session.id";
    /// The user.
    USER_ID = "user.id";

    /// The kind of a step, one of the words of [`crate::Kind`], where no `gen_ai.operation.name` says it.
    TREERING_STEP_KIND = "treering.step.kind";
    /// The input of a step that is neither a conversation nor a tool call: JSON in a string.
    TREERING_INPUT = "treering.input";
    /// The output of a step that is neither a conversation nor a tool call: JSON in a string.
    TREERING_OUTPUT = "treering.output";
    /// What a step thought, where it is not a part of a message.
    TREERING_REASONING = "treering.reasoning";
    /// Texts of a step that were cut to fit, each as `name=bytes` with the bytes that it had; `step=bytes` tells what had no
    /// room at all.
    TREERING_CUT = "treering.cut";
    /// Words by which a step can be found: a list.
    TREERING_TAGS = "treering.tags";
    /// How a step ended where its status cannot say it: `cancelled`, `panicked`, or `incomplete` where its program ended
    /// before it.
    TREERING_STEP_END = "treering.step.end";
    /// The name of the log event by which a process tells of a step that has not ended. It carries the ids of the
    /// step, what is known of its attributes, and the three names below.
    TREERING_STEP_RUNNING = "treering.step.running";
    /// The name of a running step.
    TREERING_STEP_NAME = "treering.step.name";
    /// The span id of the parent of a running step, in hex; absent for a root.
    TREERING_STEP_PARENT_ID = "treering.step.parent_id";
    /// When a running step began: nanoseconds since 1970, UTC.
    TREERING_STEP_STARTED_AT = "treering.step.started_at";
    /// The name of the log event by which a process (`service.instance.id`) shows that it is alive.
    TREERING_HEARTBEAT = "treering.heartbeat";
    /// Milliseconds until the next heartbeat; three of them in silence mean that the process is gone.
    TREERING_HEARTBEAT_INTERVAL = "treering.heartbeat.interval_ms";
    /// True on the last heartbeat of a process that ends.
    TREERING_PROCESS_ENDED = "treering.process.ended";
    /// Steps that the exporter dropped since its last batch: a count on the resource or the scope.
    TREERING_DROPPED_STEPS = "treering.dropped_steps";
}
