//! How long lists and executions take to read, of a store with a million spans.
//!
//! `cargo run --release -p treering-dashboard --example latency -- [SPANS] [STORE [CONTROL [GROUP]]]`, where STORE is a
//! folder, or a URL; CONTROL is the folder of the control data, where STORE is a ClickHouse; and GROUP is how many spans
//! are appended at once.
//!
//! `TREERING_LATENCY_SEND` names the address of another backend's OTLP/HTTP (`…/v1/traces`), which is sent the same spans.
//!
//! Fills a store as delivery does (requests through redaction and reading, 1.5 KB a span, nine executions of 10 spans
//! for each one of 100, and one of 100,000), then asks the dashboard's own read API, and prints a table.
#![expect(
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a bench ends where it finds the unexpected, and prints"
)]

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use treering_dashboard::{Hosts, Settings};
use treering_otlp::{Export, Signal};
use treering_read::{Bones, Prices};
use treering_redact::{Record, Rules};
use treering_seal::MasterKey;
use treering_store::{
    ApiKey, Batch, Handles, MasterSource, ProjectId, Scopes, SpanEntry, StoreUrl, Touched, Wording, Writer,
};

/// Steps of the giant, unless `TREERING_LATENCY_GIANT` says another number.
const GIANT: u64 = 100_000;
const BASE: u64 = 1_790_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;
/// Spans of one request, and of one transaction, where nobody says.
const GROUP: usize = 4_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let spans: u64 = arguments.next().map_or(1_000_000, |spans| spans.parse().expect("a number of spans"));
    let kept = tempfile::tempdir().expect("a folder");
    let in_folder = |folder: &Path| StoreUrl::Sqlite(folder.join("treering.db"));
    let store = match arguments.next() {
        Some(url) if url.starts_with("clickhouse") => {
            let folder = arguments.next().map_or_else(|| kept.path().to_owned(), PathBuf::from);
            let url: StoreUrl = url.parse().expect("the URL of a store");
            url.controlled_by(in_folder(&folder)).expect("control data in a folder")
        }
        Some(url) if url.contains("://") => url.parse().expect("the URL of a store"),
        Some(folder) => in_folder(Path::new(&folder)),
        None => in_folder(kept.path()),
    };
    let master = MasterSource::Key(MasterKey::parse(&"5a".repeat(32)).expect("a key"));
    let handles = treering_store::open(&store, master).await.expect("the store opens");
    let project = handles.keeper.ensure_project("default").await.expect("a project").id;
    if handles.writer.execution_count().await.expect("a number") == 0 {
        let filling = Filling {
            writer: handles.writer.clone(),
            project,
            rules: Rules::builtin(),
            cost: Cell::default(),
            other: std::env::var("TREERING_LATENCY_SEND").ok(),
            group: arguments.next().map_or(GROUP, |group| group.parse().expect("a number of spans")),
        };
        filling.fill(spans).await;
        let size = treering_store::store_bytes(&store).expect("a size");
        let Cost { wall, processor } = filling.cost.get();
        println!("filled with {spans} spans, {} bytes a span", size / spans);
        println!(
            "appended and computed {:.0} spans a second, {:.1} microseconds of this process's processors a span",
            spans as f64 / wall.as_secs_f64(),
            processor.as_secs_f64() * 1e6 / spans as f64
        );
    }
    let began = Instant::now();
    let indexed = index(&handles.writer).await;
    println!("put {indexed} executions into the index of words in {:.0?}", began.elapsed());
    let mut asking = Asking::of(handles).await;
    asking.pages(spans).await;
    asking.lists().await;
    asking.executions(spans).await;
    asking.giant().await;
}

/// Puts what is not in the index of words there, as the collector does behind delivery.
async fn index(writer: &Writer) -> usize {
    let wording = Wording { of_record: treering_read::words, of_context: treering_read::context_words };
    let mut indexed = 0;
    loop {
        let waiting = writer.unindexed(100).await.expect("a list");
        if waiting.is_empty() {
            return indexed;
        }
        indexed += writer.index(waiting, wording).await.expect("it is indexed").len();
    }
}

/// A sequence that is the same at each run.
struct Seed(u64);

