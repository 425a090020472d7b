//! The examples, run: what they print as steps is what the crate's README shows.

#![cfg(feature = "testing")]

use tracing_subscriber::layer::SubscriberExt;
use treering_layer::testing::{Steps, capture};

#[expect(dead_code, reason = "an example has a main of its own")]
#[path = "../examples/agent.rs"]
mod agent;
#[expect(dead_code, reason = "an example has a main of its own")]
#[path = "../examples/rig.rs"]
mod rig;
#[cfg(feature = "tower")]
#[expect(dead_code, reason = "an example has a main of its own")]
#[path = "../examples/service.rs"]
mod service;

fn steps_of<F: Future>(program: impl FnOnce() -> F) -> Steps {
    let (layer, steps) = capture();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(program());
    });
    steps
}

#[test]
fn a_plain_agent() {
    let steps = steps_of(|| async { agent::run().await.expect("it answers") });
    insta::assert_snapshot!(steps.tree());
}

#[test]
fn an_agent_of_rig() {
    let steps = steps_of(|| async { rig::ask("how old is the larch?").await.expect("it answers") });
    insta::assert_snapshot!(steps.tree());
}

#[cfg(feature = "tower")]
#[test]
fn a_service_with_its_parent_elsewhere() {
    let steps = steps_of(|| async { service::run().await.expect("it answers") });
    insta::assert_snapshot!(steps.tree());
}
