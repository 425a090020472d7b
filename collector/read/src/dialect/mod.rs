//! The words that exporters have for what a step is, one small file each.

mod adk;
mod agent_framework;
mod autogen;
mod claude_code;
mod codex;
mod coding_agent;
mod gen_ai;
mod genkit;
mod laminar;
mod langfuse;
mod langsmith;
mod litellm;
mod livekit;
mod mastra;
mod mcp;
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

pub(crate) use coding_agent::Belongs;
pub(crate) use gen_ai::implied_kind;
pub(crate) use tracing::is_bridge;

use crate::evidence::{Evidence, Happening};
use crate::reading::Reading;
use crate::witness::Told;

/// A dialect. The order is that of authority: what an earlier one says is believed, a later one fills holes.
/// The richest structured form comes first; what merely wraps a call never overwrites the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Treering,
    LangSmith,
    ClaudeCode,
    Codex,
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
    LiveKit,
    Mcp,
    OpenLlmetry,
    Adk,
    AgentFramework,
    AutoGen,
    MessageEvents,
    Rig,
    Tracing,
}

impl Dialect {
    const BY_AUTHORITY: &[Self] = &[
        Self::Treering,
        Self::LangSmith,
        Self::ClaudeCode,
        Self::Codex,
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
        Self::LiveKit,
        Self::Mcp,
        Self::OpenLlmetry,
        Self::Adk,
        Self::AgentFramework,
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
                "gen_ai.guardrail.",
                "gen_ai.tool.",
            ],
            Self::LiveKit => &["lk."],
            Self::AgentFramework => &["workflow.", "executor.", "edge_group.", "message."],
            Self::Adk => &["gcp.vertex.agent."],
            Self::AutoGen => &["message"],
            Self::Treering
            | Self::ClaudeCode
            | Self::Codex
            | Self::Mcp
            | Self::GenAi
            | Self::MessageEvents
            | Self::Rig
            | Self::Tracing => &[],
        }
    }

    /// The dialects that may have something to say here, in their order.
    pub(crate) fn spoken(evidence: &Evidence<'_>) -> impl Iterator<Item = Self> {
        let begins = |beginning: &&str| evidence.fields.any_under(beginning);
        let is_spoken = move |dialect: &Self| match dialect {
            Self::ClaudeCode => claude_code::is_spoken(evidence),
            Self::Codex => codex::is_spoken(evidence),
            Self::Mcp => mcp::is_spoken(evidence),
            other => other.beginnings().is_empty() || other.beginnings().iter().any(begins),
        };
        Self::BY_AUTHORITY.iter().copied().filter(is_spoken)
    }

    /// Where a log record of a coding agent belongs, and by which words that is known. Its ids say more than its
    /// span id: that is merely the span that was open when it was written.
    pub(crate) fn of_coding_agent(told: &Happening<'_>) -> Option<(Self, Belongs)> {
        let claude_code = || Some((Self::ClaudeCode, claude_code::belongs(told)?));
        claude_code().or_else(|| Some((Self::Codex, codex::belongs(told)?)))
    }

    /// The word for it in a step.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Treering => "treering",
            Self::LangSmith => "langsmith",
            Self::ClaudeCode => "claude_code",
            Self::Codex => "codex",
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
            Self::LiveKit => "livekit",
            Self::Mcp => "mcp",
            Self::OpenLlmetry => "openllmetry",
            Self::Adk => "google_adk",
            Self::AgentFramework => "agent_framework",
            Self::AutoGen => "autogen",
            Self::MessageEvents => "gen_ai_events",
            Self::Rig => "rig",
            Self::Tracing => "tracing",
        }
    }

    /// The word for log records that tell a step of their own, which a span may tell as well.
    pub(crate) fn of_logs(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude_code_events",
            Self::Codex => "codex_events",
            other => other.as_str(),
        }
    }

    /// Fills what it can say of a summary.
    pub(crate) fn facts(self, evidence: &Evidence<'_>, summary: &mut Told<Summary>) {
        match self {
            Self::Treering => treering::facts(evidence, summary),
            Self::LangSmith => langsmith::facts(evidence, summary),
            Self::ClaudeCode => claude_code::facts(evidence, summary),
            Self::Codex => codex::facts(evidence, summary),
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
            Self::LiveKit => livekit::facts(evidence, summary),
            Self::Mcp => mcp::facts(evidence, summary),
            Self::OpenLlmetry => openllmetry::facts(evidence, summary),
            Self::Adk => adk::facts(evidence, summary),
            Self::AgentFramework => agent_framework::facts(evidence, summary),
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
            Self::ClaudeCode => claude_code::content(evidence, kind, reading),
            Self::Codex => codex::content(evidence, kind, reading),
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
            Self::LiveKit => livekit::content(evidence, reading),
            Self::Mcp => mcp::content(evidence, kind, reading),
            Self::OpenLlmetry => openllmetry::content(evidence, reading),
            Self::Adk => adk::content(evidence, reading),
            Self::AutoGen => autogen::content(evidence, reading),
            Self::MessageEvents => message_events::content(evidence, kind, reading),
            Self::AgentFramework => {}
            Self::Rig => rig::content(evidence, reading),
            Self::Tracing => tracing::content(evidence, reading),
        }
    }
}