fn steps_of_giant() -> u64 {
    std::env::var("TREERING_LATENCY_GIANT").map_or(GIANT, |steps| steps.parse().expect("a number of steps"))
}

impl Seed {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// So many words.
    fn words(&mut self, count: usize) -> String {
        const SYLLABLES: [&str; 16] = [
            "oak", "elm", "ash", "ring", "bark", "root", "leaf", "sap", "wood", "moss", "fern", "pine",
            "cone", "twig", "seed", "bud",
        ];
        let mut words = String::new();
        for _ in 0..count {
            let number = self.next();
            let syllable = |at: u32| SYLLABLES[(number >> (4 * at) & 15) as usize];
            let _ = write!(words, "{}{}{} ", syllable(0), syllable(1), syllable(2));
        }
        words
    }
}

fn trace(number: u64) -> String {
    format!("{:016x}{number:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
}

/// The id of a span: other backends want it to be of this span alone, in all executions.
fn id(number: u64, at: u64) -> String {
    format!("{:016x}", number << 24 | (at + 1))
}

/// How many spans the execution of a number has.
fn length(number: u64) -> u64 {
    if number.is_multiple_of(10) { 100 } else { 10 }
}

/// A span of an agent: its root, a call of a model, or a tool.
fn span(number: u64, at: u64, seed: &mut Seed) -> String {
    // A few executions differ from all others in all that a filter asks for.
    let rare = number % 10_000 == 77;
    let pick = |seed: &mut Seed, name: &str, of: u64| {
        if rare { format!("{name}-rare") } else { format!("{name}-{}", seed.below(of)) }
    };
    let start = BASE + number * SECOND + at * 10_000_000;
    let end = start + 5_000_000 + seed.below(100) * 1_000_000;
    let (name, own) = match at {
        0 => {
            let (agent, user) = (pick(seed, "agent", 20), pick(seed, "user", 500));
            let session = if rare { "session-rare".to_owned() } else { format!("session-{}", number / 5) };
            let own = [("gen_ai.operation.name", "invoke_agent"), ("gen_ai.agent.name", &agent)];
            let more = [("user.id", user.as_str()), ("gen_ai.conversation.id", &session)];
            (format!("invoke_agent {agent}"), attributes(&[&own[..], &more].concat()))
        }
        _ if at % 2 == 1 => {
            let model = pick(seed, "model", 6);
            let operation = if rare { "embeddings" } else { "chat" };
            let answer = format!("answer-{number}-{at}");
            let own = [("gen_ai.operation.name", operation), ("gen_ai.request.model", model.as_str())];
            let more = [("gen_ai.response.id", answer.as_str()), ("gen_ai.provider.name", "openai")];
            let tokens = format!(
                r#",{{"key":"gen_ai.usage.input_tokens","value":{{"intValue":{}}}}},{{"key":"gen_ai.usage.output_tokens","value":{{"intValue":{}}}}}"#,
                seed.below(4000),
                seed.below(900)
            );
            (format!("{operation} {model}"), attributes(&[&own[..], &more].concat()) + &tokens)
        }
        _ => {
            let tool = pick(seed, "tool", 30);
            let own = [("gen_ai.operation.name", "execute_tool"), ("gen_ai.tool.name", tool.as_str())];
            (format!("execute_tool {tool}"), attributes(&own))
        }
    };
    let failed =
        if at == 0 && number % 30 == 7 { r#","status":{"code":2,"message":"it failed"}"# } else { "" };
    // A giant is deep and wide: each step belongs to one a little before it.
    let parent =
        if at == 0 { String::new() } else { format!(r#","parentSpanId":"{}""#, id(number, at / 10)) };
    let content = attributes(&[("input.value", &seed.words(45)), ("output.value", &seed.words(40))]);
    format!(
        r#"{{"traceId":"{}","spanId":"{}"{parent},"name":"{name}","startTimeUnixNano":"{start}","endTimeUnixNano":"{end}"{failed},"attributes":[{own},{content}]}}"#,
        trace(number),
        id(number, at)
    )
}

fn attributes(pairs: &[(&str, &str)]) -> String {
    let pair =
        |(key, value): &(&str, &str)| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
    pairs.iter().map(pair).collect::<Vec<_>>().join(",")
}

struct Filling {
    writer: Writer,
    project: ProjectId,
    rules: Rules,
    cost: Cell<Cost>,
    other: Option<String>,
    group: usize,
}

/// What the store's part took.
#[derive(Clone, Copy, Default)]
struct Cost {
    wall: Duration,
    processor: Duration,
}

impl Filling {
    async fn fill(&self, spans: u64) {
        let mut seed = Seed(42);
        let (mut request, mut done, mut number) = (Vec::new(), 0, 1);
        while done + steps_of_giant() < spans {
            request.extend((0..length(number)).map(|at| span(number, at, &mut seed)));
            done += length(number);
            number += 1;
            if request.len() >= self.group {
                self.put(&std::mem::take(&mut request)).await;
            }
        }
        let of: Vec<_> = self.put(&request).await;
        drop(of);
        let mut touched = Vec::new();
        for at in (0..steps_of_giant()).step_by(4_000) {
            let part: Vec<_> =
                (at..(at + 4_000).min(steps_of_giant())).map(|at| span(0, at, &mut seed)).collect();
            touched = self.append(&part).await;
        }
        let (began, before) = (Instant::now(), memory());
        self.compute(touched).await;
        let grown = memory().saturating_sub(before) >> 20;
        println!(
            "computed an execution of {} steps in {:.0?}, {grown} MB more",
            steps_of_giant(),
            began.elapsed()
        );
    }

    async fn put(&self, request: &[String]) -> Vec<Touched> {
        let touched = self.append(request).await;
        self.compute(touched.clone()).await;
        touched
    }

    async fn append(&self, request: &[String]) -> Vec<Touched> {
        let json = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"bench"}}}}]}},"scopeSpans":[{{"scope":{{"name":"bench"}},"spans":[{}]}}]}}]}}"#,
            request.join(",")
        );
        let export = Export::from_json(Signal::Traces, json.as_bytes()).expect("a request");
        if let Some(url) = &self.other {
            rustls::crypto::ring::default_provider().install_default().ok();
            let client = reqwest::Client::new();
            let ask = || {
                client
                    .post(url)
                    .header("content-type", "application/x-protobuf")
                    .body(export.as_bytes().to_vec())
            };
            // One that is overloaded is asked again.
            while !ask().send().await.expect("an answer").status().is_success() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        let records = self.rules.redact_export(export).expect("it is redacted").records();
        let key = self.writer.vault().hash_key(self.project).expect("a key");
        let entry = |record: Record| {
            let name = treering_store::identity(&key, &record);
            let record = record.known_as(name);
            let summary = treering_read::span_summary(&record)?;
            SpanEntry::new(record, summary)
        };
        let spans = records.into_iter().filter_map(entry).collect();
        let batch = Batch { project: self.project, day: 20_717, spans, logs: vec![], signs: vec![] };
        self.counted(self.writer.append(vec![batch])).await.expect("it is kept")
    }

    async fn counted<T>(&self, work: impl Future<Output = T>) -> T {
        let (began, before) = (Instant::now(), processor());
        let done = work.await;
        let Cost { wall, processor: so_far } = self.cost.get();
        self.cost.set(Cost { wall: wall + began.elapsed(), processor: so_far + (processor() - before) });
        done
    }

    async fn compute(&self, touched: Vec<Touched>) {
        let prices = Prices::default();
        let add = move |bones: &mut Bones, step| bones.add(step, &prices);
        let finish = |bones: Bones, trace| bones.joined().execution(trace);
        let computed = self.counted(self.writer.compute(touched, add, finish)).await.expect("it is computed");
        self.counted(self.writer.put_executions(computed)).await.expect("it is kept");
    }
}

