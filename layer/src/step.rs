use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use tracing::Dispatch;
use tracing::span::Id;
use treering_step::{SpanId, TraceId, Usage, attributes as names};

use crate::record::{Entry, Raw, Record};
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
        self.with_json(input, |record, json| record.input = Some(json))
    }

    /// Sets what came out, in place of what the function returns; see [`Step::input`] for its forms.
    pub fn output<T: Serialize + ?Sized>(&self, output: &T) -> &Self {
        self.with_json(output, |record, json| record.output = Some(json))
    }

    /// Adds to what the model thought and did not say.
    pub fn reasoning(&self, thought: impl AsRef<str>) -> &Self {
        self.with(|record| record.think(thought.as_ref()))
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

    /// Sets what the step does, where neither its name nor its fields say it.
    pub fn kind(&self, kind: Kind) -> &Self {
        self.set("step.kind", kind.as_str())
    }

    /// Sets an attribute, declared or not; the names of [`fields`](crate::fields) mean what they mean there.
    pub fn set(&self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> &Self {
        let entry = Entry { name: name.into(), raw: Raw::Value(value.into()), late: true };
        self.with(|record| record.put(entry))
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

    fn with(&self, act: impl FnOnce(&mut Record)) -> &Self {
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
