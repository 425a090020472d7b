//! The words that exporters have for what a step is, one small file each.

mod adk;
mod autogen;
mod gen_ai;
mod genkit;
mod laminar;
mod langfuse;
mod langsmith;
mod litellm;
mod mastra;
mod message_events;
mod mlflow;
mod openinference;
mod openllmetry;
mod pydantic_ai;
mod rig;
mod tracing;
mod treering;
mod vercel;
mod voltagent;

use treering_step::{Kind, Summary};

pub(crate) use gen_ai::implied_kind;
pub(crate) use tracing::is_bridge;

use crate::evidence::Evidence;
use crate::reading::Reading;
use crate::witness::Told;

/// A dialect. The order is that of authority: what an earlier one says is believed, a later one fills holes.
/// The richest structured form comes first; what merely wraps a call never overwrites the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Treering,
    LangSmith,
    LiteLlm,
    GenAi,
    VoltAgent,
    OpenInference,
    Langfuse,
    Laminar,
    Mlflow,
    Mastra,
    Genkit,
    Vercel,
    PydanticAi,
    OpenLlmetry,
    Adk,
    AutoGen,
    MessageEvents,
    Rig,
    Tracing,
}

impl Dialect {
    const BY_AUTHORITY: &[Self] = &[
        Self::Treering,
        Self::LangSmith,
        Self::LiteLlm,
        Self::GenAi,
        Self::VoltAgent,
        Self::OpenInference,
        Self::Langfuse,
        Self::Laminar,
        Self::Mlflow,
        Self::Mastra,
        Self::Genkit,
        Self::Vercel,
        Self::PydanticAi,
        Self::OpenLlmetry,
        Self::Adk,
        Self::AutoGen,
        Self::MessageEvents,
        Self::Rig,
        Self::Tracing,
    ];

