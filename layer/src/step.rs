use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use tracing::Dispatch;
use tracing::span::Id;
use treering_step::{SpanId, TraceId, Usage, attributes as names};

use crate::record::Record;
use crate::written::Own;
use crate::{Kind, Layer, Value};

/// The step around the code that asks, to say more of it than `#[instrument]` can: structured input and
/// output, what the model thought, tokens, attributes that were not declared.
///
/// Nothing of it ever fails or waits: without the layer, outside of any step, and after the step has ended,
/// all of it does nothing.
///
/// ```
/// use treering_layer::{Message, Step};
///
/// #[tracing::instrument(skip_all, fields(step.kind = "llm"))]
/// fn ask(history: &[Message]) -> Message {
///     let answer = Message::text("assistant", "42");
///     Step::current().model("gpt-4o-mini").input(history).output(&answer).tokens(1_234, 56);
///     answer
/// }
/// # ask(&[]);
/// ```
#[derive(Clone)]
pub struct Step {
    place: Option<(Dispatch, Id)>,
}

impl Step {
    /// The innermost step around this code.
    pub fn current() -> Self {
        let place = tracing::dispatcher::get_default(|dispatch| {
            let id = dispatch.current_span().id().cloned()?;
            Some((dispatch.clone(), id))
        });
        Self { place }
    }

    /// Sets what went in, in place of the function's arguments: a text, messages
    /// ([`Message`](crate::Message), or in the form of the chat APIs), or anything else that can be JSON.
    pub fn input<T: Serialize + ?Sized>(&self, input: &T) -> &Self {
        self.with_json(input, |record, json| record.tell(Own::Input, &json))
    }

    /// Sets what came out, in place of what the function returns; see [`Step::input`] for its forms.
    pub fn output<T: Serialize + ?Sized>(&self, output: &T) -> &Self {
        self.with_json(output, |record, json| record.tell(Own::Output, &json))
    }

    /// Adds to what the model thought and did not say.
    pub fn reasoning(&self, thought: impl AsRef<str>) -> &Self {
        self.with(|record| record.tell(Own::Reasoning, thought.as_ref()))
    }

    /// Sets the tokens of the input, cached ones included, and of the output, reasoning included.
    pub fn tokens(&self, input: u64, output: u64) -> &Self {
        self.usage(Usage { input: Some(input), output: Some(output), ..Usage::default() })
    }

    /// Sets the classes of tokens that `usage` has.
    pub fn usage(&self, usage: Usage) -> &Self {
        let classes = [
            (names::GEN_AI_USAGE_INPUT_TOKENS, usage.input),
            (names::GEN_AI_USAGE_OUTPUT_TOKENS, usage.output),
            (names::GEN_AI_USAGE_CACHE_READ, usage.cache_read),
            (names::GEN_AI_USAGE_CACHE_CREATION, usage.cache_write),
            (names::GEN_AI_USAGE_REASONING, usage.reasoning),
        ];
        for (name, tokens) in classes {
            if let Some(tokens) = tokens {
                self.set(name, tokens);
            }
        }
        self
    }

    /// Sets the model that is asked (`gen_ai.request.model`).
    pub fn model(&self, model: impl AsRef<str>) -> &Self {
        self.set(names::GEN_AI_REQUEST_MODEL, model.as_ref())
    }

    /// Sets who serves the model (`gen_ai.provider.name`).
    pub fn provider(&self, provider: impl AsRef<str>) -> &Self {
        self.set(names::GEN_AI_PROVIDER_NAME, provider.as_ref())
    }

    /// Sets the agent that acts (`gen_ai.agent.name`).
    pub fn agent(&self, name: impl AsRef<str>) -> &Self {
        self.set(names::GEN_AI_AGENT_NAME, name.as_ref())
    }

    /// Makes the step a call of this tool; [`Step::input`] has its arguments and [`Step::output`] its result.
    pub fn tool(&self, name: impl AsRef<str>) -> &Self {
        self.kind(Kind::Tool).set(names::GEN_AI_TOOL_NAME, name.as_ref())
    }

    /// Sets the id that the model gave the call of the tool, by which both find each other (`gen_ai.tool.call.id`).
    pub fn call_id(&self, id: impl AsRef<str>) -> &Self {
        self.set(names::GEN_AI_TOOL_CALL_ID, id.as_ref())
    }

    /// Sets what the step cost, in US dollars, where its author knows it better than a price list.
    pub fn cost(&self, dollars: f64) -> &Self {
        self.set(names::GEN_AI_USAGE_COST, dollars)
    }

    /// Sets the session, for this step and those within that begin from now on.
    pub fn session(&self, id: impl AsRef<str>) -> &Self {
        self.set(names::SESSION_ID, id.as_ref())
    }

    /// Sets the user, for this step and those within that begin from now on.
    pub fn user(&self, id: impl AsRef<str>) -> &Self {
        self.set(names::USER_ID, id.as_ref())
    }

    /// Sets words by which the step can be found (`treering.tags`).
    pub fn tags<T: Into<String>>(&self, tags: impl IntoIterator<Item = T>) -> &Self {
        self.set(names::TREERING_TAGS, tags.into_iter().map(Into::into).collect::<Vec<String>>())
    }

    /// Sets what the step does, where neither its name nor its fields say it.
    pub fn kind(&self, kind: Kind) -> &Self {
        self.set("step.kind", kind.as_str())
    }

    /// Sets an attribute, declared or not; the names of [`fields`](crate::fields) mean what they mean there.
    pub fn set(&self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> &Self {
        let (name, value) = (name.into(), value.into());
        self.with(|record| record.put(&name, &value))
    }

    /// Says that the step failed, and why.
    pub fn error(&self, message: impl fmt::Display) -> &Self {
        self.set("error", message.to_string())
    }

    /// The W3C Trace Context header that makes a step of another process a child of this one; see
    /// `traceparent` in [`fields`](crate::fields). `None` outside of any step.
    ///
    /// ```
    /// # fn send(_: &str, _: String) {}
    /// if let Some(header) = treering_layer::Step::current().traceparent() {
    ///     send("traceparent", header);
    /// }
    /// ```
    pub fn traceparent(&self) -> Option<String> {
        self.ids().map(|(trace_id, span_id)| format!("00-{trace_id}-{span_id}-01"))
    }

    /// The ids of the execution and of the step, for a log line or a link. `None` outside of any step.
    pub fn ids(&self) -> Option<(TraceId, SpanId)> {
        let mut ids = None;
        self.with(|record| ids = Some((record.trace_id, record.span_id)));
        ids
    }

    /// Serializes before the record is reached for: that is the user's code, and the record is behind a lock.
    fn with_json<T: Serialize + ?Sized>(&self, value: &T, put: impl FnOnce(&mut Record, String)) -> &Self {
        if self.place.is_none() {
            return self;
        }
        let json = serde_json::to_string(value).unwrap_or_else(|error| {
            format!("\"could not be written as JSON: {}\"", error.to_string().escape_default())
        });
        self.with(|record| put(record, json))
    }

    pub(crate) fn with(&self, act: impl FnOnce(&mut Record)) -> &Self {
        if let Some((dispatch, id)) = &self.place
            && let Some(layer) = dispatch.downcast_ref::<Layer>()
        {
            let mut act = Some(act);
            layer.reach(dispatch, id, &mut |record| {
                if let Some(act) = act.take() {
                    act(record);
                }
            });
        }
        self
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Step").field(&self.place.as_ref().map(|(_, id)| id)).finish()
    }
}
