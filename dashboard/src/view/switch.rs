//! What exporters have to be told before they send content, each in its own words.

use treering_read::Explanation;
use treering_step::{Kind, Step};

use super::reading::{Exporter, Missing};

/// Something that somebody can set so that more of a step arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    GenAi,
    AgentFramework,
    Traceloop,
    OpenInference,
    Adk,
    Vercel,
    PydanticAi,
    ClaudeCode,
    Codex,
    Instrument,
    AttributeLimit,
}

impl Switch {
    /// The switches that may help this step.
    pub(crate) fn all(
        step: &Step,
        exporter: &Exporter,
        explanation: &Explanation,
        missing: Missing,
    ) -> Vec<Self> {
        let wanting = missing.is_a_riddle(step.status) || !explanation.withheld.is_empty();
        let content = wanting.then(|| Self::of_content(step, exporter, explanation)).flatten();
        let limit = (explanation.dropped > 0).then_some(Self::AttributeLimit);
        content.into_iter().chain(limit).collect()
    }

    /// The one with which its exporter sends content. The dialect of a framework says more than the conventions
    /// that it speaks as well.
    fn of_content(step: &Step, exporter: &Exporter, explanation: &Explanation) -> Option<Self> {
        let told = explanation.believed.iter().chain(&explanation.spare).map(|origin| origin.dialect);
        let dialects: Vec<&str> = step.dialect.as_deref().into_iter().chain(told).collect();
        let says = |dialect: &str| dialects.contains(&dialect);
        let is_from = |scope: &str| exporter.name.starts_with(scope);
        let logs = || step.logs.iter().filter_map(|log| log.event_name.as_deref());
        let tells_of =
            |agent: &str| step.name.starts_with(agent) || logs().any(|name| name.starts_with(agent));
        Some(match () {
            () if is_from("com.anthropic.claude_code") || tells_of("claude_code.") => Self::ClaudeCode,
            () if is_from("codex") || tells_of("codex.") => Self::Codex,
            () if is_of_the_conventions(exporter) => Self::GenAi,
            () if says("google_adk") || is_from("gcp.vertex.agent") => Self::Adk,
            () if is_from("agent_framework") => Self::AgentFramework,
            () if says("vercel_ai") || exporter.name == "ai" => Self::Vercel,
            () if says("pydantic_ai") || is_from("pydantic-ai") => Self::PydanticAi,
            () if says("openinference") || is_from("openinference.") => Self::OpenInference,
            () if says("openllmetry") || is_from("traceloop") => Self::Traceloop,
            () if is_from("treering-layer") || step.dialect.as_deref() == Some("tracing") => Self::Instrument,
            () if is_from("strands") || step.kind == Kind::Span => return None,
            // Whoever has words of his own sends content unasked, or by a switch of his own.
            () if dialects.iter().all(|dialect| SHARED.contains(dialect)) => Self::GenAi,
            () => return None,
        })
    }

    /// What to do, with what is to be typed between backticks.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::GenAi => {
                "Instrumentations of the GenAI conventions send no content unless told to. Where the agent runs, \
                 set `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY` (or `SPAN_AND_EVENT`; older \
                 ones know only `true`) and `OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental`. Content \
                 that comes as events needs the exporter of logs, too: `OTEL_LOGS_EXPORTER=otlp`."
            }
            Self::AgentFramework => {
                "Microsoft's Agent Framework sends content where `ENABLE_SENSITIVE_DATA=true` is set (in .NET, \
                 `EnableSensitiveData = true`), and much of it as log records: export logs as well."
            }
            Self::Traceloop => {
                "OpenLLMetry sends content unless `TRACELOOP_TRACE_CONTENT` is `false`: unset it where the agent \
                 runs."
            }
            Self::OpenInference => {
                "OpenInference sends content unless it is told to hide it: look for `OPENINFERENCE_HIDE_INPUTS`, \
                 `OPENINFERENCE_HIDE_OUTPUTS` and other variables that begin with `OPENINFERENCE_HIDE_`, or for a \
                 `TraceConfig` in the code."
            }
            Self::Adk => {
                "Google's ADK sends content on spans unless `ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS` is `false`, and \
                 as log records where `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` is set."
            }
            Self::Vercel => {
                "The AI SDK sends content unless `recordInputs` or `recordOutputs` is `false` in the telemetry \
                 settings of the call."
            }
            Self::PydanticAi => {
                "Pydantic AI sends content unless its settings say otherwise: look for `include_content=False` in \
                 `InstrumentationSettings`."
            }
            Self::ClaudeCode => {
                "Claude Code keeps content back unless told to send it: `OTEL_LOG_USER_PROMPTS=1` for prompts, \
                 `OTEL_LOG_TOOL_DETAILS=1` for the arguments of tools, `OTEL_LOG_TOOL_CONTENT=1` for what they \
                 answered."
            }
            Self::Codex => {
                "Codex keeps prompts back unless `log_user_prompt = true` stands under `[otel]` in its \
                 `config.toml`."
            }
            Self::Instrument => {
                "A function that is instrumented with `#[instrument]` tells its arguments, unless `skip` or \
                 `skip_all` leaves them out, and what it returns only with `#[instrument(ret)]`."
            }
            Self::AttributeLimit => {
                "The SDK of the exporter drops attributes beyond a limit, which is 128 unless told otherwise: \
                 raise `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT` where the agent runs."
            }
        }
    }
}