struct Asking {
    router: Router,
    key: String,
}

impl Asking {
    async fn of(handles: Handles) -> Self {
        let key = ApiKey::generate().expect("a key");
        let project = handles.keeper.ensure_project("default").await.expect("a project");
        let scopes = Scopes { ingest: false, read: true };
        handles.keeper.create_key(project, &key, scopes).await.expect("it is kept");
        let router = treering_dashboard::router(Settings {
            reader: handles.reader,
            keys: handles.keys,
            witness: handles.witness,
            prices: Arc::default(),
            local_link: None,
            login: None,
            hosts: Hosts::Loopback,
            rules: tokio::sync::watch::channel(std::sync::Arc::new(treering_redact::Rules::builtin())).1,
            https: false,
        });
        Self { router, key: key.reveal().to_owned() }
    }

    async fn get(&self, path: &str) -> (Duration, Vec<u8>) {
        let form = if path.starts_with("/api/") { "identity" } else { "gzip" };
        let request = Request::get(path)
            .header("host", "localhost")
            .header("accept-encoding", form)
            .header("authorization", format!("Bearer {}", self.key));
        let began = Instant::now();
        let answer = self.router.clone().oneshot(request.body(Body::empty()).expect("a request")).await;
        let answer = answer.expect("it never fails");
        assert_eq!(answer.status(), 200, "{path}");
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (began.elapsed(), body.to_vec())
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get(path).await.1).expect("JSON")
    }

    /// Asks each of these once, and prints how long they took.
    async fn measure(&self, what: &str, paths: impl IntoIterator<Item = String>) {
        let mut took = Vec::new();
        let mut bytes = 0;
        for path in paths {
            let (time, body) = self.get(&path).await;
            took.push(time);
            bytes = body.len();
        }
        took.sort_unstable();
        let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)].as_secs_f64() * 1e3;
        println!(
            "{what:44} {:9.2} {:9.2} {:9.2}   {:6} times, {bytes} bytes",
            at(50),
            at(95),
            at(100),
            took.len()
        );
    }

    /// The pages, compressed as browsers ask for them.
    async fn pages(&mut self, spans: u64) {
        println!("{:44} {:>9} {:>9} {:>9}", "milliseconds", "p50", "p95", "max");
        for (what, path) in [
            ("page: list", "/"),
            ("page: list of what failed", "/?status=error"),
            ("page: by the small language", "/?q=status:error+model:model-3*+tokens%3E10k"),
            ("page: a condition that nothing meets", "/?q=cost%3E1000"),
            ("page: a word of the content", "/?q=oakelmash"),
            ("page: a word that nobody said", "/?q=nobodysaidthis"),
            ("page: agents", "/agents"),
            ("page: one agent", "/agents?is=agent-7"),
            ("page: sessions", "/sessions"),
            ("page: models", "/models"),
            ("page: tools", "/tools"),
        ] {
            let (time, _) = self.get(path).await;
            let times = if time > Duration::from_millis(300) { 5 } else { 40 };
            self.measure(what, std::iter::repeat_n(path.to_owned(), times)).await;
        }
        let most = (spans.saturating_sub(steps_of_giant()) / 19).max(1);
        let numbers: Vec<u64> = (1..60).map(|at| (at * most / 60) / 10 * 10).filter(|at| *at > 0).collect();
        for (what, rest) in [
            ("page: execution of 100 steps", ""),
            ("page: its errors", "?only=errors"),
            ("page: its critical path", "?only=path"),
            ("page: found among its steps", "?find=tool-7"),
            ("page: its transcript", "/transcript"),
            ("page: its context", "/context"),
            ("page: it as Markdown", ".md"),
        ] {
            let path = |number: &u64| format!("/executions/{}{rest}", trace(*number));
            self.measure(what, numbers.iter().map(path)).await;
        }
        let compare = |at: usize| format!("/compare?a={}&b={}", trace(numbers[at]), trace(numbers[at + 1]));
        self.measure("page: two of 100 steps compared", (0..numbers.len() - 1).map(compare)).await;
        let giant = format!("/executions/{}", trace(0));
        for rest in ["", "?only=path", "?find=tool-7", "?levels=2"] {
            let path = format!("{giant}{rest}");
            self.measure(&format!("page: of the giant {rest}, first time"), [path.clone()]).await;
            self.measure("  later", std::iter::repeat_n(path, 20)).await;
        }
    }

    async fn lists(&mut self) {
        println!("{:44} {:>9} {:>9} {:>9}", "milliseconds", "p50", "p95", "max");
        let list = "/api/v1/executions";
        let repeat = |path: String| std::iter::repeat_n(path, 30);
        self.measure("list, first page", repeat(list.to_owned())).await;
        let mut cursor = self.json(&format!("{list}?limit=1000")).await["next_cursor"].clone();
        for _ in 0..20 {
            let Some(at) = cursor.as_str() else { break };
            cursor = self.json(&format!("{list}?limit=1000&cursor={at}")).await["next_cursor"].clone();
        }
        if let Some(at) = cursor.as_str() {
            self.measure("list, after 20,000", repeat(format!("{list}?cursor={at}"))).await;
        }
        for (what, query) in [
            ("status=error (3 %)", "status=error"),
            ("status=running (none)", "status=running"),
            ("kind=llm (all)", "kind=llm"),
            ("kind=embedding (0.01 %)", "kind=embedding"),
            ("kind=guardrail (none)", "kind=guardrail"),
            ("model=model-3 (most)", "model=model-3"),
            ("model=model-rare (0.01 %)", "model=model-rare"),
            ("model=nothing", "model=nothing"),
            ("agent=agent-7 (5 %)", "agent=agent-7"),
            ("agent=agent-rare (0.01 %)", "agent=agent-rare"),
            ("agent=nothing", "agent=nothing"),
            ("session=session-100", "session=session-100"),
            ("session=nothing", "session=nothing"),
            ("user=user-7 (0.2 %)", "user=user-7"),
            ("user=user-rare (0.01 %)", "user=user-rare"),
            ("user=nothing", "user=nothing"),
            ("min_duration=1s (few)", "min_duration=1s"),
            ("min_duration=1h (none)", "min_duration=1h"),
            ("q=agent-7 (part of a name)", "q=agent-7"),
            ("q=agent-rare (0.01 %)", "q=agent-rare"),
            ("q=nothing at all", "q=nothing%20at%20all"),
            ("agent-7, model-3, error", "agent=agent-7&model=model-3&status=error"),
            ("user-7, agent-rare", "user=user-7&agent=agent-rare"),
        ] {
            let path = format!("{list}?{query}");
            let (time, _) = self.get(&path).await;
            let times = if time > Duration::from_millis(300) { 5 } else { 30 };
            self.measure(what, std::iter::repeat_n(path, times)).await;
        }
    }

    async fn executions(&mut self, spans: u64) {
        let mut seed = Seed(7);
        let most = (spans.saturating_sub(steps_of_giant()) / 19).max(1);
        let mut numbers = |size: u64| -> Vec<u64> {
            (0..200)
                .map(|_| seed.below(most))
                .map(|number| if size == 100 { (number / 10 * 10).max(10) } else { number / 10 * 10 + 3 })
                .filter(|number| *number < most)
                .collect()
        };
        for size in [10, 100] {
            let numbers = numbers(size);
            let path = |number: &u64| format!("/api/v1/executions/{}", trace(*number));
            self.measure(&format!("execution of {size} steps"), numbers.iter().map(path)).await;
            let path = |number: &u64| format!("/executions/{}", trace(*number));
            self.measure(&format!("page of {size} steps"), numbers.iter().map(path)).await;
            let path =
                |number: &u64| format!("/api/v1/executions/{}/steps/{}", trace(*number), id(*number, 1));
            self.measure(&format!("one step of {size}, whole"), numbers.iter().map(path)).await;
        }
    }

    async fn giant(&mut self) {
        let giant = format!("/api/v1/executions/{}", trace(0));
        let before = memory();
        self.measure("execution of the giant, first time", [giant.clone()]).await;
        println!("  memory grew by {} MB", memory().saturating_sub(before) >> 20);
        self.measure("execution of the giant, later", std::iter::repeat_n(giant.clone(), 20)).await;
        self.measure("page of it", std::iter::repeat_n(format!("/executions/{}", trace(0)), 20)).await;
        let deep = |at: u64| format!("{giant}?at={}&limit=100", id(0, at * (steps_of_giant() / 20 - 1)));
        self.measure("100 steps in the middle of it", (1..20).map(deep)).await;
        let step = |at: u64| format!("{giant}/steps/{}", id(0, at * (steps_of_giant() / 20 - 1)));
        self.measure("one step of it, whole", (1..20).map(step)).await;
        println!("  the process has {} MB", memory() >> 20);
    }
}

/// The processors' time of all threads of the process, where the system tells; in steps of 10 ms.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let (_, fields) = stat.rsplit_once(") ").unwrap_or_default();
    let ticks = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// What the process has in memory, where the system tells.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok());
    kilobytes.unwrap_or(0) << 10
}
