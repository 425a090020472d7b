//! Executions of agents, delivered as a collector does.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use treering_otlp::{Export, Signal};
use treering_read::{Bones, Prices};
use treering_redact::{Record, Rules};
use treering_store::{Batch, ProjectId, SpanEntry, Touched, Wording, Writer};

use crate::Outcome;

/// The first day, and how many there are.
pub(crate) const DAY: u32 = 20_000;
pub(crate) const DAYS: u32 = 10;
/// Spans of an execution.
const LENGTH: u64 = 10;
/// Executions of one transaction.
const GROUP: u64 = 400;
/// One execution of so many is of the session, or of the user: odd ones.
const SESSION: u64 = 100;
const USER: u64 = 500;

pub(crate) struct Load {
    writer: Writer,
    /// That of even executions, that of odd ones, and somebody else's.
    projects: Vec<ProjectId>,
    rules: Rules,
    others: AtomicU64,
}

impl Load {
    pub(crate) fn new(writer: Writer, projects: Vec<ProjectId>) -> Self {
        Self { writer, projects, rules: Rules::builtin(), others: AtomicU64::default() }
    }

    /// Delivers so many spans, day after day; tells how many executions they are.
    pub(crate) async fn fill(&self, spans: u64) -> Outcome<u64> {
        let executions = spans / LENGTH;
        for first in (0..executions).step_by(usize::try_from(GROUP)?) {
            let day = DAY + u32::try_from(first * u64::from(DAYS) / executions)?;
            let mut batches = Vec::new();
            for (at, project) in (0..).zip(&self.projects[..2]) {
                let numbers = (first..executions.min(first + GROUP)).filter(|number| number % 2 == at);
                let spans: Vec<_> =
                    numbers.flat_map(|number| (0..LENGTH).map(move |at| span(number, at))).collect();
                batches.push(self.batch(*project, day, &spans)?);
            }
            self.deliver(batches).await?;
        }
        Ok(executions)
    }

    /// Delivers a span of somebody else.
    pub(crate) async fn one(&self) -> Outcome<()> {
        let number = (1 << 40) + self.others.fetch_add(1, Ordering::Relaxed);
        let batch = self.batch(self.projects[2], DAY + DAYS, &[span(number, 0)])?;
        self.writer.append(vec![batch]).await?;
        Ok(())
    }

    fn batch(&self, project: ProjectId, day: u32, spans: &[String]) -> Outcome<Batch> {
        let json = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"agent"}}}}]}},"scopeSpans":[{{"scope":{{"name":"agent"}},"spans":[{}]}}]}}]}}"#,
            spans.join(",")
        );
        let export = Export::from_json(Signal::Traces, json.as_bytes())?;
        let records = self.rules.redact_export(export)?.records();
        let key = self.writer.vault().hash_key(project)?;
        let entry = |record: Record| {
            let name = treering_store::identity(&key, &record);
            let record = record.known_as(name);
            let summary = treering_read::span_summary(&record)?;
            SpanEntry::new(record, summary)
        };
        let spans = records.into_iter().filter_map(entry).collect();
        Ok(Batch { project, day, spans, logs: vec![], signs: vec![] })
    }

    async fn deliver(&self, batches: Vec<Batch>) -> Outcome<()> {
        const WORDING: Wording =
            Wording { of_record: treering_read::words, of_context: treering_read::context_words };
        let touched: Vec<Touched> = self.writer.append(batches).await?;
        let prices = Prices::default();
        let add = move |bones: &mut Bones, step| bones.add(step, &prices);
        let finish = |bones: Bones, trace| bones.joined().execution(trace);
        let computed = self.writer.compute(touched, add, finish).await?;
        self.writer.put_executions(computed).await?;
        loop {
            let waiting = self.writer.unindexed(256).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            self.writer.index(waiting, WORDING).await?;
        }
    }
}

/// A span of an agent: its root, a call of a model, or of a tool.
fn span(number: u64, at: u64) -> String {
    let start = 1_728_000_000_000_000_000 + number * 1_000_000_000 + at * 10_000_000;
    let mut own = match at {
        0 => attribute("gen_ai.operation.name", "invoke_agent") + &attribute("gen_ai.agent.name", "planner"),
        _ if at % 2 == 1 => {
            attribute("gen_ai.operation.name", "chat")
                + &attribute("gen_ai.request.model", "a-model")
                + &attribute("gen_ai.response.id", &format!("answer-{number}-{at}"))
        }
        _ => attribute("gen_ai.operation.name", "execute_tool") + &attribute("gen_ai.tool.name", "search"),
    };
    if at == 0 && number % SESSION == 7 {
        own += &attribute("gen_ai.conversation.id", "conversation");
    }
    if at == 0 && number % USER == 11 {
        own += &attribute("user.id", "ada");
    }
    let (input, output) = (words(number * 64 + at * 2, 45), words(number * 64 + at * 2 + 1, 40));
    let content = attribute("input.value", &input) + &attribute("output.value", &output);
    let parent = if at == 0 { String::new() } else { format!(r#","parentSpanId":"{:016x}""#, at / 10 + 1) };
    format!(
        r#"{{"traceId":"{}","spanId":"{:016x}"{parent},"name":"step","startTimeUnixNano":"{start}","endTimeUnixNano":"{}","attributes":[{}]}}"#,
        trace(number),
        at + 1,
        start + 5_000_000,
        (own + &content).trim_end_matches(',')
    )
}

fn trace(number: u64) -> String {
    format!("{:016x}{number:016x}", mixed(number) | 1)
}

fn attribute(key: &str, value: &str) -> String {
    format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}},"#)
}

/// So many words, the same at each run.
fn words(seed: u64, count: u64) -> String {
    const SYLLABLES: [&str; 16] = [
        "oak", "elm", "ash", "ring", "bark", "root", "leaf", "sap", "wood", "moss", "fern", "pine", "cone",
        "twig", "seed", "bud",
    ];
    let mut words = String::new();
    for at in 0..count {
        let number = mixed(seed.wrapping_mul(1_000).wrapping_add(at));
        let syllable = |at: u32| SYLLABLES[(number >> (4 * at) & 15) as usize];
        // Writing to a text never fails.
        write!(words, "{}{}{} ", syllable(0), syllable(1), syllable(2)).ok();
    }
    words
}

fn mixed(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