/// The dialects of the conventions, which are nobody's own.
const SHARED: &[&str] = &["gen_ai", "gen_ai_events", "opentelemetry"];

/// True for the instrumentations that OpenTelemetry itself publishes.
fn is_of_the_conventions(Exporter { name, .. }: &Exporter) -> bool {
    name.starts_with("opentelemetry.util.genai")
        || name.starts_with("opentelemetry.instrumentation.genai")
        || (name.starts_with("opentelemetry.instrumentation.") && name.ends_with("_v2"))
}

#[cfg(test)]
mod tests {
    use treering_read::{Attribute, Origin};
    use treering_step::{SpanId, Status};

    use super::*;

    fn step(kind: Kind, status: Status) -> Step {
        let id: SpanId = "00f067aa0ba902b7".parse().unwrap();
        Step { kind, status, ..Step::new(id) }
    }

    fn told(dialects: &[&'static str]) -> Explanation {
        let origin = |dialect: &&'static str| Origin { field: "kind", dialect, attributes: Vec::new() };
        Explanation { believed: dialects.iter().map(origin).collect(), ..Explanation::default() }
    }

    fn switches(scope: &str, explanation: &Explanation, step: &Step) -> Vec<Switch> {
        let exporter = Exporter { name: scope.to_owned(), version: String::new() };
        Switch::all(step, &exporter, explanation, Missing::of(step))
    }

    #[test]
    fn every_exporter_is_told_its_own_switch() {
        for (scope, dialects, expected) in [
            ("opentelemetry.instrumentation.openai_v2", ["gen_ai"].as_slice(), Some(Switch::GenAi)),
            ("opentelemetry.instrumentation.genai.openai", &["openinference"], Some(Switch::GenAi)),
            ("acme", &["gen_ai"], Some(Switch::GenAi)),
            ("opentelemetry.instrumentation.openai.v1", &["gen_ai", "openllmetry"], Some(Switch::Traceloop)),
            ("openinference.instrumentation.openai", &["openinference"], Some(Switch::OpenInference)),
            ("gcp.vertex.agent", &["gen_ai"], Some(Switch::Adk)),
            ("agent_framework", &["gen_ai"], Some(Switch::AgentFramework)),
            ("ai", &["gen_ai", "vercel_ai"], Some(Switch::Vercel)),
            ("pydantic-ai", &["gen_ai"], Some(Switch::PydanticAi)),
            ("com.anthropic.claude_code.tracing", &["gen_ai"], Some(Switch::ClaudeCode)),
            ("treering-layer", &["treering", "gen_ai"], Some(Switch::Instrument)),
            ("langfuse-sdk", &["gen_ai", "langfuse"], None),
            ("strands.telemetry.tracer", &["gen_ai"], None),
            ("acme", &["gen_ai", "gen_ai_events", "opentelemetry"], Some(Switch::GenAi)),
            ("genkit-tracer", &["gen_ai", "genkit"], None),
        ] {
            let switches = switches(scope, &told(dialects), &step(Kind::Llm, Status::Ok));
            assert_eq!(switches, Vec::from_iter(expected), "{scope}");
        }
    }

    #[test]
    fn a_step_that_lacks_nothing_or_still_runs_needs_no_switch_for_its_output() {
        let mut whole = step(Kind::Llm, Status::Ok);
        whole.input = Some(treering_step::Content::Value(1.into()));
        assert_eq!(switches("x", &told(&["gen_ai"]), &whole), [Switch::GenAi]);
        for status in [Status::Running, Status::Error, Status::Interrupted] {
            whole.status = status;
            assert_eq!(switches("x", &told(&["gen_ai"]), &whole), [], "{status:?}");
        }
        let withheld = Attribute { of: None, key: "input.value".to_owned() };
        let explanation = Explanation { withheld: vec![withheld], ..told(&["openinference"]) };
        assert_eq!(switches("x", &explanation, &whole), [Switch::OpenInference]);
    }

    #[test]
    fn dropped_attributes_name_the_limit() {
        let explanation = Explanation { dropped: 3, ..told(&[]) };
        assert_eq!(switches("acme", &explanation, &step(Kind::Span, Status::Ok)), [Switch::AttributeLimit]);
    }
}
