use serde_json::json;
use tracing::instrument;
use treering_layer::{Message, Part, Step};

use super::model::{HAIKU, MINI, ModelError, SONNET, Task};
use super::tools::{self, Call};

/// Who asks.
pub(super) struct Visitor {
    pub(super) user: &'static str,
    pub(super) session: &'static str,
}

/// The agent: it plans, calls the tools that the plan names, has the findings summarised, and answers.
///
/// `ret` and `err` make what it returns its output and its error; session and user hold for every step
/// within.
#[instrument(
    name = "research_assistant",
    skip(visitor),
    fields(step.kind = "agent", session.id = visitor.session, user.id = visitor.user),
    ret,
    err
)]
pub(super) async fn research(visitor: &Visitor, question: &str) -> Result<String, ModelError> {
    let mut talk =
        vec![Message::text("system", "Answer from sources. Say what you do not know."), user(question)];
    let wish = plan(&talk).await?;
    let calls = Call::all_of(&wish);
    talk.push(wish);
    for call in &calls {
        talk.push(call.run().await);
    }
    if !calls.is_empty() {
        talk.push(Message::text("user", summariser(&talk).await?));
    }
    SONNET.chat(Task::Answer, &talk).await.map(|message| text(&message))
}

/// A step of its own around the model's call, so that the plan can be found at a glance.
#[instrument(skip_all, fields(step.kind = "plan", agent = "research_assistant"), err)]
async fn plan(talk: &[Message]) -> Result<Message, ModelError> {
    let step = Step::current();
    step.input(&talk);
    let wish = SONNET.chat(Task::ChooseTools, talk).await?;
    step.output(&wish);
    Ok(wish)
}

/// A sub-agent: a smaller model reads, another writes.
#[instrument(skip_all, fields(step.kind = "agent"), ret, err)]
async fn summariser(talk: &[Message]) -> Result<String, ModelError> {
    let findings = tools::results(talk);
    Step::current().input(&findings);
    let notes = MINI.chat(Task::Read, &[user(&json!({"take notes of": findings}).to_string())]).await?;
    let summary = HAIKU.chat(Task::Write, &[user(&text(&notes))]).await?;
    Ok(text(&summary))
}

fn user(text: &str) -> Message {
    Message::text("user", text)
}

fn text(message: &Message) -> String {
    let texts = message.parts.iter().filter_map(|part| match part {
        Part::Text { content } => Some(content.as_str()),
        _ => None,
    });
    texts.collect()
}
