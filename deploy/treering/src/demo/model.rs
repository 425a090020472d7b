//! A language model's stand-in: it waits like one and answers by heart.

use std::time::Duration;

use serde_json::json;
use tracing::instrument;
use treering_layer::{Message, Part, Step, Usage};

/// Planted, to be seen as redacted: an address in a question, and a key on a page. Both belong to nobody.
pub(super) const ADDRESS: &str = concat!("ada.lindgren", "@", "rings.example");
pub(super) const KEY: &str =
    concat!("sk-", "proj-", "Dr0ught0f1540InB0hemia", "T3BlbkFJ", "R1ngs0fTheOldLarchTree");

pub(super) const SONNET: Model = Model { name: "claude-sonnet-4-5", provider: "anthropic" };
pub(super) const HAIKU: Model = Model { name: "claude-haiku-4-5", provider: "anthropic" };
pub(super) const MINI: Model = Model { name: "gpt-4o-mini", provider: "openai" };

#[derive(Debug)]
pub(super) struct Model {
    name: &'static str,
    provider: &'static str,
}

/// What a model is asked to do; its word names the step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task {
    ChooseTools,
    Read,
    Write,
    Answer,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ModelError {
    #[error("the model is overloaded; try again in 30 s")]
    Overloaded,
}

/// One answer, with the time that it takes.
struct Reply {
    delay: u64,
    thought: &'static str,
    parts: Vec<Part>,
    usage: Usage,
}

impl Model {
    /// One call: the fields name the model, and the step is told what `#[instrument]` cannot see.
    #[instrument(
        skip_all,
        fields(step.kind = "llm", otel.name = task.word(), model = self.name, provider = self.provider, temperature = 0.2),
        err
    )]
    pub(super) async fn chat(&self, task: Task, talk: &[Message]) -> Result<Message, ModelError> {
        let step = Step::current();
        step.input(talk);
        let reply = reply(task, talk)?;
        tokio::time::sleep(Duration::from_millis(reply.delay)).await;
        let calls_tools = reply.parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
        let message = Message::new("assistant", reply.parts);
        step.output(&message).usage(reply.usage);
        step.set(
            "gen_ai.response.finish_reasons",
            vec![String::from(if calls_tools { "tool_calls" } else { "stop" })],
        );
        if !reply.thought.is_empty() {
            step.reasoning(reply.thought);
        }
        Ok(message)
    }
}

impl Task {
    fn word(self) -> &'static str {
        match self {
            Self::ChooseTools => "choose_tools",
            Self::Read => "read",
            Self::Write => "write",
            Self::Answer => "answer",
        }
    }
}

fn reply(task: Task, talk: &[Message]) -> Result<Reply, ModelError> {
    let is_about = |word: &str| talk.iter().any(|message| format!("{:?}", message.parts).contains(word));
    match task {
        _ if is_about("beam") => Err(ModelError::Overloaded),
        Task::ChooseTools if is_about("hundred") => Ok(Reply {
            delay: 60,
            thought: "One ring a year; nothing to look up.",
            parts: vec![text("No tool is needed.")],
            usage: usage(412, 19, 384, 11),
        }),
        Task::ChooseTools => Ok(Reply {
            delay: 140,
            thought: "I need a source on the drought, and one of the time itself. Search first, then read both.",
            parts: tool_calls(),
            usage: usage(438, 131, 0, 42),
        }),
        Task::Read => Ok(Reply {
            delay: 90,
            thought: "",
            parts: vec![text(
                "- narrowest rings in five centuries\n- eleven months almost without rain\n- diaries: no page",
            )],
            usage: usage(356, 41, 0, 0),
        }),
        Task::Write => Ok(Reply {
            delay: 120,
            thought: "The diaries are missing; say so instead of guessing.",
            parts: vec![text(
                "The rings of 1540 are the narrowest in five centuries. Written sources could not be read.",
            )],
            usage: usage(128, 64, 0, 21),
        }),
        Task::Answer if is_about("hundred") => Ok(Reply {
            delay: 70,
            thought: "",
            parts: vec![text("About a hundred: one for each year, with a few missing or false ones.")],
            usage: usage(431, 24, 384, 0),
        }),
        Task::Answer => Ok(Reply {
            delay: 130,
            thought: "Two claims are backed by the page, none by the diaries.",
            parts: vec![text(
                "The summer of 1540 was a megadrought: trees grew the narrowest rings in five centuries, after eleven \
                 months almost without rain. I could not reach the diaries of the time to compare.",
            )],
            usage: usage(1_204, 88, 832, 17),
        }),
    }
}

fn text(content: &str) -> Part {
    Part::Text { content: content.to_owned() }
}

fn tool_calls() -> Vec<Part> {
    let calls = [
        ("web_search", json!({"query": "tree rings drought 1540"})),
        ("fetch_page", json!({"url": "https://rings.example/1540"})),
        ("fetch_page", json!({"url": "https://slow.example/diaries"})),
    ];
    let part = |(number, (name, arguments)): (usize, (&str, _))| Part::ToolCall {
        id: Some(format!("call_{}", number + 1)),
        name: name.to_owned(),
        arguments,
    };
    calls.into_iter().enumerate().map(part).collect()
}

fn usage(input: u64, output: u64, cache_read: u64, reasoning: u64) -> Usage {
    let class = |tokens: u64| (tokens > 0).then_some(tokens);
    Usage {
        input: Some(input),
        output: Some(output),
        cache_read: class(cache_read),
        cache_write: None,
        reasoning: class(reasoning),
    }
}
