//! A small research assistant, for `treering up --demo`: what a program looks like that is seen through
//! `treering-layer`.
//!
//! Everything but the intelligence is real. The agent calls a model and tools in a loop, hands work to a
//! sub-agent, and waits for a page that never comes; only the model is a stand-in that knows its answers by
//! heart ([`model`]), so nothing leaves the machine. A user's address and a key on a fetched page are
//! planted, to be seen as redacted.

mod agent;
mod model;
mod tools;

#[cfg(test)]
mod tests;

use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;
use treering_layer::{Error, Protocol, Settings, Stats};

use agent::Visitor;

/// Asks the assistant three questions and delivers the steps to `endpoint`, the base address of an OTLP/gRPC
/// receiver. Call it on a thread of its own: the layer is set for that thread only, so nothing else is
/// traced.
///
/// # Errors
/// No runtime could be made, or the receiver did not take the steps.
pub(crate) fn run(endpoint: &str, api_key: &str) -> Result<Stats, Error> {
    let (layer, guard) = Settings::new()
        .protocol(Protocol::Grpc)
        .endpoint(endpoint)
        .header("authorization", format!("Bearer {api_key}"))
        .service("research-assistant")
        .layer()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(Error::Thread)?;
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || runtime.block_on(conversation()));
    guard.shutdown(Duration::from_secs(10))
}

/// How each question ends is on the page: one well although a tool fails, one well at once, one not at all.
async fn conversation() {
    let ada = Visitor { user: "ada", session: "tree-rings" };
    let question = format!("What do tree rings say about the summer of 1540? Send it to {}.", model::ADDRESS);
    let _ = agent::research(&ada, &question).await;
    let _ = agent::research(&ada, "And how many rings has a tree of a hundred years?").await;
    let _ =
        agent::research(&Visitor { user: "grace", session: "ledger" }, "Date every beam of the old mill.")
            .await;
}
