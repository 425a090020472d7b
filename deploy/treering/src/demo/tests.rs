use tracing_subscriber::layer::SubscriberExt;
use treering_layer::testing::{Steps, capture};

use super::{conversation, model};

fn steps() -> Steps {
    let (layer, steps) = capture();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || runtime.block_on(conversation()));
    steps
}

#[test]
fn the_demo_tells_its_three_stories() {
    let tree = steps().tree();
    assert!(
        tree.contains(model::ADDRESS) && tree.contains(model::KEY),
        "the planted secrets leave the agent"
    );
    insta::assert_snapshot!(tree.replace(model::ADDRESS, "<address>").replace(model::KEY, "<key>"));
}

#[test]
fn a_receiver_that_is_not_there_is_an_error_and_no_panic() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert!(super::run(&format!("http://127.0.0.1:{port}"), "trk_none").is_err());
}
