//! Two programs in one: an agent asks a service of axum over HTTP, and what the service does belongs to the agent's execution.
//!
//! ```sh
//! OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 \
//! TREERING_API_KEY=trk_… \
//! cargo run -p treering-layer --features tower --example service
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it answers")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use tokio::net::TcpListener;
use tracing::instrument;
use treering_layer::inject;
use treering_layer::tower::ServerLayer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let guard = treering_layer::init()?;
    println!("{}", run().await?);
    guard.shutdown(Duration::from_secs(5))?;
    Ok(())
}

pub(crate) async fn run() -> Result<String, Box<dyn std::error::Error>> {
    // The client of this example has TLS, and nobody has said whose; that of your program may differ.
    rustls::crypto::ring::default_provider().install_default().ok();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = Router::new().route("/rings/{tree}", get(rings)).layer(ServerLayer::default());
    let serving = tokio::spawn(async move { axum::serve(listener, service).await });
    let answer = gardener("how old is the larch?", address).await?;
    serving.abort();
    Ok(answer)
}

/// The agent.
#[instrument(skip(service), fields(step.kind = "agent", session.id = "session-1"), ret, err)]
async fn gardener(question: &str, service: SocketAddr) -> Result<String, reqwest::Error> {
    let rings = ask("larch", service).await?;
    Ok(format!("About {rings} years."))
}

/// Its tool, elsewhere: the request carries the step along.
#[instrument(skip(service), fields(step.kind = "tool"), ret, err)]
async fn ask(tree: &str, service: SocketAddr) -> Result<String, reqwest::Error> {
    let mut request = reqwest::Client::new().get(format!("http://{service}/rings/{tree}")).build()?;
    inject(request.headers_mut());
    reqwest::Client::new().execute(request).await?.text().await
}

/// The service.
async fn rings(Path(tree): Path<String>) -> String {
    count(&tree).to_string()
}

#[instrument(ret)]
fn count(tree: &str) -> usize {
    tree.len() * 60
}