    /// The beginnings of the attributes without which it has nothing to say; of the others no key is enough to
    /// tell. They save a look-up of every key of every dialect on every span.
    fn beginnings(self) -> &'static [&'static str] {
        match self {
            Self::LangSmith => &["langsmith."],
            Self::LiteLlm => &["llm."],
            Self::OpenInference => &[
                "openinference.",
                "llm.",
                "input.",
                "output.",
                "tool.",
                "retrieval.",
                "reranker.",
                "embedding.",
                "agent.",
            ],
            Self::Langfuse => &["langfuse."],
            Self::Laminar => &["lmnr."],
            Self::Mlflow => &["mlflow."],
            Self::VoltAgent => &["entity."],
            Self::Mastra => &["mastra."],
            Self::Genkit => &["genkit:"],
            Self::Vercel => &["ai.", "aisdk."],
            Self::PydanticAi => &[
                "pydantic_ai.",
                "model_name",
                "agent_name",
                "tool_arguments",
                "tool_response",
                "all_messages_events",
                "events",
            ],
            Self::OpenLlmetry => &[
                "traceloop.",
                "crewai.",
                "llm.",
                "gen_ai.prompt.",
                "gen_ai.completion.",
                "gen_ai.task.",
                "gen_ai.tool.",
            ],
            Self::Adk => &["gcp.vertex.agent."],
            Self::AutoGen => &["message"],
            Self::Treering | Self::GenAi | Self::MessageEvents | Self::Rig | Self::Tracing => &[],
        }
    }

    /// The dialects that may have something to say here, in their order.
    pub(crate) fn spoken(evidence: &Evidence<'_>) -> impl Iterator<Item = Self> {
        let begins = |beginning: &&str| evidence.fields.any_under(beginning);
        let is_spoken = move |beginnings: &[&str]| beginnings.is_empty() || beginnings.iter().any(begins);
        Self::BY_AUTHORITY.iter().copied().filter(move |dialect| is_spoken(dialect.beginnings()))
    }

    /// True for a log record of a coding agent, whose ids say more of where it belongs than its span id: that is
    /// merely the span that was open when it was written.
    pub(crate) fn is_of_coding_agent(evidence: &Evidence<'_>) -> bool {
        let is_named = |name: &str| name.starts_with("claude_code.") || name.starts_with("codex.");
        evidence.scope.starts_with("com.anthropic.claude_code")
            || evidence.happenings.iter().any(|happening| is_named(happening.name))
    }

    /// The word for it in a step.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Treering => "treering",
            Self::LangSmith => "langsmith",
            Self::LiteLlm => "litellm",
            Self::GenAi => "gen_ai",
            Self::OpenInference => "openinference",
            Self::Langfuse => "langfuse",
            Self::Laminar => "laminar",
            Self::Mlflow => "mlflow",
            Self::VoltAgent => "voltagent",
            Self::Mastra => "mastra",
            Self::Genkit => "genkit",
            Self::Vercel => "vercel_ai",
            Self::PydanticAi => "pydantic_ai",
            Self::OpenLlmetry => "openllmetry",
            Self::Adk => "google_adk",
            Self::AutoGen => "autogen",
            Self::MessageEvents => "gen_ai_events",
            Self::Rig => "rig",
            Self::Tracing => "tracing",
        }
    }

    /// Fills what it can say of a summary.
    pub(crate) fn facts(self, evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
        match self {
            Self::Treering => treering::facts(evidence, summary),
            Self::LangSmith => langsmith::facts(evidence, summary),
            Self::LiteLlm => litellm::facts(evidence, summary),
            Self::GenAi => gen_ai::facts(evidence, summary),
            Self::OpenInference => openinference::facts(evidence, summary),
            Self::Langfuse => langfuse::facts(evidence, summary),
            Self::Laminar => laminar::facts(evidence, summary),
            Self::Mlflow => mlflow::facts(evidence, summary),
            Self::VoltAgent => voltagent::facts(evidence, summary),
            Self::Mastra => mastra::facts(evidence, summary),
            Self::Genkit => genkit::facts(evidence, summary),
            Self::Vercel => vercel::facts(evidence, summary),
            Self::PydanticAi => pydantic_ai::facts(evidence, summary),
            Self::OpenLlmetry => openllmetry::facts(evidence, summary),
            Self::Adk => adk::facts(evidence, summary),
            Self::MessageEvents => message_events::facts(evidence, summary),
            Self::AutoGen => {}
            Self::Rig => rig::facts(evidence, summary),
            Self::Tracing => tracing::facts(evidence, summary),
        }
    }

    /// Fills what it can say of the content of a step of this kind.
    pub(crate) fn content(self, evidence: &Evidence<'_>, kind: Kind, reading: &mut Told<Reading>) {
        match self {
            Self::Treering => treering::content(evidence, kind, reading),
            Self::LangSmith => langsmith::content(evidence, kind, reading),
            Self::LiteLlm => litellm::content(evidence, reading),
            Self::GenAi => gen_ai::content(evidence, reading),
            Self::OpenInference => openinference::content(evidence, kind, reading),
            Self::Langfuse => langfuse::content(evidence, kind, reading),
            Self::Laminar => laminar::content(evidence, kind, reading),
            Self::Mlflow => mlflow::content(evidence, kind, reading),
            Self::VoltAgent => voltagent::content(evidence, reading),
            Self::Mastra => mastra::content(evidence, reading),
            Self::Genkit => genkit::content(evidence, kind, reading),
            Self::Vercel => vercel::content(evidence, reading),
            Self::PydanticAi => pydantic_ai::content(evidence, reading),
            Self::OpenLlmetry => openllmetry::content(evidence, reading),
            Self::Adk => adk::content(evidence, reading),
            Self::AutoGen => autogen::content(evidence, reading),
            Self::MessageEvents => message_events::content(evidence, kind, reading),
            Self::Rig => rig::content(evidence, reading),
            Self::Tracing => tracing::content(evidence, reading),
        }
    }
}
