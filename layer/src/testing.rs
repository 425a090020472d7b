//! A test kit: finished steps in memory, for the tests of instrumented programs (feature `testing`).
//!
//! ```
//! # #[cfg(feature = "testing")] {
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! #[tracing::instrument(fields(step.kind = "tool"), ret)]
//! fn double(number: u32) -> u32 {
//!     number * 2
//! }
//!
//! let (layer, steps) = treering_layer::testing::capture();
//! tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || double(21));
//!
//! let step = steps.find("double");
//! step.assert_input_contains("21").assert_output_contains("42");
//! assert_eq!(steps.tree(), "tool double\n  in: {\"number\":21}\n  out: 42\n");
//! # }
//! ```
//!
//! Use `with_default` or `set_default`, not `init`: the global subscriber belongs to all tests of a binary,
//! and a scoped one to the thread that set it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use treering_step::{Kind, SpanId, Status, TraceId, attributes as names};

use crate::export::Sink;
use crate::finish::{Attributes, Finished, Finisher, Screen, Standing};
use crate::following::Following;
use crate::record::Head;
use crate::source::Source;
use crate::written::Written;
use crate::{Error, Guard, Layer, Settings};

/// A layer that keeps finished steps, and the steps. Ids count from one, and each look at the clock is a millisecond after
/// the one before it, from 2026 on: so that they can be part of snapshots.
pub fn capture() -> (Layer, Steps) {
    capture_with(&Settings::new())
}

/// The same with what these settings say of steps: capture, mask, level, the size of texts.
pub fn capture_with(settings: &Settings) -> (Layer, Steps) {
    let steps = Arc::default();
    let following = Arc::new(Following::new(Source::counted()));
    let layer = settings.layer_into(Sink::Memory(Arc::clone(&steps)), following);
    (layer, Steps { steps, screen: settings.screen.clone() })
}

/// The layer and its guard as these settings say, but the collector, in whose place each batch is dropped and counted as
/// sent: for benchmarks.
///
/// # Errors
/// As [`Settings::layer`].
pub fn discard(mut settings: Settings) -> Result<(Layer, Guard), Error> {
    settings.discard = true;
    settings.layer()
}

/// The steps that have finished so far.
#[derive(Debug, Clone)]
pub struct Steps {
    steps: Arc<Mutex<Vec<(Head, Written)>>>,
    screen: Screen,
}

/// A finished step, as it would be exported.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CapturedStep {
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// How it stands: `Unset`, `Ok` or `Error`.
    pub status: Status,
    /// What its error says; empty without an error.
    pub error: String,
    /// The execution.
    pub trace_id: TraceId,
    /// The step.
    pub span_id: SpanId,
    /// The step around it.
    pub parent: Option<SpanId>,
    /// Its attributes; JSON in a text stays a text.
    pub attributes: BTreeMap<String, Json>,
    /// The names of its events with their attributes.
    pub events: Vec<(String, BTreeMap<String, Json>)>,
    /// The steps that it follows from (`Span::follows_from`).
    pub links: Vec<(TraceId, SpanId)>,
    /// How many events were left out before those.
    pub events_left_out: u32,
    /// When it began, in nanoseconds since 1970.
    pub began_at: u64,
    /// When it ended, in nanoseconds since 1970.
    pub ended_at: u64,
}

impl Steps {
    /// Every finished step, in the order in which they began.
    pub fn all(&self) -> Vec<CapturedStep> {
        let ended = self.steps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut finisher = Finisher::new(self.screen.clone());
        let finish = |(head, written): (Head, Written)| {
            captured(finisher.finish(&head, written.bytes(), written.callsites()))
        };
        let mut steps: Vec<CapturedStep> = ended.into_iter().map(finish).collect();
        steps.sort_by_key(|step| step.began_at);
        steps
    }

    /// The first step of this name.
    ///
    /// # Panics
    /// There is none; the message shows the tree.
    #[track_caller]
    pub fn find(&self, name: &str) -> CapturedStep {
        let found = self.all().into_iter().find(|step| step.name == name);
        found.unwrap_or_else(|| panic!("no finished step is called {name:?}; there are\n{}", self.tree()))
    }

    /// The steps as a text for snapshots: names, kinds, content, without ids and times.
    pub fn tree(&self) -> String {
        let steps = self.all();
        let is_root = |step: &&CapturedStep| !steps.iter().any(|other| Some(other.span_id) == step.parent);
        let mut text = String::new();
        steps.iter().filter(is_root).for_each(|root| root.write(&steps, 0, &mut text));
        text
    }
}

