use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every member of the set, in the order of the interface.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word as the read API and the store write it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The member with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// What a step does. The set is closed: what no reader knows is an honest [`Kind::Span`].
    Kind {
        /// An agent's run (`invoke_agent` of the GenAI conventions).
        Agent = "agent",
        /// An orchestration of steps without an agent of its own (`invoke_workflow`, a chain).
        Workflow = "workflow",
        /// Planning by an agent (`plan`).
        Plan = "plan",
        /// One call of a language model (`chat`, `generate_content`, `text_completion`).
        Llm = "llm",
        /// One call of a tool (`execute_tool`).
        Tool = "tool",
        /// A search for documents (`retrieval`).
        Retrieval = "retrieval",
        /// Texts turned into vectors (`embeddings`).
        Embedding = "embedding",
        /// Documents ordered by relevance.
        Rerank = "rerank",
        /// A read or a write of an agent's memory (`search_memory`, `create_memory` and their like).
        Memory = "memory",
        /// A check of an input or an output.
        Guardrail = "guardrail",
        /// A judgement of an answer.
        Evaluation = "evaluation",
        /// Anything else that was traced: HTTP, databases, plain functions.
        #[default]
        Span = "span",
    }
}

words! {
    /// How a step stands.
    Status {
        /// It ended and says that it went well.
        Ok = "ok",
        /// It failed.
        Error = "error",
        /// It has not ended yet.
        Running = "running",
        /// Its process is gone and it never ended.
        Interrupted = "interrupted",
        /// It ended and says nothing of how: the default of OpenTelemetry.
        #[default]
        Unset = "unset",
    }
}
