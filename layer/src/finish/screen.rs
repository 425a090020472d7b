//! What may leave the process: nothing of a step leaves that has not been through here.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use treering_step::attributes as names;

use super::{Attributes, Finished, Standing};
use crate::{Capture, Value};

/// Stands for a text of which the hook could not say what may be said.
const WITHHELD: &str = "[withheld]";

/// The author's own hook: the name of an attribute and its text, and what is said in its place.
pub(crate) type Mask = Arc<dyn Fn(&str, &str) -> Option<String> + Send + Sync>;

/// What is said of steps.
#[derive(Clone, Default)]
pub(crate) struct Screen {
    pub(crate) capture: Capture,
    pub(crate) mask: Option<Mask>,
    #[cfg(feature = "redact")]
    pub(crate) rules: Option<Arc<treering_redact::Rules>>,
}

impl Screen {
    /// Takes out of a step what may not leave.
    pub(crate) fn apply(&self, step: &mut Finished) {
        if self.capture == Capture::Structure {
            bare(step);
        }
        if self.changes_texts() {
            self.each(&mut step.attributes);
            step.name = self.text("name", &step.name);
            if let Standing::Error(description) = &mut step.standing {
                *description = self.text("error", description);
            }
            for event in &mut step.events {
                event.name = self.text("event", &event.name);
                self.each(&mut event.attributes);
            }
        }
    }

    /// Whether what is left may lie on a disk as it is.
    #[cfg(feature = "spill")]
    pub(crate) fn withholds(&self) -> bool {
        match self.capture {
            Capture::Nothing | Capture::Structure => true,
            #[cfg(feature = "redact")]
            Capture::Redacted => true,
            Capture::All => false,
        }
    }

    fn changes_texts(&self) -> bool {
        #[cfg(feature = "redact")]
        if self.rules.is_some() {
            return true;
        }
        self.mask.is_some()
    }

    fn each(&self, attributes: &mut Attributes) {
        for (name, value) in attributes.iter_mut() {
            match value {
                Value::Text(text) => *text = self.text(name, text).into(),
                Value::Texts(texts) => {
                    texts.iter_mut().for_each(|text| *text = self.text(name, text).into());
                }
                Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
            }
        }
    }

    fn text(&self, name: &str, text: &str) -> String {
        let masked = match &self.mask {
            // The hook is the author's code: what it leaves behind when it panics is its own, and the text stays here.
            Some(mask) => catch_unwind(AssertUnwindSafe(|| mask(name, text)))
                .unwrap_or_else(|_| Some(WITHHELD.to_owned()))
                .unwrap_or_else(|| text.to_owned()),
            None => text.to_owned(),
        };
        #[cfg(feature = "redact")]
        if let Some(rules) = &self.rules {
            return catch_unwind(AssertUnwindSafe(|| rules.redact_attribute(name, &masked, None)))
                .unwrap_or_else(|_| WITHHELD.to_owned());
        }
        masked
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("capture", &self.capture).finish_non_exhaustive()
    }
}

/// Texts that say what happened, and nothing of what was said.
const STRUCTURAL: &[&str] = &[
    names::GEN_AI_OPERATION_NAME,
    names::GEN_AI_PROVIDER_NAME,
    names::GEN_AI_SYSTEM,
    names::GEN_AI_REQUEST_MODEL,
    names::GEN_AI_RESPONSE_MODEL,
    names::GEN_AI_RESPONSE_ID,
    names::GEN_AI_RESPONSE_FINISH_REASONS,
    names::GEN_AI_CONVERSATION_ID,
    names::GEN_AI_AGENT_NAME,
    names::GEN_AI_WORKFLOW_NAME,
    names::GEN_AI_TOOL_NAME,
    "gen_ai.tool.type",
    names::GEN_AI_TOOL_CALL_ID,
    names::ERROR_TYPE,
    names::EXCEPTION_TYPE,
    names::SESSION_ID,
    names::TREERING_STEP_KIND,
    names::TREERING_STEP_END,
    names::TREERING_CUT,
    "code.file.path",
    "level",
];

/// Leaves of a step what happened.
fn bare(step: &mut Finished) {
    step.attributes.retain(is_structural);
    if let Standing::Error(description) = &mut step.standing {
        description.clear();
    }
    for event in &mut step.events {
        // The name may be the message, in which values were written.
        if event.name != "exception" {
            event.name = String::from("event");
        }
        event.attributes.retain(is_structural);
    }
}

/// A number without a dot in its name is an argument of somebody's function.
fn is_structural(name: &str, value: &Value) -> bool {
    match value {
        Value::Text(_) | Value::Texts(_) => STRUCTURAL.contains(&name),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            ["gen_ai.", "treering.", "code."].iter().any(|start| name.starts_with(start))
        }
    }
}
