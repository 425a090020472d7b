//! The Model Context Protocol: a request names the step that asks in `params._meta`, under the names of the headers
//! (`traceparent`, `baggage`), so that a tool's server goes on with the execution of the agent.

use serde_json::{Map, Value};
use tracing::Span;

use super::{Carry, Remote};
use crate::Step;

const META: &str = "_meta";

/// Puts the current step into the parameters of a request, with its session. Parameters that are no object stay as they are;
/// without a step, so do all.
///
/// ```
/// let mut params = serde_json::json!({"name": "search", "arguments": {"query": "larch"}});
/// treering_layer::mcp::inject(&mut params);
/// ```
pub fn inject(params: &mut Value) {
    inject_with(params, Carry::default());
}

/// The same, and for whom it runs as `carry` says.
pub fn inject_with(params: &mut Value, carry: Carry) {
    let step = Step::current();
    let (Some(traceparent), Some(params)) = (step.traceparent(), params.as_object_mut()) else { return };
    let meta = params.entry(META).or_insert_with(|| Value::Object(Map::new()));
    if let Some(meta) = meta.as_object_mut() {
        meta.insert(String::from("traceparent"), traceparent.into());
        if let Some(baggage) = step.baggage(carry) {
            meta.insert(String::from("baggage"), baggage.into());
        }
    }
}

/// Begins a step below the one that the parameters of a request name; see [`remote_parent`](crate::remote_parent).
///
/// ```
/// use tracing::info_span;
///
/// # let params = serde_json::json!({"name": "search"});
/// let step = treering_layer::mcp::remote_parent(&params, || info_span!("search", step.kind = "tool"));
/// # drop(step);
/// ```
pub fn remote_parent(params: &Value, begin: impl FnOnce() -> Span) -> Span {
    let text = |name: &str| params.get(META)?.get(name)?.as_str();
    super::below(text("traceparent").and_then(|parent| Remote::read(parent, text("baggage"))), begin)
}