impl CapturedStep {
    /// The value of an attribute; null without it.
    pub fn attribute(&self, name: &str) -> &Json {
        self.attributes.get(name).unwrap_or(&Json::Null)
    }

    /// What went in, as the text that is exported.
    pub fn input(&self) -> Option<&str> {
        self.first([names::GEN_AI_INPUT_MESSAGES, names::GEN_AI_TOOL_CALL_ARGUMENTS, names::TREERING_INPUT])
    }

    /// What came out, as the text that is exported.
    pub fn output(&self) -> Option<&str> {
        self.first([names::GEN_AI_OUTPUT_MESSAGES, names::GEN_AI_TOOL_CALL_RESULT, names::TREERING_OUTPUT])
    }

    /// # Panics
    /// The attribute is missing or another.
    #[track_caller]
    pub fn assert_attribute(&self, name: &str, value: impl Into<Json>) -> &Self {
        assert_eq!(*self.attribute(name), value.into(), "attribute {name} of {self:#?}");
        self
    }

    /// # Panics
    /// The input does not contain the text.
    #[track_caller]
    pub fn assert_input_contains(&self, text: &str) -> &Self {
        assert!(
            self.input().is_some_and(|input| input.contains(text)),
            "no {text:?} in the input of {self:#?}"
        );
        self
    }

    /// # Panics
    /// The output does not contain the text.
    #[track_caller]
    pub fn assert_output_contains(&self, text: &str) -> &Self {
        assert!(
            self.output().is_some_and(|output| output.contains(text)),
            "no {text:?} in the output of {self:#?}"
        );
        self
    }

    /// # Panics
    /// The step did not fail, or its error does not contain the text.
    #[track_caller]
    pub fn assert_error_contains(&self, text: &str) -> &Self {
        assert!(self.status == Status::Error && self.error.contains(text), "no error {text:?} in {self:#?}");
        self
    }

    /// # Panics
    /// The step does not hang below the other one, or is of another execution.
    #[track_caller]
    pub fn assert_child_of(&self, parent: &Self) -> &Self {
        let is_child = self.parent == Some(parent.span_id) && self.trace_id == parent.trace_id;
        assert!(is_child, "{:?} is not a child of {:?}", self.name, parent.name);
        self
    }

    fn first(&self, names: [&str; 3]) -> Option<&str> {
        names.iter().find_map(|name| self.attribute(name).as_str())
    }

    fn write(&self, steps: &[Self], depth: usize, text: &mut String) {
        let indent = "  ".repeat(depth);
        let _ = writeln!(text, "{indent}{} {}", self.kind.as_str(), self.name);
        let thought = self.attribute(names::TREERING_REASONING).as_str();
        let error = (self.status == Status::Error).then_some(self.error.as_str());
        let end = self.attribute(names::TREERING_STEP_END).as_str();
        let told = [
            ("in", self.input()),
            ("out", self.output()),
            ("thought", thought),
            ("error", error),
            ("end", end),
        ];
        for (word, value) in told {
            if let Some(value) = value {
                let _ = writeln!(text, "{indent}  {word}: {value}");
            }
        }
        for child in steps.iter().filter(|step| step.parent == Some(self.span_id)) {
            child.write(steps, depth + 1, text);
        }
    }
}

fn captured(step: Finished) -> CapturedStep {
    let (status, error) = match step.standing {
        Standing::Unset => (Status::Unset, String::new()),
        Standing::Ok => (Status::Ok, String::new()),
        Standing::Error(description) => (Status::Error, description),
    };
    CapturedStep {
        name: step.name,
        kind: step.kind,
        status,
        error,
        trace_id: step.trace_id,
        span_id: step.span_id,
        parent: step.parent.map(|parent| parent.span_id),
        attributes: json(step.attributes),
        events: step.events.into_iter().map(|event| (event.name, json(event.attributes))).collect(),
        links: step.links,
        events_left_out: step.events_left_out,
        began_at: step.began_at,
        ended_at: step.ended_at,
    }
}

fn json(attributes: Attributes) -> BTreeMap<String, Json> {
    attributes.into_iter().map(|(name, value)| (name.into_owned(), value.to_json())).collect()
}
