//! An agent of rig, whose own spans become steps: nothing in it knows of this layer.
//!
//! ```sh
//! OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 \
//! TREERING_API_KEY=trk_… \
//! cargo run -p treering-layer --example rig
//! ```
//!
//! Its model is scripted, so that it runs without a network: it asks for the tool, then answers.

#![allow(clippy::print_stdout, reason = "an example shows what it answers")]

use std::time::Duration;

use rig_agent::AgentBuilder;
use rig_agent::tool::{Tool, ToolContext, ToolExecutionError};
use rig_core::test_utils::{MockCompletionModel, MockTurn};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let guard = treering_layer::init()?;
    println!("{}", ask("how old is the larch?").await?);
    guard.shutdown(Duration::from_secs(5))?;
    Ok(())
}

pub(crate) async fn ask(question: &str) -> Result<String, Box<dyn std::error::Error>> {
    let model = MockCompletionModel::from_turns([
        MockTurn::tool_call("call_1", "count_rings", json!({"tree": "larch"})),
        MockTurn::text("About 300 years."),
    ]);
    let agent = AgentBuilder::new(model)
        .name("gardener")
        .preamble("Count first, then answer.")
        .tool(CountRings)
        .record_content_telemetry(true)
        .build();
    Ok(agent.prompt(question).max_turns(3).await?.to_string())
}

struct CountRings;

#[derive(serde::Deserialize)]
struct Arguments {
    tree: String,
}

impl Tool for CountRings {
    const NAME: &'static str = "count_rings";
    type Args = Arguments;
    type Output = usize;
    type Error = ToolExecutionError;

    fn description(&self) -> String {
        "Counts the rings of a tree.".into()
    }

    fn parameters(&self) -> serde_json::Value {
        json!({"type": "object", "properties": {"tree": {"type": "string"}}})
    }

    async fn call(&self, _: &mut ToolContext, arguments: Arguments) -> Result<usize, ToolExecutionError> {
        Ok(arguments.tree.len() * 60)
    }
}
