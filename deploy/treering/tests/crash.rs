//! An agent that is killed in the middle of a tool call, as the pages tell of it.

mod support;

use std::env;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Api, Server, client};
use tracing::info_span;
use treering_layer::{Protocol, Settings};

/// Every tenth of a second the agent says that it lives; three of these make a silence.
const HEARTBEAT: Duration = Duration::from_millis(100);

/// Not a test of its own: the agent, in a process that the test below starts and kills.
#[test]
#[ignore = "it is the agent that the other test kills, and never ends"]
fn the_agent() {
    // Another crate of this program has asked for TLS without saying whose.
    rustls::crypto::ring::default_provider().install_default().expect("nobody else does");
    let (endpoint, key) =
        (env::var("CRASH_ENDPOINT").expect("an address"), env::var("CRASH_KEY").expect("a key"));
    let settings = Settings::new().protocol(Protocol::HttpProtobuf).endpoint(endpoint).api_key(key);
    let _guard = settings.service("garden").heartbeat(HEARTBEAT).init().expect("the settings are right");
    let _agent = info_span!("gardener", step.kind = "agent", session.id = "larch").entered();
    drop(info_span!("plan", step.kind = "plan"));
    let _tool = info_span!("cut_down", step.kind = "tool", tree = "the old larch").entered();
    loop {
        std::thread::park();
    }
}

struct Agent(Child);

impl Agent {
    fn start(server: &Server) -> Self {
        let child = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "the_agent", "--ignored", "--nocapture"])
            .env("CRASH_ENDPOINT", format!("http://{}", server.http))
            .env("CRASH_KEY", server.key("ingest"))
            .stdout(Stdio::null())
            .spawn();
        Self(child.expect("it starts"))
    }

    /// `SIGKILL`: nothing of the agent runs after it.
    fn kill(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn status(answer: &Value, name: &str) -> Option<String> {
    let steps = answer["steps"].as_array()?;
    steps.iter().find(|step| step["name"] == name)?["status"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn an_agent_that_is_killed_in_a_tool_call_is_shown_as_interrupted_with_what_was_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &[]);
    let api = Api::of(&server);
    let mut agent = Agent::start(&server);
    let runs = |answer: &Value| {
        status(answer, "cut_down").as_deref() == Some("running")
            && status(answer, "gardener").as_deref() == Some("running")
            && answer["steps"].as_array().is_some_and(|steps| steps.len() == 3)
    };
    let listed = api.executions(1).await;
    let path = format!("/executions/{}", listed[0]["trace_id"].as_str().expect("an id"));
    let running = api.wait_for(&path, runs).await;
    assert_eq!(running["execution"]["status"], "running");

    agent.kill();
    let silence = Instant::now();
    let is_torn = |answer: &Value| answer["execution"]["status"] == "interrupted";
    let torn = api.wait_for(&path, is_torn).await;
    println!("shown as interrupted {:?} after the kill", silence.elapsed());
    for open in ["gardener", "cut_down"] {
        assert_eq!(status(&torn, open).as_deref(), Some("interrupted"), "{torn:#}");
    }
    let ended = status(&torn, "plan");
    assert!(!matches!(ended.as_deref(), Some("running" | "interrupted")), "it had ended: {ended:?}");
    let steps = torn["steps"].as_array().expect("steps");
    let tool = steps.iter().find(|step| step["name"] == "cut_down").expect("it was open");
    let whole = api.get(&format!("{path}/steps/{}", tool["span_id"].as_str().expect("an id"))).await;
    assert_eq!(whole["tool"]["arguments"]["tree"], "the old larch", "{whole:#}");

    let page = format!("http://{}{path}", server.dashboard);
    let page = client().get(page).bearer_auth(server.key("read")).send().await.expect("it answers");
    let page = page.text().await.expect("with a text");
    assert!(page.contains("interrupted") && page.contains("cut_down"), "the page says so");
    let (_, card) = page.split_once("Its process died").expect("a crash card");
    let card = card.split("</section>").next().expect("its end");
    let (outer, inner) =
        (card.find("gardener").expect("the agent"), card.find("cut_down").expect("the tool"));
    assert!(outer < inner && !card.contains(">plan<"), "what was open, from the outermost inwards: {card}");
}
