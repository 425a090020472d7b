//! A small agent, seen through its functions' `#[instrument]`.
//!
//! ```sh
//! OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 \
//! TREERING_API_KEY=trk_… \
//! cargo run -p treering-layer --example agent
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it answers")]

use std::time::Duration;

use tracing::instrument;
use treering_layer::Step;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let guard = treering_layer::init()?;
    println!("{}", run().await?);
    guard.shutdown(Duration::from_secs(5))?;
    Ok(())
}

pub(crate) async fn run() -> Result<String, std::num::ParseIntError> {
    gardener("how old is the larch?", "session-1").await
}

/// Arguments are the input, `ret` is the output, `err` the error; the session holds for all steps within.
#[instrument(fields(step.kind = "agent", session.id = session), ret, err)]
async fn gardener(question: &str, session: &str) -> Result<String, std::num::ParseIntError> {
    let rings = count_rings("larch").await.parse::<u32>()?;
    Ok(ask(&format!("{question} It has {rings} rings.")).await)
}

#[instrument(fields(step.kind = "tool"), ret)]
async fn count_rings(tree: &str) -> String {
    tokio::time::sleep(Duration::from_millis(30)).await;
    (tree.len() * 60).to_string()
}

/// What fields cannot say, the step is told.
#[instrument(fields(step.kind = "llm", model = "gpt-4o-mini", provider = "openai"), ret)]
async fn ask(prompt: &str) -> String {
    tokio::time::sleep(Duration::from_millis(80)).await; // here your client would call the model
    Step::current().reasoning("one ring a year").tokens(17, 6);
    String::from("About 300 years.")
}
