use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tracing::instrument;
use treering_layer::{Message, Part, Step};

use super::model::KEY;

/// A tool that the model asked for.
pub(super) struct Call {
    id: String,
    name: String,
    arguments: Value,
}

impl Call {
    /// The calls in a message of the model.
    pub(super) fn all_of(message: &Message) -> Vec<Self> {
        let calls = message.parts.iter().filter_map(|part| match part {
            Part::ToolCall { id, name, arguments } => Some(Self {
                id: id.clone().unwrap_or_default(),
                name: name.clone(),
                arguments: arguments.clone(),
            }),
            _ => None,
        });
        calls.collect()
    }

    /// Runs the tool. Its failure is told to the model, which may do without it.
    pub(super) async fn run(&self) -> Message {
        let argument = |name: &str| self.arguments[name].as_str().unwrap_or_default();
        let result = match self.name.as_str() {
            "web_search" => json!(web_search(argument("query"), &self.id).await),
            "fetch_page" => match fetch_page(argument("url"), &self.id).await {
                Ok(page) => json!(page),
                Err(error) => json!({"error": error.to_string()}),
            },
            unknown => json!({"error": format!("there is no tool {unknown}")}),
        };
        let part = Part::ToolResult { id: Some(self.id.clone()), name: Some(self.name.clone()), result };
        Message::new("tool", vec![part])
    }
}

/// What the tools found in a conversation.
pub(super) fn results(talk: &[Message]) -> Vec<&Value> {
    let results = talk.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
        Part::ToolResult { result, .. } => Some(result),
        _ => None,
    });
    results.collect()
}

#[derive(Debug, Clone, Serialize)]
struct Hit {
    title: &'static str,
    url: &'static str,
    score: f64,
}

const PAGES: [Hit; 3] = [
    Hit { title: "Reading dendrographs", url: "https://rings.example/handbook", score: 0.31 },
    Hit { title: "The megadrought of 1540", url: "https://rings.example/1540", score: 0.62 },
    Hit { title: "Vintners' diaries, 1530 to 1550", url: "https://slow.example/diaries", score: 0.57 },
];

/// `Step::output` keeps the hits as JSON, where `ret` would keep their `Debug` text.
#[instrument(fields(step.kind = "tool"))]
async fn web_search(query: &str, call_id: &str) -> Vec<Hit> {
    let hits = rerank(query, retrieve(query).await).await;
    Step::current().output(&hits);
    hits
}

#[instrument(fields(step.kind = "retrieval"))]
async fn retrieve(query: &str) -> Vec<Hit> {
    sleep(Duration::from_millis(45)).await;
    Step::current().output(&PAGES).set("index.name", "pages");
    PAGES.to_vec()
}

#[instrument(skip(hits), fields(step.kind = "rerank", model = "rerank-v3.5", provider = "cohere"))]
async fn rerank(query: &str, mut hits: Vec<Hit>) -> Vec<Hit> {
    Step::current().input(&json!({"query": query, "hits": hits}));
    sleep(Duration::from_millis(25)).await;
    hits.sort_by(|left, right| right.score.total_cmp(&left.score));
    hits.truncate(2);
    Step::current().output(&hits);
    hits
}

#[derive(Debug, thiserror::Error)]
#[error("{host} did not answer within {patience:?}")]
struct FetchError {
    host: String,
    patience: Duration,
}

/// `err` makes what goes wrong the error of this step, and of this step only.
#[instrument(fields(step.kind = "tool"), ret, err)]
async fn fetch_page(url: &str, call_id: &str) -> Result<String, FetchError> {
    let host = url.split('/').nth(2).unwrap_or(url);
    let patience = Duration::from_millis(140);
    timeout(patience, download(host)).await.map_err(|_| FetchError { host: host.to_owned(), patience })
}

/// Dropped by the timeout, this step ends as cancelled.
#[instrument(ret)]
async fn download(host: &str) -> String {
    let delay = if host == "slow.example" { Duration::from_secs(60) } else { Duration::from_millis(55) };
    sleep(delay).await;
    format!(
        "Rings of 1540 are the narrowest in five centuries: eleven months almost without rain. [debug: key={KEY}]"
    )
}
