//! A store that will not have one span, in the middle of a batch.

use crate::ledger::{Ledger, STEPS, records, sent, spans};
use crate::otlp::{self, Exporter, traces};
use crate::support::{Api, Server, outcome};

/// The execution with the span that the store refuses, and the place of that among the others.
const REFUSED: u64 = 3;
const AT: u64 = 4;
const EXECUTIONS: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_span_is_set_aside_alone_until_the_store_has_it() {
    let folder = crate::folder();
    let server = Server::start(folder.path(), &[]);
    let exporter = Exporter::new(&server, &server.key("ingest"));
    folder.refuse(&otlp::hex(&otlp::span(REFUSED, AT).span_id));
    let mut ledger = Ledger::default();
    for execution in 0..EXECUTIONS {
        ledger.sent(execution);
        exporter.send("/v1/traces", traces(spans(execution))).await.unwrap();
        ledger.answered(execution, 200);
    }
    let api = Api::of(&server);
    // What came later went on, and so did what came with it.
    let all = api.executions(usize::try_from(EXECUTIONS).unwrap()).await;
    assert!(all.iter().all(|execution| steps(execution) == STEPS || is_refused(execution)), "{all:?}");
    let mut others = sent(REFUSED);
    others.remove(usize::try_from(AT).unwrap());
    assert_eq!(records(&api, REFUSED).await, others);
    wait_for_page(&server, "1 set aside").await;

    folder.accept();
    assert!(server.terminate().success());
    let server = Server::start(folder.path(), &[]);
    ledger.assert_kept(&Api::of(&server)).await;
    assert_eq!(outcome(folder.path(), "lost.set_aside").await, 1);
}

fn steps(execution: &serde_json::Value) -> u64 {
    execution["steps"].as_u64().unwrap()
}

fn is_refused(execution: &serde_json::Value) -> bool {
    execution["trace_id"] == otlp::trace(REFUSED) && steps(execution) == STEPS - 1
}

/// Returns once the page shows this.
async fn wait_for_page(server: &Server, text: &str) {
    let key = server.key("read");
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    loop {
        let request = crate::support::client().get(format!("http://{}/", server.dashboard));
        let page = request.bearer_auth(&key).send().await.unwrap().text().await.unwrap();
        if page.contains(text) {
            return;
        }
        assert!(std::time::Instant::now() < end, "no `{text}` on {page}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
